"""What became of the forecasts: settled once, revised when a result changes, every time as an entry of the ledger.

The newest revision counts. Older ones stay: in the ledger for good, and in the table for finding them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, exists, insert, or_, select

from cs2_pipeline.records import ledger
from cs2_pipeline.records.database import Records
from cs2_pipeline.records.ledger import SETTLEMENT, Draft, Entry
from cs2_pipeline.records.tables import LEDGER, LEDGER_HEAD, SETTLEMENTS

WON: Final = "won"
LOST: Final = "lost"
FORFEITED: Final = "forfeited"
NOT_PLAYED: Final = "not_played"


@dataclass(frozen=True)
class Verdict:
    """What became of a forecast, seen from its team 1. Only `WON` and `LOST` are scored."""

    forecast_id: str
    status: str
    result_id: str | None
    explanation: str


@dataclass(frozen=True)
class Settlement:
    """The newest verdict on a forecast."""

    forecast_id: str
    revision: int
    status: str
    result_id: str | None
    at: datetime


@dataclass(frozen=True)
class Settled:
    """A forecast with its newest settlement; None for one that is open."""

    forecast: Entry
    settlement: Settlement | None


def record(records: Records, verdicts: Sequence[Verdict]) -> list[Settlement]:
    """Write down the verdicts that say something new; returns those.

    The ledger's head is locked first: of two settlements at once the second sees what the first wrote.
    """
    if not verdicts:
        return []
    with records.writing() as connection:
        connection.execute(select(LEDGER_HEAD).with_for_update()).one()
        before = _newest(connection, [verdict.forecast_id for verdict in verdicts])
        new: list[tuple[Verdict, int]] = []
        for verdict in verdicts:
            known = before.get(verdict.forecast_id)
            if known is None or (known.status, known.result_id) != (verdict.status, verdict.result_id):
                new.append((verdict, known.revision + 1 if known else 1))
        entries = ledger.append(connection, [_draft(verdict, revision) for verdict, revision in new], new=True)
        settled = [
            Settlement(verdict.forecast_id, revision, verdict.status, verdict.result_id, entry.at)
            for (verdict, revision), entry in zip(new, entries, strict=True)
        ]
        if settled:
            rows = [vars(one) | {"entry_id": entry.id} for one, entry in zip(settled, entries, strict=True)]
            connection.execute(insert(SETTLEMENTS), rows)
    return settled


def of(records: Records, forecast_ids: Sequence[str]) -> dict[str, Settlement]:
    """The newest settlement of each of these forecasts that has one."""
    with records.reading() as connection:
        return _newest(connection, forecast_ids)


def history(records: Records, *, since: datetime | None = None, settled: bool | None = None) -> list[Settled]:
    """All forecasts, the oldest first, with their newest settlement.

    Args:
        since: when they were asked.
        settled: only those with a settlement, or only those without.
    """
    asked = _forecasts(settled).order_by(LEDGER.c.seq)
    if since is not None:
        asked = asked.where(LEDGER.c.at >= since)
    with records.reading() as connection:
        return [_settled(row) for row in connection.execute(asked)]


def find(
    records: Records,
    *,
    limit: int,
    before: int | None = None,
    team: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    settled: bool | None = None,
) -> list[Settled]:
    """Forecasts, the newest first, with their newest settlement.

    Args:
        limit: how many at most.
        before: a place in the ledger.
        team: id of either team.
        since, until: when it was asked.
        settled: only those with a settlement, or only those without.
    """
    asked = _forecasts(settled)
    if before is not None:
        asked = asked.where(LEDGER.c.seq < before)
    if team is not None:
        asked = asked.where(or_(LEDGER.c.team1_id == team, LEDGER.c.team2_id == team))
    if since is not None:
        asked = asked.where(LEDGER.c.at >= since)
    if until is not None:
        asked = asked.where(LEDGER.c.at < until)
    with records.reading() as connection:
        return [_settled(row) for row in connection.execute(asked.order_by(LEDGER.c.seq.desc()).limit(limit))]


def _forecasts(settled: bool | None) -> Any:
    later = SETTLEMENTS.alias()
    newest = ~exists().where(
        later.c.forecast_id == SETTLEMENTS.c.forecast_id, later.c.revision > SETTLEMENTS.c.revision
    )
    of = (SETTLEMENTS.c.forecast_id == LEDGER.c.id) & newest
    columns = (SETTLEMENTS.c.revision, SETTLEMENTS.c.status, SETTLEMENTS.c.result_id, SETTLEMENTS.c.at.label("on"))
    joined = LEDGER.join(SETTLEMENTS, of) if settled else LEDGER.outerjoin(SETTLEMENTS, of)
    asked = select(LEDGER, *columns).select_from(joined).where(LEDGER.c.kind != SETTLEMENT)
    return asked.where(SETTLEMENTS.c.revision.is_(None)) if settled is False else asked


def _settled(row: Any) -> Settled:
    forecast = Entry(row.seq, row.id, row.kind, row.at, row.body, row.hash)
    if row.revision is None:
        return Settled(forecast, None)
    return Settled(forecast, Settlement(row.id, row.revision, row.status, row.result_id, row.on))


def _newest(connection: Connection, forecast_ids: Sequence[str]) -> dict[str, Settlement]:
    found: dict[str, Settlement] = {}
    for start in range(0, len(forecast_ids), 500):
        asked = select(SETTLEMENTS).where(SETTLEMENTS.c.forecast_id.in_(forecast_ids[start : start + 500]))
        for row in connection.execute(asked.order_by(SETTLEMENTS.c.revision)):
            found[row.forecast_id] = Settlement(row.forecast_id, row.revision, row.status, row.result_id, row.at)
    return found


def _draft(verdict: Verdict, revision: int) -> Draft:
    said = {
        "forecast_id": verdict.forecast_id,
        "revision": revision,
        "status": verdict.status,
        "result_id": verdict.result_id,
        "explanation": verdict.explanation,
    }
    return Draft(SETTLEMENT, said)
