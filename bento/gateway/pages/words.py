"""How numbers and moments are worded on pages: percentages, intervals, dates, amounts of money."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final

MISSING: Final = "–"
_ISO_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?")


def percent(share: float | None, digits: int = 0) -> str:
    """``0.694`` as ``69 %``. What is not certain never reads as if it were: .9996 is ``> 99 %``."""
    if share is None:
        return MISSING
    text = f"{100 * share:.{digits}f}"
    if share not in (0, 1):
        least = 10.0**-digits
        if float(text) == 0:
            return f"< {least:.{digits}f} %"
        if float(text) == 100:
            return f"> {100 - least:.{digits}f} %"
    return f"{text} %"


def interval(ends: tuple[float, float] | None) -> str:
    """``(0.651, 0.73)`` as ``65–73 %``."""
    return MISSING if ends is None else f"{100 * ends[0]:.0f}–{100 * ends[1]:.0f} %"


def points(change: float, digits: int = 0) -> str:
    """A change of a probability in percentage points, with its sign."""
    return f"{100 * change:+.{digits}f}".replace("-", "−")


def money(dollars: float | None) -> str:
    """``4750`` as ``$4,750``."""
    return MISSING if dollars is None else f"${dollars:,.0f}"


def clock(seconds: float | None) -> str:
    """Seconds as on the round clock, ``1:55``."""
    if seconds is None:
        return MISSING
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


def moment(when: datetime | str | None) -> str:
    """A moment in UTC, to the minute."""
    if not when:
        return MISSING
    found = datetime.fromisoformat(when) if isinstance(when, str) else when
    known = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return known.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def moments(text: str) -> str:
    """A text such as ``match of 2026-01-18T12:00:00+00:00`` with its moments worded as elsewhere on the pages."""
    return _ISO_MOMENT.sub(lambda found: moment(found[0]), text) or MISSING


def figure(value: float | None, digits: int = 3) -> str:
    """A figure of a model such as a log loss, without the leading zero that statistics leave out."""
    if value is None:
        return MISSING
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def cell(text: str) -> str:
    """A value of a table of evidence: fractions to four digits, all else as it is."""
    try:
        number = float(text)
    except ValueError:
        return text
    return text if number.is_integer() or not isfinite(number) else f"{number:.4f}"


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "percent": percent,
    "interval": interval,
    "points": points,
    "money": money,
    "clock": clock,
    "moment": moment,
    "moments": moments,
    "figure": figure,
    "cell": cell,
}
