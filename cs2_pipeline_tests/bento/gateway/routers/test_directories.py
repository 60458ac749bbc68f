"""Directories of maps, teams and players over HTTP: what each tells, by page, by part of a name, by id."""

import pytest

from cs2_pipeline.forecasting import directories
from cs2_pipeline_tests.bento.gateway.conftest import ELSEWHERE, open_gateway
from cs2_pipeline_tests.forecasting import league
from cs2_pipeline_tests.forecasting.league import players

WHEN = league.AT.isoformat().replace("+00:00", "Z")


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    with open_gateway(tmp_path_factory.mktemp("home")) as client:
        league.fill(client.app.state.records)
        client.app.state.forecasting.directories = directories.load(client.app.state.records)
        yield lambda path, **query: client.get(f"/api/v1/{path}", params=query)


def test_each_tells_what_is_known_of_it(ask):
    common = {"matches": 20, "last_played": WHEN}
    assert ask("maps/de_nuke").json() == {
        "id": "de_nuke", "name": "de_nuke", "matches": 40, "last_played": WHEN, "ct_share": 0.52,
    }  # fmt: skip
    assert ask("teams/t2").json() == common | {
        "id": "t2", "name": "Lotus", "won": 10, "names": ["Lotus", "old Lotus"], "player_ids": players("t2"),
    }  # fmt: skip
    assert ask("players/t1p1").json() == common | {"id": "t1p1", "name": "nick of t1p1", "won": None, "team_id": "t1"}


@pytest.mark.parametrize(
    ("kind", "ids"), [("maps", sorted(league.MAPS)), ("teams", sorted(league.TEAMS, key=league.TEAMS.get))]
)
def test_they_are_listed_by_name_page_after_page(ask, kind, ids):
    assert [one["id"] for one in ask(kind).json()["items"]] == ids
    assert ask(kind).json()["next"] is None
    for limit in (1, len(ids) - 1, len(ids)):
        seen, after = [], {}
        while True:
            page = ask(kind, limit=limit, **after).json()
            assert 1 <= len(page["items"]) <= limit
            seen += [one["id"] for one in page["items"]]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        assert seen == ids


def test_they_are_found_by_a_part_of_any_of_their_names(ask):
    assert [one["id"] for one in ask("teams", q="OLD lo").json()["items"]] == ["t2"]
    assert [one["id"] for one in ask("maps", q="NUKE").json()["items"]] == ["de_nuke"]
    found = ask("players", q="t3p", limit=3).json()
    assert [one["id"] for one in found["items"]] == players("t3")[:3]
    more = ask("players", q="t3p", limit=3, after=found["next"]).json()
    assert ([one["id"] for one in more["items"]], more["next"]) == (players("t3")[3:], None)
    assert ask("players", q="nobody").json() == {"items": [], "next": None}


@pytest.mark.parametrize("kind", ["map", "team", "player"])
def test_an_id_that_nothing_has_says_of_what_kind(ask, kind):
    answered = ask(f"{kind}s/nothing")
    assert answered.status_code == 404
    assert answered.json()["detail"] == f"there is no such {kind}"


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 501}, {"after": "x"}, {"q": "x" * 101}])
def test_an_impossible_page_is_refused(ask, query):
    assert ask("players", **query).status_code == 422


def test_a_page_holds_fifty_unless_told_otherwise_and_at_most_five_hundred(ask):
    assert len(ask("players").json()["items"]) == 20
    assert ask("players", limit=500).status_code == 200
    assert ask("players", q="x" * 100).status_code == 200


def test_a_stranger_is_told_nothing(tmp_path):
    with open_gateway(tmp_path, client=ELSEWHERE) as client:
        for path in ("maps", "maps/x", "teams", "teams/x", "players", "players/x"):
            assert client.get(f"/api/v1/{path}").status_code == 401
