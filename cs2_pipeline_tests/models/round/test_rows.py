"""What each part of the round model's training may see."""

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.game.features import OPTIONAL_ROUND_FEATURES, ROUND_FEATURES
from cs2_pipeline.models.round import rows
from cs2_pipeline.models.round.rows import EMPHASIS, NO_FOLD, PRIOR, Rows
from cs2_pipeline.models.training import TrainingError


def with_prior(dataset: pd.DataFrame) -> pd.DataFrame:
    """Every other match is of another game."""
    prior = (dataset["match_id"] % 2 == 0) & (dataset["part"] != "test")
    return dataset.assign(part=dataset["part"].mask(prior, PRIOR))


def test_only_the_own_game_is_judged_and_both_are_taught(round_dataset: pd.DataFrame) -> None:
    mixed = with_prior(round_dataset)
    data = Rows.of(mixed, seed=0)
    own = mixed[~mixed["part"].isin(["test", PRIOR])]
    assert len(data.judged) == len(own) == len(np.unique(data.judged))
    np.testing.assert_array_equal(data.outcome[data.judged], own["ct_wins"])
    assert len(data.taught) == len(data.outcome)


def test_rows_of_the_own_game_count_more_and_stay_in_one_fold(round_dataset: pd.DataFrame) -> None:
    mixed = with_prior(round_dataset)
    data = Rows.of(mixed, seed=0)
    own, other = (mixed["part"] != "test") & (mixed["part"] != PRIOR), mixed["part"] == PRIOR
    assert len(data.outcome) == EMPHASIS * own.sum() + other.sum()
    folds = pd.Series(data.fold).groupby(data.match).nunique()
    assert (folds == 1).all()
    goes_on = data.following >= 0
    np.testing.assert_array_equal(data.match[goes_on], data.match[data.following[goes_on]])
    np.testing.assert_array_equal(data.outcome[goes_on], data.outcome[data.following[goes_on]])


def test_without_another_game_nothing_is_repeated(round_dataset: pd.DataFrame) -> None:
    assert len(Rows.of(round_dataset, seed=0).outcome) == (round_dataset["part"] != "test").sum()


def test_each_row_is_followed_by_the_next_moment_of_its_round_and_the_last_by_the_outcome(
    round_dataset: pd.DataFrame,
) -> None:
    data = Rows.of(round_dataset, seed=0)
    rounds = round_dataset.loc[round_dataset["part"] != "test", "round_id"].to_numpy()
    last = np.append(rounds[:-1] != rounds[1:], True)
    assert (data.following[last] == -1).all()
    np.testing.assert_array_equal(data.following[~last], np.flatnonzero(~last) + 1)
    price = np.linspace(0.1, 0.9, len(rounds))
    said = data.next_of(price)
    np.testing.assert_array_equal(said[last], data.outcome[last])
    np.testing.assert_array_equal(said[~last], price[1:][~last[:-1]])


def test_matches_are_dealt_evenly_into_five_folds(round_dataset: pd.DataFrame) -> None:
    data = Rows.of(round_dataset, seed=0)
    matches = pd.Series(data.match).groupby(data.fold).nunique()
    assert matches.index.tolist() == [0, 1, 2, 3, 4]
    assert matches.max() - matches.min() <= 1
    assert data.matches == matches.sum()
    left = data.without(2, np.random.default_rng(0))
    assert set(data.fold[left]) == {0, 1, 3, 4}
    assert len(data.without(NO_FOLD, np.random.default_rng(0))) == len(data.outcome)


def test_a_row_may_be_shown_with_all_none_or_some_of_its_optional_inputs(round_dataset: pd.DataFrame) -> None:
    data, random = Rows.of(round_dataset, seed=0), np.random.default_rng(0)
    rows = np.arange(400)
    np.testing.assert_array_equal(data.shown(rows, random, none=0.0, some=0.0), data.features[:400])
    np.testing.assert_array_equal(data.shown(rows, random, none=1.0, some=0.0), data.hidden[:400])
    some = data.shown(rows, random, none=0.0, some=1.0)
    required = len(ROUND_FEATURES) - len(OPTIONAL_ROUND_FEATURES)
    np.testing.assert_array_equal(some[:, :required], data.features[:400, :required])
    learned = [place for place, name in enumerate(ROUND_FEATURES) if name in ("ct_health", "t_armor", "ct_helmets")]
    assert np.isnan(some[:, learned]).mean() == np.clip(np.isnan(some[:, learned]).mean(), 0.4, 0.6)


