"""Form and win probability added: the newest matches first, sums over rounds, intervals over matches."""

import json

import pandas as pd
import pytest

from cs2_pipeline.datasets import form


def line(player, day, **change):
    return {
        "steam_id": player, "match_id": day, "started_at": pd.Timestamp(2026, 1, day, tz="UTC"), "map_name": "de_nuke",
        "kills": 20, "deaths": 10, "rounds": 20, "damage": 1500, **change,
    }  # fmt: skip


def test_the_form_is_the_newest_matches_first_and_no_more_than_ten():
    lines = pd.DataFrame([line("a", day) for day in range(1, 13)] + [line("b", 1, map_name=None, rounds=0)])
    found = form.latest(lines.sample(frac=1, random_state=1))
    assert [one["day"] for one in found["a"]] == [f"2026-01-{day:02}" for day in range(12, 2, -1)]
    assert found["a"][0] == {
        "day": "2026-01-12", "map_name": "de_nuke", "kills": 20, "deaths": 10, "rounds": 20, "adr": 75.0,
    }  # fmt: skip
    assert (found["b"][0]["map_name"], found["b"][0]["adr"]) == (None, None)


def test_what_was_added_counts_rounds_not_matches_and_few_matches_have_no_interval():
    few = pd.DataFrame([{"steam_id": "a", "total": 0.4, "rounds": 10}, {"steam_id": "a", "total": 0.1, "rounds": 30}])
    found = form.added(few)["a"]
    assert found["per_round"] == pytest.approx(0.5 / 40)
    assert (found["low"], found["high"], found["rounds"], found["matches"]) == (None, None, 40, 2)


def test_the_interval_holds_the_mean_and_narrows_with_matches():
    totals = [0.5, -0.3, 0.2, 0.4, -0.1]

    def width(times):
        lines = [{"steam_id": "a", "total": total, "rounds": 20} for total in totals * times]
        found = form.added(pd.DataFrame(lines))["a"]
        assert found["low"] < found["per_round"] < found["high"]
        return found["high"] - found["low"]

    assert width(16) == pytest.approx(width(1) / 4, rel=0.15)
    equal = pd.DataFrame([{"steam_id": "a", "total": 0.2, "rounds": 20}] * 5)
    assert form.added(equal)["a"]["low"] == form.added(equal)["a"]["high"] == pytest.approx(0.01)


def test_the_interval_is_of_90_percent_by_whole_matches_from_five_on():
    """Residuals of the matches' totals from 20 rounds at .007: .36, -.44, .06, .26, -.24, and n / (n - 1) of them."""
    lines = pd.DataFrame([{"steam_id": "a", "total": total, "rounds": 20} for total in (0.5, -0.3, 0.2, 0.4, -0.1)])
    found = form.added(lines)["a"]
    assert found == {"per_round": 0.007, "low": -0.00536, "high": 0.01936, "rounds": 100, "matches": 5}
    assert form.added(lines.iloc[:4])["a"]["low"] is None


def test_who_played_no_round_is_left_out_and_the_others_are_not():
    lines = pd.DataFrame([{"steam_id": name, "total": 0.1, "rounds": rounds} for name, rounds in (("a", 0), ("b", 10))])
    assert list(form.added(lines)) == ["b"]


def test_of_matches_that_began_together_the_one_with_the_higher_number_is_the_newer():
    lines = pd.DataFrame([line("a", 1, match_id=number, kills=number) for number in (1, 3, 2)])
    assert [one["kills"] for one in form.latest(lines)["a"]] == [3, 2, 1]


def test_damage_a_round_has_one_digit_behind_the_point_and_worth_five():
    lines = pd.DataFrame([line("a", 1, damage=1_000, rounds=30)])
    assert form.latest(lines)["a"][0]["adr"] == 33.3
    assert form.added(pd.DataFrame([{"steam_id": "a", "total": 1.0, "rounds": 30}])) == {
        "a": {"per_round": 0.03333, "low": None, "high": None, "rounds": 30, "matches": 1}
    }


def test_a_form_is_made_of_plain_values():
    assert json.loads(json.dumps(form.latest(pd.DataFrame([line("a", 1)])))) == {
        "a": [{"day": "2026-01-01", "map_name": "de_nuke", "kills": 20, "deaths": 10, "rounds": 20, "adr": 75.0}]
    }
