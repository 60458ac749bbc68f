"""Training the round network: the classic loop as the named baseline, and the platform's fit on the same rounds.

The classic loop is written as its tutorials write it: a scaler, a `DataLoader` of shuffled batches of 32, Adam, 100
epochs, one 64-32-16 network with batch normalisation and dropout on the ten required inputs. The platform's networks
get the same rows, one moment of a round each, and the same ten inputs; each member leaves a share of the matches out.
They are fitted together, and again one member at a time by the same recipe. All are measured on matches not seen.

Against the classic loop this compares mostly numbers of steps: it takes many small ones. What fitting members together
saves is the difference between the last two rows.

``python -m benchmarks.training``
"""

import math
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from cs2_pipeline.game.state import REQUIRED_ROUND_FIELDS
from cs2_pipeline.models.round import networks
from cs2_pipeline.models.round.inputs import InputMaker, Inputs, mask
from cs2_pipeline.models.round.networks import NetworkParams
from cs2_pipeline.models.round.rows import feature_matrix
from cs2_pipeline.models.threads import one_thread
from cs2_pipeline.stats.metrics import logit_log_loss
from cs2_pipeline.training import known_truth

MATCHES = 680
ROUNDS = 10_000
RUNS = 3
EPOCHS, BATCH_ROWS = 100, 32
MEMBERS = 4

Floats = NDArray[np.float64]
Fit = Callable[[pd.DataFrame, int], Callable[[pd.DataFrame], Floats]]


class _Measured(NamedTuple):
    seconds: float
    loss: float


def main() -> None:
    """Print the report."""
    snapshots, _ = known_truth.dataset(MATCHES, seed=0)
    one_each = snapshots.sample(frac=1.0, random_state=0).drop_duplicates("round_id")
    train = one_each[one_each["part"] != "test"].head(ROUNDS)
    test = snapshots[snapshots["part"] == "test"]
    with one_thread():
        classic, ours, alone = (_median(fit, train, test) for fit in (_classic, _platform, _one_at_a_time))
    steps = NetworkParams().steps_for(len(train))
    print(
        f"{len(train):,} simulated rounds, one moment of each, ten inputs; tested on {len(test):,} moments of "
        f"{test['match_id'].nunique()} other matches. One thread, medians of {RUNS} runs.\n\n"
        "| How | Steps | Seconds | Test log loss | Time against the classic loop |\n|---|---|---|---|---|\n"
        f"| classic loop: batches of {BATCH_ROWS}, {EPOCHS} epochs, 64-32-16 "
        f"| {EPOCHS * math.ceil(len(train) / BATCH_ROWS):,} | {classic.seconds:.1f} | {classic.loss:.4f} | 1 |\n"
        f"| {MEMBERS} monotone networks, one at a time | {MEMBERS * steps:,} | {alone.seconds:.2f} | {alone.loss:.4f} "
        f"| {alone.seconds / classic.seconds:.3f} |\n"
        f"| {MEMBERS} monotone networks fitted together | {steps:,} | {ours.seconds:.2f} | {ours.loss:.4f} "
        f"| {ours.seconds / classic.seconds:.3f} |\n\n"
        "The classic loop is slower mostly because it takes more steps; what fitting together saves is the difference "
        "between the last two rows."
    )


def _median(fit: Fit, train: pd.DataFrame, test: pd.DataFrame) -> _Measured:
    runs = []
    for seed in range(RUNS):
        began = time.perf_counter()
        predict = fit(train, seed)
        seconds = time.perf_counter() - began
        runs.append(_Measured(seconds, logit_log_loss(test["ct_wins"].to_numpy(np.float64), predict(test))))
    return _Measured(statistics.median(r.seconds for r in runs), statistics.median(r.loss for r in runs))


def _classic(train: pd.DataFrame, seed: int) -> Callable[[pd.DataFrame], Floats]:
    torch.manual_seed(seed)
    scaler = StandardScaler()

    def inputs(frame: pd.DataFrame, matrix: NDArray[np.float64]) -> torch.Tensor:
        return torch.from_numpy(matrix.astype(np.float32)).reshape(len(frame), -1)

    features = inputs(train, scaler.fit_transform(train[list(REQUIRED_ROUND_FIELDS)].to_numpy(np.float64)))
    labels = torch.from_numpy(train["ct_wins"].to_numpy(np.float32))[:, None]
    model = _classic_network(features.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_of = nn.BCEWithLogitsLoss()
    loader = DataLoader(TensorDataset(features, labels), batch_size=BATCH_ROWS, shuffle=True)
    for _ in range(EPOCHS):
        for batch, target in loader:
            optimizer.zero_grad()
            loss_of(model(batch), target).backward()
            optimizer.step()
    model.eval()

    def predict(frame: pd.DataFrame) -> Floats:
        matrix = scaler.transform(frame[list(REQUIRED_ROUND_FIELDS)].to_numpy(np.float64))
        with torch.no_grad():
            return np.asarray(model(inputs(frame, matrix)).numpy()[:, 0], np.float64)

    return predict


def _classic_network(width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for units in (64, 32, 16):
        layers += [nn.Linear(width, units), nn.BatchNorm1d(units), nn.ReLU(), nn.Dropout(0.2)]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, 1))


def _platform(train: pd.DataFrame, seed: int) -> Callable[[pd.DataFrame], Floats]:
    return _fitted(train, seed, tuple(range(MEMBERS)))


def _one_at_a_time(train: pd.DataFrame, seed: int) -> Callable[[pd.DataFrame], Floats]:
    members = [_fitted(train, seed + number, (number,)) for number in range(MEMBERS)]
    return lambda frame: np.mean([predict(frame) for predict in members], axis=0)


def _fitted(train: pd.DataFrame, seed: int, leaves: tuple[int, ...]) -> Callable[[pd.DataFrame], Floats]:
    """Networks fitted together, each of which leaves one share of the matches out."""
    make = InputMaker()

    def inputs(frame: pd.DataFrame) -> Inputs:
        return make(mask(feature_matrix(frame)))

    rows, outcome = inputs(train), train["ct_wins"].to_numpy(np.float64)
    seen = (train["match_id"].to_numpy() % MEMBERS)[:, None] != np.array(leaves)
    random = np.random.default_rng(seed)

    def draw(count: int) -> networks.Drawn:
        chosen = random.integers(len(outcome), size=count)
        target = np.repeat(outcome[chosen, None], len(leaves), axis=1)
        return networks.Drawn(Inputs(*(group[chosen] for group in rows)), target, seen[chosen])

    network, _ = networks.fit(
        draw, len(leaves), len(outcome), params=NetworkParams(), seed=seed, progress=lambda _: None
    )
    return lambda frame: np.asarray(network.exact(inputs(frame))[0].mean(axis=1))


if __name__ == "__main__":
    main()
