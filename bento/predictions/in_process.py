"""Predictions for callers inside the process, such as another BentoML service: no HTTP, the same models and answers."""

from functools import cache
from typing import Any

import msgspec
from bentoml.exceptions import InvalidArgument, ServiceUnavailable
from pydantic import BaseModel

from bento.http.problems import Problem
from bento.predictions.champions.champions import Champions
from bento.predictions.champions.predictors import PlayerClassifier
from bento.predictions.http.answers import player_answer, round_answer
from bento.predictions.http.requests import PLAYER_FORM, ROUND_FORM, SNAKE, Form
from cs2_pipeline import settings
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.round_odds import RoundPredictor

Body = BaseModel | dict[str, Any]
"""A body as it was declared to BentoML, or as plain values."""


async def predict_round(state: Body) -> dict[str, Any]:
    """The answer for one state."""
    model = await _loaded(catalog.ROUND.name, RoundPredictor)
    answer = round_answer(model.one(_values(ROUND_FORM, state)), SNAKE)
    return answer | {"model_version": model.version.version}


async def predict_rounds(states: Body) -> dict[str, Any]:
    """The answers for many states."""
    model = await _loaded(catalog.ROUND.name, RoundPredictor)
    odds = model.many([_values(ROUND_FORM, state) for state in _document(states)["states"]])
    return {"predictions": [round_answer(one, SNAKE) for one in odds], "model_version": model.version.version}


async def classify_player(player: Body) -> dict[str, Any]:
    """The answer for one player."""
    model = await _loaded(catalog.PLAYER.name, PlayerClassifier)
    answer = player_answer(model.one(_values(PLAYER_FORM, player)), SNAKE)
    return answer | {"model_version": model.version.version}


async def classify_players(players: Body) -> dict[str, Any]:
    """The answers for many players."""
    model = await _loaded(catalog.PLAYER.name, PlayerClassifier)
    skills = model.many([_values(PLAYER_FORM, player) for player in _document(players)["players"]])
    return {"predictions": [player_answer(one, SNAKE) for one in skills], "model_version": model.version.version}


@cache
def _champions() -> Champions:
    return Champions(settings.load())


async def _loaded(name: str, kind: type[Any]) -> Any:
    champions = _champions()
    await champions.glance()
    model = champions.predictors.get(name)
    if not isinstance(model, kind):
        raise ServiceUnavailable(f"there is no champion of {name} yet")
    return model


def _values(form: Form, item: Body) -> dict[str, Any]:
    try:
        return form.read_one(msgspec.json.encode(_document(item)))[0]
    except Problem as problem:
        raise InvalidArgument(problem.body().decode()) from None


def _document(body: Body) -> dict[str, Any]:
    return body.model_dump() if isinstance(body, BaseModel) else body
