"""The language of Counter-Strike: states, players, rules, prices.

Everything here is pure Python and depends on nothing else in the project, so that training, evaluation
and serving speak of the same game in the same words.
"""
