"""Recordings of servers and clients are played again to the score at which they ended."""

import json
from pathlib import Path

import pytest

from cs2_pipeline.cli.console import CliError
from cs2_pipeline.cli.live_matches import recorded_in
from cs2_pipeline.live.recording import NotRecordableError, exported
from cs2_pipeline.live.sources.recordings import RecordingError, of_posts, of_server_log
from cs2_pipeline_tests.live.made import read
from cs2_pipeline_tests.live.sources.test_gsi import everybody, post
from cs2_pipeline_tests.live.sources.test_server_log import CT, Lines, T
from cs2_pipeline_tests.live.test_match import Fold_of as state_of

DATA = Path(__file__).parents[3].parent / "shared" / "data"
POSTS = [
    post(100, "freezetime", players=everybody()), post(115, "live", players=everybody()),
    post(114, "live", players=everybody(dead=(5,))), post(150, "over", 0, 1, bomb="exploded", win_team="T"),
]  # fmt: skip


def score_of(recorded):
    return state_of(read(recorded.begun_at(1_700_000_000.0)))["maps"][-1]["score"]


def test_a_log_file_is_played_again(tmp_path) -> None:
    lines = Lines()
    lines.start()
    lines.wipe(T, CT)
    lines.end("CT", "SFUI_Notice_CTs_Win", 1, 0)
    path = tmp_path / "server.log"
    path.write_text("\n".join(lines.text))
    (recorded,) = recorded_in(path, "first")
    assert recorded.map_name == "de_mirage" and score_of(recorded) == {"A": 1, "B": 0}
    times = [event["ts_event"] for event in recorded.events]
    assert times == sorted(times) and times[0] == 0.0
    assert of_server_log(path, "second").match_id != recorded.match_id
    with pytest.raises(NotRecordableError):  # what is played again is not new data
        exported(recorded.match_id, read(recorded.begun_at(0.0)))


@pytest.mark.parametrize("wrapped", [lambda body: body, lambda body: {"parsedBody": body},
                                     lambda body: {"body": json.dumps(body)}])  # fmt: skip
def test_posts_of_state_integration_are_played_again(tmp_path, wrapped) -> None:
    path = tmp_path / "posts.json"
    path.write_text(json.dumps([wrapped(body) for body in [*POSTS, {"body": "no JSON"}, None]]))
    (recorded,) = recorded_in(path)
    assert recorded.map_name == "de_nuke" and score_of(recorded) == {"A": 0, "B": 1}
    assert [event["seq_no"] for event in recorded.events] == list(range(1, len(recorded.events) + 1))


@pytest.mark.parametrize(("name", "text"), [("x.log", "nothing"), ("x.json", "[1, {}]"), ("x.json", "[")])
def test_a_file_without_a_match_is_refused_by_name(tmp_path, name, text) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(CliError, match=name):
        recorded_in(path)
    with pytest.raises(RecordingError, match=name):
        (of_server_log if name.endswith("log") else of_posts)(path)


@pytest.mark.skipif(not (DATA / "gsi").exists(), reason="the real posts and logs are not at hand (../shared/data)")
def test_real_recordings_are_played_again() -> None:
    (posts,) = recorded_in(DATA / "gsi" / "requests.json")
    assert {event["payload"]["map_name"] for event in posts.events if event["type"] == "map_start"} == {
        "de_dust2", "de_inferno",
    }  # fmt: skip
    (log,) = recorded_in(DATA / "server_logs" / "pro_match_nuke_2021_first_8_rounds.log")
    assert score_of(log) == {"A": 7, "B": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [("[", "x.json is not JSON: "), ("{}", "x.json holds no list of posts"), ("[]", "x.json holds no post of a match"),
     ('[7, "text", null, {"body": 7}]', "x.json holds no post of a match")],
)  # fmt: skip
def test_what_a_file_holds_instead_is_told(tmp_path, text, said) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(RecordingError, match=said):
        of_posts(tmp_path / "x.json")
    (tmp_path / "x.log").write_text(text)
    with pytest.raises(RecordingError, match=r"x\.log holds no line of a match"):
        of_server_log(tmp_path / "x.log")


def test_times_count_from_the_first_event_and_a_clock_that_goes_back_stands_still(tmp_path) -> None:
    lines = [
        'L 01/18/2026 - 12:00:10: World triggered "Match_Start" on "de_nuke"',
        'L 01/18/2026 - 12:00:25: World triggered "Round_Start"',
        'L 01/18/2026 - 12:00:20: "a<1><STEAM_1:0:1><CT>" killed "b<2><STEAM_1:0:2><TERRORIST>" with "awp"',
        'L 01/18/2026 - 12:00:40: "a<1><STEAM_1:0:1><CT>" killed "c<3><STEAM_1:0:3><TERRORIST>" with "awp"',
    ]
    path = tmp_path / "server.log"
    path.write_text("\n".join(lines))
    found = of_server_log(path)
    told = [(event["type"], event["ts_event"]) for event in found.events if event["type"] != "player_equipment"]
    assert told == [
        ("match_start", 0.0), ("map_start", 0.0), ("round_start", 0.0), ("freeze_time_ended", 15.0), ("kill", 15.0),
        ("kill", 30.0),
    ]  # fmt: skip
    assert {event["source"] for event in found.events} == {"demo"}
    assert (found.recorded_id, found.map_name) == (0, "de_nuke")
    assert {event["match_id"] for event in found.events} == {found.match_id}
    other = tmp_path / "other.log"
    other.write_text("\n".join(lines))
    assert of_server_log(path).match_id == found.match_id != of_server_log(other).match_id


def test_the_map_is_the_one_that_was_named_last_or_unknown(tmp_path) -> None:
    path = tmp_path / "server.log"
    path.write_text("L 01/18/2026 - 12:00:10: Starting Freeze period")
    assert of_server_log(path).map_name == "unknown"


def test_a_body_counts_in_whatever_a_request_wraps_it(tmp_path) -> None:
    path = tmp_path / "x.json"
    expected = None
    for wrapped in (POSTS, [{"parsedBody": None, "body": one} for one in POSTS], [json.dumps(one) for one in POSTS],
                    [{"parsedBody": one, "body": "no JSON"} for one in POSTS]):  # fmt: skip
        path.write_text(json.dumps(wrapped))
        found = of_posts(path).events
        expected = expected or found
        assert found == expected and len(found) > 10
