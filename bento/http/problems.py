"""What the service says when it cannot answer: RFC 9457 problem documents, and nothing of its inside."""

from dataclasses import dataclass, field
from typing import Final

import msgspec

MEDIA_TYPE: Final = b"application/problem+json"
WRONG: Final = "The request has wrong values"
"""Title of 422 where the request is not for a prediction of values at hand."""
MAX_ERRORS: Final = 100
"""Wrong fields listed in one answer; the rest are counted."""


@dataclass(frozen=True)
class FieldError:
    """One wrong field of a request: its path in the body, in the request's own spelling, and what is wrong."""

    field: str
    message: str


@dataclass
class Problem(Exception):  # noqa: N818 (the word of RFC 9457)
    """A request that gets no prediction.

    Attributes:
        status: the HTTP status.
        reason: a short name of the cause, for `type` and for the metric's label.
        title: the kind of problem in a few words.
        detail: this case in a sentence.
        errors: the wrong fields, for status 422.
        headers: response headers beside the usual ones.
        close: whether the connection is of no more use.
    """

    status: int
    reason: str
    title: str
    detail: str
    errors: list[FieldError] = field(default_factory=list)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    close: bool = False

    def body(self) -> bytes:
        """The problem document."""
        document: dict[str, object] = {
            "type": f"urn:cs2-pipeline:problem:{self.reason.replace('_', '-')}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = self.errors[:MAX_ERRORS]
        return msgspec.json.encode(document)


def bad_values(errors: list[FieldError], title: str = "The values cannot be predicted from") -> Problem:
    """422: the body is JSON, its values cannot be used."""
    count = len(errors)
    detail = "one field is wrong" if count == 1 else f"{count} fields are wrong"
    if count > MAX_ERRORS:
        detail += f"; the first {MAX_ERRORS} are listed"
    return Problem(422, "bad_values", title, detail, errors)


def not_json(detail: str) -> Problem:
    """400: the body is not JSON."""
    return Problem(400, "not_json", "The body is not JSON", detail)


def too_large(limit: int) -> Problem:
    """413: the body is larger than the service reads."""
    return Problem(413, "too_large", "The body is too large", f"at most {limit} bytes are accepted", close=True)


def too_slow(seconds: float) -> Problem:
    """408: the body did not come."""
    return Problem(
        408, "too_slow", "The body did not arrive", f"it must be sent within {seconds:g} seconds", close=True
    )


def wrong_encoding(got: str) -> Problem:
    """415: the body is compressed."""
    return Problem(
        415,
        "wrong_encoding",
        "The body must not be compressed",
        f"send it as it is, without the header Content-Encoding: {got[:100]!a}",
        headers=[(b"accept-encoding", b"identity")],
    )


def wrong_media_type(got: str) -> Problem:
    """415: the body is not declared to be JSON."""
    return Problem(
        415,
        "wrong_media_type",
        "The body must be JSON",
        f"send the header Content-Type: application/json, not {got[:100]!a}",
        headers=[(b"accept-post", b"application/json")],
    )


def overloaded() -> Problem:
    """429: more requests at once than are held."""
    return Problem(
        429, "overloaded", "Too many requests at once", "try again in a second", headers=[(b"retry-after", b"1")]
    )


def rate_limited(wait: int, *, daily: bool = False) -> Problem:
    """429: somebody asks too often."""
    title = "The daily quota of this key is used up" if daily else "Too many requests with this key"
    return Problem(429, "rate_limited", title, f"try again in {wait} s", headers=[(b"retry-after", str(wait).encode())])


def no_model(name: str, refused: str | None = None) -> Problem:
    """503: no version of the model is loaded; where there is one that does not work, why."""
    return Problem(
        503,
        "no_model",
        "No model is loaded",
        f"the champion of {name} cannot be used: {refused}"
        if refused
        else f"no champion of {name} is loaded; the service answers as soon as there is one",
        headers=[(b"retry-after", b"5")],
    )


def no_records() -> Problem:
    """503: the platform's own database cannot be used just now."""
    detail = "the records are locked or cannot be reached, so nothing was done: try again"
    return Problem(503, "no_records", "The records are unavailable", detail, headers=[(b"retry-after", b"1")])


def not_ready(missing: str) -> Problem:
    """503: not every model that should be served is loaded."""
    return Problem(503, "not_ready", "Not ready", f"not loaded yet: {missing}", headers=[(b"retry-after", b"1")])


def not_reloaded(seconds: float) -> Problem:
    """503: MLflow was to be asked at once, and there is no answer yet."""
    detail = f"MLflow has not answered within {seconds:g} s; the models that are loaded keep answering meanwhile"
    return Problem(503, "not_reloaded", "Not reloaded yet", detail, headers=[(b"retry-after", b"15")])


def unauthorized(detail: str) -> Problem:
    """401: a key or token is missing or wrong."""
    return Problem(401, "unauthorized", "Not allowed", detail, headers=[(b"www-authenticate", b"Bearer")])


def forbidden(scope: str) -> Problem:
    """403: known, but not allowed this."""
    return Problem(403, "forbidden", "Not allowed", f"this needs a key with the scope {scope}")


def closed() -> Problem:
    """403: admin routes when no token is set."""
    return Problem(403, "closed", "Closed", "the admin routes are closed: the service was started without a token")


def not_found() -> Problem:
    """404: no such path."""
    return Problem(404, "not_found", "No such path", "/openapi.json lists all paths")


def wrong_method(allowed: str) -> Problem:
    """405: the path is there, for other methods."""
    return Problem(
        405, "wrong_method", "Wrong method", f"this path accepts {allowed}", headers=[(b"allow", allowed.encode())]
    )


def internal(identifier: str) -> Problem:
    """500: a defect of the service; its log has the same id."""
    return Problem(500, "internal", "The service failed", f"the log gives the cause under the id {identifier}")
