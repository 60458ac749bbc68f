import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.evaluation import slices
from cs2_pipeline.evaluation import slices as slices_module
from cs2_pipeline.evaluation.domain import state_features, states_of
from cs2_pipeline.stats.intervals import GroupBootstrap
from cs2_pipeline_tests.evaluation.play import fair_price, whole_rounds


def moments(**changes):
    """Snapshots of one state each, all like a fresh round but for the columns given."""
    size = max(len(values) for values in changes.values())
    fresh = {
        "ct_alive": 5, "t_alive": 5, "bomb_planted": 0, "time_remaining": 100.0, "ct_equip_value": 20_000.0,
        "t_equip_value": 20_000.0, "ct_wins": 1, "map_name": "de_nuke",
    }  # fmt: skip
    frame = pd.DataFrame({name: [value] * size for name, value in fresh.items()})
    frame["match_id"] = frame["round_id"] = np.arange(size)
    return frame.assign(**changes)


def test_phases_are_told_from_the_state():
    frame = moments(
        ct_alive=[5, 5, 4, 3, 1, 1],
        t_alive=[5, 5, 5, 3, 3, 1],
        bomb_planted=[0, 0, 0, 1, 0, 1],
        time_remaining=[115.0, 90.0, 90.0, 30.0, 40.0, 20.0],
    )
    found = {name: np.flatnonzero(mask).tolist() for name, mask in slices.phase_masks(frame).items()}
    assert found == {"freeze end": [0], "mid-round": [1, 2], "bomb down": [3, 5], "clutch": [4, 5]}


def test_where_the_moment_is_known_it_says_when_the_freeze_ended():
    frame = moments(time_remaining=[105.0, 95.0], moment=["freeze_end", "interval"])
    assert slices.phase_masks(frame)["freeze end"].tolist() == [True, False]


def test_equipment_is_judged_by_what_each_living_player_carries():
    found = slices.equipment_class([5_000, 5_000, 20_000, 20_000, 0, 2_000], [5, 2, 5, 0, 0, 1])
    assert found.tolist() == ["eco", "half buy", "full buy", "full buy", "eco", "half buy"]


def test_every_row_is_in_exactly_one_slice_of_map_alive_difference_and_equipment():
    rounds = whole_rounds(0, matches=10)
    table = slices.round_slices(rounds, np.full(len(rounds), 0.5), resamples=20)
    for kind in ("map", "CT alive minus T alive", "equipment"):
        assert table.loc[table["slice"] == kind, "rows"].sum() == len(rounds)


def test_the_last_seconds_of_either_clock_are_slices_of_their_own():
    rounds = whole_rounds(0, matches=6)
    rounds["time_remaining"] = np.resize([115.0, 20.0, 20.1, 5.0, 4.9, 2.0, 0.5], len(rounds))
    rounds["bomb_planted"] = np.resize([0, 0, 1], len(rounds))
    table = slices.round_slices(rounds, np.full(len(rounds), 0.5))
    for kind, planted in (("seconds left, no bomb", 0), ("seconds left, bomb down", 1)):
        left = rounds.loc[rounds["bomb_planted"] == planted, "time_remaining"]
        found = table[table["slice"] == kind].set_index("value")["rows"].to_dict()
        assert found == {
            "0 to 2": int((left <= 2).sum()),
            "2 to 5": int(((left > 2) & (left <= 5)).sum()),
            "10 to 20": int((left == 20).sum()),
        }


def test_a_slice_has_the_numbers_of_its_rows():
    frame = moments(ct_wins=[1, 0, 1, 1], map_name=["de_nuke", "de_nuke", "de_mirage", None])
    frame["round_id"] = [1, 1, 2, 3]
    frame["match_id"] = [1, 1, 1, 2]
    table = slices.round_slices(frame, [0.6, 0.8, 0.5, 0.9], resamples=20).set_index(["slice", "value"])
    nuke = table.loc[("map", "de_nuke")]
    assert (nuke["rows"], nuke["rounds"], nuke["matches"]) == (2, 1, 1)
    assert nuke["mean_prediction"] == pytest.approx(0.7)
    assert nuke["mean_outcome"] == pytest.approx(0.5)
    assert nuke["gap"] == pytest.approx(0.2)
    assert nuke["log_loss"] == pytest.approx(-(np.log(0.6) + np.log(0.2)) / 2)
    assert np.isinf([nuke["gap_low"], nuke["gap_high"]]).all(), "one match is no measure of chance"
    assert ("map", "unknown") in table.index


