"""A training table's way to a registered version with its verdict, and what follows: monitoring, changed play."""
