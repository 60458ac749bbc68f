"""Rocket League's observations: a statistic by its name, absent where the source has none, players by their ids."""

import json
from pathlib import Path

import pandas as pd
import pytest

from cs2_pipeline.coaching.drills import shipped
from cs2_pipeline.coaching.observed import OBSERVATIONS, checked
from cs2_pipeline.coaching.rocket_league.observations import _moments, names, of_ballchasing, of_professionals
from cs2_pipeline.coaching.rocket_league.skills import GAME, SKILLS
from cs2_pipeline.coaching.skills import CoachingError

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
CATEGORIES = {
    "mechanical", "positioning", "game sense", "boost management", "rotation", "aerial ability", "shooting",
    "defending",
}  # fmt: skip


def player(number, **stats):
    whole = {
        "core": {"shots": 4, "goals": 2, "saves": 1, "assists": 1, "shots_against": 5},
        "boost": {"percent_zero_boost": 10.0, "amount_stolen": 500, "amount_overfill": 200},
        "movement": {"avg_speed": 1500, "percent_supersonic_speed": 15.0, "percent_ground": 60.0,
                     "percent_high_air": 5.0, "count_powerslide": 20},
        "positioning": {"percent_behind_ball": 70.0, "percent_most_back": 40.0, "avg_distance_to_ball": 2500},
        "demo": {"taken": 1},
    }  # fmt: skip
    return {
        "id": {"platform": "steam", "id": str(number)}, "start_time": 0, "end_time": 300.0, "stats": whole | stats
    }  # fmt: skip


def game(name="one", **more):
    return {
        "rocket_league_id": name, "status": "ok", "date": "2026-03-10T18:55:49Z", "playlist_id": "ranked-duels",
        "team_size": 1, "duration": 300, "blue": {"players": [player(1)]}, "orange": {"players": [player(2)]},
    } | more  # fmt: skip


def values(games):
    found = checked(of_ballchasing(games), SKILLS)
    return {(row.player, row.skill): row.total / row.exposure for row in found.itertuples()}


def test_each_statistic_becomes_its_skill():
    found = values([game()])
    assert {skill for _, skill in found} == {skill.name for skill in SKILLS}
    one = {skill: value for (who, skill), value in found.items() if who == "steam:1"}
    assert (one["shots"], one["goals"], one["finishing"], one["save_share"]) == (4, 2, 0.5, 0.2)
    assert one["behind_ball"] == pytest.approx(0.7)
    assert one["in_air"] == pytest.approx(0.4)
    assert one["speed"] == pytest.approx(1500)
    assert one["beaten_last"] == 0, "the source leaves a 0 out"


def test_a_player_under_two_names_in_two_line_ups_is_one():
    games = [
        game("one", blue={"players": [player(1) | {"name": "old"}]}),
        game("two", blue={"players": [player(3)]}, orange={"players": [player(1) | {"name": "new"}]}),
    ]
    found = of_ballchasing(games)
    assert found[found["player"] == "steam:1"]["match"].unique().tolist() == ["one", "two"]
    assert set(found["player"]) == {"steam:1", "steam:2", "steam:3"}


def test_a_statistic_that_is_absent_gives_no_observation():
    found = values([game(blue={"players": [player(1, boost=None, core={"goals": 0, "shots": 0})]})])
    one = {skill for who, skill in found if who == "steam:1"}
    assert one & {"boost_empty", "boost_stolen", "saves", "finishing", "save_share"} == set()
    assert {"goals", "shots"} <= one


@pytest.mark.parametrize("who", [player(3) | {"id": {}}, player(3) | {"stats": None}, player(3) | {"start_time": 250}])
def test_bots_and_who_hardly_played_are_left_out(who):
    found = values([game(orange={"players": [who, player(2)]})])
    assert {player for player, _ in found} == {"steam:1", "steam:2"}


def test_a_game_counts_once_and_one_that_was_not_parsed_is_refused_by_name():
    assert len(of_ballchasing([game(), game()])) == len(of_ballchasing([game()]))
    with pytest.raises(CoachingError, match=r"game two: .* \(status 'pending'\)"):
        of_ballchasing([game("two", status="pending")])
    with pytest.raises(CoachingError, match="game without an id"):
        of_ballchasing([{"error": "no"}])


def test_modes_are_groups_of_their_own():
    groups = of_ballchasing([game(), game("two", playlist_id="ranked-doubles", team_size=2)])["group"].unique()
    assert sorted(groups) == ["1v1 / ballchasing ranked-duels", "2v2 / ballchasing ranked-doubles"]


@pytest.mark.parametrize(
    ("rank", "named"),
    [
        ({"id": "grand-champion-1", "tier": 19, "division": 2}, " / grand champion"),
        ({"id": "supersonic-legend", "tier": 22}, " / supersonic legend"),
        ({"id": "unranked", "tier": 0}, ""),
        (None, ""),
    ],
)
def test_a_players_rank_is_part_of_the_group_where_the_source_tells_it(rank, named):
    rows = of_ballchasing([game(blue={"players": [player(1) | {"rank": rank}]})])
    assert set(rows.loc[rows["player"] == "steam:1", "group"]) == {f"1v1 / ballchasing ranked-duels{named}"}
    assert set(rows.loc[rows["player"] == "steam:2", "group"]) == {"1v1 / ballchasing ranked-duels"}


