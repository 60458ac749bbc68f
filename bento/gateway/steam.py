"""Sign-in through Steam: the relying party's side of OpenID 2.0, as far as Steam speaks it.

The provider is asked whether it said what the browser brings (`check_authentication`), every time: nothing that the
browser brings is believed otherwise. https://openid.net/specs/openid-authentication-2_0.html, sections 9 to 11.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

import httpx
from fastapi import Request

from bento.http.problems import Problem, unauthorized

PREFIX: Final = "openid."
NAMESPACE: Final = "http://specs.openid.net/auth/2.0"
ANYBODY: Final = "http://specs.openid.net/auth/2.0/identifier_select"
NEEDED: Final = ("op_endpoint", "claimed_id", "identity", "return_to", "response_nonce", "assoc_handle")
"""What the provider must have signed (section 10.1)."""
NONCE_LIFE: Final = timedelta(minutes=5)
PROVIDER_SECONDS: Final = 10.0
MAX_ANSWER: Final = 10_000


@dataclass(frozen=True)
class Proven:
    """Whom the provider vouches for, and the nonce that makes its word good once."""

    steam_id: str
    nonce: str


def address(request: Request, state: str) -> str:
    """Where to send a browser that wants to sign in."""
    asked = {
        "openid.ns": NAMESPACE,
        "openid.mode": "checkid_setup",
        "openid.return_to": _return_to(request, state),
        "openid.realm": _public(request),
        "openid.identity": ANYBODY,
        "openid.claimed_id": ANYBODY,
    }
    return f"{request.app.state.settings.steam_openid_url}?{urlencode(asked)}"


async def verify(request: Request, state: str) -> Proven:
    """Whom a browser that comes back may be.

    Raises:
        Problem: 401 when the provider did not say so, 502 when it cannot be asked.
    """
    provider: str = request.app.state.settings.steam_openid_url
    sent = {name: value for name, value in request.query_params.multi_items() if name.startswith(PREFIX)}
    said = {name.removeprefix(PREFIX): value for name, value in sent.items()}
    if said.get("mode") != "id_res":
        raise unauthorized("the sign-in was cancelled, or did not come from Steam")
    signed = set(said.get("signed", "").split(","))
    identity = re.fullmatch(re.escape(provider.removesuffix("login") + "id/") + r"(\d{17})", said.get("claimed_id", ""))
    believable = (
        said.get("ns") == NAMESPACE
        and said.get("op_endpoint") == provider
        and said.get("return_to") == _return_to(request, state)
        and identity is not None
        and said.get("identity") == said.get("claimed_id")
        and signed.issuperset(NEEDED)
        and _is_fresh(said.get("response_nonce", ""))
    )
    if not believable or identity is None or not await _confirmed(sent, provider):
        raise unauthorized("Steam did not confirm this sign-in: start again at /auth/steam")
    return Proven(identity[1], said["response_nonce"])


async def _confirmed(sent: dict[str, str], provider: str) -> bool:
    """Whether the provider said exactly this. Whatever is believed must be part of it."""
    asked = sent | {f"{PREFIX}mode": "check_authentication"}
    try:
        async with httpx.AsyncClient(timeout=PROVIDER_SECONDS, follow_redirects=False) as client:
            answered = await client.post(provider, data=asked)
    except httpx.HTTPError as error:
        detail = f"Steam could not be asked ({type(error).__name__}): try again"
        raise Problem(502, "provider_unreachable", "Steam cannot be reached", detail) from error
    return answered.status_code == 200 and "is_valid:true" in answered.text[:MAX_ANSWER].splitlines()


def _is_fresh(nonce: str) -> bool:
    try:
        made = datetime.strptime(nonce[:20], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(datetime.now(UTC) - made) <= NONCE_LIFE and len(nonce) <= 300


def _return_to(request: Request, state: str) -> str:
    return f"{_public(request)}/auth/steam/return?{urlencode({'state': state})}"


def _public(request: Request) -> str:
    return str(request.app.state.settings.public_url or request.base_url).rstrip("/")
