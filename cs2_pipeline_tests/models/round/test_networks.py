"""The ensemble of monotone networks: its laws, what each member may learn from, and the matrices it comes down to."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from cs2_pipeline.models.calibration import sigmoid
from cs2_pipeline.models.round import networks
from cs2_pipeline.models.round.inputs import CLOCK, CONTEXT, GAIN, INPUTS, MONOTONE, Inputs
from cs2_pipeline.models.round.networks import Drawn, NetworkParams, RoundPredictor, fit
from cs2_pipeline.models.threads import one_thread
from cs2_pipeline.models.training import LEFT_OUT_LOSS, TRAIN_LOSS

SMALL = NetworkParams(hidden=(6, 4), side=3, watch=5, steps=150, batch_rows=64, learning_rate=2e-2, context_decay=0.0)
LEAK = 0.1
RISING, FREE = len(MONOTONE), len(CONTEXT)


def made(rows: int, seed: int = 0, *, clock: tuple[float, float] = (1, 0)) -> tuple[np.ndarray, Inputs]:
    """Inputs as they leave the graph, from 0 to 1, and the same by group as a network sees them."""
    raw = np.random.default_rng(seed).random((rows, INPUTS)).astype(np.float32)
    raw[:, CLOCK] = clock
    centred = ((raw - 0.5) * GAIN).astype(np.float32)
    return raw, Inputs(centred[:, MONOTONE], centred[:, CONTEXT], raw[:, CLOCK])


def network(members: int = 3, seed: int = 0, params: NetworkParams = SMALL) -> RoundPredictor:
    """An ensemble that has not learned, with weights large enough that every path counts."""
    found = RoundPredictor(members, RISING, FREE, params, seed)
    with torch.no_grad():
        for name in ("last", "reach"):
            found.context[name].mul_(20)
        found.bias["last"].copy_(torch.linspace(-0.5, 0.5, members)[:, None, None])
    return found


def test_the_recipe_is_the_one_that_was_judged() -> None:
    """docs/round-model.md has what was tried beside it: whoever changes a figure measures again, and says so there."""
    assert asdict(NetworkParams()) == {
        "hidden": (32, 16), "side": 16, "watch": 16, "steps": 2_000, "batch_rows": 512, "learning_rate": 8e-3,
        "weight_decay": 1e-4, "context_decay": 0.3,
    }  # fmt: skip


@pytest.mark.parametrize(("rows", "steps"), [(512, 30), (513, 31), (34_133, 2_000), (1_000_000, 2_000)])
def test_a_row_is_gone_through_thirty_times_at_most_in_at_most_two_thousand_steps(rows: int, steps: int) -> None:
    assert NetworkParams().steps_for(rows) == steps


@pytest.mark.parametrize("member", [0, 1, 2])
def test_a_member_is_three_matrices_with_leaky_units_between_them(member: int) -> None:
    raw, inputs = made(40)
    ensemble = network()
    hidden = raw.astype(np.float64)
    for number, layer in enumerate(ensemble.layers(member)):
        hidden = hidden @ layer.weights + layer.bias
        if number < 2:
            hidden = np.maximum(hidden, LEAK * hidden)
    logit, reach = (said[:, member] for said in ensemble.exact(inputs))
    np.testing.assert_allclose(hidden[:, 0], logit, atol=1e-6)
    np.testing.assert_allclose(np.maximum(hidden[:, 1], 0), reach, atol=1e-6)
    assert (np.ptp(logit), np.ptp(reach)) > (0.01, 0.01)


def test_in_float32_and_in_float64_it_says_the_same_whatever_the_number_of_rows(monkeypatch) -> None:
    _, inputs = made(11)
    ensemble = network()
    whole = ensemble.exact(inputs)
    assert all(said.dtype == np.float64 for said in whole)
    said = ensemble(torch.from_numpy(inputs.monotone), torch.from_numpy(inputs.context))
    for one, other in zip(whole, said, strict=True):
        np.testing.assert_allclose(one, other.detach().numpy(), atol=1e-5)
    monkeypatch.setattr(networks, "ROWS_AT_ONCE", 4)
    for one, other in zip(whole, ensemble.exact(inputs), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)
    assert all(weight.dtype == torch.float32 for weight in ensemble.parameters())


@pytest.mark.parametrize("seed", range(2))
def test_each_member_rises_with_each_monotone_input_and_no_member_hears_of_another(seed: int) -> None:
    _, inputs = made(30, seed)
    ensemble = network(seed=seed)
    said = ensemble.exact(inputs)[0]
    for column in range(RISING):
        more = inputs.monotone.copy()
        more[:, column] += 0.3
        assert (ensemble.exact(inputs._replace(monotone=more))[0] > said).all()
    with torch.no_grad():
        ensemble.rise["last"][1] *= 2
    changed = ensemble.exact(inputs)[0]
    np.testing.assert_array_equal(changed[:, [0, 2]], said[:, [0, 2]])
    assert (changed[:, 1] != said[:, 1]).all()


def test_half_of_the_rising_units_bend_up_and_half_bend_down() -> None:
    """So that a network can be convex and concave; as matrices, those that bend down are turned round."""
    first, second, _ = RoundPredictor(1, RISING, FREE, SMALL, 0).layers(0)
    assert (np.sign(first.weights[MONOTONE].sum(axis=0))[:6] == [1, 1, 1, -1, -1, -1]).all()
    assert (np.sign(second.weights[:3].sum(axis=0))[:4] == [1, 1, -1, -1]).all()


def test_what_an_optimiser_made_negative_is_put_back_to_zero_and_the_context_is_left_alone() -> None:
    ensemble = network()
    with torch.no_grad():
        for group in (ensemble.rise, ensemble.context):
            for weight in group.values():
                weight.fill_(-0.5)
                weight.view(-1)[0] = 0.25
    ensemble.keep_rising()
    assert all(weight.min() == 0 and weight.max() == 0.25 for weight in ensemble.rise.values())
    assert all(weight.min() == -0.5 for weight in ensemble.context.values())


def test_how_far_the_logit_may_be_off_is_never_negative_and_teaches_the_logit_nothing() -> None:
    _, inputs = made(50)
    ensemble = network()
    _, reach = ensemble(torch.from_numpy(inputs.monotone), torch.from_numpy(inputs.context))
    assert reach.min() >= 0
    reach.sum().backward()
    learned = {name for name, weight in ensemble.named_parameters() if weight.grad is not None}
    assert learned == {"context.watch", "context.reach", "bias.watch", "bias.reach"}
    with torch.no_grad():
        ensemble.bias["reach"].fill_(-100)
    assert (ensemble.exact(inputs)[1] == 0).all()


def test_weights_begin_at_a_size_that_fits_the_number_of_inputs() -> None:
    """Each layer's answers begin about as large as its inputs; the side hardly counts in the answer at first."""
    params = NetworkParams(hidden=(40, 30), side=20, watch=25)
    ensemble = RoundPredictor(30, RISING, FREE, params, 0)
    free = {name: float(weight.detach().std()) for name, weight in ensemble.context.items()}
    assert free == pytest.approx(
        {
            "first": 0.5 * FREE**-0.5, "first side": FREE**-0.5, "second": 0.5 * 20**-0.5, "second side": 20**-0.5,
            "last": 0.01, "watch": 60**-0.5, "reach": 0.01,
        },
        rel=0.15,
    )  # fmt: skip
    rising = {name: float(weight.detach().mean()) for name, weight in ensemble.rise.items()}
    assert rising == pytest.approx({"first": RISING**-0.75, "second": 40**-0.75, "last": 30**-0.75}, rel=0.1)
    assert all(weight.min() >= 0 for weight in ensemble.rise.values())
    bias = {
        name: float(ensemble.bias[name].detach().std())
        for name in ("first", "first side", "second", "second side", "watch")
    }
    assert bias == pytest.approx(
        {"first": 0.5, "first side": 0.1, "second": 0.3, "second side": 0.1, "watch": 0.1}, rel=0.15
    )
    assert (ensemble.bias["last"] == 0).all()
    assert (ensemble.bias["reach"] == 0.5).all()


