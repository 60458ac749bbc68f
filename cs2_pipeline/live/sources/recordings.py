"""What servers and clients once said, to be played again: log files, and files of state integration's posts."""

import json
import uuid
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from cs2_pipeline.live.sources.demo_database import SOURCE, Recorded
from cs2_pipeline.live.sources.gsi import StateIntegration
from cs2_pipeline.live.sources.server_log import ServerLog


class RecordingError(ValueError):
    """The file holds no such recording; the message says what was found instead."""


def of_server_log(path: Path, run: str = "") -> Recorded:
    """The match of a log file. In a series the maps follow each other.

    Raises:
        RecordingError: no match begins in it.
    """
    match = _match_of(path, run)
    with path.open(encoding="utf8", errors="replace") as lines:
        events = ServerLog(match, match).read(lines)
    return _recorded(path, match, events, "line of a match")


def of_posts(path: Path, run: str = "") -> Recorded:
    """The match of a JSON file: a list of posted bodies, or of requests that hold one as `parsedBody` or `body`.

    Raises:
        RecordingError: it is no such list, or no match is played in it.
    """
    try:
        posts = json.loads(path.read_text())
    except ValueError as error:
        raise RecordingError(f"{path.name} is not JSON: {error}") from None
    if not isinstance(posts, list):
        raise RecordingError(f"{path.name} holds no list of posts")
    match = _match_of(path, run)
    client = StateIntegration(match, match)
    events = [event for post in posts for event in client.read(_body(post), 0.0)]
    return _recorded(path, match, events, "post of a match")


def _body(post: Any) -> dict[str, Any]:
    found = post
    if isinstance(post, dict) and ("parsedBody" in post or "body" in post):
        found = post.get("parsedBody") or post.get("body")
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except ValueError:
            return {}
    return found if isinstance(found, dict) else {}


def _recorded(path: Path, match: str, events: Iterable[dict[str, Any]], what: str) -> Recorded:
    """The events with their times from the first one on; a clock that goes back stands still."""
    told, began, at, name = [], None, 0.0, ""
    for event in events:
        moment = datetime.fromisoformat(event["ts_event"]).timestamp()
        began = moment if began is None else began
        at = max(at, moment - began)
        name = event["payload"].get("map_name", name)
        told.append(event | {"ts_event": at, "source": SOURCE})
    if not told:
        raise RecordingError(f"{path.name} holds no {what}")
    return Recorded(0, match, name or "unknown", told)


def _match_of(path: Path, run: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"cs2-replay/{path.name}/{run}"))
