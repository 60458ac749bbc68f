import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs2_pipeline.evaluation import laws
from cs2_pipeline.evaluation.domain import generate_states, state_features, winners
from cs2_pipeline.game.features import ROUND_FEATURES
from cs2_pipeline.game.state import MAX_BOMB_TIME, MAX_EQUIPMENT_VALUE
from cs2_pipeline_tests.evaluation.play import fair_price, whole_rounds


def broken(results):
    return [law.name for law in results if not law.holds]


def with_term(feature, per_unit):
    """The fair price with a wrong dependence on one feature."""

    def predict(features):
        return fair_price(features, per_unit * np.nan_to_num(features[:, ROUND_FEATURES.index(feature)]))

    return laws.served(predict)


def test_a_model_that_knows_the_game_breaks_no_law():
    results = laws.check(laws.served(fair_price), snapshots=whole_rounds(0))
    assert broken(results) == []
    assert len(results) == 13
    assert all(law.checked > 1000 for law in results)
    assert all(law.violations == 0 and law.sentence.endswith(".") for law in results)
    assert all(law.worst == 0 and law.example is None for law in results[:11])


@given(seed=st.integers(0, 2**32 - 1), weight=st.floats(0.0, 2.0))
@settings(max_examples=15, deadline=None)
def test_any_model_that_weighs_men_the_right_way_round_keeps_the_laws_of_single_states(seed, weight):
    results = laws.check(with_term("ct_alive", weight), seed=seed, rows=1_000)
    assert broken(results) == []


@pytest.mark.parametrize(
    ("feature", "per_unit", "law"),
    [
        ("ct_alive", -1.0, "one more living CT never lowers P(CT)"),
        ("t_alive", 1.0, "one more living T never raises P(CT)"),
        ("ct_health", -0.02, "more CT health never lowers P(CT)"),
        ("t_health", 0.02, "more T health never raises P(CT)"),
        ("ct_equip_value", -1.5e-4, "more CT equipment never lowers P(CT)"),
        ("t_equip_value", 1.5e-4, "more T equipment never raises P(CT)"),
        ("bomb_time", -0.1, "with the bomb down less time never helps CT"),
    ],
)
def test_each_wrong_way_round_is_found_alone_with_an_example(feature, per_unit, law):
    results = laws.check(with_term(feature, per_unit))
    assert broken(results) == [law]
    found = next(result for result in results if not result.holds)
    assert 0 < found.violations <= found.checked
    assert found.worst > 0.01
    assert found.example is not None
    assert "P(CT) before" in found.example
    assert f"{found.violations:,} of {found.checked:,} pairs of states break it" in found.sentence


def without_a_clock(features):
    """A fair price that reads every clock below five seconds as five."""
    calm = features.copy()
    for name in ("round_time", "bomb_time"):
        column = ROUND_FEATURES.index(name)
        calm[:, column] = np.where(calm[:, column] > 0, np.maximum(calm[:, column], 5), 0)
    return fair_price(calm)


def test_a_price_that_does_not_go_to_the_winner_as_the_clock_runs_out_is_found():
    assert broken(laws.check(laws.served(without_a_clock))) == ["as the clock runs out the price goes to who wins then"]


def test_a_price_that_falls_in_the_last_seconds_for_want_of_time_is_found():
    def predict(features):
        clock = features[:, ROUND_FEATURES.index("round_time")]
        return np.where(
            (clock > 1) & (clock < 5), without_a_clock(features) - 0.01 / np.maximum(clock, 1), fair_price(features)
        )

    assert broken(laws.check(laws.served(predict))) == [
        "with no bomb down less time in the last seconds never lowers P(CT)"
    ]


def test_a_step_back_in_a_narrow_place_is_found():
    def predict(states):
        price = laws.served(fair_price)(states)
        narrow = (states["ct_alive"] == 4) & (states["t_alive"] == 2) & (states["ct_money"] > 60_000) & (price < 1)
        return np.where(narrow, price * 0.9, price)

    assert "one more living CT never lowers P(CT)" in broken(laws.check(predict))


def test_a_model_served_without_the_rule_for_decided_states_breaks_it():
    results = laws.check(lambda states: fair_price(state_features(states)))
    assert broken(results) == ["decided states are exactly 0 or 1"]
    assert re.search(r"([\d,]+) of \1 decided states break it", results[0].sentence)


