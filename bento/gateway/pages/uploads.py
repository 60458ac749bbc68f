"""Uploads: the form for demos and replays, and what became of those that were sent; the script asks the public API."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from bento.gateway.access import Caller, known
from bento.gateway.pages.site import page
from cs2_pipeline.coaching.uploads.kinds import ENDINGS

router: Final = APIRouter(include_in_schema=False)


@router.get("/uploads")
async def uploads(request: Request, _: Annotated[Caller, Depends(known)]) -> Response:
    """The form and the list, for whoever is signed in."""
    return page(request, "uploads.html", most=request.app.state.settings.upload_max_bytes, endings=list(ENDINGS))
