"""Forecasts over HTTP, each in the ledger before it is answered; and the classic design beside it.

The gateway runs as a newcomer's does (one process), on SQLite and on PostgreSQL, both giving the disk every commit
before an answer. The server has one core, the client (wrk) the other; designs are measured in turn, several rounds.

``python -m benchmarks.gateway [--rounds N] [--seconds N]``; needs wrk and taskset on the path.
"""

import argparse
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np
import pandas as pd
import pgserver
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import serving
from benchmarks.forecasting import season
from benchmarks.serving import PORT, Load
from cs2_pipeline.artifact.cache import Cache, ModelVersion
from cs2_pipeline.datasets.schema import CONTESTS
from cs2_pipeline.game.maps import MAPS
from cs2_pipeline.models.match import forecaster
from cs2_pipeline.records import directories, ledger
from cs2_pipeline.records.database import Records
from cs2_pipeline.records.directories import MAP, PLAYER, TEAM, Entry
from cs2_pipeline.settings import Settings
from cs2_pipeline.training import match_table

LEARNED: Final = 4_000
"""Series that the champion has learned from."""
CONNECTIONS: Final = (8, 32)
ASKED: Final = 500
"""Different questions, asked in turn."""
OLD: Final = "/forecast/get_team1_win_probability"
SERIES: Final = "/api/v1/forecasts/series"
POOL: Final = MAPS[:7]


def table() -> pd.DataFrame:
    """Made maps between line-ups that change now and then, as a table of contests."""
    contests, won = season(LEARNED)
    rng = np.random.default_rng(1)
    rows = []
    for number, (contest, outcome) in enumerate(zip(contests, won, strict=True)):
        sides = {"first": contest.first, "second": contest.second}
        rows.append(
            {
                "match_id": str(number), "started_at": pd.Timestamp(contest.day, unit="D", tz="UTC"), "place": number,
                "best_of": 1, "map_name": str(rng.choice(POOL)), "first_wins": int(outcome), "source": "simulated",
                **{f"{name}_players": json.dumps(sorted(side.players)) for name, side in sides.items()},
                **{f"{name}_name": None for name in sides}, **{f"{name}_points": None for name in sides},
                **{f"{name}_score": None for name in sides},
                **{f"{name}_rounds": None for name in sides},
            }
        )  # fmt: skip
    return CONTESTS.conform(pd.DataFrame(rows))


def latest_line_ups(played: pd.DataFrame) -> list[tuple[str, ...]]:
    """Line-ups that nobody has left since, the latest of each."""
    seen: set[str] = set()
    found = []
    for first, second in zip(played["first_players"][::-1], played["second_players"][::-1], strict=True):
        for players in (json.loads(first), json.loads(second)):
            if not seen & set(players):
                found.append(tuple(players))
            seen |= set(players)
    return found


def prepare(home: Path, played: pd.DataFrame) -> list[tuple[str, ...]]:
    """A champion in the home's cache, and the classic design's model; returns the line-ups to ask about."""
    cache = Cache(Settings(home=home).champion_cache)  # type: ignore[call-arg]  # every field has a default
    version = ModelVersion("match_forecaster", "1", "bench", "", "", "", "", "", {}, {})
    dataset = match_table.build(played)
    fitted = forecaster.fit(dataset, seed=0, folder=cache.folder(version), progress=lambda _: None)
    cache.note(ModelVersion(**{**version.to_dict(), "digest": fitted.artifact.digest}))
    ratings = forecaster.replay(dataset)
    players = {
        one for column in ("first_players", "second_players") for line in played[column] for one in json.loads(line)
    }
    strength = {player: ratings.strength([player])[0] for player in players}
    sides = [
        [np.mean([strength[one] for one in json.loads(line)]) for line in played[f"{side}_players"]]
        for side in ("first", "second")
    ]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(np.array(sides).T, played["first_wins"])
    joblib.dump((model, strength), home / CLASSIC_MODEL)
    return latest_line_ups(played)


CLASSIC_MODEL: Final = "classic.joblib"


def fill(address: str, line_ups: list[tuple[str, ...]]) -> None:
    """Migrate the records and write the directories."""
    records = Records(address)
    records.migrate()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    entries = [Entry(MAP, name, name, 500, at, {"ct_share": 0.5}) for name in POOL]
    for number, players in enumerate(line_ups):
        entries.append(Entry(TEAM, f"t{number}", f"Team {number}", 30, at, {"player_ids": list(players)}))
        entries += [Entry(PLAYER, player, player, 30, at, {"team_id": f"t{number}"}) for player in players]
    directories.replace(records, entries)
    records.close()