def test_the_gap_of_true_probabilities_lies_within_its_interval_in_nearly_every_slice():
    rounds = whole_rounds(1, matches=100)
    table = slices.round_slices(rounds, fair_price(state_features(states_of(rounds))))
    assert ((table["gap_low"] <= 0) & (table["gap_high"] >= 0)).mean() > 0.9


def test_a_fault_on_one_map_shows_in_its_slice_alone():
    rounds = whole_rounds(1, matches=100)
    price = fair_price(state_features(states_of(rounds)))
    wrong = np.where(rounds["map_name"] == "de_nuke", np.minimum(price + 0.08, 0.99), price)
    maps = slices.round_slices(rounds, wrong).query("slice == 'map'").set_index("value")
    assert maps.loc["de_nuke", "gap_low"] > 0.02
    assert maps.loc["de_mirage", "gap_low"] < 0 < maps.loc["de_mirage", "gap_high"]


def test_players_are_sliced_by_tier_and_rounds_seen():
    rng = np.random.default_rng(0)
    players = pd.DataFrame({"steam_id": np.arange(300).astype(str), "tier": rng.integers(0, 4, 300)})
    players["total_rounds"] = rng.integers(20, 600, 300)
    table = slices.player_slices(players, np.full((300, 4), 0.25), resamples=50)
    assert table.index.tolist() == list(range(4 * (1 + 3)))
    everybody = table[table["value"] == "all"]
    assert everybody["players"].tolist() == [300] * 4
    assert everybody["gap"].sum() == pytest.approx(0)


def test_every_gap_has_an_interval_of_99_percent_by_the_matches_of_its_slice(monkeypatch):
    asked = []
    whole = GroupBootstrap.interval

    def interval(self, draws, *, level=0.95, groups=None):
        asked.append((level, groups))
        return whole(self, draws, level=level, groups=groups)

    monkeypatch.setattr(GroupBootstrap, "interval", interval)
    snapshots = whole_rounds(3, matches=10)
    found = slices_module.round_slices(snapshots, np.full(len(snapshots), 0.5), resamples=50)
    assert [level for level, _ in asked] == [0.99] * len(found)
    assert [groups for _, groups in asked] == found["matches"].tolist()


def test_a_clutch_is_a_side_down_to_one_and_a_fresh_round_has_its_whole_clock():
    frame = moments(
        ct_alive=[3, 1, 2, 0, 5, 5, 4],
        t_alive=[1, 3, 2, 3, 5, 5, 5],
        time_remaining=[60.0, 60.0, 60.0, 60.0, 115.0, 114.9, 115.0],
    )
    found = {name: np.flatnonzero(mask).tolist() for name, mask in slices.phase_masks(frame).items()}
    assert found == {"freeze end": [4], "mid-round": [2, 3, 5, 6], "bomb down": [], "clutch": [0, 1]}


@pytest.mark.parametrize(
    ("each", "named"), [(1_499, "eco"), (1_500, "half buy"), (3_499, "half buy"), (3_500, "full buy")]
)
def test_classes_of_equipment_begin_at_1500_and_3500_dollars_a_living_player(each, named):
    assert slices.equipment_class([each * 4], [4]).tolist() == [named]


def test_differences_of_three_and_more_living_players_are_one_slice_on_either_side():
    frame = moments(ct_alive=[5, 4, 5, 1, 1, 2, 3], t_alive=[1, 1, 4, 5, 4, 2, 5])
    table = slices.round_slices(frame, np.full(7, 0.5), resamples=5)
    found = table[table["slice"] == "CT alive minus T alive"].set_index("value")["rows"].to_dict()
    assert found == {"-3 or less": 2, "-2": 1, "+0": 1, "+1": 1, "+3 or more": 2}


def test_a_clock_that_has_run_out_is_in_no_slice_of_the_last_seconds():
    frame = moments(time_remaining=[0.0, 0.1, 2.0, 2.1, 10.0, 10.1, 20.0, 20.1])
    table = slices.round_slices(frame, np.full(8, 0.5), resamples=5)
    found = table[table["slice"] == "seconds left, no bomb"].set_index("value")["rows"].to_dict()
    assert found == {"0 to 2": 2, "2 to 5": 1, "5 to 10": 1, "10 to 20": 2}


