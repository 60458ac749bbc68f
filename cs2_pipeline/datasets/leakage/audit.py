"""The leakage audit: whether a training table tells a model what it could not know when it is asked.

What belongs here: which checks each table is put through. The checks, (a) to (j), stand in the modules beside this one,
each a function of an `AuditedTable` that gives one `Finding` with its numbers and a sentence; a new one is such a
function and one line in a tuple below. What a leak is, and why each limit is what it is, is written in
``docs/leakage-audit.md``; the limits are constants beside their checks. Checks that fit something fit small trees on a
sample of whole matches (players) and judge them on matches they have not seen, so that the audit takes seconds on any
table.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from cs2_pipeline.datasets.leakage import labels, matches, requests, splits, telling
from cs2_pipeline.datasets.leakage.report import AuditReport, Finding
from cs2_pipeline.datasets.leakage.table import AuditedTable
from cs2_pipeline.datasets.schema import CONTESTS, MATCH_DATASET, PLAYER_DATASET, ROUND_DATASET, Table
from cs2_pipeline.game.player import PLAYER_FIELDS
from cs2_pipeline.game.state import ROUND_FIELDS, Field

Check = Callable[[AuditedTable], Finding]


@dataclass(frozen=True)
class Audit:
    """How one kind of table is audited.

    Attributes:
        table: its columns.
        label, group: names of the columns that hold the label and the key of what must not be split.
        unit: the column of what has one outcome; None where that is the group.
        fields: of a request.
        derived: features that a request does not name but that follow from it.
        bookkeeping: columns that are never features, beside the table's own that no request has.
        checks: in the order of the report.
    """

    table: Table
    label: str
    group: str
    unit: str | None
    fields: Sequence[Field]
    checks: tuple[Check, ...]
    derived: frozenset[str] = frozenset()
    bookkeeping: tuple[str, ...] = ()

    def __call__(self, frame: pd.DataFrame, *, features: Sequence[str] | None = None, seed: int = 0) -> AuditReport:
        """Audit a training table.

        Args:
            frame: the table in its own order of rows, with its label; normally the pipeline's own, but any table is
                taken: what it lacks (group, unit, part) is found wanting rather than refused.
            features: columns a model would read; by default all that are not known to be keys, label or part.
            seed: of sampling and trees.

        Raises:
            DatasetError: no rows, no label, or a feature that is not a column.
        """
        requested = frozenset(field.name for field in self.fields) | self.derived
        table = AuditedTable.of(
            frame,
            name=self.table.name,
            label=self.label,
            group=self.group,
            unit=self.unit,
            bookkeeping=[*(column.name for column in self.table if column.name not in requested), *self.bookkeeping],
            fields=self.fields,
            requested=requested,
            features=features,
            seed=seed,
        )
        return AuditReport(table.name, tuple(check(table) for check in self.checks))


audit_rounds: Final = Audit(
    ROUND_DATASET,
    label="ct_wins",
    group="match_id",
    unit="round_id",
    fields=ROUND_FIELDS,
    derived=frozenset({"map_index"}),
    checks=(
        telling.telling_round_features,
        telling.telling_position,
        splits.split_gap,
        labels.labels_within_rounds,
        labels.labels_against_score,
        labels.decided_states,
        splits.shared_groups,
        splits.shared_states,
        telling.certain_labels,
        requests.unrequestable,
    ),
)
"""Audits a training table of the round model."""

audit_players: Final = Audit(
    PLAYER_DATASET,
    label="tier",
    group="steam_id",
    unit=None,
    fields=PLAYER_FIELDS,
    bookkeeping=("later_kills", "later_deaths", "later_rounds", "later_start", "later_end", "player_name"),
    checks=(
        telling.telling_player_features,
        telling.telling_position,
        splits.split_gap,
        labels.later_windows,
        labels.no_decided_states,
        splits.shared_groups,
        splits.shared_states,
        telling.computable_tier,
        requests.unrequestable,
    ),
)
"""Audits a training table of the player model."""

audit_matches: Final = Audit(
    MATCH_DATASET,
    label="first_wins",
    group="match_id",
    unit=None,
    fields=(),
    derived=frozenset({"best_of", "first_points", "second_points", "latent", "variance", "elo"}),
    bookkeeping=tuple(column.name for column in CONTESTS if column.name.endswith(("_score", "_rounds"))),
    checks=(
        matches.telling_match_features,
        telling.telling_position,
        matches.one_part_each,
        matches.series_again,
        matches.order_of_winners,
        matches.rematches,
    ),
)
"""Audits a training table of the match model, or a table of contests."""
