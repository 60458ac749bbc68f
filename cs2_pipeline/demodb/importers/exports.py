"""Ingesting other programs' exports: finds them, tells the formats apart, adds each match exactly once.

This is what `cs2 ingest exports` calls. Exports are data, not native code, so they are read in this process.
"""

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path, PurePosixPath
from typing import Final

from cs2_pipeline.demodb.importers import cs_demo_analyzer, csv_export, demo_format, exported
from cs2_pipeline.demodb.importers.assemble import Recording, assemble
from cs2_pipeline.demodb.importers.exported import ExportedMatch
from cs2_pipeline.demodb.importers.ingest import IngestReport, Outcome, known, outcome_of
from cs2_pipeline.demodb.importers.ledger import Ledger
from cs2_pipeline.demodb.importers.parsed import UnreadableDemoError

_JSON: Final = (".json", ".json.gz")
_LARGEST_MEMBER: Final = 2**31
"""Bytes a file in an archive may unpack to."""
_READ_OF_MAPS: Final = frozenset(
    {"manifest", "match", "players", "rounds", "player-economies", "kills", "damages", "bombs"}
)

Progress = Callable[[int, int, Outcome], None]


@dataclass(frozen=True)
class _Unit:
    """Files that are read together: one file, one archive, or the tables of a folder."""

    path: Path
    files: tuple[Path, ...]


@dataclass(frozen=True)
class _Found:
    """A match of a unit, or why it could not be read. ``size`` is that of the file where it holds one match."""

    path: Path
    content_hash: str
    modified: datetime
    size: int | None = None
    match: ExportedMatch | None = None
    reason: str = ""


def find(paths: Iterable[Path]) -> list[_Unit]:
    """The exports that paths name: files, archives, and whatever of them lies in folders below."""
    files: dict[Path, None] = {}
    absent: list[_Unit] = []
    for named in paths:
        path = named.resolve()
        below = sorted(p for p in path.rglob("*") if p.is_file() and is_export(p)) if path.is_dir() else [path]
        if not below or (path.is_file() and not is_export(path)) or not path.exists():
            absent.append(_Unit(path, ()))
            continue
        files.update(dict.fromkeys(below))
    tables: dict[Path, list[Path]] = {}
    units = []
    for path in files:
        if csv_export.table_of(path.name) is not None:
            tables.setdefault(path.parent, []).append(path)
        else:
            units.append(_Unit(path, (path,)))
    units += [_Unit(folder, tuple(parts)) for folder, parts in tables.items()]
    return sorted(units, key=lambda unit: unit.path) + absent


def ingest_exports(
    paths: Iterable[Path],
    database: Path,
    *,
    played_on: date | None = None,
    retry: bool = False,
    progress: Progress | None = None,
    replaces: bool = True,
) -> IngestReport:
    """Adds exported matches to an embedded demo database, each exactly once and in a transaction of its own.

    Args:
        paths: JSON of cs-demo-analyzer, CSV of CS Demo Manager, zips of either or of cs2-demo-format; folders of them.
        database: the SQLite file; made if it is not there.
        played_on: the UTC day of the matches whose export has no date. They are refused without it.
        retry: read again what is on the quarantine list, changed or not.
        progress: called after each match with how many files are done, how many there are, and the outcome.
        replaces: a fuller export takes the place of the recording of its match that is in; strangers' never should.

    Raises:
        DemoDatabaseError: the database cannot be written. What was added before stays, nothing is half-written.
    """
    units = find(paths)
    outcomes = [Outcome(unit.path, "missing", _nothing_there(unit.path)) for unit in units if not unit.files]
    units = [unit for unit in units if unit.files]
    if not units:
        return IngestReport(outcomes)
    with Ledger(database, replaces=replaces) as ledger:
        intake = _Intake(ledger, played_on, retry)
        for done, unit in enumerate(units, 1):
            for outcome in intake.take(unit):
                outcomes.append(outcome)
                if progress is not None:
                    progress(done, len(units), outcome)
        outcomes += intake.finish()
    return IngestReport(outcomes)