def test_players_are_parted_at_100_and_300_rounds():
    players = pd.DataFrame({"steam_id": list("abcdef"), "tier": [0, 1, 2, 3, 0, 0]})
    players["total_rounds"] = [99, 100, 299, 300, 5, 1_000]
    table = slices.player_slices(players, np.full((6, 4), 0.25), resamples=5)
    beginners = table[table["slice"].str.startswith("tier Beginner")].set_index("value")
    assert beginners["rows"].to_dict() == {"all": 6, "100 to 299": 2, "300 and more": 2, "under 100": 2}
    assert beginners["mean_outcome"].to_dict() == {"all": 0.5, "100 to 299": 0.0, "300 and more": 0.5, "under 100": 1.0}
    assert (beginners["mean_prediction"] == 0.25).all()


def test_halves_are_the_earlier_and_the_later_rows_the_middle_one_counting_as_earlier():
    outcome, probability = np.array([1, 0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    table = slices.halves(np.arange(5), outcome, probability, unit="matches", seed=0, resamples=5)
    assert table[["slice", "value", "rows", "matches"]].to_numpy().tolist() == [
        ["all", "all", 5, 5], ["time", "earlier half", 3, 3], ["time", "later half", 2, 2],
    ]  # fmt: skip
    assert table["gap"].tolist() == pytest.approx([-0.3, 0.2 - 1 / 3, -0.55])


def test_a_resample_without_a_row_of_the_slice_says_nothing_of_it():
    """Two matches, each a map of its own: half of the resamples hold none of it, and its gap never varies."""
    frame = moments(map_name=["de_nuke", "de_train"], ct_wins=[1, 0])
    frame["match_id"] = [1, 2]
    table = slices.round_slices(pd.concat([frame] * 5), np.full(10, 0.6), resamples=50).query("slice == 'map'")
    assert table["gap"].tolist() == pytest.approx([-0.4, 0.6])
    assert np.isinf(table["gap_low"]).all()
    assert table["matches"].tolist() == [1, 1]


def test_equipment_of_both_sides_is_one_slice():
    frame = moments(
        ct_alive=[4, 5], t_alive=[5, 2], ct_equip_value=[2_000.0, 20_000.0], t_equip_value=[25_000.0, 6_000.0]
    )
    table = slices.round_slices(frame, [0.5, 0.5], resamples=5)
    assert table.loc[table["slice"] == "equipment", ["value", "rows"]].to_numpy().tolist() == [
        ["CT eco, T full buy", 1], ["CT full buy, T half buy", 1],
    ]  # fmt: skip


def test_slices_stand_in_the_order_of_their_kinds_and_a_tiers_in_that_of_rounds_seen():
    frame = moments(time_remaining=[115.0, 1.0], map_name=["de_train", "de_nuke"])
    found = slices.round_slices(frame, [0.5, 0.5], resamples=5)[["slice", "value"]].to_numpy().tolist()
    assert found == [
        ["map", "de_nuke"], ["map", "de_train"], ["phase", "freeze end"], ["phase", "mid-round"],
        ["CT alive minus T alive", "+0"], ["equipment", "CT full buy, T full buy"], ["seconds left, no bomb", "0 to 2"],
    ]  # fmt: skip
    players = pd.DataFrame({"steam_id": ["a", "b"], "tier": [0, 3], "total_rounds": [5, 500]})
    table = slices.player_slices(players, np.tile([0.4, 0.3, 0.2, 0.1], (2, 1)), resamples=5)
    assert table.columns.tolist()[:4] == ["slice", "value", "rows", "players"]
    assert table[["slice", "value"]].to_numpy().tolist()[:4] == [
        ["tier Beginner, all players", "all"], ["tier Beginner, rounds seen", "300 and more"],
        ["tier Beginner, rounds seen", "under 100"],
        ["tier Intermediate, all players", "all"],
    ]  # fmt: skip
    assert table.groupby("slice", sort=False)["mean_prediction"].first()[::2].tolist() == pytest.approx(
        [0.4, 0.3, 0.2, 0.1]
    )
