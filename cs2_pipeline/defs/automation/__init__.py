"""What makes the platform run by itself: sensors, schedules, conditions, freshness, notifications. All on by default.

Each says in its docstring when it fires and what stops it from firing for ever, and in its ticks why it did or did
not.
"""