@pytest.mark.parametrize("dead", ["ct_alive", "t_alive"])
def test_one_kind_of_decided_state_that_is_priced_alone_breaks_it_and_is_shown(dead):
    def predict(states):
        priced = (states[dead] == 0) & (states["bomb_planted"] == 0)
        return np.where(priced, fair_price(state_features(states)), laws.served(fair_price)(states))

    results = laws.check(predict)
    assert "decided states are exactly 0 or 1" in broken(results)
    assert re.search(rf"\b{dead} 0,", results[0].sentence)


@pytest.mark.parametrize("answer", [0.0, 1.0, np.nan, np.inf, -0.1])
def test_certainty_and_nonsense_in_an_open_round_are_found(answer):
    def predict(features):
        return np.where(features[:, ROUND_FEATURES.index("ct_money")] > 70_000, answer, fair_price(features))

    results = laws.check(laws.served(predict))
    name = "probabilities are finite and inside (0, 1) while the round is open"
    assert name in broken(results)
    assert next(law.worst for law in results if law.name == name) == 1


def test_rounding_of_float32_is_no_violation():
    def predict(features):
        return fair_price(features).astype(np.float32) - np.float32(1e-7) * (features[:, 0] % 2)

    assert broken(laws.check(laws.served(predict))) == []


def test_prices_that_promise_ct_more_than_they_win_drift():
    results = laws.check(laws.served(fair_price), snapshots=whole_rounds(0, shift=-0.4))
    assert "no drift on whole rounds" in broken(results)
    drift = next(law for law in results if law.name == "no drift on whole rounds")
    assert drift.worst < 0
    assert "with zero outside" in drift.sentence


def test_an_overconfident_model_drifts_back_although_its_mean_does_not():
    def overconfident(features):
        price = fair_price(features)
        return 1 / (1 + np.exp(-2.5 * np.log(price / (1 - price))))

    results = laws.check(laws.served(overconfident), snapshots=whole_rounds(0, matches=150))
    assert broken(results) == ["no drift at any price"]


def test_honest_prices_are_seldom_said_to_drift():
    refused = 0
    for seed in range(40):
        found = list(laws._check_drift(laws.served(fair_price), whole_rounds(seed, matches=30), seed))
        refused += any(not law.holds for law in found)
    assert refused <= 1


def test_a_table_in_any_order_gives_the_same_drift():
    rounds = whole_rounds(0, matches=20)
    shuffled = rounds.sample(frac=1, random_state=0)
    one, other = (list(laws._check_drift(laws.served(fair_price), table, 0)) for table in (rounds, shuffled))
    assert [law.worst for law in one] == pytest.approx([law.worst for law in other])


def test_the_same_seed_checks_the_same_states():
    predict = with_term("ct_alive", -1.0)
    assert laws.check(predict, seed=5, rows=500) == laws.check(predict, seed=5, rows=500)


def test_players_get_one_probability_a_tier_that_add_up():
    def fair(features):
        return np.full((len(features), 4), 0.25)

    assert broken(laws.check_players(fair)) == []
    assert broken(laws.check_players(lambda features: fair(features) * 1.1)) == ["the scores of a player add up to 1"]
    assert "scores are finite and inside (0, 1)" in broken(
        laws.check_players(lambda f: np.tile([1.0, 0, 0, 0], (len(f), 1)))
    )
    # A score that is lost where damage per round is not known is found, because requests may leave it out.
    lost = laws.check_players(lambda features: np.where(np.isnan(features[:, -1:]), np.nan, fair(features)))
    assert not any(law.holds for law in lost)


def test_probabilities_of_a_table_lie_strictly_between_nought_and_one():
    law = laws.check_inside(np.array([0.5, 1e-9, 1 - 1e-9]))
    assert (law.holds, law.checked, law.violations) == (True, 3, 0)
    law = laws.check_inside(np.array([0.5, 1.0, 0.0, np.nan]))
    assert (law.holds, law.checked, law.violations, law.worst) == (False, 4, 3, 1.0)
    assert law.example == {"row": 1.0, "probability": 1.0}


@pytest.mark.parametrize(("back", "found"), [(2e-6, True), (5e-7, False)])
def test_a_step_back_counts_beyond_a_millionth(back, found):
    def predict(states):
        price = np.where(states["ct_alive"] == 4, 0.5, 0.5 - back * (states["ct_alive"] == 5))
        return np.where(laws.winners(states) == "", price, laws.winners(states) == "CT")

    assert ("one more living CT never lowers P(CT)" in broken(laws.check(predict, rows=2_000))) == found


