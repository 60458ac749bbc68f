"""The bodies of the baselines' prediction services, as pydantic models: what both take and answer."""

from typing import Literal

from pydantic import BaseModel, Field


class RequiredState(BaseModel):
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
