"""Reads uploaded files: each in a process of its own, into what the platform ingests, or into quarantine with a reason.

Counter-Strike's demos and exports go into the embedded demo database, from which the extraction takes them like any
other match. A Rocket League game is kept with its upload, from where the next run of the observations takes it.
"""

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from cs2_pipeline.coaching.observed import checked
from cs2_pipeline.coaching.rocket_league import replays
from cs2_pipeline.coaching.rocket_league.observations import of_ballchasing
from cs2_pipeline.coaching.rocket_league.skills import SKILLS
from cs2_pipeline.coaching.skills import CoachingError
from cs2_pipeline.coaching.uploads.inbox import Inbox, clear_stale
from cs2_pipeline.coaching.uploads.kinds import Kind
from cs2_pipeline.demodb.importers.exported import NO_DATE
from cs2_pipeline.demodb.importers.ingest import UNDATED, Outcome
from cs2_pipeline.demodb.importers.strangers import take_demo, take_export
from cs2_pipeline.limits import LimitError
from cs2_pipeline.records import uploads
from cs2_pipeline.records.database import Records
from cs2_pipeline.records.uploads import State, Waiting

MOST_TRIES: Final = 3
MOST_AT_ONCE: Final = 20
"""Files read in one go: what reads them keeps the demo database from others meanwhile."""
LONGEST_REASON: Final = 500
OTHER_DATABASE: Final = (
    "this platform takes its matches from a demo database that uploads are not written to: give the file to whoever "
    "runs it"
)
GONE: Final = "the file is not here any more: send it again"
GAVE_UP: Final = f"reading it was begun {MOST_TRIES} times and never came to an end: send it again later"
_LETTERS: Final = str.maketrans("0123456789", "ghijklmnop")
"""Digits in a recording's name might be taken for a day."""
_READ: Final = ("imported", "known")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Verdict:
    """What became of a file; `body` is the game of a replay."""

    state: State
    reason: str
    body: dict[str, Any] | None = None


def read_waiting(
    records: Records, inbox: Inbox, database: Path | None, *, scratch: Path, now: Callable[[], datetime], say: Say
) -> dict[str, int]:
    """Remove what nobody wants any more, and read files that wait. Returns how many came to each end.

    Args:
        records: where files and their state are noted.
        inbox: where the files are.
        database: the embedded demo database; None where the platform reads another one.
        scratch: folder for files while they are read; made if it is not there.
        now: the time.
        say: told of each file.

    Raises:
        DemoDatabaseError: the demo database cannot be written; the file is tried again, a few times.
    """
    ends = Counter[str]()
    scratch.mkdir(parents=True, exist_ok=True)
    clear_stale(scratch, now=now())
    for place in [*uploads.orphans(records), *inbox.left_over(uploads.places(records), now=now())]:
        inbox.remove(place)
        ends["removed"] += 1
    for _ in range(MOST_AT_ONCE):
        # Asked anew for each file: who sent the first file a moment ago comes before who sends the twentieth.
        waiting = next(iter(uploads.waiting(records)), None)
        if waiting is None:
            break
        uploads.begin(records, waiting.digest, at=now())
        verdict = _verdict(waiting, inbox, database, scratch)
        reason = verdict.reason[:LONGEST_REASON]
        uploads.settle(records, waiting.digest, verdict.state, reason, at=now(), body=verdict.body)
        say(f"{waiting.kind} {waiting.digest[:12]}: {verdict.state}; {reason}")
        ends[verdict.state.value] += 1
    return dict(ends)


def _verdict(waiting: Waiting, inbox: Inbox, database: Path | None, scratch: Path) -> Verdict:
    if waiting.tries >= MOST_TRIES:
        return Verdict(State.QUARANTINED, GAVE_UP)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        ending = waiting.place[waiting.place.index(".") :]
        local = Path(folder) / f"{waiting.digest[:16].translate(_LETTERS)}{ending}"
        try:
            inbox.get(waiting.place, local)
        except FileNotFoundError:
            return Verdict(State.QUARANTINED, GONE)
        found = read(local, Kind(waiting.kind), database, waiting.played_on)
        reason = found.reason.replace(str(local), "the file").replace(local.name, "the file")
        return Verdict(found.state, reason, found.body)


def read(local: Path, kind: Kind, database: Path | None, played_on: date | None) -> Verdict:
    """Read one file.

    Raises:
        DemoDatabaseError: the demo database cannot be written.
    """
    try:
        if kind is Kind.REPLAY:
            return _replay(local)
        if database is None:
            return Verdict(State.QUARANTINED, OTHER_DATABASE)
        if kind is Kind.DEMO:
            return _matches(take_demo(local, database, played_on=played_on))
        return _matches(take_export(local, database, played_on=played_on))
    except LimitError as error:
        return Verdict(State.QUARANTINED, str(error))


def _replay(local: Path) -> Verdict:
    try:
        game = replays.read(local)
        rows = checked(of_ballchasing([game]), SKILLS)
    except CoachingError as error:
        return Verdict(State.QUARANTINED, str(error))
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        return Verdict(State.QUARANTINED, f"the game could not be understood ({type(error).__name__}: {error})")
    if rows.empty:
        return Verdict(State.QUARANTINED, "nobody but bots played in it for a minute")
    return Verdict(State.ACCEPTED, f"a game of {rows['player'].nunique()} players", game)


def _matches(outcomes: list[Outcome]) -> Verdict:
    """What became of a file that holds one match or several: it is accepted where at least one was read."""
    good = [one for one in outcomes if one.status in _READ]
    bad = [_reason(one) for one in outcomes if one.status not in _READ]
    if not good:
        return Verdict(State.QUARANTINED, "; ".join(bad) or "the file holds no match")
    new = sum(one.status == "imported" for one in good)
    parts = [f"{new} new matches" if new != 1 else "one new match"] if new else []
    parts += [f"{len(good) - new} known before"] if len(good) > new else []
    parts += [f"{len(bad)} not readable ({'; '.join(bad)})"] if bad else []
    told = f"; {good[0].detail}" if new and len(good) == 1 and good[0].detail else ""
    return Verdict(State.ACCEPTED, ", ".join(parts) + told)


def _reason(outcome: Outcome) -> str:
    if without := next((one for one in (NO_DATE, UNDATED) if outcome.detail.startswith(one)), None):
        return f"{without}: send it again with the day"
    return outcome.detail
