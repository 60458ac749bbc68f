"""P(CT) as it is served: decided states are certain, open ones never."""

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.artifact.artifact import Artifact
from cs2_pipeline.game.features import ROUND_FEATURES, round_features
from cs2_pipeline.game.state import REQUIRED_ROUND_FIELDS, decided_winner
from cs2_pipeline.models.round import predictor
from cs2_pipeline.models.round.inputs import SIGNS
from cs2_pipeline.models.round.probability import decided_outcomes, predict_states

STATE = dict(zip(REQUIRED_ROUND_FIELDS, (3, 2, 12_000, 9_000, 2_000, 3_000, 0, 60.0, 4, 5), strict=True))


@pytest.fixture(scope="module")
def artifact(round_dataset: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return predictor.train(round_dataset, seed=1, folder=tmp_path_factory.mktemp("model")).artifact


def row(**changes: float) -> np.ndarray:
    return np.array([round_features(STATE | changes)], np.float32)


@pytest.mark.parametrize(
    ("changes", "probability"),
    [
        ({"t_alive": 0}, 1.0),
        ({"ct_alive": 0}, 0.0),
        ({"time_remaining": 0.0}, 1.0),
        ({"ct_alive": 0, "bomb_planted": 1, "time_remaining": 20.0}, 0.0),
    ],
)
def test_a_decided_round_is_certain(artifact: Artifact, changes: dict[str, float], probability: float) -> None:
    assert {float(value[0]) for value in predict_states(artifact, row(**changes)).values()} == {probability}


def test_with_the_bomb_down_and_every_t_dead_the_ct_must_still_defuse(artifact: Artifact) -> None:
    outputs = predict_states(artifact, row(t_alive=0, bomb_planted=1, time_remaining=2.0))
    assert 0 < outputs["low"][0] <= outputs["probability"][0] <= outputs["high"][0] < 1


def test_whole_tables_are_decided_by_the_rule_for_one_state() -> None:
    random = np.random.default_rng(2)
    rows = 2_000
    states = STATE | {
        "ct_alive": random.integers(0, 6, rows),
        "t_alive": random.integers(0, 6, rows),
        "bomb_planted": random.integers(0, 2, rows),
        "time_remaining": random.choice([0.0, 0.5, 30.0], rows),
    }
    features = np.column_stack([np.broadcast_to(column, rows) for column in round_features(states)]).astype(np.float32)
    named = ("ct_alive", "t_alive", "bomb_planted", "time_remaining")
    expected = [
        {"CT": 1.0, "T": 0.0, None: np.nan}[decided_winner(*(float(states[name][i]) for name in named))]
        for i in range(rows)
    ]
    np.testing.assert_array_equal(decided_outcomes(features), expected)
    assert decided_outcomes(features[:0]).shape == (0,)


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("name", SIGNS)
def test_more_of_what_helps_a_side_never_hurts_it(
    artifact: Artifact, round_dataset: pd.DataFrame, name: str, hidden: bool
) -> None:
    features = predictor.feature_matrix(round_dataset.iloc[::7])
    column = ROUND_FEATURES.index(name)
    random = np.random.default_rng(3)
    features[:, ROUND_FEATURES.index("map_index")] = random.integers(0, 11, len(features))
    if hidden:
        optional = features[:, -7:]
        optional[random.random(optional.shape) < 0.5] = np.nan
    more = features.copy()
    more[:, column] += random.choice([0.01, 1, 100], len(features)).astype(np.float32)
    rise = artifact.predict(more)["probability"] - artifact.predict(features)["probability"]
    assert np.all(SIGNS[name] * rise[~np.isnan(rise)] >= 0)
    assert not np.isnan(rise).any()
