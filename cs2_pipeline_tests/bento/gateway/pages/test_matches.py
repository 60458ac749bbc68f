"""Matches in a browser: found, looked into round by round, shared by address, moving while they run."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from bento.gateway.live import reading
from bento.gateway.pages import matches as pages
from cs2_pipeline.records import keys
from cs2_pipeline_tests.bento.gateway.conftest import open_gateway
from cs2_pipeline_tests.bento.gateway.live.conftest import await_that
from cs2_pipeline_tests.bento.gateway.pages.conftest import with_a_league
from cs2_pipeline_tests.bento.serving import get, post
from cs2_pipeline_tests.live.made import play, uid

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
HTML = {"Accept": "text/html"}


def send(site, events):
    taken = post(f"{site}/api/v1/events/batch", json=events)
    assert taken.json()["refused"] == []


def priced(site, match, count):
    """Wait until history holds a price of that many events."""
    await_that(lambda: len(get(f"{site}/api/v1/matches/{match}/history").json()) >= count)
    return match


@pytest.fixture(scope="module")
def finished(site):
    events = play(3, match="shown", rounds=5)
    send(site, events)
    return priced(site, uid("shown"), len(events))


def test_where_nothing_was_played_the_page_says_how_to_begin(empty_site):
    text = get(f"{empty_site}/", headers=HTML).text
    assert "No matches yet" in text
    assert "cs2 live simulate" in text


def test_a_match_is_listed_with_its_score_and_found_by_team_and_map(site, finished):
    text = get(f"{site}/", headers=HTML).text
    assert f"/matches/{finished}" in text
    (of_map,) = get(f"{site}/api/v1/matches/{finished}").json()["maps"]
    for found in ("löwen", of_map["map_name"][:5].upper()):
        assert f"/matches/{finished}" in get(f"{site}/matches", params={"q": found}, headers=HTML).text
    assert "No match fits" in get(f"{site}/matches", params={"q": "nobody"}, headers=HTML).text
    assert "No match fits" in get(f"{site}/matches", params={"day": "2001-01-01"}, headers=HTML).text


def listed(site, **query):
    """The matches of the page by the heading they stand under."""
    parts = get(f"{site}/matches", params=query, headers=HTML).text.split('<h2 id="')[1:]
    return {part.partition('"')[0]: re.findall('data-match="(.*?)"', part) for part in parts}


def test_a_match_stands_under_what_became_of_it(site, finished, monkeypatch):
    events = play(4, match="going on", rounds=1, finish=False)
    send(site, events)
    going_on = priced(site, uid("going on"), len(events))
    found = listed(site)
    assert going_on in found["running"] and finished in found["finished"] and "late" not in found
    monkeypatch.setattr(reading, "QUIET", -1.0)
    found = listed(site)
    assert going_on in found["late"] and finished in found["finished"] and "running" not in found


def test_matches_are_found_by_the_day_on_which_they_began(site, finished):
    began = datetime.fromtimestamp(get(f"{site}/api/v1/matches/{finished}").json()["began"], UTC).date()
    for days, there in ((-1, False), (0, True), (1, False)):
        day = f"{began + timedelta(days)}"
        assert (finished in listed(site, day=day).get("finished", [])) is there, days
    assert "show all" in get(f"{site}/matches?day={began}", headers=HTML).text
    assert "show all" not in get(f"{site}/matches", headers=HTML).text


def test_so_many_matches_are_shown_and_that_there_are_more_is_said(site, finished, monkeypatch):
    send(site, play(4, match="another", rounds=1)[:2])
    await_that(lambda: get(f"{site}/api/v1/matches/{uid('another')}").status_code == 200)
    more = "Only the newest are shown"
    assert more not in get(f"{site}/matches", headers=HTML).text
    monkeypatch.setattr(pages, "SHOWN", 1)
    assert more in get(f"{site}/matches", headers=HTML).text
    assert sum(map(len, listed(site).values())) == 1


def test_a_match_opens_with_the_map_asked_for_or_under_way_or_else_the_last(site):
    events = play(4, match="two maps", rounds=2, maps=2)
    before = next(place for place, one in enumerate(events) if one["type"] == "map_end") + 2
    first, second = uid("two maps", 1), uid("two maps", 2)

    def shown(query=""):
        text = get(f"{site}/matches/{match}{query}", headers=HTML).text
        return re.search('data-map="(.*?)"', text)[1], text.count('class="round ')

    send(site, events[:1])
    match = uid("two maps")
    await_that(lambda: get(f"{site}/api/v1/matches/{match}").status_code == 200)
    assert shown() == ("", 0)
    send(site, events[1:before])
    priced(site, match, before)
    assert shown() == (second, 0) and shown(f"?map={first}") == (first, 2)
    send(site, events[before:])
    priced(site, match, len(events))
    assert shown() == (second, 2)


def test_a_day_that_is_none_is_refused_with_its_field(site):
    refused = get(f"{site}/matches", params={"day": "tomorrow"}, headers={"Accept": "application/json"})
    assert refused.json()["errors"] == [{"field": "day", "message": "must be a day such as 2026-01-31, not tomorrow"}]
    assert refused.json()["title"] == "The request has wrong values"


def test_the_curve_is_the_history_and_its_swings_are_its_largest_steps(site, finished):
    # Here no hit stands before a kill, so a swing is one step of the curve.
    (curve,) = get(f"{site}/api/v1/matches/{finished}/curve").json()
    history = get(f"{site}/api/v1/matches/{finished}/history").json()
    assert curve["points"]["p"] == [one["map"]["p_team_a_win"] if one["map"] else None for one in history]
    moving = {"kill", "bomb_planted", "bomb_defused", "bomb_exploded"}
    prices = zip(curve["points"]["p"], curve["points"]["trigger"], strict=True)
    steps = [
        abs(after - before)
        for (before, _), (after, trigger) in pairwise(prices)
        if trigger in moving and None not in (before, after)
    ]
    assert [abs(one["change"]) for one in curve["swings"]] == pytest.approx(sorted(steps, reverse=True)[:5], abs=1e-5)
    assert {one["team"] for one in curve["movers"]} == {"A", "B"}


def test_what_a_round_holds_is_told_in_words(site, finished):
    (curve,) = get(f"{site}/api/v1/matches/{finished}/curve").json()
    events = get(f"{site}/api/v1/matches/{finished}/maps/{curve['map_id']}/rounds/2/events").json()
    kills = [one for one in events if one["type"] == "kill"]
    assert kills
    assert all(" kills " in one["words"] for one in kills)


def test_a_round_is_chosen_by_keyboard_and_kept_in_the_address(site, finished, watched):
    page = watched(f"{site}/matches/{finished}").page
    expect(page.locator("#curve svg.main-svg").first).to_be_visible()
    page.focus("[data-round='2']")
    page.keyboard.press("Enter")
    expect(page.locator("#round-hint")).to_have_text("Round 2")
    expect(page.locator("#round-events tr").first).to_be_visible()
    assert "round=2" in page.url
    assert page.locator("#swings li").count() == 5


def test_the_curve_never_goes_back_in_time(site, finished, watched):
    (curve,) = get(f"{site}/api/v1/matches/{finished}/curve").json()
    assert min(curve["points"]["round_no"]) == 0  # priced before the first round began
    page = watched(f"{site}/matches/{finished}").page
    expect(page.locator("#curve svg.main-svg").first).to_be_visible()
    drawn = page.evaluate("document.getElementById('curve').data.map((trace) => Array.from(trace.x))")
    assert [len(each) for each in drawn] == [len(curve["points"]["p"])] * 3
    assert all(each == sorted(set(each)) for each in drawn)


def test_a_moment_is_shared_by_its_address(site, finished, watched):
    (curve,) = get(f"{site}/api/v1/matches/{finished}/curve").json()
    swing = curve["swings"][0]
    page = watched(f"{site}/matches/{finished}?round={swing['round_no']}&at={swing['event_id']}").page
    expect(page.locator("#round-events tr.chosen")).to_contain_text(swing["words"])


def test_a_running_match_moves_by_itself_and_misses_nothing_over_a_lost_connection(site, watched):
    events = play(5, match="running", rounds=4)
    begun, later, last = events[:40], events[40:60], events[60:-2]
    send(site, begun)
    match = priced(site, uid("running"), len(begun))
    found = watched(f"{site}/matches/{match}")
    root = found.page.locator("#match")
    expect(root).to_have_attribute("data-connection", "open")
    expect(root).to_have_attribute("data-prices", str(len(begun)))
    send(site, later)
    expect(root).to_have_attribute("data-prices", str(len(begun) + len(later)))

    found.page.context.set_offline(True)
    send(site, last)
    priced(site, match, len(begun) + len(later) + len(last))
    found.page.context.set_offline(False)
    expect(root).to_have_attribute("data-prices", str(len(begun) + len(later) + len(last)))
    found.complaints.clear()  # the browser's own notes of the lost connection


def test_prices_that_history_does_not_hold_yet_are_asked_for_again(site, watched):
    events = play(7, match="behind", rounds=2)
    begun, later = events[:30], events[30:60]
    send(site, begun)
    match = priced(site, uid("behind"), len(begun))
    found = watched(f"{site}/matches/{match}")
    root = found.page.locator("#match")
    expect(root).to_have_attribute("data-prices", str(len(begun)))
    before = get(f"{site}/api/v1/matches/{match}/curve").text
    answered = []

    def behind(route):
        answered.append(route.request.url)
        if len(answered) == 1:
            route.fulfill(body=before, content_type="application/json")
        elif len(answered) == 2:
            route.fulfill(status=503, body="{}")
        else:
            route.continue_()

    found.page.route("**/curve", behind)
    send(site, later)
    expect(root).to_have_attribute("data-prices", str(len(begun) + len(later)))
    assert len(answered) >= 3
    found.complaints.clear()  # the browser's own note of the 503


def test_a_stream_that_is_refused_for_now_is_asked_for_again(site, watched):
    events = play(8, match="refused", rounds=4)[:20]
    send(site, events)
    match = priced(site, uid("refused"), len(events))
    asked = []

    def refuse_once(route):
        asked.append(route.request.url)
        route.fulfill(status=503, body="") if len(asked) == 1 else route.continue_()

    found = watched(f"{site}/")
    found.page.route("**/stream", refuse_once)
    found.page.goto(f"{site}/matches/{match}")
    expect(found.page.locator("#match")).to_have_attribute("data-connection", "open")
    assert len(asked) == 2
    found.complaints.clear()  # the browser's own note of the 503


def test_the_rounds_shown_as_won_are_those_of_the_score(site, finished):
    text = get(f"{site}/matches/{finished}", headers=HTML).text
    (of_map,) = get(f"{site}/api/v1/matches/{finished}").json()["maps"]
    assert text.count("<br>▲") == of_map["team_a_score"]
    assert text.count("<br>▼") == of_map["team_b_score"]


def test_a_teams_name_is_text_whatever_it_holds(site, watched):
    events = play(6, match="xss", rounds=1)
    for event in events:
        for name in ("team_a_name", "killer_player_id", "map_name"):
            if name in event["payload"]:
                event["payload"][name] = f"<img src=x onerror=alert(1)>{event['payload'][name]}"
    send(site, events)
    match = priced(site, uid("xss"), len(events))
    page = watched(f"{site}/matches/{match}?round=1").page
    expect(page.locator("#round-events tr").first).to_be_visible()
    assert page.locator("main img").count() == 0
    assert "<img" not in get(f"{site}/", headers=HTML).text.partition("<main")[2]


def test_an_unknown_match_is_said_to_be_unknown(site):
    answer = get(f"{site}/matches/nothing", headers=HTML)
    assert answer.status_code == 404
    assert "no event of match" in answer.text


def test_what_was_known_at_each_moment_is_what_the_source_told(site, finished):
    (curve,) = get(f"{site}/api/v1/matches/{finished}/curve").json()
    base = f"{site}/api/v1/matches/{finished}/maps/{curve['map_id']}/rounds/2"
    states = {one["event_id"]: one for one in get(f"{base}/states").json()}
    kills = [one for one in get(f"{base}/events").json() if one["type"] == "kill"]
    alive = [states[one["event_id"]]["team_a"]["alive"] + states[one["event_id"]]["team_b"]["alive"] for one in kills
             if one["event_id"] in states]  # fmt: skip
    assert alive == list(range(9, 9 - len(alive), -1)), "each kill takes one of ten"
    assert {one["team_a_side"] for one in states.values()} <= {"CT", "T"}


def test_a_round_ends_with_the_name_of_who_won_it_and_every_mover_has_a_bar(site, finished, watched):
    page = watched(f"{site}/matches/{finished}?round=2").page
    expect(page.locator("#round-events tr").last).to_contain_text("win the round")
    assert "team A" not in page.inner_text("#round-events")
    movers = page.locator("#movers tr")
    assert movers.count() > 1
    assert movers.locator("svg.bar").count() == movers.count()


def test_both_economies_stand_beside_the_round(site, finished, watched):
    page = watched(f"{site}/matches/{finished}?round=2").page
    expect(page.locator("#economy tbody tr")).to_have_count(2)
    expect(page.locator("#economy tbody tr").first).to_contain_text("Löwen")
    expect(page.locator("#known tbody tr").first).to_contain_text("v")


def test_a_version_that_is_compared_prices_as_the_live_feed_did(site, finished):
    (curve,) = get(f"{site}/api/v1/matches/{finished}/curve").json()
    asked = f"{site}/api/v1/matches/{finished}/maps/{curve['map_id']}/versions"
    one, same = get(asked, params=[("version", "1"), ("version", "1")]).json()
    assert one == same
    assert one["event_id"] == curve["points"]["event_id"]
    assert one["round_p"] == curve["points"]["round_p"]
    assert 0 < one["log_loss"] < 3
    unknown = get(asked, params={"version": "99"})
    assert (unknown.status_code, unknown.json()["title"]) == (404, "Unknown version")


def test_two_versions_are_compared_in_the_page(site, finished, watched):
    page = watched(f"{site}/matches/{finished}").page
    page.click("#compare summary")
    expect(page.locator("#versions select").first).to_contain_text("1 (champion)")
    if page.locator("#versions select").first.locator("option").count() == 1:
        expect(page.locator("#compare-said")).to_contain_text("nothing to compare yet")
        page.evaluate("document.querySelector('#versions').second.selectedIndex = 0")
    page.click("#versions button")
    expect(page.locator("#compare-curve svg.main-svg").first).to_be_visible()
    expect(page.locator("#compare-said")).to_contain_text("On average 0.0 points apart")


SOON, LATER = datetime(2090, 1, 2, 18, tzinfo=UTC), datetime(2090, 1, 3, 18, tzinfo=UTC)


ONE, OTHER = ("Lotus", "Northern Lights"), ("Quiet Storm", "Fifth Wheel")


@pytest.fixture(scope="module")
def coming(tmp_path_factory):
    """The list of matches of a gateway with forecasts of coming ones; what is searched in, what is shown out."""
    with open_gateway(tmp_path_factory.mktemp("coming")) as client:
        with_a_league(client.app)

        def forecast(first, second, starts, **more):
            asked = {"team1_id": first, "team2_id": second, "starts_at": starts and starts.isoformat(), **more}
            assert client.post("/api/v1/forecasts/series", json=asked | {"best_of": 3}).status_code == 200

        forecast("t3", "t4", LATER)
        forecast("t1", "t2", SOON)
        forecast("t2", "t1", SOON, map_ids=["de_nuke"])  # the same match again
        forecast("t1", "t4", None)

        def shown(**query):
            answered = client.get("/matches", params=query, headers=HTML)
            assert answered.status_code == 200
            text = answered.text.partition('id="coming"')[2].partition("</section>")[0]
            return [tuple(teams.split(" – ")) for teams in re.findall("<h3>(.*?)</h3>", text)]

        yield client, shown


def test_coming_matches_stand_once_each_with_the_next_first(coming):
    _, shown = coming
    assert shown() == [ONE, OTHER]


@pytest.mark.parametrize(
    ("query", "teams"),
    [({"q": " lotus "}, [ONE]), ({"q": "DE_NUKE"}, [ONE]),
     ({"day": "2090-01-03"}, [OTHER]), ({"day": "2090-01-04"}, []),
     ({"q": "lotus", "day": "2090-01-03"}, []), ({"q": "nobody"}, []),
     ({"q": "quiet", "day": "2090-01-03"}, [OTHER])],
)  # fmt: skip
def test_coming_matches_are_found_by_team_map_and_day_together(coming, query, teams):
    _, shown = coming
    assert shown(**query) == teams


def test_what_is_no_day_is_refused(coming):
    client, _ = coming
    answered = client.get("/matches", params={"day": "tomorrow"})
    assert (answered.status_code, answered.json()["errors"][0]["field"]) == (422, "day")
    assert client.get("/matches", params={"day": "9999-12-31"}, headers=HTML).status_code == 200


def test_forecasts_are_shown_to_who_may_read_them(coming):
    client, _ = coming
    key, _key = keys.create(client.app.state.records, "a screen", ["live:read"])
    try:
        page = client.get("/matches", headers=HTML | {"X-API-Key": key})
        assert (page.status_code, "Upcoming" in page.text) == (200, False)
    finally:
        keys.revoke(client.app.state.records, _key.id)
