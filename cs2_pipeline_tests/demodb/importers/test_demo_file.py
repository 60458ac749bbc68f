"""Recordings as the game writes them, whole and not."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from cs2_pipeline.demodb.importers.demo_file import Demoparser2, _header, _settings, _states, check_container
from cs2_pipeline.demodb.importers.parsed import STATE_COLUMNS, DemoHeader, UnreadableDemoError

DEMOS = Path(__file__).parents[3].parent / "shared" / "data" / "cs2_demos"
pytest.importorskip("demoparser2", reason="demoparser2 is not installed (extra 'demos')")
needs_demos = pytest.mark.skipif(not DEMOS.is_dir(), reason="no real recordings beside the repository")


def refusal(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "game.dem"
    path.write_bytes(content)
    with pytest.raises(UnreadableDemoError) as caught:
        Demoparser2().parse(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"HL2DEMO\0" + b"x" * 100, "Counter-Strike: Global Offensive"),
        (b"once upon a time", "not a Counter-Strike 2 recording"),
        (b"PBDEMS2", "truncated"),
        (b"PBDEMS2\0", "truncated"),
        (b"PBDEMS2\0" + bytes(8), "truncated"),
        (b"PBDEMS2\0" + bytes(8) + b"\x01\x05\x7f" + b"short", "truncated"),
    ],
)
def test_a_file_that_is_no_whole_recording_says_what_it_is(tmp_path: Path, content: bytes, reason: str) -> None:
    assert reason in refusal(tmp_path, content)


def test_frames_that_lead_to_the_stop_frame_make_a_whole_recording(tmp_path: Path) -> None:
    path = tmp_path / "game.dem"
    before_the_game, first, stop = b"\x01\xff\xff\xff\xff\x0f\x01a", b"\x07\xac\x02\x02ab", b"\x00\xac\x02\x00"
    path.write_bytes(b"PBDEMS2\0" + bytes(8) + before_the_game + first + stop)
    assert check_container(path) == 300


@needs_demos
def test_a_panic_of_the_parsers_native_code_is_a_refusal_like_any_other(tmp_path: Path) -> None:
    stop_at_once = b"PBDEMS2\0" + bytes(8) + b"\x00\x00\x00"
    assert "demoparser2 could not read it" in refusal(tmp_path, stop_at_once)


@needs_demos
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_recording_cut_short_is_truncated_wherever_it_was_cut(tmp_path: Path, share: float) -> None:
    content = (DEMOS / "14065.dem").read_bytes()
    assert "truncated" in refusal(tmp_path, content[: int(len(content) * share)])


@needs_demos
def test_a_real_recording_tells_its_map_its_settings_and_its_players_states() -> None:
    demo = Demoparser2().parse(DEMOS / "14065.dem")
    assert (demo.header.map_name, demo.header.network_protocol) == ("de_nuke", 14065)
    assert demo.settings["mp_freezetime"] == "15"
    assert demo.ticks("round_freeze_end") == [142]
    assert demo.total_ticks >= 142
    assert demo.states[["tick", "balance", "current_equip_value", "team_num"]].to_numpy().tolist() == [
        [142, 800, 200, 2]
    ]


HEAD = b"PBDEMS2\0" + bytes(8)


@pytest.mark.parametrize(
    ("frames", "tick"),
    [
        (b"\x00\x05\x00", 5), (b"\x40\x05\x00", 5), (b"\x07\x09\x02ab\x00\x05\x00", 9), (b"\x00\x05\x03abc", 5),
        (b"\x00\xff\xff\xff\xff\x07\x00", 2**31 - 1), (b"\x00\x80\x80\x80\x80\x08\x00", 0),
        (b"\x47\x0a\x01x\x00\x05\x00", 10), (b"\x00\x05\x00more frames after the stop", 5),
    ],
)  # fmt: skip
def test_the_last_tick_is_the_highest_of_the_frames_up_to_the_stop(tmp_path: Path, frames: bytes, tick: int) -> None:
    (tmp_path / "game.dem").write_bytes(HEAD + frames)
    assert check_container(tmp_path / "game.dem") == tick


@pytest.mark.parametrize(
    "frames", [b"", b"\x07", b"\x07\x05", b"\x07\x05\x02", b"\x07\x05\x02a", b"\x00\x05\x01", b"\x07\x05\x02ab"]
)
def test_a_recording_that_breaks_off_in_or_between_frames_is_truncated(tmp_path: Path, frames: bytes) -> None:
    (tmp_path / "game.dem").write_bytes(HEAD + frames)
    with pytest.raises(
        UnreadableDemoError, match=f"truncated: the recording breaks off after {16 + len(frames)} bytes"
    ):
        check_container(tmp_path / "game.dem")


def test_what_a_header_leaves_empty_is_not_known() -> None:
    assert _header({"map_name": "", "server_name": "", "client_name": "", "demo_version_name": ""}) == DemoHeader()
    told = {"map_name": "de_nuke", "server_name": "a", "client_name": "b", "demo_version_name": "c"}
    assert _header(told | {"network_protocol": "14065", "patch_version": "1"}) == DemoHeader(
        map_name="de_nuke", server_name="a", client_name="b", demo_type="c", network_protocol=14065
    )


@pytest.mark.parametrize(
    ("header", "protocol"),
    [({"network_protocol": "", "patch_version": "14065"}, 14065), ({"patch_version": "1.39"}, 0), ({}, 0)],
)
def test_the_protocol_is_a_whole_number_or_nought(header: dict[str, str], protocol: int) -> None:
    assert _header(header).network_protocol == protocol


def test_of_a_setting_the_last_value_counts() -> None:
    told = pd.DataFrame({"name": ["mp_freezetime", "mp_maxrounds", "mp_freezetime"], "value": [15, "24", 20]})
    assert _settings({"server_cvar": told}) == {"mp_freezetime": "20", "mp_maxrounds": "24"}
    assert _settings({}) == {}


def test_players_are_asked_for_once_where_freeze_times_and_rounds_end() -> None:
    asked = []

    def parse_ticks(properties: list[str], ticks: list[int]) -> pd.DataFrame:
        asked.append((properties, ticks))
        return pd.DataFrame({"name": ["a"], "tick": [300], "steamid": ["1"], "more": [0]})

    parser = SimpleNamespace(parse_ticks=parse_ticks)
    events = {"round_end": pd.DataFrame({"tick": [900, 300]}), "round_freeze_end": pd.DataFrame({"tick": [300]})}
    found = _states(parser, events | {"player_death": pd.DataFrame({"tick": [5]})})
    ((properties, ticks),) = asked
    assert ticks == [300, 900]
    assert set(properties) == set(STATE_COLUMNS) - {"tick", "steamid", "name"}
    assert found.columns.tolist() == _states(parser, {}).columns.tolist() == list(STATE_COLUMNS)
    assert len(asked) == 1, "nothing is asked for where nothing ended"
