"""The command cs2."""
