"""The pages: what a first view of a running match costs while a hundred matches are followed.

A first view is what a browser asks for that has nothing of the page yet: the page, its style and scripts, and the curve
that its script draws. Server time is from request to last byte on this machine, one after the other over one
connection; the charting library is counted apart, as it is kept for ever. Half of every match is sent before, the rest
goes on at `RATE` while the views are timed. Beside it: the same view while nothing is sent.

``python -m benchmarks.pages [--champions FOLDER] [--views COUNT]``
"""

import argparse
import http.client
import json
import re
import statistics
import threading
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.live import DIFFERENT, MATCHES, again, gateway, post, recorded, wait_for

RATE: Final = 200
"""Events a second over all matches: some two a second in each, as a match has while it is played."""
BATCH: Final = 500
VIEWS: Final = 200
LIMIT_MS: Final = 300
LIMIT_KB: Final = 300
_ASSETS: Final = re.compile(r'(?:src|href)="(/static/[^"]+)"')

Line = list[dict[str, Any]]


class Visitor:
    """A browser's requests, without the browser."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def asked(self, path: str, accept: str = "*/*") -> tuple[bytes, float]:
        """What a path is answered with, and the seconds it took.

        Raises:
            ValueError: it was not answered with 200.
        """
        began = time.perf_counter()
        self._connection.request("GET", path, headers={"accept": accept})
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise ValueError(f"{path} was answered with {answer.status}")
        return body, time.perf_counter() - began

    def first_view(self, match: str) -> dict[str, float]:
        """Seconds of the page, of its curve and of all, and kB without and of the charting library."""
        page, seconds = self.asked(f"/matches/{match}", "text/html")
        curve, curve_seconds = self.asked(f"/api/v1/matches/{match}/curve")
        total, size, library = seconds + curve_seconds, len(page) + len(curve), 0
        for asset in sorted(set(_ASSETS.findall(page.decode()))):
            body, taken = self.asked(asset)
            total += taken
            if "plotly" in asset:
                library += len(body)
            else:
                size += len(body)
        return {"page": seconds, "curve": curve_seconds, "all": total, "kb": size / 1e3, "library": library / 1e3}


def send_half(port: int, lines: list[Line]) -> list[Line]:
    """Send the first half of every match; returns the rest."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    flat = [event for line in lines for event in line[: len(line) // 2]]
    for start in range(0, len(flat), BATCH):
        while (status := post(connection, flat[start : start + BATCH])) == 429:
            time.sleep(0.2)
        if status != 202:
            raise ValueError(f"events were answered with {status}")
    return [line[len(line) // 2 :] for line in lines]


def keep_sending(port: int, lines: list[Line], stop: threading.Event) -> None:
    """Send the matches' events in turns, `RATE` a second."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    flat = [event for part in zip(*(line[: min(map(len, lines))] for line in lines), strict=True) for event in part]
    began, at = time.monotonic(), 0
    while not stop.is_set() and at < len(flat):
        due = min(int((time.monotonic() - began) * RATE), len(flat))
        if due > at:
            post(connection, flat[at:due])
            at = due
        stop.wait(0.1)


def row(name: str, views: list[dict[str, float]]) -> str:
    """A row of the table."""

    def ms(part: str) -> str:
        cut = statistics.quantiles([view[part] * 1e3 for view in views], n=100)
        return f"{cut[49]:.0f} / {cut[94]:.0f} ms"

    size = max(view["kb"] for view in views)
    return f"| {name} | {ms('page')} | {ms('curve')} | {ms('all')} | {size:.0f} kB | {len(views)} |"


def main() -> None:
    """Measure and print the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--champions", type=Path, default=None, help="cache of champions; default: one trained now")
    parser.add_argument("--views", type=int, default=VIEWS, help="first views of each load")
    parser.add_argument("--matches", type=int, default=MATCHES, help="matches followed at once")
    given = parser.parse_args()
    lines = again(recorded(min(DIFFERENT, given.matches)), run=1, count=given.matches)
    with gateway(given.champions) as (port, _, _):
        rest = send_half(port, lines)
        visitor = Visitor(port)
        last = lines[-1][len(lines[-1]) // 2 - 1]["event_id"]
        curve = f"/api/v1/matches/{lines[-1][0]['match_id']}/curve"

        def caught_up() -> bool:
            try:
                return any(last in of_map["points"]["event_id"] for of_map in json.loads(visitor.asked(curve)[0]))
            except ValueError:
                return False

        wait_for(caught_up, 600)
        ids = [line[0]["match_id"] for line in lines]
        still = [visitor.first_view(ids[number % len(ids)]) for number in range(given.views)]
        stop = threading.Event()
        sender = threading.Thread(target=keep_sending, args=(port, rest, stop))
        sender.start()
        time.sleep(2)
        moving = [visitor.first_view(ids[number % len(ids)]) for number in range(given.views)]
        stop.set()
        sender.join(60)
    p95 = statistics.quantiles([view["all"] * 1e3 for view in moving], n=100)[94]
    size = max(view["kb"] for view in moving)
    met = p95 < LIMIT_MS and size < LIMIT_KB
    print(f"First views of one match of {given.matches}; median / 95th percentile of the server's time.\n")
    print("| Load | page | curve | all requests | without the charting library | views |")
    print("|---|---|---|---|---|---|")
    print(row("nothing is sent", still))
    print(row(f"{RATE} events/s", moving))
    print(
        f"\nThe bound is {LIMIT_MS} ms at the 95th percentile and {LIMIT_KB} kB: {'met' if met else 'not met'}. The "
        f"charting library has {moving[0]['library']:,.0f} kB and is kept for ever by the browser.\n"
    )


if __name__ == "__main__":
    main()
