"""Uploaded files in the pipeline: the sensor asks for one run, the run reads them, games bring new cards."""

import hashlib
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr
from sqlalchemy import insert

from cs2_pipeline.coaching.uploads.inbox import Inbox
from cs2_pipeline.coaching.uploads.kinds import Kind
from cs2_pipeline.defs.assets import rocket_league
from cs2_pipeline.defs.automation.new_uploads import new_games, new_uploads, read_uploads_job
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.records import uploads
from cs2_pipeline.records.database import open_records
from cs2_pipeline.records.tables import USERS
from cs2_pipeline.records.uploads import Quota, Received, State
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.demodb.importers import made_exports as made

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform(Settings(home=tmp_path / "home"))


def send(platform: Platform, local: Path, kind: Kind) -> str:
    """As the gateway does; returns the file's digest."""
    digest, size = hashlib.sha256(local.read_bytes()).hexdigest(), local.stat().st_size
    place = Inbox.new_place("".join(local.suffixes))
    Inbox(platform.settings.resolved_uploads_url()).put(local, place)
    with closing(open_records(platform.settings)) as records:
        with records.writing() as connection:
            who = {"username": digest[:9], "username_key": digest[:9], "is_admin": False, "created_at": NOW}
            connection.execute(insert(USERS).values(id=digest[:9], **who))
        file = Received(local.name, digest, kind.value, size, place)
        uploads.add(records, digest[:9], file, at=NOW, quota=Quota(10**9, 10**9))
    return digest


def asked(
    sensor: dg.SensorDefinition, platform: Platform, cursor: str | None = None, at_work: dg.JobDefinition | None = None
) -> tuple[int, str | None]:
    """How many runs a sensor asks for, and its cursor, while a run of a job is at work."""
    with dg.DagsterInstance.ephemeral() as instance:
        if at_work is not None:
            instance.create_run_for_job(at_work, status=dg.DagsterRunStatus.STARTED)
        context = dg.build_sensor_context(instance=instance, cursor=cursor, resources={"platform": platform})
        found = sensor(context)
    if isinstance(found, dg.SensorResult):
        return len(found.run_requests or []), found.cursor
    return int(isinstance(found, dg.RunRequest)), cursor


def run(platform: Platform) -> dict[str, int]:
    result = read_uploads_job.execute_in_process(resources={"platform": platform})
    counts: dict[str, int] = result.output_for_node("read_uploaded_files")
    return counts


def test_without_records_nothing_is_asked_for(platform: Platform) -> None:
    assert asked(new_uploads, platform)[0] == asked(new_games, platform)[0] == 0
    assert not platform.settings.home.exists()


def test_a_waiting_file_is_read_by_one_run_and_not_again(platform: Platform, tmp_path: Path) -> None:
    send(platform, made.write(tmp_path, made.match()), Kind.EXPORT)
    assert asked(new_uploads, platform)[0] == 1
    assert asked(new_uploads, platform, at_work=read_uploads_job)[0] == 0
    assert run(platform) == {"accepted": 1}
    assert platform.settings.embedded_database.exists()
    assert asked(new_uploads, platform)[0] == 0
    assert asked(new_games, platform)[0] == 0


def test_games_that_came_bring_new_cards_once_and_are_observed(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "mine.replay").write_bytes(b"a game")
    digest = send(platform, tmp_path / "mine.replay", Kind.REPLAY)
    stats = {"core": {"shots": 3, "goals": 1, "saves": 2, "assists": 0}}
    player = {"id": {"platform": "steam", "id": "1"}, "start_time": 0, "end_time": 300, "stats": stats}
    game = {"id": "g", "date": "2026-02-01T10:00:00+00:00", "playlist_id": "replay online", "team_size": 1}
    game |= {"blue": {"players": [player]}, "orange": {"players": []}}
    with closing(open_records(platform.settings)) as records:
        uploads.settle(records, digest, State.ACCEPTED, "a game", at=NOW, body=game)
    runs, cursor = asked(new_games, platform)
    assert runs == 1
    assert asked(new_games, platform, cursor)[0] == 0
    for _ in range(2):  # the second run adds nothing
        found = rocket_league.rocket_league_observations(platform).value
        assert set(found["player"]) == {"steam:1"}
        assert found["match"].nunique() == 1
        assert dict(found.set_index("skill")["total"])["goals"] == 5.0
        platform.tables.write(rocket_league.OBSERVATIONS, found)


def test_new_cards_wait_for_files_that_may_bring_more_games_and_for_cards_being_made(
    platform: Platform, tmp_path: Path
) -> None:
    (tmp_path / "mine.replay").write_bytes(b"a game")
    digest = send(platform, tmp_path / "mine.replay", Kind.REPLAY)
    with closing(open_records(platform.settings)) as records:
        uploads.settle(records, digest, State.ACCEPTED, "a game", at=NOW, body={"id": "g"})

    @dg.job(name=rocket_league.JOB)
    def cards() -> None:
        pass

    assert asked(new_games, platform, at_work=cards) == (0, None)
    (tmp_path / "another.replay").write_bytes(b"another game")
    send(platform, tmp_path / "another.replay", Kind.REPLAY)
    assert asked(new_games, platform) == (0, None)


def test_a_match_is_not_added_where_the_database_is_that_of_another_application(tmp_path: Path) -> None:
    theirs = SecretStr(f"sqlite:///{tmp_path / 'theirs.sqlite'}")
    platform = Platform(Settings(home=tmp_path / "home", database_url=theirs))
    send(platform, made.write(tmp_path, made.match()), Kind.EXPORT)
    assert "accepted" not in run(platform)
    assert not platform.settings.embedded_database.exists()
    assert not (tmp_path / "theirs.sqlite").exists()
