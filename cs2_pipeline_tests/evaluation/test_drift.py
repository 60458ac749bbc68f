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
from cs2_pipeline.evaluation.live_calibration import Evidence
from cs2_pipeline.game.state import ROUND_FIELDS
from cs2_pipeline.stats import betting
from cs2_pipeline.stats.intervals import GroupBootstrap, Interval

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


def played(match, day, *rounds, map_name="de_nuke", ct_wins=()):
    """A match's open states: for each round CT's money at each of its moments, and who won it (CT where not said)."""
    fresh = {field.name: 1.0 for field in ROUND_FIELDS if not field.text} | {"map_name": map_name}
    winners = [*ct_wins, *[1] * len(rounds)]
    started = pd.Timestamp(2026, 1, day, tz="UTC")
    return pd.DataFrame(
        [
            fresh | {"match_id": match, "round_id": number, "started_at": started, "ct_money": money, "ct_wins": won}
            for number, (moments, won) in enumerate(zip(rounds, winners, strict=False))
            for money in moments
        ]
    )


MONEY = drift.Bins(("little", "much", "missing"), np.array([200.0]))
LATER = played(1, 5, [100.0, 100.0, 200.0], [np.nan], ct_wins=[1, 0])
EARLIER = played(2, 3, [500.0], [100.0], [300.0], map_name=None)


def test_a_match_has_the_shares_of_its_moments_and_of_its_rounds_and_stands_at_its_time():
    both = pd.concat([LATER, EARLIER])
    found = drift.shares(both, drift.bins_of(both) | {"ct_money": MONEY})
    assert found.of["ct_money"].tolist() == [[1 / 3, 2 / 3, 0], [0.5, 0.25, 0.25]]
    assert found.ct_wins.tolist() == [1, 0.5], "a round counts once, however many moments it has"
    assert found.maps.tolist() == [None, "de_nuke"]
    assert [at.day for at in found.started_at] == [3, 5]


def test_matches_that_began_together_are_two_of_their_own():
    both = pd.concat([played(1, 5, [100.0]), played(2, 5, [300.0], ct_wins=[0])])
    found = drift.shares(both, drift.bins_of(both) | {"ct_money": MONEY})
    assert found.of["ct_money"].tolist() == [[1, 0, 0], [0, 1, 0]]
    assert found.ct_wins.tolist() == [1, 0]


def test_old_and_new_matches_are_counted_and_set_side_by_side():
    old = pd.concat([played(day, day, [100.0] * 2, [300.0]) for day in range(1, 5)])
    new = pd.concat([played(11, 11, [100.0], ct_wins=[0]), played(12, 12, [100.0], [300.0], map_name="de_tomorrow")])
    since = datetime(2026, 1, 4, tzinfo=UTC)
    found = drift.compare(old, new, since=since, seed=3)
    assert (found.old_matches, found.new_matches) == (4, 2)
    assert found.unseen_maps.value == 0.5
    assert (found.old_label_rate, found.new_label_rate.value) == (Interval(1, 1, 1), 0.5)
    assert found.new_label_rate.low < 0.5 < found.new_label_rate.high
    assert found.evidence.rate == FALSE_ALARM_RATE / 2
    assert [at.day for at in found.evidence.started_at] == [11, 12]
    cuts = drift.bins_of(old)
    before, now = drift.shares(old, cuts), drift.shares(new, cuts)
    pd.testing.assert_frame_equal(found.psi, drift.psi_table(before, now, seed=3))
    again = drift.compare(pd.concat([new, old]), new, since=since)
    assert again.unseen_maps.value == 0, "a map that was trained on is no news"


