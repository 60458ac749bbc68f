"""Blocking asset checks: what must hold of a table or a model before anything downstream may use it."""
