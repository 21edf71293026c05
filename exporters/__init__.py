"""What runs inside Locust beside the load: recorder, Prometheus page, worker reports, and the run's life."""
