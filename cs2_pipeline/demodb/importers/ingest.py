"""Ingesting recordings: finds them, reads several at once, adds each exactly once and reports what happened.

This is what `cs2 ingest demos` calls.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final, Literal

from pyarrow import feather

from cs2_pipeline.demodb.extraction.playing_order import date_in
from cs2_pipeline.demodb.importers import checksum as demo_checksum
from cs2_pipeline.demodb.importers.event_folder import is_event_folder
from cs2_pipeline.demodb.importers.ledger import Added, Ledger, Quarantined
from cs2_pipeline.demodb.importers.parsed import UnreadableDemoError
from cs2_pipeline.demodb.importers.worker import OUTCOME_FILE, content_hash
from cs2_pipeline.limits import Limits

DEMO_PARSER: Final = "cs2_pipeline.demodb.importers.demo_file:Demoparser2"
EVENTS_PARSER: Final = "cs2_pipeline.demodb.importers.event_folder:EventFolder"
TIMEOUT: Final = 600.0
"""Seconds a recording may take: an hour of play takes a parser well under a minute."""

UNDATED: Final = "neither the recording nor its name says when the match was played"
"""How the reason begins when only a date is missing."""
_START_WORKER: Final = "import sys; from cs2_pipeline.demodb.importers.worker import main; main(sys.argv[1:])"

Status = Literal["imported", "known", "refused", "quarantined", "missing"]


@dataclass(frozen=True)
class Outcome:
    """What became of one recording.

    Attributes:
        status: ``imported``; ``known``, already in the database; ``refused``, it could not be read and is now on the
            quarantine list; ``quarantined``, it is on the list from before, has not changed, and was left alone;
            ``missing``, the path leads to no recording.
        detail: the reason where it was not imported, or what is missing from it where it was.
        demo_id: its DemoFiles id where it is in the database.
        rounds: finished rounds of the match.
        left_out: events that could not be used, by reason.
    """

    path: Path
    status: Status
    detail: str = ""
    demo_id: int | None = None
    rounds: int = 0
    left_out: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class IngestReport:
    """What became of all recordings, in the order they were given."""

    outcomes: list[Outcome]

    def of(self, status: Status) -> list[Outcome]:
        """The outcomes of a status."""
        return [outcome for outcome in self.outcomes if outcome.status == status]

    @property
    def ok(self) -> bool:
        """True when every recording is in the database."""
        return all(outcome.status in ("imported", "known") for outcome in self.outcomes)

    def summary(self) -> str:
        """One sentence with the numbers."""
        new, unread = self.of("imported"), [*self.of("refused"), *self.of("quarantined")]
        parts = [
            f"{len(new)} imported with {sum(outcome.rounds for outcome in new)} rounds",
            f"{len(self.of('known'))} already in the database",
        ]
        if unread:
            parts.append(f"{len(unread)} not readable")
        if missing := self.of("missing"):
            parts.append(f"{len(missing)} of the paths without a recording")
        return ", ".join(parts)


@dataclass(frozen=True)
class _How:
    """The options of `ingest` that say how a recording is read."""

    retry: bool
    timeout: float
    parser: str
    played_on: date | None
    file_times: bool
    limits: Limits | None


@dataclass(frozen=True)
class _Read:
    """A recording's rows in a folder, or the reason why there are none."""

    content_hash: str
    folder: Path | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None
    keys: tuple[str, ...] = ()


def find(paths: Iterable[Path]) -> Iterator[Path]:
    """The recordings that paths name: files as they are, folders of event files, and `.dem` files in folders below.

    A path that is not there is passed on, so that it is reported like any other that cannot be read.
    """
    seen = set()
    for path in paths:
        path = path.resolve()  # noqa: PLW2901  # the same file by two names is one recording
        if not path.is_dir() or is_event_folder(path):
            found = [path]
        else:
            folders = [folder for folder in path.rglob("*") if is_event_folder(folder)]
            found = sorted([*path.rglob("*.dem"), *folders]) or [path]
        for recording in found:
            if recording not in seen:
                seen.add(recording)
                yield recording


