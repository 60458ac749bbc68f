"""Rounds per second of the snapshot rebuild: running sums against a plain loop over rounds.

The loop is written as one would write it first: for each round, walk through its moments, and at each look at every
player. Both must give the same table, or there is no figure. The loop's answers are the tests' oracle too.

``python -m benchmarks.snapshots [--matches N] [--out FILE]``
"""

import argparse
import math
import os
import platform
import statistics
import time
from collections.abc import Callable
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from cs2_pipeline.datasets import snapshots
from cs2_pipeline.datasets.schema import ROUND_SNAPSHOTS
from cs2_pipeline.game.rules import BOMB_TIME, FULL_ARMOR, FULL_HEALTH, MAX_MONEY
from cs2_pipeline.game.state import decided_winner
from cs2_pipeline.game.weapons import kill_reward, price

Row = dict[str, Any]
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
    of_round = [_by_round(frame) for frame in (participants, kills, damages, bombs)]
    rows: list[Row] = []
    order = ["started_at", "match_id", "round_number", "round_id"]
    for info in _records(rounds.sort_values(order)):
        rows += _snapshots(info, [table.get(info["round_id"], []) for table in of_round], interval)
    return ROUND_SNAPSHOTS.conform(pd.DataFrame(rows)) if rows else ROUND_SNAPSHOTS.empty()


def _by_round(frame: pd.DataFrame) -> dict[int, list[Row]]:
    records = sorted(_records(frame.astype(object)), key=itemgetter("round_id"))
    return {key: list(group) for key, group in groupby(records, key=itemgetter("round_id"))}


def _records(frame: pd.DataFrame) -> list[Row]:
    return cast("list[Row]", frame.to_dict("records"))


def _snapshots(info: Row, events: list[list[Row]], interval: float) -> list[Row]:
    """The snapshots of one round, none where a plant is known of but not when it happened."""
    players, kills, hits, bombs = events
    rate, live = info["tick_rate"], info["start_tick"] + info["freeze_time"] * info["tick_rate"]
    recorded: float = live + info["duration"] * rate if pd.isna(info["end_tick"]) else info["end_tick"]
    end = min(recorded, live + (info["round_time_limit"] + BOMB_TIME) * rate)
    bombs = [bomb for bomb in bombs if live <= bomb["tick"] <= end]
    plant = min((bomb["tick"] for bomb in bombs if bomb["event_type"] == "planted"), default=math.inf)
    end = min([end, *(bomb["tick"] for bomb in bombs if bomb["event_type"] in ("defused", "exploded"))])
    if info["bomb_planted"] and plant == math.inf:
        return []
    kills = _first_of_each([kill for kill in kills if live <= kill["tick"] <= end])
    hits = [hit for hit in hits if live <= hit["tick"] <= end]
    hits.sort(key=lambda hit: (hit["tick"], -hit["health"], -hit["armor"]))
    rows: list[Row] = []
    for tick, moment in _moments(live, end, rate=rate, plant=plant, kills=kills, interval=interval):
        elapsed = (tick - live) / rate
        planted = tick >= plant
        state: Row = {
            "bomb_planted": int(planted),
            "time_remaining": BOMB_TIME - (tick - plant) / rate if planted else info["round_time_limit"] - elapsed,
            "ct_score": info["ct_score"] - info["ct_wins"],
            "t_score": info["t_score"] - (1 - info["ct_wins"]),
        }
        for side in snapshots.SIDES:
            state |= _side(side, tick, players, kills, hits)
        decided = decided_winner(state["ct_alive"], state["t_alive"], planted, state["time_remaining"])
        if decided is None and state["time_remaining"] > 0:
            rows.append(info | state | {"snapshot": len(rows), "moment": moment, "elapsed": elapsed})
    return rows


def _first_of_each(kills: list[Row]) -> list[Row]:
    """The kills in time order, the first of each victim."""
    first: dict[int, Row] = {}
    kills.sort(
        key=lambda kill: (
            kill["tick"],
            -1 if pd.isna(kill["killer_id"]) else kill["killer_id"],
            pd.isna(kill["weapon"]),
            str(kill["weapon"]),
        )
    )
    for kill in kills:
        first.setdefault(kill["victim_id"], kill)
    return list(first.values())


def _moments(
    live: float, end: float, *, rate: int, plant: float, kills: list[Row], interval: float
) -> list[tuple[float, str]]:
    named: dict[float, str] = {}
    for step in range(math.ceil((end - live) / (interval * rate))):
        named[live + step * interval * rate] = "interval"
    named |= dict.fromkeys((kill["tick"] for kill in kills), "kill")
    named |= {plant: "plant", live: "freeze_end"}
    return sorted((tick, moment) for tick, moment in named.items() if tick < end)


def _side(side: str, tick: float, players: list[Row], kills: list[Row], hits: list[Row]) -> Row:
    """One side's part of the state at a tick."""
    side_of = {player["player_id"]: player["side"] for player in players}
    killed = {kill["victim_id"] for kill in kills if kill["tick"] <= tick}
    sums = dict.fromkeys(("alive", "health", "armor", "helmets", "defuse_kits", "equip_value", "money"), 0.0)
    for player in players:
        number = player["player_id"]
        if player["side"] != side:
            continue
        money = min(max(player["start_money"] - player["money_spent"], 0), MAX_MONEY)
        for kill in kills:
            enemy = side_of[kill["victim_id"]] != side and not kill["is_team_kill"]
            if kill["tick"] <= tick and enemy and not pd.isna(kill["killer_id"]) and kill["killer_id"] == number:
                money += kill_reward(None if pd.isna(kill["weapon"]) else kill["weapon"])
        sums["money"] += min(money, MAX_MONEY)
        felt = [hit for hit in hits if hit["victim_id"] == number and hit["tick"] <= tick]
        if number in killed or any(hit["health"] <= 0 for hit in felt):
            continue
        sums["alive"] += 1
        sums["health"] += felt[-1]["health"] if felt else FULL_HEALTH
        sums["armor"] += felt[-1]["armor"] if felt else _armor_at_first(player)
        sums["helmets"] += player["has_helmet"]
        sums["defuse_kits"] += player["has_defuse_kit"]
        sums["equip_value"] += player["equipment_value"]
    return {f"{side.lower()}_{name}": value for name, value in sums.items()}


def _armor_at_first(player: Row) -> float:
    if player["has_helmet"]:
        return FULL_ARMOR
    return 0.0 if player["equipment_value"] < price("glock") + price("kevlar") else math.nan


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
        freeze_time=FREEZE_TICKS / TICK_RATE, round_time_limit=115.0,
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
    bombs = pd.DataFrame({"round_id": ids[planted], "event_type": "planted"})
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
