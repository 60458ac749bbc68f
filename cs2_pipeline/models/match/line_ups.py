"""What a player is worth within a line-up: how five ratings become one unknown, and one becomes five again.

A line-up's part of the ratings is one unknown, the mean of its players' (those not known count as 0). A player's own
rating is then told by it: an offset, a share of the unknown, and a remainder that no result tells anything about as
long as the five play together. The remainders of a line-up add up to 0; each is its own normal number less their mean.
When somebody leaves or comes, the new line-up's unknown is a weighted sum of the old ones' and of remainders.

For five who began together this is exact; afterwards it neglects that remainders differ in how they go together.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from cs2_pipeline.game import rules

SHARE: Final = 1.0 / rules.TEAM_SIZE
_LEAST: Final = 1e-4
"""Variance below which no remainder falls."""


class Mix(NamedTuple):
    """A sum of ratings: `shares` of the unknowns of teams, a number, and a variance of what goes with nothing else."""

    shares: dict[int, float]
    offset: float
    variance: float


class _Member(NamedTuple):
    offset: float
    share: float
    spread: float


@dataclass(slots=True)
class _Group:
    """A team's line-up when it played last; `whole` until one of it has played for another team."""

    day: int
    members: dict[str, _Member]
    whole: bool = True

    def remainder(self, total: float, spread: float) -> float:
        """Variance of one member's remainder, all spreads adding up to `total`."""
        size = len(self.members)
        return spread * (1.0 - 2.0 / size) + total / size**2

    @property
    def total(self) -> float:
        return sum([member.spread for member in self.members.values()])


