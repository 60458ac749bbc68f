"""Live analytics: a running match's events come in, every one moves a price, subscribers see it at once.

Events go into a durable log, are put in order, become a state per match and are priced by the promoted model. State
and prices are a function of the set of a match's events, whatever order or number of times they arrived in.
"""
