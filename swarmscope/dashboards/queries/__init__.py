"""Every PromQL query of the dashboards, by subject; panels only choose among these. No I/O.

`$system`, `$run` and `$request` are the dashboards' variables, `$__rate_interval` and `$__range` are Grafana's. What is
asked of a whole run reads the last sample within the shown time (`last_over_time(…[$__range])`): when a run is over its
exporter is gone, and a plain selector would find nothing any more.
"""
