"""The folder watched for exports: what is new and whole is read once."""

import json
import re
import sqlite3
from pathlib import Path

import dagster as dg
import fsspec
import pytest

from cs2_pipeline.defs.automation.new_exports import ingest_exports_job, listing, new_exports, settled
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.demodb.importers import made_exports as made


def platform(home: Path, url: str | None) -> Platform:
    return Platform(Settings(home=home, exports_url=url))


def tick(watched: Platform, cursor: str | None) -> dg.SensorResult | tuple[str, str | None]:
    """One look of the sensor: what it asks for, or why it asks for nothing and its cursor."""
    with dg.instance_for_test() as instance:
        context = dg.build_sensor_context(instance=instance, cursor=cursor, resources={"platform": watched})
        found = new_exports(context)
        assert isinstance(found, dg.SensorResult | dg.SkipReason)
        return found if isinstance(found, dg.SensorResult) else (str(found.skip_message), context.cursor)


def run(watched: Platform, found: dg.SensorResult) -> dict[str, int]:
    assert found.run_requests is not None
    [request] = found.run_requests
    result = ingest_exports_job.execute_in_process(run_config=request.run_config, resources={"platform": watched})
    counts: dict[str, int] = result.output_for_node("take_exports")
    (output,) = [event.step_output_data for event in result.all_events if event.is_successful_output]
    assert {name: value.value for name, value in output.metadata.items()} == counts
    return counts


def matches(home: Path) -> int:
    with sqlite3.connect(home / "demos.sqlite") as connection:
        count: int = connection.execute('SELECT COUNT(*) FROM "Matches"').fetchone()[0]
        return count


def test_a_file_is_ready_once_two_looks_saw_the_same_and_is_taken_once() -> None:
    now = {"a.json": "1", "b.zip": "1"}
    ready, seen = settled(now, {})
    assert (ready, seen) == ([], {"waiting": now, "taken": {}})
    ready, seen = settled(now | {"b.zip": "2"}, seen)
    assert (ready, seen["taken"]) == (["a.json"], {"a.json": "1"})
    ready, seen = settled(now | {"b.zip": "2"}, seen)
    assert (ready, seen["taken"]) == (["b.zip"], {"a.json": "1", "b.zip": "2"})
    assert settled(now | {"b.zip": "2"}, seen)[0] == []


def test_a_file_that_changed_is_taken_again_and_one_that_is_gone_is_forgotten() -> None:
    ready, seen = settled({"a.json": "2"}, {"waiting": {"a.json": "1"}, "taken": {"a.json": "1", "b.json": "1"}})
    assert (ready, seen["taken"]) == ([], {"a.json": "1"})
    ready, seen = settled({"a.json": "2"}, seen)
    assert (ready, seen["taken"]) == (["a.json"], {"a.json": "2"})


def test_tables_of_a_folder_are_taken_together_once_all_are_whole() -> None:
    tables = {"x/m_match.csv": "1", "x/m_kills.csv": "1", "y/m_kills.csv": "1"}
    waiting = {"waiting": tables | {"x/m_kills.csv": "0"}, "taken": {}}
    assert settled(tables, waiting)[0] == ["y/m_kills.csv"]
    assert settled(tables, {"waiting": tables, "taken": {"x/m_match.csv": "1", "y/m_kills.csv": "1"}})[0] == [
        "x/m_match.csv", "x/m_kills.csv",
    ], "one is new: all are read again"  # fmt: skip


