"""Rounds per second of the snapshot rebuild: running sums against a plain loop over rounds.

The loop is written as one would write it first: for each round, drive the tracker with its events one by one and ask
it at each moment. Both must give the same table, or there is no figure. The loop's answers are the tests' oracle too.

``python -m benchmarks.snapshots [--matches N] [--out FILE]``
"""

import argparse
import math
import os
import platform
import statistics
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from cs2_pipeline.datasets import snapshots
from cs2_pipeline.datasets.round_events import Row, round_events
from cs2_pipeline.datasets.schema import ROUND_SNAPSHOTS
from cs2_pipeline.datasets.snapshots import LATE_SECONDS
from cs2_pipeline.game.events import BombPlanted, Event, Kill, RoundStart
from cs2_pipeline.game.rules import BOMB_TIME
from cs2_pipeline.game.tracker import Tracker

Tables = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]

ROUNDS_PER_MATCH = 25
LOOP_MATCHES = 60
"""The loop takes the same time for each match: it need not see all of them."""
LOOP_RUNS, REBUILD_RUNS = 3, 7
TICK_RATE = 64
FREEZE_TICKS = 15 * TICK_RATE


def loop(  # noqa: PLR0917  # as the rebuild
    rounds: pd.DataFrame,
    participants: pd.DataFrame,
    kills: pd.DataFrame,
    damages: pd.DataFrame,
    bombs: pd.DataFrame,
    interval: float = 10.0,
) -> pd.DataFrame:
    """The snapshots of rounds whose tables hold together (`snapshots.rebuild` without the refusals)."""
    rows: list[Row] = []
    for row, events in round_events(rounds, participants, kills, damages, bombs):
        rows += _snapshots(row, events, interval)
    return ROUND_SNAPSHOTS.conform(pd.DataFrame(rows)) if rows else ROUND_SNAPSHOTS.empty()


def _snapshots(row: Row, events: list[Event], interval: float) -> list[Row]:
    """The snapshots of one round: the tracker asked at each moment, before the first event after it.

    None where a plant is known of but not when it happened.
    """
    tracker = Tracker(map_name=row["map_name"])
    used, end = _used(events)
    rows: list[Row] = []
    if row["bomb_planted"] and not any(isinstance(event, BombPlanted) for event in used):
        return rows
    waiting = deque(events)
    for at, moment in _moments(used, end, interval, row["round_time_limit"]):
        while waiting and waiting[0].time <= at:
            tracker.apply(waiting.popleft())
        state = tracker.state(at)
        if tracker.winner(at) is None and state["time_remaining"] > 0:
            elapsed = at - cast("float", tracker.freeze_end)
            rows.append(row | state | {"snapshot": len(rows), "moment": moment, "elapsed": elapsed})
    return rows


def _used(events: list[Event]) -> tuple[list[Event], float]:
    """The events that change the round, and the moment it is over."""
    tracker = Tracker()
    used = [event for event in events if tracker.apply(event) is None]
    return used, min(end for end in (tracker.latest_end(), tracker.ended_at) if end is not None)


def _moments(used: list[Event], end: float, interval: float, limit: float) -> list[tuple[float, str]]:
    live = cast("float", cast("RoundStart", used[0]).freeze_end)
    named: dict[float, str] = {}
    for step in range(math.ceil((end - live) / interval)):
        named[live + step * interval] = "interval"
    plants = [event.time for event in used if isinstance(event, BombPlanted)]
    ends = [(live + limit, plants[0] if plants else math.inf), *((at + BOMB_TIME, math.inf) for at in plants[:1])]
    late = {over - seconds: "late" for over, before in ends for seconds in LATE_SECONDS if over - seconds < before}
    named = late | named
    named |= {event.time: "kill" for event in used if isinstance(event, Kill)}
    named |= dict.fromkeys(plants, "plant") | {live: "freeze_end"}
    return sorted((at, moment) for at, moment in named.items() if at < end)


