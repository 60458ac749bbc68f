"""The services that applications ask over HTTP, a package each: `predictions` (states and players at hand)."""
