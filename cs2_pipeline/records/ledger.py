"""The ledger: an append-only chain in which every entry holds the hash of the one before it.

An entry's body is canonical JSON (sorted keys, no blanks, ASCII) and its hash the SHA-256 of exactly that text, so an
export can be verified in any language without agreeing on how numbers are written. What is not in an entry is not
proven: the columns beside the body are for finding entries only, and `verify` compares them with it.
"""

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from cs2_pipeline.records.database import Records
from cs2_pipeline.records.tables import LEDGER, LEDGER_HEAD, moment_text

GENESIS: Final = "0" * 64
"""What the first entry holds as the hash before it."""
SETTLEMENT: Final = "settlement"
PAGE: Final = 1000


@dataclass(frozen=True)
class Draft:
    """An entry to be: everything but its place in the chain.

    Attributes:
        kind: map, series or settlement.
        content: what it says; anything that JSON holds.
        team1_id, team2_id, model_version, probability: for finding it, where it is a forecast; also in the content.
        id: made when the draft is; writing the same draft twice gives one entry.
        at: when it was asked.
    """

    kind: str
    content: Mapping[str, Any]
    team1_id: str | None = None
    team2_id: str | None = None
    model_version: str | None = None
    probability: float | None = None
    id: str = ""
    at: datetime = datetime.min

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", self.id or secrets.token_hex(16))
        object.__setattr__(self, "at", datetime.now(UTC) if self.at == datetime.min else self.at)


@dataclass(frozen=True)
class Entry:
    """An entry of the ledger."""

    seq: int
    id: str
    kind: str
    at: datetime
    body: str
    hash: str

    @cached_property
    def content(self) -> dict[str, Any]:
        """What the entry says, its place in the chain included."""
        return dict(json.loads(self.body))

    def line(self) -> str:
        """The entry as a line of an export."""
        return f"{self.hash} {self.body}\n"


@dataclass(frozen=True)
class Head:
    """The newest entry: whoever knows it can tell whether anything up to there was changed later."""

    seq: int
    hash: str


@dataclass(frozen=True)
class Fault:
    """What is wrong with the chain, and where."""

    seq: int
    id: str | None
    what: str


def canonical(document: Mapping[str, Any]) -> str:
    """JSON with one way to write it: sorted keys, no blanks, ASCII, no number that is none."""
    return _CANONICAL.encode(document)


_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def append(connection: Connection, drafts: Sequence[Draft], *, new: bool = False) -> list[Entry]:
    """Append drafts in their order, within a writing transaction. One that is there already is not written again.

    Holding the head's row keeps every other writer waiting until this transaction ends, so the chain cannot fork.

    Args:
        new: none of them was ever given to a transaction, so none is looked for.
    """
    seq, last = connection.execute(_HELD_HEAD).one()
    known = {} if new else _known(connection, [draft.id for draft in drafts])
    rows: list[dict[str, Any]] = []
    entries: list[Entry] = []
    for draft in drafts:
        if (entry := known.get(draft.id)) is None:
            seq += 1
            row = _row(draft, seq, last)
            last = row["hash"]
            rows.append(row)
            entry = Entry(seq, draft.id, draft.kind, draft.at, row["body"], last)
            known[draft.id] = entry
        entries.append(entry)
    if rows:
        connection.execute(_NEW_ENTRIES, rows)
        connection.execute(_NEW_HEAD, {"seq": seq, "hash": last})
    return entries


# Made once: to put a statement together takes longer than to run it.
_HELD_HEAD: Final = select(LEDGER_HEAD.c.seq, LEDGER_HEAD.c.hash).where(LEDGER_HEAD.c.id == 1).with_for_update()
_NEW_ENTRIES: Final = insert(LEDGER)
_NEW_HEAD: Final = update(LEDGER_HEAD).where(LEDGER_HEAD.c.id == 1)


def _known(connection: Connection, ids: Sequence[str]) -> dict[str, Entry]:
    found = connection.execute(select(*_COLUMNS).where(LEDGER.c.id.in_(ids)))
    return {row.id: _entry(row) for row in found}


