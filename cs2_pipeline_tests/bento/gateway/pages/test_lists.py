"""Lists of teams and players: in which order, how many, found by what; and who stands on a player's page."""

import re
from dataclasses import replace

import pytest

from bento.gateway.pages import coach as coach_pages
from bento.gateway.pages import forecasts as pages
from cs2_pipeline.coaching.rocket_league import skills as rocket_league
from cs2_pipeline.forecasting import directories
from cs2_pipeline.records import coaching
from cs2_pipeline.records import directories as stored
from cs2_pipeline_tests.bento.gateway import coach
from cs2_pipeline_tests.bento.gateway.conftest import open_gateway
from cs2_pipeline_tests.forecasting import league

HTML = {"Accept": "text/html"}
MATCHES = {"t1": 5, "t2": 40, "t3": 20, "t4": 30}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    with open_gateway(tmp_path_factory.mktemp("lists")) as client:
        yield client


def fill(gateway, change=lambda entry: entry):
    records = gateway.app.state.records
    stored.replace(records, [change(one) for one in league.entries()])
    gateway.app.state.forecasting.directories = directories.load(records)


def shown(gateway, path):
    return gateway.get(path, headers=HTML).text


def test_the_form_offers_the_teams_of_most_matches_by_name(gateway, monkeypatch):
    monkeypatch.setattr(pages, "MOST_TEAMS", 3)
    fill(gateway, lambda one: replace(one, matches=MATCHES.get(one.id, 1),
                                      name="fifth wheel" if one.id == "t4" else one.name))  # fmt: skip
    offered = re.findall(r'<option value="(t\d)"', shown(gateway, "/forecasts"))
    assert offered[:3] == ["t4", "t2", "t3"] and "t1" not in offered
    assert set(re.findall(r'value="(de_\w+)"', shown(gateway, "/forecasts"))) == set(league.MAPS)


def test_players_of_most_matches_come_first_and_so_many_are_shown(gateway, monkeypatch):
    fill(gateway, lambda one: replace(one, matches=MATCHES.get(one.id[:2], 1) + int(one.id[-1]))
         if one.kind == stored.PLAYER else one)  # fmt: skip

    def listed(query=""):
        text = shown(gateway, f"/players{query}")
        return re.findall(r'scope="row"><a href="/players/(\w+)"', text), "Only the first are shown" in text

    monkeypatch.setattr(pages, "MOST_PLAYERS", 20)
    everybody, more = listed()
    assert (everybody[:2], everybody[-1], len(everybody), more) == (["t2p5", "t2p4"], "t1p1", 20, False)
    monkeypatch.setattr(pages, "MOST_PLAYERS", 3)
    assert listed() == (["t2p5", "t2p4", "t2p3"], True)
    assert listed("?q=%20NICK%20of%20T1P%20") == (["t1p5", "t1p4", "t1p3"], True)
    assert listed("?q=%20") == listed()


def test_a_page_lists_so_many_at_most_and_says_that_there_are_more(gateway):
    """500 teams to choose from, 200 players, 60 matches; of what is searched for the first 100 characters count."""
    entries = list(league.entries())
    (team,) = [one for one in entries if one.id == "t1"]
    (player,) = [one for one in entries if one.id == "t1p1"]
    long = replace(player, id="long", name="x" * 100)
    entries = [replace(team, id=f"m{number}") for number in range(501)] + [
        long, *(replace(player, id=f"p{number}", name="many") for number in range(201)),
        *(one for one in entries if one.kind == stored.MAP),
    ]  # fmt: skip
    records = gateway.app.state.records
    stored.replace(records, entries)
    gateway.app.state.forecasting.directories = directories.load(records)
    assert len(set(re.findall(r'<option value="(m\d+)"', shown(gateway, "/forecasts")))) == 500
    text = shown(gateway, "/players?q=many")
    assert len(re.findall(r'scope="row"><a href="/players/p', text)) == 200 and "Only the first are shown" in text
    for count, there in ((100, True), (101, True), (99, True)):
        assert ('href="/players/long"' in shown(gateway, f"/players?q={'x' * count}")) is there
    cards = {f"steam:{number}": coach.card(f"steam:{number}", shown=()) for number in range(201)}
    coaching.replace_cards(records, rocket_league.GAME, cards, at=coach.NOW)
    text = shown(gateway, "/rocket-league/players")
    assert text.count('href="/rocket-league/players/steam') == 200 and "Only the first are shown" in text
    coaching.replace_cards(records, rocket_league.GAME, {"epic:1": coach.card("epic:1", shown=())},
                           at=coach.NOW, names={"epic:1": "y" * 100})  # fmt: skip
    assert "epic:1" in shown(gateway, f"/rocket-league/players?q={'y' * 101}").partition("<tbody>")[2]
    coaching.replace_cards(records, rocket_league.GAME, {}, at=coach.NOW)


def test_a_player_has_the_mates_of_the_line_up_who_are_known(gateway):
    def change(one):
        if one.id == "t1":
            return replace(one, about=one.about | {"player_ids": [*league.players("t1")[:4], "gone"]})
        return replace(one, about={}) if one.id == "t2p1" else one

    fill(gateway, change)
    assert re.findall(r'<li><a href="/players/(\w+)"', shown(gateway, "/players/t1p2")) == ["t1p1", "t1p3", "t1p4"]
    alone = shown(gateway, "/players/t2p1")
    assert "No team: not in three matches" in alone and not re.findall(r'<li><a href="/players', alone)


