"""What Swarmscope costs, measured beside what it replaces; `make bench` prints every table (see README.md)."""