def _row(draft: Draft, seq: int, previous: str) -> dict[str, Any]:
    place = {"seq": seq, "previous": previous, "id": draft.id, "kind": draft.kind, "at": moment_text(draft.at)}
    body = canonical({**draft.content, **place})
    return {
        "seq": seq,
        "id": draft.id,
        "kind": draft.kind,
        "at": draft.at,
        "team1_id": draft.team1_id,
        "team2_id": draft.team2_id,
        "model_version": draft.model_version,
        "probability": draft.probability,
        "body": body,
        "hash": digest(body),
    }


def digest(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


_COLUMNS: Final = (LEDGER.c.seq, LEDGER.c.id, LEDGER.c.kind, LEDGER.c.at, LEDGER.c.body, LEDGER.c.hash)


def _entry(row: Any) -> Entry:
    return Entry(row.seq, row.id, row.kind, row.at, row.body, row.hash)


def head(records: Records) -> Head:
    """The newest entry's place and hash; 0 and `GENESIS` for an empty ledger."""
    with records.reading() as connection:
        row = connection.execute(select(LEDGER_HEAD.c.seq, LEDGER_HEAD.c.hash)).one()
    return Head(row.seq, row.hash)


def find(records: Records, identifier: str) -> Entry | None:
    """An entry by its id."""
    with records.reading() as connection:
        row = connection.execute(select(*_COLUMNS).where(LEDGER.c.id == identifier)).one_or_none()
    return None if row is None else _entry(row)


def entries(records: Records, *, after: int = 0, until: int | None = None) -> Iterator[Entry]:
    """Entries in the chain's order, read page by page."""
    while True:
        with records.reading() as connection:
            asked = select(*_COLUMNS).where(LEDGER.c.seq > after).order_by(LEDGER.c.seq).limit(PAGE)
            page = connection.execute(asked if until is None else asked.where(LEDGER.c.seq <= until)).all()
        yield from map(_entry, page)
        if len(page) < PAGE:
            return
        after = page[-1].seq


def verify(records: Records, published: Iterable[Head] = ()) -> list[Fault]:
    """Walk the whole chain and name every fault; an empty list means that nothing was touched.

    Args:
        published: heads that were made known earlier: they catch a chain that was rewritten with new hashes.
    """
    known = {one.seq: one.hash for one in published}
    faults: list[Fault] = []
    seq, last = 0, GENESIS
    with records.reading() as connection:
        began = connection.execute(select(LEDGER_HEAD.c.seq)).scalar_one()
        for row in connection.execution_options(yield_per=PAGE).execute(select(LEDGER).order_by(LEDGER.c.seq)):
            if row.seq != seq + 1:
                faults.append(Fault(seq + 1, None, _missing(seq + 1, row.seq - 1)))
            elif fault := _fault(row, last):
                faults.append(Fault(row.seq, row.id, fault))
            if known.pop(row.seq, row.hash) != row.hash:
                faults.append(Fault(row.seq, row.id, "is not the entry whose hash was published"))
            seq, last = row.seq, row.hash
        end = connection.execute(select(LEDGER_HEAD.c.seq, LEDGER_HEAD.c.hash)).one()
    # PostgreSQL shows each statement what is committed by then: the newest head may be of entries behind the walk.
    if began > seq:
        faults.append(Fault(seq + 1, None, _missing(seq + 1, began)))
    elif end.seq <= seq and (end.seq, end.hash) != (seq, last):
        faults.append(Fault(seq, None, "the head is not the newest entry"))
    faults += [Fault(one, None, "was published and is not there") for one in sorted(known) if one > seq]
    return faults


def _missing(first: int, last: int) -> str:
    return f"entry {first} was removed" if first == last else f"entries {first} to {last} were removed"


def _fault(row: Any, previous: str) -> str | None:
    if digest(row.body) != row.hash:
        return "was changed: its hash is not that of its body"
    body = json.loads(row.body)
    if body["seq"] != row.seq:
        return f"was reordered: it was written as entry {body['seq']}"
    if body["previous"] != previous:
        return "does not follow the entry before it: one of them was replaced"
    named = {"id": row.id, "kind": row.kind, "at": moment_text(row.at)}
    named |= {key: getattr(row, key) for key in ("team1_id", "team2_id", "model_version", "probability")}
    wrong = [key for key, value in named.items() if body.get(key) != value]
    return f"was changed beside its body: {', '.join(wrong)}" if wrong else None
