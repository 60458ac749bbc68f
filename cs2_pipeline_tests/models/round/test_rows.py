"""What each part of the round model's training may see."""

import numpy as np
import pandas as pd

from cs2_pipeline.models.round.rows import EMPHASIS, PRIOR, Rows


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
