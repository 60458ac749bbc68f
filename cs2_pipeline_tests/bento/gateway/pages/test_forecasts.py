"""Forecasts and players in a browser: a form that answers, a ledger that is verified, and pages of nothing."""

import json
import re

import pytest

from cs2_pipeline.records import settlements
from cs2_pipeline.records.settlements import Verdict
from cs2_pipeline_tests.bento.gateway.pages.conftest import gateway_on_a_port, with_a_league
from cs2_pipeline_tests.bento.serving import get, post
from cs2_pipeline_tests.forecasting import league

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
HTML = {"Accept": "text/html"}


def test_two_teams_get_their_odds_and_the_ledger_holds_them(site, watched):
    page = watched(f"{site}/forecasts").page
    teams = page.locator("#team1 option").all_text_contents()
    page.select_option("#team1", label=teams[1])
    page.select_option("#team2", label=teams[2])
    page.select_option("#best_of", "3")
    page.click("#ask button[type=submit]")
    expect(page.locator("#answer-heading")).to_have_text(f"{teams[1]} against {teams[2]}, best of 3")
    expect(page.locator("#answer-p")).to_contain_text("%")
    expect(page.locator("#scores svg.main-svg").first).to_be_visible()
    expect(page.locator("#newest tr").first).to_contain_text(f"{teams[1]} – {teams[2]}")

    page.click("#verify")
    expect(page.locator("#verified")).to_contain_text("is as it was written")
    newest = get(f"{site}/api/v1/forecasts?limit=1").json()["items"][0]
    expect(page.locator("#place")).to_contain_text(f"entry {newest['ledger']['seq']} of the ledger")


def test_a_forecast_stands_beside_the_market_and_a_coming_match_among_the_matches(site, watched):
    page = watched(f"{site}/forecasts").page
    teams = page.locator("#team1 option").all_text_contents()
    page.select_option("#team1", label=teams[1])
    page.select_option("#team2", label=teams[2])
    page.fill("[name=market1]", "1.60")
    page.fill("[name=market2]", "2.40")
    page.fill("[name=starts_at]", "2090-01-02T18:00")
    page.click("#ask button[type=submit]")
    expect(page.locator("#market")).to_contain_text("60 % (the mark in the bar), without its margin of 4.2 %")
    made = get(f"{site}/api/v1/forecasts?limit=1").json()["items"][0]
    expected = round(100 * (made["team1_win_probability"] - 0.6))
    said = "the same" if expected == 0 else f"{abs(expected)} points {'higher' if expected > 0 else 'lower'}"
    expect(page.locator("#market")).to_contain_text(said)
    expect(page.locator("#newest tr").first.locator("td").nth(3)).to_have_text("60 %")
    assert made["market"]["odds"] == [1.6, 2.4]
    page.locator("summary", has_text="By month and version").click()
    expect(page.locator("#by-month-and-version tr").first).to_be_visible()

    listed = get(f"{site}/", headers=HTML).text
    assert f"{teams[1]} – {teams[2]}" in listed
    assert "2090-01-02 18:00 UTC" in listed
    assert "2090-01-02" not in get(f"{site}/matches?day=2090-01-03", headers=HTML).text
    assert "Upcoming" in get(f"{site}/matches", params={"q": teams[2].upper()}, headers=HTML).text


def test_an_address_that_names_the_teams_opens_the_form_with_them(site):
    shown = get(f"{site}/forecasts?team1=t3&team2=t1", headers=HTML).text
    assert re.findall(r'<option value="(\w+)" selected', shown)[:2] == ["t3", "t1"]
    plain = get(f"{site}/forecasts", headers=HTML).text
    assert not re.findall(r'<option value="t\d+" selected', plain)


def test_a_stand_in_is_typed_into_the_latest_line_up(site, watched):
    page = watched(f"{site}/forecasts").page
    page.select_option("#team1", value="t1")
    page.select_option("#team2", value="t3")
    page.locator("#line-ups summary").click()
    fifth = page.locator("[name=player1]").nth(4)
    expect(fifth).to_have_value("nick of t1p5 (t1p5)")
    with page.expect_response("**/api/v1/players?limit=10&q=*t2p1"):
        fifth.fill("nick of t2p1")
    expect(page.locator("#people option").first).to_have_attribute("value", "nick of t2p1 (t2p1)")
    fifth.fill("nick of t2p1 (t2p1)")
    page.click("#ask button[type=submit]")
    expect(page.locator("#answer-heading")).to_contain_text("against")
    newest = get(f"{site}/api/v1/forecasts?limit=1").json()["items"][0]
    asked = json.loads(get(f"{site}/api/v1/forecasts/{newest['id']}").json()["proof"]["body"])["asked"]
    assert asked["player_ids"] == [[*league.players("t1")[:4], "t2p1"], league.players("t3")]


