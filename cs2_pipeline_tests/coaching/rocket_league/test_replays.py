"""Replay files in a process of their own: real ones agree with ballchasing.com, broken ones are refused by name."""

import json
from pathlib import Path

import pytest

from cs2_pipeline.coaching.rocket_league import replays
from cs2_pipeline.coaching.rocket_league.observations import of_ballchasing
from cs2_pipeline.coaching.rocket_league.replays import ReplayError
from cs2_pipeline.limits import Limits

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
REAL = SHARED / "ballchasing" / "recent-ranked-doubles-2026-03-10.replay"


@pytest.fixture(scope="module")
def real():
    pytest.importorskip("subtr_actor", reason="the replay parser is an extra")
    if not REAL.exists():
        pytest.skip("the shared data are not here")
    return REAL


@pytest.fixture(scope="module")
def both(real):
    """The same game from the file and from ballchasing.com, as values by player and skill."""
    document = json.loads(real.with_suffix(".ballchasing.json").read_text(encoding="utf-8"))
    return [of_ballchasing([one]).set_index(["player", "skill"]) for one in (replays.read(real), document)]


@pytest.mark.slow
def test_a_file_tells_what_ballchasing_tells_of_the_same_game_and_players(both):
    ours, theirs = (table["total"] / table["exposure"] for table in both)
    assert set(ours.index.get_level_values("player")) == set(theirs.index.get_level_values("player"))
    assert both[0]["match"].unique().tolist() == both[1]["match"].unique().tolist()
    for (player, skill), value in theirs.items():
        if skill in ("shots", "goals", "saves", "assists", "finishing"):
            assert ours[player, skill] == pytest.approx(value, rel=0.2, abs=0.2), (player, skill)
        if skill in ("speed", "in_air"):
            assert ours[player, skill] == pytest.approx(value, rel=0.1), (player, skill)


@pytest.mark.slow
@pytest.mark.parametrize("keep", [0.05, 0.6])
def test_a_file_that_was_cut_short_is_refused_by_name(real, tmp_path, keep):
    content = real.read_bytes()
    cut = tmp_path / "cut.replay"
    cut.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ReplayError, match=r"cut\.replay: not a complete Rocket League replay"):
        replays.read(cut)


def test_a_file_of_another_game_is_refused_by_name(tmp_path):
    pytest.importorskip("subtr_actor", reason="the replay parser is an extra")
    other = tmp_path / "match.dem"
    other.write_bytes(b"PBDEMS2\0" + bytes(1000))
    with pytest.raises(ReplayError, match=r"match\.dem: not a complete Rocket League replay"):
        replays.read(other)


def test_a_parser_that_takes_too_long_is_ended(real):
    with pytest.raises(ReplayError, match="recent-ranked"):
        replays.read(real, limits=Limits(seconds=1, memory=2 * 2**30))


def test_a_parser_that_wants_too_much_memory_is_ended(real):
    with pytest.raises(ReplayError, match="recent-ranked"):
        replays.read(real, limits=Limits(seconds=60, memory=48 * 2**20))


def test_a_file_that_is_too_large_is_not_opened(tmp_path):
    large = tmp_path / "large.replay"
    with large.open("wb") as file:
        file.truncate(replays.MOST_BYTES + 1)
    with pytest.raises(ReplayError, match="at most"):
        replays.read(large)
    with pytest.raises(ReplayError, match=r"missing\.replay: cannot be read"):
        replays.read(tmp_path / "missing.replay")


def test_a_replay_without_players_is_no_game():
    with pytest.raises(ReplayError, match="names no players"):
        replays.of_statistics({"replay_meta": {"all_headers": []}, "modules": {}}, name="empty")


@pytest.mark.parametrize(
    ("written", "moment"),
    [("2026-03-10 18-55-49", "2026-03-10T18:55:49+00:00"), ("2016-12-03:22-55", "2016-12-03T22:55:00+00:00")],
)
def test_a_date_is_read_as_games_write_it(written, moment):
    found = replays.of_statistics(statistics(written), name="old")
    assert found["date"] == moment


@pytest.mark.parametrize("written", ["", "never", "2026-13-01 10-00-00"])
def test_a_date_that_is_none_is_named(written):
    with pytest.raises(ReplayError, match="old: the replay has the date"):
        replays.of_statistics(statistics(written), name="old")


def statistics(date):
    """What the parser says of a game in which one bot did nothing."""
    modules = {name: {"player_stats": []} for name in ("core", "boost", "movement", "positioning", "demo")}
    meta = {"all_headers": [("Date", date)], "team_zero": [{"remote_id": {"SplitScreen": 1}, "name": "bot"}]}
    return {"replay_meta": meta, "modules": modules}
