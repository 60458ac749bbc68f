"""Who plays, when and where: teams, players, their skill and names, and each day's schedule.

Everything follows from a seed, a player's number and a date, so that days can be added later and the same
people play on. Nothing here depends on how many matches are simulated at once.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from cs2_pipeline.demodb.simulator import streams
from cs2_pipeline.demodb.simulator.model import GameModel
from cs2_pipeline.game import rules

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_STEAM_ID_BASE: Final = 76_561_197_960_265_728
"""The first SteamID64 of an individual account."""
_TEAM_SPREAD: Final = 0.3
_PLAYER_SPREAD: Final = 0.9
FORM_SPREAD: Final = 0.25
_STAND_IN_SHARE: Final = 0.04
_RENAME_SHARE: Final = 0.08
_FIRST_HOUR, _LAST_HOUR = 9.0, 22.5
_SYLLABLES: Final = (
    "ka",
    "lo",
    "mi",
    "ren",
    "zu",
    "to",
    "vex",
    "sha",
    "dri",
    "no",
    "fy",
    "el",
    "qu",
    "ta",
    "xi",
    "bor",
    "ne",
    "ja",
    "wo",
)
SKILL, NAME, SCHEDULE, PLAY, REPLAY = range(1, 6)
"""Purposes of random numbers: the second part of every key."""


@dataclass(frozen=True)
class Players:
    """The pool, one element per player. The first ``5 * teams`` are the line-ups, the rest stand in.

    Attributes:
        steam_id: SteamID64.
        skill: in units of about one standard deviation; all 0 where everybody is equal.
        headshots: share of rifle kills that are headshots.
    """

    steam_id: Ints
    skill: Floats
    headshots: Floats


@dataclass(frozen=True)
class Schedule:
    """Matches in the order of their start, one element each.

    Attributes:
        key: of each match's random numbers.
        start: when the recording begins (UTC, no zone, as the database stores it).
        map_number: place in ``list(model.map_edges)``.
        teams: shape (matches, 2); the first begins as CT.
        players: places in the pool, shape (matches, 10).
        skill: of those players on that day.
    """

    key: streams.Keys
    start: NDArray[np.datetime64]
    map_number: Ints
    teams: Ints
    players: Ints
    skill: Floats

    def part(self, first: int, last: int) -> "Schedule":
        """Matches ``first`` to ``last - 1``."""
        cut = slice(first, last)
        return Schedule(
            self.key[cut], self.start[cut], self.map_number[cut], self.teams[cut], self.players[cut], self.skill[cut]
        )


def create(seed: int, teams: int, *, equal_skill: bool) -> Players:
    """The pool of a seed: five players a team, and one stand-in a team."""
    count = teams * (rules.TEAM_SIZE + 1)
    number = np.arange(count)
    base = streams.keys(streams.key(seed, SKILL), number)
    team = np.where(number < teams * rules.TEAM_SIZE, number // rules.TEAM_SIZE, number)
    team_skill = ndtri(streams.uniform(streams.keys(streams.key(seed, SKILL, 1), team), 0))
    own = ndtri(streams.uniform(base, 0))
    skill = _TEAM_SPREAD * team_skill + _PLAYER_SPREAD * own
    headshots = 0.45 + 0.07 * ndtri(streams.uniform(base, 1)) + 0.04 * own
    # An odd factor permutes the account numbers: no two players share one.
    account = (streams.key(seed, NAME) + number.astype(np.uint64) * np.uint64(2_654_435_761)) % np.uint64(2**30)
    return Players(
        steam_id=_STEAM_ID_BASE + account.astype(np.int64),
        skill=np.zeros(count) if equal_skill else skill,
        headshots=headshots.clip(0.2, 0.75),
    )


def name(seed: int, player: int, day: date) -> str:
    """A player's name on a day: now and then somebody plays a month under another one."""
    month = day.year * 12 + day.month
    renamed = streams.key(seed, NAME, player, month) % 1_000 < 1_000 * _RENAME_SHARE
    code = streams.key(seed, NAME, player, month if renamed else 0)
    syllables = [_SYLLABLES[(code >> (8 * place)) % len(_SYLLABLES)] for place in range(2 + code % 2)]
    word = "".join(syllables)
    return word.capitalize() if code >> 40 & 1 else f"{word}{code >> 41 & 63}"


def team_name(team: int) -> str:
    """The clan tag of a team."""
    return f"Team {team + 1}"


def day_schedule(
    model: GameModel, seed: int, pool: Players, *, teams: int, day: date, matches: int, equal_skill: bool
) -> Schedule:
    """One day's matches. No team plays two of them at once."""
    day_number = day.toordinal()
    generator = np.random.default_rng(np.random.SeedSequence([streams.key(seed, SCHEDULE), day_number]))
    per_window = teams // 2
    pairs = np.concatenate(
        [generator.permutation(teams)[: 2 * per_window].reshape(-1, 2) for _ in range(-(-matches // per_window))]
    )[:matches]
    hours = _FIRST_HOUR + (_LAST_HOUR - _FIRST_HOUR) * (np.arange(matches) + generator.random(matches)) / matches
    seconds = (hours * 3600).astype(np.int64)
    line_up = pairs[:, :, None] * rules.TEAM_SIZE + np.arange(rules.TEAM_SIZE)
    players = line_up.reshape(matches, -1)
    for match in range(matches):
        absent = np.flatnonzero(generator.random(players.shape[1]) < _STAND_IN_SHARE)
        free = generator.choice(teams, size=len(absent), replace=False) + teams * rules.TEAM_SIZE
        players[match, absent] = free
    form = np.zeros(players.shape) if equal_skill else generator.normal(0, FORM_SPREAD, players.shape)
    return Schedule(
        key=streams.keys(streams.key(seed, PLAY, day_number), np.arange(matches)),
        start=np.datetime64(datetime.combine(day, time()), "us") + seconds * np.timedelta64(1_000_000, "us"),
        map_number=generator.integers(len(model.map_edges), size=matches),
        teams=pairs,
        players=players,
        skill=pool.skill[players] + form,
    )


def schedule(
    model: GameModel,
    seed: int,
    pool: Players,
    *,
    teams: int,
    first_day: date,
    per_day: list[int],
    equal_skill: bool,
) -> Schedule:
    """The matches of consecutive days.

    Args:
        model: the game.
        seed: of everything.
        pool: the players.
        teams: how many there are.
        first_day: of the schedule.
        per_day: number of matches of each day.
        equal_skill: whether form plays no part either.
    """
    days = [
        day_schedule(
            model, seed, pool, teams=teams, day=first_day + timedelta(days=n), matches=count, equal_skill=equal_skill
        )
        for n, count in enumerate(per_day)
        if count
    ]
    return Schedule(
        key=np.concatenate([day.key for day in days]),
        start=np.concatenate([day.start for day in days]),
        map_number=np.concatenate([day.map_number for day in days]),
        teams=np.concatenate([day.teams for day in days]),
        players=np.concatenate([day.players for day in days]),
        skill=np.concatenate([day.skill for day in days]),
    )
