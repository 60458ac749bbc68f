"""A training table made ready for the checks: its features as numbers, its groups, what has one outcome, a sample."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cs2_pipeline.datasets.schema import DatasetError
from cs2_pipeline.game.state import Field

SAMPLE_ROWS: Final = 20_000
FOLDS: Final = 2
SURE: Final = 3.0
"""Standard errors beyond a limit before it counts: where the truth is just at the limit, one false alarm in 1,000."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AuditedTable:
    """A table made ready for the checks.

    Attributes:
        frame: as given. features: names of the model's inputs. label, group, round: names of columns.
        groups: number of the match (player) of each row; of a block of neighbouring rows where none is named.
        units: number of what has one outcome: the round (player) of each row.
        sample: rows of whole groups, at most about `SAMPLE_ROWS`.
    """

    name: str
    frame: pd.DataFrame
    features: list[str]
    label: str
    group: str
    labels: NDArray[np.int64]
    matrix: Floats
    groups: NDArray[np.int64]
    units: NDArray[np.int64]
    sample: NDArray[np.int64]
    seed: int
    fields: Sequence[Field]
    requested: frozenset[str]

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        *,
        name: str,
        label: str,
        group: str,
        unit: str | None,
        bookkeeping: Sequence[str],
        fields: Sequence[Field],
        requested: frozenset[str],
        features: Sequence[str] | None,
        seed: int,
    ) -> "AuditedTable":
        """The table of a frame; arguments as those of `audit.Audit`."""
        if frame.empty:
            raise DatasetError(f"{name} has no rows: nothing to audit")
        chosen = (
            list(features) if features else [column for column in frame.columns if column not in {*bookkeeping, label}]
        )
        missing = [column for column in (label, *chosen) if column not in frame.columns]
        if missing or frame[label].isna().any():
            raise DatasetError(
                f"{name}: no column or empty values in {', '.join(missing or [label])}; the audit needs it"
            )
        blocks = np.arange(len(frame)) * 100 // len(frame)
        groups = pd.factorize(frame[group])[0] if group in frame else blocks
        units = groups if unit is None else _rounds(frame, unit)
        matrix = np.column_stack([numbers_of(frame[column]) for column in chosen])
        sample = whole_groups(groups, SAMPLE_ROWS, seed)
        labels = frame[label].to_numpy(dtype=np.int64)
        return cls(name, frame, chosen, label, group, labels, matrix, groups, units, sample, seed, fields, requested)

    @property
    def has_groups(self) -> bool:
        """Whether the table names the groups that must not be split."""
        return self.group in self.frame

    @property
    def tested(self) -> NDArray[np.bool_] | None:
        """Rows of the test part; None for a table without parts."""
        return (self.frame["part"] == "test").to_numpy() if "part" in self.frame else None

    def standard_error(self, rows: NDArray[np.int64], value: float) -> float:
        """Of a share or AUC over rows: only as many outcomes count as there are rounds (players)."""
        outcomes = np.unique(self.units[rows]).size
        return float(np.sqrt(max(value * (1 - value), 0.01) / outcomes))


def _rounds(frame: pd.DataFrame, unit: str) -> NDArray[np.int64]:
    """Number of the round of each row; without a key, neighbouring rows of one map and score are a round."""
    if unit in frame:
        return np.asarray(pd.factorize(frame[unit])[0], dtype=np.int64)
    known = [name for name in ("map_name", "map_index", "ct_score", "t_score") if name in frame]
    if not known:
        return np.arange(len(frame))
    return np.asarray((frame[known] != frame[known].shift()).any(axis=1).cumsum(), dtype=np.int64)


def numbers_of(column: pd.Series) -> Floats:
    """A column as numbers; text by the order in which its values first occur."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(pd.factorize(column)[0], dtype=np.float64)


def whole_groups(groups: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """Row numbers of randomly drawn whole groups, about ``most`` rows, in the table's order."""
    if groups.size <= most:
        return np.arange(groups.size)
    sizes = np.bincount(groups)
    order = np.random.default_rng(seed).permutation(sizes.size)
    drawn = order[: max(2 * FOLDS, int(np.searchsorted(np.cumsum(sizes[order]), most)))]
    return np.flatnonzero(np.isin(groups, drawn))
