"""The reference STET API: corrections that become facts, their history, and who enforces them."""