@pytest.mark.parametrize(("off", "found"), [(0.049, False), (0.051, True)])
def test_a_clock_that_has_all_but_run_out_leaves_a_twentieth(off, found):
    def predict(states):
        ends = np.where(states["bomb_planted"] == 1, off, 1 - off)
        return np.where(laws.winners(states) == "", ends, laws.winners(states) == "CT")

    results = {law.name: law for law in laws.check(predict, rows=2_000)}
    law = results["as the clock runs out the price goes to who wins then"]
    assert law.holds != found
    if found:
        assert law.example["time_remaining"] == 0.001
        assert law.worst == pytest.approx(off)


@pytest.mark.parametrize(("drift", "holds"), [(0.0175, True), (0.04, False)])
def test_a_price_may_drift_by_two_hundredths_over_a_round(drift, holds):
    """Every round ends a little better than it was priced, by as much each time: chance has no part in it."""
    rounds = whole_rounds(0, matches=40)
    rounds["ct_wins"] = (rounds["round_id"] % 2 == 0).astype(int)

    def predict(states):
        return np.full(states["ct_alive"].size, 0.5 - drift)

    whole = next(law for law in laws._check_drift(predict, rounds, 0))
    assert whole.worst == pytest.approx(drift / 4)
    assert (whole.holds, whole.checked) == (holds, len(rounds))
    assert f"{len(rounds):,} steps of 40 matches" in whole.sentence
    assert "the tolerance of 0.0050." in whole.sentence
    assert ("beyond the tolerance" in whole.sentence) == (not holds)


def test_drift_is_looked_at_below_a_third_between_and_above_two_thirds():
    rounds = whole_rounds(0, matches=40)
    price = np.array([1 / 3 - 1e-6, 1 / 3, 2 / 3, 2 / 3 + 1e-6])[rounds["round_id"] % 4]

    def predict(states):
        return price

    _, bands = laws._check_drift(predict, rounds, 0)
    changes = rounds["ct_wins"].where(rounds["snapshot"] == 3, price) - price
    low, high = rounds["round_id"] % 4 == 0, rounds["round_id"] % 4 == 3
    for name, rows in ((" from below 1/3", low), (" from the middle", ~(low | high)), (" from above 2/3", high)):
        assert f"mean change a snapshot{name} {changes[rows].mean():+.5f}" in bands.sentence
    assert "the tolerance of 0.0200." in bands.sentence
    worst = max((changes[rows].mean() for rows in (low, ~(low | high), high)), key=abs)
    assert bands.worst == pytest.approx(worst)


class Asked:
    """The fair price, and the states it was asked for: all decided, all open, two of each of seven laws, and so on."""

    def __init__(self):
        self.states = []

    def __call__(self, states):
        self.states.append(states)
        return laws.served(fair_price)(states)


def test_each_law_is_tried_on_all_states_that_it_is_about():
    asked, rows = Asked(), 3_000
    results = laws.check(asked, seed=4, rows=rows)
    drawn = generate_states(np.random.default_rng(4), rows)
    is_open, planted = winners(drawn) == "", drawn["bomb_planted"] == 1
    decided, opened, *raised, ending, earlier, later = asked.states
    assert (winners(decided) != "").all() and (winners(opened) == "").all()
    checked = [law.checked for law in results]
    assert checked[:2] == [(~is_open).sum(), is_open.sum()]
    assert checked[-2:] == [is_open.sum(), (is_open & ~planted).sum()]
    assert set(ending["time_remaining"]) == {0.001}
    assert (earlier["bomb_planted"] == 0).all() and (winners(earlier) == "").all()
    for seconds in (earlier["time_remaining"], later["time_remaining"]):
        assert seconds.min() >= 0 and 4.9 < earlier["time_remaining"].max() <= 5
    assert (earlier["time_remaining"] > later["time_remaining"]).all()
    assert later["time_remaining"].mean() == pytest.approx(5 / 3, abs=0.15)
    fields = ["ct_alive", "t_alive", "ct_health", "t_health", "ct_equip_value", "t_equip_value", "time_remaining"]
    for place, field in enumerate(fields):
        less, more = raised[2 * place : 2 * place + 2]
        assert checked[2 + place] == less[field].size == more[field].size > 300
        assert all(less[name] is more[name] or same(less[name], more[name]) for name in less if name != field)
        assert (more[field] > less[field]).all()
    assert (raised[1]["ct_alive"] - raised[0]["ct_alive"] == 1).all()
    clock, longer = raised[-2], raised[-1]
    assert (clock["bomb_planted"] == 1).all()
    assert clock["time_remaining"].max() < longer["time_remaining"].max() <= MAX_BOMB_TIME


def same(one, other):
    return one.tolist() == other.tolist() or np.array_equal(one, other, equal_nan=True)


