"""Ratings of players with what is not known of them, as they move with time.

The strength of a line-up, in log odds of winning one map, is the mean of its players' ratings, plus what it is worth on
the map, plus a weighted sum of signals (`history`, published points). After each contest all of it takes one Newton
step on the exact likelihood of the outcome (a Kalman filter with a Bernoulli observation; for the linear part see
Fahrmeir 1992, for rating players so Glickman 1999).

Line-ups and weights are one Gaussian vector with one covariance, so a result also says something about the opponents'
opponents. What a single player is worth beside his line-up no result tells as long as it stays together: `line_ups`
keeps it apart and brings it back when somebody leaves. Five unknowns become one, exactly for five who came together,
and a covariance of some hundred line-ups takes a hundredth of the time of one of all their players.

Players who have not played yet are uncertain, not average: their variance is the prior's and their experience is a
signal. Between contests a player's variance grows by `Assumptions.drift` a day, at most to the prior's.

A day's contests are predicted one after the other, each with what the earlier ones taught, and entered together: a day
costs a day's work, whatever lies before. The same contests in the same order give the same state, byte for byte,
whether they came all at once or a day at a time.

Needs numpy and nothing else, so that serving can ask it.
"""

import io
import json
import math
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from math import comb
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from cs2_pipeline.game import rules
from cs2_pipeline.models.match.contest import Contest, LineUp
from cs2_pipeline.models.match.history import SIGNALS, History
from cs2_pipeline.models.match.line_ups import LineUps, Mix

Floats = NDArray[np.float64]
Rounds = tuple[int, int]
"""Rounds won by the first side and by the second."""

POINTS: Final = ("points", "listed", "points_alone")
"""Signals of published points: the difference where both are listed; who is listed; the points of one listed alone."""
COEFFICIENTS: Final = (*POINTS, *SIGNALS)
_USUAL_POINTS, _POINTS_SCALE = 900.0, 400.0
_WEIGHT, _TEAM, _ON_MAP = "weight:", "team:", "map:"
_EXTREME: Final = 12.0
"""Log odds beyond which an outcome teaches nothing more."""
_FORMAT: Final = 2
_GROW: Final = 256
_SWEEP: Final = 30
"""Days between two looks for who has not played for long."""


@dataclass(frozen=True)
class Assumptions:
    """What is assumed before anything is seen; variances of log odds of a map.

    Chosen on the published series before 2025-03-01.

    Attributes:
        player: variance of a player nobody has seen; five of them make a line-up.
        drift: by how much a player's variance grows in a day.
        on_map: variance of what a team is worth on one map beyond its players.
        points: variance of the weights of published points.
        signal: variance of the weights of the other signals.
        rest: after so many days without a contest a line-up's covariance with others is let go.
        round_slope: log odds of winning a round for each of the map's.
        round_weight: what a round counts for; less than 1, as a lost one also costs the money of the next.
    """

    player: float = 0.8
    drift: float = 0.0003
    on_map: float = 0.03
    points: float = 0.1
    signal: float = 0.015
    rest: int = 180
    round_slope: float = 0.3
    round_weight: float = 0.5


class Outlook(NamedTuple):
    """What is expected of a contest before it is played.

    Attributes:
        latent: the first side's advantage, in log odds of a map.
        variance: of it.
    """

    latent: float
    variance: float


class Standing(NamedTuple):
    """What is known of a line-up before a contest on a day.

    Attributes:
        signals: `history.SIGNALS`.
        mix: the sum of its players' ratings.
        team: whose line-up it is; None of one never seen.
    """

    line_up: LineUp
    signals: tuple[float, ...]
    mix: Mix
    team: int | None


@dataclass(slots=True)
class _Entered:
    """A contest of the day that is being learned from: where in the vector its unknowns stand, with what weight."""

    signals: list[float]
    slots: list[tuple[int, float]]
    missing: int
    best_of: int
    won: bool
    rounds: Rounds | None


