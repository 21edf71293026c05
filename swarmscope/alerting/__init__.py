"""Targets become recording rules, alerts and Alertmanager's configuration. No I/O."""
