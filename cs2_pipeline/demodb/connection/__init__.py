"""Reaching a demo database: addresses, drivers, dialects, reads, and errors that say what to do."""
