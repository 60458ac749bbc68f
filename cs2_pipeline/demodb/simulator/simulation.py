"""Filling a demo database by simulation: a new one, or more days for one that exists."""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from cs2_pipeline.demodb.connection.errors import DemoDatabaseError
from cs2_pipeline.demodb.simulator import exact, match_truth, matches, population, records, writer
from cs2_pipeline.demodb.simulator.model import GameModel

FIRST_DAY: Final = date(2026, 1, 1)
DAYS: Final = 60
TEAMS: Final = 80
REPLAYS: Final = 200
"""How often a match whose truth is asked for is played again: its probability is then known to 0.035."""
_BATCH: Final = 400
"""Matches played in lockstep: enough for numpy, few enough for the memory."""

Progress = Callable[[int, int], None]


class SimulationError(DemoDatabaseError):
    """The simulation cannot be run as asked; the message says what to change."""


@dataclass(frozen=True)
class SimulationReport:
    """What was written.

    Attributes:
        path: the database.
        truth: the file of exact probabilities, where players are equally skilled.
        rows: number of rows added to each table.
        first_day, last_day: of the matches added.
        seconds: how long it took.
    """

    path: Path
    truth: Path | None
    rows: dict[str, int]
    first_day: date
    last_day: date
    seconds: float

    @property
    def matches(self) -> int:
        """Matches added."""
        return self.rows["Matches"]


