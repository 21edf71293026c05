"""Load scenario of the external metrics web service: users, targets, load profiles and environments."""
