"""Uploaded files: who sent which, where each is kept, and what became of it.

A file is known by the SHA-256 of its content: whoever sends it, it is kept once and read once, and everybody who sent
it sees the same answer. It goes when the last of them deletes it.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from cs2_pipeline.records.database import Records
from cs2_pipeline.records.tables import UPLOADED_FILES, UPLOADS, USERS

MOST_FILES: Final = 500
"""Files kept for one account."""
MOST_WAITING: Final = 50
"""Files of one account that wait to be read."""
_TRIES: Final = 5
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class State(StrEnum):
    """What became of a file."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"


class QuotaError(Exception):
    """A file is one too many for its sender or for the platform; the message says which and what to do."""


class TooManyWaitingError(Exception):
    """An account has sent more than is read in its turn; the message says how many wait."""


@dataclass(frozen=True)
class Quota:
    """Bytes of files that are kept for one account, and for all."""

    account: int
    total: int


@dataclass(frozen=True)
class Received:
    """A file that came whole.

    Attributes:
        name: as the sender calls it.
        digest: SHA-256 of the content, in hexadecimal.
        kind: what it claims to be.
        size: bytes.
        place: its name where files are kept.
        played_on: the UTC day of the match, where the sender says so.
    """

    name: str
    digest: str
    kind: str
    size: int
    place: str
    played_on: date | None = None


@dataclass(frozen=True)
class Waiting:
    """A file that is to be read; `tries` counts how often that was begun."""

    digest: str
    kind: str
    place: str
    played_on: date | None
    tries: int


@dataclass(frozen=True)
class Upload:
    """A file as its sender sees it.

    Attributes:
        id: of the upload.
        name: as the sender calls it.
        at: when it was sent.
        kind, size, digest: of the file.
        state: what became of it.
        reason: why it is in quarantine, or what came of it.
        settled_at: since when that is known.
    """

    id: str
    name: str
    at: datetime
    kind: str
    size: int
    digest: str
    state: State
    reason: str
    settled_at: datetime | None


def room(records: Records, user_id: str, quota: Quota) -> int:
    """Bytes that an account may send now.

    Raises:
        QuotaError: none.
        TooManyWaitingError: `MOST_WAITING` of its files wait to be read.
    """
    with records.reading() as connection:
        return _room(connection, user_id, quota)


def add(records: Records, user_id: str, file: Received, *, at: datetime, quota: Quota) -> tuple[Upload, bool]:
    """Note that somebody sent a file. Returns the upload, and whether the file is kept at its new place.

    It is not where somebody had sent it before: then what is at the place can go. Who sends a file twice has one
    upload. A file in quarantine that is sent again is read again, for it may have been the reader's fault. The day of a
    file that still waits without one is taken from whoever sends it again with it.

    Raises:
        QuotaError: there is no room for it.
        TooManyWaitingError: as `room`.
    """
    for left in reversed(range(_TRIES)):
        try:
            with records.writing() as connection:
                return _added(connection, user_id, file, at, quota)
        except IntegrityError:  # somebody else sent or deleted the same file at this moment
            if not left:
                raise
    raise AssertionError("the last try returns or raises")


def own(records: Records, user_id: str, *, limit: int, before: tuple[datetime, str] | None = None) -> list[Upload]:
    """Somebody's uploads, the newest first; `before` is moment and id of the last one seen."""
    wanted = UPLOADS.c.user_id == user_id
    if before is not None:
        at, identifier = before
        wanted &= (UPLOADS.c.at < at) | ((UPLOADS.c.at == at) & (UPLOADS.c.id < identifier))
    with records.reading() as connection:
        query = _uploads().where(wanted).order_by(UPLOADS.c.at.desc(), UPLOADS.c.id.desc()).limit(limit)
        return [_upload(row) for row in connection.execute(query)]


def one(records: Records, user_id: str, identifier: str) -> Upload | None:
    """An upload of somebody; None where it is nobody's, or another's."""
    with records.reading() as connection:
        query = _uploads().where((UPLOADS.c.id == identifier) & (UPLOADS.c.user_id == user_id))
        found = connection.execute(query).one_or_none()
    return None if found is None else _upload(found)