def test_a_field_is_raised_by_steps_of_every_size_up_to_its_bound():
    """From a ten-thousandth of what is left to all of it, each power of ten as often."""
    asked = Asked()
    laws.check(asked, seed=4, rows=8_000)
    less, more = asked.states[10:12]
    step = (more["ct_equip_value"] - less["ct_equip_value"]) / (MAX_EQUIPMENT_VALUE - less["ct_equip_value"])
    assert 1e-4 <= step.min() < 2e-4
    assert 0.95 < step.max() <= 1 + 1e-12
    assert np.quantile(np.log10(step), [0.25, 0.5, 0.75]) == pytest.approx([-3, -2, -1], abs=0.1)


def test_the_worst_case_is_shown_as_it_was_and_as_it_was_changed():
    law = {law.name: law for law in laws.check(with_term("ct_alive", -1.0), rows=2_000)}
    worst = law["one more living CT never lowers P(CT)"]
    shown = worst.example
    assert shown["ct_alive raised to"] == shown["ct_alive"] + 1
    assert shown["P(CT) before"] - shown["P(CT) after"] == pytest.approx(worst.worst)
    assert f"the worst by {worst.worst:.4g}: ct_alive {shown['ct_alive']:g}, t_alive" in worst.sentence
    assert all(isinstance(value, float | str) for value in shown.values()), "what is not known is not shown"

    def falling(states):
        late = (states["time_remaining"] < 1) & (states["bomb_planted"] == 0)
        return np.where(winners(states) == "", np.where(late, 0.5, 0.6), winners(states) == "CT")

    law = {law.name: law for law in laws.check(falling, rows=2_000)}
    fallen = law["with no bomb down less time in the last seconds never lowers P(CT)"]
    assert fallen.example["time_remaining fallen to"] < 1 <= fallen.example["time_remaining"] <= 5
    assert (fallen.example["P(CT) before"], fallen.example["P(CT) after"]) == (0.6, 0.5)
    assert fallen.worst == pytest.approx(0.1)
    nowhere = {law.name: law for law in laws.check(lambda states: np.full(states["ct_alive"].size, np.nan), rows=500)}
    assert all(law.violations == law.checked for law in nowhere.values()), "what is no number breaks every law"
    assert {law.worst for law in nowhere.values()} == {1.0}
    inside = nowhere["probabilities are finite and inside (0, 1) while the round is open"]
    assert np.isnan(inside.example["P(CT)"])


def test_real_states_are_tried_too_with_and_without_what_is_optional():
    asked, rounds = Asked(), whole_rounds(0, matches=4).assign(ct_money=123.0)
    laws.check(asked, snapshots=rounds, rows=200)
    real = asked.states[1]["ct_money"] == 123
    assert real.sum() == 2 * len(rounds), "each as it is, and once more"
    hidden = np.isnan(asked.states[1]["ct_health"][real])
    assert 0 < hidden[len(rounds) :].sum() < len(rounds)
    assert not hidden[: len(rounds)].any()
    many, asked = pd.concat([rounds] * 7, ignore_index=True), Asked()
    laws.check(asked, snapshots=many, rows=200)
    assert (asked.states[1]["ct_money"] == 123).sum() == 5_000, "at most so many of them"


@pytest.mark.parametrize(("off", "holds"), [(5e-6, True), (2e-5, False)])
def test_the_scores_of_a_player_add_up_but_for_rounding(off, holds):
    _, total = laws.check_players(lambda features: np.full((len(features), 4), 0.25 + off / 4), rows=20)
    assert (total.holds, total.checked) == (holds, 20)
    if not holds:
        assert total.worst == pytest.approx(off, rel=1e-6)
        assert total.example["scores"] == [0.25 + off / 4] * 4
        assert len(total.example["features"]) == 12


def test_real_players_are_checked_beside_those_drawn():
    real = np.full((3, 12), 7.0, dtype=np.float32)

    def predict(features):
        return np.where((features == 7).all(axis=1)[:, None], [0.5, 0.5, 0.0, 0.0], 0.25)

    inside, total = laws.check_players(predict, features=real, rows=10)
    assert (inside.checked, inside.violations, inside.worst) == (13, 3, 1.0)
    assert inside.example == {"features": [7.0] * 12, "scores": [0.5, 0.5, 0.0, 0.0]}
    assert inside.sentence.startswith("Scores are finite and inside (0, 1): 3 of 13 records break it, the worst by 1: ")
    assert total.sentence == "The scores of a player add up to 1: none of 13 records breaks it."
