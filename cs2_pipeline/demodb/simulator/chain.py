"""A round as a continuous-time Markov chain: which events can happen, at what rates, and the next one.

The one place that holds the dynamics. The simulator steps through it, `exact` solves it. The state is what a
snapshot shows: players alive on each side, whether the bomb is down, the clock, and two numbers that stay
the same all round: the CT side's edge (a function of both sides' equipment per player, the map and, unless
all are equal, skill) and whether CT carries kits. Rates are constant within a segment of the clock.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cs2_pipeline.demodb.simulator.model import GameModel
from cs2_pipeline.game import rules

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NOTHING: Final = 0
"""A segment of the clock ended; the next one begins."""
CT_KILLS: Final = 1
T_KILLS: Final = 2
PLANT: Final = 3
DEFUSE: Final = 4
EXPLOSION: Final = 5
TIME_OUT: Final = 6
CT_HITS: Final = 7
T_HITS: Final = 8


@dataclass(frozen=True)
class Segments:
    """A clock cut into pieces: ends in seconds, and factors on the rates in each piece.

    Attributes:
        ends: shape (n,), ascending; the last is where the clock runs out.
        tempo: factor on the duel rate.
        objective: factor on the plant rate (before the plant) or on the rate of defusal (after it).
    """

    ends: Floats
    tempo: Floats
    objective: Floats


def before_plant(model: GameModel) -> Segments:
    """The round clock, in seconds since the freeze time's end: a slow start, a late rush."""
    end = model.round_time
    return Segments(
        ends=np.array([8.0, 20.0, 40.0, end - 35, end - 15, end]),
        tempo=np.array(model.tempo),
        objective=np.array(model.urgency),
    )


def after_plant(kit: bool) -> Segments:
    """The bomb's clock, in seconds since the plant: no defusal is complete before its time has passed.

    CT are on their way while none can be: were they fighting then, less time on the bomb would help them.
    """
    defuse_time = rules.DEFUSE_TIME_WITH_KIT if kit else rules.DEFUSE_TIME
    return Segments(
        ends=np.array([defuse_time, rules.BOMB_TIME]),
        tempo=np.array([0.1, 1.2]),
        objective=np.array([0.0, 1.0]),
    )


def edge(model: GameModel, ct_equipment: Any, t_equipment: Any, map_edge: Any) -> Any:
    """CT's log-odds in an even duel.

    Args:
        model: the game.
        ct_equipment, t_equipment: value per player in dollars; at least the free pistol's counts.
        map_edge: the map's part, from ``model.map_edges``.
    """
    ratio = np.log(np.maximum(ct_equipment, 200.0)) - np.log(np.maximum(t_equipment, 200.0))
    rifles = 1 / (1 + np.exp(-(np.asarray(t_equipment, dtype=float) - 3_500) / 400))
    return model.ct_edge + map_edge + model.equipment_effect * ratio - model.t_rifle_edge * rifles


def kill_rates(model: GameModel, ct: Any, t: Any, planted: Any, *, edge: Any, tempo: Any) -> tuple[Any, Any]:
    """Rates of (a T dies, a CT dies). Zero where a side is dead."""
    total = model.duel_rate * tempo * np.sqrt(ct * t) / rules.TEAM_SIZE
    odds = edge + model.retake_edge * planted + model.number_effect * (np.log(np.maximum(ct, 1) / np.maximum(t, 1)))
    share = 1 / (1 + np.exp(-odds))
    return total * share, total * (1 - share)


def plant_rate(model: GameModel, ct: Any, t: Any, urgency: Any) -> Any:
    """Rate of the plant: more T than CT make it easier. Zero where no T lives."""
    return model.plant_rate * urgency * 2 * t / np.maximum(ct + t, 1)


def defuse_rate(model: GameModel, ct: Any, t: Any, possible: Any) -> Any:
    """Rate at which a defusal becomes complete: rare under fire, soon when no T lives."""
    under_fire = model.defuse_rate * ct / np.maximum(t, 1)
    return possible * np.where(t > 0, under_fire, model.lone_defuse_rate * (ct > 0))


@dataclass(frozen=True)
class Clocks:
    """The segments of a model as tables, indexed by phase: 0 before the plant, 1 bomb without kits, 2 with kits."""

    ends: Floats
    tempo: Floats
    objective: Floats
    length: Floats

    @classmethod
    def of(cls, model: GameModel) -> "Clocks":
        """The tables of a model, padded to one width."""
        phases = [before_plant(model), after_plant(kit=False), after_plant(kit=True)]
        width = max(len(phase.ends) for phase in phases)

        def table(name: str, fill: float) -> Floats:
            rows = [getattr(phase, name) for phase in phases]
            return np.array([np.pad(row, (0, width - len(row)), constant_values=fill) for row in rows])

        return cls(
            table("ends", np.inf),
            table("tempo", 0),
            table("objective", 0),
            np.array([phase.ends[-1] for phase in phases]),
        )


def step(
    model: GameModel,
    clocks: Clocks,
    clock: Floats,
    *,
    ct: Ints,
    t: Ints,
    planted: Ints,
    edge: Floats,
    kit: Ints,
    uniform: tuple[Floats, Floats],
    hits: bool = True,
) -> tuple[Floats, Ints]:
    """The next event of many rounds at once.

    Args:
        model: the game.
        clocks: its tables.
        clock: seconds on the running clock: since the freeze time's end, or since the plant.
        ct, t, planted, edge, kit: the states, shape (rows,).
        uniform: two numbers in (0, 1) for each row: when, and what.
        hits: whether hits that do not kill are events too. They change nothing in the chain.

    Returns:
        The clock at the event and its kind.
    """
    phase = planted * (1 + kit)
    ends = clocks.ends[phase]
    piece = (ends <= clock[:, None]).sum(axis=1)
    rows = np.arange(len(clock))
    end, tempo, objective = ends[rows, piece], clocks.tempo[phase, piece], clocks.objective[phase, piece]
    ct_kills, t_kills = kill_rates(model, ct, t, planted, edge=edge, tempo=tempo)
    goal = np.where(planted, defuse_rate(model, ct, t, objective), plant_rate(model, ct, t, objective))
    ratio = model.hit_ratio if hits else 0.0
    rates = np.stack([ct_kills, t_kills, goal, ct_kills * ratio, t_kills * ratio])
    cumulative = np.cumsum(rates, axis=0)
    total = cumulative[-1]
    with np.errstate(divide="ignore"):
        at = clock + np.where(total > 0, -np.log(uniform[0]) / total, np.inf)
    which = (uniform[1] * total >= cumulative).sum(axis=0).clip(0, 4)
    kinds = np.array([CT_KILLS, T_KILLS, PLANT, CT_HITS, T_HITS])[which]
    kinds = np.where((kinds == PLANT) & (planted == 1), DEFUSE, kinds)
    out = np.where(end < clocks.length[phase], NOTHING, np.where(planted == 1, EXPLOSION, TIME_OUT))
    return np.minimum(at, end), np.where(at < end, kinds, out)
