"""Replay files in a process of their own: real ones agree with ballchasing.com, broken ones are refused by name."""

import json
import subprocess
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


def played(**changes):
    """What the parser says of a game of two Steam players who played 300 seconds each, all but the last part alike."""
    steam, other = {"Steam": 76561198000000001}, {"Epic": "abc"}
    stats = {
        "core": {"shots": 4, "goals": 2, "saves": 1, "assists": 3, "goals_conceded_while_last_defender": 6},
        "boost": {"amount_stolen": 510.0, "overfill_total": 127.5, "time_zero_boost": 30.0},
        "movement": {"tracked_time": 300.0, "speed_integral": 450_000.0, "time_supersonic_speed": 45.0,
                     "time_on_ground": 180.0, "time_low_air": 90.0, "time_high_air": 15.0},
        "positioning": {"tracked_time": 200.0, "time_behind_ball": 150.0, "time_most_back": 80.0},
        "demo": {"demos_taken": 7},
    }  # fmt: skip
    modules = {
        name: {"player_stats": [{"player_id": other, "stats": {}}, {"player_id": steam, "stats": of | changes}]}
        for name, of in stats.items()
    }
    headers = [("Date", "2026-03-10 18-55-49"), ("Id", "ABC"), ("TeamSize", 1), ("MatchType", "Online")]
    meta = {
        "all_headers": headers,
        "team_zero": [{"remote_id": steam, "name": "blue one"}],
        "team_one": [{"remote_id": other, "name": "orange one"}],
    }
    return {"replay_meta": meta, "modules": modules}


def test_a_replay_becomes_a_document_in_ballchasings_form():
    found = replays.of_statistics(played(), name="file")
    about = {key: found[key] for key in ("id", "rocket_league_id", "status", "playlist_id", "team_size")}
    assert about == {
        "id": "ABC", "rocket_league_id": "ABC", "status": "ok", "playlist_id": "replay online", "team_size": 1,
    }  # fmt: skip
    (blue,), (orange,) = found["blue"]["players"], found["orange"]["players"]
    assert (blue["name"], blue["id"]) == ("blue one", {"platform": "steam", "id": "76561198000000001"})
    assert (blue["start_time"], blue["end_time"]) == (0, 300)
    assert (orange["name"], orange["end_time"]) == ("orange one", 0)
    assert blue["stats"] == {
        "core": {"shots": 4, "goals": 2, "saves": 1, "assists": 3},
        "boost": {"amount_stolen": 200, "amount_overfill": 50, "percent_zero_boost": 10},
        "movement": {"avg_speed": 1500, "percent_supersonic_speed": 15, "percent_ground": 60, "percent_high_air": 5},
        "positioning": {"percent_behind_ball": 75, "percent_most_back": 40, "goals_against_while_last_defender": 6},
        "demo": {"taken": 7},
    }
    told = {value for part in orange["stats"].values() for value in part.values()}
    assert told == {None}, "of a player without statistics nothing is known, not even a 0"


def test_a_replay_without_an_id_is_called_as_its_file():
    game = played()
    game["replay_meta"]["all_headers"] = [("Date", "2026-03-10 18-55-49")]
    found = replays.of_statistics(game, name="file")
    assert (found["id"], found["rocket_league_id"], found["playlist_id"]) == ("file", "file", "replay")


def test_time_that_was_not_tracked_is_the_sum_of_ground_and_air():
    (blue,) = replays.of_statistics(played(tracked_time=None), name="file")["blue"]["players"]
    assert blue["end_time"] == 285
    assert blue["stats"]["movement"]["avg_speed"] == pytest.approx(450_000 / 285)
    assert blue["stats"]["positioning"]["percent_behind_ball"] is None


@pytest.mark.parametrize(
    ("remote", "identity"),
    [
        ({"Steam": 76561198000000001}, {"platform": "steam", "id": "76561198000000001"}),
        ({"Steam": 0}, {}),
        ({"Epic": "ab12"}, {"platform": "epic", "id": "ab12"}),
        ({"Epic": ""}, {}),
        ({"PlayStation": {"name": "Ann", "online_id": 5}}, {"platform": "ps4", "id": "Ann"}),
        ({"Xbox": "258"}, {"platform": "xbox", "id": "0201000000000000"}),
        ({"SplitScreen": 1}, {}),
    ],
)
def test_a_player_has_the_id_that_ballchasing_writes_and_a_bot_none(remote, identity):
    game = played()
    game["replay_meta"]["team_zero"] = [{"remote_id": remote, "name": "one"}]
    (blue,) = replays.of_statistics(game, name="file")["blue"]["players"]
    assert blue["id"] == identity


class Ended:
    """Limits under which the parser has ended with a status, and said something."""

    def __init__(self, status, said=b"", found=b""):
        self.done = subprocess.CompletedProcess([], status, found, said)

    def run(self, *_):
        return self.done


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (Ended(3), "^the replay parser is not installed: pip install"),
        (Ended(1, b"a trace\nValueError: cut\n"), r"^one\.replay: not a complete .* knows: ValueError: cut$"),
        (Ended(-6), r"^one\.replay: not a complete .* knows: the parser ended with status -6$"),
        (Ended(1, b"x" * 400), "knows: x{300}$"),
    ],
)
def test_why_the_parser_gave_nothing_is_told(tmp_path, ended, said):
    (tmp_path / "one.replay").write_bytes(b"any")
    with pytest.raises(ReplayError, match=said):
        replays.read(tmp_path / "one.replay", limits=ended)


def test_a_file_of_the_largest_size_is_read(tmp_path):
    with (tmp_path / "large.replay").open("wb") as file:
        file.truncate(32 * 2**20)
    found = replays.read(tmp_path / "large.replay", limits=Ended(0, found=json.dumps(played()).encode()))
    assert found["id"] == "ABC"


def test_of_a_date_that_is_none_no_more_than_fifty_letters_are_told():
    with pytest.raises(ReplayError, match=f"the date '{'x' * 50}', which"):
        replays.of_statistics(statistics("x" * 51), name="old")


def test_a_replay_may_take_two_minutes_and_two_gibibytes():
    assert (replays.LIMITS.seconds, replays.LIMITS.memory, replays.MOST_BYTES) == (120, 2 * 2**30, 32 * 2**20)
