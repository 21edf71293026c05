"""Swarmscope's pure core: targets, histograms, verdicts, rules and reports. Only `swarmscope.edge` does I/O."""
