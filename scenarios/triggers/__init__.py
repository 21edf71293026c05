"""Load scenario of the Triggers API: users, targets, load profiles and environments."""
