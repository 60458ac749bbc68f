"""A player's record over a window of matches, and the skill tiers.

`PLAYER_FIELDS` is the one table of the record's fields, as `state.ROUND_FIELDS` is of a round's.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cs2_pipeline.game.contradictions import Rule, broken
from cs2_pipeline.game.state import Field

TIERS: Final = ("Beginner", "Intermediate", "Advanced", "Pro")
TIER_CUTS: Final = (0.7, 1.0, 1.5)
"""K/D at which the next tier begins: below 0.7 is Beginner, 1.5 and more is Pro."""


def tier_of(kd_ratio: float) -> int:
    """Index in `TIERS` of a K/D ratio."""
    return sum(kd_ratio >= cut for cut in TIER_CUTS)


MAX_KD_RATIO: Final = 200.0

PLAYER_FIELDS: Final[tuple[Field, ...]] = (
    Field("avg_kills", 0, 200, "kills per match"),
    Field("avg_deaths", 0, 200, "deaths per match"),
    Field("avg_headshots", 0, 200, "headshot kills per match"),
    Field("avg_damage", 0, 20_000, "damage per match"),
    Field("total_clutches", 0, 1e6, "clutches won in the window", integer=True),
    Field("total_clutch_attempts", 0, 1e6, "clutches tried in the window", integer=True),
    Field("avg_first_kills", 0, 100, "opening kills per match"),
    Field("total_rounds", 0, 1e6, "rounds played in the window", integer=True),
    Field("kd_ratio", 0, MAX_KD_RATIO, "kills per death", required=False),
    Field("headshot_pct", 0, 1, "share of kills that were headshots", required=False),
    Field("clutch_rate", 0, 1, "share of clutches won", required=False),
    Field("adr", 0, 500, "damage per round", required=False),
)
UNREACHABLE_ROUNDS: Final = int(next(field.high for field in PLAYER_FIELDS if field.name == "total_rounds")) + 1
"""``min_rounds`` of a model that no number of rounds made better than the rule: more than a request may hold."""


def kd_ratio(kills: float, deaths: float) -> float:
    """Kills per death; the kills themselves where there are no deaths."""
    return kills / deaths if deaths > 0 else kills


def rate(part: float, whole: float) -> float:
    """``part / whole``, 0 where there is nothing to divide by."""
    return part / whole if whole > 0 else 0.0


def complete(values: Mapping[str, Any]) -> dict[str, float]:
    """All player fields, absent ones derived from the rest where the rest gives them.

    Damage per round does not follow from damage per match: an absent ``adr`` stays missing (NaN).
    """
    record = {name: value for name, value in values.items() if value is not None}
    record.setdefault("kd_ratio", min(MAX_KD_RATIO, kd_ratio(record["avg_kills"], record["avg_deaths"])))
    record.setdefault("headshot_pct", rate(record["avg_headshots"], record["avg_kills"]))
    record.setdefault("clutch_rate", rate(record["total_clutches"], record["total_clutch_attempts"]))
    record.setdefault("adr", float("nan"))
    return record


def rules(values: Mapping[str, Any]) -> Iterator[Rule]:
    """The rules that a possible record keeps: of one player's values, or of a table's columns as arrays."""
    yield "avg_headshots", values["avg_headshots"] > values["avg_kills"], "more headshot kills than kills", ()
    won, tried = values["total_clutches"], values["total_clutch_attempts"]
    yield "total_clutches", won > tried, "more clutches won than tried", ()
    yield "total_clutch_attempts", tried > values["total_rounds"], "more clutches tried than rounds played", ()


def contradictions(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What makes a record impossible, as pairs of field and message; empty for a possible one."""
    return broken(rules(values))
