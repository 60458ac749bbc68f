"""The conventions of all routes of the gateway."""
