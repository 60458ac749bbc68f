"""The process that reads one recording.

A parser is native code fed with files from strangers: it may crash or never return. So each recording is read in a
process of its own, which leaves its rows in a folder as Arrow files and the outcome in `OUTCOME_FILE`. No outcome
means that the process died.
"""

import hashlib
import importlib
import json
import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import pyarrow as pa
from pyarrow import feather

from cs2_pipeline.demodb.importers.assemble import Recording, assemble
from cs2_pipeline.demodb.importers.parsed import DemoParser, UnreadableDemoError
from cs2_pipeline.limits import limit_myself

OUTCOME_FILE: Final = "outcome.json"


def content_hash(path: Path) -> str:
    """SHA-256 of a file; for a folder that of its Parquet files' names and contents."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    whole = hashlib.sha256()
    for part in sorted(path.glob("*.parquet")):
        whole.update(f"{part.name}\0{content_hash(part)}\n".encode())
    return whole.hexdigest()


def describe(path: Path, started: datetime | None = None) -> Recording:
    """The file's facts; a folder's are those of its Parquet files together."""
    files = [path] if path.is_file() else sorted(path.glob("*.parquet"))
    stats = [file.stat() for file in files]
    modified = datetime.fromtimestamp(max((s.st_mtime for s in stats), default=0), UTC).replace(tzinfo=None)
    now = datetime.now(UTC).replace(tzinfo=None)
    return Recording(path.name, str(path), sum(s.st_size for s in stats), modified, now, started)


def load_parser(name: str) -> DemoParser:
    """The parser of a name of the form ``module:Class``."""
    module, _, attribute = name.partition(":")
    return cast(DemoParser, getattr(importlib.import_module(module), attribute)())


def read(parser: DemoParser, path: Path, folder: Path, started: datetime | None = None) -> dict[str, Any]:
    """Reads a recording, leaves its rows in a folder and answers the outcome."""
    try:
        found = assemble(parser.parse(path), describe(path, started))
    except UnreadableDemoError as error:
        return {"reason": str(error)}
    except MemoryError:
        raise  # the limit of this process: whoever started it says so
    except Exception as error:
        # A recording that no rule foresaw must not stop the others, and must say what it broke.
        return {"reason": f"could not be understood ({type(error).__name__}: {error}); please report it as a bug"}
    for table, rows in found.rows.items():
        if rows:
            feather.write_feather(pa.Table.from_pylist(rows), str(folder / f"{table}.arrow"), compression="zstd")
    return {"rounds": found.live_rounds, "economy_known": found.economy_known, "left_out": dict(found.left_out)}


def _end_with_parent() -> None:
    """Ends this process when the other end of its standard input is gone: nobody waits for the outcome any more."""
    sys.stdin.buffer.read()
    os._exit(1)


def main(arguments: list[str]) -> None:
    """Reads the recording named by the arguments: parser, path, folder, the match's start or nothing; limits."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    name, path, folder, started = arguments[0], Path(arguments[1]), Path(arguments[2]), arguments[3]
    if limits := arguments[4:]:
        limit_myself(limits)
    outcome = read(load_parser(name), path, folder, datetime.fromisoformat(started) if started else None)
    (folder / OUTCOME_FILE).write_text(json.dumps(outcome), encoding="utf-8")
