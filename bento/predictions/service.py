"""The BentoML service: ``bentoml serve bento.predictions.service:CounterStrike``.

The endpoints are declared to BentoML, so that its clients, its schema and other services know them. Over HTTP they
are answered by `app.PredictionApp`, which stands in front of BentoML's own application; calls from inside the process
go to `in_process`. Both are imported when needed: the process that only supervises the workers loads this module
too, and has no use for models. BentoML's settings `tracing` and `traffic` would not act on what is answered before its
layers, so none are given.
"""

import re
from typing import Any

import bentoml
from _bentoml_sdk import Service as BentoService
from pydantic import BaseModel, ConfigDict, Field, create_model

from bento.predictions.http.access import Access
from bento.predictions.http.requests import MAX_BATCH, Form, form_of
from cs2_pipeline import settings
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.spec import ModelSpec, Serving

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


def _declared(spec: ModelSpec, serving: Serving) -> dict[str, Any]:
    """A model's two endpoints as BentoML wants them, by the name of the method."""
    item = _body(f"{serving.item}Body", form_of(serving))
    listed = (list[item], Field(min_length=1, max_length=MAX_BATCH))  # type: ignore[valid-type]
    items = create_model(f"{serving.item}sBody", **{serving.listed: listed})  # type: ignore[call-overload]

    async def one(self: Any, body: Any, /) -> dict[str, Any]:  # noqa: ARG001  BentoML's APIs are methods
        from bento.predictions import in_process  # noqa: PLC0415 (see the module's docstring)

        return await in_process.one(spec, body)

    async def many(self: Any, body: Any, /) -> dict[str, Any]:  # noqa: ARG001
        from bento.predictions import in_process  # noqa: PLC0415

        return await in_process.many(spec, body)

    methods = {}
    for compute, path, says, kind in (
        (one, serving.one, serving.question, item),
        (many, serving.many, serving.questions, items),
    ):
        compute.__name__ = re.sub(r"\W+", "_", path.strip("/"))
        compute.__doc__ = says
        compute.__annotations__["body"] = kind
        methods[compute.__name__] = bentoml.api(route=path)(compute)
    return methods


class _Prepared:
    """What `bentoml serve` does once before the workers start."""

    @bentoml.on_deployment  # type: ignore[untyped-decorator]
    def prepare() -> None:
        """End here when the settings cannot work."""
        Access(SETTINGS)
        SETTINGS.champion_cache.mkdir(parents=True, exist_ok=True)


_ENDPOINTS = {
    name: method
    for spec in catalog.served()
    if spec.serving is not None
    for name, method in _declared(spec, spec.serving).items()
}

CounterStrike = bentoml.service(
    name="counter_strike",
    service_class=FrontedService,
    workers=SETTINGS.service_workers,
    http={"host": SETTINGS.host, "port": SETTINGS.service_port},
    logging={"access": {"enabled": False}},
)(
    type(
        "CounterStrike",
        (_Prepared,),
        {"__doc__": "Answers of the promoted models of Counter-Strike 2.", "__module__": __name__, **_ENDPOINTS},
    )
)
