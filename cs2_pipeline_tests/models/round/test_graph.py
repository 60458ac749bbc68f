"""The served graph: the laws it keeps by construction, the last seconds, and the same answer in any company."""

import numpy as np
import onnx
import pandas as pd
import pytest

from cs2_pipeline.artifact.artifact import MODEL_FILE, Artifact
from cs2_pipeline.game.features import ROUND_FEATURES
from cs2_pipeline.models.round import inputs, predictor
from cs2_pipeline.models.round.inputs import LAST_SECONDS, LEAST, SIGNS, InputMaker, mask, settle
from cs2_pipeline.models.round.predictor import RoundTraining
from cs2_pipeline.models.round.rows import feature_matrix

COLUMN = {name: place for place, name in enumerate(ROUND_FEATURES)}


@pytest.fixture(scope="module")
def training(round_dataset: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> RoundTraining:
    return predictor.train(round_dataset, seed=1, folder=tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def artifact(training: RoundTraining) -> Artifact:
    return training.artifact


@pytest.fixture(scope="module")
def features(round_dataset: pd.DataFrame) -> np.ndarray:
    """Some states with all inputs, some with a few, on every map."""
    random = np.random.default_rng(3)
    rows = feature_matrix(round_dataset.iloc[::7])
    rows[:, COLUMN["map_index"]] = random.integers(0, 11, len(rows))
    optional = rows[::2, -7:]
    optional[random.random(optional.shape) < 0.5] = np.nan
    rows[::2, -7:] = optional
    return rows


def with_clock(features: np.ndarray, seconds: float) -> np.ndarray:
    """The same states with so many seconds left on the clock that runs in each."""
    changed = features.copy()
    planted = features[:, COLUMN["bomb_planted"]]
    changed[:, COLUMN["round_time"]], changed[:, COLUMN["bomb_time"]] = seconds * (1 - planted), seconds * planted
    return changed


@pytest.mark.parametrize("name", SIGNS)
def test_more_of_what_helps_a_side_never_hurts_it(artifact: Artifact, features: np.ndarray, name: str) -> None:
    more = features.copy()
    steps = np.random.default_rng(4).choice([0.01, 1, 100], len(features)).astype(np.float32)
    more[:, COLUMN[name]] += steps * (features[:, COLUMN["bomb_planted"]] if name == "bomb_time" else 1)
    rise = artifact.predict(more)["probability"] - artifact.predict(features)["probability"]
    assert np.all(SIGNS[name] * rise >= 0)


@pytest.mark.parametrize("name", ["probability", "low", "high"])
def test_the_price_goes_to_the_decided_neighbours_as_the_clock_runs_out(
    artifact: Artifact, features: np.ndarray, name: str
) -> None:
    planted = features[:, COLUMN["bomb_planted"]] == 1
    assert 0 < planted.sum() < len(planted)
    price = artifact.predict(with_clock(features, 0.001))[name]
    assert price[planted].max() < 0.001
    assert price[~planted].min() > 0.999


def test_without_a_bomb_less_time_in_the_last_seconds_never_helps_t(artifact: Artifact, features: np.ndarray) -> None:
    waiting = features[features[:, COLUMN["bomb_planted"]] == 0]
    clock = (20, 12, 8, LAST_SECONDS, 4.9, 3, 1, 0.5, 0.1, 0.01)
    prices = [artifact.predict(with_clock(waiting, seconds))["probability"] for seconds in clock]
    assert np.all(np.diff(prices, axis=0) >= -1e-7)


def test_a_price_far_from_the_end_is_not_touched(features: np.ndarray) -> None:
    price = np.linspace(0.1, 0.9, len(features))
    calm = with_clock(features, LAST_SECONDS)
    np.testing.assert_array_equal(settle(price, InputMaker()(calm).clock), price)


def test_an_open_state_is_never_called_certain(artifact: Artifact, features: np.ndarray) -> None:
    for seconds in (1e-6, 0.1, 30.0):
        for price in artifact.predict(with_clock(features, seconds)).values():
            assert price.min() >= np.float32(LEAST)
            assert price.max() <= np.float32(1 - LEAST)


def test_a_state_is_answered_alike_alone_and_among_others(artifact: Artifact, features: np.ndarray) -> None:
    for view in (features, mask(features)):
        together = artifact.predict(view)
        for rows in (1, 2, 3, 7):
            alone = artifact.predict(view[:rows])
            for name, values in together.items():
                np.testing.assert_allclose(alone[name], values[:rows], atol=1e-7)


def test_few_nodes_answer_a_request(training: RoundTraining) -> None:
    """Each costs one state half a microsecond, whatever it computes."""
    graph = onnx.load(training.folder / MODEL_FILE).graph
    assert sum(node.op_type != "Identity" for node in graph.node) <= 30


def test_no_input_leaves_its_range_however_extreme_the_state(features: np.ndarray) -> None:
    for extreme in (1e7, -1e7):
        changed = features.copy()
        numbers = [COLUMN[name] for name in ("ct_equip_value", "t_money", "ct_score", "ct_armor")]
        changed[:, numbers] = extreme
        made = InputMaker()(changed)
        gain = inputs.GAIN.astype(np.float32)
        assert (np.abs(made.monotone) <= 0.5 * np.abs(gain[inputs.MONOTONE]) + 1e-6).all()
        assert (np.abs(made.context) <= 0.5 * np.abs(gain[inputs.CONTEXT]) + 1e-6).all()
        assert ((made.clock >= 0) & (made.clock <= 1)).all()


def test_a_state_whose_optional_inputs_are_masked_keeps_the_required_ones_and_no_map(features: np.ndarray) -> None:
    hidden = mask(features)
    assert (hidden[:, COLUMN["map_index"]] == 0).all()
    assert np.isnan(hidden[:, COLUMN["map_index"] + 1 :]).all()
    np.testing.assert_array_equal(hidden[:, : COLUMN["map_index"]], features[:, : COLUMN["map_index"]])
    assert (inputs.hidden_share(hidden) == 1).all()
