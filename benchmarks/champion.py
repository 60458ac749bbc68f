"""The round model that a user trains and promotes, for benchmarks of what serves it."""

from pathlib import Path

from cs2_pipeline.datasets import public_snapshots, rounds
from cs2_pipeline.models.round import predictor
from cs2_pipeline.training import known_truth

PUBLIC_FILE = Path(__file__).parents[2] / "shared" / "data" / "round_snapshots" / "csgo_round_snapshots.csv.gz"
SIMULATED_MATCHES = 400


def train(folder: Path) -> str:
    """Train it as a user does, on the public file where it is there, else on simulated play; returns on which."""
    if PUBLIC_FILE.exists():
        dataset, told = rounds.build(public_snapshots.read(PUBLIC_FILE)[0]).frame, "the public file of real rounds"
    else:
        dataset, told = known_truth.dataset(SIMULATED_MATCHES, seed=0)[0], f"{SIMULATED_MATCHES} simulated matches"
    predictor.train(dataset, seed=0, folder=folder)
    return told
