"""`cs2 predict`: ask the running service, with the curl line that asks the same."""

import json
import shlex
import urllib.request
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError

from cs2_pipeline.artifact.spec import IGNORED, ModelSpec, serving_of
from cs2_pipeline.cli import fields
from cs2_pipeline.cli.console import CliError, UsageError, answer, err, out
from cs2_pipeline.settings import Settings

_BAR: Final = 20
"""Characters of a bar."""
_OTHER_PORT: Final = "If another program uses that port, choose one for the service: CS2_SERVICE_PORT=<port>."


def predict(
    settings: Settings,
    spec: ModelSpec,
    by_option: Mapping[str, str | None],
    assignments: Sequence[str],
    *,
    as_json: bool,
) -> None:
    """Ask a model about one round, player or whatever it answers for, and print its answer.

    Values are given by options and as ``name=value``; what is not given is as in the model's example.
    """
    serving = spec.serving
    if serving is None:
        raise UsageError(f"the prediction service does not serve {spec.name}.")
    values = fields.given(serving.fields, by_option, assignments)
    taken = [f"{name}={value}" for name, value in serving.example.items() if name not in values]
    if values and taken:
        err.print(f"not given, taken from the example: {' '.join(taken)}")
    body = {**serving.example, **values}
    for one in serving.fields:
        if one.known and body.get(one.name) not in (None, *one.known):
            warning = f"{one.name}: the models do not know {body[one.name]}, so it is left out"
            err.print(f"{warning}. Known: {', '.join(one.known)}")
    found = ask(settings, serving.one, body)
    if as_json:
        answer(found)
    else:
        _show(settings, spec, body, found)


def ask(settings: Settings, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST a body to the service.

    Raises:
        UsageError: the service refused the values; the message names every wrong field.
        CliError: the service is not there, or has no model, or something else listens on its port.
    """
    url = f"http://{settings.host}:{settings.service_port}{path}"
    headers = {"Content-Type": "application/json"}
    if settings.api_key is not None:
        headers["X-API-Key"] = settings.api_key.get_secret_value()
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310  our own http address
            found: dict[str, Any] = json.load(response)
            return found
    except HTTPError as error:
        raise _refused(url, error) from error
    except (ValueError, HTTPException) as error:
        raise CliError(f"{url} responds, but it is not the prediction service. {_OTHER_PORT}") from error
    except OSError as error:
        raise CliError(f"no prediction service responds at {url}: start it with `cs2 up`.") from error


def _refused(url: str, error: HTTPError) -> CliError:
    try:
        problem = json.loads(error.read())
        reason = problem["detail"]
    except (ValueError, TypeError, LookupError):
        return CliError(f"{url} responds with HTTP {error.code}, but it is not the prediction service. {_OTHER_PORT}")
    if error.code == HTTPStatus.UNPROCESSABLE_ENTITY:
        return UsageError("".join([reason, *(f"\n  {one['field']}: {one['message']}" for one in problem["errors"])]))
    if error.code == HTTPStatus.SERVICE_UNAVAILABLE:
        reason += "; `cs2 train` trains and promotes one, `cs2 models list` shows its verdict."
    return CliError(reason)


def _show(settings: Settings, spec: ModelSpec, body: dict[str, Any], found: dict[str, Any]) -> None:
    """Print an answer as people read it, and the curl line that repeats it."""
    url = f"http://{settings.host}:{settings.service_port}{serving_of(spec).one}"
    for line in _drawn(spec, found):
        out.print(f"  {line}")
    if ignored := found.get(IGNORED):
        out.print(f"  ignored, because it never varied in training: {', '.join(ignored)}")
    key = "-H 'X-API-Key: …' " if settings.api_key is not None else ""
    command = f"curl -s {url} {key}-H 'Content-Type: application/json' -d {shlex.quote(json.dumps(body))}"
    out.print(f"  {command}", style="dim")


def _drawn(spec: ModelSpec, found: Mapping[str, Any]) -> list[str]:
    """An answer in lines: the odds of a round as one bar, a player's tiers as a bar each, else a line for each field.

    A model that gives no answer has null in the field and says why in ``reason``.
    """
    by = f"{spec.name} version {found.get('model_version')}"
    if found.get("ct_win_probability") is not None:
        ct = found["ct_win_probability"]
        low, high = (round(100 * end) for end in found["ct_win_interval"])
        return [f"CT {100 * ct:.0f} % [{low}–{high}] {_bar(ct)} T {100 * (1 - ct):.0f} %    {by}"]
    if found.get("reason") is not None:
        return [f"no answer: {found['reason']}    {by}"]
    if found.get("scores") is not None:
        tiers = [f"{tier:<12} {_bar(score)} {100 * score:.0f} %" for tier, score in found["scores"].items()]
        return [f"{found['skill_level']}, {100 * found['confidence']:.0f} % sure    {by}", *tiers]
    fields = [f"{name}: {json.dumps(value)}" for name, value in found.items() if name not in ("model_version", IGNORED)]
    return [*fields, by]


def _bar(share: float) -> str:
    filled = round(_BAR * share)
    return "█" * filled + "░" * (_BAR - filled)
