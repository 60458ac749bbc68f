"""What the gateway counts, for Prometheus. Names are agreed with dashboards and alert rules (CONTRACTS)."""

from typing import Final

from prometheus_client import REGISTRY, Counter, generate_latest

REQUESTS: Final = Counter("api_requests_total", "Requests answered, by route and status", ["route", "status"])
ERRORS: Final = Counter("error_total", "Requests that failed by a defect or an unreachable part", ["service"])


def render() -> bytes:
    """All metrics as Prometheus text."""
    return generate_latest(REGISTRY)
