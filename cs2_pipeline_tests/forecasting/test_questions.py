"""What is wrong with a question is said all at once, with the field it is in and the nearest names."""

import pytest

from cs2_pipeline.forecasting.directories import Directories
from cs2_pipeline.forecasting.questions import MAP, SERIES, Asked, AskedSide, Fields, MapScore, QuestionError, resolve
from cs2_pipeline_tests.forecasting.league import entries, players


@pytest.fixture(scope="module")
def directories():
    return Directories(1, entries())


def asked(first="t1", second="t2", line_ups=(None, None), **more):
    sides = tuple(
        AskedSide(team, None if line_up is None else tuple(line_up))
        for team, line_up in zip((first, second), line_ups, strict=True)
    )
    return Asked(**({"kind": MAP, "sides": sides, "map_ids": ("de_mirage",)} | more))


def mistakes(directories, question):
    with pytest.raises(QuestionError) as refused:
        resolve(question, directories, Fields())
    return {one.field: one.message for one in refused.value.mistakes}


def test_without_players_a_team_plays_with_its_latest_line_up(directories):
    question = resolve(asked(), directories, Fields())
    assert list(question.sides[0].player_ids) == players("t1")
    assert any("latest line-up" in note for note in question.notes)


def test_four_players_are_answered_with_a_note(directories):
    question = resolve(asked(line_ups=(players("t1")[:4], players("t2"))), directories, Fields())
    assert question.notes == ("of team 1 4 of 5 players are known: the interval is wider",)


@pytest.mark.parametrize(
    ("question", "field", "told"),
    [
        (asked("Northern Light"), "team1_id", "Northern Lights (t1)"),
        (asked("t9"), "team1_id", "(t"),
        (asked(map_ids=("de_mirag",)), "map_id", "the nearest: de_mirage"),
        (asked(map_ids=("de_season9",)), "map_id", "was never played on here"),
        (asked(line_ups=([*players("t1")[:4], "t1p6"], players("t2"))), "team1_player_ids[4]", "nick of t1p"),
        (asked(line_ups=([*players("t1"), "t3p1"], players("t2"))), "team1_player_ids", "at most 5"),
        (asked(line_ups=([*players("t1")[:4], "t1p1"], players("t2"))), "team1_player_ids", "t1p1 twice"),
        (asked(line_ups=(players("t1"), [*players("t2")[:4], "t1p1"])), "team2_player_ids", "nobody plays on both"),
        (asked("t1", "t1"), "team2_id", "cannot play itself"),
        (asked(score=MapScore(14, 3)), "score", "14"),
        (asked(kind=SERIES, best_of=3, maps_won=(2, 2)), "score", "best of 3"),
        (asked(kind=SERIES, best_of=3, map_ids=("de_nuke", "de_nuke")), "map_id", "twice"),
        (asked(kind=SERIES, best_of=3, map_ids=("de_nuke",), banned=("de_nuke",)), "banned", "to be played"),
        (asked(market_odds=(1.05, 1.05)), "market_odds", "1.90"),
    ],
)
def test_a_mistake_is_named_with_its_field(directories, question, field, told):
    assert told in mistakes(directories, question)[field]


@pytest.mark.parametrize(
    ("best_of", "maps_won", "can_be"),
    [
        *[(3, won, True) for won in ((0, 0), (1, 1), (2, 1), (0, 2))],
        *[(3, won, False) for won in ((3, 0), (2, 2), (0, 3))],
        *[(5, won, True) for won in ((2, 2), (3, 2), (3, 0))],
        *[(5, won, False) for won in ((3, 3), (4, 0), (1, 4))],
        *[(1, won, True) for won in ((0, 0), (1, 0))],
        *[(1, won, False) for won in ((1, 1), (2, 0))],
    ],
)
def test_a_series_ends_with_the_map_that_wins_it(directories, best_of, maps_won, can_be):
    question = asked(kind=SERIES, best_of=best_of, maps_won=maps_won)
    if can_be:
        assert resolve(question, directories, Fields()).asked.maps_won == maps_won
    else:
        assert f"best of {best_of}" in mistakes(directories, question)["score"]


def test_maps_still_unknown_are_drawn_from_those_of_the_pool_that_are_neither_named_nor_banned(directories):
    question = asked(kind=SERIES, best_of=3, map_ids=("de_nuke",), banned=("de_dust2",))
    found = resolve(question, directories, Fields())
    assert [entry.id for entry in found.maps] == ["de_nuke"]
    assert [entry.id for entry in found.pool] == ["de_ancient", "de_inferno", "de_mirage"]


