"""Names that are markup: of teams, players, maps, files and versions, on every page that shows them, in a browser."""

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from cs2_pipeline.coaching.counterstrike.skills import GAME
from cs2_pipeline.forecasting import directories
from cs2_pipeline.records import coaching, settlements
from cs2_pipeline.records import directories as stored_directories
from cs2_pipeline.records import reports as stored
from cs2_pipeline.records.directories import MAP
from cs2_pipeline.records.settlements import Verdict
from cs2_pipeline_tests.bento.gateway import coach
from cs2_pipeline_tests.bento.gateway.pages import reports
from cs2_pipeline_tests.bento.gateway.pages.conftest import gateway_on_a_port
from cs2_pipeline_tests.forecasting import league

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

EVIL = "\"><img src=x onerror=window.caught=1><script>window.caught=1</script>'{{7*7}}.dem"
"""Breaks out of attributes and elements, as the name of an uploaded file may; no template works it out."""
FOREIGN = "main img, main script:not([src^='/static/'])"
NUMBERS = ("at", "changed_at", "seen_until", "parsed_at", "first_day", "last_day", "version")


def evil(value, name=""):
    """A document with every text that is no moment made hostile."""
    if isinstance(value, dict):
        return {key: evil(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [evil(one, name) for one in value]
    return f"{EVIL}{value}" if isinstance(value, str) and name not in NUMBERS else value


def entries():
    for one in league.entries():
        about = {**one.about, **evil(reports.PLAYER)} if one.id == reports.KNOWN_PLAYER else one.about
        yield replace(one, id=f"{EVIL}{one.id}" if one.kind == MAP else one.id, name=f"{EVIL}{one.name}", about=about)


@pytest.fixture(scope="module")
def hostile(new_home, tmp_path_factory):
    """The address of a gateway whose data somebody made to attack whoever looks at it."""

    def fill(app):
        records = app.state.records
        stored_directories.replace(records, entries())
        app.state.forecasting.directories = directories.load(records)
        app.state.forecasting.forecaster = league.Strengths(EVIL)
        at = datetime(2026, 1, 11, 6, tzinfo=UTC)
        stored.replace(records, stored.DATA, evil(reports.DATA), at=at)
        stored.replace(records, stored.monitoring("round_predictor"), evil(reports.LOOK), at=at)
        coaching.replace_cards(
            records, GAME, {reports.KNOWN_PLAYER: evil(coach.card(reports.KNOWN_PLAYER))}, at=coach.NOW
        )
        opened.append(records)

    opened = []
    with gateway_on_a_port(new_home(tmp_path_factory.mktemp("hostile")).path, opened=fill) as address:
        yield address, opened[0]


def harmless(page):
    """Nothing ran, nothing was loaded, and the name is there to be read."""
    assert page.evaluate("window.caught") is None
    assert page.locator(FOREIGN).count() == 0
    assert "<img src=x onerror=window.caught=1>" in page.inner_text("main")


@pytest.mark.parametrize("path", ["/players", f"/players/{reports.KNOWN_PLAYER}", "/data", "/models/round_predictor"])
def test_a_hostile_name_is_read_as_text(hostile, watched, path):
    address, _ = hostile
    page = watched(f"{address}{path}").page
    harmless(page)
    assert "{{7*7}}" in page.inner_text("main")


@pytest.mark.parametrize("path", ["/players?q=", "/matches?q=", "/sign-in?next="])
def test_what_is_typed_into_an_address_stays_text(hostile, watched, path):
    page = watched(f"{hostile[0]}{path}{quote(EVIL)}").page
    assert page.evaluate("window.caught") is None
    assert page.locator(FOREIGN).count() == 0


def test_a_forecast_between_hostile_names_on_hostile_maps_is_text_too(hostile, watched):
    address, records = hostile
    page = watched(f"{address}/forecasts").page
    page.select_option("#team1", index=1)
    page.select_option("#team2", index=2)
    page.locator("[name=map]").first.check()
    page.fill("[name=starts_at]", "2090-01-02T18:00")
    page.click("#ask button[type=submit]")
    expect(page.locator("#answer-heading")).to_contain_text("against")
    expect(page.locator("#newest")).to_contain_text("<img")
    expect(page.locator("#scores svg.main-svg").first).to_be_visible()
    harmless(page)
    (made,) = settlements.find(records, limit=1)
    settlements.record(records, [Verdict(made.forecast.id, "won", EVIL, EVIL)])
    page.reload()
    expect(page.locator("#which option").last).to_contain_text("<img")
    harmless(page)
