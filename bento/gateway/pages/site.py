"""What all pages share: templates, security headers, static files and their addresses."""

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import plotly
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from bento.gateway.access import SESSION, csrf_token
from bento.gateway.pages import words
from bento.http.problems import Problem

STATIC: Final = Path(str(files("bento.gateway.pages"))) / "static"
PLOTLY: Final = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

# Plotly puts two style elements of its own into the page, always the same: their hashes let them in and no other.
_PLOTLY_STYLES: Final = (
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
    "'sha256-ji27qzEtxXZW+7dun6UwjHXJ18e6WAin1VvNtkzIE/o='",
)
_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        f"style-src 'self' {' '.join(_PLOTLY_STYLES)}",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

router: Final = APIRouter(include_in_schema=False)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("bento.gateway.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = asset
    environment.filters.update(words.FILTERS)
    return environment


def page(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A page.

    Args:
        request: what is answered; the navigation marks its path.
        template: name of a file in ``templates``.
        status: of the answer.
        context: what the template reads; a name it reads and does not find is an error, not an empty place.
    """
    caller, session = getattr(request.state, "caller", None), request.cookies.get(SESSION, "")
    user = caller.user if caller is not None else None
    shared = {"path": request.url.path, "user": user, "csrf": csrf_token(session) if user and session else ""}
    text = _environment().get_template(template).render(**shared, **context)
    return HTMLResponse(text, status_code=status, headers=HEADERS)


def problem_page(request: Request, problem: Problem) -> HTMLResponse:
    """A problem as people read it: what happened and where to go on."""
    answer = page(request, "problem.html", status=problem.status, problem=problem)
    for name, value in problem.headers:
        answer.headers[name.decode("latin-1")] = value.decode("latin-1")
    return answer


def wants_html(request: Request) -> bool:
    """Whether a browser opens a page or sends a form, rather than a program or a script asks for a document."""
    return request.method in ("GET", "POST") and "text/html" in request.headers.get("accept", "")


@cache
def asset(name: str) -> str:
    """The address of a static file; it changes with the content, so the file may be kept for ever."""
    content = _file(name).read_bytes()
    return f"/static/{hashlib.sha256(content).hexdigest()[:12]}/{name}"


@cache
def _names() -> frozenset[str]:
    return frozenset(file.name for file in (*STATIC.iterdir(), PLOTLY) if file.is_file())


def _file(name: str) -> Path:
    return PLOTLY if name == "plotly.min.js" else STATIC / name


@router.get("/static/{stamp}/{name}")
async def static(stamp: str, name: str) -> Response:
    """A script, a style sheet or a picture."""
    if name not in _names() or asset(name) != f"/static/{stamp}/{name}":
        raise Problem(404, "not-found", "Not found", f"there is no static file {name} of this stamp")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    file = _file(name)
    return FileResponse(file, media_type=_TYPES.get(file.suffix, "application/octet-stream"), headers=headers)
