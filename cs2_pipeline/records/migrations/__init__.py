"""The migrations of the records, oldest first in `versions`. `Records.migrate` runs them."""
