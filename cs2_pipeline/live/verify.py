"""Proof that a match's state and prices follow from its events: computed anew, in another order, they are the same."""

import random
from dataclasses import dataclass

from cs2_pipeline.live.events import parse
from cs2_pipeline.live.fold import Fold
from cs2_pipeline.live.history import History, bodies, queries
from cs2_pipeline.live.log import EventLog
from cs2_pipeline.live.match import GAP_WAIT, Match
from cs2_pipeline.live.order import ordered
from cs2_pipeline.live.pricing import basis_of


class UnknownMatchError(LookupError):
    """There is no such match."""


@dataclass(frozen=True)
class Verdict:
    """What was found.

    Attributes:
        kept: the digest of the state that history has.
        replayed: of the state from all events at once; `shuffled` of the one from them in another order, with repeats.
        prices: prices that stand; `differing`: how many of them do not follow from the events.
        waiting: events that are in the log and not in history yet.
    """

    match_id: str
    events: int
    kept: str
    replayed: str
    shuffled: str
    prices: int
    differing: int
    waiting: int

    @property
    def holds(self) -> bool:
        """Whether everything agrees."""
        return self.kept == self.replayed == self.shuffled and not self.differing


def verify(match_id: str, history: History, log: EventLog, seed: int = 0) -> Verdict:
    """Compute a match anew and compare.

    Raises:
        UnknownMatchError: history has no such match.
    """
    rows = history.ask(queries.MATCH, match_id=match_id)
    if not rows:
        raise UnknownMatchError(f"no match {match_id} is in the history; `GET /api/v1/matches` lists them")
    events = [parse(body) for body in bodies(history.ask(queries.EVENTS_OF_MATCH, match_id=match_id))]
    fold = Fold(match_id)
    bases = {m.event_id: basis_of(m) for event in ordered(events).events if (m := fold.apply(event))}
    chance = random.Random(seed)
    arrival = [*events, *chance.choices(events, k=len(events) // 10)]
    chance.shuffle(arrival)
    match = Match(match_id, lambda: events)
    match.take(list({event.event_id: event for event in arrival}.values()), 0.0)
    match.release(GAP_WAIT)
    standing = history.ask(queries.STANDING_PRICES, match_id=match_id)
    known = {event.event_id for event in events}
    return Verdict(
        match_id=match_id, events=len(events), kept=rows[0]["state"], replayed=fold.digest(),
        shuffled=match.fold.digest(), prices=len(standing),
        differing=sum(row["basis"] not in (bases.get(row["event_id"]), "void") for row in standing)
        + len(bases.keys() - {row["event_id"] for row in standing}),
        waiting=sum(arrival.event_id not in known for arrival in log.kept(match_id)),
    )  # fmt: skip
