"""Finished live matches on their way into the demo database: exports in a folder, each written once."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cs2_pipeline.live.events import EventError, parse
from cs2_pipeline.live.history import History, bodies, queries
from cs2_pipeline.live.recording import NotRecordableError, exported

SETTLED: Final = 3_600.0
"""Seconds after its last event that a match waits for corrections before it becomes training data."""


@dataclass
class Exports:
    """What was written.

    Attributes:
        written: the files of new matches.
        skipped: by match, why it does not become training data.
    """

    written: list[Path] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


def export_finished(history: History, folder: Path, now: float | None = None) -> Exports:
    """Write the exports of finished matches that are not there yet.

    Raises:
        HistoryUnavailableError: history cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    until = (time.time() if now is None else now) - SETTLED
    found = Exports()
    for row in history.ask(queries.MATCHES_FINISHED, since=0.0, until=until):
        match_id = row["match_id"]
        if (folder / f"{match_id}-1.json").exists():
            continue
        try:
            events = [parse(body) for body in bodies(history.ask(queries.EVENTS_OF_MATCH, match_id=match_id))]
            documents = exported(match_id, events)
        except (NotRecordableError, EventError) as error:
            found.skipped[match_id] = str(error)
            continue
        for number, document in reversed(list(enumerate(documents, start=1))):
            path = folder / f"{match_id}-{number}.json"
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps(document))
            partial.replace(path)  # the first map last: where it is, the match is whole
            found.written.append(path)
    return found
