"""Check (g): whether the features are what a request can carry."""

from typing import Final

import numpy as np

from cs2_pipeline.datasets.leakage.report import Finding, finding, listed
from cs2_pipeline.datasets.leakage.table import AuditedTable

MAX_OUT_OF_BOUNDS: Final = 0.01


def unrequestable(table: AuditedTable) -> Finding:
    """Whether every feature is a field of a request, and its values are ones a request may hold."""
    title = "features that a request cannot carry"
    unknown = [name for name in table.features if name not in table.requested]
    missing, outside = 0, 0
    for known in table.fields:
        if known.text or known.name not in table.features:
            continue
        values = table.matrix[:, table.features.index(known.name)]
        missing += int(np.isnan(values).sum()) if known.required else 0
        outside += int(((values < known.low) | (values > known.high)).sum())
    numbers = {
        "features no request has": float(len(unknown)),
        "required values missing": float(missing),
        "values out of bounds": float(outside),
    }
    problems = [
        problem
        for problem, found in (
            (f"no request carries {listed(unknown)}", bool(unknown)),
            (f"{missing} values of required fields are missing", missing > 0),
            (f"{outside} values are outside what a request may hold", outside > MAX_OUT_OF_BOUNDS * len(table.frame)),
        )
        if found
    ]
    if problems:
        return finding("g", title, True, f"Not as requests are: {'; '.join(problems)}.", numbers)
    sentence = f"All {len(table.features)} features are fields of a request; {outside} values are out of bounds."
    return Finding("g", title, "note" if outside else "pass", sentence, numbers)
