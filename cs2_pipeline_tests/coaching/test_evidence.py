"""What drills did over players: pooled, as wide as it must be, and compared only where a coin chose."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from cs2_pipeline.coaching.estimates import spread_between
from cs2_pipeline.coaching.evidence import LEAST_PLAYERS, Seen, pooled
from cs2_pipeline.coaching.plans_followed import given, seen
from cs2_pipeline.records.coaching import StoredPlan

EFFECTS = {"good": 0.8, "useless": 0.0}
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def trials(seed, players=30, *, coin=True):
    """Players of either drill, whose own effects differ by 0.2."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(2 * players):
        drill, other = ("good", "useless") if number % 2 else ("useless", "good")
        error = random.uniform(0.2, 0.6)
        effect = EFFECTS[drill] + 0.2 * random.standard_normal() + error * random.standard_normal()
        found.append(Seen(f"p{number}", drill, effect, error, other if coin else None))
    return found


def test_intervals_hold_the_true_effects_and_the_true_difference():
    held, differences = [], []
    for seed in range(40):
        found = pooled(trials(seed))
        held += [found[drill].low <= effect <= found[drill].high for drill, effect in EFFECTS.items()]
        (against,) = found["good"].experiments
        differences.append(against.low <= 0.8 <= against.high)
    assert np.mean(held) >= 0.8
    assert np.mean(differences) >= 0.8


def test_without_a_coin_nothing_is_compared():
    assert all(one.experiments == () for one in pooled(trials(1, coin=False)).values())


def test_an_experiment_is_the_same_from_both_sides():
    found = pooled(trials(2))
    (one,), (other,) = found["good"].experiments, found["useless"].experiments
    assert (one.players, one.players_other) == (other.players_other, other.players)
    assert one.difference == pytest.approx(-other.difference)


def test_few_players_are_no_evidence_and_a_player_counts_once():
    rows = trials(3)[: 2 * (LEAST_PLAYERS - 1)]
    assert pooled(rows) == {}
    assert pooled([*rows, *rows]) == {}
    assert pooled([]) == {}


def plan(items, *, edits=(), effect=0.5):
    progress = {"aim": {"effect_in_spreads": effect, "error_in_spreads": 0.3}}
    body = {"items": items, "edits": [{"items": before} for before in edits]}
    return StoredPlan("1", "counterstrike", "anna", NOW, None, body, progress, {})


def item(name, skill="aim", alternative=None):
    return {"drill": {"name": name, "skill": skill}, "alternative": alternative}


def test_an_experiment_counts_as_assigned_whatever_was_edited_later():
    (found,) = seen([plan([item("other")], edits=[[item("good", alternative="useless")], [item("third")]])])
    assert (found.drill, found.alternative, found.effect) == ("good", "useless", 0.5)


def test_two_drills_for_one_skill_tell_of_neither_and_no_trial_tells_of_none():
    assert seen([plan([item("good"), item("other")])]) == []
    assert seen([plan([item("good", skill="trades")])]) == []
    assert seen([plan([item("good")], effect=None)]) == []


def of(drill, effects, *, error=0.3, other=None, first=0):
    return [Seen(f"p{first + number}", drill, effect, error, other) for number, effect in enumerate(effects)]


def test_five_players_are_evidence_and_four_are_none():
    assert LEAST_PLAYERS == 5
    assert set(pooled(of("a", [0.1] * 5))) == {"a"}
    assert pooled(of("a", [0.1] * 4)) == {}


def test_a_players_last_trial_of_a_drill_is_the_one_that_counts():
    found = pooled([*of("a", [9.0] * 5), *of("a", [0.1, 0.2, 0.3, 0.4, 0.5])])["a"]
    assert (found.players, found.effect) == (5, pytest.approx(0.3))


def test_one_drill_alone_is_pulled_towards_nothing_and_as_sure_as_its_trials_together():
    found = pooled(of("a", [0.3, 0.3, 0.3, 0.3, 0.3]))["a"]
    half = 1.6449 * 0.3 / 5**0.5
    assert (found.effect, found.low, found.high) == pytest.approx((0.3, 0.3 - half, 0.3 + half), abs=1e-4)
    assert found.document()["players"] == 5 and "drill" not in found.document()


def test_surer_trials_count_for_more():
    rows = [*of("a", [0.0] * 5, error=0.3), *of("a", [0.1] * 5, error=0.6, first=5)]
    assert pooled(rows)["a"].effect == pytest.approx(0.02)


