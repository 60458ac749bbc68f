"""Forecasts of maps and series: who is asked about, what it is worth, and what became of it.

`directories` finds maps, teams and players by id or name. `questions` says what can be asked and what is wrong with a
question. `forecasts` prices it with a `Forecaster` and words the entry of the ledger. `market` reads a
bookmaker's odds where somebody gave them. `settling` finds a forecast's
result, and `scores` says how good forecasts were. `publishing` makes the ledger's head known.
"""
