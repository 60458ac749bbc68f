"""The state of a round at a moment, as applications send it and as snapshots record it.

`ROUND_FIELDS` is the one table of a state's fields: name, bounds, meaning. Request validation, the OpenAPI
document, the checks on extracted snapshots and the laws of the model all read it. The rules that tie
fields together (which states are decided, which cannot exist) are functions beside it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cs2_pipeline.game.contradictions import Rule, any_broken, broken
from cs2_pipeline.game.maps import MAPS
from cs2_pipeline.game.rules import FULL_ARMOR, FULL_HEALTH, MAX_MONEY, TEAM_SIZE, Side


@dataclass(frozen=True, slots=True)
class Field:
    """One numeric or text field of an input.

    Attributes:
        name: snake_case name; the camelCase form is derived from it.
        low, high: inclusive bounds of numbers; unused for text.
        integer: whole numbers only.
        required: whether a request must carry it.
        text: a string field.
        meaning: what it is, with its unit, for documentation.
        known: the values of a text that the models know; any other counts as not given.
    """

    name: str
    low: float
    high: float
    meaning: str
    integer: bool = False
    required: bool = True
    text: bool = False
    known: tuple[str, ...] = ()


MAX_TIME_REMAINING: Final = 180.0
"""Round clock plus the longest freeze time or technical pause shown on it."""
MAX_BOMB_TIME: Final = 45.0
"""The longest bomb timer in use; the competitive one is 40 s."""
MAX_EQUIPMENT_VALUE: Final = 60_000.0
MAX_TEAM_MONEY: Final = float(TEAM_SIZE * MAX_MONEY)
MAX_SCORE: Final = 99.0


def _count(name: str, meaning: str, *, required: bool = True) -> Field:
    return Field(name, 0, TEAM_SIZE, meaning, integer=True, required=required)


ROUND_FIELDS: Final[tuple[Field, ...]] = (
    _count("ct_alive", "living players on the CT side"),
    _count("t_alive", "living players on the T side"),
    Field("ct_equip_value", 0, MAX_EQUIPMENT_VALUE, "value of the equipment the living CT carry, dollars"),
    Field("t_equip_value", 0, MAX_EQUIPMENT_VALUE, "value of the equipment the living T carry, dollars"),
    Field("ct_money", 0, MAX_TEAM_MONEY, "money of the CT side, dollars"),
    Field("t_money", 0, MAX_TEAM_MONEY, "money of the T side, dollars"),
    Field("bomb_planted", 0, 1, "1 once the bomb is planted, else 0", integer=True),
    Field(
        "time_remaining",
        0,
        MAX_TIME_REMAINING,
        "seconds left on the round clock, or until the explosion once the bomb is planted",
    ),
    Field("ct_score", 0, MAX_SCORE, "rounds the CT side has won before this one", integer=True),
    Field("t_score", 0, MAX_SCORE, "rounds the T side has won before this one", integer=True),
    Field("map_name", 0, 0, "the map, such as de_mirage", required=False, text=True, known=MAPS),
    Field("ct_health", 0, TEAM_SIZE * FULL_HEALTH, "health of the living CT, added up", required=False),
    Field("t_health", 0, TEAM_SIZE * FULL_HEALTH, "health of the living T, added up", required=False),
    Field("ct_armor", 0, TEAM_SIZE * FULL_ARMOR, "armour of the living CT, added up", required=False),
    Field("t_armor", 0, TEAM_SIZE * FULL_ARMOR, "armour of the living T, added up", required=False),
    _count("ct_helmets", "living CT with a helmet", required=False),
    _count("t_helmets", "living T with a helmet", required=False),
    _count("ct_defuse_kits", "living CT with a defuse kit", required=False),
)

REQUIRED_ROUND_FIELDS: Final = tuple(field.name for field in ROUND_FIELDS if field.required)
OPTIONAL_ROUND_FIELDS: Final = tuple(field.name for field in ROUND_FIELDS if not field.required)


@dataclass(frozen=True, slots=True)
class RoundState:
    """A round at a moment. Team sums and counts; see `ROUND_FIELDS` for units and bounds."""

    ct_alive: int
    t_alive: int
    ct_equip_value: float
    t_equip_value: float
    ct_money: float
    t_money: float
    bomb_planted: int
    time_remaining: float
    ct_score: int
    t_score: int
    map_name: str | None = None
    ct_health: float | None = None
    t_health: float | None = None
    ct_armor: float | None = None
    t_armor: float | None = None
    ct_helmets: int | None = None
    t_helmets: int | None = None
    ct_defuse_kits: int | None = None


def decided(ct_alive: Any, t_alive: Any, bomb_planted: Any, time_remaining: Any) -> tuple[Any, Any]:
    """Whether CT has won already and whether T has: both False while the round is open.

    T has won when no CT lives, CT when no T lives and no bomb is down. When time is out, CT has won with no bomb
    down and T with it down. With the bomb down and every T dead the round is open: the CT must still defuse.

    Args:
        ct_alive, t_alive, bomb_planted, time_remaining: numbers for one state, arrays or columns for many.

    Returns:
        Two booleans, or two arrays of them.
    """
    t_won = (ct_alive <= 0) | ((bomb_planted != 0) & (time_remaining <= 0))
    ct_won = (ct_alive > 0) & (bomb_planted == 0) & ((t_alive <= 0) | (time_remaining <= 0))
    return ct_won, t_won


def decided_winner(ct_alive: float, t_alive: float, bomb_planted: float, time_remaining: float) -> Side | None:
    """The winner of a round that is already decided (`decided`), or None while it is open."""
    ct_won, t_won = decided(ct_alive, t_alive, bomb_planted, time_remaining)
    if t_won:
        return "T"
    return "CT" if ct_won else None


_LIMITS: Final = tuple(
    (
        f"{side}_alive",
        f"{side}_health",
        tuple(
            (f"{side}_{item}", most)
            for item, most in (("health", FULL_HEALTH), ("armor", FULL_ARMOR), ("helmets", 1), ("defuse_kits", 1))
        ),
    )
    for side in ("ct", "t")
)
"""For each side: the fields of its living players and their health, and what each of them can have at most."""


def rules(values: Mapping[str, Any]) -> Iterator[Rule]:
    """The rules that a possible state keeps.

    Args:
        values: the state's fields by name, each within its own bounds, or a table's columns as arrays; optional ones
            may be absent, None or NaN.
    """
    ct, t, planted = values["ct_alive"], values["t_alive"], values["bomb_planted"]
    nobody = (ct == 0) & (t == 0) & (planted == 0)
    yield "ct_alive", nobody, "nobody is alive on either side and no bomb is planted", ()
    too_long = (planted != 0) & (values["time_remaining"] > MAX_BOMB_TIME)
    yield "time_remaining", too_long, "a planted bomb explodes within {:g} s", (MAX_BOMB_TIME,)
    for alive, health, limits in _LIMITS:
        living = values[alive]
        for name, most in limits:
            value = values.get(name)
            if value is not None:
                yield name, value > most * living, "{:g} is more than {} living players can have", (value, living)
        value = values.get(health)
        if value is not None:
            yield health, (living > 0) & (value <= 0), "{} living players have some health", (living,)


def contradictions(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What makes a state impossible, as pairs of field and message; empty for a possible one."""
    return broken(rules(values))


def impossible(states: Mapping[str, Any]) -> Any:
    """Which of many states are impossible: an array of booleans, from columns by field name."""
    return any_broken(rules(states))
