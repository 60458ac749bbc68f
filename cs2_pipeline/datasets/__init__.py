"""From extracted tables to training tables: snapshots, player windows, splits, the leakage audit. Pure functions."""
