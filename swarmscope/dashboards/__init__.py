"""Grafana dashboards as code: queries in one module, panels in another, a module per dashboard. No I/O."""
