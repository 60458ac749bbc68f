"""Which matches and rounds count: by their flags, their winners, their demos and their days."""

from collections import Counter
from datetime import timedelta

import pandas as pd
import pyarrow as pa
import pytest

from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.connection.errors import DemoDatabaseError
from cs2_pipeline.demodb.extraction import eligibility, one_match, presence, reasons
from cs2_pipeline.demodb.extraction.eligibility import Days
from cs2_pipeline.demodb.extraction.reasons import Tally
from cs2_pipeline_tests.demodb.small_database import NOON, SmallDatabase

DAY = NOON.date()


@pytest.fixture
def small():
    return SmallDatabase()


@pytest.fixture
def asked(small, tmp_path):
    """Calls something with the days of the database as written, and a tally."""
    opened = []

    def ask(what, first=DAY, last=DAY, only=None):
        opened.append(DemoDatabase(small.write(tmp_path / f"{len(opened)}.sqlite")))
        tally = Tally()
        return what(Days(opened[-1], first, last, only), tally), tally

    yield ask
    for database in opened:
        database.close()


def live(asked, **more):
    found, tally = asked(eligibility.live_rounds, **more)
    assert found.index.tolist() == list(range(len(found))), "numbered anew after some were left out"
    return found["round_id"].tolist(), tally


def test_every_finished_round_of_a_finished_match_counts(asked):
    found, tally = asked(eligibility.live_rounds)
    assert found["round_id"].tolist() == [1, 2, 3]
    assert found["ct_wins"].tolist() == [1, 0, 0]
    assert found["bomb_planted"].tolist() == [0, 1, 0]
    assert (found["map_name"].unique().tolist(), found["source"].unique().tolist()) == (["de_mirage"], ["application"])
    assert (tally.left_out, tally.refused().empty) == ({}, True)


NO_POINT = [
    ({"IsWarmup": True}, reasons.WARM_UP), ({"GamePhase": "WarmUp"}, reasons.WARM_UP),
    ({"RoundNumber": 0}, reasons.WARM_UP), ({"IsKnifeRound": True}, reasons.KNIFE_ROUND),
    ({"GamePhase": "Knife Round"}, reasons.KNIFE_ROUND),
    ({"WinnerTeam": " ", "EndTick": None}, reasons.UNFINISHED_ROUND),
    ({"WinnerTeam": None, "EndTick": None}, reasons.UNFINISHED_ROUND), ({"WinnerTeam": "0"}, reasons.NOBODY_WON),
    ({"WinnerTeam": " 1 "}, reasons.NOBODY_WON),
]  # fmt: skip


def test_a_round_that_gave_no_point_is_left_out_with_its_reason(small, asked):
    """A match for each way not to give one, all in its third round."""
    for number, (change, _) in enumerate(NO_POINT, 1):
        if number > 1:
            small.add_match(number, NOON)
        small.row("Rounds", 3 * number).update(change)
    found, tally = live(asked)
    assert sorted(found) == [number for number in range(1, 3 * len(NO_POINT) + 1) if number % 3]
    assert tally.left_out == Counter(reason for _, reason in NO_POINT)
    assert tally.refused().empty, "nothing is wrong with them"


def test_a_round_that_is_wrong_is_refused_with_what_is_wrong(small, asked):
    small.add_match(2, NOON)
    small.row("Rounds", 3)["WinnerTeam"] = None
    small.row("Rounds", 6)["WinnerTeam"] = "both"
    found, tally = live(asked)
    assert sorted(found) == [1, 2, 4, 5]
    assert tally.refused()[["table", "row_id", "reason", "detail"]].to_numpy().tolist() == [
        ["Rounds", 3, reasons.NO_WINNER, "the round ended and WinnerTeam is empty"],
        ["Rounds", 6, reasons.UNKNOWN_WINNER, "WinnerTeam is 'both'"],
    ]


def test_money_equipment_and_the_bomb_may_be_unknown(small, asked):
    unknown = ("CTEquipmentValue", "TEquipmentValue", "CTStartMoney", "TStartMoney", "BombPlanted")
    small.row("Rounds", 1).update(dict.fromkeys(unknown))
    found, tally = asked(eligibility.live_rounds)
    assert found["round_id"].tolist() == [1, 2, 3]
    assert found.loc[0, list(eligibility.MAY_BE_UNKNOWN)].isna().all()
    assert tally.left_out == {}


def test_rounds_of_a_match_that_was_not_finished_do_not_count(small, asked):
    small.row("Matches", 1)["IsFinished"] = False
    found, tally = live(asked)
    assert (found, tally.left_out) == ([], {reasons.UNFINISHED_MATCH: 3})


def test_days_are_those_of_the_matchs_start_and_some_matches_can_be_meant(small, asked):
    small.add_match(2, NOON)
    small.add_match(3, NOON + timedelta(days=1))
    matches, _ = asked(eligibility.matches)
    assert matches["match_id"].tolist() == [1, 2]
    matches, _ = asked(eligibility.matches, last=DAY + timedelta(days=1))
    assert matches["match_id"].tolist() == [1, 2, 3]
    matches, _ = asked(eligibility.matches, only=(2, 3))
    assert matches["match_id"].tolist() == [2]
    assert live(asked, only=(2,))[0] == [4, 5, 6]


def twins(small, **changes):
    """Two demos with the same file behind them."""
    small.add_match(2, NOON)
    first = small.row("DemoFiles", 1)
    same = {name: first[name] for name in ("FileSize", "TotalTicks", "MapName", "FileName")}
    small.row("DemoFiles", 2).update(same | changes)


