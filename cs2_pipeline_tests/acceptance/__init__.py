"""The platform as its users meet it: nothing is set up beforehand, everything runs for real."""
