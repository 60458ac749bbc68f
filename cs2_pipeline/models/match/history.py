"""What the past says of a line-up beyond its strength: experience, activity, shared history, stand-ins, form.

`History` holds what has been played, in order; `signals` turns a line-up on a day into numbers. It counts only what
was noted before, so a contest must be asked about before it is noted. Every number is of one side: the model reads
the difference of both, which makes it antisymmetric.
"""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cs2_pipeline.game import rules
from cs2_pipeline.game.teams import Teams
from cs2_pipeline.models.match.contest import LineUp

SIGNALS: Final = (
    "rest",
    "played_30",
    "played_90",
    "experience",
    "least_experience",
    "together",
    "stand_ins",
    "debutants",
    "form",
    "points_trend",
)
"""Names of what `History.signals` gives, in order."""
LONGEST_REST: Final = 60
_RECENT: Final = (30, 90)
_FORM: Final = 10
_TREND_DAYS: Final = 45
_POINTS_DAYS: Final = 90
_LONGEST_RECENT: Final = 120
"""How many of a team's latest contests are kept."""


@dataclass
class _Record:
    """A team's past: days of its latest contests, their results, who played the last one, published points by day."""

    days: list[int] = field(default_factory=list)
    results: deque[int] = field(default_factory=lambda: deque(maxlen=_FORM))
    line_up: tuple[str, ...] = ()
    points: deque[tuple[int, float]] = field(default_factory=deque)

    def trend(self, points: float | None, day: int) -> float:
        """How many hundred points more than 45 days before; 0 where either is not known."""
        before = [known for since, known in self.points if since <= day - _TREND_DAYS]
        if points is None or not before:
            return 0.0
        return min(max((points - before[-1]) / 100.0, -3.0), 3.0)

    def note_points(self, points: float | None, day: int) -> None:
        if points is not None:
            self.points.append((day, points))
            while len(self.points) > 1 and self.points[1][0] <= day - _TREND_DAYS:
                self.points.popleft()


class History:
    """Everything noted so far, in the order it was played."""

    def __init__(self) -> None:
        self.teams = Teams()
        self._records: dict[int, _Record] = {}
        self._played: dict[str, int] = {}
        self._together: dict[str, int] = {}

    def signals(self, line_up: LineUp, day: int) -> tuple[float, ...]:
        """`SIGNALS` of a line-up before a contest on a day, each scaled to about one standard deviation."""
        players = line_up.players
        team = self.teams.find(players)
        record = self._records.get(team, _Record()) if team is not None else _Record()
        played = [self._played.get(player, 0) for player in players] + [0] * (rules.TEAM_SIZE - len(players))
        known = [math.log1p(count) for count in sorted(played)]
        rest = min(day - record.days[-1], LONGEST_REST) if record.days else LONGEST_REST
        recent = [len(record.days) - bisect_left(record.days, day - span) for span in _RECENT]
        stand_ins = len(set(players) - set(record.line_up)) if record.line_up else 0
        return (
            math.log1p(rest),
            math.log1p(recent[0]) / 0.8,
            math.log1p(recent[1]) / 0.9,
            math.fsum(known) / rules.TEAM_SIZE,
            known[0],
            math.log1p(self._together.get(_key(players), 0)) / 1.5,
            stand_ins / 0.65,
            float(played.count(0)),
            (sum(record.results) - len(record.results) / 2) / 2,
            record.trend(line_up.points, day),
        )

    def note(self, line_up: LineUp, day: int, *, won: bool) -> int:
        """Note that a line-up played and whether it won; returns the number of its team."""
        players = tuple(sorted(line_up.players))
        team = self.teams.note(players)
        record = self._records.setdefault(team, _Record())
        record.days.append(day)
        del record.days[:-_LONGEST_RECENT]
        record.results.append(int(won))
        record.line_up = players
        record.note_points(line_up.points, day)
        for player in players:
            self._played[player] = self._played.get(player, 0) + 1
        key = _key(players)
        self._together[key] = self._together.get(key, 0) + 1
        return team

    def points(self, players: Sequence[str], day: int) -> float | None:
        """The points last published of a line-up's team, where that was not long ago; for who is asked without any."""
        team = self.teams.find(players)
        known = self._records[team].points if team is not None else ()
        return known[-1][1] if known and day - known[-1][0] <= _POINTS_DAYS else None

    def to_document(self) -> dict[str, Any]:
        """For JSON: the same past gives the same document."""
        return {
            "teams": self.teams.count,
            "of_player": dict(self.teams.of_player),
            "records": [
                [team, list(record.days), list(record.results), list(record.line_up), list(map(list, record.points))]
                for team, record in self._records.items()
            ],
            "played": dict(self._played),
            "together": dict(self._together),
        }

    @classmethod
    def of_document(cls, document: dict[str, Any]) -> "History":
        """The history a document was made from."""
        history = cls()
        history.teams = Teams(document["teams"], document["of_player"])
        for team, days, results, line_up, points in document["records"]:
            record = _Record(line_up=tuple(line_up), points=deque((day, known) for day, known in points))
            record.days.extend(days)
            record.results.extend(results)
            history._records[team] = record
        history._played = dict(document["played"])
        history._together = dict(document["together"])
        return history


def _key(players: tuple[str, ...]) -> str:
    return "\n".join(sorted(players))
