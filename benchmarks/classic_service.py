"""The classic prediction service, as the named baseline: FastAPI, pydantic, scikit-learn's scaler, torch per request.

Written as its tutorials write it, without handicaps: one worker, uvloop and httptools, one torch thread, inference
mode, a model loaded once. The network has the size of the platform's first one (64-32-16, batch norm, dropout).

``python -m uvicorn benchmarks.classic_service:app``
"""

from typing import Literal

import numpy as np
import torch
from fastapi import FastAPI
from pydantic import BaseModel, Field
from sklearn.preprocessing import StandardScaler

HIDDEN = (64, 32, 16)


class RoundState(BaseModel):
    """The ten required inputs."""

    ct_alive: int = Field(ge=0, le=5)
    t_alive: int = Field(ge=0, le=5)
    ct_equip_value: float = Field(ge=0, le=60_000)
    t_equip_value: float = Field(ge=0, le=60_000)
    ct_money: float = Field(ge=0, le=80_000)
    t_money: float = Field(ge=0, le=80_000)
    bomb_planted: int = Field(ge=0, le=1)
    time_remaining: float = Field(ge=0, le=180)
    ct_score: int = Field(ge=0, le=99)
    t_score: int = Field(ge=0, le=99)


class RoundAnswer(BaseModel):
    """The answer, without an interval."""

    ct_win_probability: float
    t_win_probability: float
    predicted_winner: Literal["CT", "T"]
    confidence: float
    model_version: str


class RoundsBody(BaseModel):
    """Many states."""

    states: list[RoundState] = Field(min_length=1, max_length=10_000)


def _network() -> torch.nn.Sequential:
    torch.manual_seed(0)
    layers: list[torch.nn.Module] = []
    width = len(RoundState.model_fields)
    for size in HIDDEN:
        layers += [torch.nn.Linear(width, size), torch.nn.BatchNorm1d(size), torch.nn.ReLU(), torch.nn.Dropout(0.3)]
        width = size
    return torch.nn.Sequential(*layers, torch.nn.Linear(width, 1), torch.nn.Sigmoid()).eval()


torch.set_num_threads(1)
network = _network()
scaler = StandardScaler().fit(np.random.default_rng(0).normal(size=(1000, len(RoundState.model_fields))))
app = FastAPI()


def _predict(states: list[RoundState]) -> list[float]:
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
async def predict_round(state: RoundState) -> RoundAnswer:
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
