"""`cs2 live simulate` and `cs2 live replay`: matches to watch, sent to the gateway as if they were played now."""

import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cs2_pipeline.cli.console import CliError, note, out, progress
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.one_match import day_of
from cs2_pipeline.demodb.importers import exports, ingest
from cs2_pipeline.demodb.importers.event_folder import is_event_folder
from cs2_pipeline.demodb.simulator.simulation import FIRST_DAY, simulate
from cs2_pipeline.live import sender as sending
from cs2_pipeline.live.sources import recordings
from cs2_pipeline.live.sources.demo_database import Recorded, recorded_matches
from cs2_pipeline.settings import Settings

EVER: Final = (date(1970, 1, 1), date(9999, 1, 1))


def simulated(settings: Settings, *, matches: int, speed: float, url: str | None) -> None:
    """Play simulated matches at once."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "live.sqlite"
        seed = uuid.uuid4().int % 2**31
        simulate(path, matches=matches, days=1, seed=seed, teams=max(2, min(80, 2 * matches)))
        with DemoDatabase(f"sqlite:///{path}") as db:
            found = list(recorded_matches(db, FIRST_DAY, FIRST_DAY, run=str(seed)))
    _play(settings, found, speed=speed, url=url)


def replayed(settings: Settings, match: str, *, speed: float, url: str | None) -> None:
    """Play a match again: one of the demo database by its Id, or what a recording or export holds."""
    run = uuid.uuid4().hex
    if match.isdecimal():
        with DemoDatabase(settings.resolved_database_url()) as db:
            day = day_of(db, int(match))
            found = [one for one in recorded_matches(db, day, day, run=run) if one.recorded_id == int(match)]
    else:
        found = recorded_in(Path(match), run)
    if not found:
        raise CliError(f"{match} holds no round with a winner, so it cannot be replayed")
    _play(settings, found, speed=speed, url=url)


def recorded_in(path: Path, run: str = "") -> list[Recorded]:
    """The matches of a file: a server's log, posts of state integration, or what `cs2 ingest` reads.

    Raises:
        CliError: it cannot be read; the message says why.
    """
    try:
        if path.suffix == ".log":
            return [recordings.of_server_log(path, run)]
        if path.suffix == ".json" and path.is_file() and path.read_bytes()[:100].lstrip().startswith(b"["):
            return [recordings.of_posts(path, run)]
    except (OSError, recordings.RecordingError) as error:
        raise CliError(str(error)) from error
    with TemporaryDirectory() as folder:
        database = Path(folder) / "recorded.sqlite"
        if path.suffix == ".dem" or is_event_folder(path):
            report = ingest.ingest([path], database, workers=1)
        else:
            report = exports.ingest_exports([path], database, played_on=datetime.now(UTC).date())
        if wrong := [one for one in report.outcomes if one.status != "imported"]:
            raise CliError(f"{wrong[0].path}: {wrong[0].status}: {wrong[0].detail}")
        with DemoDatabase(f"sqlite:///{database}") as db:
            return list(recorded_matches(db, *EVER, run=run))


def _play(settings: Settings, matches: Sequence[Recorded], *, speed: float, url: str | None) -> None:
    address = url or f"http://{settings.host}:{settings.gateway_port}"
    key = settings.api_key.get_secret_value() if settings.api_key is not None else None
    client = sending.Sender(address, key)
    for match in matches:
        note(f"{match.map_name}: {address}/api/v1/matches/{match.match_id}")
    total = sum(len(match.events) for match in matches)
    try:
        with progress() as bar:
            task = bar.add_task(f"{len(matches)} matches", total=total)
            sending.play(
                client, matches, speed=speed, stagger=2.0 if speed else 0.0,
                told=lambda sent: bar.update(task, completed=sent.accepted + sent.duplicates + sent.refused),
            )  # fmt: skip
    except sending.SendError as error:
        raise CliError(str(error)) from error
    sent = client.sent
    out.print(f"{sent.accepted} events accepted, {sent.duplicates} duplicates, {sent.refused} refused")
