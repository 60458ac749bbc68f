"""Whether the recorded winners of a match agree with how its rounds ended.

A defused bomb is a round of the CTs, whatever WinnerTeam says. Only this comparison belongs here; in which spellings
a winner is read is the business of `connection.dialect`.
"""

from collections.abc import Mapping
from typing import Final

import pandas as pd

from cs2_pipeline.demodb.extraction import reasons
from cs2_pipeline.demodb.extraction.reasons import Tally
from cs2_pipeline.game.rules import Side

_WON_BY: Final[Mapping[str, Side]] = {
    **dict.fromkeys(("1", "targetbombed", "9", "terroristwin", "18", "ctsurrender"), "T"),
    **dict.fromkeys(("7", "bombdefused", "8", "ctwin", "12", "targetsaved", "17", "terroristssurrender"), "CT"),
}
"""The side that a round goes to, by the game's number for its end and by the name the platform's writers give it."""
_ENOUGH: Final = 5
"""Rounds whose end names a side, from which a match as a whole is judged."""
_THROUGHOUT: Final = 0.9
"""Share of contradicted rounds from which the winners of a match are exchanged."""
_NOW_AND_THEN: Final = 0.2
"""Share of contradicted rounds up to which these rounds are wrong, and above which the end reasons may be."""


def agreeing(ended: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """The rounds whose winner the end of the round does not contradict.

    Winners that are exchanged throughout a match are put right. Where no more than a few rounds of a match are
    contradicted, these are refused. In between nobody knows which of the two columns is wrong: the winners stay as
    recorded, and the match is counted.

    Args:
        ended: rounds that ended: match_id, round_id, winner, winner_side ("CT"/"T", null where unknown), end_reason,
            started_at.
        tally: told of what was put right, refused or doubted.
    """
    told = ended["end_reason"].map(_side_of_end, na_action="ignore")
    known = told.notna() & ended["winner_side"].notna()
    against = known & (told != ended["winner_side"])
    if not against.any():
        return ended
    match = ended["match_id"]
    number = known.groupby(match).transform("sum")
    share = against.groupby(match).transform("sum") / number
    exchanged = (number >= _ENOUGH) & (share >= _THROUGHOUT)
    if exchanged.any():
        tally.mapped[reasons.WINNERS_EXCHANGED] += int(exchanged.sum())
        other = ended["winner_side"].map({"CT": "T", "T": "CT"})
        ended = ended.assign(winner_side=ended["winner_side"].where(~exchanged, other))
        against = known & (told != ended["winner_side"])
    doubtful = (number >= _ENOUGH) & ~exchanged & (share > _NOW_AND_THEN)
    if doubtful.any():
        tally.mapped[reasons.WINNERS_DISAGREE] += int(match[doubtful].nunique())
    detail = "WinnerTeam is " + ended["winner"].map(repr).astype("str")
    detail += " and EndReason " + ended["end_reason"].map(repr).astype("str")
    out, reason = against & ~doubtful, reasons.CONTRADICTED_WINNER
    return tally.refuse(ended, out, reason, table="Rounds", key="round_id", detail=detail)


def _side_of_end(reason: str) -> Side | None:
    return _WON_BY.get(reason.strip().casefold())