def test_only_exports_are_listed_with_a_mark_that_changes_with_the_file(tmp_path: Path) -> None:
    for name in ("b.json", "deep/a.zip", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    first = listing(str(tmp_path))
    assert list(first) == [str(tmp_path / "b.json"), str(tmp_path / "deep/a.zip")]
    (tmp_path / "b.json").write_text("12")
    changed = listing(str(tmp_path))
    assert changed[str(tmp_path / "b.json")] != first[str(tmp_path / "b.json")]
    assert changed[str(tmp_path / "deep/a.zip")] == first[str(tmp_path / "deep/a.zip")]
    assert changed[str(tmp_path / "b.json")].startswith("2:")


def test_without_a_folder_to_watch_nothing_is_looked_at(tmp_path: Path) -> None:
    assert tick(platform(tmp_path, None), "kept") == ("no folder is watched: CS2_EXPORTS_URL is not set", "kept")


def test_a_new_file_is_read_at_the_second_look_and_not_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    file = made.write(folder, made.match())
    watched = platform(tmp_path / "home", str(folder))
    first = tick(watched, None)
    assert isinstance(first, tuple)  # it might still be written
    second = tick(watched, first[1])
    assert isinstance(second, dg.SensorResult)
    assert run(watched, second) == {"imported": 1}
    assert re.search(rf"INFO.* imported {file}: 13 rounds; ", capfd.readouterr().err)
    third = tick(watched, second.cursor)
    assert isinstance(third, tuple) and "none of them new" in third[0]
    assert matches(tmp_path / "home") == 1


def test_files_of_another_file_system_are_fetched_and_kept_only_while_they_cannot_be_read(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = fsspec.filesystem("memory")
    store.pipe("/watched/made-up.json", json.dumps(made.match()).encode())
    store.pipe("/watched/below/broken.json", b"{}")
    mine = tmp_path / "home" / "exports" / "mine.json"
    mine.parent.mkdir(parents=True)
    mine.write_text("not a copy")
    watched = platform(tmp_path / "home", "memory://watched")
    first = tick(watched, None)
    assert isinstance(first, tuple)
    second = tick(watched, first[1])
    assert isinstance(second, dg.SensorResult)
    assert run(watched, second) == {"imported": 1, "refused": 1}
    assert [path.name for path in (tmp_path / "home" / "cache").rglob("*") if path.is_file()] == ["broken.json"]
    assert re.search(r"WARNING.* refused \S+/below/broken\.json: 0 rounds; ", capfd.readouterr().err)
    store.pipe("/watched/below/broken.json", json.dumps(made.match("B" * 13, checksum="2")).encode())
    third = tick(watched, second.cursor)
    assert isinstance(third, tuple)
    fourth = tick(watched, third[1])
    assert isinstance(fourth, dg.SensorResult)
    assert run(watched, fourth) == {"imported": 1}
    assert [path for path in (tmp_path / "home" / "cache").rglob("*") if path.is_file()] == []
    assert mine.exists()
    store.rm("/watched", recursive=True)


def test_tables_stay_together_while_one_of_their_matches_cannot_be_read(tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    for place, match in enumerate((made.match(), made.match("B" * 13, checksum="2", date=""))):
        for table in sorted(made.write_csv(tmp_path / f"{place}", match).iterdir()):
            store.pipe(f"/tables/{place}_{table.name}", table.read_bytes())
    watched = platform(tmp_path / "home", "memory://tables")
    first = tick(watched, None)
    assert isinstance(first, tuple)
    second = tick(watched, first[1])
    assert isinstance(second, dg.SensorResult)
    assert run(watched, second) == {"imported": 1, "refused": 1}
    assert len(list((tmp_path / "home" / "cache").rglob("*.csv"))) == len(store.find("/tables"))
    store.rm("/tables", recursive=True)


def test_without_a_folder_nothing_is_watched(tmp_path: Path) -> None:
    found = tick(platform(tmp_path, None), None)
    assert isinstance(found, tuple) and "CS2_EXPORTS_URL" in found[0]


def test_only_exports_are_listed(tmp_path: Path) -> None:
    for name in ("a.json", "b.json.gz", "x_kills.csv", "notes.txt", "c.zip"):
        (tmp_path / name).write_text("1")
    assert [Path(name).name for name in listing(str(tmp_path))] == ["a.json", "b.json.gz", "c.zip", "x_kills.csv"]


@pytest.mark.parametrize(
    ("now", "waiting", "taken", "ready"),
    [
        ({"a": "1"}, {}, {}, []),
        ({"a": "1"}, {"a": "1"}, {}, ["a"]),
        ({"a": "2"}, {"a": "1"}, {}, []),
        ({"a": "1"}, {"a": "1"}, {"a": "1"}, []),
        ({"a": "2"}, {"a": "2"}, {"a": "1"}, ["a"]),
    ],
)
def test_a_file_is_taken_once_it_stays_the_same(
    now: dict[str, str], waiting: dict[str, str], taken: dict[str, str], ready: list[str]
) -> None:
    found, remembered = settled(now, {"waiting": waiting, "taken": taken})
    assert found == ready
    assert remembered["waiting"] == now and all(remembered["taken"][name] == now[name] for name in ready)


def test_tables_are_taken_together_once_all_of_their_folder_stay_the_same() -> None:
    names = ["one/x_kills.csv", "one/x_match.csv", "one/y.json", "two/x_match.csv"]
    now = dict.fromkeys(names, "1")
    before = now | {"one/x_match.csv": "0"}
    ready, remembered = settled(now, {"waiting": before, "taken": {}})
    assert ready == ["one/y.json", "two/x_match.csv"]
    ready, remembered = settled(now, remembered)
    assert ready == ["one/x_kills.csv", "one/x_match.csv"]
    now = now | {"two/x_rounds.csv": "1"}  # it comes late: what it is read with is taken again
    ready, remembered = settled(now, remembered)
    assert ready == []
    ready, remembered = settled(now, remembered)
    assert ready == ["two/x_match.csv", "two/x_rounds.csv"]
    assert settled(now, remembered)[0] == []
