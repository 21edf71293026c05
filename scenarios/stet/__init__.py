"""Load scenario of the STET API: users, targets, load profiles and environments."""
