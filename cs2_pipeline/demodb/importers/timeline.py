"""Cuts a recording into rounds: which belong to the match, where each begins, goes live and ends.

The traps of real recordings: play before the match (warm-up, knife round, false starts), rounds begun again by a
restart, kills between a round's end and the next one's start (they belong to the round before), and rounds whose
start or end was not recorded.
"""

from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any, Final, Literal

from cs2_pipeline.demodb.importers.parsed import TICK_RATE, ParsedDemo, UnreadableDemoError
from cs2_pipeline.demodb.importers.roster import known, side_of
from cs2_pipeline.game import rules
from cs2_pipeline.game.rules import Side

END_REASONS: Final = {
    1: "TargetBombed",
    7: "BombDefused",
    8: "CTWin",
    9: "TerroristWin",
    10: "RoundDraw",
    11: "HostagesRescued",
    12: "TargetSaved",
    13: "HostagesNotRescued",
    16: "GameCommencing",
    17: "TerroristsSurrender",
    18: "CTSurrender",
}
"""The game's numbers for how a round ended, and the names the database has for them."""

_WORDS: Final = {
    "bomb_exploded": 1,
    "bomb_defused": 7,
    "t_killed": 8,
    "ct_killed": 9,
    "draw": 10,
    "hostage_rescued": 11,
    "time_ran_out": 12,
    "game_start": 16,
    "t_surrender": 17,
    "ct_surrender": 18,
}
"""demoparser2's words for the same."""


Phase = Literal["live", "unfinished", "warmup", "knife"]

_FEWEST_KNIFE_KILLS: Final = 3
"""Kills that must all be by knife before a first round counts as the knife round."""


@dataclass(frozen=True)
class MatchRules:
    """The server's settings, in seconds and rounds."""

    freeze_time: int
    round_time: float
    buy_time: float
    max_rounds: int


@dataclass(frozen=True)
class Span:
    """A stretch of play, from one round's start to the next one's.

    Attributes:
        first, after: the ticks it covers, `after` excluded.
        phase: ``live``, a finished round of the match; ``unfinished``, one that did not end; ``warmup``, play before
            the match; ``knife``, the round for the choice of sides.
        live_start: the tick at which the freeze time ended.
        end: the tick of the round's end; None where it did not end.
        winner, reason: of the round; None where it did not end.
    """

    first: int
    after: int
    phase: Phase
    live_start: int
    end: int | None = None
    winner: Side | None = None
    reason: str | None = None


@dataclass(frozen=True)
class _End:
    tick: int
    winner: Side
    reason: str


def _number(settings: dict[str, str], *names: str) -> float | None:
    for name in names:
        try:
            return float(settings[name])
        except (KeyError, ValueError):
            continue
    return None


def match_rules(demo: ParsedDemo) -> MatchRules:
    """The match's settings: measured where possible, else the server's variables, else the competitive ones."""
    starts, freeze_ends = demo.ticks("round_start"), demo.ticks("round_freeze_end")
    measured = [
        end - begin
        for begin, after in pairwise([*starts, demo.last_tick + 1])
        if (end := next((tick for tick in freeze_ends if begin < tick < after), None)) is not None
    ]
    announced = _number(demo.settings, "mp_freezetime")
    freeze = median(measured) / TICK_RATE if len(measured) > 1 else (announced or rules.FREEZE_TIME)
    hostages = (demo.header.map_name or "").startswith("cs_")
    minutes = _number(demo.settings, "mp_roundtime_hostage" if hostages else "mp_roundtime_defuse", "mp_roundtime")
    return MatchRules(
        freeze_time=round(freeze),
        round_time=float(round(minutes * 60)) if minutes else rules.ROUND_TIME,
        buy_time=_number(demo.settings, "mp_buytime") or 20.0,
        max_rounds=int(_number(demo.settings, "mp_maxrounds") or 2 * rules.REGULATION_HALF),
    )


def _reason(value: Any) -> str:
    if not known(value):
        return "Unknown"
    number = _WORDS.get(value) if isinstance(value, str) else int(value)
    return END_REASONS.get(number, f"Reason{number}") if number is not None else str(value)


def _ends(demo: ParsedDemo) -> list[_End]:
    """The ends of rounds that somebody won. A draw, or the mark of a restart, ends no round."""
    return [
        _End(int(row["tick"]), winner, _reason(row.get("reason")))
        for row in demo.event("round_end").to_dict("records")
        if (winner := side_of(row.get("winner"))) is not None
    ]


def _match_begin(demo: ParsedDemo, ends: list[_End]) -> int:
    """The tick of the last announcement of a match that rounds were won after; 0 without one."""
    marks = demo.ticks("begin_new_match") + demo.ticks("round_announce_match_start")
    last_end = ends[-1].tick if ends else 0
    return max((mark for mark in marks if mark < last_end), default=0)


def spans(demo: ParsedDemo, settings: MatchRules) -> list[Span]:
    """The recording from its beginning to its end, cut into rounds and the play around them.

    Raises:
        UnreadableDemoError: a round was won whose beginning is not recorded.
    """
    ends = _ends(demo)
    begin = _match_begin(demo, ends)
    freeze_ends = demo.ticks("round_freeze_end")
    freeze_ticks = settings.freeze_time * TICK_RATE
    starts = set(demo.ticks("round_start"))
    for earliest, end in zip([-1, *(e.tick for e in ends)], ends, strict=False):
        if not any(earliest < start < end.tick for start in starts):
            starts.add(_missing_start(freeze_ends, earliest, end, freeze_ticks))
    cuts = sorted({0, *starts})
    limit = demo.last_tick + 1
    found: list[Span] = []
    for first, after in zip(cuts, [*cuts[1:], limit], strict=True):
        won = next((e for e in ends if first <= e.tick < after), None)
        live_start = max(
            (tick for tick in freeze_ends if first <= tick < (won.tick if won else after)),
            default=min(first + freeze_ticks, won.tick if won else after),
        )
        begun = any(span.phase == "live" for span in found)
        phase = _phase(demo, first, after, ended=won is not None, in_match=after > begin, begun=begun)
        if won is None:
            found.append(Span(first, after, phase, live_start))
        else:
            found.append(Span(first, after, phase, live_start, won.tick, won.winner, won.reason))
    return found


def _phase(demo: ParsedDemo, first: int, after: int, *, ended: bool, in_match: bool, begun: bool) -> Phase:
    if begun:
        return "live" if ended else "unfinished"
    if ended and _only_knives(demo, first, after):
        return "knife"
    return "live" if ended and in_match else "warmup"


def _only_knives(demo: ParsedDemo, first: int, after: int) -> bool:
    weapons = [str(row.get("weapon")) for row in demo.between("player_death", first, after)]
    by_knife = all("knife" in weapon or "bayonet" in weapon for weapon in weapons)
    return len(weapons) >= _FEWEST_KNIFE_KILLS and by_knife


def _missing_start(freeze_ends: list[int], earliest: int, end: _End, freeze_ticks: int) -> int:
    """Where a round without a recorded start began: a freeze time before the end of its freeze time."""
    live = max((tick for tick in freeze_ends if earliest < tick < end.tick), default=None)
    if live is None:
        raise UnreadableDemoError(
            f"the round that ended at tick {end.tick} has neither a round_start nor a round_freeze_end event: "
            "its beginning was not recorded, so what happened in it cannot be told from the round before"
        )
    return max(live - freeze_ticks, earliest + 1)
