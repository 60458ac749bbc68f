"""A finished live match becomes rows of a demo database, once, and nothing else does."""

import json

import pytest

from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import extract
from cs2_pipeline.demodb.importers.exports import ingest_exports
from cs2_pipeline.live.finished import SETTLED, export_finished
from cs2_pipeline.live.recording import NotRecordableError, exported
from cs2_pipeline.live.sources.server_log import ServerLog
from cs2_pipeline_tests.live.made import play, read, uid
from cs2_pipeline_tests.live.sources.test_server_log import CT, Lines, T


def logged(rounds=4):
    """A match as a game server logs it: CT wins all rounds but the second."""
    lines = Lines()
    lines.start()
    score = {"CT": 0, "T": 0}
    for number in range(1, rounds + 1):
        winner, loser, side, how = (T, CT, "TERRORIST", "Terrorists") if number == 2 else (CT, T, "CT", "CTs")
        lines.wipe(loser, winner)
        score["T" if number == 2 else "CT"] += 1
        lines.end(side, f"SFUI_Notice_{how}_Win", score["CT"], score["T"])
        lines.add("Starting Freeze period")
        for who in CT + T:
            lines.add(f"{who} left buyzone with [ weapon_knife weapon_glock kevlar(100) ]", after=0)
        lines.add('World triggered "Round_Start"', after=15)
    lines.add(f"Game Over: competitive mg_active de_mirage score {score['CT']}:{score['T']} after 40 min")
    return ServerLog(uid("log"), "server").read(lines.text)


def test_a_match_from_a_server_becomes_training_data_once(bench, tmp_path) -> None:
    bench.send(logged())
    bench.consume()
    now = bench.consumer._matches[uid("log")].updated
    assert export_finished(bench.history, tmp_path / "finished", now + SETTLED - 1).written == []
    found = export_finished(bench.history, tmp_path / "finished", now + SETTLED + 1)
    assert [path.name for path in found.written] == [f"{uid('log')}-1.json"] and not found.skipped
    assert export_finished(bench.history, tmp_path / "finished", now + SETTLED + 1).written == []
    database = tmp_path / "demos.sqlite"
    report = ingest_exports([tmp_path / "finished"], database)
    assert [outcome.status for outcome in report.outcomes] == ["imported"], report
    again = ingest_exports([tmp_path / "finished"], database)
    assert [outcome.status for outcome in again.outcomes] == ["known"]
    with DemoDatabase(f"sqlite:///{database}") as db:
        day = json.loads(found.written[0].read_text())["date"][:10]
        from datetime import date

        rounds = extract.rounds(db, date.fromisoformat(day), date.fromisoformat(day)).frame
    assert rounds["ct_wins"].tolist() == [1, 0, 1, 1]
    assert rounds["map_name"].unique().tolist() == ["de_mirage"]


@pytest.mark.parametrize("source", ["demo", "simulator", "feed"])
def test_replayed_matches_and_players_without_steam_ids_are_left_out(source) -> None:
    events = read(play(3, source=source))
    with pytest.raises(NotRecordableError, match=r"again|SteamID"):
        exported(uid("one"), events)


def kept(bench, match, *, maps=1, source="server"):
    """A finished match of SteamIDs in history; when it was last heard of."""
    events = play(3, match=match, rounds=2, maps=maps, source=source)
    equipped = []
    for event in events:
        equipped.append(event)
        if event["type"] == "round_start":
            equipped += [
                event | {"event_id": uid(match, event["map_id"], event["round_no"], player), "type": "player_equipment",
                         "payload": {"player_id": f"STEAM_1:0:{player}", "player_team": "A" if player < 5 else "B",
                                     "money": 800, "equipment_value": 200}} for player in range(10)
            ]  # fmt: skip
    numbers = {}
    for event in equipped:
        numbers[event["map_id"]] = event["seq_no"] = numbers.get(event["map_id"], 0) + 1
    bench.send([dict(event) for event in equipped])
    bench.consume()
    return bench.consumer._matches[uid(match)].updated


def test_each_map_of_a_match_is_a_file_and_the_first_is_written_last(bench, tmp_path) -> None:
    now = kept(bench, "two", maps=2)
    folder = tmp_path / "not" / "there yet"
    found = export_finished(bench.history, folder, now + SETTLED)
    assert [path.name for path in found.written] == [f"{uid('two')}-2.json", f"{uid('two')}-1.json"]
    assert sorted(path.name for path in folder.iterdir()) == [f"{uid('two')}-1.json", f"{uid('two')}-2.json"]
    assert [len(json.loads(path.read_text())["rounds"]) for path in found.written] == [2, 2]
    (folder / f"{uid('two')}-1.json").unlink()  # as after a death between the two
    assert len(export_finished(bench.history, folder, now + SETTLED).written) == 2


def test_what_is_no_training_data_is_named_with_the_reason_and_the_others_are_written(bench, tmp_path) -> None:
    kept(bench, "again", source="demo")
    broken = kept(bench, "broken")
    now = kept(bench, "good")
    bench.history._connection().execute(
        "update events set body = '{}' where match_id = ? and seq_no = 3", (uid("broken"),)
    )
    found = export_finished(bench.history, tmp_path, max(broken, now) + SETTLED)
    assert [path.name for path in found.written] == [f"{uid('good')}-1.json"]
    assert found.skipped[uid("again")] == "it was played again from a demo database"
    assert "event_id: missing" in found.skipped[uid("broken")] and len(found.skipped) == 2


def test_without_a_time_given_a_match_settles_an_hour_after_now(bench, tmp_path) -> None:
    assert SETTLED == 3_600.0
    kept(bench, "one")
    assert export_finished(bench.history, tmp_path).written == []
    bench.history._connection().execute("update matches set updated = updated - 3700")
    assert len(export_finished(bench.history, tmp_path).written) == 1
