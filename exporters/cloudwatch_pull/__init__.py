"""The CloudWatch pull exporter, a process of its own: asks AWS in threads, answers Prometheus from memory."""
