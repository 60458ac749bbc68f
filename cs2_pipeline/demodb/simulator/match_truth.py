"""The true probability that a simulated match is won, before it is played, in a file of its own for evaluation only.

There is no closed form for players of different skill, so a match is played again and again: the same players on the
same map, with their form of the day and all chance drawn anew, since neither can be known before. The file holds how
many replays the side that begins as CT won of how many, so whoever uses it knows its own error.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cs2_pipeline.demodb.simulator import matches, streams
from cs2_pipeline.demodb.simulator.model import GameModel
from cs2_pipeline.demodb.simulator.population import FORM_SPREAD, REPLAY, Players, Schedule

_BATCH = 2_000
"""Matches replayed in lockstep."""


@dataclass(frozen=True)
class MatchTruth:
    """How often the first side won when matches were played again.

    Attributes:
        match_id: Matches.Id, shape (matches,).
        won: replays that the side which begins as CT won, shape (matches,).
        replays: of each match.
    """

    match_id: NDArray[np.int64]
    won: NDArray[np.int64]
    replays: int

    @property
    def probability(self) -> NDArray[np.float64]:
        """The estimate, shape (matches,); its standard error is that of a share of `replays`."""
        return self.won / self.replays


def path_of(database: Path) -> Path:
    """Where the truth of a simulated database's matches is kept."""
    return database.with_name(f"{database.stem}.match_truth.parquet")


def replay(model: GameModel, schedule: Schedule, pool: Players, *, seed: int, replays: int) -> NDArray[np.int64]:
    """How many of ``replays`` the first side wins, for each match of a schedule."""
    numbers = np.repeat(np.arange(len(schedule.key)), replays)
    again = np.tile(np.arange(replays), len(schedule.key))
    key = streams.keys(streams.keys(schedule.key[numbers], streams.key(seed, REPLAY) & 0xFFFF), again)
    generator = np.random.default_rng(np.random.SeedSequence([streams.key(seed, REPLAY), len(numbers)]))
    people = schedule.players[numbers]
    form = generator.normal(0, FORM_SPREAD, people.shape) if np.any(pool.skill) else np.zeros(people.shape)
    played = Schedule(
        key, schedule.start[numbers], schedule.map_number[numbers], schedule.teams[numbers], people,
        pool.skill[people] + form,
    )  # fmt: skip
    won = np.concatenate([_first_won(model, played.part(at, at + _BATCH), pool) for at in range(0, len(key), _BATCH)])
    count: NDArray[np.int64] = won.reshape(-1, replays).sum(axis=1)
    return count


def _first_won(model: GameModel, schedule: Schedule, pool: Players) -> NDArray[np.bool_]:
    rounds = matches.play(model, schedule, pool).rounds
    last = np.r_[rounds["match"][1:] != rounds["match"][:-1], True]
    score = np.where(rounds["swapped"][last, None], rounds["score"][last][:, ::-1], rounds["score"][last])
    return np.asarray(score[:, 0] > score[:, 1])


def save(truth: MatchTruth, path: Path) -> None:
    """Write the file; it takes its place when it is whole."""
    table = pa.table({"match_id": truth.match_id, "won": truth.won})
    beside = path.with_suffix(".part")
    pq.write_table(table.replace_schema_metadata({"replays": str(truth.replays)}), beside)
    beside.replace(path)


def load(path: Path) -> MatchTruth:
    """Read the file."""
    table = pq.read_table(path)
    replays = int(table.schema.metadata[b"replays"])
    return MatchTruth(table["match_id"].to_numpy(), table["won"].to_numpy(), replays)