def test_a_player_is_called_as_in_the_newest_game_and_names_are_text():
    def called(name, day):
        return game(str(day), date=f"2026-03-{day}T18:00:00Z", blue={"players": [player(1) | {"name": name}]})

    found = names([called("old", 10), called("<b>new\u202e</b>", 12), called("older", 11), called("", 13)])
    assert {who: name for who, (_, name) in found.items()} == {"steam:1": "<b>new\N{REPLACEMENT CHARACTER}</b>"}
    assert len(names([called("n" * 500, 10)])["steam:1"][1]) == 100


def test_a_table_of_professional_games_needs_its_columns():
    with pytest.raises(CoachingError, match=r"no column .*Player ID"):
        of_professionals(pd.DataFrame({"Goals_All Zones": [1]}), group="pro")


def test_dates_are_read_as_people_wrote_them_and_nonsense_is_named():
    found = _moments(pd.Series(["2026-03-20T17.32", "2026-03-22T21:07:43.000Z"]))
    assert found.dt.hour.tolist() == [17, 21]
    with pytest.raises(CoachingError, match="the date 'soon'"):
        _moments(pd.Series(["soon"]))


def test_there_are_eight_categories_and_two_drills_for_each_judged_skill():
    assert {skill.category for skill in SKILLS} == CATEGORIES
    drills = shipped(GAME, SKILLS)
    for skill in SKILLS:
        assert (sum(drill.skill == skill.name for drill in drills) >= 2) == skill.judged, skill.name


def test_real_documents_are_read():
    files = sorted((SHARED / "ballchasing").glob("*.json"))
    if not files:
        pytest.skip("the shared data are not here")
    found = checked(of_ballchasing(json.loads(file.read_text(encoding="utf-8")) for file in files), SKILLS)
    assert found["match"].nunique() == 3
    assert found["player"].nunique() == 17, "of twenty, two are bots and one left at once"
    shares = found[found["skill"].isin(["behind_ball", "boost_empty", "high_air", "in_air", "save_share"])]
    assert (shares["total"] / shares["exposure"]).between(0, 1).all()


def test_real_professional_games_are_read():
    file = SHARED / "rocket_league" / "rlcs" / "2v2_2026.csv.gz"
    if not file.exists():
        pytest.skip("the shared data are not here")
    found = checked(of_professionals(pd.read_csv(file), group="pro 2v2"), SKILLS)
    values = found.groupby("skill")[["total", "exposure"]].sum().eval("total / exposure")
    assert 0.4 < values["behind_ball"] < 0.9
    assert 0.05 < values["finishing"] < 0.6
    assert 0.3 < values["goals"] < 2.5


def test_a_statistic_is_told_with_the_minutes_it_was_seen():
    rows = of_ballchasing([game()]).query("player == 'steam:1'").set_index("skill")
    told = {skill: (row.total, row.exposure) for skill, row in rows.iterrows()}
    assert set(rows["at"]) == {pd.Timestamp("2026-03-10T18:55:49Z")}
    assert set(rows["context"]) == {""}
    expected = {
        "supersonic": (0.75, 5), "behind_ball": (3.5, 5), "boost_empty": (0.5, 5), "last_man": (2, 5),
        "high_air": (0.25, 5), "in_air": (2, 5), "speed": (7_500, 5), "ball_distance": (12_500, 5),
        "powerslides": (100, 5), "assists": (5, 5), "demos_taken": (5, 5), "boost_stolen": (2_500, 5),
        "boost_overfill": (1_000, 5), "shots": (20, 5), "goals": (10, 5), "saves": (5, 5), "beaten_last": (0, 5),
        "finishing": (2, 4), "save_share": (1, 5),
    }  # fmt: skip
    assert told == {skill: pytest.approx(values) for skill, values in expected.items()}


def test_goals_conceded_as_last_defender_are_counted_per_five_minutes():
    placed = {"goals_against_while_last_defender": 3}
    found = values([game(blue={"players": [player(1, positioning=placed)]})])
    assert found["steam:1", "beaten_last"] == 15 / 5
    found = values([game(blue={"players": [player(1, positioning=None)]})])
    assert ("steam:1", "beaten_last") not in found


def test_an_own_goal_of_the_other_side_makes_no_finishing_above_one():
    scored = {"shots": 2, "goals": 3, "saves": 5, "shots_against": 4}
    found = values([game(blue={"players": [player(1, core=scored)]})])
    assert (found["steam:1", "finishing"], found["steam:1", "save_share"]) == (1, 1)


@pytest.mark.parametrize(
    ("times", "minutes"),
    [
        ({"start_time": 240, "end_time": 300}, 1),
        ({"start_time": 240.5, "end_time": 300}, None),
        ({"start_time": None, "end_time": None}, 4),
        ({"start_time": 30, "end_time": 180}, 2.5),
    ],
)
def test_who_played_a_minute_counts_with_the_time_played(times, minutes):
    rows = of_ballchasing([game(duration=240, blue={"players": [player(1) | times]})])
    found = rows[(rows["player"] == "steam:1") & (rows["skill"] == "speed")]["exposure"].tolist()
    assert found == ([] if minutes is None else [minutes])


