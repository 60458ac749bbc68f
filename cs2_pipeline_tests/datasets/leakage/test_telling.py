"""Whether one feature, a row's place or all features together tell the label, and where the limits lie."""

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.datasets.leakage import telling
from cs2_pipeline.game.player import tier_of
from cs2_pipeline_tests.datasets.leakage.tables import audited

GROUPS, EACH = 400, 4
MATCH = np.repeat(np.arange(GROUPS), EACH)


def random():
    return np.random.default_rng(3)


def table(sure=0.0, **more):
    """Rows of which a share is told by the feature ``value``, and none by ``noise``."""
    label = random().integers(0, 2, MATCH.size)
    told = random().random(MATCH.size) < sure
    value = np.where(told, label, random().random(MATCH.size))
    columns = {"match_id": random().permutation(GROUPS)[MATCH], "ct_wins": label, "value": value}
    return audited(columns | {"noise": random().normal(size=MATCH.size)} | more, unit=None)


def test_a_feature_that_tells_more_than_a_model_of_all_is_named_with_the_limit():
    found = telling.telling_round_features(table(sure=1.0))
    assert (found.check, found.severity) == ("a", "fail")
    assert found.numbers["AUC of value"] == 1
    assert found.numbers["AUC of noise"] == pytest.approx(0.5, abs=0.06)
    assert found.numbers["limit"] == 0.864
    assert found.sentence == (
        "The most telling feature alone is value, with AUC 1.000 on unseen groups; value tell more than the best "
        "published model reaches with all of them (0.864): they know the outcome."
    )


def test_a_feature_that_tells_less_passes():
    found = telling.telling_round_features(table(sure=0.5))
    assert found.severity == "pass"
    assert found.sentence.startswith("The most telling feature alone is value, with AUC 0.")
    assert found.sentence.endswith("; the best published model reaches with all of them is 0.864.")


@pytest.mark.parametrize(("groups", "severity"), [(400, "fail"), (20, "pass")])
def test_a_limit_is_passed_surely_or_not_at_all(groups, severity):
    """Three standard errors beyond .864: of 20 groups they make .2, of 400 .05."""
    each = MATCH.size // groups
    found = telling.telling_round_features(table(sure=0.75, match_id=np.repeat(np.arange(groups), each)))
    assert 0.92 < found.numbers["AUC of value"] < 0.97
    assert found.severity == severity