def test_drills_that_chance_alone_tells_apart_are_all_the_same():
    found = pooled([*of("a", [0.28] * 5), *of("b", [0.32] * 5)])
    assert found["a"].effect == pytest.approx(found["b"].effect) == pytest.approx(0.3)
    half = 1.6449 * 0.3 / 10**0.5
    assert found["a"].high - found["a"].effect == pytest.approx(half, abs=1e-4), "as sure as all trials together"


def test_drills_that_differ_are_pulled_together_by_as_much_as_chance_explains():
    found = pooled([*of("a", [1.0] * 5), *of("b", [0.0] * 5)])
    assert 0.9 < found["a"].effect < 1.0 and 0.0 < found["b"].effect < 0.1
    assert found["a"].effect + found["b"].effect == pytest.approx(1.0)


def test_a_comparison_needs_five_players_whom_the_coin_gave_each_drill():
    def comparisons(count, *more):
        rows = [*of("a", [0.6] * 5, other="b"), *of("b", [0.1] * count, other="a", first=10), *more]
        return pooled(rows)["a"].experiments

    (against,) = comparisons(5)
    assert (against.other, against.players, against.players_other) == ("b", 5, 5)
    half = 1.6449 * (2 * 0.3**2 / 5) ** 0.5
    assert (against.difference, against.low, against.high) == pytest.approx((0.5, 0.5 - half, 0.5 + half), abs=1e-4)
    assert comparisons(4) == ()
    assert comparisons(4, *of("b", [0.1] * 9, first=20)) == (), "who chose it himself is no part of the experiment"
    assert comparisons(4, *of("b", [0.1] * 9, other="c", first=20)) == ()


def test_edited_plans_tell_of_what_was_given_first():
    assert given(plan([item("other")], edits=[[item("good")], [item("third")]])) == [item("good")]
    assert given(plan([item("other")])) == [item("other")]


def test_the_oldest_plan_tells_first():
    late, early = plan([item("good")]), replace(plan([item("good")], effect=0.1), made_at=NOW - timedelta(days=7))
    assert [one.effect for one in seen([late, early])] == [0.1, 0.5]


def test_a_drill_is_compared_with_each_that_the_coin_put_against_it_in_their_order():
    names = [f"d{number}" for number in range(6)]
    rows = []
    for place, other in enumerate(names):
        rows += of("a", [0.6] * 5, other=other, first=100 * place) + of(
            other, [0.1] * 5, other="a", first=100 * place + 50
        )
    assert [one.other for one in pooled(rows)["a"].experiments] == names


def test_a_drill_is_pulled_towards_all_the_more_the_less_drills_differ_for_its_own_error():
    found = pooled([*of("a", [0.0] * 5), *of("b", [1.0] * 5)])
    error = 0.3 / 5**0.5
    between = spread_between(np.array([0.0, 1.0]), np.full(2, error**2))
    own = between**2 / (between**2 + error**2)
    assert 0.5 < own < 0.99
    assert (found["a"].effect, found["b"].effect) == pytest.approx(((1 - own) / 2, (1 + own) / 2))


def test_a_drill_is_as_sure_as_its_own_share_and_all_drills_together():
    found = pooled([*of("a", [0.0] * 5), *of("b", [1.0] * 10, first=10)])
    errors = np.array([0.3 / 5**0.5, 0.3 / 10**0.5])
    between = spread_between(np.array([0.0, 1.0]), errors**2)
    weights, shares = 1 / (between**2 + errors**2), between**2 / (between**2 + errors**2)
    together = float(weights[1] / weights.sum())
    for one, own, share, error in zip((found["a"], found["b"]), (0.0, 1.0), shares, errors, strict=True):
        half = 1.6449 * (share * error**2 + (1 - share) ** 2 / weights.sum()) ** 0.5
        assert one.effect == pytest.approx(share * own + (1 - share) * together)
        assert (one.low, one.high) == pytest.approx((one.effect - half, one.effect + half), abs=1e-5)
    assert found["b"].document() == {
        "players": 10, "effect": found["b"].effect, "low": found["b"].low, "high": found["b"].high, "experiments": ()
    }  # fmt: skip


def test_players_for_whom_a_drill_does_different_things_are_told_less_surely():
    effects = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    found = pooled(of("a", effects, error=0.1))["a"]
    spread = spread_between(effects, np.full(5, 0.01))
    half = 1.6449 * ((spread**2 + 0.01) / 5) ** 0.5
    assert spread > 0.7 and (found.low, found.high) == pytest.approx((-half, half), abs=1e-4)
