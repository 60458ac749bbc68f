"""A match from its events: which rounds count, their numbers, the score, and the round being played.

Only the book-keeping of rounds belongs here; what happens within a round is the business of `game.tracker`.

A round's number follows from the score before it, so that warm-up, knife round and rounds played again after a restart
leave no gaps: a round that begins at a score already passed replaces every round from there on.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from cs2_pipeline.game.events import Event, MatchStart, RoundEnd, RoundStart
from cs2_pipeline.game.rules import Side, sides_swapped
from cs2_pipeline.game.tracker import Tracker

_FIRST_CT: Final = "1"
_FIRST_T: Final = "2"
"""The teams that began the match as CT and as T, where the source does not name them."""


@dataclass(frozen=True, slots=True)
class PlayedRound:
    """A finished round that counts.

    Attributes:
        number: from 1, without gaps.
        winner: None where nothing told who won.
        ct_team, t_team: the teams on each side in this round.
    """

    number: int
    winner: Side | None
    ct_team: str
    t_team: str

    @property
    def winning_team(self) -> str | None:
        """The team that won."""
        return {"CT": self.ct_team, "T": self.t_team, None: None}[self.winner]


@dataclass(slots=True)
class MatchTracker:
    """A match as it is played.

    Attributes:
        tracker: the round being played or played last.
        number: of that round; None in warm-up, a knife round and before the first round.
        ct_team, t_team: the teams on its sides; where the source names none, "1" for the team that began as CT and "2"
            for the other.
        score: rounds won by team, by the source's own score where it tells one; None once a round was played whose
            winner is not known.
        played: the finished rounds that count, by number.
        replayed: finished rounds that a restart made void.
    """

    tracker: Tracker = field(default_factory=Tracker)
    number: int | None = None
    ct_team: str = _FIRST_CT
    t_team: str = _FIRST_T
    score: dict[str, int] | None = field(default_factory=dict)
    played: list[PlayedRound] = field(default_factory=list)
    replayed: int = 0

    def apply(self, event: Event) -> str | None:
        """Take one event; None, or why it changed nothing (`Tracker.apply`)."""
        if isinstance(event, RoundStart):
            return self._begin(event)
        if isinstance(event, MatchStart):
            self.replayed += len(self.played)
            self.number, self.score, self.played = None, {}, []
        reason = self.tracker.apply(event)
        if isinstance(event, RoundEnd) and reason is None:
            self._finish(event.winner)
        return reason

    def state(self, at: float | None = None) -> dict[str, Any]:
        """The state of the round being played (`Tracker.state`)."""
        return self.tracker.state(at)

    def to_document(self) -> dict[str, Any]:
        """Everything known of the match, as JSON can hold it. The same events give the same document."""
        return {
            "tracker": self.tracker.to_document(),
            "number": self.number,
            "ct_team": self.ct_team,
            "t_team": self.t_team,
            "score": None if self.score is None else dict(sorted(self.score.items())),
            "played": [asdict(played) for played in self.played],
            "replayed": self.replayed,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "MatchTracker":
        """The match that `to_document` described.

        Raises:
            ValueError: another version of the program wrote the document; replay the events instead.
        """
        return cls(
            **document
            | {
                "tracker": Tracker.from_document(document["tracker"]),
                "score": None if document["score"] is None else dict(document["score"]),
                "played": [PlayedRound(**played) for played in document["played"]],
            }
        )

    def _begin(self, event: RoundStart) -> str | None:
        if event.phase != "live":
            self.number = None
            return self.tracker.apply(event)
        score = self.score
        if event.ct_score is None or event.t_score is None:
            number = self.played[-1].number + 1 if self.played else 1
            ct_team, t_team = _teams(event, number)
        else:
            number = event.ct_score + event.t_score + 1
            ct_team, t_team = _teams(event, number)
            score = {ct_team: event.ct_score, t_team: event.t_score}
        if score is not None:
            score = {team: score.get(team, 0) for team in (ct_team, t_team)}
            event = replace(event, ct_score=score[ct_team], t_score=score[t_team])
        before = self.tracker.round
        reason = self.tracker.apply(event)
        if reason is not None:
            return reason
        if score is not None and before is not None and self.number == number - 1:
            self._complete(number - 1, before, score)
        kept = [played for played in self.played if played.number < number]
        self.replayed += len(self.played) - len(kept)
        self.number, self.ct_team, self.t_team, self.score, self.played = number, ct_team, t_team, score, kept
        return None

    def _finish(self, winner: Side | None) -> None:
        """The round being played is over."""
        if self.number is None:
            return  # it does not count
        played = PlayedRound(self.number, winner, self.ct_team, self.t_team)
        self.played.append(played)
        if played.winning_team is None:
            self.score = None
        elif self.score is not None:
            self.score = self.score | {played.winning_team: self.score[played.winning_team] + 1}

    def _complete(self, number: int, begun: RoundStart, score: dict[str, int]) -> None:
        """What the score before the next round tells of this one, where nothing else told its end or winner."""
        if begun.ct_score is None or begun.t_score is None:
            return
        known = self.played[-1] if self.played and self.played[-1].number == number else None
        if known is None or known.winner is None:
            won = score.get(self.ct_team) == begun.ct_score + 1
            played = PlayedRound(number, "CT" if won else "T", self.ct_team, self.t_team)
            self.played[len(self.played) - (known is not None) :] = [played]


def _teams(event: RoundStart, number: int) -> tuple[str, str]:
    """The teams on the CT and the T side of a round."""
    if event.ct_team is not None and event.t_team is not None:
        return event.ct_team, event.t_team
    return (_FIRST_T, _FIRST_CT) if sides_swapped(number) else (_FIRST_CT, _FIRST_T)
