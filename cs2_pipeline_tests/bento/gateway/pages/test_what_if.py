"""What if: a price for every state that can be, what each input is worth, and sliders that move it in a browser."""

import re

import pytest

from bento.gateway.pages.what_if import STEPS
from cs2_pipeline.game.maps import MAPS
from cs2_pipeline.game.state import MAX_BOMB_TIME
from cs2_pipeline_tests.bento.serving import post

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

ROUND = {
    "ct_alive": 4, "t_alive": 3, "ct_equip_value": 20000, "t_equip_value": 15000, "ct_money": 8000, "t_money": 4000,
    "bomb_planted": 0, "time_remaining": 90, "ct_score": 7, "t_score": 8,
}  # fmt: skip


def ask(site, state):
    return post(f"{site}/api/v1/what-if/round", json=state)


def test_a_state_is_priced_as_the_prediction_service_does_and_one_more_player_is_worth_something(site, server):
    found = ask(site, ROUND).json()
    served = server.post("/predict/round", ROUND).json
    assert found["ct_win_probability"] == served["ct_win_probability"]
    assert found["ct_win_interval"] == served["ct_win_interval"]
    assert (found["decided"], found["model_version"]) == (False, "1")
    (players,) = [one for one in found["changes"] if one["field"] == "ct_alive"]
    assert players["fewer"] < found["ct_win_probability"] < players["more"]


def test_where_a_step_leaves_the_game_there_is_no_price(site):
    changes = {one["field"]: one for one in ask(site, ROUND | {"ct_alive": 5, "time_remaining": 0.5}).json()["changes"]}
    assert changes["ct_alive"]["more"] is None
    assert changes["time_remaining"]["fewer"] is None


@pytest.mark.parametrize(
    ("field", "step", "highest", "count"),
    [
        ("ct_alive", 1, 5, 6),
        ("t_alive", 1, 5, 6),
        ("ct_equip_value", 2_500, 35_000, 26),
        ("t_equip_value", 2_500, 35_000, 26),
        ("ct_money", 5_000, 50_000, 26),
        ("t_money", 5_000, 50_000, 26),
        ("time_remaining", 10, 115, 26),
        ("ct_score", 1, 15, 16),
        ("t_score", 1, 15, 16),
    ],
)
def test_along_an_input_and_a_step_away_every_price_is_that_of_its_state(site, field, step, highest, count):
    found = post(f"{site}/api/v1/what-if/round", params={"along": field}, json=ROUND).json()
    course = found["along"]
    assert course["field"] == field
    assert course["values"] == pytest.approx([highest * part / (count - 1) for part in range(count)])
    (changed,) = [one for one in found["changes"] if one["field"] == field]
    for name, there in (("fewer", ROUND[field] - step), ("more", ROUND[field] + step)):
        assert changed[name] == ask(site, ROUND | {field: there}).json().get("ct_win_probability")
    for place in (0, len(course["values"]) // 2, -1):
        one = ask(site, ROUND | {field: course["values"][place]}).json()
        assert one["ct_win_probability"] == course["ct_win_probability"][place]
        assert one["ct_win_interval"] == [course["low"][place], course["high"][place]]


def test_a_step_may_end_a_round_and_then_its_price_is_certain(site):
    changes = {one["field"]: one for one in ask(site, ROUND | {"ct_alive": 1, "time_remaining": 10}).json()["changes"]}
    assert list(changes) == [
        "ct_alive", "t_alive", "ct_equip_value", "t_equip_value", "ct_money", "t_money", "time_remaining", "ct_score",
        "t_score",
    ]  # fmt: skip
    assert (changes["ct_alive"]["fewer"], changes["time_remaining"]["fewer"]) == (0.0, 1.0)
    assert changes["time_remaining"]["words"] == "10 seconds" and changes["ct_alive"]["words"] == "one CT player"


def test_more_players_alive_never_hurt_along_the_whole_range(site):
    def along(field):
        return post(f"{site}/api/v1/what-if/round", params={"along": field}, json=ROUND).json()["along"]

    ct, t = along("ct_alive"), along("t_alive")
    assert ct["values"] == [0, 1, 2, 3, 4, 5]
    assert ct["ct_win_probability"] == sorted(ct["ct_win_probability"])
    assert t["ct_win_probability"] == sorted(t["ct_win_probability"], reverse=True)
    assert ct["ct_win_probability"][0] == 0


def test_a_planted_bomb_leaves_no_time_beyond_its_own(site):
    asked = {"params": {"along": "time_remaining"}, "json": ROUND | {"bomb_planted": 1, "time_remaining": 20}}
    assert max(post(f"{site}/api/v1/what-if/round", **asked).json()["along"]["values"]) <= MAX_BOMB_TIME


def test_without_being_asked_there_is_no_course_and_none_along_what_is_no_slider(site):
    assert ask(site, ROUND).json()["along"] is None
    refused = post(f"{site}/api/v1/what-if/round", params={"along": "map_name"}, json=ROUND)
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"field": "along", "message": f"must be one of {', '.join(STEPS)}"}]


