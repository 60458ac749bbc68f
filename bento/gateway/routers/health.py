"""How the gateway is: `/livez`, `/readyz`, `/health`, `/metrics`. Open to everybody, and telling no secrets."""

from collections.abc import Callable
from importlib.metadata import version as installed_version
from typing import Final, Literal

from fastapi import APIRouter, Request, Response

from bento.gateway.http import metrics
from bento.gateway.http.wire import Wire, answer
from bento.http.problems import not_ready

router: Final = APIRouter(tags=["health"])
VERSION: Final = installed_version("cs2-pipeline")

Complaint = Callable[[], str | None]
"""Says what keeps a part from working, None when nothing does. `app.state.complaints` maps parts to theirs."""


class Alive(Wire):
    """The process answers."""

    status: Literal["alive", "ready"]


class Health(Wire):
    """How the gateway is."""

    status: Literal["healthy", "degraded"]
    version: str
    reasons: list[str]


@router.get("/livez", response_model=Alive)
async def livez(request: Request) -> Response:
    """Is the process alive?"""
    return await answer(request, Alive(status="alive"))


@router.get("/readyz", response_model=Alive)
async def readyz(request: Request) -> Response:
    """Does every part work?"""
    if reasons := _complaints(request):
        raise not_ready("; ".join(reasons))
    return await answer(request, Alive(status="ready"))


@router.get("/health", response_model=Health)
async def health(request: Request) -> Response:
    """How the gateway is, and what does not work."""
    reasons = _complaints(request)
    return await answer(request, Health(status="degraded" if reasons else "healthy", version=VERSION, reasons=reasons))


@router.get("/metrics", include_in_schema=False)
async def prometheus() -> Response:
    """Metrics as Prometheus reads them."""
    return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _complaints(request: Request) -> list[str]:
    asked = ((part, complaint()) for part, complaint in request.app.state.complaints.items())
    return [f"{part}: {reason}" for part, reason in asked if reason]
