"""The floor of a cold start: a BentoML service that does nothing. ``bentoml serve benchmarks.empty_service:Empty``."""

import bentoml


@bentoml.service
class Empty:
    """One endpoint, no model, no settings."""

    @bentoml.api  # type: ignore[untyped-decorator]
    def echo(self, text: str) -> str:
        """What was sent."""
        return text
