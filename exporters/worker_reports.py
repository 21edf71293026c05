"""Reports of workers to their master that survive being lost, late or repeated.

Every number in a report is a total since the worker's run began, never an increment. The master keeps the larger
of what it knew and what it is told, so a repeated or late report changes nothing and counters never go back. A
report carries what changed since the one before; every tenth, and the last of a run, carries everything, which
heals any loss. Requests, outcomes and errors travel as small numbers whose meaning ("table") is sent once, and
again in complete reports. A worker that restarts is a new incarnation: it adds to what its predecessor counted.

A report is a dict of plain values for msgpack:

run, incarnation, sequence   which report of whom this is
everything, final            it carries all counters; the worker's run is over
rows                         per request: [number, duration sum, duration max (0 if not higher than before), bytes,
                             unfinished, buckets, outcomes, errors]; the last three as flat pairs
                             [index, total, index, total …] of what is not zero, or has changed
requests, outcomes, errors   tables: [first number, value, value …]
marks                        label → rows of all counters at the moment of that mark
waiting                      requests in flight: [method, name, how many, oldest age]
cut_off                      when final: requests cut off at the end: [method, name, age]
scenario                     the scenario's own counters and gauges, all of them: [name, label values …, value]
lag                          worst lateness of the worker's event loop since its last report
"""

from exporters.report_merger import ReportMerger
from exporters.report_writer import ReportWriter

__all__ = ["ReportMerger", "ReportWriter"]
