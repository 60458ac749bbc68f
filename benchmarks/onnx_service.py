"""What many would choose instead: FastAPI and pydantic before the very champion, asked in ONNX Runtime.

As its tutorials write it: one worker, uvloop and httptools, one thread, the model loaded once. ``CS2_BENCH_ARTIFACT``
names the champion's folder. ``python -m uvicorn benchmarks.onnx_service:app``
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel, Field

from benchmarks.round_bodies import RequiredState, RoundAnswer
from cs2_pipeline.artifact.artifact import Artifact
from cs2_pipeline.game.features import round_features
from cs2_pipeline.game.maps import map_index


class RoundState(RequiredState):
    """The ten required inputs and the optional ones."""

    map_name: str | None = Field(None, max_length=100)
    ct_health: float | None = Field(None, ge=0, le=500)
    t_health: float | None = Field(None, ge=0, le=500)
    ct_armor: float | None = Field(None, ge=0, le=500)
    t_armor: float | None = Field(None, ge=0, le=500)
    ct_helmets: int | None = Field(None, ge=0, le=5)
    t_helmets: int | None = Field(None, ge=0, le=5)
    ct_defuse_kits: int | None = Field(None, ge=0, le=5)


class BoundedAnswer(RoundAnswer):
    """The answer with its interval."""

    ct_win_interval: tuple[float, float]


class RoundsBody(BaseModel):
    """Many states."""

    states: list[RoundState] = Field(min_length=1, max_length=10_000)


champion = Artifact.load(Path(os.environ["CS2_BENCH_ARTIFACT"]))
app = FastAPI()


def predict(states: Sequence[RoundState]) -> list[BoundedAnswer]:
    """Answers in the order of the states."""
    rows = [round_features({**state.model_dump(), "map_index": map_index(state.map_name)}) for state in states]
    outputs = champion.predict(np.array(rows, dtype=np.float32))
    return [
        BoundedAnswer(
            ct_win_probability=price,
            t_win_probability=1 - price,
            predicted_winner="CT" if price >= 0.5 else "T",
            confidence=max(price, 1 - price),
            ct_win_interval=(low, high),
            model_version="1",
        )
        for price, low, high in zip(*(outputs[name].tolist() for name in ("probability", "low", "high")), strict=True)
    ]


@app.post("/predict/round")
async def predict_round(state: RoundState) -> BoundedAnswer:
    """Who wins this round?"""
    return predict([state])[0]


@app.post("/predict/rounds")
async def predict_rounds(body: RoundsBody) -> list[BoundedAnswer]:
    """Who wins each of these rounds?"""
    return predict(body.states)


@app.get("/readyz")
async def readyz() -> dict[str, str]:
    """Ready once it answers."""
    return {"status": "ready"}
