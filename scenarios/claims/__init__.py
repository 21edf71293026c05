"""Load scenario of the Claims API: users, targets, load profiles and environments."""
