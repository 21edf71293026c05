"""Load scenario of the External Metrics Web Service: users, targets, load profiles and environments."""
