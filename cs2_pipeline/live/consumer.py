"""The consumer: reads its shards of the log, keeps a `Match` for each match, prices, tells, and writes history.

Everything it holds can be rebuilt from log and history, so it may be killed at any moment: the next owner of a shard
reads on from where history ends, and what it writes a second time is there once.
"""

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cs2_pipeline.artifact.round_odds import RoundPredictor
from cs2_pipeline.live import board, metrics, snapshot
from cs2_pipeline.live.champion import Champion
from cs2_pipeline.live.events import Event, EventError, parse
from cs2_pipeline.live.fold import Moment
from cs2_pipeline.live.history import (
    Batch,
    History,
    HistoryUnavailableError,
    StoredEvent,
    StoredRound,
    StoredSnapshot,
    bodies,
    queries,
)
from cs2_pipeline.live.hub import Update
from cs2_pipeline.live.log import SHARDS, Arrival, DeadLetter, EventLog, LogUnavailableError, shard_of
from cs2_pipeline.live.match import RESUMED, TAKEN_OVER, Change, Match
from cs2_pipeline.live.pricing import Price, price_id_of, prices

logger = logging.getLogger("cs2.live")

BATCH: Final = 4_000
"""Events taken at once at most, from all shards together; fewer while a step takes a good part of a lease."""
LEAST_BATCH: Final = 64
PORTION: Final = 2_000
"""Moments priced and written at once, about: what takes longer would outlast a lease."""
LEASE: Final = 6.0
"""Seconds a consumer owns a shard without saying so again; it does every third of them."""
IDLE: Final = 0.05
"""Seconds between two looks at an empty log, unless the log says earlier that something came."""
PASSING: Final = 0.05
"""Seconds between two looks at clocks and gaps."""
ROWS: Final = 0.5
"""Seconds by which the row of a match in play may be behind its events: it holds the digest of the whole state, which
takes longer to write than a price. Until it is written, the log is not told that history has the match's events."""
WRITES: Final = 0.2
"""Seconds between two writings to the history: one of many rows costs far less than many of few."""
CLOCK: Final = 0.5
"""Seconds between two prices of a match in which nothing happens but the clock runs."""
QUIET: Final = 60.0
"""Seconds without an event after which a match is not priced by the clock any more, and says that it is old."""
FORGET: Final = 900.0
"""Seconds after the last event of a finished match until it leaves memory; of any match, four times as many."""
TRIM: Final = 1.0
"""Seconds between two removals from the log of what history has."""
TIDY: Final = 30.0
"""Seconds between two removals of what is too old."""
VOID: Final = "void"
"""Basis of the row that withdraws a price because its event never happened."""


@dataclass
class _Live:
    """A match in memory.

    Attributes:
        began, updated: when its first and its last event were taken.
        position: of the last event, in its shard of the log.
        clocked: when the clock last moved its price.
        written: when its row was last written to the history.
        ranges: least and largest price of team A within each round, by map and round.
        problems: corrections whose failure is among the dead letters already.
    """

    match: Match
    began: float
    updated: float
    position: str = ""
    price: Price | None = None
    moment: Moment | None = None
    clocked: float = 0.0
    written: float = 0.0
    ranges: dict[tuple[str, int], board.RoundRange] = field(default_factory=dict)
    problems: set[str] = field(default_factory=set)


