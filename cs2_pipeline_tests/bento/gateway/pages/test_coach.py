"""A player's page in a browser: the card for everybody, the plan for its player."""

import pytest

from cs2_pipeline.coaching.counterstrike.skills import GAME
from cs2_pipeline.records import coaching
from cs2_pipeline_tests.bento.gateway import coach
from cs2_pipeline_tests.bento.gateway.pages.conftest import gateway_on_a_port, with_a_league
from cs2_pipeline_tests.bento.gateway.routers.test_auth import ANNA
from cs2_pipeline_tests.bento.serving import get, post

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
ME, WITHOUT = "t1p1", "t1p2"


@pytest.fixture(scope="module")
def coached(new_home, tmp_path_factory):
    """The address of a gateway that knows one player's card, and its records."""
    opened = []

    def fill(app):
        with_a_league(app)
        coach.keep(app.state.records, coach.card(ME))
        opened.append(app.state.records)

    with gateway_on_a_port(new_home(tmp_path_factory.mktemp("coached")).path, opened=fill) as address:
        yield address, opened[0]


def test_a_card_is_shown_with_intervals_and_who_has_none_is_told(coached, watched):
    address, _ = coached
    page = watched(f"{address}/players/{ME}").page
    expect(page.locator("#skills tbody tr")).to_have_count(2)
    expect(page.locator("#skills tbody tr").first).to_contain_text("%")
    expect(page.locator("main")).to_contain_text("Known weaknesses: Duels won")
    expect(page.locator("#plan-form")).to_be_hidden()
    assert "No card yet" in get(f"{address}/players/{WITHOUT}", headers={"Accept": "text/html"}).text


def test_the_player_signs_in_plans_a_week_and_deletes_it(coached, watched):
    address, records = coached
    post(f"{address}/auth/register", json=ANNA)
    coach.link(records, ANNA["username"], ME)
    found = watched(f"{address}/players/{ME}")
    page = found.page
    expect(page.locator("#show-plan")).to_be_hidden()
    page.click("#plan-note a")
    page.fill("#sign-in [name=username]", ANNA["username"])
    page.fill("#sign-in [name=password]", ANNA["password"])
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("t1p1")
    page.click("#show-plan")
    expect(page.locator("#plan-note")).to_have_text("You have no plan yet.")
    page.fill("#minutes", "60")
    page.click("#plan-form button[type=submit]")
    expect(page.locator("#plan-items li").first).to_contain_text("better than about")
    with page.expect_response("**/plan/ticks"):
        page.locator("#plan-items input[type=checkbox]").first.check()
    with page.expect_response(lambda answered: answered.request.method == "PUT" and answered.url.endswith("/plan")):
        page.locator("#plan-items button:has-text('One session less')").first.click()
    expect(page.locator("#plan-items li").first).to_contain_text("×")
    page.fill("#username", "ben")
    page.click("#share-form button")
    expect(page.locator("#shares li")).to_contain_text("ben may see your plan")
    (kept,) = coaching.plans(records, GAME, ME)
    assert list(kept.ticks.values()) == [(1,)]
    assert kept.body["edits"][0]["items"][0]["sessions"] == kept.body["items"][0]["sessions"] + 1
    assert coaching.shared_with(records, GAME, ME) == ["ben"]
    page.click("#forget")
    expect(page.locator("#plan-items li")).to_have_count(0)
    expect(page.locator("#plan-note")).to_have_text("You have no plan yet.")
