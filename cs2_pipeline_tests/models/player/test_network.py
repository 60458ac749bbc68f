"""The player model's network: what it reads, where its learning begins, what holds it back, and its graph."""

from dataclasses import asdict, replace

import numpy as np
import onnxruntime as ort
import pytest
import torch

from cs2_pipeline.game.features import PLAYER_FEATURES
from cs2_pipeline.game.player import TIER_CUTS, TIERS
from cs2_pipeline.models.onnx_export import INPUT, Graph
from cs2_pipeline.models.player.network import (
    ADR,
    InputMaker,
    NetworkParams,
    PlayerClassifier,
    add_inputs,
    fit,
    hide_adr,
)
from cs2_pipeline.models.training import LEFT_OUT_LOSS, TRAIN_LOSS

WIDTH = len(PLAYER_FEATURES) + 1
"""Of what enters as it is: the logs and the mark of a missing adr; the trust comes on top."""
KD = PLAYER_FEATURES.index("kd_ratio")
QUICK = NetworkParams(members=1, epochs=4, steps=4, batch_rows=32)


def records(rows: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    features = random.uniform(0.5, 20, (rows, len(PLAYER_FEATURES))).astype(np.float32)
    features[:, KD] = np.exp(random.normal(0, 0.4, rows))
    features[:, PLAYER_FEATURES.index("total_rounds")] = random.integers(20, 500, rows)
    return features


def unscaled(params: NetworkParams = QUICK, seed: int = 0) -> PlayerClassifier:
    """A network that sees its inputs as they are."""
    return PlayerClassifier(np.zeros(WIDTH, np.float32), np.ones(WIDTH, np.float32), params, seed)


def shaken(network: PlayerClassifier) -> PlayerClassifier:
    """The same with every weight moved, so that every path counts."""
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in network.parameters():
            if weight.requires_grad:
                weight.add_(0.05 * torch.randn(weight.shape, generator=random))
    return network


def test_the_recipe_is_the_one_that_was_judged() -> None:
    """docs/player-model.md has the figures: whoever changes one measures again."""
    assert asdict(NetworkParams()) == {
        "head": "ordinal", "hidden": (32, 16), "dropout": 0.1, "members": 3, "epochs": 20, "steps": 300,
        "batch_rows": 256, "learning_rate": 4e-3, "spread": 0.15, "hide_adr": 0.3,
    }  # fmt: skip


def test_features_enter_as_logs_with_a_mark_for_missing_damage_and_the_trust_in_so_many_rounds() -> None:
    known = dict.fromkeys(PLAYER_FEATURES, 2.0) | {"avg_damage": 1_650.0, "total_rounds": 50.0, "adr": 80.0}
    row = np.array([[known[name] for name in PLAYER_FEATURES]], np.float32)
    seen, hidden = InputMaker()(np.vstack([row, hide_adr(row)]))
    offsets = {"kd_ratio": 0.05, "headshot_pct": 0.1, "clutch_rate": 0.1}
    logs = [np.log(known[name] + offsets.get(name, 1.0)) for name in PLAYER_FEATURES]
    np.testing.assert_allclose(seen, [*logs, 0, 50 / 200], rtol=1e-5)
    logs[ADR] = np.log(1_650 / 22 + 1)  # a usual match has 22 rounds
    np.testing.assert_allclose(hidden, [*logs, 1, 50 / 200], rtol=1e-5)


def test_hiding_the_damage_per_round_leaves_the_rows_as_they_were() -> None:
    rows = records(3)
    hidden = hide_adr(rows)
    assert np.isnan(hidden[:, ADR]).all()
    assert not np.isnan(rows).any()
    np.testing.assert_array_equal(np.delete(hidden, ADR, axis=1), np.delete(rows, ADR, axis=1))


@pytest.mark.parametrize("hidden", [(), (5, 3)])
@pytest.mark.parametrize(("kd", "trust"), [(0.0, 1.0), (1.5, 1.0), (1.5, 0.4), (-2.0, 0.0)])
def test_learning_begins_at_the_kd_drawn_to_the_mean_as_far_as_rounds_are_few(hidden, kd: float, trust: float) -> None:
    inputs = np.zeros((1, WIDTH + 1), np.float32)
    inputs[0, KD], inputs[0, -1] = kd, trust
    cuts = np.log(np.array(TIER_CUTS) + 0.05)
    above = np.array([1, *(1 / (1 + np.exp(-(kd * trust - cuts)))), 0])
    expected = (above[:-1] - above[1:]) * (1 - 1e-4) + 1e-4 / len(TIERS)
    np.testing.assert_allclose(unscaled(replace(QUICK, hidden=hidden)).scores(inputs)[0], expected, atol=1e-6)


def test_the_softmax_begins_with_every_tier_alike() -> None:
    scores = unscaled(replace(QUICK, head="softmax")).scores(
        records(4)[:, : WIDTH - 1].repeat(2, axis=1)[:, : WIDTH + 1]
    )
    np.testing.assert_allclose(scores, 0.25, atol=1e-6)


def test_inputs_are_read_in_deviations_from_their_means_and_at_most_four_of_them() -> None:
    scaled = PlayerClassifier(np.full(WIDTH, 2, np.float32), np.full(WIDTH, 0.5, np.float32), QUICK, 0)
    with torch.no_grad():
        scaled.cuts.zero_()

    def place(value: float) -> float:
        inputs = np.full((1, WIDTH + 1), 2, np.float32)
        inputs[0, KD], inputs[0, -1] = value, 1.0
        return float(scaled.scores(inputs)[0, -1])

    for value, deviations in ((2.0, 0), (2.5, 1), (4.0, 4), (4.5, 4), (-9.0, -4)):
        assert place(value) == pytest.approx((1 - 1e-4) / (1 + np.exp(-deviations)) + 2.5e-5, abs=1e-6)


@pytest.mark.parametrize("head", ["ordinal", "softmax"])
@pytest.mark.parametrize("hidden", [(), (4,), (5, 3)])
def test_the_graph_gives_the_networks_scores(head, hidden) -> None:
    network = shaken(unscaled(replace(QUICK, head=head, hidden=hidden)))
    rows = np.vstack([records(20), hide_adr(records(5, 1))])
    graph = Graph(len(PLAYER_FEATURES))
    model = graph.serialize({"scores": network.add_to(graph, add_inputs(graph))}, {"scores": 2})
    (found,) = ort.InferenceSession(model, providers=["CPUExecutionProvider"]).run(["scores"], {INPUT: rows})
    expected = network.scores(InputMaker()(rows))
    np.testing.assert_allclose(found, expected, atol=2e-6)
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-5)
    assert expected.min() >= 1e-4 / len(TIERS) * 0.99
    assert np.ptp(expected, axis=0).min() > 1e-4