def is_export(path: Path | str) -> bool:
    """Whether a file's name is that of an export."""
    name = PurePosixPath(path).name.lower()
    return name.endswith((*_JSON, ".zip")) or csv_export.table_of(name) is not None


def _nothing_there(path: Path) -> str:
    if not path.exists():
        return "there is no such file"
    return "no export: a .json, .json.gz or .zip file, or tables named …_match.csv, …_rounds.csv and so on"


class _Intake:
    """Takes units into the ledger; parts of maps wait until all units were read."""

    def __init__(self, ledger: Ledger, played_on: date | None, retry: bool) -> None:
        self._ledger, self._retry = ledger, retry
        self._played_on = datetime.combine(played_on, time()) if played_on else None
        self._parts: dict[tuple[Path, str], list[_Found]] = {}

    def take(self, unit: _Unit) -> Iterator[Outcome]:
        """The outcomes of a unit's matches, those that wait for their other parts aside."""
        try:
            whole = _digest(unit)
        except OSError as error:
            yield self._refused(_Found(unit.path, "", _now()), f"cannot be opened: {error.strerror or error}")
            return
        before = self._ledger.quarantined(unit.path)
        dated = self._played_on is not None and before is not None and before.reason.startswith(exported.NO_DATE)
        waits = before is not None and exported.PARTS_MISSING in before.reason
        if before is not None and before.content_hash == whole and not (self._retry or dated or waits):
            said = f"{before.reason} (unchanged since; read it again with --retry)"
            yield Outcome(unit.path, "quarantined", said)
            return
        for found in _matches(unit, whole):
            part = exported.part_of(found.match.name) if found.match is not None else None
            if part is not None:
                self._parts.setdefault((found.path.parent, part[0]), []).append(found)
            else:
                yield self._settle(found)

    def finish(self) -> list[Outcome]:
        """The outcomes of the maps in parts, together with parts that came earlier."""
        return [
            self._join([*parts, *self._earlier(folder, name, parts)]) for (folder, name), parts in self._parts.items()
        ]

    def _earlier(self, folder: Path, name: str, parts: list[_Found]) -> Iterator[_Found]:
        """Parts of a map that were refused before, for want of these."""
        here = {found.path for found in parts}
        for entry in self._ledger.quarantine():
            path = Path(entry.path)
            if exported.PARTS_MISSING in entry.reason and path.parent == folder and path.is_file() and path not in here:
                for found in _matches(_Unit(path, (path,)), entry.content_hash):
                    part = exported.part_of(found.match.name) if found.match is not None else None
                    if part is not None and part[0] == name:
                        yield found

    def _join(self, parts: list[_Found]) -> Outcome:
        matches = [found.match for found in parts if found.match is not None]
        try:
            whole = exported.joined(matches)
        except UnreadableDemoError as error:
            known_id = self._ledger.ingested(*[key for match in matches for key in match.keys])
            if known_id is not None:
                return known(parts[0].path, known_id)
            first, *others = parts
            for found in others:
                self._refused(found, str(error))
            return self._refused(first, str(error))
        outcome = self._settle(replace(parts[0], match=whole, size=None))
        if outcome.status in ("imported", "known"):
            for found in parts:
                self._ledger.release(found.path)
        return outcome

    def _settle(self, found: _Found) -> Outcome:
        if found.match is None:
            return self._refused(found, found.reason)
        match, started = found.match, found.match.started or self._played_on
        demo_id = self._ledger.ingested(*match.keys)
        if demo_id is not None:
            self._ledger.release(found.path)
            held, started = self._ledger.held(demo_id)
            if not self._ledger.replaces or not exported.may_exceed(match, held):
                return known(found.path, demo_id)
        try:
            return self._add(found, replace(match, started=started))
        except UnreadableDemoError as error:
            reason = str(error)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            # An export that no rule foresaw must not stop the others, and must say what it broke.
            reason = f"could not be understood ({type(error).__name__}: {error})"
        return self._refused(found, reason) if demo_id is None else known(found.path, demo_id)

    def _add(self, found: _Found, match: ExportedMatch) -> Outcome:
        recording = Recording(match.name or found.path.name, str(found.path), found.size, found.modified, _now())
        made = assemble(exported.parsed(match), recording)
        left_out = dict(made.left_out)
        added = self._ledger.add(
            found.path,
            match.keys,
            made.rows,
            live_rounds=made.live_rounds,
            economy_known=made.economy_known,
            left_out=json.dumps(left_out, sort_keys=True),
        )
        return outcome_of(found.path, added, made.live_rounds, left_out, economy_known=made.economy_known)

    def _refused(self, found: _Found, reason: str) -> Outcome:
        self._ledger.refuse(found.path, found.content_hash, reason)
        return Outcome(found.path, "refused", reason)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _digest(unit: _Unit) -> str:
    whole = hashlib.sha256()
    for path in unit.files:
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def _matches(unit: _Unit, content_hash: str) -> Iterator[_Found]:
    """The matches of a unit; a unit that cannot be read is one match that could not be."""
    stats = [path.stat() for path in unit.files]
    modified = datetime.fromtimestamp(max(stat.st_mtime for stat in stats), UTC).replace(tzinfo=None)
    found = _Found(unit.path, content_hash, modified)
    try:
        first = unit.files[0]
        if first.name.lower().endswith(".zip"):
            yield from _of_archive(first, found)
        elif csv_export.table_of(first.name) is not None:
            yield from _of_tables(((path.name, path.read_bytes()) for path in unit.files), found)
        else:
            yield replace(found, match=cs_demo_analyzer.read(first.read_bytes()), size=stats[0].st_size)
    except (UnreadableDemoError, zipfile.BadZipFile, OSError) as error:
        yield replace(found, reason=str(error))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        yield replace(found, reason=f"could not be understood ({type(error).__name__}: {error})")