class Ratings:
    """The state: everything learned so far.

    Attributes:
        assumptions: of the prior.
        history: what was played.
        day: the last day learned from, since 1970-01-01; None before the first.
        contests: how many were learned from.
    """

    def __init__(self, assumptions: Assumptions | None = None) -> None:
        self.assumptions = assumptions or Assumptions()
        self.history = History()
        self.day: int | None = None
        self.contests = 0
        self._line_ups = LineUps(self.assumptions.player, self.assumptions.drift, self._moments)
        self._slots: dict[str, int] = {}
        self._resting: dict[str, tuple[float, float]] = {}
        self._mean = np.zeros(_GROW)
        self._cov = np.zeros((_GROW, _GROW))
        self._swept: int | None = None
        for name in COEFFICIENTS:
            variance = self.assumptions.points if name in POINTS else self.assumptions.signal
            self._enter(_WEIGHT + name, 0.0, variance)

    # Asking -----------------------------------------------------------------------------------------------------------

    def outlook(self, contest: Contest) -> Outlook:
        """What is expected of a contest; nothing is changed.

        Raises:
            ValueError: the contest lies before the last day learned from.
        """
        return self.outlooks(contest, [contest.map_name])[0]

    def outlooks(self, contest: Contest, map_names: Sequence[str | None]) -> list[Outlook]:
        """What is expected of a contest on each of several maps; nothing is changed.

        Raises:
            ValueError: the contest lies before the last day learned from.
        """
        first, second = self.standing(contest.first, contest.day), self.standing(contest.second, contest.day)
        return self.between(first, second, map_names)

    def standing(self, line_up: LineUp, day: int) -> Standing:
        """What is known of a line-up on a day: the same until something is learned.

        Raises:
            ValueError: the day lies before the last one learned from.
        """
        self._check_order(day)
        mix = self._line_ups.mix(line_up.players, day)
        return Standing(line_up, self.history.signals(line_up, day), mix, self.history.teams.find(line_up.players))

    def between(self, first: Standing, second: Standing, map_names: Sequence[str | None]) -> list[Outlook]:
        """What is expected of a contest of two line-ups on each of several maps; nothing is changed."""
        shares = dict(first.mix.shares)
        for team, share in second.mix.shares.items():
            shares[team] = shares.get(team, 0.0) - share
        fixed = dict(enumerate(_values(first.line_up, second.line_up, first.signals, second.signals)))
        fixed |= {self._slots[_team(team)]: shares[team] for team in sorted(shares)}
        teams = (first.team, second.team)
        names = [[_on_map(team, name) for team in teams] if name is not None else [] for name in map_names]
        rated = sorted({self._slots[name] for both in names for name in both if name in self._slots})
        slots = np.array([*fixed, *rated])
        place = {slot: len(fixed) + number for number, slot in enumerate(rated)}
        design = np.zeros((len(map_names), len(slots)))
        design[:, : len(fixed)] = list(fixed.values())
        alone: list[tuple[float, float]] = []
        for row, both in zip(design, names, strict=True):
            offsets, variance = [first.mix.offset, second.mix.offset], first.mix.variance + second.mix.variance
            for side, name in enumerate(both):
                if name in self._slots:
                    row[place[self._slots[name]]] = (1.0, -1.0)[side]
                else:
                    mean, unknown = self._resting.get(name, (0.0, self.assumptions.on_map))
                    offsets[side], variance = offsets[side] + mean, variance + unknown
            alone.append((offsets[0] - offsets[1], variance))
        latent = (design @ self._mean[slots]).tolist()
        variances = ((design @ self._cov[slots[:, np.newaxis], slots]) * design).sum(axis=1).tolist()
        missing = _missing([first.line_up, second.line_up])
        return [
            Outlook(known + own, self._widened(shared + variance, missing))
            for known, shared, (own, variance) in zip(latent, variances, alone, strict=True)
        ]

    def strength(self, players: Sequence[str]) -> tuple[float, float]:
        """Mean rating of players and its standard deviation, in log odds of a map, as of when each last played."""
        mix = self._line_ups.mix(tuple(sorted(players)), None, share=1.0 / max(len(players), 1))
        slots = [self._slots[_team(team)] for team in mix.shares]
        shares = np.array(list(mix.shares.values()))
        variance = float(shares @ self._cov[np.ix_(slots, slots)] @ shares) + mix.variance
        return float(shares @ self._mean[slots]) + mix.offset, math.sqrt(max(variance, 0.0))

    def _widened(self, variance: float, missing: int) -> float:
        """The variance with players who are not known: an upper bound, whoever they turn out to be.

        By Cauchy and Schwarz: so to name one more player never makes an answer less certain.
        """
        unknown = missing * math.sqrt(self.assumptions.player) / rules.TEAM_SIZE
        return (math.sqrt(max(variance, 0.0)) + unknown) ** 2

    # Learning ---------------------------------------------------------------------------------------------------------

    def learn(
        self, contests: Sequence[Contest], won: Sequence[bool], rounds: Sequence[Rounds | None] | None = None
    ) -> list[Outlook]:
        """Learn from contests in the order they were played.

        Args:
            contests: whole days, none before the last one learned from.
            won: whether the first side won each.
            rounds: how many each side won in all maps together, where that is known. They say more than the winner.

        Returns:
            What was expected of each just before it was learned from.

        Raises:
            ValueError: a contest lies before the one before it, or the two do not have the same length.
        """
        found: list[Outlook] = []
        known = [None] * len(contests) if rounds is None else rounds
        for day, played in groupby(zip(contests, won, known, strict=True), key=lambda one: one[0].day):
            self._check_order(day)
            found += self._learn_day(day, list(played))
        return found

    def _learn_day(self, day: int, played: list[tuple[Contest, bool, Rounds | None]]) -> list[Outlook]:
        self._sweep(day)
        outlooks: list[Outlook] = []
        entered: list[_Entered] = []
        for contest, outcome, rounds in played:
            signals = self.history.signals(contest.first, day), self.history.signals(contest.second, day)
            teams = (
                self.history.note(contest.first, day, won=outcome),
                self.history.note(contest.second, day, won=not outcome),
            )
            sides = list(zip(teams, (contest.first, contest.second), strict=True))
            if entered and not all(self._line_ups.stays(team, side.players) for team, side in sides):
                outlooks += self._update(entered)  # a line-up may change only with all before it entered
                entered = []
            for team, side in sides:
                self._play(team, side.players, day)
            values, missing = (
                _values(contest.first, contest.second, *signals),
                _missing([contest.first, contest.second]),
            )
            entered.append(_Entered(values, self._unknowns(teams, contest), missing, contest.best_of, outcome, rounds))
        outlooks += self._update(entered)
        self.day, self.contests = day, self.contests + len(played)
        return outlooks

    def _unknowns(self, teams: tuple[int, int], contest: Contest) -> list[tuple[int, float]]:
        found = [(self._slots[_team(teams[0])], 1.0), (self._slots[_team(teams[1])], -1.0)]
        if contest.map_name is not None:
            for team, sign in zip(teams, (1.0, -1.0), strict=True):
                name = _on_map(team, contest.map_name)
                if name not in self._slots:
                    self._enter(name, *self._resting.pop(name, (0.0, self.assumptions.on_map)))
                found.append((self._slots[name], sign))
        return found

    def _update(self, entered: list[_Entered]) -> list[Outlook]:
        """Contests one after the other, in the space of these contests alone; then all of them into the vector."""
        count, size = len(entered), len(self._slots)
        used = sorted({*range(len(COEFFICIENTS)), *(slot for one in entered for slot, _ in one.slots)})
        place = {slot: number for number, slot in enumerate(used)}
        design = np.zeros((count, len(used)))
        for row, one in zip(design, entered, strict=True):
            row[: len(COEFFICIENTS)] = one.signals
            for slot, weight in one.slots:
                row[place[slot]] += weight
        shared = self._cov[:size, used] @ design.T
        among = design @ shared[used]
        latent = (design @ self._mean[used]).tolist()
        outlooks, moves, columns = [], np.zeros(count), np.zeros((count, count))
        for number, one in enumerate(entered):
            own, before = among[number], columns[:, :number]
            direction = before @ (own @ before)
            np.negative(direction, out=direction)
            direction[number] += 1.0
            variance = self._widened(float(own @ direction), one.missing)
            outlook = Outlook(latent[number] + float(own @ moves), variance)
            score, information = self._surprise(outlook, one)
            scale = 1.0 / (1.0 + information * variance)
            moves += direction * (score * scale)
            columns[:, number] = direction * math.sqrt(information * scale)
            outlooks.append(outlook)
        self._mean[:size] += shared @ moves
        taken = shared @ columns
        self._cov[:size, :size] -= taken @ taken.T
        return outlooks

    def _surprise(self, outlook: Outlook, one: _Entered) -> tuple[float, float]:
        """Slope and curvature of the log likelihood of what came out, in the latent advantage.

        Of the rounds where they are known: each as a toss with the odds of a round, and then the winner says no more.
        """
        if one.rounds is None:
            return _surprise(outlook, one.best_of, won=one.won)
        slope, weight = self.assumptions.round_slope, self.assumptions.round_weight
        odds = _logistic(slope * _shrunk(outlook))
        count = sum(one.rounds)
        return weight * slope * (one.rounds[0] - count * odds), weight * slope**2 * count * odds * (1.0 - odds)

    # The vector of unknowns -------------------------------------------------------------------------------------------

    def _play(self, team: int, players: tuple[str, ...], day: int) -> None:
        """Make a team's line-up ready for a contest: in the vector, and as uncertain as it has become."""
        if self._line_ups.stays(team, players):
            self._age(team, day)
            return
        sources = self._line_ups.sources(team, players)
        for other in sources:
            self._age(other, day)
        mix = self._line_ups.mix(players, day)
        size = len(self._slots)
        row, mean, variance = np.zeros(size), mix.offset, mix.variance
        for other, share in mix.shares.items():
            slot = self._slots[_team(other)]
            row += share * self._cov[slot, :size]
            mean += share * float(self._mean[slot])
        common = {other: float(row[self._slots[_team(other)]]) for other in sources}
        variance += math.fsum(share * common[other] for other, share in mix.shares.items())
        self._line_ups.change(team, players, day, common, (mean, variance))
        if _team(team) not in self._slots:
            self._enter(_team(team), mean, variance)
        slot = self._slots[_team(team)]
        self._cov[slot, :size] = self._cov[:size, slot] = row
        self._mean[slot], self._cov[slot, slot] = mean, variance

    def _age(self, team: int, day: int) -> None:
        slot = self._slots[_team(team)]
        self._cov[slot, slot] += self._line_ups.age(team, day)

    def _moments(self, team: int) -> tuple[float, float]:
        slot = self._slots[_team(team)]
        return float(self._mean[slot]), float(self._cov[slot, slot])

    def _enter(self, name: str, mean: float, variance: float) -> None:
        slot = len(self._slots)
        if slot == self._mean.size:
            self._mean = np.pad(self._mean, (0, _GROW))
            self._cov = np.pad(self._cov, ((0, _GROW), (0, _GROW)))
        self._slots[name] = slot
        self._mean[slot], self._cov[slot, slot] = mean, variance

    def _sweep(self, day: int) -> None:
        """Every 30 days, let go of the covariance of those who have not played for long: the vector stays short."""
        if day // _SWEEP == self._swept:
            return
        self._swept = day // _SWEEP
        gone = set(self._line_ups.rest(day - self.assumptions.rest))
        kept = []
        for name, slot in self._slots.items():
            kind, _, team = name.partition("@")[0].partition(":")
            if f"{kind}:" == _WEIGHT or int(team) not in gone:
                kept.append(name)
            elif f"{kind}:" == _ON_MAP:
                self._resting[name] = (float(self._mean[slot]), float(self._cov[slot, slot]))
        slots = [self._slots[name] for name in kept]
        self._settle(kept, self._mean[slots], self._cov[np.ix_(slots, slots)])

    def _settle(self, names: list[str], mean: Floats, cov: Floats) -> None:
        """Take over unknowns in buffers with room for more."""
        count = len(names)
        room = (count // _GROW + 1) * _GROW
        self._slots = {name: slot for slot, name in enumerate(names)}
        self._mean, self._cov = np.zeros(room), np.zeros((room, room))
        self._mean[:count], self._cov[:count, :count] = mean, cov

    def _check_order(self, day: int) -> None:
        if self.day is not None and day < self.day:
            raise ValueError(
                f"a contest of day {day} comes after one of day {self.day} was learned from: ratings learn in the "
                "order of play; replay from the beginning to take in a late result"
            )

    # Keeping ----------------------------------------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """The whole state. Equal states give equal bytes."""
        count = len(self._slots)
        document = {
            "format": _FORMAT,
            "assumptions": asdict(self.assumptions),
            "day": self.day,
            "contests": self.contests,
            "swept": self._swept,
            "names": list(self._slots),
            "resting": {name: list(known) for name, known in self._resting.items()},
            "line_ups": self._line_ups.to_document(),
            "history": self.history.to_document(),
        }
        file = io.BytesIO()
        np.savez(
            file,
            document=np.frombuffer(json.dumps(document, sort_keys=True).encode(), dtype=np.uint8),
            mean=self._mean[:count],
            covariance=self._cov[:count, :count],
        )
        return file.getvalue()

    @classmethod
    def of_bytes(cls, content: bytes) -> Self:
        """The state that `to_bytes` gave.

        Raises:
            ValueError: it is no such state, or one of another format.
        """
        try:
            arrays = np.load(io.BytesIO(content), allow_pickle=False)
            document = json.loads(arrays["document"].tobytes())
            if document["format"] != _FORMAT:
                told = f"format {document['format']} is not the {_FORMAT} this version reads"
                raise ValueError(f"{told}: train the model again (`cs2 train match`)")
            found = cls(Assumptions(**document["assumptions"]))
            found._settle(document["names"], arrays["mean"], arrays["covariance"])
            found._line_ups.restore(document["line_ups"])
            found.day, found.contests, found._swept = document["day"], document["contests"], document["swept"]
            found._resting = {name: (mean, variance) for name, (mean, variance) in document["resting"].items()}
            found.history = History.of_document(document["history"])
        except (AttributeError, EOFError, KeyError, OSError, TypeError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(f"not a readable state of ratings: {error!r}") from error
        return found


def _team(number: int) -> str:
    return f"{_TEAM}{number}"


def _on_map(team: int | None, map_name: str) -> str:
    return f"{_ON_MAP}{team}@{map_name}"


def _missing(sides: Iterable[LineUp]) -> int:
    return sum(rules.TEAM_SIZE - len(side.players) for side in sides)


def _values(first: LineUp, second: LineUp, signals: Sequence[float], others: Sequence[float]) -> list[float]:
    """`COEFFICIENTS`' values: of the first side minus of the second, so that exchanging them changes the sign."""
    return [*_points(first, second), *(one - other for one, other in zip(signals, others, strict=True))]


def _points(first: LineUp, second: LineUp) -> tuple[float, float, float]:
    """`POINTS`: antisymmetric too."""
    one, other = (
        (side.points - _USUAL_POINTS) / _POINTS_SCALE if side.points is not None else None for side in (first, second)
    )
    if one is not None and other is not None:
        return one - other, 0.0, 0.0
    if one is not None:
        return 0.0, 1.0, one
    if other is not None:
        return 0.0, -1.0, -other
    return 0.0, 0.0, 0.0


def _surprise(outlook: Outlook, best_of: int, *, won: bool) -> tuple[float, float]:
    """Slope and curvature of an outcome's log likelihood in the latent advantage.

    The likelihood is the exact odds of the series at the map's odds, so a best of five says more than one map.
    """
    odds = _logistic(_shrunk(outlook))
    needed, miss = best_of // 2 + 1, 1.0 - odds
    slope = best_of * comb(best_of - 1, needed - 1) * (odds * miss) ** needed
    series = 0.0
    for wins in range(needed, best_of + 1):
        series += comb(best_of, wins) * odds**wins * miss ** (best_of - wins)
    spread = max(series * (1.0 - series), 1e-12)
    return (float(won) - series) * slope / spread, slope * slope / spread


def _logistic(logit: float) -> float:
    return 1.0 / (1.0 + math.exp(-min(max(logit, -_EXTREME), _EXTREME)))


def _shrunk(outlook: Outlook) -> float:
    """The advantage, nearer to 0 the less certain it is: its odds are about the mean of the odds."""
    return outlook.latent / math.sqrt(1.0 + math.pi * outlook.variance / 8.0)
