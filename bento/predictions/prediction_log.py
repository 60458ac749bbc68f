"""The prediction log: every prediction with what it was made from, as Parquet that the pipeline reads back.

A request only appends to a list. A thread writes what has come together as one file
``<model>/<day>/<time>-<process>.parquet``, put in place whole, and removes the oldest files beyond the bound on
disk. Imports pyarrow, so it is imported only when the log is on.
"""

import logging
import os
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from prometheus_client import Counter

from bento.predictions.champions.predictors import Skill
from bento.predictions.http.requests import CALLER_IDS, Values
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.artifact.round_odds import Odds
from cs2_pipeline.game.player import PLAYER_FIELDS, TIERS
from cs2_pipeline.game.state import ROUND_FIELDS

logger = logging.getLogger("bentoml.prediction_log")

WRITE_EVERY: Final = 10.0
MOST_WAITING: Final = 200_000
"""Predictions held in memory; when the disk cannot keep up, newer ones are left out and counted."""

LEFT_OUT = Counter("prediction_log_left_out_total", "Predictions the log had no room for, in memory or on disk")

Row = dict[str, Any]


class PredictionLog:
    """Writes predictions to a folder.

    Args:
        folder: where.
        max_bytes: how much the folder may hold.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._waiting: dict[str, deque[Row]] = {catalog.ROUND.name: deque(), catalog.PLAYER.name: deque()}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write_now_and_then, name="prediction-log", daemon=True)

    def start(self) -> None:
        """Begin writing."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is left and end."""
        self._stop.set()
        self._thread.join()

    def round(self, version: ModelVersion, values: Values, odds: Odds) -> None:
        """Note the prediction of one state."""
        probability, low, high = odds
        row = {"ct_win_probability": probability, "ct_win_low": low, "ct_win_high": high}
        self._note(catalog.ROUND.name, version, values, row)

    def player(self, version: ModelVersion, values: Values, skill: Skill) -> None:
        """Note the prediction of one player."""
        scores = skill.scores or (None,) * len(TIERS)
        row = {f"score_{tier.lower()}": score for tier, score in zip(TIERS, scores, strict=True)}
        self._note(catalog.PLAYER.name, version, values, row)

    def _note(self, name: str, version: ModelVersion, values: Values, prediction: Row) -> None:
        waiting = self._waiting[name]
        if len(waiting) >= MOST_WAITING:
            LEFT_OUT.inc()
            return
        about = {"time": time.time(), "model_version": version.version, "run_id": version.run_id}
        waiting.append(about | values | prediction)

    def _write_now_and_then(self) -> None:
        while not self._stop.wait(WRITE_EVERY):
            self._write()
        self._write()

    def _write(self) -> None:
        for name, waiting in self._waiting.items():
            rows = [waiting.popleft() for _ in range(len(waiting))]
            if not rows:
                continue
            try:
                self._write_file(name, rows)
                self._make_room()
            except Exception as error:
                # Whatever is wrong with these rows or the disk, the log goes on with the next ones.
                LEFT_OUT.inc(len(rows))
                logger.error("%d predictions could not be written to the log: %s", len(rows), error)

    def _write_file(self, name: str, rows: list[Row]) -> None:
        for row in rows:
            row["time"] = datetime.fromtimestamp(row["time"], UTC)
        now = datetime.now(UTC)
        target = self._folder / name / f"{now:%Y-%m-%d}" / f"{now:%H%M%S%f}-{os.getpid()}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_suffix(".writing")
        try:
            pq.write_table(pa.Table.from_pylist(rows, schema=schema(name)), temporary, compression="zstd")
            temporary.rename(target)
        finally:
            temporary.unlink(missing_ok=True)

    def _make_room(self) -> None:
        files = []
        for file in self._folder.glob("*/*/*.parquet"):
            with suppress(FileNotFoundError):  # another worker has just made room, too
                found = file.stat()
                files.append((found.st_mtime, found.st_size, file))
        excess = sum(size for _, size, _ in files) - self._max_bytes
        for _, size, file in sorted(files):
            if excess <= 0:
                return
            file.unlink(missing_ok=True)
            excess -= size


def schema(name: str) -> Any:
    """The Arrow schema of a model's log."""
    about = [("time", pa.timestamp("us", "UTC")), ("model_version", pa.string()), ("run_id", pa.string())]
    fields = ROUND_FIELDS if name == catalog.ROUND.name else PLAYER_FIELDS
    inputs = [(field.name, pa.string() if field.text else pa.float64()) for field in fields]
    if name == catalog.ROUND.name:
        ids = [(key, pa.string()) for key in CALLER_IDS]
        outputs = [(key, pa.float64()) for key in ("ct_win_probability", "ct_win_low", "ct_win_high")]
        return pa.schema(about + ids + inputs + outputs)
    return pa.schema(about + inputs + [(f"score_{tier.lower()}", pa.float64()) for tier in TIERS])