def questions(line_ups: list[tuple[str, ...]]) -> dict[str, list[dict[str, Any]]]:
    """What is asked on each path: a map, and a series whose maps are not known."""
    rng = np.random.default_rng(2)
    pairs = [rng.choice(len(line_ups), 2, replace=False).tolist() for _ in range(ASKED)]
    old = [
        {
            "map_id": POOL[turn % len(POOL)], "team1_id": f"t{one}", "team2_id": f"t{other}",
            "team1_player_ids": line_ups[one], "team2_player_ids": line_ups[other],
        }
        for turn, (one, other) in enumerate(pairs)
    ]  # fmt: skip
    return {OLD: old, SERIES: [{"team1_id": f"t{one}", "team2_id": f"t{other}", "best_of": 3} for one, other in pairs]}


def command(design: str) -> list[str]:
    """How a design is started."""
    if design == CLASSIC:
        options = ["--host", "127.0.0.1", "--port", str(PORT), "--no-access-log", "--log-level", "warning"]
        return [sys.executable, "-m", "uvicorn", "benchmarks.gateway_classic:app", *options]
    return [sys.executable, "-m", "bento.gateway", "--host", "127.0.0.1", "--port", str(PORT)]


CLASSIC: Final = "classic: FastAPI, joblib, PostgreSQL insert"
Figures = dict[tuple[str, str, int], Load]


def loads(home: Path, addresses: dict[str, str], asked: dict[str, Any], *, rounds: int, seconds: int) -> Figures:
    """Every design, path and number of connections, as medians."""
    found: dict[tuple[str, str, int], list[Load]] = {}
    for _ in range(rounds):
        for design, address in addresses.items():
            os.environ |= {"CS2_RECORDS_URL": address, "CS2_BENCH_CLASSIC": str(home / CLASSIC_MODEL)}
            with serving.serving(command(design), home) as process:
                for path in (OLD, SERIES) if design != CLASSIC else (OLD,):
                    serving.wrk(home, path, asked[path], pid=process.pid, connections=8, seconds=2)  # warm
                    for count in CONNECTIONS:
                        load = serving.wrk(home, path, asked[path], pid=process.pid, connections=count, seconds=seconds)
                        found.setdefault((design, path, count), []).append(load)
    return {key: serving.median_of(each) for key, each in found.items()}


def report(rounds: int, seconds: int) -> str:
    """The figures as Markdown.

    Raises:
        RuntimeError: a design failed requests, or a ledger does not hold: then figures mean nothing.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cluster:
        home = Path(folder)
        line_ups = prepare(home, table())
        server = pgserver.get_server(cluster)  # type: ignore[attr-defined]
        try:
            postgres = server.get_uri()
            psycopg = postgres.replace("postgresql://", "postgresql+psycopg://")
            addresses = {CLASSIC: psycopg, "gateway, PostgreSQL": postgres, "gateway, SQLite": f"sqlite:///{home}/r.db"}
            for design, address in addresses.items():
                if design != CLASSIC:
                    fill(address, line_ups)
            found = loads(home, addresses, questions(line_ups), rounds=rounds, seconds=seconds)
            entries = {design: verified(address) for design, address in addresses.items() if design != CLASSIC}
        finally:
            server.cleanup()
    if failed := {key: load.failed for key, load in found.items() if load.failed}:
        raise RuntimeError(f"requests failed: {failed}")
    lines = [
        f"Medians of {rounds} rounds of {seconds} s; the server on one core, wrk on the other.",
        "Every answer is in the ledger, which was verified afterwards: "
        + ", ".join(f"{count:,} entries ({design})" for design, count in entries.items())
        + ".",
        "",
        "| Design | Asked | Connections | Forecasts a second | p50 | p99 | CPU a request |",
        "|---|---|---|---|---|---|---|",
    ]
    for (design, path, count), load in found.items():
        kind = "series" if path == SERIES else "map"
        figures = f"{load.rate:,.0f} | {load.p50:.1f} ms | {load.p99:.1f} ms | {load.cpu:,.0f} µs"
        lines.append(f"| {design} | {kind} | {count} | {figures} |")
    return "\n".join(lines) + "\n"


def verified(address: str) -> int:
    """How many entries the ledger holds.

    Raises:
        RuntimeError: it does not hold.
    """
    records = Records(address)
    if faults := ledger.verify(records):
        raise RuntimeError(f"the ledger does not hold: {faults[:3]}")
    count = ledger.head(records).seq
    records.close()
    return count


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    chosen = parser.parse_args()
    serving.require_tools()
    print(report(chosen.rounds, chosen.seconds))


if __name__ == "__main__":
    main()