def test_what_a_document_does_not_tell_of_the_game_is_left_open():
    bare = game(team_size=None, playlist_id=None, rocket_league_id=None, id="site-id", date=None)
    bare = bare | {"created": "2026-03-11T01:00:00+02:00"}
    del bare["status"]
    rows = of_ballchasing([bare])
    assert set(rows["group"]) == {"?v? / ballchasing private"}
    assert set(rows["match"]) == {"site-id"}
    assert set(rows["at"]) == {pd.Timestamp("2026-03-10T23:00:00Z")}


def test_a_game_without_one_of_its_teams_was_not_parsed():
    with pytest.raises(CoachingError, match=r"game one: .* has not parsed it"):
        of_ballchasing([game(orange={"name": "nobody"})])


@pytest.mark.parametrize("half", [{"platform": "steam"}, {"id": "1"}, None])
def test_half_an_id_is_none(half):
    assert {who for who, _ in values([game(blue={"players": [player(1) | {"id": half}]})])} == {"steam:2"}


def test_of_two_games_at_the_same_moment_the_later_one_names_a_player():
    games = [game(blue={"players": [player(1) | {"name": name}]}) for name in (" first ", "second")]
    assert names(games)["steam:1"][1] == "second"
    assert names(games[:1])["steam:1"] == (pd.Timestamp("2026-03-10T18:55:49Z"), "first")


def professionals(**changes):
    """A row of a professional game of six minutes."""
    of_all = {
        "SuperSonic (80+)": 20, "Behind Ball": 70, "Empty (0)": 10, "Last man": 40, "In High Air": 5, "In Air": 30,
        "Average Speed": 1_500, "Average Ball Distance": 2_500, "Assists": 0.5, "Deaths": 1, "Shots": 4, "Goals": 1,
        "Saves": 2, "Overfill from Small Pads": 30, "Overfill from Big Boosts": 70,
    }  # fmt: skip
    about = {"Player ID": 11, "Match ID": "m", "Date": "2026-03-20T17.32", "Extra Time": 60.0}
    return about | {f"{name}_All Zones": value for name, value in of_all.items()} | changes


def test_each_column_of_a_professional_game_becomes_its_skill():
    rows = of_professionals(pd.DataFrame([professionals(), professionals()]), group="pro")
    told = {row.skill: (row.total, row.exposure) for row in rows.itertuples()}
    assert len(rows) == len(told), "a player's game that comes twice counts once"
    assert list(rows.columns) == list(OBSERVATIONS) and rows.index.tolist() == list(range(len(rows)))
    expected = {
        "supersonic": (1.2, 6), "behind_ball": (4.2, 6), "boost_empty": (0.6, 6), "last_man": (2.4, 6),
        "high_air": (0.3, 6), "in_air": (1.8, 6), "speed": (9_000, 6), "ball_distance": (15_000, 6),
        "assists": (3, 6), "demos_taken": (6, 6), "shots": (24, 6), "goals": (6, 6), "saves": (12, 6),
        "boost_overfill": (600, 6), "finishing": (1, 4),
    }  # fmt: skip
    assert told == {skill: pytest.approx(values) for skill, values in expected.items()}
    (about,) = rows[["player", "match", "at", "group", "context"]].drop_duplicates().itertuples(index=False, name=None)
    assert about == ("11", "m", pd.Timestamp("2026-03-20T17:32Z"), "pro", "")


def test_a_professional_game_without_extra_time_shots_or_a_statistic():
    changes = {"Extra Time": None, "Shots_All Zones": 0.0, "Goals_All Zones": 1.0, "Saves_All Zones": None}
    rows = of_professionals(pd.DataFrame([professionals(**changes)]), group="pro").set_index("skill")
    assert rows.loc["speed", "exposure"] == 5
    assert not {"finishing", "saves"} & set(rows.index)
    scored = {"Shots_All Zones": 2.0, "Goals_All Zones": 3.0}
    rows = of_professionals(pd.DataFrame([professionals(**scored)]), group="pro").set_index("skill")
    assert (rows.loc["finishing", "total"], rows.loc["finishing", "exposure"]) == (2, 2)


def test_of_these_skills_less_is_better_and_of_those_nobody_can_say():
    assert {skill.name for skill in SKILLS if not skill.higher_is_better} == {
        "demos_taken", "boost_empty", "boost_overfill", "beaten_last",
    }  # fmt: skip
    open_to_taste = {skill.name for skill in SKILLS if not skill.judged}
    assert open_to_taste == {"powerslides", "ball_distance", "last_man", "in_air"}


def test_a_bot_has_no_name_that_anybody_is_called_by():
    bot = player(1) | {"id": {}, "name": "Sultan"}
    assert names([game(blue={"players": [bot]}, orange={"players": [player(2) | {"name": "anna"}]})]) == {
        "steam:2": (pd.Timestamp("2026-03-10T18:55:49Z"), "anna")
    }
