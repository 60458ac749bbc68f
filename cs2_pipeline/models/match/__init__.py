"""The match model: ratings of players and teams that move with time, and the price made from them.

`ratings` and `history` are what is known on a day and need numpy only, so that serving can ask them; `forecaster` fits
the last step and writes the artifact.
"""