def test_units_drop_out_only_in_training_and_the_rest_make_up_for_them() -> None:
    network = shaken(unscaled(replace(QUICK, hidden=(200,), dropout=0.5, head="softmax")))
    row = torch.from_numpy(InputMaker()(records(1))).repeat(600, 1)
    with torch.no_grad():
        calm, shown = network(row), network(row, torch.Generator().manual_seed(0))
        none = replace(QUICK, hidden=(200,), dropout=0.0, head="softmax")
        assert torch.equal(*(shaken(unscaled(none))(row, random) for random in (None, torch.Generator())))
    assert torch.equal(calm[0], calm[-1])
    spread = shown.log().std(dim=0)
    assert spread.min() > 0.001
    drift = (shown.log() - shown.log()[:, :1] - calm.log() + calm.log()[:, :1]).mean(dim=0).abs()
    assert (drift[1:] < 8 * spread.max() / 600**0.5).all()


def test_how_far_weights_moved_is_counted_from_where_they_began() -> None:
    network = unscaled()
    assert network.moved() == 0
    with torch.no_grad():
        network.straight[0, 0] += 3
        network.last[1, 1] += 4
        network.last_bias += 7
    assert network.moved() == 25


def test_the_same_seed_begins_alike_with_weights_for_their_number_of_inputs() -> None:
    wide = replace(QUICK, hidden=(300, 400))
    one, same, other = (unscaled(wide, seed) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(one.layers[0], other.layers[0])
    stds = [float(layer.detach().std()) for layer in one.layers]
    assert stds == pytest.approx([(2 / (2 * WIDTH)) ** 0.5, (2 / 300) ** 0.5], rel=0.05)


def fitted(params: NetworkParams = QUICK, *, rows: int = 100, players: int = 100, losses=None, seed: int = 0):
    features = records(rows)
    tier = np.digitize(features[:, KD], TIER_CUTS)
    said = iter(losses or [])
    seen = []

    def monitor(scores) -> float:
        seen.append(scores(InputMaker()(features)))
        return next(said) if losses else float(-np.log(seen[-1][np.arange(rows), tier]).mean())

    return *fit(features, tier, players, params=params, seed=seed, monitor=monitor), seen


def test_the_weights_of_the_epoch_with_the_least_loss_on_what_was_left_out_are_kept() -> None:
    network, epoch, curves, seen = fitted(losses=[3.0, 1.0, 2.0, 1.0])
    assert epoch == 2
    np.testing.assert_array_equal(network.scores(InputMaker()(records(100))), seen[1])
    assert curves[LEFT_OUT_LOSS] == [(1, 3.0), (2, 1.0), (3, 2.0), (4, 1.0)]
    assert [number for number, _ in curves[TRAIN_LOSS]] == [1, 2, 3, 4]


@pytest.mark.parametrize(("rows", "epochs"), [(10, 30), (32, 30), (33, 15), (100, 8), (320, 6)])
def test_few_rows_are_gone_through_more_often(rows: int, epochs: int) -> None:
    params = replace(QUICK, epochs=6, steps=30)
    assert len(fitted(params, rows=rows)[2][LEFT_OUT_LOSS]) == epochs


def test_it_learns_the_tier_of_the_kd() -> None:
    _, _, curves, _ = fitted(replace(QUICK, epochs=25, learning_rate=2e-2, hide_adr=0.0), players=100_000)
    left_out = [loss for _, loss in curves[LEFT_OUT_LOSS]]
    assert left_out[-1] < 0.8 * left_out[0]
    assert curves[TRAIN_LOSS][-1][1] < 0.8 * curves[TRAIN_LOSS][0][1]
    assert curves[TRAIN_LOSS][-1][1] == pytest.approx(left_out[-1], abs=0.25), "of one row"


def test_the_fewer_the_players_the_nearer_weights_stay_to_where_they_began() -> None:
    moved = [
        float(fitted(replace(QUICK, epochs=12), players=players)[0].moved().detach()) for players in (1, 50, 10_000)
    ]
    assert moved == sorted(moved)
    assert moved[0] < 0.5 * moved[2]
    held = fitted(replace(QUICK, epochs=12, spread=0.01), players=10_000)[0]
    assert float(held.moved().detach()) < 0.9 * moved[2]


def test_inputs_are_scaled_by_the_rows_learned_from_and_one_that_never_varies_keeps_its_scale() -> None:
    features = records(60)
    features[:, 0] = 3.0
    network = fit(features, np.arange(60) % 4, 60, params=QUICK, seed=0, monitor=lambda _: 0.0)[0]
    inputs = InputMaker()(features)[:, :-1]
    np.testing.assert_allclose(network.mean.numpy()[:-1], inputs.mean(axis=0)[:-1], rtol=1e-5)
    assert network.mean[-1] == 0, "damage is missing in no row it is taken from"
    deviation = inputs.std(axis=0)
    deviation[[0, -1]] = 1
    np.testing.assert_allclose(network.per_deviation.numpy(), 1 / deviation, rtol=1e-4)


def test_the_same_seed_gives_the_same_network_and_another_a_different_one() -> None:
    one, same, other = (fitted(seed=seed)[0].state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["layers.0"], other["layers.0"])


def test_damage_is_hidden_in_so_many_rows_of_each_epoch() -> None:
    """Where it is always hidden, nothing is learned of it: the network's answers do not depend on it once known."""

    def weight_of_adr(share: float) -> float:
        network = fitted(replace(QUICK, hidden=(), hide_adr=share, epochs=10), players=10_000)[0]
        return float(
            network.straight.detach()[-1 + WIDTH].abs().sum() + network.straight.detach()[WIDTH - 1].abs().sum()
        )

    assert weight_of_adr(0.0) == 0, "its mark never varies"
    assert weight_of_adr(0.5) > 0


def test_the_loss_of_an_epoch_is_that_of_a_row_whatever_the_batches() -> None:
    """Where nothing moves, what is learned from costs as much as what is left out, which here are the same rows."""
    still = replace(QUICK, learning_rate=0.0, dropout=0.0, hide_adr=0.0)
    _, epoch, curves, _ = fitted(still, rows=96)
    assert epoch == 1, "of epochs that are alike the first"
    for name in (TRAIN_LOSS, LEFT_OUT_LOSS):
        assert curves[name] == [
            (number, pytest.approx(curves[LEFT_OUT_LOSS][0][1], abs=1e-5)) for number in (1, 2, 3, 4)
        ]
