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
