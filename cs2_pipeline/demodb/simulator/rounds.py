"""One round of many matches at once: the chain's events, and who did what in them.

The chain says when a side loses a player, when the bomb goes down and how the round ends. Here those events
get their killer, victim, weapon and damage. None of that changes the chain, so nothing beside its state says
anything about what comes next. Players are numbered 0 to 4 (CT) and 5 to 9 (T).
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cs2_pipeline.demodb.simulator import chain, streams
from cs2_pipeline.demodb.simulator.economy import ARMOR_VALUE
from cs2_pipeline.demodb.simulator.model import GameModel
from cs2_pipeline.game import rules, weapons

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bits = NDArray[np.bool_]

WEAPONS: Final = (
    *("usp_silencer", "p250", "fiveseven", "glock", "tec9", "deagle"),
    *("mp9", "mp7", "famas", "mac10", "ump45", "galilar"),
    *("m4a1", "m4a1_silencer", "ak47", "awp", "hegrenade", "inferno"),
)
_CODE: Final = {weapon: code for code, weapon in enumerate(WEAPONS)}
REWARDS: Final = np.array([weapons.kill_reward(weapon) for weapon in WEAPONS])
_ARSENAL: Final = {
    ("CT", 0): ("usp_silencer", "usp_silencer", "p250", "fiveseven"),
    ("CT", 1): ("mp9", "mp9", "mp7", "famas"),
    ("CT", 2): ("m4a1", "m4a1_silencer", "m4a1_silencer", "awp"),
    ("T", 0): ("glock", "glock", "p250", "tec9"),
    ("T", 1): ("mac10", "mac10", "ump45", "galilar"),
    ("T", 2): ("ak47", "ak47", "ak47", "awp"),
}
_ARSENAL_CODES: Final = np.array(
    [[[_CODE[weapon] for weapon in _ARSENAL[side, tier]] for tier in range(3)] for side in ("CT", "T")]
)
_TIER_VALUES: Final = (1_500, 3_200)
"""Equipment per player from which a team carries submachine guns, and rifles."""
_GRENADE_VALUE: Final = 2_000
HEADSHOT_FACTOR: Final = np.array(
    [0.0 if w in ("hegrenade", "inferno") else 0.25 if w == "awp" else 1.0 for w in WEAPONS]
)
_ASSIST_DAMAGE: Final = 40
_PLACES: Final = 16
"""Random numbers an event may use; each has its own place."""

ELIMINATED_T, ELIMINATED_CT, DEFUSED, EXPLODED, OUT_OF_TIME = range(5)
END_REASONS: Final = ("CTWin", "TerroristWin", "BombDefused", "TargetBombed", "TargetSaved")
CT_WINS: Final = np.array([True, False, True, False, True])


@dataclass(frozen=True)
class Setup:
    """What the rounds begin with. Arrays over the rounds; players in side order.

    Attributes:
        key: of each round's random numbers.
        edge: CT's edge, skill aside.
        equipment: value per player, shape (rounds, 2).
        kit: whether CT carries kits, 0 or 1.
        skill, headshots: shape (rounds, 10).
    """

    key: streams.Keys
    edge: Floats
    equipment: Ints
    kit: Ints
    skill: Floats
    headshots: Floats


@dataclass
class Log:
    """Events of one kind as columns, appended in the order of time."""

    columns: dict[str, list[NDArray[Any]]] = field(default_factory=dict)

    def add(self, **values: NDArray[Any]) -> None:
        """Append rows."""
        for name, value in values.items():
            self.columns.setdefault(name, []).append(value)

    def table(self) -> dict[str, NDArray[Any]]:
        """The columns, each one array."""
        return {name: np.concatenate(parts) for name, parts in self.columns.items()}


class Rounds:
    """The state of rounds in play; `play` runs them to their end.

    Attributes after `play`:
        alive, health, armor, survived_until, clutch, traded, helped: shape (rounds, 10). `clutch` is the number of
            opponents when a player became the last of a side, else 0. `traded`: a mate killed the player's killer
            at once. `helped`: killed, assisted or was traded.
        end_reason, end: how and when (seconds since the freeze time's end).
        plant_time, planter, defuser, site: of the bomb; infinite and -1 where it did not happen.
        damages, kills: the events' logs, with the column `row` saying which round.
    """

    def __init__(self, model: GameModel, clocks: chain.Clocks, setup: Setup) -> None:
        count = len(setup.key)
        self.model, self.clocks, self.setup = model, clocks, setup
        self.alive = np.ones((count, 10), dtype=bool)
        self.health = np.full((count, 10), rules.FULL_HEALTH)
        self.armor = np.repeat(np.where(setup.equipment >= ARMOR_VALUE, rules.FULL_ARMOR, 0), rules.TEAM_SIZE, axis=1)
        self.survived_until = np.full((count, 10), np.inf)
        self.clutch = np.zeros((count, 10), dtype=np.int64)
        self.traded = np.zeros((count, 10), dtype=bool)
        self.helped = np.zeros((count, 10), dtype=bool)
        self.end_reason = np.full(count, -1)
        self.end = np.zeros(count)
        self._clock = np.zeros(count)  # the running one: the round's, then the bomb's
        self.plant_time = np.full(count, np.inf)
        self.planter, self.defuser = np.full(count, -1), np.full(count, -1)
        self.site = (streams.uniform(setup.key, 1) < 0.5).astype(np.int64)
        self.weapon = _primaries(setup)
        self.damages, self.kills = Log(), Log()
        self._dealt = np.zeros((count, 10, 10), dtype=np.int64)
        self._killed_by = np.full((count, 10), -1)
        self._any_kill = np.zeros(count, dtype=bool)
        self._frag = np.exp(model.frag_effect * setup.skill)
        self._fall = np.exp(-model.survival_effect * setup.skill)

    def play(self) -> None:
        """Run every round to its end."""
        turn = 1
        while (rows := np.flatnonzero(self.end_reason < 0)).size:
            self._advance(rows, turn * _PLACES)
            turn += 1

    def _advance(self, rows: Ints, place: int) -> None:
        key, alive = self.setup.key[rows], self.alive[rows]
        ct, t = alive[:, :5].sum(axis=1), alive[:, 5:].sum(axis=1)
        planted = np.isfinite(self.plant_time[rows])
        since = np.where(planted, self.plant_time[rows], 0.0)
        draws = (streams.uniform(key, place), streams.uniform(key, place + 1))
        edge = self.setup.edge[rows] + self._skill_edge(rows, alive, ct, t)
        clock, kind = chain.step(
            self.model, self.clocks, self._clock[rows], ct=ct, t=t, planted=planted.astype(np.int64), edge=edge,
            kit=self.setup.kit[rows], uniform=draws,
        )  # fmt: skip
        self._clock[rows] = clock
        self.end[rows] = clock + since
        for which in (chain.CT_KILLS, chain.T_KILLS, chain.CT_HITS, chain.T_HITS):
            hit = rows[kind == which]
            if hit.size:
                by_ct = which in (chain.CT_KILLS, chain.CT_HITS)
                self._strike(hit, place + 2, by_ct=by_ct, fatal=which in (chain.CT_KILLS, chain.T_KILLS))
        self._bomb(rows[kind == chain.PLANT], rows[kind == chain.DEFUSE], place + 2)
        self.end_reason[rows[kind == chain.EXPLOSION]] = EXPLODED
        self.end_reason[rows[kind == chain.TIME_OUT]] = OUT_OF_TIME

    def _skill_edge(self, rows: Ints, alive: Bits, ct: Ints, t: Ints) -> Floats:
        skill = self.setup.skill[rows] * alive
        difference = skill[:, :5].sum(axis=1) / ct - skill[:, 5:].sum(axis=1) / np.maximum(t, 1)
        return np.asarray(self.model.skill_effect * difference)

    def _strike(self, rows: Ints, place: int, *, by_ct: bool, fatal: bool) -> None:
        attacker = self._pick(rows, self._frag, place, ct=by_ct)
        victim = self._pick(rows, self._fall, place + 1, ct=not by_ct)
        key, health = self.setup.key[rows], self.health[rows, victim]
        draw = streams.uniform(key, place + 2)
        amount = health if fatal else np.minimum(health - 1, (4 + 45 * draw**1.5).astype(np.int64))
        keep = amount > 0
        rows, attacker, victim, amount, key = rows[keep], attacker[keep], victim[keep], amount[keep], key[keep]
        weapon = self._weapon(rows, attacker, streams.uniform(key, place + 3))
        absorbed = np.minimum(self.armor[rows, victim], amount // 4)
        self.health[rows, victim] -= amount
        self.armor[rows, victim] -= absorbed
        self._dealt[rows, attacker, victim] += amount
        self.damages.add(
            row=rows, time=self.end[rows], attacker=attacker, victim=victim, weapon=weapon, amount=amount,
            absorbed=absorbed, health=self.health[rows, victim], armor=self.armor[rows, victim],
            fatal=np.full(len(rows), fatal),
        )  # fmt: skip
        if fatal:
            self._kill(rows, attacker, victim, weapon, place + 4)

    def _kill(self, rows: Ints, killer: Ints, victim: Ints, weapon: Ints, place: int) -> None:
        key, time = self.setup.key[rows], self.end[rows]
        headshot = streams.uniform(key, place) < self.setup.headshots[rows, killer] * HEADSHOT_FACTOR[weapon]
        dealt = self._dealt[rows, :, victim]
        dealt[np.arange(len(rows)), killer] = 0
        helper = dealt.argmax(axis=1)
        helper = np.where(dealt[np.arange(len(rows)), helper] >= _ASSIST_DAMAGE, helper, -1)
        at_once = time[:, None] - self.survived_until[rows] <= rules.TRADE_TIME
        avenged = (self._killed_by[rows] == victim[:, None]) & at_once
        self.kills.add(
            row=rows, time=time, killer=killer, victim=victim, helper=helper, weapon=weapon, headshot=headshot,
            first=~self._any_kill[rows], trade=avenged.any(axis=1), hit_group=streams.uniform(key, place + 1),
            wallbang=streams.uniform(key, place + 2) < 0.03, distance=streams.uniform(key, place + 3),
        )  # fmt: skip
        self._any_kill[rows] = True
        self.alive[rows, victim] = False
        self.survived_until[rows, victim] = time
        self._killed_by[rows, victim] = killer
        self.traded[rows] |= avenged
        self.helped[rows, killer] = True
        self.helped[rows[helper >= 0], helper[helper >= 0]] = True
        self.helped[rows] |= avenged
        self._after_death(rows, victim)

    def _after_death(self, rows: Ints, victim: Ints) -> None:
        """Who is left alone against how many, and whether a side is gone."""
        own = victim // 5
        left = np.stack([self.alive[rows, :5].sum(axis=1), self.alive[rows, 5:].sum(axis=1)])
        mine, theirs = np.where(own == 0, left, left[::-1])
        alone = (mine == 1) & (theirs > 0)
        for side in (0, 1):
            lone = rows[alone & (own == side)]
            last = self.alive[lone, 5 * side : 5 * side + 5].argmax(axis=1) + 5 * side
            self.clutch[lone, last] = theirs[alone & (own == side)]
        planted = np.isfinite(self.plant_time[rows])
        self.end_reason[rows[left[0] == 0]] = ELIMINATED_CT
        self.end_reason[rows[(left[1] == 0) & ~planted]] = ELIMINATED_T

    def _bomb(self, plants: Ints, defusals: Ints, place: int) -> None:
        if plants.size:
            self.plant_time[plants] = self.end[plants]
            self._clock[plants] = 0.0
            self.planter[plants] = self._pick(plants, np.ones_like(self._frag), place, ct=False)
        if defusals.size:
            self.defuser[defusals] = self._pick(defusals, np.ones_like(self._frag), place, ct=True)
            self.end_reason[defusals] = DEFUSED

    def _pick(self, rows: Ints, weight: Floats, place: int, *, ct: bool) -> Ints:
        """A living player of a side, with probability in proportion to `weight`."""
        players = slice(0, 5) if ct else slice(5, 10)
        total = np.cumsum(weight[rows, players] * self.alive[rows, players], axis=1)
        draw = streams.uniform(self.setup.key[rows], place) * total[:, -1]
        return np.asarray((draw[:, None] >= total).sum(axis=1) + players.start)

    def _weapon(self, rows: Ints, attacker: Ints, draw: Floats) -> Ints:
        """Mostly the primary weapon, sometimes the pistol or a grenade."""
        side = attacker // 5
        sidearm = np.where(side == 0, _CODE["usp_silencer"], _CODE["glock"])
        grenade = np.where(draw > 0.985, _CODE["hegrenade"], _CODE["inferno"])
        has_grenades = self.setup.equipment[rows, side] >= _GRENADE_VALUE
        primary = self.weapon[rows, attacker]
        return np.where(draw < 0.12, sidearm, np.where((draw > 0.97) & has_grenades, grenade, primary))


def _primaries(setup: Setup) -> Ints:
    """The weapon each player carries, by what the team could buy, shape (rounds, 10)."""
    tier = sum((setup.equipment >= value).astype(np.int64) for value in _TIER_VALUES)
    draw = streams.uniform(streams.keys(setup.key, 2)[:, None], np.arange(10)[None, :])
    choice = (draw * _ARSENAL_CODES.shape[2]).astype(np.int64)
    side = np.repeat([0, 1], 5)[None, :]
    return np.asarray(_ARSENAL_CODES[side, np.repeat(tier, 5, axis=1), choice])