class LineUps:
    """The line-ups that teams played with last, and the players who are in none of them any more.

    Args:
        prior: variance of a player nobody has seen.
        drift: by how much a player's variance grows in a day.
        moments: mean and variance of a team's unknown.
    """

    def __init__(self, prior: float, drift: float, moments: Callable[[int], tuple[float, float]]) -> None:
        self._prior, self._drift, self._moments = prior, drift, moments
        self._groups: dict[int, _Group] = {}
        self._of: dict[str, int] = {}
        self._loose: dict[str, tuple[float, float, int]] = {}

    def stays(self, team: int, players: Iterable[str]) -> bool:
        """Whether a team plays with whom it played last, and none of them has played elsewhere since."""
        group = self._groups.get(team)
        return group is not None and group.whole and group.members.keys() == set(players)

    def sources(self, team: int, players: Iterable[str]) -> list[int]:
        """The teams whose unknowns tell something of a team's new line-up, and the team itself where it is known."""
        found = {self._of[player] for player in players if player in self._of}
        return sorted(found | {team} if team in self._groups else found)

    def mix(self, players: Sequence[str], day: int | None, share: float = SHARE) -> Mix:
        """The sum of players' ratings, each times `share`, on a day; without a day as of when each last played."""
        together: dict[int, list[str]] = {}
        variance = offset = 0.0
        for player in sorted(players):
            if (team := self._of.get(player)) is not None:
                together.setdefault(team, []).append(player)
            else:
                mean, own = self._alone(player, day)
                offset, variance = offset + share * mean, variance + share**2 * own
        shares = {}
        for team, chosen in sorted(together.items()):
            added, group = self._aged(team, day)
            shares[team] = share * math.fsum(group.members[player].share for player in chosen)
            offset += share * math.fsum(group.members[player].offset for player in chosen)
            variance += share**2 * _of_sum(group, chosen) + shares[team] ** 2 * added
        return Mix(shares, offset, variance)

    def age(self, team: int, day: int) -> float:
        """Let a team's line-up become as uncertain as it is on a day; returns what its unknown's variance gains."""
        added, self._groups[team] = self._aged(team, day)
        return added

    def change(
        self, team: int, players: Sequence[str], day: int, common: Mapping[int, float], unknown: tuple[float, float]
    ) -> None:
        """Put a new line-up in the place of a team's; everyone it comes from must have been aged to the day.

        Args:
            common: covariance of the new unknown with that of each team it comes from.
            unknown: mean and variance of the new unknown.
        """
        chosen: dict[int, list[str]] = {}
        for player in players:
            if (other := self._of.get(player)) is not None:
                chosen.setdefault(other, []).append(player)
        joining = {}
        for player in sorted(players):
            mean, variance = self._marginal(player, day)
            other = self._of.get(player)
            if other is None:
                covariance = SHARE * variance
            else:
                group = self._groups[other]
                covariance = group.members[player].share * common[other]
                covariance += SHARE * _with_sum(group, player, chosen[other])
            joining[player] = _member(mean, variance, covariance, unknown, len(players))
        if (left := self._groups.get(team)) is not None:
            for player in left.members.keys() - joining.keys():
                if self._of.get(player) == team:
                    self._loose[player] = (*self._marginal(player, day), day)
            for player in left.members:
                if player in self._loose:
                    self._of.pop(player, None)
        for player in joining:
            self._loose.pop(player, None)
            if (other := self._of.get(player)) is not None:
                self._groups[other].whole = False
            self._of[player] = team
        self._groups[team] = _Group(day, joining)

    def rest(self, before: int) -> list[int]:
        """Dissolve the line-ups that have not played since a day; returns their teams."""
        found = sorted(team for team, group in self._groups.items() if group.day < before)
        for team in found:
            for player in self._groups[team].members:
                if self._of.get(player) == team:
                    self._loose[player] = (*self._marginal(player, None), self._groups[team].day)
        for team in found:
            for player in self._groups.pop(team).members:
                if self._of.get(player) == team:
                    del self._of[player]
        return found

    def _alone(self, player: str, day: int | None) -> tuple[float, float]:
        """Mean and variance of somebody who is in no line-up."""
        if (known := self._loose.get(player)) is None:
            return 0.0, self._prior
        mean, variance, since = known
        grown = 0.0 if day is None else self._drift * (day - since)
        return mean, variance + min(grown, max(self._prior - variance, 0.0))

    def _marginal(self, player: str, day: int | None) -> tuple[float, float]:
        """Mean and variance of a player on a day; of one in a line-up, as of when that was aged."""
        team = self._of.get(player)
        if team is None:
            return self._alone(player, day)
        group, (mean, variance) = self._groups[team], self._moments(team)
        offset, share, spread = group.members[player]
        return offset + share * mean, share**2 * variance + group.remainder(group.total, spread)

    def _aged(self, team: int, day: int | None) -> tuple[float, _Group]:
        """What a team's unknown gains in variance until a day, and its line-up then."""
        group = self._groups[team]
        if day is None or day <= group.day:
            return 0.0, group
        mean, variance = self._moments(team)
        size, total = len(group.members), group.total
        own, common = 1.0 - 2.0 / size, total / size**2  # as in `remainder`
        widest = max([share**2 * variance + spread * own + common for _, share, spread in group.members.values()])
        grown = min(self._drift * (day - group.day), max(self._prior - widest, 0.0))
        added = size * SHARE**2 * grown
        aged, gained = variance + added, SHARE * grown
        members = {}
        for player, (offset, share, spread) in group.members.items():
            after = (share * variance + gained) / aged
            members[player] = _Member(offset + (share - after) * mean, after, spread + grown)
        return added, _Group(day, members, group.whole)

    # Keeping ----------------------------------------------------------------------------------------------------------

    def to_document(self) -> dict[str, Any]:
        """For JSON: the same line-ups give the same document."""
        return {
            "groups": [
                [team, group.day, group.whole, [[player, *member] for player, member in group.members.items()]]
                for team, group in self._groups.items()
            ],
            "of": dict(self._of),
            "loose": {player: list(known) for player, known in self._loose.items()},
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take over the line-ups that a document was made from."""
        self._groups = {
            team: _Group(day, {player: _Member(*member) for player, *member in members}, whole)
            for team, day, whole, members in document["groups"]
        }
        self._of = dict(document["of"])
        self._loose = {player: (mean, variance, day) for player, (mean, variance, day) in document["loose"].items()}


def _of_sum(group: _Group, chosen: Sequence[str]) -> float:
    """Variance of the sum of some members' remainders; 0 of all of them."""
    part = len(chosen) / len(group.members)
    within = math.fsum(group.members[player].spread for player in chosen)
    return max(within * (1.0 - part) ** 2 + (group.total - within) * part**2, 0.0)


def _with_sum(group: _Group, player: str, chosen: Sequence[str]) -> float:
    """Covariance of a member's remainder with the sum of those of some members, himself among them."""
    size = len(group.members)
    part = len(chosen) / size
    within = math.fsum(group.members[one].spread for one in chosen)
    return group.members[player].spread * (1.0 - part) - within / size + group.total * part / size


def _member(mean: float, variance: float, covariance: float, unknown: tuple[float, float], size: int) -> _Member:
    share = covariance / unknown[1]
    remainder = max(variance - share * covariance, _LEAST)
    return _Member(mean - share * unknown[0], share, remainder * size / (size - 1) if size > 1 else remainder)
