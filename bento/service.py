"""The BentoML service: ``bentoml serve bento.service:CounterStrike``.

The endpoints are declared to BentoML, so that its clients, its schema and other services know them. Over HTTP they
are answered by `app.PredictionApp`, which stands in front of BentoML's own application.
"""

from functools import cache
from typing import Any

import bentoml
import msgspec
from _bentoml_sdk import Service as BentoService
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.middleware.cors import CORSMiddleware

from bento import connections
from bento.access import Access
from bento.answers import player_answer, round_answer
from bento.app import PredictionApp
from bento.champions import Champions
from bento.predictors import PlayerClassifier, RoundPredictor
from bento.problems import Problem
from bento.requests import MAX_BATCH, PLAYER_FORM, ROUND_FORM, SNAKE, Form
from cs2_pipeline import settings
from cs2_pipeline.registry.cache import PLAYER_CLASSIFIER, ROUND_PREDICTOR

SETTINGS = settings.load()


class FrontedService(BentoService):  # type: ignore[misc]
    """A BentoML service whose paths are answered before BentoML's middlewares."""

    def to_asgi(self, is_main: bool = True) -> Any:
        """The application that a worker serves."""
        connections.install()
        app: Any = PredictionApp(SETTINGS, super().to_asgi(is_main=is_main))
        if origins := [origin.strip() for origin in SETTINGS.cors_origins.split(",") if origin.strip()]:
            app = CORSMiddleware(app, allow_origins=origins, allow_methods=["GET", "POST"], allow_headers=["*"])
        return app


def _body(name: str, form: Form) -> type[BaseModel]:
    """A form as BentoML wants it declared; what a request may hold is checked by the form itself."""
    fields: dict[str, Any] = {}
    for field in form.fields:
        kind: Any = str if field.text else int if field.integer else float
        bounds: Any = {} if field.text else {"ge": field.low, "le": field.high}
        default: Any = ... if field.required else None
        kind = kind if field.required else kind | None
        fields[field.name] = (kind, Field(default, description=field.meaning, **bounds))
    for key in form.ids:
        fields[key] = (str | None, Field(None, description=f"the caller's own {key.replace('_', ' ')}"))
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


RoundBody: Any = _body("RoundBody", ROUND_FORM)
PlayerBody: Any = _body("PlayerBody", PLAYER_FORM)


class RoundsBody(BaseModel):
    """Many states."""

    states: list[RoundBody] = Field(min_length=1, max_length=MAX_BATCH)


class PlayersBody(BaseModel):
    """Many players."""

    players: list[PlayerBody] = Field(min_length=1, max_length=MAX_BATCH)


@bentoml.service(
    name="counter_strike",
    service_class=FrontedService,
    workers=SETTINGS.service_workers,
    http={"host": SETTINGS.host, "port": SETTINGS.service_port},
    logging={"access": {"enabled": False}},
)
class CounterStrike:
    """Win probabilities of Counter-Strike 2 rounds and skill tiers of players."""

    @bentoml.on_deployment  # type: ignore[untyped-decorator]
    def prepare() -> None:
        """Run once before the workers start: `bentoml serve` ends here when the settings cannot work."""
        Access(SETTINGS)
        SETTINGS.champion_cache.mkdir(parents=True, exist_ok=True)

    @bentoml.api(route="/predict/round")  # type: ignore[untyped-decorator]
    async def predict_round(self, state: RoundBody, /) -> dict[str, Any]:
        """Who wins this round?"""
        model = await _loaded(ROUND_PREDICTOR, RoundPredictor)
        answer = round_answer(model.one(_values(ROUND_FORM, state)), SNAKE)
        return answer | {"model_version": model.version.version}

    @bentoml.api(route="/predict/rounds")  # type: ignore[untyped-decorator]
    async def predict_rounds(self, states: RoundsBody, /) -> dict[str, Any]:
        """Who wins each of these rounds?"""
        model = await _loaded(ROUND_PREDICTOR, RoundPredictor)
        odds = model.many([_values(ROUND_FORM, state) for state in _document(states)["states"]])
        return {
            "predictions": [round_answer(one, SNAKE) for one in odds],
            "model_version": model.version.version,
        }

    @bentoml.api(route="/classify/player")  # type: ignore[untyped-decorator]
    async def classify_player(self, player: PlayerBody, /) -> dict[str, Any]:
        """How strong is this player?"""
        model = await _loaded(PLAYER_CLASSIFIER, PlayerClassifier)
        answer = player_answer(model.one(_values(PLAYER_FORM, player)), SNAKE)
        return answer | {"model_version": model.version.version}

    @bentoml.api(route="/classify/players")  # type: ignore[untyped-decorator]
    async def classify_players(self, players: PlayersBody, /) -> dict[str, Any]:
        """How strong is each of these players?"""
        model = await _loaded(PLAYER_CLASSIFIER, PlayerClassifier)
        skills = model.many([_values(PLAYER_FORM, player) for player in _document(players)["players"]])
        return {
            "predictions": [player_answer(one, SNAKE) for one in skills],
            "model_version": model.version.version,
        }


@cache
def _champions() -> Champions:
    return Champions(SETTINGS)


async def _loaded(name: str, kind: type[Any]) -> Any:
    """The model, for calls that come from inside the process and not over HTTP."""
    champions = _champions()
    await champions.glance()
    model = champions.predictors.get(name)
    if not isinstance(model, kind):
        raise bentoml.exceptions.ServiceUnavailable(f"there is no champion of {name} yet")
    return model


def _values(form: Form, item: Any) -> dict[str, Any]:
    try:
        return form.read_one(msgspec.json.encode(_document(item)))[0]
    except Problem as problem:
        raise bentoml.exceptions.InvalidArgument(problem.body().decode()) from None


def _document(body: Any) -> dict[str, Any]:
    """A body as a caller in the process may hand it over: as it was declared, or as plain values."""
    return body.model_dump() if isinstance(body, BaseModel) else body
