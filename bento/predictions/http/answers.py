"""From a worded prediction to what is answered, in the spelling of the request."""

from functools import cache
from typing import Any

from bento.predictions.http.requests import CAMEL, Style, camel
from cs2_pipeline.artifact.spec import IGNORED

_camel = cache(camel)


def spelled(worded: dict[str, Any], style: Style) -> dict[str, Any]:
    """A prediction as `Predictor.answer` gives it, in a spelling."""
    if style is not CAMEL:
        return worded
    if IGNORED in worded:
        worded[IGNORED] = [_camel(name) for name in worded[IGNORED]]
    return {_camel(name): value for name, value in worded.items()}


def version_key(style: Style) -> str:
    """What the model's version is called."""
    return "modelVersion" if style is CAMEL else "model_version"
