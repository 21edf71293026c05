"""Reference service of the system metrics: an external metrics web service for many tenants."""
