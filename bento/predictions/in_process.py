"""Predictions for callers inside the process, such as another BentoML service: no HTTP, the same models and answers."""

from functools import cache
from typing import Any

import msgspec
from bentoml.exceptions import InvalidArgument, ServiceUnavailable
from pydantic import BaseModel

from bento.http.problems import Problem
from bento.predictions.champions.champions import Champions
from bento.predictions.http.requests import Form, form_of
from cs2_pipeline import settings
from cs2_pipeline.artifact.predictors import Predictor
from cs2_pipeline.artifact.spec import ModelSpec, serving_of

Body = BaseModel | dict[str, Any]
"""A body as it was declared to BentoML, or as plain values."""


async def one(spec: ModelSpec, item: Body) -> dict[str, Any]:
    """The answer about one item."""
    model = await _loaded(spec.name)
    values = _values(form_of(serving_of(spec)), item)
    return model.answer(values, model.one(values)) | {"model_version": model.version.version}


async def many(spec: ModelSpec, items: Body) -> dict[str, Any]:
    """The answers about many items."""
    model, serving = await _loaded(spec.name), serving_of(spec)
    values = [_values(form_of(serving), item) for item in _document(items)[serving.listed]]
    answers = [model.answer(asked, one) for asked, one in zip(values, model.many(values), strict=True)]
    return {"predictions": answers, "model_version": model.version.version}


@cache
def _champions() -> Champions:
    return Champions(settings.load())


async def _loaded(name: str) -> Predictor[Any]:
    champions = _champions()
    await champions.glance()
    model = champions.predictors.get(name)
    if model is None:
        raise ServiceUnavailable(f"there is no champion of {name} yet")
    return model


def _values(form: Form, item: Body) -> dict[str, Any]:
    try:
        return form.read_one(msgspec.json.encode(_document(item)))[0]
    except Problem as problem:
        raise InvalidArgument(problem.body().decode()) from None


def _document(body: Body) -> dict[str, Any]:
    return body.model_dump() if isinstance(body, BaseModel) else body
