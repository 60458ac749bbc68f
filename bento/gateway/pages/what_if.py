"""What if: a round's state under sliders, its price at once, and what each input is worth there."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Query, Request, Response

from bento.gateway.access import Caller, Scope, allow
from bento.gateway.http.wire import Wire, answer
from bento.gateway.live.room import champion_of
from bento.gateway.pages.site import page
from bento.http.problems import FieldError, bad_values
from cs2_pipeline.artifact.catalog import ROUND
from cs2_pipeline.artifact.round_odds import Odds
from cs2_pipeline.artifact.spec import serving_of
from cs2_pipeline.game.maps import MAPS
from cs2_pipeline.game.state import ROUND_FIELDS, contradictions, decided_winner

router: Final = APIRouter(tags=["what if"])

STEPS: Final[Mapping[str, float]] = {
    "ct_alive": 1,
    "t_alive": 1,
    "ct_equip_value": 2500,
    "t_equip_value": 2500,
    "ct_money": 5000,
    "t_money": 5000,
    "time_remaining": 10,
    "ct_score": 1,
    "t_score": 1,
}
"""By how much each input is changed, one at a time, to say what it is worth."""
HIGHEST: Final[Mapping[str, float]] = {
    "ct_equip_value": 35000,
    "t_equip_value": 35000,
    "ct_money": 50000,
    "t_money": 50000,
    "time_remaining": 115,
    "ct_score": 15,
    "t_score": 15,
}
"""Where sliders and pictures end, below the bounds of the game: hardly any round is beyond."""
PARTS: Final = 25
"""Into how many equal parts the range of an input is cut that has more values than that."""
_FIELDS: Final = {field.name: field for field in ROUND_FIELDS}
_EXAMPLE: Final = dict(serving_of(ROUND).example)
_WORDS: Final = {
    "ct_alive": "one CT player",
    "t_alive": "one T player",
    "ct_equip_value": "$2,500 of CT equipment",
    "t_equip_value": "$2,500 of T equipment",
    "ct_money": "$5,000 of CT money",
    "t_money": "$5,000 of T money",
    "time_remaining": "10 seconds",
    "ct_score": "a round won before by CT",
    "t_score": "a round won before by T",
}


class Changed(Wire):
    """The price with one input changed.

    `fewer` and `more` are P(CT) with the input a step lower and a step higher; None where there is no such state.
    """

    field: str
    words: str
    fewer: float | None
    more: float | None


class Along(Wire):
    """The price over the range of one input, all else as it is: P(CT) and its interval at each value that can be."""

    field: str
    values: list[float]
    ct_win_probability: list[float]
    low: list[float]
    high: list[float]


class WhatIf(Wire):
    """A state's price with its interval, what each input is worth there, and the price along one of them if asked."""

    ct_win_probability: float
    ct_win_interval: tuple[float, float]
    decided: bool
    model_version: str
    changes: list[Changed]
    along: Along | None


@router.post("/api/v1/what-if/round", response_model=WhatIf)
async def round_what_if(
    request: Request,
    _: Annotated[Caller, Depends(allow(Scope.PREDICT))],
    state: Annotated[dict[str, Any], Body(examples=[_EXAMPLE])],
    along: Annotated[
        str | None,
        Query(json_schema_extra={"enum": [*STEPS]}, description="an input over whose range to price as well"),
    ] = None,
) -> Response:
    """The price of a round's state, and of the states that differ from it in one input."""
    model = champion_of(request)
    values = _checked(state)
    if along is not None and along not in STEPS:
        raise bad_values([FieldError("along", f"must be one of {', '.join(STEPS)}")])
    steps = [(name, sign) for name in STEPS for sign in (-1, 1)]
    changed = [_stepped(values, name, sign) for name, sign in steps]
    course = _course(values, along) if along is not None else []
    odds = model.many([values, *course, *(one for one in changed if one is not None)])
    rest = iter(odds[1 + len(course) :])
    prices = {step: next(rest)[0] if one is not None else None for step, one in zip(steps, changed, strict=True)}
    probability, low, high = odds[0]
    return await answer(
        request,
        WhatIf(
            ct_win_probability=probability,
            ct_win_interval=(low, high),
            decided=_winner(values) is not None,
            model_version=model.version.version,
            changes=[
                Changed(field=name, words=_WORDS[name], fewer=prices[name, -1], more=prices[name, 1]) for name in STEPS
            ],
            along=None if along is None else _along(along, course, odds[1 : 1 + len(course)]),
        ),
    )


