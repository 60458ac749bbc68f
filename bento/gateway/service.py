"""The BentoML service: ``python -m bento.gateway``, or ``bentoml serve bento.gateway.service:Gateway``.

The FastAPI application is mounted on BentoML's own, which runs its lifespan. Requests are handed to it before BentoML's
middlewares, which cost more than most answers and would cut long ones (server-sent events, sockets); what BentoML
itself serves (`PASSED_ON`) goes through to it.
"""

from typing import Any, Final

import bentoml
from _bentoml_sdk import Service as BentoService

from bento.gateway.app import build_app
from bento.http import connections
from bento.http.openapi import SWAGGER_FILES
from cs2_pipeline import settings

SETTINGS: Final = settings.load()
APP: Final = build_app(SETTINGS)
PASSED_ON: Final = {"/schema.json", "/healthz", *(f"/{name}" for name in SWAGGER_FILES)}


class FrontedService(BentoService):  # type: ignore[misc]
    """A BentoML service whose mounted application is asked before BentoML's middlewares."""

    def to_asgi(self, is_main: bool = True) -> Any:
        """The application that a worker serves."""
        connections.install()
        bentos = super().to_asgi(is_main=is_main)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            ours = scope["type"] != "lifespan" and scope.get("path") not in PASSED_ON
            await (APP if ours else bentos)(scope, receive, send)

        return app


@bentoml.asgi_app(APP, path="/")
@bentoml.service(
    name="gateway",
    service_class=FrontedService,
    workers=1,
    http={"host": SETTINGS.host, "port": SETTINGS.gateway_port},
    logging={"access": {"enabled": False}},
)
class Gateway:
    """Forecasts, live matches, players, accounts and models over HTTP."""
