"""Estimators: what they are, how they are fitted, calibrated and exported.

They know nothing of where data came from.
"""
