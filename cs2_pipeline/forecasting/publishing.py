"""Making the ledger's head known, once a day: whoever keeps one can tell later whether anything before it was changed.

The file in the home is for this platform's own checks; what binds is what others keep: the asset's metadata, the
webhook, and whoever reads `/api/v1/forecasts/ledger`.
"""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from cs2_pipeline.records.ledger import Head

FILE: Final = "ledger-heads.jsonl"


@dataclass(frozen=True)
class Published:
    """The head as it was made known on a day."""

    day: date
    head: Head


def publish(home: Path, day: date, head: Head) -> Published:
    """Add a day's head to the file; a day that is there keeps the head it has, which is returned."""
    known = {one.day: one for one in published(home)}
    if day in known:
        return known[day]
    home.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"day": day.isoformat(), "seq": head.seq, "hash": head.hash})
    with (home / FILE).open("a+", encoding="utf-8") as file:
        file.seek(0)
        there = file.read()
        file.write(("" if there.endswith("\n") or not there else "\n") + line + "\n")
    return Published(day, head)


def published(home: Path) -> list[Published]:
    """All heads that were made known, the oldest first. A line that was cut off by a crash is passed over."""
    path = home / FILE
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            said = json.loads(line)
            found.append(Published(date.fromisoformat(said["day"]), Head(int(said["seq"]), str(said["hash"]))))
        except (ValueError, KeyError, TypeError):
            continue
    return found