def test_a_probe_is_spread_over_the_table_every_other_row_without_its_optional_inputs(
    round_dataset: pd.DataFrame,
) -> None:
    data = Rows.of(round_dataset, seed=0)
    probe = data.probe(5)
    chosen = np.linspace(0, len(data.features) - 1, 5).astype(int)
    np.testing.assert_array_equal(probe[::2], data.features[chosen[::2]])
    np.testing.assert_array_equal(probe[1::2], data.hidden[chosen[1::2]])


def test_an_input_that_never_varies_is_missing_in_both_views(round_dataset: pd.DataFrame) -> None:
    data = Rows.of(round_dataset, seed=0)
    assert data.unlearned == ("ct_defuse_kits",), "one kit each: the dataset's only input without a second value"
    assert np.isnan(data.features[:, ROUND_FEATURES.index("ct_defuse_kits")]).all()


@pytest.mark.parametrize(("matches", "enough"), [(9, False), (10, True)])
def test_ten_matches_before_the_test_part_are_enough(round_dataset: pd.DataFrame, matches: int, enough: bool) -> None:
    few = round_dataset[(round_dataset["match_id"] < matches)].assign(part="train")
    if enough:
        assert Rows.of(few, seed=0).matches == 10
    else:
        with pytest.raises(TrainingError, match="has 9 matches before its test part; training needs 10"):
            Rows.of(few, seed=0)


def test_a_dataset_that_cannot_be_learned_from_is_refused_with_what_is_wrong(round_dataset: pd.DataFrame) -> None:
    holed = round_dataset.astype({"ct_money": float})
    holed.loc[[3, 5], "ct_money"] = np.nan
    one = round_dataset.astype({"ct_money": float})
    one.loc[3, "ct_money"] = np.nan
    for wrong, told in (
        (
            round_dataset.drop(columns="map_index"),
            "the round dataset has no column map_index: build it again with datasets.rounds$",
        ),
        (holed, "the round dataset's column ct_money is missing in 2 rows: snapshots must carry every required field$"),
        (one, "the round dataset's column ct_money is missing in 1 row:"),
        (round_dataset.assign(ct_wins=1), "CT wins every round"),
        (round_dataset.assign(ct_wins=0), "T wins every round"),
    ):
        with pytest.raises(TrainingError, match=f"^{told}"):
            Rows.of(wrong, seed=0)


def test_of_a_large_table_each_part_of_the_training_sees_its_share(
    round_dataset: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fits a random share without repeats; judges and teaches on rows spread from the first to the last."""
    for name, most in (("FITTED_ROWS", 300), ("JUDGED_ROWS", 200), ("WATCHED_ROWS", 50)):
        monkeypatch.setattr(rows, name, most)
    data, own = Rows.of(with_prior(round_dataset), seed=0), Rows.of(round_dataset, seed=0)
    fitted = data.without(2, np.random.default_rng(0))
    assert len(fitted) == 300 and (np.diff(fitted) > 0).all() and 2 not in data.fold[fitted]
    assert (fitted != data.without(2, np.random.default_rng(1))).any()
    assert (len(data.judged), len(data.taught), len(data.watched)) == (200, 200, 50)
    for chosen, table in ((data.taught, data), (own.judged, own)):
        assert (chosen[0], chosen[-1]) == (0, len(table.outcome) - 1)
        assert np.ptp(np.diff(chosen)) <= 1
    assert set(data.watched) <= set(data.judged)
    np.testing.assert_array_equal(data.judged_views[0], data.features[data.judged])
    np.testing.assert_array_equal(data.taught_views[1], data.hidden[data.taught])


def test_the_loss_of_a_logit_is_bounded_by_how_certain_a_price_may_be(round_dataset: pd.DataFrame) -> None:
    data = Rows.of(round_dataset, seed=0)
    won, lost = (np.flatnonzero(data.outcome == outcome)[:7] for outcome in (1, 0))
    assert data.loss_of(np.full(7, 50.0), won) == pytest.approx(-np.log(1 - 1e-4))
    assert data.loss_of(np.full(7, 50.0), lost) == pytest.approx(-np.log(1e-4))
    assert data.loss_of(np.zeros(7), lost) == pytest.approx(np.log(2))
