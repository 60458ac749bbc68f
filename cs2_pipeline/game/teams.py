"""What a team is: line-ups that share three or more players in a row.

A team lives on in its players, not in its name: a rename changes nothing, a stand-in changes nothing, and two teams
that swap names stay who they are. Only that rule belongs here; what teams are called is `datasets.directories`'.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from cs2_pipeline.game import rules

CORE: Final = 3
"""Players of a line-up who must have played for a team last, for the line-up to be that team's."""


class Teams:
    """Tells line-ups of one team from those of another, as they come in the order of play.

    Three of the five must have played for the team when they played last: so a stand-in does not break the row, nor
    do two matches with different ones. Teams are numbered in the order in which they are first seen.

    Attributes:
        count: how many teams there are.
        of_player: the number of the team each player played for last.
    """

    def __init__(self, count: int = 0, of_player: Mapping[str, int] | None = None) -> None:
        self.count = count
        self.of_player = dict(of_player or {})

    def find(self, line_up: Iterable[str]) -> int | None:
        """The number of the team this line-up is, or None for one never seen. Nothing is noted."""
        played_for = Counter(self.of_player[player] for player in set(line_up) if player in self.of_player)
        # Fewer than two teams can have three players of five, so whichever has them is the one.
        return next((team for team, players in played_for.items() if players >= CORE), None)

    def note(self, line_up: Iterable[str]) -> int:
        """The number of the team that played with this line-up."""
        players = set(line_up)
        team = self.find(players)
        if team is None:
            team = self.count
            self.count += 1
        self.of_player |= dict.fromkeys(players, team)
        return team


def nameless(team: str) -> tuple[str, ...]:
    """Ids of five players of whom only the team's name is known: so that its results still tell something."""
    return tuple(f"{team} #{number}" for number in range(1, rules.TEAM_SIZE + 1))
