"""The database that is load tested directly: its tables, its rows, and how they get there."""
