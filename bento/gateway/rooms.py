"""The rooms of the gateway, one a concern. A new one is a module in `routers/` and a line here.

A room is a router, and where something must run while the gateway is open, an async context manager over the
application (`app.state` holds the settings, the access and what other rooms put there).
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, FastAPI

from bento.gateway import announcer, receiving
from bento.gateway import forecasts as forecasting
from bento.gateway.live import curve, graph, intake, matches, room, sources
from bento.gateway.pages import coach, data, data_docs, models, sign_in, site, what_if
from bento.gateway.pages import forecasts as forecast_pages
from bento.gateway.pages import matches as match_pages
from bento.gateway.pages import uploads as upload_pages
from bento.gateway.routers import (
    announcements,
    auth,
    coaching,
    directories,
    forecasts,
    health,
    records,
    uploads,
    webhooks,
)


@dataclass(frozen=True)
class Room:
    """A concern of the gateway: its routes, and what runs while they are open."""

    router: APIRouter
    running: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None


ROOMS: Final = (
    Room(records.router, records.running),
    Room(health.router),
    Room(auth.router),
    Room(forecasts.router, forecasting.running),
    Room(directories.router),
    Room(coaching.router),
    Room(uploads.router, receiving.running),
    Room(announcements.router, announcer.running),
    Room(intake.router, room.running),
    Room(sources.router),
    Room(matches.router),
    Room(curve.router),
    Room(webhooks.router, webhooks.running),
    Room(graph.router),
    Room(site.router),
    Room(what_if.router),
    Room(models.router),
    Room(data_docs.router),
    Room(data.router),
    Room(sign_in.router),
    Room(match_pages.router),
    Room(forecast_pages.router),
    Room(coach.router),
    Room(upload_pages.router),
)
"""Opened in this order: the records are there for all behind them."""