class Consumer:
    """One consumer.

    Args:
        log, history, champion: where from, where to, priced by what.
        publish: is handed what subscribers want to know.
        share: shards to own at most; None for a fair share among all consumers.
        name: unique among consumers.
    """

    def __init__(
        self, log: EventLog, history: History, champion: Champion, publish: Callable[[list[Update]], None],
        *, share: int | None = None, name: str | None = None,
    ) -> None:  # fmt: skip
        self.name = name or f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._log, self._history, self._champion, self._publish = log, history, champion, publish
        self._share = share
        self._positions: dict[int, str] = {}
        self._matches: dict[str, _Live] = {}
        self._at_hand: dict[str, list[Event]] = {}
        self._behind: dict[str, str] = {}  # matches whose row lacks events: where their shard was before the first
        self._done: dict[int, str] = {}
        self._unwritten = Batch()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="live-history")
        self._written: Future[None] | None = None
        self._leased = self._trimmed = self._tidied = self._passed = self._wrote = 0.0
        self._size = LEAST_BATCH
        self.complaint: str | None = None

    @property
    def matches(self) -> int:
        """Matches in memory."""
        return len(self._matches)

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; what fails is tried again."""
        while not stop.is_set():
            try:
                busy = self.step()
                self.complaint = None
            except (LogUnavailableError, HistoryUnavailableError) as error:
                self._fail(str(error))
                stop.wait(1.0)
            except Exception as error:
                # A defect must not end the feed of all other matches; what was not written is read again.
                logger.exception("the consumer of live events failed")
                self._fail(f"{type(error).__name__}: {error}")
                stop.wait(1.0)
            else:
                if not busy:
                    self._log.wait(IDLE)
        self.close()

    def close(self) -> None:
        """Write down what is not yet, and give the shards up."""
        try:
            self.catch_up()
        except (LogUnavailableError, HistoryUnavailableError) as error:
            logger.warning("the next owner of the shards reads the last events again: %s", error)
        self._writer.shutdown()
        try:
            self._log.release(self.name)
        except LogUnavailableError as error:
            logger.warning("shards are freed when their lease ends: %s", error)

    def step(self) -> int:
        """Do what there is to do now; returns how many events were taken."""
        now = time.time()
        self._own(now)
        arrivals = self._log.read(self._positions, max(1, self._size // max(1, len(self._positions))))
        if arrivals:
            self._take(arrivals, now)
        if now - self._passed >= PASSING:
            self._passed = now
            self._pass_time(now)
            self._write_rows(now - ROWS)
        if now - self._wrote >= WRITES and (self._written is None or self._written.done()):
            self._write(now)
        self._tidy(now)
        self._adapt(time.time() - now)
        return len(arrivals)

    def catch_up(self) -> None:
        """Write the rows of all matches, and tell the log that history has everything taken so far."""
        self._write_rows(float("inf"))
        self._write(time.time())
        self._await_written()

    def _adapt(self, took: float) -> None:
        """Take so many events at once that a step ends well within the lease, however slow the machine is."""
        if took > LEASE / 4:
            self._size = max(LEAST_BATCH, self._size // 2)
        elif took < LEASE / 10:
            self._size = min(BATCH, self._size * 2)

    # Shards

    def _own(self, now: float) -> None:
        """Keep the lease of the shards, take up new ones, let go of lost ones."""
        if now - self._leased < LEASE / 3:
            return
        owned = self._log.lease(self.name, self._fair_share(), LEASE)
        self._leased = now
        for shard in owned - self._positions.keys():
            self._positions[shard] = self._done[shard] = self._log.position(shard)
        for shard in self._positions.keys() - owned:
            del self._positions[shard]
            self._drop(shard)

    def _still_own(self) -> None:
        """Write nothing for shards that are another's by now: what took too long is done again, by whoever owns it.

        Raises:
            LogUnavailableError: a shard was lost.
        """
        now = time.time()
        if now - self._leased < LEASE / 3:
            return
        lost = self._positions.keys() - self._log.lease(self.name, self._fair_share(), LEASE)
        self._leased = now
        if lost:
            raise LogUnavailableError(f"shards {sorted(lost)} have another owner: this took more than {LEASE:g} s")

    def _fair_share(self) -> int:
        return self._share if self._share is not None else -(-SHARDS // max(1, self._log.consumers()))

    def _drop(self, shard: int) -> None:
        for match_id in [one for one in self._matches if shard_of(one) == shard]:
            self._forget(match_id)

    def _forget(self, match_id: str) -> None:
        self._matches.pop(match_id, None)
        self._behind.pop(match_id, None)

    def _fail(self, reason: str) -> None:
        """Forget what may not have been written: it is read from the log again."""
        self.complaint = reason
        metrics.ERRORS.labels("live").inc()
        self._matches.clear()
        with suppress(Exception):  # whatever it is, it is read again as well
            self._await_written()
        self._behind.clear()
        self._unwritten = Batch()
        self._positions.clear()
        self._leased = 0.0
        self._size = LEAST_BATCH

    # Events

    def _take(self, arrivals: list[Arrival], now: float) -> None:
        by_match: dict[str, list[tuple[Arrival, Event]]] = {}
        letters: list[DeadLetter] = []
        before = dict(self._positions)
        for arrival in arrivals:
            self._positions[arrival.shard] = arrival.position
            try:
                event = arrival.event or parse(arrival.body)
            except EventError as error:
                letters.append(DeadLetter(arrival.event_id, now, str(error), arrival.match_id, arrival.body))
            else:
                by_match.setdefault(event.match_id, []).append((arrival, event))
        self._at_hand = {match_id: [event for _, event in of_match] for match_id, of_match in by_match.items()}
        if letters:
            self._log.bury(letters)
            metrics.DEAD.labels("not understood").inc(len(letters))
        changes: list[tuple[str, Change]] = []
        moments = 0
        for match_id, of_match in by_match.items():
            self._still_own()  # computing many matches anew may take longer than a lease
            change = self._change(match_id, of_match)
            changes.append((match_id, change))
            if match_id in self._matches:
                self._behind.setdefault(match_id, before[of_match[0][0].shard])
            moments += len(change.moments)
            if moments >= PORTION:
                self._settle(changes, by_match, now)
                changes, moments = [], 0
        self._settle(changes, by_match, now)

    def _write(self, now: float) -> None:
        """Have written to the history what is not there, and the log told how far history has it.

        That is up to the first event that the row of some match lacks. It is done beside the next prices: what fails is
        heard of at the next time.
        """
        self._await_written()
        positions = dict(self._positions)
        for match_id, behind in self._behind.items():
            shard = shard_of(match_id)
            positions[shard] = min(positions[shard], behind)
        new = {shard: position for shard, position in positions.items() if position > self._done.get(shard, "")}
        self._have_written(new)
        self._wrote = now

    def _have_written(self, done: dict[int, str]) -> None:
        batch, self._unwritten = self._unwritten, Batch()
        if batch or done:
            self._still_own()
            self._written = self._writer.submit(self._keep, batch, done)

    def _keep(self, batch: Batch, done: dict[int, str]) -> None:
        if batch:
            self._history.write(batch)
            metrics.KEPT.inc(len(batch.events))
        if done:
            self._log.done(done)
            self._done |= done

    def _await_written(self) -> None:
        """Wait until history has what it was given."""
        written, self._written = self._written, None
        if written is not None:
            written.result()

    def _flush(self) -> None:
        """Write everything to the history now."""
        self._await_written()
        self._have_written({})
        self._await_written()

    def _ask(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """Ask the history, which has everything that was taken in earlier steps."""
        self._flush()
        return self._history.ask(query, **values)

    def _change(self, match_id: str, arrived: list[tuple[Arrival, Event]]) -> Change:
        """Let a match take its events."""
        live = self._matches.get(match_id)
        try:
            if live is None:
                live, change = self._taken_up(match_id, arrived)
            else:
                change = live.match.take([event for _, event in arrived], time.time())
        except (LogUnavailableError, HistoryUnavailableError):
            raise
        except Exception:
            # One poisoned match must not stop the others: its events are kept, and it is tried again with the next one.
            logger.exception("match %s cannot be computed", match_id)
            metrics.ERRORS.labels("live").inc()
            self._forget(match_id)
            return Change([])
        live.updated, live.position = arrived[-1][0].received, arrived[-1][0].position
        return change

    def _taken_up(self, match_id: str, arrived: list[tuple[Arrival, Event]]) -> tuple[_Live, Change]:
        """A match that is not in memory, with its new events: from its snapshot, from all its events, or a new one."""
        rows = self._ask(queries.MATCH, match_id=match_id)
        first = arrived[0][0]
        match = Match(match_id, lambda: self._recall(match_id))
        live = _Live(match, rows[0]["began"] if rows else first.received, first.received)
        self._matches[match_id] = live
        change = self._resumed(live, arrived)
        if change is not None:
            return live, change
        if rows or self._ask(queries.EVENTS_PAGE, match_id=match_id, since=0.0, count=1):
            return live, live.match.recompute(TAKEN_OVER)
        return live, live.match.take(self._at_hand[match_id], time.time())

    def _resumed(self, live: _Live, arrived: list[tuple[Arrival, Event]]) -> Change | None:
        """Go on from a match's snapshot with the events after it; None where there is none to go on from.

        Args:
            arrived: what has just been read; of it, what was read before the snapshot was taken is in the snapshot.
        """
        match_id = live.match.match_id
        rows = self._ask(queries.SNAPSHOT, match_id=match_id)
        found = snapshot.restored(rows[0]["body"], lambda: self._recall(match_id)) if rows else None
        if found is None:
            return None
        since = rows[0]["position"]
        kept = bodies(self._ask(queries.EVENTS_AFTER, match_id=match_id, position=since))
        new = [event for arrival, event in arrived if arrival.position > since]
        events = {event.event_id: event for event in [*map(parse, kept), *new]}
        live.match, live.ranges, live.price = found.match, found.ranges, found.price
        live.problems = set(found.match.problems)
        change = live.match.take(list(events.values()), time.time())
        return change if change.recomputed else Change(change.moments, RESUMED)

    def _recall(self, match_id: str) -> list[Event]:
        """All events of a match that have arrived: those of history, and those of this step."""
        rows = self._ask(queries.EVENTS_OF_MATCH, match_id=match_id)
        found = {event.event_id: event for event in map(parse, bodies(rows))}
        return list((found | {event.event_id: event for event in self._at_hand.get(match_id, ())}).values())

    # Prices

    def _settle(
        self, changes: list[tuple[str, Change]], arrivals: dict[str, list[tuple[Arrival, Event]]], now: float
    ) -> None:
        """Price what changed, tell subscribers, and write it all down.

        Args:
            arrivals: by match, what has just arrived.
        """
        arrived = {event.event_id: (event, one) for match_id, _ in changes for one, event in arrivals.get(match_id, ())}
        batch = Batch(events=[_stored(arrival, event) for event, arrival in arrived.values()])
        letters: list[DeadLetter] = []
        told = self._priced(changes, arrived, batch, letters, now)
        self._publish(told)
        published = time.time()
        for _, arrival in arrived.values():
            metrics.TO_PRICE.observe(max(0.0, published - arrival.received))
        self._unwritten.add(batch)
        if len(self._unwritten.events) + len(self._unwritten.prices) >= 2 * PORTION:
            self._await_written()
            self._have_written({})
        if letters:
            self._log.bury(letters)
            metrics.DEAD.labels("not understood").inc(len(letters))

    def _priced(
        self, changes: list[tuple[str, Change]], arrived: dict[str, tuple[Event, Arrival]], batch: Batch,
        letters: list[DeadLetter], now: float,
    ) -> list[Update]:  # fmt: skip
        """Put the prices of changes into the batch; returns what subscribers are told."""
        moments = [moment for _, change in changes for moment in change.moments]
        standing = {match_id: self._standing(match_id) for match_id, change in changes if change.recomputed}
        replaced = {
            moment.event_id: standing[moment.match_id][moment.event_id][0]
            for moment in moments
            if moment.event_id in standing.get(moment.match_id, {})
        }
        found = prices(moments, self._champion.current(), now, replaced, self._champion.forecaster())
        priced = dict(zip((m.event_id for m in moments), found, strict=True))
        told: list[Update] = []
        for match_id, change in changes:
            live = self._matches.get(match_id)
            if live is None:
                continue
            of_match = [priced[moment.event_id] for moment in change.moments]
            if change.recomputed:
                metrics.RECOMPUTED.labels(change.recomputed).inc()
                issued = self._reissued(live, change, of_match, standing[match_id], now)
                batch.prices += issued
                told += self._tell_recomputed(live, change, of_match, issued, arrived)
            else:
                batch.prices += of_match
                told += self._tell(live, change, of_match, arrived)
            self._write_down(live, change, batch, letters, now)
        return told

    def _standing(self, match_id: str) -> dict[str, tuple[str, str]]:
        """By event, the id and basis of the price that stands."""
        rows = self._ask(queries.STANDING_PRICES, match_id=match_id)
        return {row["event_id"]: (row["price_id"], row["basis"]) for row in rows}

    def _reissued(
        self, live: _Live, change: Change, of_match: list[Price], standing: dict[str, tuple[str, str]], now: float
    ) -> list[Price]:
        """Of the prices of a match computed anew, those that differ from the ones that stand; and what is withdrawn."""
        issued = [price for price in of_match if standing.get(price.event_id, ("", ""))[1] != price.basis]
        if not change.whole:
            return issued
        here = {moment.event_id for moment in change.moments}
        gone = [(event_id, old) for event_id, old in standing.items() if event_id not in here and old[1] != VOID]
        return issued + [_withdrawn(live.match.match_id, event_id, price_id, now) for event_id, (price_id, _) in gone]

    def _tell(
        self, live: _Live, change: Change, of_match: list[Price], arrived: dict[str, tuple[Event, Arrival]]
    ) -> list[Update]:
        told: list[Update] = []
        for moment, price in zip(change.moments, of_match, strict=True):
            _note(live, moment, price)
            event, arrival = arrived.get(moment.event_id, (None, None))
            told += board.updates(live.match.fold, moment, price, event, arrival.received if arrival else 0.0)
        return told

    def _tell_recomputed(
        self, live: _Live, change: Change, of_match: list[Price], issued: list[Price],
        arrived: dict[str, tuple[Event, Arrival]],
    ) -> list[Update]:  # fmt: skip
        """One notice, the new events, and the last price: not the whole match again."""
        if change.whole:
            live.ranges, live.price, live.moment = {}, None, None
        fold = live.match.fold
        told: list[Update] = []
        new = {price.event_id for price in issued if not price.supersedes}
        for moment, price in zip(change.moments, of_match, strict=True):
            _note(live, moment, price)
            if moment.event_id in new and moment.event_id in arrived:
                event, arrival = arrived[moment.event_id]
                told += board.updates(fold, moment, price, event, arrival.received)
        superseding = [price.price_id for price in issued if price.supersedes]
        if superseding and change.recomputed not in (TAKEN_OVER, RESUMED):
            data = {
                "match_id": fold.match_id, "reason": change.recomputed, "prices_superseded": len(superseding),
                "state_version": fold.version, "prediction": board.prediction(live.price) if live.price else None,
            }  # fmt: skip
            told.append(Update("correction", fold.match_id, fold.tournament or "", data))
        return told

    def _write_down(self, live: _Live, change: Change, batch: Batch, letters: list[DeadLetter], now: float) -> None:
        triggers = {moment.trigger for moment in change.moments}
        undone = bool(change.recomputed or triggers & {"map_start", "round_restored"})
        if undone or "round_end" in triggers:
            batch.rounds += board.stored_rounds(live.match, live.ranges)
        if undone:
            batch.rounds += self._not_played(live.match)
        ended = undone or bool(triggers & {"round_end", "map_end", "match_end"})
        if ended:
            self._remember(live, batch)
        if ended or now - live.written >= ROWS:
            self._write_row(live, batch, now)
        for event_id, reason in live.match.problems.items():
            if event_id not in live.problems:
                live.problems.add(event_id)
                letters.append(DeadLetter(event_id, now, reason, live.match.match_id, b""))

    def _write_row(self, live: _Live, batch: Batch, now: float) -> None:
        batch.matches.append(board.stored_match(live.match, live.price, live.began, live.updated, ""))
        live.written = now
        if not live.match.waiting:  # else the next owner must read again what waits for a gap
            self._behind.pop(live.match.match_id, None)

    def _write_rows(self, before: float) -> None:
        """Write the rows that lack something, of those last written before a time."""
        now = time.time()
        for live in [live for one in self._behind if (live := self._matches[one]).written <= before]:
            self._write_row(live, self._unwritten, now)

    def _remember(self, live: _Live, batch: Batch) -> None:
        """Write a snapshot: whoever takes the match over computes a round anew at most."""
        body = snapshot.taken(live.match, live.ranges, live.price)
        if body is not None:
            match = live.match
            batch.snapshots.append(
                StoredSnapshot(match.match_id, match.arrived, match.fold.version, live.position, live.updated, body)
            )

    def _not_played(self, match: Match) -> list[StoredRound]:
        """Rows for the rounds that history has and the match, as it is now, has not: they were started anew."""
        here = {(of_map.map_id, number) for of_map in match.fold.maps.values() for number in of_map.rounds}
        rows = self._ask(queries.ROUNDS, match_id=match.match_id, map_id="")
        gone = {(row["map_id"], row["round_no"]) for row in rows} - here
        return [board.no_round(match, map_id, number) for map_id, number in sorted(gone)]

    # Time

    def _pass_time(self, now: float) -> None:
        """Give up gaps that were waited for, and let the clocks of quiet matches move their prices."""
        changes, clocked = [], []
        for match_id, live in self._matches.items():
            if live.match.waiting:
                gaps = live.match.gaps
                change = live.match.release(now)
                metrics.GAPS.inc(live.match.gaps - gaps)
                if change.moments:
                    changes.append((match_id, change))
            elif _runs(live, now):
                live.clocked = now
                clocked.append(live)
        if changes:
            self._settle(changes, {}, now)
        if clocked:
            self._tick(clocked, now, self._champion.current())

    def _tick(self, clocked: list[_Live], now: float, model: RoundPredictor | None) -> None:
        moments = []
        for live in clocked:
            assert live.moment is not None  # noqa: S101  # _runs asked
            tracker = live.match.fold.maps[live.moment.map_id].tracker
            at = live.moment.time + now - live.updated
            moments.append(replace(live.moment, trigger="clock", time=at, state=tracker.state(at)))
        told = []
        for live, price in zip(clocked, prices(moments, model, now, None, self._champion.forecaster()), strict=True):
            fold = live.match.fold
            data = board.prediction(price)
            told.append(Update("prediction", fold.match_id, fold.tournament or "", data))
        self._publish(told)

    def _tidy(self, now: float) -> None:
        if now - self._trimmed >= TRIM:
            self._trimmed = now
            self._log.trim()
        if now - self._tidied < TIDY:
            return
        self._tidied = now
        self._history.expire(now)
        for shard in self._positions:
            metrics.DEPTH.labels(str(shard)).set(0)
        for shard, depth in self._log.depth().items():
            metrics.DEPTH.labels(str(shard)).set(depth)
        for match_id, live in list(self._matches.items()):
            if now - live.updated > (FORGET if live.match.fold.over else 4 * FORGET):
                self._forget(match_id)
        metrics.MATCHES.set(sum(not live.match.fold.over for live in self._matches.values()))


def _runs(live: _Live, now: float) -> bool:
    """Whether a match's clock moves its price now."""
    moment = live.moment
    if moment is None or moment.state is None or moment.phase != "round" or moment.round_winner is not None:
        return False
    return now - max(live.updated, live.clocked) >= CLOCK and now - live.updated <= QUIET