def _of_tables(files: Iterable[tuple[str, bytes]], found: _Found) -> Iterator[_Found]:
    for match in csv_export.read(files):
        yield replace(found, path=found.path / match.name, match=match)


def _of_archive(path: Path, found: _Found) -> Iterator[_Found]:
    with zipfile.ZipFile(path) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist() if not info.is_dir()}
        if large := next((name for name, size in sizes.items() if size > _LARGEST_MEMBER), None):
            raise UnreadableDemoError(f"{large} in the archive unpacks to more than {_LARGEST_MEMBER:,} bytes")
        manifests = [name for name in sizes if PurePosixPath(name).name == demo_format.MANIFEST]
        if manifests:
            for manifest in manifests:
                match = demo_format.read(_map_files(archive, PurePosixPath(manifest).parent, sizes))
                yield replace(found, path=path if len(manifests) == 1 else path / match.name, match=match)
            return
        exports = [name for name in sizes if name.lower().endswith(_JSON)]
        for name in exports:
            inside = path / name if len(exports) > 1 else path
            try:
                yield replace(found, path=inside, match=cs_demo_analyzer.read(archive.read(name)))
            except UnreadableDemoError as error:
                yield replace(found, path=inside, reason=str(error))
        tables = [name for name in sizes if csv_export.table_of(name) is not None]
        if tables:
            yield from _of_tables(((name, archive.read(name)) for name in tables), found)
        elif not exports:
            raise UnreadableDemoError("the archive holds no export: neither JSON nor tables nor a manifest.json")


def _map_files(archive: zipfile.ZipFile, folder: PurePosixPath, sizes: Mapping[str, int]) -> dict[str, bytes]:
    """The files of one map that are read, by bare name."""
    return {
        PurePosixPath(name).name: archive.read(name)
        for name in sizes
        if PurePosixPath(name).parent == folder and PurePosixPath(name).stem in _READ_OF_MAPS
    }
