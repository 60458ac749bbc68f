"""A player's page in a browser: the card for everybody, the plan for its player."""

import pytest

from cs2_pipeline.coaching.counterstrike.skills import GAME
from cs2_pipeline.coaching.rocket_league import skills as rocket_league
from cs2_pipeline.records import coaching
from cs2_pipeline_tests.bento.gateway import coach
from cs2_pipeline_tests.bento.gateway.pages.conftest import gateway_on_a_port, with_a_league
from cs2_pipeline_tests.bento.gateway.routers.test_auth import ANNA
from cs2_pipeline_tests.bento.serving import get, post

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
ME, WITHOUT = "t1p1", "t1p2"
EPIC = "epic:4d3c<b>&2b1a"


@pytest.fixture(scope="module")
def coached(new_home, tmp_path_factory):
    """The address of a gateway that knows one player's card, and its records."""
    opened = []

    def fill(app):
        with_a_league(app)
        coach.keep(app.state.records, coach.card(ME))
        league = {"skills": rocket_league.SKILLS, "shown": ("goals", "shots"), "weak": ("goals",)}
        cards = [coach.card(player, **league) for player in (f"steam:{ME}", EPIC)]
        coach.keep(app.state.records, *cards, game=rocket_league.GAME)
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


def sign_in(page):
    """From the link of a player's plan, and back to it."""
    page.click("#plan-note a")
    page.fill("#sign-in [name=username]", ANNA["username"])
    page.fill("#sign-in [name=password]", ANNA["password"])
    page.keyboard.press("Enter")


def test_the_player_signs_in_plans_a_week_and_deletes_it(coached, watched):
    address, records = coached
    post(f"{address}/auth/register", json=ANNA)
    coach.link(records, ANNA["username"], ME)
    page = watched(f"{address}/players/{ME}").page
    expect(page.locator("#show-plan")).to_be_hidden()
    sign_in(page)
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


def test_a_rocket_league_player_is_found_by_any_platforms_id_and_plans_a_week(coached, watched):
    address, records = coached
    post(f"{address}/auth/register", json=ANNA)
    coach.link(records, ANNA["username"], ME)
    page = watched(f"{address}/rocket-league/players?q=EPIC:4d3c").page
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody th")).to_have_text(EPIC)
    page.fill("[name=q]", ME)
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.click("tbody th a")
    expect(page.locator("main")).to_contain_text("Known weaknesses: Goals")
    sign_in(page)
    page.click("#show-plan")
    page.click("#plan-form button[type=submit]")
    drill = page.locator("#plan-items a").first
    expect(drill).to_be_visible()
    (kept,) = coaching.plans(records, rocket_league.GAME, f"steam:{ME}")
    name = kept.body["items"][0]["drill"]["name"]
    assert drill.get_attribute("href") == f"/rocket-league/drills#{name}"
    drill.click()
    expect(page.locator(f"[id='{name}'] h3")).to_be_in_viewport()


def test_who_plays_on_another_platform_is_told_why_there_is_no_plan_and_has_no_button(coached, watched):
    address, records = coached
    cards = {one["player"]: one for one in coaching.find_cards(records, rocket_league.GAME, "", limit=9)}
    coaching.replace_cards(records, rocket_league.GAME, cards, at=coach.NOW, names={EPIC: "<b>Zoë</b>"})
    post(f"{address}/auth/register", json=ANNA)
    page = watched(f"{address}/players/{ME}").page
    sign_in(page)
    expect(page.locator("#show-plan")).to_be_visible()
    page.goto(f"{address}/rocket-league/players?q=zo")
    expect(page.locator("tbody th")).to_have_text(f"<b>Zoë</b> {EPIC}")
    page.click("tbody th a")
    expect(page.locator("#plan-note")).to_contain_text("Steam confirms that to this platform, and no other platform")
    expect(page.locator("#show-plan")).to_have_count(0)
    expect(page.locator("h1")).to_have_text("<b>Zoë</b>")
    expect(page.locator("main")).to_contain_text(EPIC)
    found = get(f"{address}/rocket-league/players/xbox:nobody", headers={"Accept": "text/html"})
    assert (found.status_code, "No card yet" in found.text) == (200, True)


def test_a_drill_shows_what_it_did_with_its_interval(coached, watched):
    address, records = coached
    against = {"other": "flash-timing", "players": 9, "players_other": 8, "difference": 0.4, "low": 0.1, "high": 2.7}
    found = {"players": 17, "effect": 0.3, "low": -0.1, "high": 0.5, "experiments": [against]}
    coaching.replace_evidence(records, GAME, {"pop-flashes": found}, at=coach.NOW)
    page = watched(f"{address}/drills#pop-flashes").page
    drill = page.locator("#pop-flashes")
    expect(drill).to_contain_text("+0.30 (-0.10 to +0.50) over 17 players")
    expect(drill).to_contain_text("chosen by a coin: +0.40 (+0.10 to +2.70), 9 players against 8")
    bars = drill.locator(".fill-left")
    drawn = [[float(bars.nth(one).get_attribute(name)) for name in ("x", "width")] for one in (0, 1)]
    assert drawn[0] == pytest.approx([-50 * 0.1 / 1.5, 50 * 0.6 / 1.5], abs=0.01)
    assert sum(drawn[1]) == pytest.approx(50, abs=0.02)  # cut off at the picture's edge
    expect(page.locator("#flash-timing")).to_contain_text("Nothing is known yet")
    page.click("text=Rocket League")
    expect(page.locator("h1")).to_have_text("Drills for Rocket League")