def test_rocket_league_players_of_most_games_come_first_under_the_name_they_have(gateway, monkeypatch):
    cards = {f"steam:{number}": coach.card(f"steam:{number}") | {"matches": number} for number in (1, 3, 2)}
    coaching.replace_cards(gateway.app.state.records, rocket_league.GAME, cards, at=coach.NOW, names={"steam:3": "Zoë"})

    def listed():
        text = shown(gateway, "/rocket-league/players?q=%20STEAM:%20")
        return re.findall(r'href="/rocket-league/players/steam[^"]*(\d)"', text), "Only the first are shown" in text

    monkeypatch.setattr(coach_pages, "MOST_PLAYERS", 3)
    assert listed() == (["3", "2", "1"], False)
    monkeypatch.setattr(coach_pages, "MOST_PLAYERS", 2)
    assert len(listed()[0]) == 2 and listed()[1]
    for player, name in (("steam:3", "Zoë"), ("steam:1", "1"), ("xbox:some:body", "some:body"), ("nobody", "nobody")):
        assert f"<h1>{name}</h1>" in shown(gateway, f"/rocket-league/players/{player}"), player


def test_who_has_no_card_or_no_plan_is_told_why_in_the_words_of_the_game(gateway):
    fill(gateway)
    here, elsewhere = "/players/t1p1", "/rocket-league/players/epic:1"
    assert "cards are made once a day from the matches in the demo database" in shown(gateway, here)
    assert "none of this player&#39;s games was read" in shown(gateway, elsewhere)
    coach.keep(gateway.app.state.records, coach.card("t1p1"))
    league_skills = {"skills": rocket_league.SKILLS, "shown": ("goals",), "weak": ()}
    cards = [coach.card(player, **league_skills) for player in ("steam:1", "epic:1")]
    coach.keep(gateway.app.state.records, *cards, game=rocket_league.GAME)
    assert "There is no plan here: plans are for players who can show" in shown(gateway, elsewhere)
    for path, drills in ((here, "/drills"), ("/rocket-league/players/steam:1", "/rocket-league/drills")):
        text = shown(gateway, path)
        assert "A plan is shown to its player" in text and "There is no plan here" not in text
        assert f'data-drills="{drills}"' in text and "No card yet" not in text


def test_the_drills_of_a_game_stand_by_skill_and_lead_to_the_other_games(gateway):
    for path, other, title in (
        ("/drills", "/rocket-league/drills", "Counter-Strike"), ("/rocket-league/drills", "/drills", "Rocket League"),
    ):  # fmt: skip
        text = shown(gateway, path)
        assert f"Drills for {title}" in text and f'href="{other}"' in text
        sections = text.split('aria-labelledby="skill-')[1:]
        for one in gateway.get(f"/api/v1{path}").json()["drills"]:
            (under,) = [each for each in sections if f'<article class="drill" id="{one["name"]}"' in each]
            assert under.startswith(f'{one["skill"]}"'), one


def test_coming_matches_stand_once_each_by_their_newest_forecast_and_the_next_first(gateway):
    fill(gateway)
    gateway.app.state.forecasting.forecaster = league.Strengths()
    for first, second, more in (
        ("t1", "t2", {"starts_at": "2090-01-03T18:00:00Z"}),
        ("t3", "t4", {"starts_at": "2090-01-02T23:59:00Z", "map_ids": ["de_nuke"]}),
        ("t2", "t1", {"starts_at": "2090-01-03T18:00:00Z"}),
        ("t1", "t3", {"starts_at": "2020-01-01T00:00:00Z"}),
        ("t1", "t4", {}),
    ):
        asked = {"team1_id": first, "team2_id": second, "best_of": 3} | more
        assert gateway.post("/api/v1/forecasts/series", json=asked).status_code == 200

    def coming(**query):
        text = gateway.get("/matches", params=query, headers=HTML).text
        return re.findall(r"<h3>(.+ – .+)</h3>", text), "show all" in text

    next_one, then = "Quiet Storm – Fifth Wheel", "Lotus – Northern Lights"
    assert coming() == ([next_one, then], False)
    for query, found in (
        ({"q": " LOTUS "}, [then]), ({"q": "de_NUKE"}, [next_one]), ({"q": "nobody"}, []),
        ({"day": "2090-01-02"}, [next_one]), ({"day": "2090-01-04"}, []), ({"day": "9999-12-31"}, []),
        ({"q": "lotus", "day": "2090-01-02"}, []),
    ):  # fmt: skip
        assert coming(**query) == (found, True), query
    assert gateway.get("/matches?day=tomorrow").status_code == 422


def test_sixty_coming_matches_stand_on_the_page(gateway):
    fill(gateway)
    gateway.app.state.forecasting.forecaster = league.Strengths()
    for number in range(61):
        asked = {"team1_id": "t1", "team2_id": "t2", "best_of": 1,
                 "starts_at": f"2089-{1 + number // 28:02}-{1 + number % 28:02}T12:00:00Z"}  # fmt: skip
        assert gateway.post("/api/v1/forecasts/series", json=asked).status_code == 200
    text = shown(gateway, f"/matches?q={'x' * 100}")
    assert "No match fits" in text
    found = re.findall(r"2089-\d\d-\d\d", shown(gateway, "/matches"))
    assert len(found) == len(set(found)) == 60 and "2089-03-05" not in found
