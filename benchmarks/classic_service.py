"""The classic prediction service, as the named baseline: FastAPI, pydantic, scikit-learn's scaler, torch per request.

Written as its tutorials write it, without handicaps: one worker, uvloop and httptools, one torch thread, inference
mode, a model loaded once. The network has the size of the platform's first one (64-32-16, batch norm, dropout).

``python -m uvicorn benchmarks.classic_service:app``
"""

import numpy as np
import torch
from fastapi import FastAPI
from pydantic import BaseModel, Field
from sklearn.preprocessing import StandardScaler

from benchmarks.round_bodies import RequiredState, RoundAnswer

HIDDEN = (64, 32, 16)


class RoundsBody(BaseModel):
    """Many states."""

    states: list[RequiredState] = Field(min_length=1, max_length=10_000)


def _network() -> torch.nn.Sequential:
    torch.manual_seed(0)
    layers: list[torch.nn.Module] = []
    width = len(RequiredState.model_fields)
    for size in HIDDEN:
        layers += [torch.nn.Linear(width, size), torch.nn.BatchNorm1d(size), torch.nn.ReLU(), torch.nn.Dropout(0.3)]
        width = size
    return torch.nn.Sequential(*layers, torch.nn.Linear(width, 1), torch.nn.Sigmoid()).eval()


torch.set_num_threads(1)
network = _network()
scaler = StandardScaler().fit(np.random.default_rng(0).normal(size=(1000, len(RequiredState.model_fields))))
app = FastAPI()


def _predict(states: list[RequiredState]) -> list[float]:
    rows = scaler.transform(np.array([list(state.model_dump().values()) for state in states], dtype=np.float64))
    with torch.inference_mode():
        probabilities: list[float] = network(torch.tensor(rows, dtype=torch.float32)).squeeze(1).tolist()
    return probabilities


def _answer(probability: float) -> RoundAnswer:
    return RoundAnswer(
        ct_win_probability=probability,
        t_win_probability=1 - probability,
        predicted_winner="CT" if probability >= 0.5 else "T",
        confidence=max(probability, 1 - probability),
        model_version="1",
    )


@app.post("/predict/round")
async def predict_round(state: RequiredState) -> RoundAnswer:
    """Who wins this round?"""
    return _answer(_predict([state])[0])


@app.post("/predict/rounds")
async def predict_rounds(body: RoundsBody) -> list[RoundAnswer]:
    """Who wins each of these rounds?"""
    return [_answer(probability) for probability in _predict(body.states)]


@app.get("/readyz")
async def readyz() -> dict[str, str]:
    """Ready once it answers."""
    return {"status": "ready"}
