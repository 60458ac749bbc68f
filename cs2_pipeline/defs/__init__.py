"""Dagster: assets, checks, jobs, partitions, schedules, sensors, resources, IO manager.

It wires; it does not compute.
"""