def test_somebody_nobody_knows_is_refused_with_the_nearest_names(site, watched):
    found = watched(f"{site}/forecasts")
    page = found.page
    page.select_option("#team1", value="t1")
    page.select_option("#team2", value="t3")
    page.locator("#line-ups summary").click()
    expect(page.locator("[name=player2]").last).not_to_have_value("")
    page.locator("[name=player2]").last.fill("nick of t3p")
    page.click("#ask button[type=submit]")
    expect(page.locator("#refused")).to_contain_text("the nearest: nick of t3p")
    found.complaints.clear()  # the browser's own note of the 422


def test_one_teams_odds_alone_are_not_sent(site, watched):
    page = watched(f"{site}/forecasts").page
    before = get(f"{site}/api/v1/forecasts/ledger").json()["head"]["seq"]
    page.select_option("#team1", index=1)
    page.select_option("#team2", index=2)
    page.fill("[name=market1]", "1.60")
    page.click("#ask button[type=submit]")
    expect(page.locator("#refused")).to_have_text("Give a bookmaker's odds for both teams, or for neither.")
    assert get(f"{site}/api/v1/forecasts/ledger").json()["head"]["seq"] == before


def test_settled_forecasts_are_drawn_by_month_and_version_beside_the_market(new_home, tmp_path_factory, watched):
    opened = []

    def fill(app):
        with_a_league(app)
        opened.append(app)

    with gateway_on_a_port(new_home(tmp_path_factory.mktemp("settled")).path, opened=fill) as address:
        (app,) = opened
        ids = []
        for version in ("1", "2"):
            app.state.forecasting.forecaster = league.Strengths(version)
            question = {"team1_id": "t1", "team2_id": "t3", "best_of": 3, "market_odds": [1.6, 2.4]}
            ids.append(post(f"{address}/api/v1/forecasts/series", json=question).json()["id"])
        settlements.record(app.state.records, [Verdict(ids[0], "won", "m1", ""), Verdict(ids[1], "lost", "m2", "")])
        page = watched(f"{address}/forecasts").page
        expect(page.locator("#calibration svg.main-svg").first).to_be_visible()
        month = get(f"{address}/api/v1/forecasts/scores").json()["by_month"][0]["name"]
        assert page.locator("#which option").all_text_contents() == [
            "all forecasts", month, "version 1", "version 2", f"{month} version 1", f"{month} version 2",
        ]  # fmt: skip
        page.select_option("#which", label=f"{month} version 2")
        page.locator("#calibration-numbers summary").click()
        expect(page.locator("#ranges tr")).to_have_count(1)
        expect(page.locator("#ranges tr td").nth(1)).to_have_text("0 %")
        page.locator("summary", has_text="By month and version").click()
        cells = page.locator("#by-month-and-version tr").nth(1)
        expect(cells).to_contain_text(f"{month} version 2")
        expect(cells.locator("td").last).to_contain_text("+.")


def test_a_team_against_itself_is_refused_in_words(site, watched):
    found = watched(f"{site}/forecasts")
    teams = found.page.locator("#team1 option").all_text_contents()
    for name in ("#team1", "#team2"):
        found.page.select_option(name, label=teams[1])
    found.page.click("#ask button[type=submit]")
    expect(found.page.locator("#refused")).to_contain_text("team2_id")
    found.complaints.clear()  # the browser's own note of the 422


def test_players_are_found_by_name_and_each_has_a_page_with_the_team(site):
    listed = get(f"{site}/players", headers=HTML).text
    players = get(f"{site}/api/v1/players?limit=1").json()["items"]
    assert f"/players/{players[0]['id']}" in listed
    page = get(f"{site}/players/{players[0]['id']}", headers=HTML).text
    assert players[0]["name"] in page
    assert "Forecast its next series" in page
    assert "No player found" in get(f"{site}/players?q=xyzzy", headers=HTML).text
    assert get(f"{site}/players/xyzzy", headers=HTML).status_code == 404


def test_a_players_page_tells_tier_what_was_added_and_form_or_why_not(site):
    known = get(f"{site}/players/t1p1", headers=HTML).text
    for said in (
        "<b>Advanced</b> is the likeliest tier",
        "+1.2",
        "90 % interval +0.3 to +2.1",
        "2026-01-09",
        "de_nuke",
        "81.5",
    ):
        assert said in known, said
    unknown = get(f"{site}/players/t1p2", headers=HTML).text
    for said in ("No tier:", "Not priced yet", "No match lines"):
        assert said in unknown, said


def test_where_no_team_played_the_pages_say_what_to_do(empty_site):
    assert "No teams yet" in get(f"{empty_site}/forecasts", headers=HTML).text
    assert "No players yet" in get(f"{empty_site}/players", headers=HTML).text