def test_a_decided_state_is_certain(site):
    found = ask(site, ROUND | {"ct_alive": 0}).json()
    assert (found["ct_win_probability"], found["decided"]) == (0.0, True)


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"ct_alive": 9}, "ct_alive", "must be from 0 to 5, not 9"),
        ({"ct_alive": "many"}, "ct_alive", "must be a number"),
        ({"ct_alive": True}, "ct_alive", "must be a number"),
        ({"ct_alive": [1]}, "ct_alive", "must be a number"),
        ({"ct_alive": 2.5}, "ct_alive", "must be a whole number, not 2.5"),
        ({"ct_money": 10**400}, "ct_money", "must be from 0 to 80000, not 10000000000000000000"),
        ({"ct_alive": None}, "ct_alive", "is missing"),
        ({"ct_alife": 1}, "ct_alife", "is no field of a round's state"),
        ({"map_name": 3}, "map_name", "must be text"),
    ],
)
def test_a_wrong_field_is_named(site, change, field, message):
    refused = ask(site, ROUND | change)
    assert refused.status_code == 422
    assert {"field": field, "message": message} in refused.json()["errors"]


def test_the_page_opens_with_the_map_of_its_address_and_the_example(gateway):
    text = gateway.get("/what-if?map_name=de_nuke").text
    assert re.findall(r"<option selected>(\w+)", text) == ["de_nuke"]
    assert re.findall(r"<option>(\w+)", text) == [name for name in MAPS if name != "de_nuke"]
    assert not re.findall(r"<option selected>", gateway.get("/what-if").text)
    headings = re.findall(r"<legend.*?>(.*?)</legend>", text)
    assert headings == ["Counter-Terrorists", "Terrorists", "Clock"]
    assert re.findall(r'type="range" id="(\w+)"', text) == [
        "ct_alive", "ct_equip_value", "ct_money", "ct_score", "t_alive", "t_equip_value", "t_money", "t_score",
        "time_remaining",
    ]  # fmt: skip


def test_a_slider_stands_at_what_the_address_says_within_its_range_or_else_at_the_examples(gateway):
    asked = "ct_alive=9&t_alive=-3&time_remaining=soon&ct_score=nan&t_score=2.9&ct_money=1e9&t_money=inf"
    text = gateway.get(f"/what-if?{asked}&ct_equip_value=1e9&t_equip_value=").text
    for field, highest, step, value in (
        ("ct_alive", 5, 1, 5),
        ("t_alive", 5, 1, 0),
        ("time_remaining", 115, 1, 90),
        ("ct_score", 15, 1, 7),
        ("t_score", 15, 1, 2),
        ("ct_money", 50_000, 250, 50_000),
        ("t_money", 50_000, 250, 4_000),
        ("ct_equip_value", 35_000, 250, 35_000),
        ("t_equip_value", 35_000, 250, 15_000),
    ):
        assert f'name="{field}" min="0" max="{highest}" step="{step}" value="{value}"' in text, field


def test_without_a_champion_the_page_says_so(empty_site, watched):
    found = watched(f"{empty_site}/what-if")
    expect(found.page.locator("#interval")).to_contain_text("no champion")
    found.complaints.clear()  # the browser's own note of the 503


def test_moving_a_slider_moves_the_price_and_the_address_keeps_the_state(site, watched):
    page = watched(f"{site}/what-if?ct_alive=5&t_alive=2&map_name=de_nuke").page
    expect(page.locator("#price")).to_contain_text("%")
    before = page.inner_text("#price")
    page.focus("#ct_alive")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#price")).not_to_have_text(before)
    expect(page).to_have_url(re.compile("ct_alive=2.*map_name=de_nuke"))
    assert page.inner_text("#worth tr:first-child th") == "one CT player"
    expect(page.locator("#along svg.main-svg").first).to_be_visible()
    expect(page.locator("#along-said")).to_contain_text("living players on the CT side")
    page.focus("#time_remaining")
    expect(page.locator("#along-said")).to_contain_text("seconds left")


def test_more_time_than_a_bomb_has_is_refused_in_the_page(site, watched):
    page = watched(f"{site}/what-if?time_remaining=100").page
    expect(page.locator("#price")).to_contain_text("%")
    page.check("#bomb_planted")
    expect(page.locator("#time_remaining-shown")).to_have_text("0:40")
    expect(page.locator("#price")).to_contain_text("%")