def forget(records: Records, user_id: str, identifier: str) -> bool:
    """Delete an upload; returns whether it was there. A file that nobody else sent goes with the next `orphans`."""
    with records.writing() as connection:
        mine = (UPLOADS.c.id == identifier) & (UPLOADS.c.user_id == user_id)
        return connection.execute(delete(UPLOADS).where(mine)).rowcount > 0


def orphans(records: Records) -> list[str]:
    """Forget all files that nobody has sent any more; returns their places."""
    sent = select(UPLOADS.c.digest).where(UPLOADS.c.digest == UPLOADED_FILES.c.digest).exists()
    try:
        with records.writing() as connection:
            gone = delete(UPLOADED_FILES).where(~sent).returning(UPLOADED_FILES.c.place)
            return list(connection.execute(gone).scalars())
    except IntegrityError:  # one of them was sent again at this moment: the next call sees the others
        return []


def place_of(records: Records, digest: str) -> str | None:
    """Where a file is; None where nobody sent it."""
    with records.reading() as connection:
        found: str | None = connection.execute(
            select(UPLOADED_FILES.c.place).where(UPLOADED_FILES.c.digest == digest)
        ).scalar_one_or_none()
    return found


def places(records: Records) -> set[str]:
    """Where all files are."""
    with records.reading() as connection:
        return set(connection.execute(select(UPLOADED_FILES.c.place)).scalars())


def waiting(records: Records) -> list[Waiting]:
    """The files that are to be read, each account's in the order in which they came, the accounts in turn.

    The account whose turn is longest ago comes first, so that one that sends many files does not hold up the others.
    A file that several people sent comes in the first of their turns. What ended its reader before comes last.
    """
    turn = func.min(func.coalesce(USERS.c.upload_read_at, literal(_NEVER, USERS.c.upload_read_at.type)))
    sent = UPLOADED_FILES.join(UPLOADS, UPLOADS.c.digest == UPLOADED_FILES.c.digest)
    query = (
        select(UPLOADED_FILES, turn.label("turn"))
        .select_from(sent.join(USERS, USERS.c.id == UPLOADS.c.user_id))
        .where(UPLOADED_FILES.c.state == State.WAITING.value)
        .group_by(UPLOADED_FILES.c.digest)
        .order_by(UPLOADED_FILES.c.tries, "turn", UPLOADED_FILES.c.received_at, UPLOADED_FILES.c.digest)
    )
    with records.reading() as connection:
        rows = connection.execute(query).all()
    return [
        Waiting(
            row.digest, row.kind, row.place, date.fromisoformat(row.played_on) if row.played_on else None, row.tries
        )
        for row in rows
    ]


def begin(records: Records, digest: str, *, at: datetime) -> None:
    """Note that reading a file begins: what ends its reader more than a few times is not read again.

    It was then the turn of everybody who sent it, whatever becomes of the file or of the upload.
    """
    senders = select(UPLOADS.c.user_id).where(UPLOADS.c.digest == digest)
    with records.writing() as connection:
        row = UPLOADED_FILES.c.digest == digest
        connection.execute(update(UPLOADED_FILES).where(row).values(tries=UPLOADED_FILES.c.tries + 1))
        connection.execute(update(USERS).where(USERS.c.id.in_(senders)).values(upload_read_at=at))


def settle(
    records: Records, digest: str, state: State, reason: str, *, at: datetime, body: Mapping[str, Any] | None = None
) -> None:
    """Note what became of a file."""
    kept = None if body is None else json.dumps(body)
    values = {"state": state.value, "reason": reason, "settled_at": at, "body": kept}
    with records.writing() as connection:
        connection.execute(update(UPLOADED_FILES).where(UPLOADED_FILES.c.digest == digest).values(**values))


def games(records: Records, kind: str) -> dict[str, Any]:
    """The games of accepted files of a kind, by digest."""
    accepted = (UPLOADED_FILES.c.kind == kind) & (UPLOADED_FILES.c.state == State.ACCEPTED.value)
    with records.reading() as connection:
        query = select(UPLOADED_FILES.c.digest, UPLOADED_FILES.c.body).where(
            accepted & UPLOADED_FILES.c.body.is_not(None)
        )
        return {row.digest: json.loads(row.body) for row in connection.execute(query.order_by(UPLOADED_FILES.c.digest))}


