"""A Counter-Strike 2 machine-learning platform: from a demo database to served, trusted probabilities."""
