"""The IO manager: asset values to and from the table store. DataFrames are Parquet, documents are JSON.

A partitioned asset's frame is split by the day in its ``started_at``; every partition of the run is replaced, also
with no rows, so that extracting a day again leaves nothing of what it held before. A partition's verdict is withdrawn
before it is replaced, and only partitions that passed their check are loaded.

A document is kept twice: as the newest of its asset, and under the run that made it. A step reads that of its own run
(of the run it repeats), so two runs at the same time never act on each other's models.
"""

from typing import Any

import dagster as dg
import pandas as pd

from cs2_pipeline.datasets.store import MissingTableError, TableStore
from cs2_pipeline.defs.verdicts import Verdicts


class TableIOManager(dg.IOManager):
    """Keeps asset values in a `TableStore` under the asset's name."""

    def __init__(self, tables: TableStore) -> None:
        self._tables = tables
        self._verdicts = Verdicts(tables)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Store a DataFrame or a dict."""
        name = _name(context)
        if isinstance(obj, dict):
            context.add_output_metadata({"path": self._tables.write_json(of_run(name, context.run_id), obj)})
            self._tables.write_json(name, obj)
        elif context.has_asset_partitions:
            self._write_partitions(context, name, obj)
        else:
            context.add_output_metadata({"path": self._tables.write(name, obj)})

    def _write_partitions(self, context: dg.OutputContext, name: str, frame: pd.DataFrame) -> None:
        day = frame["started_at"].dt.strftime("%Y-%m-%d")
        keys = list(context.asset_partition_keys)
        strange = sorted(set(day.unique()) - set(keys))
        if strange:
            raise ValueError(f"{name} has rows of {strange[0]}, which is not a partition of this run")
        rows = dict(list(frame.groupby(day)))
        for key in keys:
            self._verdicts.withdraw(name, key)
            self._tables.write(name, rows.get(key, frame.iloc[:0]), key)
        context.add_output_metadata({"path": f"{name}/<day>.parquet", "partitions": len(keys)})

    def load_input(self, context: dg.InputContext) -> Any:
        """Load what is stored: of a partitioned asset the partitions asked for that exist and passed their check."""
        name = _name(context)
        if context.dagster_type.typing_type is dict:
            return self._document(context, name)
        if not context.has_asset_partitions:
            return self._tables.read(name)
        stored = set(self._tables.partitions(name))
        return self._tables.read(name, self._verdicts.passed(name, sorted(stored & set(context.asset_partition_keys))))

    def _document(self, context: dg.InputContext, name: str) -> dict[str, Any]:
        """The document of the run that made the input; the newest one where Dagster knows of no such run."""
        try:
            upstream = context.upstream_output
            return self._tables.read_json(of_run(name, upstream.run_id if upstream is not None else ""))
        except (dg.DagsterInvariantViolationError, MissingTableError):
            return self._tables.read_json(name)


def of_run(name: str, run_id: str) -> str:
    """Name of the document that a run made of an asset."""
    return f"{name}/{run_id}"


def _name(context: dg.OutputContext | dg.InputContext) -> str:
    return "/".join(context.asset_key.path)