@pytest.mark.parametrize(("days", "compared"), [([1], False), ([1, 2], True)])
def test_two_old_matches_are_enough_to_compare_with(days, compared):
    old, new = pd.concat([played(day, day, [100.0]) for day in days]), played(9, 9, [100.0])
    if compared:
        assert drift.compare(old, new, since=datetime(2026, 1, 2, tzinfo=UTC)).old_matches == 2
        with pytest.raises(ValueError, match="at least two matches"):
            drift.compare(old, new[:0], since=datetime(2026, 1, 2, tzinfo=UTC))
    else:
        with pytest.raises(ValueError, match="at least two matches"):
            drift.compare(old, new, since=datetime(2026, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize("day", [1, 2])
def test_a_match_no_newer_than_the_champions_newest_is_refused_with_its_time(day):
    old = pd.concat([played(1, 1, [100.0]), played(2, 2, [100.0])])
    with pytest.raises(ValueError, match=r"from before 2026-01-02 00:00:00.+, which the champion may"):
        drift.compare(
            old, pd.concat([played(9, 9, [1.0]), played(8, day, [1.0])]), since=datetime(2026, 1, 2, tzinfo=UTC)
        )


def constant(share, matches):
    """Matches with the same share of every feature in its first bin, and the rest in its second."""
    whole = made_up(matches, 0)
    return replace(whole, of={name: np.tile([share, 1 - share], (matches, 1)) for name in whole.of})


def test_shares_that_do_not_vary_have_a_psi_without_bias_or_chance():
    table = drift.psi_table(constant(0.2, 6), constant(0.5, 4), resamples=20)
    psi = pytest.approx(0.3 * np.log(2.5) + 0.3 * np.log(1.6))
    assert table["psi"].tolist() == table["psi_low"].tolist() == table["psi_high"].tolist() == [psi] * len(table)
    assert table["bias"].tolist() == pytest.approx([0] * len(table))
    assert sorted(table["feature"]) == sorted(drift_module.ROUND_FEATURES)


def test_two_samples_of_the_same_matches_are_resampled_each_on_its_own():
    """Together they would never differ; a resample adds the samples' own bias to that of its own."""
    same = made_up(12, 1)
    table = drift.psi_table(same, same, seed=5, resamples=40).set_index("feature")
    assert (table["psi"] == 0).all() and (table["psi_low"] == 0).all()
    name = drift_module.ROUND_FEATURES[0]
    share, bias = same.of[name], drift_module._bias(same.of[name], same.of[name])
    old, new = (GroupBootstrap(np.arange(12), seed=seed, resamples=40) for seed in (5, 6))
    psi = [
        drift_module._psi(one @ share / 12, other @ share / 12)
        for one, other in zip(old.weights, new.weights, strict=True)
    ]
    resampled = new.interval(np.array([0.0, *(np.array(psi[1:]) - 2 * bias)]))
    assert table.loc[name, "bias"] == pytest.approx(bias)
    assert table.loc[name, "psi_high"] == pytest.approx(max(resampled.high, 0))
    assert table["psi_high"].max() > 0


def test_the_most_drifted_feature_stands_first_and_the_sentence_names_it_and_what_moved():
    old, new = constant(0.2, 6), constant(0.3, 4)
    moved = drift_module.ROUND_FEATURES[2]
    new.of[moved][:] = [0.5, 0.5]
    table = drift.psi_table(old, new, resamples=20)
    assert table.loc[0, "feature"] == moved and table["psi"].is_monotonic_decreasing
    one = Interval(0.5, 0.4, 0.6)
    quiet = Evidence(new.started_at, np.log([1.0, 2.0]), 0.005, ())
    top = f"largest PSI 0.416 [0.416, 0.416] ({moved})"
    assert drift.Drift(6, 1_234, table, one, one, one, quiet).sentence == (
        "no share of moments has surely moved by more than 0.05 in 1,234 matches: odds 2, the alarm rings at 200; "
        f"{top}"
    )
    loud = Evidence(new.started_at, np.log([1.0, 300.0]), 0.005, ("a more", "b more", "c less", "d less"))
    assert drift.Drift(6, 1_234, table, one, one, one, loud).sentence == (
        f"shares have moved by more than 0.05 in 1,234 matches: a more, b more, c less; odds 300, the alarm rings at "
        f"200; {top}"
    )


def test_a_share_that_was_all_or_nothing_can_only_shrink_or_grow():
    old, new = constant(1.0, 8), constant(0.4, 2)
    names = [name for name in drift_module.ROUND_FEATURES if name != drift_module._MAP]
    against = drift.bets(old, new, {name: drift.Bins(("all", "none"), np.array([0.5])) for name in names})
    bins = 2 * len(names)
    assert len(against.names) == 2 * bins + 1
    paid, worst = against.payoffs[0], against.worst
    assert paid[[0, 1]] == pytest.approx([0.4 - 1.0, 0.6 - 0.05]), "more: beyond 1 there is nothing"
    assert paid[[bins, bins + 1]] == pytest.approx([0.95 - 0.4, 0.0 - 0.6]), "less: below 0 neither"
    assert worst[[0, 1, bins, bins + 1]] == pytest.approx([1.0, 0.05, 0.05, 1.0])


def test_a_tenth_reaches_from_its_edge_to_the_next_and_few_values_are_parted_in_the_middle():
    tenths = drift_module._cut(np.arange(101.0))
    assert tenths.labels == (
        "below 10", "10 to 20", "20 to 30", "30 to 40", "40 to 50", "50 to 60", "60 to 70", "70 to 80", "80 to 90",
        "from 90", "missing",
    )  # fmt: skip
    assert tenths.edges.tolist() == pytest.approx(list(range(10, 100, 10)))
    few = drift_module._cut(np.array([0.0, 3.0, 3.0, 10.0]))
    assert (few.labels, few.edges.tolist()) == (("= 0", "= 3", "= 10", "missing"), [1.5, 6.5])
    often = drift_module._cut(np.r_[np.zeros(70), np.arange(1.0, 31)])
    assert often.labels[0] == "below 0" and len(often.edges) == 4, "tenths that are one value are one bin"


def test_bins_are_cut_by_what_is_known():
    cuts = drift.bins_of(pd.concat([LATER, EARLIER]))
    assert cuts["ct_money"].labels == ("= 100", "= 200", "= 300", "= 500", "missing")
    assert cuts["t_money"].labels == ("= 1", "missing")
