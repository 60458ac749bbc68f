"""About the data: where it comes from, how far it reaches, what was left out and why, what is in quarantine."""

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from bento.gateway.access import Caller, Scope, allow
from bento.gateway.pages.site import page
from cs2_pipeline.records import reports

router: Final = APIRouter(include_in_schema=False)


@router.get("/data")
async def data(request: Request, _: Annotated[Caller, Depends(allow(Scope.PREDICT))]) -> Response:
    """The newest account of the extracted tables."""
    found = await asyncio.to_thread(reports.newest, request.app.state.records, reports.DATA)
    return page(request, "data.html", report=found)