def newest_game(records: Records, kind: str) -> datetime | None:
    """When the newest file of a kind was accepted."""
    accepted = (UPLOADED_FILES.c.kind == kind) & (UPLOADED_FILES.c.state == State.ACCEPTED.value)
    with records.reading() as connection:
        found: datetime | None = connection.execute(
            select(func.max(UPLOADED_FILES.c.settled_at, type_=UPLOADED_FILES.c.settled_at.type)).where(accepted)
        ).scalar_one()
    return found


def _room(connection: Connection, user_id: str, quota: Quota) -> int:
    joined = UPLOADS.join(UPLOADED_FILES, UPLOADED_FILES.c.digest == UPLOADS.c.digest)
    size = func.coalesce(func.sum(UPLOADED_FILES.c.size), 0)
    files, used = connection.execute(
        select(func.count(), size).select_from(joined).where(UPLOADS.c.user_id == user_id)
    ).one()
    if files >= MOST_FILES:
        raise QuotaError(f"you have {files} uploads, and {MOST_FILES} are kept for one account: delete some first")
    waits = func.count().filter(UPLOADED_FILES.c.state == State.WAITING.value)
    waiting_now = connection.execute(select(waits).select_from(joined).where(UPLOADS.c.user_id == user_id)).scalar_one()
    if waiting_now >= MOST_WAITING:
        raise TooManyWaitingError(
            f"{waiting_now} of your uploads wait to be read, and {MOST_WAITING} may: send more when some were read"
        )
    if used >= quota.account:
        raise QuotaError(f"your uploads take {used} bytes of {quota.account}: delete some first")
    total = connection.execute(select(size)).scalar_one()
    if total >= quota.total:
        raise QuotaError("there is no room left for uploads on this platform: tell whoever runs it")
    return int(min(quota.account - used, quota.total - total))


def _added(connection: Connection, user_id: str, file: Received, at: datetime, quota: Quota) -> tuple[Upload, bool]:
    connection.execute(select(USERS.c.id).where(USERS.c.id == user_id).with_for_update())  # one at a time for each
    known = connection.execute(select(UPLOADED_FILES).where(UPLOADED_FILES.c.digest == file.digest)).one_or_none()
    mine = (UPLOADS.c.user_id == user_id) & (UPLOADS.c.digest == file.digest)
    before = connection.execute(_uploads().where(mine)).one_or_none()
    if before is None and file.size > _room(connection, user_id, quota):
        raise QuotaError(f"there is no room for {file.size} bytes more: delete some of your uploads first")
    kept = known is None or known.state == State.QUARANTINED
    if known is None:
        connection.execute(insert(UPLOADED_FILES).values(digest=file.digest, **_anew(file, at)))
    elif kept:
        anew = _anew(file, at) | ({} if file.played_on else {"played_on": known.played_on})
        connection.execute(update(UPLOADED_FILES).where(UPLOADED_FILES.c.digest == file.digest).values(**anew))
    elif known.state == State.WAITING and known.played_on is None and file.played_on is not None:
        said = {"played_on": file.played_on.isoformat()}
        connection.execute(update(UPLOADED_FILES).where(UPLOADED_FILES.c.digest == file.digest).values(**said))
    identifier = secrets.token_hex(16) if before is None else before.id
    if before is None:
        values = {"id": identifier, "user_id": user_id, "digest": file.digest, "name": file.name, "at": at}
        connection.execute(insert(UPLOADS).values(**values))
    return _upload(connection.execute(_uploads().where(UPLOADS.c.id == identifier)).one()), kept


def _anew(file: Received, at: datetime) -> dict[str, Any]:
    """A file that waits to be read."""
    return {
        "kind": file.kind, "size": file.size, "place": file.place, "received_at": at, "tries": 0,
        "played_on": file.played_on.isoformat() if file.played_on else None, "state": State.WAITING.value,
        "reason": "", "settled_at": None, "body": None,
    }  # fmt: skip


def _uploads() -> Any:
    return select(UPLOADS.c.id, UPLOADS.c.name, UPLOADS.c.at, UPLOADED_FILES).join_from(
        UPLOADS, UPLOADED_FILES, UPLOADED_FILES.c.digest == UPLOADS.c.digest
    )


def _upload(row: Row[Any]) -> Upload:
    return Upload(
        row.id, row.name, row.at, row.kind, row.size, row.digest, State(row.state), row.reason, row.settled_at
    )
