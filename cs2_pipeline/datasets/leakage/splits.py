"""Checks (b) and (e): whether the parts of a table keep apart what belongs together."""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cs2_pipeline.datasets.leakage.report import Finding, finding
from cs2_pipeline.datasets.leakage.table import FOLDS, SURE, AuditedTable, whole_groups
from cs2_pipeline.datasets.leakage.trees import auc, forest_model, held_out

FOREST_ROWS: Final = 8_000
MAX_SHARED_STATES: Final = 0.5
"""Two matches that share half of their rows, not counting those that many matches have, are one match twice."""
MIN_SHARED_STATES: Final = 5
"""Fewer rows in common can be chance in a match of few rows."""
MAX_REPEATED_ROWS: Final = 0.02
"""Share of the test part's rows that also stand outside it, again without those that many matches have. Whoever knew
2 % of the rows by heart, at a log loss of 0.5, would look better by 0.01: the half width of a good test's interval."""


def split_gap(table: AuditedTable) -> Finding:
    """Whether rows tell of each other, and the parts of the table let that in."""
    title = "random rows against whole groups"
    rows = whole_groups(table.groups, FOREST_ROWS, table.seed)
    features, labels, forest = table.matrix[rows], table.labels[rows], forest_model(table.seed)
    by_row = auc(labels, held_out(forest, features, labels, np.arange(rows.size), table.seed))
    by_group = auc(labels, held_out(forest, features, labels, table.groups[rows], table.seed))
    gap, error = by_row - by_group, table.standard_error(rows, by_group)
    numbers = {"AUC, random rows held out": by_row, "AUC, whole groups held out": by_group, "gap": gap}
    told = f"A forest reaches AUC {by_row:.3f} on random rows held out and {by_group:.3f} on whole groups"
    tested = table.tested
    if gap <= SURE * error:
        return Finding("b", title, "pass", f"{told}: no gap, rows do not tell of each other.", numbers)
    if tested is None or not table.has_groups:
        lacking = f"no {table.group}" if not table.has_groups else "no parts"
        sentence = (
            f"{told}, and the table has {lacking}: whoever splits its rows is told the first. Split whole groups."
        )
        return Finding("b", title, "fail", sentence, numbers)
    own, own_error = _own_split_auc(table, tested)
    kept = (own - by_group) / gap
    numbers |= {"AUC, the table's own parts": own, "share of the gap in the table's own parts": kept}
    failed = kept > 0.5 and own - by_group > SURE * np.hypot(error, own_error)
    judged = "near the first: they split groups" if failed else "as on whole groups"
    return finding("b", title, failed, f"{told}; on the table's own parts it reaches {own:.3f}, {judged}.", numbers)


def _own_split_auc(table: AuditedTable, tested: NDArray[np.bool_]) -> tuple[float, float]:
    """The forest's AUC on the table's own test part with its error, fitted and judged on as many rows as a fold has."""
    random = np.random.default_rng(table.seed)
    chosen = [
        np.sort(random.permutation(numbers)[: FOREST_ROWS // FOLDS])
        for numbers in (np.flatnonzero(~tested), np.flatnonzero(tested))
    ]
    fitted = forest_model(table.seed)()
    fitted.fit(table.matrix[chosen[0]], table.labels[chosen[0]])
    scores = np.zeros((chosen[1].size, int(table.labels.max()) + 1))
    scores[:, fitted.classes_] = fitted.predict_proba(table.matrix[chosen[1]])
    own = auc(table.labels[chosen[1]], scores)
    return own, table.standard_error(chosen[1], own)


def shared_groups(table: AuditedTable) -> Finding:
    """Whether every match (player) is in one part."""
    title = f"one part for each {table.group}"
    if "part" not in table.frame or not table.has_groups:
        absent = "part" if table.has_groups else table.group
        return Finding("e", title, "fail", f"The table has no {absent}: nothing keeps train and test apart.")
    pairs = table.frame[[table.group, "part"]].drop_duplicates()
    split = pairs[table.group].duplicated().sum()
    numbers = {"groups": float(pairs[table.group].nunique()), "groups in more than one part": float(split)}
    if not split:
        return Finding("e", title, "pass", f"Each {table.group} is in one part.", numbers)
    return Finding("e", title, "fail", f"{split} {table.group} values are in more than one part.", numbers)


def shared_states(table: AuditedTable) -> Finding:
    """Whether two groups in different parts share most of their rows; rows that more than three hold do not count."""
    title = "the same rows under two keys"
    if "part" not in table.frame or not table.has_groups:
        return Finding("e", title, "note", "Not checked: the table has no parts or no groups.")
    rows = pd.DataFrame({"state": _states(table)})
    rows["group"], rows["tested"] = table.groups, table.frame["part"].to_numpy() == "test"
    rows = rows.drop_duplicates(["state", "group"])
    holders = rows.groupby("state")["group"].transform("size")
    size = rows["group"].value_counts()
    shared = rows[(holders > 1) & (holders <= 3)]
    pairs = shared[shared["tested"]].merge(shared[~shared["tested"]], on="state", suffixes=("", "_seen"))
    common = pairs.groupby(["group", "group_seen"]).size()
    share = common.to_numpy() / size.reindex(common.index.get_level_values("group")).to_numpy()
    twins = int(((share > MAX_SHARED_STATES) & (common.to_numpy() >= MIN_SHARED_STATES)).sum())
    largest = float(share.max(initial=0))
    repeated = float(pairs.drop_duplicates(["state", "group"]).shape[0] / max(int(rows["tested"].sum()), 1))
    numbers = {
        "largest share of rows in common": largest,
        "pairs above the limit": twins,
        "limit": MAX_SHARED_STATES,
        "share of the test part's rows that stand outside it too": repeated,
        "limit of that share": MAX_REPEATED_ROWS,
    }
    sentence = f"A {table.group} of the test part shares at most {largest:.1%} of its rows with one outside it"
    sentence += f"; {repeated:.1%} of the test part's rows stand outside it too."
    if twins:
        sentence = f"{twins} pairs of {table.group}, one in the test part and one outside, share more than "
        sentence += f"{MAX_SHARED_STATES:.0%} of their rows: the same under two keys."
    elif repeated > MAX_REPEATED_ROWS:
        sentence = f"{repeated:.1%} of the test part's rows stand outside it too, under other keys: at most "
        sentence += f"{MAX_REPEATED_ROWS:.0%} can be chance."
    return finding("e", title, twins > 0 or repeated > MAX_REPEATED_ROWS, sentence, numbers)


def _states(table: AuditedTable) -> NDArray[np.uint64]:
    return np.asarray(pd.util.hash_pandas_object(pd.DataFrame(table.matrix), index=False), dtype=np.uint64)
