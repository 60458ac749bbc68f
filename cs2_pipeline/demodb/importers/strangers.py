"""Files from strangers: read in processes that have so much computing, memory and time, and no more.

A recording is read as always, in a process of its own, here with limits. An export is read and added by a process of
its own too: whatever ends it half-way, the database keeps whole matches only. A match that is in is never changed by a
stranger's recording of it, however full: nothing proves what a file says.
"""

import json
import sys
from datetime import date
from pathlib import Path
from typing import Final

from cs2_pipeline.demodb.importers.exports import ingest_exports
from cs2_pipeline.demodb.importers.ingest import Outcome, ingest
from cs2_pipeline.demodb.importers.ledger import Ledger
from cs2_pipeline.limits import LimitError, Limits, limit_myself

DEMO_LIMITS: Final = Limits(seconds=600, memory=6 * 2**30, patience=1200)
EXPORT_LIMITS: Final = Limits(seconds=300, memory=3 * 2**30)


def take_demo(
    path: Path, database: Path, *, played_on: date | None = None, limits: Limits = DEMO_LIMITS
) -> list[Outcome]:
    """Adds a `.dem` file to an embedded demo database. It is not put on the list of files that could not be read.

    Raises:
        DemoDatabaseError: the database cannot be written.
    """
    report = ingest(
        [path], database, workers=1, played_on=played_on, file_times=False, timeout=limits.patience, limits=limits,
        replaces=False,
    )  # fmt: skip
    with Ledger(database) as ledger:
        ledger.release(path)
    return report.outcomes


def take_export(
    path: Path, database: Path, *, played_on: date | None = None, limits: Limits = EXPORT_LIMITS
) -> list[Outcome]:
    """Adds the matches of an export to an embedded demo database; like `take_demo`.

    Raises:
        LimitError: it took too much; what was added before stays.
        DemoDatabaseError: the database cannot be written.
    """
    done = limits.run(__name__, str(path), str(database), played_on.isoformat() if played_on else "")
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise LimitError(f"the reader ended without an answer: {said[-1] if said else done.returncode}")
    return [Outcome(Path(one.pop("path")), **one) for one in json.loads(done.stdout)]


def _main(arguments: list[str]) -> None:
    path, database, played_on = limit_myself(arguments)
    day = date.fromisoformat(played_on) if played_on else None
    outcomes = ingest_exports([Path(path)], Path(database), played_on=day, replaces=False).outcomes
    with Ledger(Path(database)) as ledger:
        for one in outcomes:
            ledger.release(one.path)
    json.dump([{**vars(one), "path": str(one.path)} for one in outcomes], sys.stdout)


if __name__ == "__main__":
    _main(sys.argv[1:])
