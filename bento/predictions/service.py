"""The BentoML service: ``bentoml serve bento.predictions.service:CounterStrike``.

The endpoints are declared to BentoML, so that its clients, its schema and other services know them. Over HTTP they
are answered by `app.PredictionApp`, which stands in front of BentoML's own application; calls from inside the process
go to `inside`. Both are imported when they are needed: the process that only supervises the workers loads this module
too, and has no use for models.
"""

from typing import Any

import bentoml
from _bentoml_sdk import Service as BentoService
from pydantic import BaseModel, ConfigDict, Field, create_model

from bento.predictions.http.access import Access
from bento.predictions.http.requests import MAX_BATCH, PLAYER_FORM, ROUND_FORM, Form
from cs2_pipeline import settings

SETTINGS = settings.load()


class FrontedService(BentoService):  # type: ignore[misc]
    """A BentoML service whose paths are answered before BentoML's middlewares."""

    def to_asgi(self, is_main: bool = True) -> Any:
        """The application that a worker serves."""
        from starlette.middleware.cors import CORSMiddleware  # noqa: PLC0415 (see the module's docstring)

        from bento.http import connections  # noqa: PLC0415
        from bento.predictions.http.app import PredictionApp  # noqa: PLC0415

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
        from bento.predictions import in_process  # noqa: PLC0415

        return await in_process.predict_round(state)

    @bentoml.api(route="/predict/rounds")  # type: ignore[untyped-decorator]
    async def predict_rounds(self, states: RoundsBody, /) -> dict[str, Any]:
        """Who wins each of these rounds?"""
        from bento.predictions import in_process  # noqa: PLC0415

        return await in_process.predict_rounds(states)

    @bentoml.api(route="/classify/player")  # type: ignore[untyped-decorator]
    async def classify_player(self, player: PlayerBody, /) -> dict[str, Any]:
        """How strong is this player?"""
        from bento.predictions import in_process  # noqa: PLC0415

        return await in_process.classify_player(player)

    @bentoml.api(route="/classify/players")  # type: ignore[untyped-decorator]
    async def classify_players(self, players: PlayersBody, /) -> dict[str, Any]:
        """How strong is each of these players?"""
        from bento.predictions import in_process  # noqa: PLC0415

        return await in_process.classify_players(players)