def test_the_same_seed_begins_alike_and_another_does_not() -> None:
    one, same, other = (RoundPredictor(1, RISING, FREE, SMALL, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["rise.first"], other["rise.first"])


def learned_from(target, *, members=2, seen=None, reach=None, clock=(1.0, 0.0), params=SMALL, left_out=None):
    """A network fitted to a target of its inputs, with its curves and what was said meanwhile."""
    told: list[str] = []
    asked: list[int] = []

    def draw(count: int) -> Drawn:
        asked.append(count)
        _, inputs = made(count, len(asked), clock=clock)
        wanted = np.broadcast_to(np.asarray(target(inputs), float)[:, None], (count, members))
        may = np.ones((count, members), bool) if seen is None else seen(inputs)
        return Drawn(inputs, wanted, may, None if reach is None else np.full((count, members), reach))

    with one_thread():
        found, curves = fit(draw, members, 10_000, params=params, seed=0, progress=told.append, left_out=left_out)
    return found, curves, told, asked


def test_it_learns_the_price_and_how_far_it_may_be_off() -> None:
    ensemble, curves, told, asked = learned_from(lambda inputs: np.full(len(inputs.clock), 0.3), reach=0.8)
    logit, reach = ensemble.exact(made(200, 99)[1])
    assert sigmoid(logit).mean() == pytest.approx(0.3, abs=0.03)
    assert reach.mean() == pytest.approx(0.8, abs=0.1)
    assert told == ["network: step 100 of 150", "network: step 150 of 150"]
    assert asked == [100 * 64, 50 * 64]
    assert list(curves) == [TRAIN_LOSS]
    entropy = -0.3 * np.log(0.3) - 0.7 * np.log(0.7)
    assert curves[TRAIN_LOSS][-1][1] == pytest.approx(entropy, abs=0.02), "of one member, a row"
    assert [step for step, _ in curves[TRAIN_LOSS]] == [*range(8, 150, 8), 150]


def test_a_member_learns_nothing_from_rows_it_may_not_see() -> None:
    def few_for_the_first(inputs: Inputs) -> np.ndarray:
        low = inputs.monotone[:, 0] < 0
        return np.column_stack([low, ~low])

    ensemble, curves, *_ = learned_from(
        lambda inputs: np.where(inputs.monotone[:, 0] < 0, 0.2, 0.7), seen=few_for_the_first, reach=0.5
    )
    said = sigmoid(ensemble.exact(made(300, 99)[1])[0]).mean(axis=0)
    assert said == pytest.approx([0.2, 0.7], abs=0.05)
    entropy = np.mean([-p * np.log(p) - (1 - p) * np.log(1 - p) for p in (0.2, 0.7)])
    assert curves[TRAIN_LOSS][-1][1] == pytest.approx(entropy, abs=0.02), "of the rows each member saw"


@pytest.mark.parametrize(("clock", "target"), [((0.5, 0.0), 0.2), ((0.5, 0.5), 0.7)])
def test_it_is_fitted_to_the_price_that_the_clock_leaves(clock: tuple[float, float], target: float) -> None:
    ensemble, curves, *_ = learned_from(lambda inputs: np.full(len(inputs.clock), target), clock=clock)
    _, inputs = made(200, 99, clock=clock)
    assert sigmoid(ensemble.price_logits(inputs)).mean() == pytest.approx(target, abs=0.03)
    assert sigmoid(ensemble.exact(inputs)[0]).mean() == pytest.approx((target - clock[1]) / clock[0], abs=0.06)
    assert curves[TRAIN_LOSS][-1][1] == pytest.approx(
        -target * np.log(target) - (1 - target) * np.log(1 - target), abs=0.02
    )


def test_decided_moments_cost_little_and_never_all() -> None:
    """At 0 s the price is settled: a target that agrees costs nothing, and nothing is infinite where it does not."""
    agreed = learned_from(lambda inputs: np.ones(len(inputs.clock)), clock=(0, 1), params=replace(SMALL, steps=2))[1]
    against = learned_from(lambda inputs: np.zeros(len(inputs.clock)), clock=(0, 1), params=replace(SMALL, steps=2))[1]
    assert agreed[TRAIN_LOSS][-1][1] == pytest.approx(0, abs=1e-6)
    assert against[TRAIN_LOSS][-1][1] == pytest.approx(-np.log(1e-9), rel=0.01)


def test_what_is_left_out_is_asked_about_whenever_the_curve_gets_a_point() -> None:
    answers = iter(range(100))
    _, curves, *_ = learned_from(
        lambda inputs: np.full(len(inputs.clock), 0.5),
        params=replace(SMALL, steps=45),
        left_out=lambda _: float(next(answers)),
    )
    steps = [*range(3, 46, 3)]
    assert curves[LEFT_OUT_LOSS] == list(zip(steps, map(float, range(len(steps))), strict=True))
    assert [step for step, _ in curves[TRAIN_LOSS]] == steps


def test_weights_stay_lawful_all_the_while() -> None:
    """A target that falls with what must never lower the price cannot be learned, and the law is not given up."""
    ensemble, *_ = learned_from(lambda inputs: np.where(inputs.monotone[:, 0] < 0, 0.9, 0.1))
    assert all(weight.min() >= 0 for weight in ensemble.rise.values())


def test_decay_holds_the_context_back_and_hardly_what_rises() -> None:
    strong = replace(SMALL, context_decay=40.0, steps=40)
    sizes = []
    for params in (SMALL, strong):
        ensemble, *_ = learned_from(lambda inputs: np.where(inputs.context[:, 0] < 0, 0.2, 0.8), params=params)
        sizes.append([float(group["second"].detach().abs().mean()) for group in (ensemble.context, ensemble.rise)])
    assert sizes[1][0] < 0.1 * sizes[0][0]
    assert sizes[1][1] > 0.5 * sizes[0][1]
    lawful = replace(SMALL, weight_decay=40.0, steps=40)
    ensemble, *_ = learned_from(lambda inputs: np.where(inputs.context[:, 0] < 0, 0.2, 0.8), params=lawful)
    assert float(ensemble.rise["second"].detach().abs().mean()) < 0.1 * sizes[0][1]


@pytest.mark.parametrize("steps", [100, 2_000])
def test_the_learning_rate_rises_over_the_first_tenth_of_the_steps_and_then_falls_to_zero(steps: int) -> None:
    rate = np.array([networks.warm_cosine(steps)(step) for step in range(steps + 1)])
    assert rate[0] == pytest.approx(10 / steps, rel=0.01)
    assert rate.argmax() == steps // 10 - 1
    assert rate.max() == pytest.approx(1, abs=0.03)
    assert rate[steps // 2] == pytest.approx(0.5)
    assert rate[steps] == pytest.approx(0)
    assert (np.diff(rate[steps // 10 :]) < 0).all()
