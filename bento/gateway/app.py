"""`build_app(settings)`: the FastAPI application of the gateway, put together from its rooms."""

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.middleware.cors import CORSMiddleware

from bento.gateway.access import Access
from bento.gateway.http import errors, openapi
from bento.gateway.http.direct import Direct
from bento.gateway.http.middleware import App, Counted, LimitedBody, SpelledQuery
from bento.gateway.rooms import ROOMS
from bento.gateway.routers import forecasts, uploads
from bento.gateway.routers.health import VERSION
from bento.http.openapi import page
from cs2_pipeline.settings import Settings


def build_app(settings: Settings) -> FastAPI:
    """The application. Nothing is opened before its lifespan begins.

    Raises:
        ValueError: the settings cannot work.
    """
    app = _Gateway(
        title="Counter-Strike 2 platform",
        version=VERSION,
        description=openapi.DESCRIPTION,
        lifespan=_running,
        openapi_tags=list(openapi.TAGS),
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    app.state.settings = settings
    app.state.access = Access(settings)
    app.state.complaints = {}
    for room in ROOMS:
        app.include_router(room.router)
    errors.install(app)
    app.add_api_route("/openapi.camel.json", _camel_document, include_in_schema=False, methods=["GET"])
    app.add_api_route("/docs", _docs, include_in_schema=False, methods=["GET"])
    return app


class _Gateway(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, with our errors instead of FastAPI's."""
        if self.openapi_schema is None:
            self.openapi_schema = openapi.with_problems(super().openapi())
        return self.openapi_schema

    def build_middleware_stack(self) -> Any:
        """FastAPI's own layers, and ours around them."""
        settings: Settings = self.state.settings
        app: App = SpelledQuery(Direct(super().build_middleware_stack(), forecasts.DIRECT))
        files = {uploads.ADDRESS: settings.upload_max_bytes}
        app = Counted(LimitedBody(app, settings.max_body_bytes, settings.body_timeout, files))
        if origins := [origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()]:
            return CORSMiddleware(app, allow_origins=origins, allow_methods=["*"], allow_headers=["*"])
        return app


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for room in ROOMS:
            if room.running is not None:
                await stack.enter_async_context(room.running(app))
        gc.freeze()  # what is there after the start stays: each full collection would look through all of it
        yield


async def _camel_document(request: Request) -> JSONResponse:
    return JSONResponse(openapi.in_camel_case(request.app.openapi()))


async def _docs() -> HTMLResponse:
    return HTMLResponse(page("Counter-Strike 2 platform: API"))
