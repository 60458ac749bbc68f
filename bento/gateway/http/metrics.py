"""What the gateway counts, for Prometheus. Names are agreed with dashboards and alert rules (CONTRACTS)."""

from typing import Final

from prometheus_client import REGISTRY, Counter, generate_latest

from cs2_pipeline.live import metrics as live

REQUESTS: Final = Counter("api_requests_total", "Requests answered, by route and status", ["route", "status"])
ERRORS: Final = live.ERRORS
"""Failures by part: the live feed has some as well."""


def render() -> bytes:
    """All metrics as Prometheus text."""
    return generate_latest(REGISTRY)