@router.get("/what-if", include_in_schema=False)
async def what_if(request: Request, _: Annotated[Caller, Depends(allow(Scope.PREDICT))]) -> Response:
    """The page with the sliders; what stands in its address is what it opens with."""
    return page(
        request, "what-if.html", sides=_sides(request), maps=MAPS, map_name=request.query_params.get("map_name")
    )


def _checked(state: Mapping[str, Any]) -> dict[str, Any]:
    """A whole state from what was sent.

    Raises:
        Problem: 422 with every field that is wrong.
    """
    wrong = [FieldError(name, "is no field of a round's state") for name in state if name not in _FIELDS]
    values: dict[str, Any] = dict.fromkeys(_FIELDS)
    for name, field in _FIELDS.items():
        value = state.get(name)
        if value is None:
            if field.required:
                wrong.append(FieldError(name, "is missing"))
        elif field.text:
            if isinstance(value, str):
                values[name] = value
            else:
                wrong.append(FieldError(name, "must be text"))
        elif not isinstance(value, int | float) or isinstance(value, bool):
            wrong.append(FieldError(name, "must be a number"))
        elif not field.low <= value <= field.high:
            wrong.append(FieldError(name, f"must be from {field.low:g} to {field.high:g}, not {str(value)[:20]}"))
        elif field.integer and value != int(value):
            wrong.append(FieldError(name, f"must be a whole number, not {value:g}"))
        else:
            values[name] = value
    if not wrong:
        wrong = [FieldError(name, message) for name, message in contradictions(values)]
    if wrong:
        raise bad_values(wrong)
    return values


def _stepped(values: Mapping[str, Any], name: str, sign: int) -> dict[str, Any] | None:
    """The state with one input a step away; None where that is out of bounds or cannot be."""
    field = _FIELDS[name]
    changed = {**values, name: values[name] + sign * STEPS[name]}
    if not field.low <= changed[name] <= field.high or contradictions(changed):
        return None
    return changed


def _course(values: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The states over the range of one input, all else as it is, those that can be: never none."""
    low, high = _FIELDS[name].low, HIGHEST.get(name, _FIELDS[name].high)
    count = int(high - low) if high - low <= PARTS else PARTS
    states = [{**values, name: low + (high - low) * part / count} for part in range(count + 1)]
    return [state for state in states if not contradictions(state)]


def _along(name: str, course: Sequence[Mapping[str, Any]], odds: Sequence[Odds]) -> Along:
    prices, low, high = (list(each) for each in zip(*odds, strict=True))
    return Along(field=name, values=[state[name] for state in course], ct_win_probability=prices, low=low, high=high)


def _winner(values: Mapping[str, Any]) -> str | None:
    return decided_winner(values["ct_alive"], values["t_alive"], values["bomb_planted"], values["time_remaining"])


def _sides(request: Request) -> list[tuple[str, list[dict[str, Any]]]]:
    """The sliders by heading, set as the address says or as the example."""
    steps = {"ct_equip_value": 250, "t_equip_value": 250, "ct_money": 250, "t_money": 250}

    def slider(name: str) -> dict[str, Any]:
        field = _FIELDS[name]
        highest = HIGHEST.get(name, field.high)
        try:
            value = float(request.query_params.get(name, _EXAMPLE[name]))
        except ValueError:
            value = math.nan
        value = value if math.isfinite(value) else float(_EXAMPLE[name])
        return {
            "name": name,
            "meaning": field.meaning,
            "low": int(field.low),
            "high": int(highest),
            "step": steps.get(name, 1),
            "value": int(min(max(value, field.low), highest)),
        }

    return [
        ("Counter-Terrorists", [slider(name) for name in ("ct_alive", "ct_equip_value", "ct_money", "ct_score")]),
        ("Terrorists", [slider(name) for name in ("t_alive", "t_equip_value", "t_money", "t_score")]),
        ("Clock", [slider("time_remaining")]),
    ]
