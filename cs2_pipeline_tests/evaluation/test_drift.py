"""Drift: two samples of the same play do not differ, patches of the game do, and the alarm keeps its promise."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from cs2_pipeline.evaluation import drift
from cs2_pipeline.evaluation import drift as drift_module
from cs2_pipeline.evaluation.drift import FALSE_ALARM_RATE, UNSEEN_MAPS
from cs2_pipeline.stats import betting
from cs2_pipeline.stats.intervals import GroupBootstrap

BEFORE = datetime(2026, 2, 1, tzinfo=UTC)
RINGS = np.log(2 / FALSE_ALARM_RATE)


@pytest.fixture(scope="module")
def cuts(learnt):
    return drift.bins_of(learnt[0])


@pytest.fixture(scope="module")
def unchanged(learnt, patched, cuts):
    """Shares of all matches played by the rules the champion learnt."""
    return drift.shares(pd.concat([learnt[0], patched("none")]), cuts)


def some(shares, matches):
    of = {name: part[matches] for name, part in shares.of.items()}
    maps = shares.maps.iloc[matches].reset_index(drop=True)
    return replace(shares, started_at=shares.started_at[matches], of=of, maps=maps, ct_wins=shares.ct_wins[matches])


@pytest.mark.parametrize(
    ("patch", "feature"),
    [("shorter rounds", "round_time"), ("a poorer economy", "ct_"), ("a stronger T rifle", "t_money")],
)
def test_a_patch_rings_and_the_sentence_names_what_moved(learnt, patched, patch, feature):
    found = drift.compare(learnt[0], patched(patch), since=BEFORE)
    assert found.evidence.rings
    assert found.evidence.culprits[0].startswith(feature)
    assert found.evidence.culprits[0] in found.sentence
    assert found.psi.iloc[0]["psi_low"] > 0.1


def test_unchanged_play_does_not_ring_and_its_intervals_reach_nought(learnt, patched):
    found = drift.compare(learnt[0], patched("none"), since=BEFORE)
    assert not found.evidence.rings
    assert found.psi.set_index("feature").loc[["round_time", "ct_alive", "ct_equip_value"], "psi_low"].eq(0).all()
    assert found.unseen_maps.value == 0
    assert found.old_label_rate.low < found.new_label_rate.high
    assert found.new_label_rate.low < found.old_label_rate.high
    assert (found.old_matches, found.new_matches) == (200, 140)


def test_the_sampling_bias_of_the_psi_is_what_is_taken_away(unchanged):
    rng, tables = np.random.default_rng(0), []
    for _ in range(40):
        order = rng.permutation(len(unchanged.maps))
        tables.append(drift.psi_table(some(unchanged, order[:300]), some(unchanged, order[300:]), resamples=100))
    means = pd.concat(tables).groupby("feature")[["psi", "bias"]].mean()
    assert (means["psi"] < 0.7 * means["bias"]).all()
    assert means["bias"].max() > 0.02
    assert pd.concat(tables)["psi_low"].eq(0).mean() >= 0.95


def test_the_psi_of_a_known_shift_is_found_and_its_interval_holds_it(unchanged):
    old = np.tile([0.2, 0.8], (200, 1))
    rng, held = np.random.default_rng(0), 0
    for seed in range(40):
        share = np.clip(0.35 + rng.normal(0, 0.1, (2, 100)), 0, 1)
        truth = (0.35 - 0.2) * np.log(0.35 / 0.2) + (0.65 - 0.8) * np.log(0.65 / 0.8)
        new = np.column_stack([share[0], 1 - share[0]])
        before, now = (some(unchanged, np.arange(count)) for count in (200, 100))
        before, now = (replace(part, of=dict.fromkeys(part.of, values)) for part, values in ((before, old), (now, new)))
        row = drift.psi_table(before, now, seed=seed, resamples=200).iloc[0]
        held += row["psi_low"] <= truth <= row["psi_high"]
        assert row["psi"] == pytest.approx(truth, abs=0.05)
    assert held >= 35


def test_a_year_of_unchanged_play_rings_no_more_often_than_stated(unchanged, cuts):
    rng, years, matches, rung = np.random.default_rng(0), 40, 365 * 3, 0
    weeks = np.arange(matches) // 21
    for _ in range(years):
        before, now = (some(unchanged, rng.integers(0, len(unchanged.maps), count)) for count in (150, matches))
        path = betting.together(betting.log_wealth(drift.bets(before, now, cuts), weeks))
        rung += path.max() >= RINGS
    assert rung / years <= FALSE_ALARM_RATE


def test_maps_never_seen_ring_and_another_mix_of_known_ones_does_not(learnt, patched):
    old, new = learnt[0], patched("none")
    found = drift.compare(old, new.assign(map_name="de_tomorrow"), since=BEFORE)
    assert found.evidence.rings
    assert found.evidence.culprits[0] == UNSEEN_MAPS
    assert found.unseen_maps.value == 1
    assert not drift.compare(old, new.assign(map_name="de_mirage"), since=BEFORE).evidence.rings


def test_a_field_that_is_no_longer_recorded_rings(learnt, patched):
    found = drift.compare(learnt[0], patched("none").assign(ct_armor=np.nan), since=BEFORE)
    assert found.evidence.rings
    assert found.evidence.culprits[0] == "ct_armor missing more"


def test_bins_are_tenths_or_the_values_themselves_and_one_for_missing(cuts):
    assert cuts["bomb_planted"].labels == ("= 0", "= 1", "missing")
    assert cuts["bomb_planted"].of(np.array([0.0, 1.0, np.nan])).tolist() == [0, 1, 2]
    assert len(cuts["ct_money"].labels) == 11
    assert cuts["ct_money"].of(np.array([-1.0, 1e9])).tolist() == [0, 9]


def test_shares_of_a_match_add_up_and_each_match_counts_once(unchanged):
    assert len(unchanged.maps) == 340
    assert all(np.allclose(part.sum(axis=1), 1) for part in unchanged.of.values())


def test_rows_the_champion_may_have_learnt_from_and_too_few_to_compare_with_are_refused(learnt, patched):
    with pytest.raises(ValueError, match="may have been trained on"):
        drift.compare(learnt[0], learnt[0], since=BEFORE)
    with pytest.raises(ValueError, match="may have been trained on"):
        drift.compare(learnt[0], patched("none").assign(started_at=pd.Timestamp(BEFORE)), since=BEFORE)
    with pytest.raises(ValueError, match="at least two matches"):
        drift.compare(learnt[0][:1], patched("none"), since=BEFORE)


def made_up(matches, seed):
    """Shares of matches whose features are in one of two bins each."""
    rng = np.random.default_rng(seed)
    first = {name: rng.uniform(0.3, 0.7, matches) for name in drift_module.ROUND_FEATURES}
    return drift_module.Shares(
        pd.date_range("2026-01-01", periods=matches, tz="UTC"),
        {name: np.column_stack([share, 1 - share]) for name, share in first.items()},
        pd.Series(["de_nuke"] * matches),
        np.full(matches, 0.5),
        matches * 20,
    )


@pytest.mark.parametrize(("old", "new"), [(3, 40), (40, 3)])
def test_the_interval_of_a_psi_rests_on_the_smaller_number_of_matches(old, new, monkeypatch):
    asked = []
    whole = GroupBootstrap.interval

    def interval(self, draws, *, level=0.95, groups=None):
        asked.append(groups)
        return whole(self, draws, level=level, groups=groups)

    monkeypatch.setattr(GroupBootstrap, "interval", interval)
    drift_module.psi_table(made_up(old, 1), made_up(new, 2), resamples=50)
    assert asked == [3] * len(drift_module.ROUND_FEATURES)


def test_the_error_of_the_trainings_own_shares_widens_what_counts_as_drift():
    old, new = made_up(16, 1), made_up(5, 2)
    names = [name for name in drift_module.ROUND_FEATURES if name != drift_module._MAP]
    cuts = {name: drift_module.Bins(("low", "high"), np.array([0.5])) for name in names}
    against = drift_module.bets(old, new, cuts)
    share = np.concatenate([old.of[name] for name in names], axis=1)
    sure = norm.ppf(1 - drift_module.FALSE_ALARM_RATE / 2 / (4 * len(names)))
    slack = drift_module.TOLERANCE + sure * share.std(axis=0, ddof=1) / 4
    shifted = np.concatenate([new.of[name] for name in names], axis=1)
    assert against.payoffs[:, : 2 * len(names)] == pytest.approx(shifted - (share.mean(axis=0) + slack))


def test_up_to_eleven_values_are_a_bin_each_and_of_more_the_tenths_are():
    eleven = drift_module._cut(np.repeat(np.arange(11.0), 3))
    assert eleven.labels == (*(f"= {value}" for value in range(11)), "missing")
    assert eleven.of(np.array([0.0, 0.4, 0.5, 10.0, 99.0])).tolist() == [0, 0, 1, 10, 10]
    twelve = drift_module._cut(np.arange(12.0))
    assert len(twelve.labels) == 11
    assert twelve.labels[0].startswith("below ")
    assert twelve.labels[-2].startswith("from ")
    edge = twelve.edges[0]
    assert twelve.of(np.array([np.nextafter(edge, 0), edge])).tolist() == [0, 1]


def test_a_feature_never_recorded_has_one_bin_for_whatever_comes():
    only = drift_module._cut(np.array([]))
    assert only.of(np.array([3.0, np.nan])).tolist() == [0, 1]


def test_the_psi_is_the_sum_over_bins_of_the_move_times_its_logarithm():
    old, new = np.array([0.2, 0.8, 0.0]), np.array([0.5, 0.4, 0.1])
    expected = 0.3 * np.log(2.5) + 0.4 * np.log(2) + (0.1 - 1e-4) * np.log(1_000)
    assert drift_module._psi(old, new) == pytest.approx(expected)
    assert drift_module._psi(old, old) == 0


def test_what_chance_adds_to_the_psi_is_the_variances_of_both_mean_shares_over_the_share():
    old, new = np.array([[0.2, 0.8], [0.4, 0.6]]), np.array([[0.1, 0.9], [0.5, 0.5], [0.3, 0.7]])
    share = np.array([0.3, 0.7])
    noise = old.var(axis=0, ddof=1) / 2 + new.var(axis=0, ddof=1) / 3
    assert drift_module._bias(old, new) == pytest.approx((noise / share).sum())
    lone = (old.var(axis=0, ddof=1) / 2 + share * (1 - share)) / share
    assert drift_module._bias(old, np.array([[0.3, 0.7]])) == pytest.approx(lone.sum())


def test_a_bet_against_a_share_can_lose_all_that_may_be_lost_and_no_more():
    old, new = made_up(16, 1), made_up(5, 2)
    names = [name for name in drift_module.ROUND_FEATURES if name != drift_module._MAP]
    cuts = {name: drift_module.Bins(("low", "high"), np.array([0.5])) for name in names}
    against = drift_module.bets(old, replace(new, maps=pd.Series(["de_nuke"] * 4 + ["de_new"])), cuts)
    assert against.names[-1] == UNSEEN_MAPS
    assert against.payoffs[:, -1].tolist() == pytest.approx([-0.05] * 4 + [0.95])
    assert against.worst[-1] == 0.05
    assert against.names[0] == f"{names[0]} low more"
    assert against.names[2 * len(names)] == f"{names[0]} low less"
    both = against.payoffs[:, 0] + against.payoffs[:, 2 * len(names)]
    share, slack = old.of[names[0]][:, 0], -both / 2
    assert (slack > 0.05).all()
    assert against.worst[0] == pytest.approx(share.mean() + slack[0])
    assert against.worst[2 * len(names)] == pytest.approx(1 - share.mean() + slack[0])
