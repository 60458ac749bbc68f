"""`cs2 live`: separate consumers, verification, and dead letters; works in the serving installation, too."""

import os
import sys
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from cs2_pipeline.cli.console import CliError, answer, err, note, out
from cs2_pipeline.cli.processes import child_environment
from cs2_pipeline.live.events import EventError, parse
from cs2_pipeline.live.log import DeadLetter, EventLog, Submitted
from cs2_pipeline.live.runtime import open_history, open_log
from cs2_pipeline.live.verify import UnknownMatchError, verify
from cs2_pipeline.settings import Settings


def consume(settings: Settings, port: int) -> None:
    """Become a consumer: price live matches until told to stop."""
    note(f"consuming live events; health and metrics at http://{settings.host}:{port}/readyz; Ctrl-C to stop")
    command = [sys.executable, "-m", "bento.gateway.consumer", "--host", settings.host, "--port", str(port)]
    os.execve(sys.executable, command, child_environment(settings))  # noqa: S606


def verified(settings: Settings, match_id: str, *, as_json: bool) -> None:
    """Recompute a match and say whether the history agrees."""
    with closing(open_log(settings)) as log, closing(open_history(settings)) as history:
        try:
            found = verify(match_id, history, log)
        except UnknownMatchError as error:
            raise CliError(str(error)) from error
    if as_json:
        answer(asdict(found) | {"holds": found.holds})
    else:
        note(f"{found.events} events, {found.waiting} more not yet processed")
        note(f"state in history    {found.kept}")
        note(f"recomputed          {found.replayed}")
        note(f"shuffled, repeated  {found.shuffled}")
        note(f"{found.prices} stored prices, {found.differing} of them differ")
    if not found.holds:
        raise CliError(
            "the history does not match the events"
            + (": some are not processed yet, try again" if found.waiting else "")
        )


def letters(settings: Settings, *, limit: int, as_json: bool) -> None:
    """List the dead letters."""
    with closing(open_log(settings)) as log:
        found = log.dead_letters(limit)
    if as_json:
        answer([{"id": one.id, "at": one.at, "reason": one.reason, "match_id": one.match_id} for one in found])
        return
    for one in found:
        when = datetime.fromtimestamp(one.at, UTC).isoformat(timespec="seconds")
        out.print(f"{one.id}  {when}  {one.match_id or '-'}  {one.reason}")
    if not found:
        note("no dead letters")


def letter(settings: Settings, letter_id: str) -> None:
    """Show a dead letter."""
    with closing(open_log(settings)) as log:
        found = _letter(log, letter_id)
    err.print(found.reason)
    print(found.body.decode(errors="replace"))


def retry(settings: Settings, letter_id: str, corrected: Path | None) -> None:
    """Submit a dead letter again, unchanged or corrected in a file."""
    with closing(open_log(settings)) as log:
        found = _letter(log, letter_id)
        body = corrected.read_bytes() if corrected else found.body
        try:
            event = parse(body)
        except EventError as error:
            raise CliError(f"it is still not valid: {error}. Correct it in a file and give that file.") from error
        (fresh,) = log.append([Submitted(event.event_id, event.match_id, body)])
        log.forget(letter_id)
    note("accepted" if fresh else f"event {event.event_id} was accepted before; the dead letter is removed")


def _letter(log: EventLog, letter_id: str) -> DeadLetter:
    found = log.dead_letter(letter_id)
    if found is None:
        raise CliError(f"no dead letter {letter_id}; `cs2 live dead-letters list` lists them")
    return found
