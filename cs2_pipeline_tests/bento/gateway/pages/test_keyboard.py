"""Without a mouse: every control of every page is reached by tabbing, shows that it is, and works."""

import pytest

from cs2_pipeline_tests.bento.gateway.pages.test_access import PAGES
from cs2_pipeline_tests.bento.gateway.pages.test_matches import priced, send
from cs2_pipeline_tests.bento.serving import get
from cs2_pipeline_tests.live.made import play, uid

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

CONTROLS = """() => [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
  .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && one.tabIndex >= 0)"""
FOCUSED = """() => {
  const one = document.activeElement;
  if (one === document.body) { return null; }
  window.numbers ??= new Map();
  if (!window.numbers.has(one)) { window.numbers.set(one, window.numbers.size); }
  const box = one.getBoundingClientRect();
  return {
    number: window.numbers.get(one), tag: one.tagName, html: one.outerHTML.slice(0, 120),
    ring: getComputedStyle(one).outlineStyle !== "none" && parseFloat(getComputedStyle(one).outlineWidth) > 0,
    seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    open: one.tagName !== "SUMMARY" || one.parentElement.open,
  };
}"""
UNREACHED = f"() => ({CONTROLS})().filter((one) => !window.numbers.has(one)).map((one) => one.outerHTML.slice(0, 120))"


def walk(page):
    """Tab through the page from its top to its end, opening what can be opened; what was focused, in order."""
    page.keyboard.press("Tab")
    found = []
    for _ in range(20 * len(page.query_selector_all("a, button, input, select, summary, [tabindex]"))):
        here = page.evaluate(FOCUSED)
        if here is None:
            return found
        if not here["open"]:
            page.keyboard.press("Enter")
        found.append(here)
        page.keyboard.press("Tab")
    raise AssertionError(f"tabbing never leaves {found[-1]['html']}")


def walked(page):
    found = walk(page)
    assert page.evaluate(UNREACHED) == []
    numbers = [one["number"] for one in found]
    assert numbers == sorted(numbers), "tabbing goes forth only"
    assert [one["html"] for one in found if not one["ring"]] == [], "where the keyboard is can be seen"
    assert [one["html"] for one in found if not one["seen"]] == [], "what has the keyboard is on the screen"


@pytest.mark.parametrize("path", PAGES)
def test_tabbing_reaches_every_control_and_shows_where_it_is(site, watched, path):
    found = watched(f"{site}{path}")
    walked(found.page)
    if path == "/no/such/page":
        found.complaints.clear()  # the browser's own note of the 404


def test_tabbing_reaches_every_control_of_a_match_with_an_open_round(site, watched):
    events = play(10, match="tabbed", rounds=2)
    send(site, events)
    match = priced(site, uid("tabbed"), len(events))
    page = watched(f"{site}/matches/{match}?round=1").page
    expect(page.locator("#round-events tr").first).to_be_visible()
    walked(page)


def tab_to(page, selector):
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("(to) => document.activeElement.matches(to)", selector):
            return
    raise AssertionError(f"tabbing never reaches {selector}")


def test_a_forecast_is_asked_and_the_ledger_verified_by_keyboard(site, watched):
    page = watched(f"{site}/forecasts").page
    teams = page.locator("#team1 option").all_text_contents()
    tab_to(page, "#team1")
    page.keyboard.type(teams[1])
    tab_to(page, "#team2")
    page.keyboard.type(teams[2])
    tab_to(page, "[name=map]")
    page.keyboard.press("Space")
    tab_to(page, "[name=market1]")
    page.keyboard.type("1.5")
    tab_to(page, "[name=market2]")
    page.keyboard.type("2.6")
    page.keyboard.press("Enter")
    expect(page.locator("#answer-heading")).to_have_text(f"{teams[1]} against {teams[2]}, best of 3")
    made = get(f"{site}/api/v1/forecasts?limit=1").json()["items"][0]
    assert (len(made["map_ids"]), made["market"]["odds"]) == (1, [1.5, 2.6])
    tab_to(page, "#verify")
    page.keyboard.press("Enter")
    expect(page.locator("#verified")).to_contain_text("is as it was written")


@pytest.mark.parametrize(
    ("path", "typed", "said"), [("/", "xyzzy", "No match fits"), ("/players", "xyzzy", "No player found")]
)
def test_a_search_is_sent_by_keyboard(site, watched, path, typed, said):
    page = watched(f"{site}{path}").page
    tab_to(page, "[name=q]")
    page.keyboard.type(typed)
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text(said)


def test_the_theme_and_the_state_of_what_if_are_changed_by_keyboard(site, watched):
    page = watched(f"{site}/what-if", color_scheme="light").page
    tab_to(page, "#theme")
    page.keyboard.press("Space")
    assert page.get_attribute("html", "data-theme") == "dark"
    tab_to(page, "#bomb_planted")
    page.keyboard.press("Space")
    expect(page.locator("#time_remaining")).to_have_attribute("max", "40")
    tab_to(page, "#map_name")
    page.keyboard.type("de_nuke")
    expect(page.locator("#map_name")).to_have_value("de_nuke")


def test_two_versions_are_compared_by_keyboard(site, watched):
    events = play(11, match="compared", rounds=2)
    send(site, events)
    match = priced(site, uid("compared"), len(events))
    page = watched(f"{site}/matches/{match}").page
    expect(page.locator("#curve svg.main-svg").first).to_be_visible()
    tab_to(page, "#compare summary")
    page.keyboard.press("Enter")
    expect(page.locator("#compare-said")).to_contain_text("nothing to compare yet")
