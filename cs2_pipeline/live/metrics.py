"""What Prometheus sees of the live feed (names are part of the contract)."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from cs2_pipeline.live.events import PAYLOADS

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

EVENTS: Final = Counter("ingestion_events_total", "events by what became of them", ("type", "source", "result"))
INGESTION: Final = Histogram("ingestion_latency_seconds", "from request to durable", buckets=_SECONDS)
TO_PRICE: Final = Histogram("live_event_to_price_seconds", "from durable event to published price", buckets=_SECONDS)
KEPT: Final = Counter("live_events_kept_total", "events written to the history; again where a consumer died in between")
DEPTH: Final = Gauge("queue_depth", "events that history does not have yet", ("shard",), multiprocess_mode="livemax")
DEAD: Final = Counter("dead_letters_total", "events that could not be understood", ("reason",))
ERRORS: Final = Counter("error_total", "failures by part", ("service",))
MATCHES: Final = Gauge("live_matches", "matches in play", multiprocess_mode="livesum")
RECOMPUTED: Final = Counter("live_recomputations_total", "matches computed anew", ("reason",))
GAPS: Final = Counter("live_gaps_total", "gaps in a source's numbering that were given up")
SUBSCRIBERS: Final = Gauge("live_subscribers", "open subscriptions", multiprocess_mode="livesum")
HOOKS: Final = Counter("live_webhook_updates_total", "updates for webhooks; `failed` counts attempts", ("result",))
CUT_OFF: Final = Counter("live_subscribers_cut_off_total", "subscribers too slow to follow")

for _reason in ("invalid", "not understood"):
    DEAD.labels(_reason)
ERRORS.labels("live")  # a series that is there from the beginning can be seen to grow

_SOURCES: Final[set[str]] = set()
_MOST_SOURCES: Final = 50


def type_label(kind: str) -> str:
    """The label of an event type: what a stranger makes up must not fill the metrics."""
    return kind if kind in PAYLOADS else "unknown"


def source_label(source: str) -> str:
    """The label of a source; beyond `_MOST_SOURCES` of them, "other"."""
    if source in _SOURCES or len(_SOURCES) < _MOST_SOURCES:
        _SOURCES.add(source)
        return source
    return "other"