def made_up_events(matches: int, seed: int = 0) -> Tables:
    """The five event tables of as many matches: random rounds of ten players, about seven deaths and 25 hits each."""
    rng = np.random.default_rng(seed)
    count = matches * ROUNDS_PER_MATCH
    ids = np.arange(count)
    live_ticks = rng.integers(40, 110, count) * TICK_RATE
    planted = rng.random(count) < 0.4
    ct_wins = rng.integers(0, 2, count)
    rounds = pd.DataFrame({"round_id": ids, "match_id": ids // ROUNDS_PER_MATCH})
    rounds["round_number"] = ids % ROUNDS_PER_MATCH + 1
    rounds["started_at"] = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(rounds["match_id"], unit="h")
    names = ("ct_live_players", "t_live_players", "ct_equipment_value", "t_equipment_value")
    rounds[[*names, "ct_start_money", "t_start_money"]] = 0
    rounds = rounds.assign(
        bomb_planted=planted.astype("int8"), ct_wins=ct_wins.astype("int8"), duration=live_ticks / TICK_RATE,
        ct_score=rng.integers(1, 13, count), t_score=rng.integers(1, 13, count), map_name="de_mirage",
        start_tick=ids * 10_000, end_tick=ids * 10_000 + FREEZE_TICKS + live_ticks, tick_rate=TICK_RATE,
        freeze_time=FREEZE_TICKS / TICK_RATE, round_time_limit=115.0, game="cs2", source="simulator",
        plants_recorded=True, hits_recorded=True,
    )  # fmt: skip

    def events(number: int) -> pd.DataFrame:
        of_round = np.sort(rng.integers(0, count, number))
        ticks = of_round * 10_000 + FREEZE_TICKS + (rng.random(number) * live_ticks[of_round]).astype("int64")
        return pd.DataFrame({"round_id": of_round, "tick": ticks, "victim_id": rng.integers(0, 10, number)})

    people = np.tile(np.arange(10), count)
    participants = pd.DataFrame({"round_id": np.repeat(ids, 10), "player_id": people})
    participants["side"] = np.where(people < 5, "CT", "T")
    participants = participants.assign(
        start_money=rng.integers(0, 16_001, len(people)), money_spent=rng.integers(0, 6_000, len(people)),
        equipment_value=rng.choice([200, 850, 4_000, 5_500], len(people)), has_helmet=rng.random(len(people)) < 0.6,
        has_defuse_kit=rng.random(len(people)) < 0.3,
    )  # fmt: skip
    kills, damages = events(11 * count), events(25 * count)
    kills["killer_id"] = ((kills["victim_id"] + rng.integers(1, 10, len(kills))) % 10).astype("Int64")
    kills["weapon"] = rng.choice(["ak47", "awp", "mac10", "m4a1"], len(kills))
    kills["is_team_kill"] = (kills["killer_id"] < 5) == (kills["victim_id"] < 5)
    damages["health"] = rng.integers(1, 100, len(damages))
    damages = damages.assign(armor=damages["health"], damage_armor=0)
    bombs = pd.DataFrame({"round_id": ids[planted], "event_type": "planted", "player_id": 5})
    bombs["tick"] = bombs["round_id"] * 10_000 + FREEZE_TICKS + live_ticks[planted] - 20 * TICK_RATE
    return rounds, participants, kills, damages, bombs


def measure(matches: int = 1_000) -> str:
    """The table of figures as Markdown; both ways see the same events in the same run."""
    tables, few = made_up_events(matches), made_up_events(min(matches, LOOP_MATCHES))
    pd.testing.assert_frame_equal(snapshots.rebuild(*few).frame, loop(*few))
    slow = len(few[0]) / _median_seconds(lambda: loop(*few), LOOP_RUNS)
    seconds = _median_seconds(lambda: snapshots.rebuild(*tables), REBUILD_RUNS)
    fast = len(tables[0]) / seconds
    lines = [
        f"{matches:,} matches, {len(tables[0]):,} rounds, {sum(map(len, tables[1:])):,} rows of events, rebuilt in",
        f"{seconds:.2f} s; the loop saw {len(few[0]):,} rounds, of which both give the same snapshots. Medians of",
        f"{REBUILD_RUNS} and {LOOP_RUNS} runs, {platform.machine()}, {os.cpu_count()} cores, Python"
        f" {platform.python_version()}.",
        "",
        "| Snapshots from events | Rounds/s | Ratio |",
        "|---|---|---|",
        f"| baseline: a plain loop over rounds | {slow:,.0f} | 1 |",
        f"| running sums (`datasets.snapshots.rebuild`) | {fast:,.0f} | {fast / slow:.0f} |",
    ]
    return "\n".join(lines) + "\n"


def _median_seconds(run: Callable[[], object], times: int) -> float:
    seconds = []
    for _ in range(times):
        begun = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def main() -> None:
    """Measure, print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--matches", type=int, default=1_000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    table = measure(arguments.matches)
    print(table)
    if arguments.out:
        arguments.out.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