def simulate(
    path: Path,
    *,
    matches: int = 400,
    seed: int = 0,
    equal_skill: bool = False,
    first_day: date = FIRST_DAY,
    days: int = DAYS,
    teams: int = TEAMS,
    model: GameModel | None = None,
    true_matches: int = 0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> SimulationReport:
    """Make a SQLite demo database. The same arguments make the same content.

    Args:
        path: the file to make; it appears when it is whole.
        matches: how many, spread evenly over the days.
        seed: of everything random.
        equal_skill: all players are equal, and the exact probabilities are written to `exact.truth_path`.
        first_day, days: when the matches start.
        teams: size of the pool; each team has five players, and one stand-in more per team is in the pool.
        model: the game's parameters.
        true_matches: for so many of the newest matches the true probability is written to `match_truth.path_of`.
        overwrite: replace an existing file.
        progress: called with (matches done, matches in all).

    Raises:
        SimulationError: an argument makes no sense, the file exists, or its folder cannot be written.
        ValueError: in this game nobody is killed, or a match never ends.
    """
    _check(matches, days, teams)
    if path.exists() and not overwrite:
        raise SimulationError(f"{path} exists: ask for overwriting, or name another file")
    game = model or GameModel()
    started = time.perf_counter()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with writer.new_database(path) as connection:
            run = _Run(connection, game, seed, teams=teams, equal_skill=equal_skill, progress=progress)
            rows = run.fill(first_day, _spread(matches, days))
            truth = _write_truth(path, game) if equal_skill else None
            run.write_match_truth(match_truth.path_of(path), true_matches)
    except OSError as error:
        raise SimulationError(f"cannot write {path}: {error.strerror or error}. Name a writable folder.") from error
    if not equal_skill:
        exact.truth_path(path).unlink(missing_ok=True)
    last_day = first_day + timedelta(days=days - 1)
    return SimulationReport(path, truth, rows, first_day, last_day, time.perf_counter() - started)


def append_days(
    path: Path,
    *,
    first_day: date,
    days: int = 1,
    matches: int,
    seed: int = 0,
    equal_skill: bool = False,
    teams: int = TEAMS,
    model: GameModel | None = None,
    progress: Progress | None = None,
) -> SimulationReport:
    """Add days to a simulated database; the same seed and teams mean the same people play on.

    With ``matches`` and ``days`` that keep the daily numbers, the result equals one simulation of the whole
    period. Another ``model`` is a patch of the game from that day on. All days are added, or none.

    Raises:
        SimulationError: an argument makes no sense, there is no such database, it already has matches on or
            after `first_day`, or a truth file beside it belongs to another game.
        ValueError: in this game nobody is killed, or a match never ends.
    """
    _check(matches, days, teams)
    if not path.is_file():
        raise SimulationError(f"there is no database {path} to add days to: simulate one first")
    game = model or GameModel()
    truth = exact.truth_path(path) if equal_skill else None
    if truth is not None and exact.load(truth).model != game:
        raise SimulationError(f"{truth} is the truth of another game: a patched game needs a database of its own")
    started = time.perf_counter()
    try:
        with writer.existing_database(path) as connection:
            _check_order(connection, path, first_day)
            rows = _Run(connection, game, seed, teams=teams, equal_skill=equal_skill, progress=progress).fill(
                first_day, _spread(matches, days)
            )
    except (sqlite3.DatabaseError, OSError) as error:
        raise SimulationError(f"cannot add days to {path}: {error}. Nothing was added.") from error
    last_day = first_day + timedelta(days=days - 1)
    return SimulationReport(path, truth, rows, first_day, last_day, time.perf_counter() - started)


class _Run:
    """One filling of an open database."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        model: GameModel,
        seed: int,
        *,
        teams: int,
        equal_skill: bool,
        progress: Progress | None,
    ) -> None:
        self.connection, self.model, self.seed, self.teams = connection, model, seed, teams
        self.equal_skill, self.progress = equal_skill, progress
        self.pool = population.create(seed, teams, equal_skill=equal_skill)

    def fill(self, first_day: date, per_day: list[int]) -> dict[str, int]:
        """Play and insert the days' matches, a batch at a time; returns the number of rows per table."""
        self.schedule = schedule = population.schedule(
            self.model,
            self.seed,
            self.pool,
            teams=self.teams,
            first_day=first_day,
            per_day=per_day,
            equal_skill=self.equal_skill,
        )
        total = sum(per_day)
        inserted = dict.fromkeys(writer.table_names(), 0)
        last_id = writer.last_ids(self.connection)
        for first in range(0, total, _BATCH):
            part = schedule.part(first, first + _BATCH)
            played = matches.play(self.model, part, self.pool)
            context = records.Context(self.model, self.seed, part, self.pool, last_id)
            for name, rows in records.rows(context, played).items():
                added = writer.insert(self.connection, name, rows)
                inserted[name] += added
                last_id[name] += added
            if self.progress is not None:
                self.progress(min(first + _BATCH, total), total)
        return inserted

    def write_match_truth(self, path: Path, newest: int) -> None:
        """Write the truth of the newest matches filled in, or remove that of a former database."""
        if not newest:
            path.unlink(missing_ok=True)
            return
        count = len(self.schedule.key)
        part = self.schedule.part(max(count - newest, 0), count)
        won = match_truth.replay(self.model, part, self.pool, seed=self.seed, replays=REPLAYS)
        ids = np.arange(count - len(won), count) + 1
        match_truth.save(match_truth.MatchTruth(ids, won, REPLAYS), path)


def _write_truth(path: Path, model: GameModel) -> Path:
    truth = exact.truth_path(path)
    exact.save(exact.solve(model), truth)
    return truth


def _spread(matches: int, days: int) -> list[int]:
    """Matches per day, as even as whole numbers allow."""
    return [(day + 1) * matches // days - day * matches // days for day in range(days)]


def _check(matches: int, days: int, teams: int) -> None:
    for name, value, least in (("matches", matches, 1), ("days", days, 1), ("teams", teams, 2)):
        if value < least:
            raise SimulationError(f"{name} must be at least {least}, got {value}")


def _check_order(connection: sqlite3.Connection, path: Path, first_day: date) -> None:
    newest = connection.execute('SELECT MAX("StartTime") FROM "Matches"').fetchone()[0]
    if newest is not None and date.fromisoformat(newest[:10]) >= first_day:
        raise SimulationError(f"{path} already has matches up to {newest[:10]}: add days after that one")
