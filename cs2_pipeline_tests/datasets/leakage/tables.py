"""Small tables made ready for one check."""

import pandas as pd

from cs2_pipeline.datasets.leakage.table import AuditedTable


def audited(frame, **given):
    """A table of columns, audited with what is not given as for the round model."""
    frame = pd.DataFrame(frame)
    asked = {
        "name": "rows", "label": "ct_wins", "group": "match_id", "unit": "round_id", "fields": (),
        "bookkeeping": ("match_id", "round_id", "part"), "requested": frozenset(), "features": None, "seed": 0,
    }  # fmt: skip
    return AuditedTable.of(frame, **asked | given)
