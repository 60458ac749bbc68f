"""What a team is: line-ups that share three or more players in a row.

A team lives on in its players, not in its name: a rename changes nothing, a stand-in changes nothing, and two teams
that swap names stay who they are. Only that rule belongs here; what teams are called is `datasets.directories`'.
"""

from collections.abc import Iterable
from typing import Final

CORE: Final = 3
"""Players that two line-ups in a row must share to be the same team."""


class Teams:
    """Tells line-ups of one team from those of another, as they come in the order of play.

    Teams are numbered in the order in which they are first seen, so that the same line-ups in the same order give
    the same numbers.
    """

    def __init__(self, latest: Iterable[Iterable[str]] = ()) -> None:
        """``latest`` are the latest line-ups of the teams known already, by number (see `latest`)."""
        self._latest: list[frozenset[str]] = []
        self._of: dict[str, set[int]] = {}
        for line_up in latest:
            self._latest.append(frozenset())
            self._note(len(self._latest) - 1, frozenset(line_up))

    @property
    def latest(self) -> list[list[str]]:
        """Each team's latest line-up, sorted, by team number."""
        return [sorted(line_up) for line_up in self._latest]

    def find(self, line_up: Iterable[str]) -> int | None:
        """The number of the team this line-up is, or None for one never seen. Nothing is noted.

        Of several teams that qualify, the one that shares most players; of those the lowest number, the oldest.
        """
        players = frozenset(line_up)
        shared: dict[int, int] = {}
        for player in players:
            for team in self._of.get(player, ()):
                shared[team] = shared.get(team, 0) + 1
        enough = [(-count, team) for team, count in shared.items() if count >= CORE]
        return min(enough)[1] if enough else None

    def note(self, line_up: Iterable[str]) -> int:
        """The number of the team that played with this line-up, which is its latest from now on."""
        players = frozenset(line_up)
        team = self.find(players)
        if team is None:
            team = len(self._latest)
            self._latest.append(frozenset())
        self._note(team, players)
        return team

    def _note(self, team: int, players: frozenset[str]) -> None:
        for player in self._latest[team] - players:
            self._of[player].discard(team)
        for player in players:
            self._of.setdefault(player, set()).add(team)
        self._latest[team] = players
