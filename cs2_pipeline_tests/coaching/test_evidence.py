"""What drills did over players: pooled, as wide as it must be, and compared only where a coin chose."""

from datetime import UTC, datetime

import numpy as np
import pytest

from cs2_pipeline.coaching.evidence import LEAST_PLAYERS, Seen, pooled
from cs2_pipeline.coaching.plans_followed import seen
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
