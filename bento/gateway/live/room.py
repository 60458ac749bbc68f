"""What runs while the gateway is open: the live feed of this process, and the follower of champions."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from fastapi import FastAPI, Request

from bento.http.problems import Problem, no_model
from bento.predictions.champions.champions import GLANCE, keep_following
from cs2_pipeline.artifact.catalog import ROUND
from cs2_pipeline.artifact.round_odds import RoundPredictor
from cs2_pipeline.live.history import HistoryUnavailableError
from cs2_pipeline.live.runtime import Live
from cs2_pipeline.settings import Settings


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """Run the live feed."""
    settings: Settings = app.state.settings
    settings.champion_cache.mkdir(parents=True, exist_ok=True)
    live = await asyncio.to_thread(Live, settings)
    live.hub.attach(asyncio.get_running_loop())
    live.start()
    gc.freeze()  # what is there now stays: looking through it in every full collection holds prices up
    app.state.live = live
    app.state.champion_asked_for = False
    app.state.complaints["live"] = live.complaint
    following = asyncio.create_task(_follow(app, settings.champion_cache))
    try:
        yield
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await asyncio.to_thread(live.close)


async def _follow(app: FastAPI, cache: Path) -> None:
    """Fetch champions once there is something to price: a gateway that prices nothing needs no follower."""
    live: Live = app.state.live
    while not (live.wanted or app.state.champion_asked_for):
        await asyncio.sleep(GLANCE)
    await keep_following(cache)


def live_of(request: Request) -> Live:
    """The live feed of the process that answers."""
    found: Live = request.app.state.live
    return found


def champion_of(request: Request) -> RoundPredictor:
    """The promoted round model.

    Raises:
        Problem: 503, there is none yet, or none was fetched yet: the first to ask makes the gateway fetch it.
    """
    request.app.state.champion_asked_for = True
    found = live_of(request).champion.current()
    if found is None:
        raise no_model(ROUND.name)
    return found


def last_price(request: Request, match_id: str, kept: str) -> dict[str, Any] | None:
    """The last price of a match: the history has it a little later than subscribers.

    Args:
        kept: the one in the history, as JSON; "" where there is none.
    """
    known = [msgspec.json.decode(kept)] if kept else []
    if (told := live_of(request).hub.last_price(match_id)) is not None:
        known.append(told)
    return max(known, key=lambda price: price["ts_calc"], default=None)


async def ask(request: Request, query: str, **values: Any) -> list[dict[str, Any]]:
    """Ask history, off the event loop.

    Raises:
        Problem: 503 when it cannot be asked.
    """
    try:
        return await asyncio.to_thread(live_of(request).history.ask, query, **values)
    except HistoryUnavailableError as error:
        raise Problem(503, "history_unavailable", "The history of matches cannot be read", str(error)) from error
