"""Elo's rating of players: the baseline the match model must beat.

A line-up's rating is the mean of its players'; each gains and loses by the same amount. Source: A. Elo, The Rating of
Chessplayers (1978), with the usual 400 points for a factor of ten and a step of 32, shared out as in chess.
"""

import math
from collections.abc import Sequence
from typing import Final

from cs2_pipeline.models.match.contest import Contest

STEP: Final = 32.0
_SCALE: Final = 400.0 / math.log(10.0)


def expected(contests: Sequence[Contest], won: Sequence[bool]) -> list[float]:
    """The first side's log odds of winning each contest, in their order, just before it is learned from."""
    rating: dict[str, float] = {}
    found = []
    for contest, outcome in zip(contests, won, strict=True):
        sides = [contest.first.players, contest.second.players]
        means = [sum(rating.get(player, 0.0) for player in side) / max(len(side), 1) for side in sides]
        logit = (means[0] - means[1]) / _SCALE
        found.append(logit)
        gain = STEP * (float(outcome) - 1.0 / (1.0 + math.exp(-logit)))
        for sign, side in zip((1.0, -1.0), sides, strict=True):
            for player in side:
                rating[player] = rating.get(player, 0.0) + sign * gain
    return found
