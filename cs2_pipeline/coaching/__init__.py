"""The coach: skills with what is known of them, weaknesses, plans, and whether they helped.

`skills` says what a skill is and `observed` what matches tell of it; `estimates` says what is known of a player's,
`reliability` whether a skill predicts itself. `cards` puts them before the player; `drills` and `plans` say what to do,
`trials` whether it helped. Game by game, `counterstrike` says how matches become observations.
"""