def test_of_a_demo_imported_twice_the_first_finished_one_counts(small, asked):
    twins(small)
    found, tally = live(asked)
    assert found == [1, 2, 3]
    assert tally.left_out == {reasons.DUPLICATE_DEMO: 3}
    [refused] = tally.refused().to_dict("records")
    assert (refused["table"], refused["row_id"]) == ("DemoFiles", 2)
    assert refused["detail"] == "the same demo as DemoFiles 1, which is kept"
    small.row("Matches", 1)["IsFinished"] = False
    found, tally = live(asked)
    assert found == [4, 5, 6]
    assert tally.left_out == {reasons.UNFINISHED_MATCH: 3}


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"FileSize": 1}, False), ({"TotalTicks": 1}, False), ({"MapName": "de_nuke"}, False),
        ({"FileName": "other.dem"}, True),
    ],
)  # fmt: skip
def test_the_same_demo_has_the_same_size_ticks_and_map_whatever_its_name(small, asked, changes, same):
    twins(small, **changes)
    assert live(asked)[0] == ([1, 2, 3] if same else [1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize(
    ("unknown", "name", "same"),
    [({"FileSize": 0}, "match1.dem", True), ({"FileSize": 0}, "other.dem", False),
     ({"FileSize": 0, "TotalTicks": 0}, "match1.dem", False)],
)  # fmt: skip
def test_where_no_size_was_recorded_the_name_must_be_the_same_too(small, asked, unknown, name, same):
    small.row("DemoFiles", 1).update(unknown)
    twins(small, FileName=name)
    assert live(asked)[0] == ([1, 2, 3] if same else [1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize(
    ("recorded", "name"),
    [(" De_Mirage ", "de_mirage"), ("workshop/123/de_cache", "de_cache"), (r"workshop\123\de_cache", "de_cache")],
)
def test_a_map_has_its_bare_name(small, asked, recorded, name):
    small.row("Matches", 1)["MapName"] = recorded
    assert asked(eligibility.matches)[0]["map_name"].tolist() == [name]


@pytest.mark.parametrize(
    ("source", "game", "found"),
    [(None, None, ("application", "cs2")), ("demo", "csgo", ("demo", "csgo")),
     ("simulator", "cs2", ("simulator", "simulated"))],
)  # fmt: skip
def test_source_and_game_are_those_of_the_demo(small, asked, source, game, found):
    small.row("DemoFiles", 1).update(DemoSource=source, Game=game)
    small.row("Matches", 1)["MapName"] = None
    small.row("DemoFiles", 1)["MapName"] = "de_nuke"
    [match] = asked(eligibility.matches)[0].to_dict("records")
    assert (match["source"], match["game"], match["map_name"]) == (*found, "de_nuke")


def test_a_whole_number_with_a_hole_stays_one():
    table = pa.table({"a": pa.array([1, None], pa.int64()), "b": pa.array([1, 2], pa.int64()), "c": ["x", None]})
    frame = eligibility.frame_of(table)
    assert [str(kind) for kind in frame.dtypes] == ["Int64", "int64", "str"]
    assert eligibility.flag(pd.Series([True, False, None])).tolist() == [True, False, False]


def test_the_day_of_a_match_and_the_names_of_its_players(small, tmp_path):
    small.row("Players", 2)["PlayerName"] = "  "
    small.row("Players", 3)["PlayerName"] = None
    small.row("Players", 1)["PlayerName"] = " ann "
    with DemoDatabase(small.write(tmp_path / "d.sqlite")) as db:
        assert one_match.day_of(db, 1) == DAY
        with pytest.raises(DemoDatabaseError, match="no match 2; `cs2 doctor` says"):
            one_match.day_of(db, 2)
        assert one_match.player_names(db, DAY, DAY) == {1: "ann", 4: "player 4"}
        assert one_match.player_names(db, DAY + timedelta(days=1), DAY + timedelta(days=1)) == {}


def people(asked):
    def ask(days, tally):
        rounds = eligibility.live_rounds(days, Tally())
        kill = days.db.schema["Kills"]
        columns = kill.select({"round_id": "RoundId", **presence.TEAMS_OF_KILLS})
        recorded = days.db.schema["Rounds"]
        kills = eligibility.frame_of(
            days.db.read(days.rounds(columns, joined=(kill.clause, kill["RoundId"] == recorded["Id"])))
        )
        return presence.present(days, rounds, kills, tally)

    return asked(ask)


def test_who_has_a_record_of_a_round_was_there_and_hltv_was_not(small, asked):
    small.row("Players", 2)["IsHltv"] = True
    small.row("Players", 4)["IsBot"] = True
    found, tally = people(asked)
    assert sorted(found["player_id"].unique()) == [1, 3, 4]
    assert found.groupby("player_id")["side"].first().to_dict() == {1: "CT", 3: "T", 4: "T"}
    assert found.loc[found["player_id"] == 4, "steam_id"].isna().all()
    assert found.loc[found["player_id"] == 1, "steam_id"].notna().all()
    assert tally.left_out == {}


def test_one_too_many_who_never_acts_is_a_coach_and_a_bot_is_not(small, asked):
    for number, bot in ((5, False), (6, False), (7, False), (8, True)):
        small.add("Players", Id=number, DemoFileId=1, SteamId=76_561_198_000_000_100 + number, Team="CT", IsBot=bot)
        for round_id in (1, 2, 3):
            small.add("PlayerRoundStats", PlayerId=number, RoundId=round_id)
    found, tally = people(asked)
    assert (len(found), tally.left_out) == (24, {}), "five people and a bot"
    small.add("Players", Id=9, DemoFileId=1, SteamId=76_561_198_000_000_109, Team="CT")
    small.add("PlayerRoundStats", PlayerId=9, RoundId=1)
    found, tally = people(asked)
    assert 1 in set(found["player_id"]), "who kills is no coach"
    assert 8 in set(found["player_id"])
    assert tally.left_out[reasons.COACH] > 0