def test_a_table_sorted_by_its_outcome_is_told_by_the_row_number_and_by_its_keys():
    frame = table().frame.sort_values("ct_wins", kind="stable", ignore_index=True)
    found = telling.telling_position(audited(frame.assign(round_id=np.arange(len(frame)) // 2), unit=None))
    assert found.severity == "fail"
    assert found.numbers["AUC of row number"] > 0.99
    assert found.numbers["AUC of round_id"] > 0.99
    assert found.numbers["AUC of match_id"] < 0.7
    assert found.numbers["limit"] == 0.6
    assert "drift at most 0.6: the table is ordered by its outcome. Sort it by time." in found.sentence
    assert "AUC of steam_id" not in found.numbers


def test_a_table_in_the_order_of_time_is_not_told_by_its_place():
    found = telling.telling_position(table(steam_id=np.arange(MATCH.size)))
    assert found.severity == "pass"
    assert set(found.numbers) == {"AUC of row number", "AUC of match_id", "AUC of steam_id", "limit"}
    assert found.sentence.endswith("; drift may give 0.6.")


def test_labels_that_follow_from_the_features_are_found_and_counted():
    found = telling.certain_labels(table(sure=1.0))
    assert (found.check, found.severity) == ("f", "fail")
    assert found.numbers["share of rows a shallow tree is certain of"] == 1
    assert found.numbers["share of those it is right about"] == 1
    assert found.numbers["accuracy"] == 1
    assert found.sentence == (
        "A tree of 16 leaves is certain of 100.0% of the labels of unseen groups and right about 100.0% of those: the "
        "features hold the outcome."
    )
    open_states = telling.certain_labels(table())
    assert open_states.severity == "pass"
    assert open_states.numbers["limit"] == 0.1
    assert open_states.sentence.endswith(".")


@pytest.mark.parametrize(("share", "severity"), [(0.08, "pass"), (0.4, "fail")])
def test_a_tenth_of_the_labels_may_be_certain(share, severity):
    random_value = random().random(MATCH.size)
    label = random().integers(0, 2, MATCH.size)
    known = random().random(MATCH.size) < share
    value = np.where(known, 2.0 + label, random_value)
    found = telling.certain_labels(table(ct_wins=label, value=value))
    assert found.numbers["share of rows a shallow tree is certain of"] == pytest.approx(share, abs=0.04)
    assert found.severity == severity


def test_a_tree_that_is_certain_and_often_wrong_knows_nothing():
    """Half of the groups follow the feature, the other half its opposite: certain of what it saw, wrong elsewhere."""
    label = random().integers(0, 2, MATCH.size)
    fold = np.random.default_rng(0).permutation(GROUPS)[MATCH] % 2
    found = telling.certain_labels(table(match_id=MATCH, ct_wins=label, value=label ^ fold))
    assert found.numbers["share of rows a shallow tree is certain of"] == 1
    assert found.numbers["share of those it is right about"] == 0
    assert found.severity == "pass"


def players(kills=10_000, tier=None, **more):
    """Players whose later K/D rests on so many kills; deaths follow from their strength."""
    kd = np.exp(random().normal(0, 0.4, GROUPS))
    counts = {"later_kills": float(kills), "later_deaths": np.round(kills / kd)}
    tier = [tier_of(one) for one in kd] if tier is None else tier
    columns = {"steam_id": np.arange(GROUPS), "kd_ratio": kd, "tier": tier, **counts}
    kept = tuple(name for name in ("steam_id", *counts))
    return audited(columns | more, label="tier", group="steam_id", unit=None, bookkeeping=kept)


def test_a_tier_cut_from_the_features_is_told_by_the_sampling_error_it_should_have():
    few = telling.computable_tier(players(kills=40))
    assert (few.check, few.severity) == ("f", "fail")
    assert few.numbers["tier of the K/D among the features equals the label"] == 1
    assert few.numbers["accuracy of a shallow tree"] > 0.9
    assert 0.5 < few.numbers["limit"] < 0.8
    assert few.sentence.endswith(": the label is cut from the features.")
    drawn = random().integers(0, 4, GROUPS)
    honest = telling.computable_tier(players(kills=40, tier=drawn))
    assert honest.severity == "pass"
    assert honest.numbers["tier of the K/D among the features equals the label"] < 0.5


def test_the_more_kills_a_label_rests_on_the_more_of_it_can_be_foretold():
    limits = [telling.computable_tier(players(kills)).numbers["limit"] for kills in (10, 100, 1_000, 100_000)]
    assert limits == sorted(limits)
    assert limits[-1] > 0.98
    assert limits[0] < 0.6


def test_the_ceiling_is_how_often_a_poisson_draw_stays_in_its_tier():
    """1.0 is a cut: drawn anew around it, a K/D of 1 stays at or above it about half the time, less what passes 1.5."""
    same = players(100, **{"later_kills": 100.0, "later_deaths": 100.0})
    stays = 0.5 - 0.0021  # P(log K/D in [0, log 1.5]) at a deviation of sqrt(.02)
    assert telling.computable_tier(same).numbers["limit"] == pytest.approx(stays, abs=0.06)
    none = telling.computable_tier(players(100, **{"later_kills": 0.0, "later_deaths": 0.0}))
    assert none.numbers["limit"] == pytest.approx(0.113, abs=0.04), "counts of nothing are read as one"


def test_a_table_that_does_not_say_what_its_labels_rest_on_may_tell_98_of_100():
    frame = players().frame.drop(columns="later_kills")
    table = audited(frame, label="tier", group="steam_id", unit=None, bookkeeping=("steam_id", "later_deaths"))
    assert telling.computable_tier(table).numbers["limit"] == 0.98
    without = audited(frame.drop(columns="kd_ratio").assign(x=1), label="tier", group="steam_id", unit=None)
    assert np.isnan(telling.computable_tier(without).numbers["tier of the K/D among the features equals the label"])


def test_a_players_feature_may_tell_no_more_tiers_than_anyone_could():
    found = telling.telling_player_features(players(kills=40))
    assert (found.check, found.severity) == ("a", "fail")
    assert found.numbers["accuracy of kd_ratio"] > 0.9
    assert "kd_ratio tell more than the labels' own sampling error leaves to anyone" in found.sentence
    honest = telling.telling_player_features(players(kills=40, tier=random().integers(0, 4, GROUPS)))
    assert honest.severity == "pass"
    assert pd.Series(honest.numbers)["accuracy of kd_ratio"] < 0.5


@pytest.mark.parametrize(("groups", "severity"), [(400, "fail"), (8, "pass")])
def test_a_place_and_certain_labels_are_passed_surely_or_not_at_all(groups, severity):
    """The same values, of many matches or of few."""
    each = MATCH.size // groups
    label = random().integers(0, 2, MATCH.size)
    order = np.argsort(label + random().normal(0, 0.9, MATCH.size), kind="stable")
    match = np.repeat(np.arange(groups), each)
    found = telling.telling_position(audited({"match_id": match, "ct_wins": label[order], "value": 0.0}, unit=None))
    assert 0.65 < found.numbers["AUC of row number"] < 0.85
    known = random().random(MATCH.size) < 0.25
    value = np.where(known, 2.0 + label, random().random(MATCH.size))
    certain = telling.certain_labels(audited({"match_id": match, "ct_wins": label, "value": value}, unit=None))
    assert certain.numbers["share of rows a shallow tree is certain of"] == pytest.approx(0.25, abs=0.05)
    assert (found.severity, certain.severity) == (severity, severity)


@pytest.mark.parametrize(("count", "severity"), [(6, "pass"), (400, "fail")])
def test_a_tree_that_beats_the_ceiling_by_little_must_do_so_on_many_players(count, severity):
    """The labels rest on 150 kills; nine of ten follow from the feature."""
    whole = players(kills=150).frame
    wrong = random().random(GROUPS) < 0.04
    some = whole.assign(
        tier=np.where(wrong, (whole["tier"] + 1) % 4, whole["tier"]), steam_id=np.arange(GROUPS) % count
    )
    kept = ("steam_id", "later_kills", "later_deaths")
    found = telling.computable_tier(audited(some, label="tier", group="steam_id", unit=None, bookkeeping=kept))
    assert 0.05 < found.numbers["accuracy of a shallow tree"] - found.numbers["limit"] < 0.25
    assert found.severity == severity