def ingest(
    paths: Iterable[Path],
    database: Path,
    *,
    played_on: date | None = None,
    file_times: bool = True,
    workers: int = 2,
    retry: bool = False,
    progress: Callable[[int, int, Outcome], None] | None = None,
    timeout: float = TIMEOUT,
    parser: str = DEMO_PARSER,
    limits: Limits | None = None,
    replaces: bool = True,
) -> IngestReport:
    """Adds recordings to an embedded demo database, each exactly once and in one transaction of its own.

    Args:
        paths: `.dem` files, folders with some anywhere below, folders of per-event Parquet files.
        database: the SQLite file; made if it is not there.
        played_on: the UTC day of the matches whose recordings have no date in their names.
        file_times: take a file's modification time as the end of a recording of which no date is known; else it is
            refused.
        workers: recordings read at the same time, each in a process of its own.
        retry: read again what is on the quarantine list, changed or not.
        progress: called after each recording with how many are done, how many there are, and the outcome.
        timeout: seconds after which a recording's process is ended.
        parser: what reads `.dem` files, as ``module:Class``; see `parsed.DemoParser`.
        limits: of each recording's process, for what comes from strangers.
        replaces: a fuller recording takes the place of the one of its match that is in; strangers' never should.

    Raises:
        DemoDatabaseError: the database cannot be written. What was added before stays, nothing is half-written.
    """
    recordings = list(find(paths))
    outcomes: list[Outcome] = []
    if not any(_is_recording(path) for path in recordings):  # no database is made for nothing
        return IngestReport([Outcome(path, "missing", _nothing_there(path)) for path in recordings])
    how = _How(retry, timeout, parser, played_on, file_times, limits)
    with (
        Ledger(database, replaces=replaces) as ledger,
        tempfile.TemporaryDirectory(prefix="cs2-ingest-") as scratch,
        ThreadPoolExecutor(max_workers=max(1, workers)) as pool,
    ):
        folders = [Path(scratch) / str(number) for number in range(len(recordings))]
        waiting = [pool.submit(_prepare, ledger, *one, how) for one in zip(recordings, folders, strict=True)]
        try:
            # A recording is added in its turn, not when its process ends: ids do not depend on `workers`.
            for path, future in zip(recordings, waiting, strict=True):
                outcomes.append(_settle(ledger, path, future))
                if progress is not None:
                    progress(len(outcomes), len(recordings), outcomes[-1])
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return IngestReport(outcomes)


def failed(database: Path) -> list[Quarantined]:
    """The quarantine list of a demo database; empty where there is no database yet.

    Raises:
        DemoDatabaseError: the file is no SQLite database or cannot be opened.
    """
    if not database.exists():
        return []
    with Ledger(database) as ledger:
        return ledger.quarantine()


def _prepare(ledger: Ledger, path: Path, folder: Path, how: _How) -> Outcome | _Read:
    """Reads a recording, unless it is in the database or known to be unreadable."""
    if not _is_recording(path):
        return Outcome(path, "missing", _nothing_there(path))
    try:
        digest = content_hash(path)
    except OSError as error:
        return _Read("", reason=f"cannot be opened: {error.strerror or error}")
    checksum = demo_checksum.of_demo(path) if path.is_file() else None
    keys = (digest, *([demo_checksum.key(checksum)] if checksum else []))
    started = _started(path, how.played_on)
    if (demo_id := ledger.ingested(*keys)) is not None:
        held, started = ledger.held(demo_id)
        if not ledger.replaces or ledger.ingested(digest) is not None or min(held) == held.rounds:
            return known(path, demo_id)  # else an export of this demo came first, and lacks what a demo tells
    elif (reason := _unreadable_before(ledger, path, digest, how)) is not None:
        return Outcome(path, "quarantined", f"{reason} (unchanged since; read it again with --retry)")
    elif started is None and not how.file_times:
        say_it = "say it with --date YYYY-MM-DD, or take the files' modification times with --file-times"
        return _Read(digest, reason=f"{UNDATED}; {say_it}")
    folder.mkdir()
    return replace(_read(path, digest, folder, started, how), keys=keys)


def _unreadable_before(ledger: Ledger, path: Path, digest: str, how: _How) -> str | None:
    """Why a recording is on the quarantine list and is not read again; None where it is read."""
    before = ledger.quarantined(path)
    if before is None or how.retry or before.content_hash != digest or before.reason.startswith(UNDATED):
        return None
    return before.reason


def _started(path: Path, played_on: date | None) -> datetime | None:
    """When the match of a recording began (UTC), by its name or by what was said; None where neither tells."""
    named = date_in(path.name)
    if named is not None:
        return named.replace(tzinfo=None)
    return datetime.combine(played_on, time()) if played_on is not None else None


def _is_recording(path: Path) -> bool:
    """Whether a path leads to something that could be one."""
    return path.is_file() or is_event_folder(path)


