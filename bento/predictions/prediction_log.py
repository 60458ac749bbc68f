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

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.predictors import Predictor
from cs2_pipeline.artifact.spec import ModelSpec, Values, serving_of

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
        self._waiting: dict[str, deque[Row]] = {spec.name: deque() for spec in catalog.served()}
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

    def note(self, model: Predictor[Any], values: Values, prediction: Any) -> None:
        """Note a prediction with what it was made from."""
        version = model.version
        waiting = self._waiting[version.name]
        if len(waiting) >= MOST_WAITING:
            LEFT_OUT.inc()
            return
        about = {"time": time.time(), "model_version": version.version, "run_id": version.run_id}
        waiting.append(about | values | model.row(prediction))

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
            except Exception as error:
                # Whatever is wrong with these rows or the disk, the log goes on with the next ones.
                LEFT_OUT.inc(len(rows))
                logger.error("%d predictions could not be written to the log: %s", len(rows), error)
            try:
                self._make_room()
            except Exception as error:
                logger.error("the log could not make room: %s", error)

    def _write_file(self, name: str, rows: list[Row]) -> None:
        for row in rows:
            row["time"] = datetime.fromtimestamp(row["time"], UTC)
        now = datetime.now(UTC)
        target = self._folder / name / f"{now:%Y-%m-%d}" / f"{now:%H%M%S%f}-{os.getpid()}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_suffix(".writing")
        try:
            pq.write_table(
                pa.Table.from_pylist(rows, schema=schema(catalog.spec_of(name))), temporary, compression="zstd"
            )
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


def schema(spec: ModelSpec) -> Any:
    """The Arrow schema of a model's log."""
    serving = serving_of(spec)
    about = [("time", pa.timestamp("us", "UTC")), ("model_version", pa.string()), ("run_id", pa.string())]
    ids = [(key, pa.string()) for key in serving.ids]
    inputs = [(field.name, pa.string() if field.text else pa.float64()) for field in serving.fields]
    return pa.schema(about + ids + inputs + [(name, pa.float64()) for name in serving.logged])
