"""`cs2 forecast`: ask the running gateway who wins a map or a series, with teams by name."""

import json
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode

from rich.table import Table

from cs2_pipeline.cli import refusals
from cs2_pipeline.cli.console import CliError, UsageError, answer, note, out
from cs2_pipeline.settings import Settings

SERIES: Final = "/api/v1/forecasts/series"
LEDGER: Final = "/api/v1/forecasts/ledger"


def run(
    settings: Settings, teams: Sequence[str], *, best_of: int, maps: Sequence[str], score: str | None, as_json: bool
) -> None:
    """Forecast and print.

    Raises:
        UsageError: not two teams, or a score that is none.
        CliError: the gateway is not running, or does not answer.
    """
    if len(teams) != 2:
        raise UsageError(f"give two teams, each with --team; got {len(teams)}")
    body: dict[str, Any] = {f"team{number}_id": team(settings, name) for number, name in enumerate(teams, 1)}
    body |= {"best_of": best_of, "map_ids": list(maps)}
    if score is not None:
        body["score"] = _score(score)
    made = ask(settings, SERIES, body)
    if as_json:
        answer(made)
    else:
        show(made)


def team(settings: Settings, name: str) -> str:
    """The id of a team by its name or id.

    Raises:
        CliError: no team has the name, or several have.
    """
    found = ask(settings, f"/api/v1/teams?{urlencode({'q': name, 'limit': 100})}")["items"]
    exact = [one for one in found if name.casefold() in {label.casefold() for label in (one["id"], one["name"])}]
    chosen = exact or found
    if len(chosen) == 1:
        return str(chosen[0]["id"])
    if not chosen:
        return name  # the gateway names the nearest
    names = ", ".join(f"{one['name']} ({one['id']})" for one in chosen[:5])
    raise CliError(f"{name!r} could be {names}; give the id of one")


def show(made: Mapping[str, Any]) -> None:
    """Print a forecast."""
    low, high = made["interval"]
    first, second = made["team1"]["name"], made["team2"]["name"]
    out.print(f"{first} {made['team1_win_probability']:.1%}  [{low:.1%}, {high:.1%}]", style="bold")
    out.print(f"{second} {made['team2_win_probability']:.1%}", style="bold")
    table = Table("map", "known", first, second)
    for one in made["maps"]:
        known = "yes" if one["known"] else "may be drawn"
        values = (f"{one[f'team{number}_win_probability']:.1%}" for number in (1, 2))
        table.add_row(one["map_id"] or "any", known, *values)
    out.print(table)
    if made["kind"] == "series":
        scores = (f"{one['team1']}:{one['team2']} {one['probability']:.1%}" for one in made["final_scores"])
        out.print("final score  " + "   ".join(scores))
    for told in made["notes"]:
        note(told)
    place = made["ledger"]
    note(f"entry {place['seq']} of the ledger, forecast {made['id']}, model version {made['model_version']}")


def ask(settings: Settings, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """What the gateway answers.

    Raises:
        CliError: it is not running, or something else listens on its port; or it refuses, and the message is its own.
    """
    url = f"http://{settings.host}:{settings.gateway_port}{path}"
    headers = {"Content-Type": "application/json"}
    if settings.api_key is not None:
        headers["X-API-Key"] = settings.api_key.get_secret_value()
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return json.load(response)
    except HTTPError as error:
        raise CliError(refusals.told(error.code, error.read())) from error
    except (ValueError, HTTPException) as error:
        raise CliError(
            f"{url} responds, but it is not the gateway. If another program uses that port, choose one for the "
            "gateway: CS2_GATEWAY_PORT=<port>."
        ) from error
    except OSError as error:
        raise CliError(f"no gateway responds at {url}: start it with `cs2 up` ({error})") from error


def _score(text: str) -> dict[str, int]:
    first, _, second = text.partition(":")
    if not (first.isdigit() and second.isdigit()):
        raise UsageError(f"--score takes the maps won by both teams, such as 1:0, not {text!r}")
    return {"team1": int(first), "team2": int(second)}
