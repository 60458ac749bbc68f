"""``python -m bento.gateway.consumer [--host ADDRESS] [--port PORT]``: prices live matches in a process of its own.

It shares the log with gateways and other consumers, fetches champions, and answers for its health only.
"""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from bento.gateway.http import errors
from bento.gateway.live import room
from bento.gateway.routers import health
from cs2_pipeline import settings
from cs2_pipeline.settings import Settings


def build_app(of: Settings) -> FastAPI:
    """Health, metrics, and the live feed while it is open."""
    app = FastAPI(title="Live consumer", lifespan=_running, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings = of
    app.state.complaints = {}
    app.include_router(health.router)
    errors.install(app)
    return app


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    async with room.running(app):
        yield


def main() -> None:
    """Consume until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m bento.gateway.consumer", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address of /livez, /readyz and /metrics")
    parser.add_argument("--port", type=int, default=9102)
    chosen = parser.parse_args()
    uvicorn.run(build_app(settings.load()), host=chosen.host, port=chosen.port, log_level="warning")


if __name__ == "__main__":
    main()
