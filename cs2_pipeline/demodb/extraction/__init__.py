"""From the demo database's tables to the platform's own: what counts, what is left out and why."""
