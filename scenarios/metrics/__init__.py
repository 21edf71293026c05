"""The External Metrics Web Service: its users, targets, profiles and data."""
