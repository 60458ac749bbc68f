"""Ratings of players and teams with what is not known of them, as they move with time.

The strength of a line-up, in log odds of winning one map, is the mean of its players' ratings, its team's own part,
its team's part on the map, and a weighted sum of signals (`history`, published points). All of these unknowns are
one Gaussian vector with one covariance, updated after each contest by one Newton step on the exact likelihood of its
outcome (a Kalman filter with a Bernoulli observation; for the linear part see Fahrmeir 1992, for rating players so
Glickman 1999). With the whole covariance a result also says something about the opponents' opponents; a rating that
keeps each player's variance alone loses a hundredth of log loss.

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
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from math import comb
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from cs2_pipeline.game import rules
from cs2_pipeline.game.series import series_odds
from cs2_pipeline.models.match.contest import Contest, LineUp
from cs2_pipeline.models.match.history import SIGNALS, History

Floats = NDArray[np.float64]

POINTS: Final = ("points", "listed", "points_alone")
"""Signals of published points: the difference where both are listed; who is listed; the points of one listed alone."""
COEFFICIENTS: Final = (*POINTS, *SIGNALS)
_USUAL_POINTS, _POINTS_SCALE = 900.0, 400.0
_WEIGHT, _PLAYER, _TEAM, _ON_MAP = "weight:", "player:", "team:", "map:"
_EXTREME: Final = 12.0
"""Log odds beyond which an outcome teaches nothing more."""
_FORMAT: Final = 1
_FLUSH: Final = 96
"""Columns of pending updates that are worked into the covariance together: one large product is faster than many."""
_GROW: Final = 256
_SWEEP: Final = 30
"""Days between two looks for who has not played for long."""


@dataclass(frozen=True)
class Assumptions:
    """What is assumed before anything is seen; variances of log odds of a map.

    Attributes:
        player: variance of a player nobody has seen; five of them make a line-up.
        drift: by how much a player's variance grows in a day.
        team: variance of what a team is worth beyond its players.
        on_map: variance of what a team is worth on one map beyond that.
        points: variance of the weights of published points.
        signal: variance of the weights of the other signals.
        rest: after so many days without a contest a player's or team's covariance with others is let go.
    """

    player: float = 0.58
    drift: float = 0.0009
    team: float = 0.09
    on_map: float = 0.03
    points: float = 0.22
    signal: float = 0.009
    rest: int = 40


@dataclass(frozen=True)
class Outlook:
    """What is expected of a contest before it is played.

    Attributes:
        latent: the first side's advantage, in log odds of a map.
        variance: of it.
    """

    latent: float
    variance: float


@dataclass
class _Resting:
    """Somebody who has not played for long: mean and variance as they were on a day."""

    mean: float
    variance: float
    day: int


@dataclass
class _Design:
    """Which unknowns a contest reads, with what weight, and how many of the ten players are not known."""

    weights: dict[str, float]
    missing: int


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
        self._slots: dict[str, int] = {}
        self._resting: dict[str, _Resting] = {}
        self._mean = np.zeros(_GROW)
        self._cov = np.zeros((_GROW, _GROW))
        self._pending = np.zeros((_GROW, 0))
        self._last = np.zeros(_GROW, dtype=np.int64)
        self._swept = -1
        for name in COEFFICIENTS:
            self._enter(_WEIGHT + name, 0)

    # Asking -----------------------------------------------------------------------------------------------------------

    def outlook(self, contest: Contest) -> Outlook:
        """What is expected of a contest; nothing is changed.

        Raises:
            ValueError: the contest lies before the last day learned from.
        """
        self._check_order(contest.day)
        teams = (self.history.teams.find(contest.first.players), self.history.teams.find(contest.second.players))
        design = self._design(contest, self._signals(contest), teams)
        names = sorted(design.weights)
        weights = np.array([design.weights[name] for name in names])
        known = [self._marginal(name, contest.day) for name in names]
        covariance = self._covariance(names)
        np.fill_diagonal(covariance, [variance for _, variance in known])
        latent = math.fsum(weight * mean for weight, (mean, _) in zip(weights.tolist(), known, strict=True))
        return Outlook(latent, self._widened(float(weights @ covariance @ weights), design.missing))

    def strength(self, players: Sequence[str]) -> tuple[float, float]:
        """Mean rating of players and its standard deviation, in log odds of a map, as of when each last played."""
        names = [_PLAYER + player for player in sorted(players)]
        known = [self._marginal(name, self.day or 0) for name in names]
        covariance = self._covariance(names)
        np.fill_diagonal(covariance, [variance for _, variance in known])
        share = 1.0 / max(len(names), 1)
        return share * math.fsum(mean for mean, _ in known), share * math.sqrt(max(float(covariance.sum()), 0.0))

    def _widened(self, variance: float, missing: int) -> float:
        """The variance with players who are not known: an upper bound, whoever they turn out to be.

        By Cauchy and Schwarz: so to name one more player never makes an answer less certain.
        """
        unknown = missing * math.sqrt(self.assumptions.player) / rules.TEAM_SIZE
        return (math.sqrt(max(variance, 0.0)) + unknown) ** 2

    def _marginal(self, name: str, day: int) -> tuple[float, float]:
        """Mean and variance of one unknown on a day."""
        slot = self._slots.get(name)
        if slot is None:
            resting = self._resting.get(name)
            if resting is None:
                return 0.0, self._prior(name)
            mean, variance, last = resting.mean, resting.variance, resting.day
        else:
            column = self._pending[slot]
            mean, variance = float(self._mean[slot]), float(self._cov[slot, slot] - column @ column)
            last = int(self._last[slot])
        return mean, variance + self._growth(name, variance, day - last)

    def _covariance(self, names: list[str]) -> Floats:
        """Covariance of unknowns without drift; nothing is shared with those who are not rated at present."""
        found = np.zeros((len(names), len(names)))
        places = [place for place, name in enumerate(names) if name in self._slots]
        slots = [self._slots[names[place]] for place in places]
        pending = self._pending[slots]
        found[np.ix_(places, places)] = self._cov[np.ix_(slots, slots)] - pending @ pending.T
        return found

    # Learning ---------------------------------------------------------------------------------------------------------

    def learn(self, contests: Sequence[Contest], won: Sequence[bool]) -> list[Outlook]:
        """Learn from contests in the order they were played.

        Args:
            contests: whole days, none before the last one learned from.
            won: whether the first side won each.

        Returns:
            What was expected of each just before it was learned from.

        Raises:
            ValueError: a contest lies before the one before it, or the two do not have the same length.
        """
        found: list[Outlook] = []
        for day, played in groupby(zip(contests, won, strict=True), key=lambda one: one[0].day):
            self._check_order(day)
            found += self._learn_day(day, list(played))
        return found

    def _learn_day(self, day: int, played: list[tuple[Contest, bool]]) -> list[Outlook]:
        self._sweep(day)
        designs = [self._noted(contest, won) for contest, won in played]
        for name in sorted({name for design in designs for name in design.weights}):
            self._wake(name, day)
        slots = [np.array([self._slots[name] for name in design.weights]) for design in designs]
        weights = [np.array(list(design.weights.values())) for design in designs]
        count, pending = len(self._slots), self._pending[: len(self._slots)]
        shared = np.empty((count, len(designs)))
        for place, (slot, weight) in enumerate(zip(slots, weights, strict=True)):
            shared[:, place] = weight @ self._cov[slot, :count] - pending @ (weight @ pending[slot])
        among = np.stack([weight @ shared[slot] for slot, weight in zip(slots, weights, strict=True)])
        latent = np.array([weight @ self._mean[slot] for slot, weight in zip(slots, weights, strict=True)])
        outlooks, moves, columns = self._filtered(latent, among, played, designs)
        self._mean[:count] += shared @ moves
        fresh = np.zeros((self._pending.shape[0], columns.shape[1]))
        fresh[:count] = shared @ columns
        self._pending = np.concatenate([self._pending, fresh], axis=1)
        if self._pending.shape[1] >= _FLUSH:
            self._flush()
        self.day, self.contests = day, self.contests + len(played)
        return outlooks

    def _filtered(
        self, latent: Floats, among: Floats, played: list[tuple[Contest, bool]], designs: list[_Design]
    ) -> tuple[list[Outlook], Floats, Floats]:
        """A day's contests one after the other, in the space of the day's contests alone.

        Args:
            latent, among: means and covariance of the contests' latent advantages before the day.

        Returns:
            Outlooks; how far the means move along the contests' covariance; the same for the covariance's columns.
        """
        count = len(played)
        outlooks, now = [], among.copy()
        moves, columns, taken = np.zeros(count), np.zeros((count, count)), np.zeros((count, count))
        for place, (contest, won) in enumerate(played):
            variance = float(now[place, place])
            outlook = Outlook(float(latent[place]), self._widened(variance, designs[place].missing))
            outlooks.append(outlook)
            score, information = _surprise(outlook, contest.best_of, won=won)
            scale = 1.0 / (1.0 + information * outlook.variance)
            direction = -taken @ among[:, place]
            direction[place] += 1.0
            gain = now[:, place].copy()
            latent = latent + gain * (score * scale)
            now -= np.outer(gain, gain) * (information * scale)
            moves += direction * (score * scale)
            columns[:, place] = direction * math.sqrt(information * scale)
            taken += np.outer(columns[:, place], columns[:, place])
        return outlooks, moves, columns

    def _noted(self, contest: Contest, won: bool) -> _Design:
        """The design of a contest from what was noted before it; then it is noted too."""
        signals = self._signals(contest)
        teams = (
            self.history.note(contest.first, contest.day, won=won),
            self.history.note(contest.second, contest.day, won=not won),
        )
        return self._design(contest, signals, teams)

    def _signals(self, contest: Contest) -> list[float]:
        """`COEFFICIENTS`' values: of the first side minus of the second, so that exchanging them changes the sign."""
        first, second = (self.history.signals(side, contest.day) for side in (contest.first, contest.second))
        difference = [one - other for one, other in zip(first, second, strict=True)]
        return [*_points(contest.first, contest.second), *difference]

    def _design(self, contest: Contest, signals: list[float], teams: tuple[int | None, int | None]) -> _Design:
        weights = {_WEIGHT + name: value for name, value in zip(COEFFICIENTS, signals, strict=True)}
        missing = 0
        for sign, place, side, team in (
            (1.0, "first", contest.first, teams[0]),
            (-1.0, "second", contest.second, teams[1]),
        ):
            missing += rules.TEAM_SIZE - len(side.players)
            weights |= {_PLAYER + player: sign / rules.TEAM_SIZE for player in side.players}
            name = f"{_TEAM}{team if team is not None else place}"
            weights[name] = sign
            if contest.map_name is not None:
                weights[f"{_ON_MAP}{name}@{contest.map_name}"] = sign
        return _Design(dict(sorted(weights.items())), missing)

    # The vector of unknowns -------------------------------------------------------------------------------------------

    def _prior(self, name: str) -> float:
        if name.startswith(_WEIGHT):
            return self.assumptions.points if name.removeprefix(_WEIGHT) in POINTS else self.assumptions.signal
        kinds = {_PLAYER: self.assumptions.player, _TEAM: self.assumptions.team, _ON_MAP: self.assumptions.on_map}
        return next(variance for kind, variance in kinds.items() if name.startswith(kind))

    def _growth(self, name: str, variance: float, days: int) -> float:
        if not name.startswith(_PLAYER):
            return 0.0
        return min(self.assumptions.drift * days, max(self.assumptions.player - variance, 0.0))

    def _wake(self, name: str, day: int) -> None:
        """Make an unknown ready for a contest on a day: entered, and as uncertain as it has become."""
        mean, variance = self._marginal(name, day)
        if name not in self._slots:
            slot = self._enter(name, day)
            self._mean[slot], self._cov[slot, slot] = mean, variance
            self._resting.pop(name, None)
        slot = self._slots[name]
        column = self._pending[slot]
        self._cov[slot, slot] = variance + float(column @ column)
        self._last[slot] = day

    def _enter(self, name: str, day: int) -> int:
        slot = len(self._slots)
        if slot == self._mean.size:
            more = (0, _GROW)
            self._mean, self._last = np.pad(self._mean, more), np.pad(self._last, more)
            self._cov, self._pending = np.pad(self._cov, (more, more)), np.pad(self._pending, (more, (0, 0)))
        self._slots[name] = slot
        self._cov[slot, slot], self._last[slot] = self._prior(name), day
        return slot

    def _flush(self) -> None:
        """Work the pending updates into the covariance."""
        count = len(self._slots)
        pending = np.ascontiguousarray(self._pending[:count])
        self._cov[:count, :count] -= pending @ pending.T
        self._pending = np.zeros((self._mean.size, 0))

    def _sweep(self, day: int) -> None:
        """Every 30 days, let go of the covariance of those who have not played for long: the vector stays short."""
        if day // _SWEEP == self._swept:
            return
        self._swept = day // _SWEEP
        self._flush()
        rests = [
            name
            for name, slot in self._slots.items()
            if not name.startswith(_WEIGHT) and day - self._last[slot] > self.assumptions.rest
        ]
        for name in rests:
            slot = self._slots[name]
            self._resting[name] = _Resting(float(self._mean[slot]), float(self._cov[slot, slot]), int(self._last[slot]))
        kept = [name for name in self._slots if name not in self._resting]
        slots = [self._slots[name] for name in kept]
        self._settle(kept, self._mean[slots], self._cov[np.ix_(slots, slots)], self._last[slots])

    def _settle(self, names: list[str], mean: Floats, cov: Floats, last: NDArray[np.int64]) -> None:
        """Take over unknowns in buffers with room for more."""
        count = len(names)
        room = (count // _GROW + 1) * _GROW
        self._slots = {name: slot for slot, name in enumerate(names)}
        self._mean, self._last = np.zeros(room), np.zeros(room, dtype=np.int64)
        self._cov, self._pending = np.zeros((room, room)), np.zeros((room, 0))
        self._mean[:count], self._last[:count], self._cov[:count, :count] = mean, last, cov

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
            "resting": {name: [one.mean, one.variance, one.day] for name, one in sorted(self._resting.items())},
            "history": self.history.to_document(),
        }
        file = io.BytesIO()
        np.savez(
            file,
            document=np.frombuffer(json.dumps(document, sort_keys=True).encode(), dtype=np.uint8),
            mean=self._mean[:count],
            last=self._last[:count],
            covariance=self._cov[:count, :count][np.tril_indices(count)],
            pending=self._pending[:count],
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
                raise ValueError(f"format {document['format']} is not the {_FORMAT} this version reads")
            names, count = document["names"], len(document["names"])
            found = cls(Assumptions(**document["assumptions"]))
            lower = np.zeros((count, count))
            lower[np.tril_indices(count)] = arrays["covariance"]
            found._settle(names, arrays["mean"], lower + np.tril(lower, -1).T, arrays["last"])
            found._pending = np.zeros((found._mean.size, arrays["pending"].shape[1]))
            found._pending[:count] = arrays["pending"]
        except (KeyError, TypeError, EOFError, OSError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(f"not a readable state of ratings: {error}") from error
        found.day, found.contests, found._swept = document["day"], document["contests"], document["swept"]
        found._resting = {name: _Resting(*values) for name, values in document["resting"].items()}
        found.history = History.of_document(document["history"])
        return found


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
    shrunk = outlook.latent / math.sqrt(1.0 + math.pi * outlook.variance / 8.0)
    odds = 1.0 / (1.0 + math.exp(-min(max(shrunk, -_EXTREME), _EXTREME)))
    needed = best_of // 2 + 1
    both = odds * (1.0 - odds)
    slope = best_of * comb(best_of - 1, needed - 1) * both**needed
    series = series_odds(best_of, [odds] * best_of)
    spread = max(series * (1.0 - series), 1e-12)
    return (float(won) - series) * slope / spread, slope * slope / spread