def _nothing_there(path: Path) -> str:
    if path.is_dir():
        return "the folder holds no .dem file and no Parquet file named after a game event"
    return "there is no such file"


def known(path: Path, demo_id: int) -> Outcome:
    """The outcome for a recording whose match is in already, whatever file it came from."""
    return Outcome(path, "known", "the same match is already in the database", demo_id)


def _read(path: Path, digest: str, folder: Path, started: datetime | None, how: _How) -> _Read:
    """Reads a recording in a process of its own, which ends when this one does (`worker.main`)."""
    parser = EVENTS_PARSER if path.is_dir() else how.parser
    when = started.isoformat() if started is not None else ""
    limits = how.limits.arguments() if how.limits else []
    command = [sys.executable, "-c", _START_WORKER, parser, str(path), str(folder), when, *limits]
    lifeline, held = os.pipe()
    try:
        done = subprocess.run(  # noqa: S603  # our own module
            command, stdin=lifeline, capture_output=True, timeout=how.timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return _Read(digest, reason=f"the parser had not finished after {how.timeout:g} seconds and was stopped")
    finally:
        os.close(lifeline)
        os.close(held)
    outcome = folder / OUTCOME_FILE
    if not outcome.exists():
        return _Read(digest, reason=_died(done, how.limits))
    facts = json.loads(outcome.read_text(encoding="utf-8"))
    return _Read(digest, folder, facts, facts.get("reason"))


def _died(done: "subprocess.CompletedProcess[bytes]", limits: Limits | None) -> str:
    """Why a process ended without an outcome."""
    if limits is not None and (reason := limits.broken(done.returncode, done.stderr)):
        return reason
    if done.returncode < 0:
        return f"the parser crashed (signal {-done.returncode})"
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return f"the parser's process failed: {lines[-1] if lines else f'exit status {done.returncode}'}"


def _settle(ledger: Ledger, path: Path, future: "Future[Outcome | _Read]") -> Outcome:
    """Writes what was read, or why it was not."""
    read = future.result()
    if isinstance(read, Outcome):
        if read.status == "known":
            ledger.release(path)
        return read
    if read.reason is not None or read.folder is None:
        return _refused(ledger, path, read, read.reason or "nothing was read")
    try:
        return _add(ledger, path, read, read.folder)
    except UnreadableDemoError as error:
        return _refused(ledger, path, read, str(error))


def _refused(ledger: Ledger, path: Path, read: _Read, reason: str) -> Outcome:
    """Puts a recording on the quarantine list, unless its match is in the database, or it is gone meanwhile."""
    if read.keys and (demo_id := ledger.ingested(*read.keys)) is not None:
        return known(path, demo_id)
    if _is_recording(path):
        ledger.refuse(path, read.content_hash, reason)
    return Outcome(path, "refused", reason)


def _add(ledger: Ledger, path: Path, read: _Read, folder: Path) -> Outcome:
    rows = {file.stem: feather.read_table(file).to_pylist() for file in sorted(folder.glob("*.arrow"))}
    left_out: dict[str, int] = read.facts["left_out"]
    added = ledger.add(
        path,
        read.keys,
        rows,
        live_rounds=read.facts["rounds"],
        economy_known=read.facts["economy_known"],
        left_out=json.dumps(left_out, sort_keys=True),
    )
    return outcome_of(path, added, read.facts["rounds"], left_out, economy_known=read.facts["economy_known"])


def outcome_of(path: Path, added: Added, rounds: int, left_out: Mapping[str, int], *, economy_known: bool) -> Outcome:
    """What became of a recording that the ledger took."""
    if added.how == "known":
        return known(path, added.demo_id)
    if added.how == "fuller":
        said = "the same match was already in the database; this recording holds more of it and took the other's place"
        return Outcome(path, "known", said, added.demo_id, rounds, dict(left_out))
    said = remarks(rounds, left_out, economy_known=economy_known)
    return Outcome(path, "imported", said, added.demo_id, rounds, dict(left_out))


def remarks(rounds: int, left_out: Mapping[str, int], *, economy_known: bool) -> str:
    """What is missing from a recording that was imported."""
    if rounds == 0:
        return "no played round: imported as an unfinished match without rounds"
    missing = [] if economy_known else ["money and equipment were not recorded"]
    missing += [f"{count} {reason} left out" for reason, count in left_out.items()]
    return "; ".join(missing)
