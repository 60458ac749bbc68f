"""Every page for everybody: axe finds nothing serious, a phone needs no sideways scrolling, both themes work."""

import pytest

from cs2_pipeline_tests.bento.gateway.pages.test_matches import priced, send
from cs2_pipeline_tests.live.made import play, uid

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
PAGES = (
    "/",
    "/forecasts",
    "/players",
    "/what-if",
    "/models",
    "/models/round_predictor",
    "/data",
    "/sign-in",
    "/players/t1p1",
    "/uploads",
    "/drills",
    "/rocket-league/players",
    "/no/such/page",
)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(site, watched, path, scheme):
    found = watched(f"{site}{path}", color_scheme=scheme)
    results = axe.Axe().run(found.page)
    serious = [one for one in results.response["violations"] if one["impact"] in ("serious", "critical")]
    assert serious == [], [(one["id"], [node["html"] for node in one["nodes"]]) for one in serious]
    if path == "/no/such/page":
        found.complaints.clear()  # the browser's own note of the 404


@pytest.mark.parametrize("path", PAGES)
def test_a_phone_needs_no_sideways_scrolling(site, watched, path):
    found = watched(f"{site}{path}", viewport={"width": 390, "height": 844}, is_mobile=True)
    assert found.page.evaluate("document.documentElement.scrollWidth") <= 390
    if path == "/no/such/page":
        found.complaints.clear()


def test_a_match_with_an_open_round_fits_a_phone_and_axe_finds_nothing_serious(site, watched):
    events = play(9, match="small", rounds=2)
    send(site, events)
    match = priced(site, uid("small"), len(events))
    found = watched(f"{site}/matches/{match}?round=1", viewport={"width": 390, "height": 844}, is_mobile=True)
    found.page.wait_for_selector("#known tbody tr")
    assert found.page.evaluate("document.documentElement.scrollWidth") <= 390
    serious = [
        one for one in axe.Axe().run(found.page).response["violations"] if one["impact"] in ("serious", "critical")
    ]
    assert serious == [], [(one["id"], [node["html"] for node in one["nodes"]]) for one in serious]


def test_the_theme_is_kept(site, watched):
    page = watched(f"{site}/models", color_scheme="light").page
    assert page.get_attribute("html", "data-theme") == "light"
    page.click("#theme")
    page.reload()
    assert page.get_attribute("html", "data-theme") == "dark"


def test_the_keyboard_reaches_the_content_past_the_navigation(site, watched):
    page = watched(f"{site}/what-if").page
    page.keyboard.press("Tab")
    assert page.inner_text(":focus") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")
