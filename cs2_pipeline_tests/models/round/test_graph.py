"""The served graph: the laws it keeps by construction, the last seconds, and the same answer in any company."""

import numpy as np
import onnx
import pandas as pd
import pytest
import torch

from cs2_pipeline.artifact.artifact import Artifact, write
from cs2_pipeline.game.features import ROUND_FEATURES
from cs2_pipeline.models.round import inputs
from cs2_pipeline.models.round.graph import RoundModel
from cs2_pipeline.models.round.inputs import (
    CONTEXT,
    LAST_SECONDS,
    LEAST,
    MONOTONE,
    SIGNS,
    InputMaker,
    mask,
    settle,
)
from cs2_pipeline.models.round.networks import RoundPredictor
from cs2_pipeline.models.round.predictor import STUDENT
from cs2_pipeline.models.round.rows import feature_matrix

COLUMN = {name: place for place, name in enumerate(ROUND_FEATURES)}


@pytest.fixture(scope="module")
def model() -> RoundModel:
    """One of three networks that have learned nothing: the laws do not come from what is learned."""
    network = RoundPredictor(3, len(MONOTONE), len(CONTEXT), STUDENT, seed=1)
    with torch.no_grad():
        for name in ("last", "reach"):
            network.context[name].mul_(20)
        network.bias["last"].copy_(torch.tensor([1.0, -2.0, 0.5])[:, None, None])
    return RoundModel(network, 1)


@pytest.fixture(scope="module")
def artifact(model: RoundModel, features: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    probe = features[:64]
    return write(
        tmp_path_factory.mktemp("model"), name="round_predictor", graph=model.graph(), features=ROUND_FEATURES,
        probe=probe, expected=model.predict(probe),
    )  # fmt: skip


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


def test_what_is_served_is_one_member_with_what_the_clock_leaves_of_its_price_and_reach(
    model: RoundModel, artifact: Artifact, features: np.ndarray
) -> None:
    for seconds in (0.2, 3.0, 4.9, 30.0):
        states = with_clock(features, seconds)
        made = InputMaker()(states)
        logit, reach = (said[:, 1] for said in model.network.exact(made))
        assert reach.max() > 0.1
        left = min(seconds / 5, 1)
        won = np.where(features[:, COLUMN["bomb_planted"]] == 1, 0, 1 - left)
        served, meant = artifact.predict(states), model.predict(states)
        for name, value in {"probability": logit, "low": logit - reach, "high": logit + reach}.items():
            expected = np.clip(left / (1 + np.exp(-value)) + won, 1e-4, 1 - 1e-4)
            np.testing.assert_allclose(served[name], expected, atol=1e-5)
            np.testing.assert_allclose(meant[name], expected, atol=1e-6)
        np.testing.assert_array_equal(model.probability(states), meant["probability"])
    assert {name: values.shape for name, values in served.items()} == dict.fromkeys(
        ("probability", "low", "high"), (len(features),)
    )


def test_few_nodes_answer_a_request(model: RoundModel) -> None:
    """Each costs one state half a microsecond, whatever it computes."""
    graph = onnx.load_from_string(model.graph()).graph
    assert [len(output.type.tensor_type.shape.dim) for output in graph.output] == [1, 1, 1]
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
