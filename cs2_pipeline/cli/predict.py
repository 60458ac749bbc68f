"""`cs2 predict`: ask the running service, with the curl line that asks the same."""

import json
import urllib.request
from typing import Any, Final
from urllib.error import HTTPError, URLError

from cs2_pipeline.cli.console import CliError, answer, out
from cs2_pipeline.game.state import ROUND_FIELDS
from cs2_pipeline.settings import Settings

EXAMPLE_ROUND: Final[dict[str, Any]] = {
    "ct_alive": 4,
    "t_alive": 3,
    "ct_equip_value": 20000,
    "t_equip_value": 15000,
    "ct_money": 8000,
    "t_money": 4000,
    "bomb_planted": 0,
    "time_remaining": 90,
    "ct_score": 7,
    "t_score": 8,
}
EXAMPLE_PLAYER: Final[dict[str, Any]] = {
    "avg_kills": 18.5,
    "avg_deaths": 15.2,
    "avg_headshots": 8.1,
    "avg_damage": 1850,
    "total_clutches": 12,
    "total_clutch_attempts": 40,
    "avg_first_kills": 2.1,
    "total_rounds": 480,
}


def predict_round(settings: Settings, assignments: list[str], *, as_json: bool) -> None:
    """Print the answer for a state given as ``name=value``."""
    state = EXAMPLE_ROUND | dict(_parsed(text) for text in assignments)
    found = ask(settings, "/predict/round", state)
    if as_json:
        answer(found)
        return
    show_answer(settings, "/predict/round", state, found)


def ask(settings: Settings, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST a body to the service.

    Raises:
        CliError: the service is not there, or it refused the body; the message holds its reasons.
    """
    url = f"http://{settings.host}:{settings.service_port}{path}"
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310  our own http address
            found: dict[str, Any] = json.load(response)
            return found
    except HTTPError as error:
        problem = json.loads(error.read() or b"{}")
        wrong = "".join(f"\n  {item['field']}: {item['message']}" for item in problem.get("errors", []))
        raise CliError(f"{problem.get('detail') or problem.get('title') or error}{wrong}") from error
    except (URLError, OSError) as error:
        raise CliError(f"no prediction service answers on {url}: start it with `cs2 up`.") from error


def show_answer(settings: Settings, path: str, body: dict[str, Any], found: dict[str, Any]) -> None:
    """Print an answer and the curl line that repeats it."""
    url = f"http://{settings.host}:{settings.service_port}{path}"
    out.print(f"  {json.dumps(found)}", markup=False, soft_wrap=True)
    command = f"curl -s {url} -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
    out.print(f"  [dim]{command}[/dim]", soft_wrap=True)


def _parsed(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    known = {field.name: field for field in ROUND_FIELDS}
    if not separator or name not in known:
        raise CliError(f"{text!r}: give fields as name=value; the names are {', '.join(known)}.")
    if known[name].text:
        return name, value
    try:
        number = float(value)
    except ValueError as error:
        raise CliError(f"{name}: {value!r} is no number") from error
    return name, int(number) if number.is_integer() else number
