"""The data docs: what Great Expectations found on the extracted tables, as the pipeline wrote it."""

from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from bento.gateway.access import Caller, Scope, allow
from bento.gateway.pages.site import HEADERS
from bento.http.problems import Problem
from cs2_pipeline.settings import Settings

router: Final = APIRouter(include_in_schema=False)

_POLICY: Final = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""The pages carry styles of their own, and no script runs in them: they show values of somebody's database."""


@router.get("/data-docs")
async def first_page() -> Response:
    """The first page, under an address from which its links lead on."""
    return RedirectResponse("/data-docs/index.html")


@router.get("/data-docs/{path:path}")
async def file(request: Request, path: str, _: Annotated[Caller, Depends(allow(Scope.PREDICT))]) -> Response:
    """A page of the data docs, or what belongs to one."""
    settings: Settings = request.app.state.settings
    folder = settings.data_docs_folder.resolve()
    try:
        found = (folder / path).resolve()
        there = found.is_relative_to(folder) and found.is_file()
    except (OSError, ValueError):  # too long for a name, or with a NUL
        there = False
    if not there:
        raise Problem(404, "not-found", "Not found", _missing(folder))
    return FileResponse(found, headers=HEADERS | {"Content-Security-Policy": _POLICY})


def _missing(folder: Path) -> str:
    if (folder / "index.html").is_file():
        return "there is no such page of the data docs; they begin at /data-docs"
    return "there are no data docs yet: the asset data_docs makes them, and `cs2 train` does too"
