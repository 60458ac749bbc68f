"""The classic forecast service, as the named baseline: FastAPI, joblib, a row inserted into PostgreSQL for each answer.

Written as its tutorials write it, without handicaps: one worker, uvloop and httptools, a pooled session, the model
and everybody's strength loaded once. Its model is a scaler and a logistic regression of the two line-ups' strengths; it
gives a probability, no interval, no scores, no series, and its row proves nothing.

``CS2_BENCH_CLASSIC=FILE CS2_RECORDS_URL=postgresql+psycopg://… python -m uvicorn benchmarks.gateway_classic:app``
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import joblib
import numpy as np
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker


class Base(DeclarativeBase):
    """The tables."""


class Prediction(Base):
    """A forecast that was given."""

    __tablename__ = "classic_predictions"
    id: Mapped[int] = mapped_column(primary_key=True)
    map_id: Mapped[str]
    team1_id: Mapped[str]
    team2_id: Mapped[str]
    probability: Mapped[float]
    created_at: Mapped[datetime]


class Question(BaseModel):
    """Who wins this map?"""

    map_id: str
    team1_id: str
    team2_id: str
    team1_player_ids: list[str]
    team2_player_ids: list[str]


class Answer(BaseModel):
    """The probabilities."""

    team1_id: str
    team2_id: str
    team1_win_probability: float
    team2_win_probability: float


engine = create_engine(os.environ["CS2_RECORDS_URL"], pool_pre_ping=True, pool_size=10, max_overflow=20)
Base.metadata.create_all(engine)
sessions = sessionmaker(engine)
model, strength = joblib.load(os.environ["CS2_BENCH_CLASSIC"])
app = FastAPI()


def session() -> Iterator[Session]:
    """A session for a request."""
    with sessions() as found:
        yield found


@app.post("/forecast/get_team1_win_probability")
def forecast(question: Question, records: Annotated[Session, Depends(session)]) -> Answer:
    """Who wins this map?"""
    try:
        sides = [
            np.mean([strength[player] for player in players])
            for players in (question.team1_player_ids, question.team2_player_ids)
        ]
    except KeyError as error:
        raise HTTPException(422, f"unknown player {error}") from error
    probability = float(model.predict_proba(np.array([sides]))[0, 1])
    records.add(
        Prediction(
            map_id=question.map_id,
            team1_id=question.team1_id,
            team2_id=question.team2_id,
            probability=probability,
            created_at=datetime.now(UTC),
        )
    )
    records.commit()
    return Answer(
        team1_id=question.team1_id,
        team2_id=question.team2_id,
        team1_win_probability=probability,
        team2_win_probability=1 - probability,
    )


@app.get("/readyz")
async def readyz() -> dict[str, str]:
    """Ready once it answers."""
    return {"status": "ready"}