def test_five_known_players_need_no_note(directories):
    assert resolve(asked(line_ups=(players("t1"), players("t2"))), directories, Fields()).notes == ()


def test_all_mistakes_are_told_at_once(directories):
    found = mistakes(directories, asked("x1", "x2", line_ups=(["y"], ["z"]), map_ids=("de_x",)))
    assert set(found) == {"team1_id", "team2_id", "team1_player_ids[0]", "team2_player_ids[0]", "map_id"}


def test_an_empty_directory_says_where_it_comes_from():
    found = mistakes(Directories(0, []), asked())
    assert "made from matches that were played" in found["team1_id"]


def test_a_team_is_found_by_a_name_it_had_before(directories):
    assert [entry.id for entry in directories.teams.named("OLD LOTUS")] == ["t2"]
    assert [entry.id for entry in directories.teams.find("storm")] == ["t3"]


def test_notes_say_of_which_team_what_was_assumed(directories):
    question = resolve(asked(line_ups=(None, players("t2")[:3])), directories, Fields())
    assert question.notes == (
        "team 1 plays with its latest line-up", "of team 2 3 of 5 players are known: the interval is wider"
    )  # fmt: skip
    other = resolve(asked(line_ups=((), None)), directories, Fields())
    assert other.notes == (
        "of team 1 0 of 5 players are known: the interval is wider", "team 2 plays with its latest line-up"
    )  # fmt: skip


def test_a_mistake_is_named_by_what_the_field_is_called_where_it_was_asked(directories):
    fields = Fields("maps", ("home", "away"), ("home_players", "away_players"))
    question = asked("t9", "t9", line_ups=(["x"], ["y"]), map_ids=("de_x", "de_x"), banned=("de_y",))
    with pytest.raises(QuestionError) as refused:
        resolve(question, directories, fields)
    assert {one.field for one in refused.value.mistakes} == {
        "home", "away", "home_players[0]", "away_players[0]", "maps[0]", "maps[1]", "banned[0]", "maps",
    }  # fmt: skip
    assert "; home " in f"; {refused.value}" and "names de_x twice" in str(refused.value)


@pytest.mark.parametrize(("kind", "field"), [(MAP, "score"), (SERIES, "map_score")])
def test_an_impossible_score_of_the_map_is_named_as_it_was_asked(directories, kind, field):
    question = asked(kind=kind, best_of=1 if kind == MAP else 3, score=MapScore(14, 3))
    assert list(mistakes(directories, question)) == [field]


def test_an_id_that_nobody_has_is_told_with_the_three_nearest(directories):
    found = mistakes(directories, asked("t9", line_ups=(players("t1"), [*players("t2")[:4], "t2p9"])))
    assert found["team1_id"].startswith("'t9' was never seen here; the nearest: ")
    assert found["team1_id"].count("(t") == 3
    assert found["team2_player_ids[4]"].startswith("'t2p9' was never seen here; the nearest: nick of t2p")


def test_what_contradicts_itself_is_told_in_whole(directories):
    found = mistakes(directories, asked(
        "t1", "t1", line_ups=([*players("t1"), "t1p1"], [*players("t2")[:3], "t1p2", "t1p1"]), kind=SERIES, best_of=3,
        map_ids=("de_nuke", "de_mirage", "de_nuke"), banned=("de_mirage", "de_nuke"), maps_won=(3, 0),
        score=MapScore(14, 3), market_odds=(1.05, 1.05),
    ))  # fmt: skip
    assert {field: found[field] for field in sorted(found) if field not in ("map_score", "market_odds")} == {
        "banned": "holds de_mirage, de_nuke, which is to be played",
        "map_id": "names de_nuke twice: a series plays no map twice",
        "score": "cannot be: a best of 3 ends with the 2. map won",
        "team1_player_ids": "holds t1p1 twice",
        "team2_id": "is team 1: a team cannot play itself",
        "team2_player_ids": "holds t1p1, t1p2 of team 1: nobody plays on both sides",
    }
    assert set(found) >= {"map_score", "market_odds"}


def test_a_team_that_nobody_knows_is_said_once_and_needs_no_players(directories):
    with pytest.raises(QuestionError) as refused:
        resolve(asked("x", "t2"), directories, Fields())
    assert [one.field for one in refused.value.mistakes] == ["team1_id"]