def _note(live: _Live, moment: Moment, price: Price) -> None:
    """Remember the last price, and the range of prices within the round."""
    live.price, live.moment = price, moment
    if moment.phase == "round" and price.round_p is not None and moment.state is not None:
        key = (moment.map_id, moment.round_no)
        if moment.trigger == "round_start":
            live.ranges.pop(key, None)
        least, largest = live.ranges.get(key, (price.round_p, price.round_p))
        live.ranges[key] = (min(least, price.round_p), max(largest, price.round_p))


def _withdrawn(match_id: str, event_id: str, price_id: str, now: float) -> Price:
    """The row that says that a price stands no more, because its event never happened."""
    return Price(
        price_id=price_id_of(event_id, price_id), match_id=match_id, map_id="", event_id=event_id, round_no=0,
        trigger=VOID, state_version=0, ts_calc=now, model_version="", basis=VOID, round_p=None, round_low=None,
        round_high=None, map_p=None, map_low=None, map_high=None, series_p=None, series_low=None, series_high=None,
        supersedes=price_id,
    )  # fmt: skip


def _stored(arrival: Arrival, event: Event) -> StoredEvent:
    return StoredEvent(
        event.match_id, event.event_id, event.map_id, event.round_no, event.type, event.source, event.seq_no,
        event.ts_event, arrival.received, arrival.position, arrival.body,
    )  # fmt: skip
