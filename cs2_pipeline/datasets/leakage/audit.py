"""The leakage audit: whether a training table tells a model what it could not know when it is asked.

What belongs here: checks (a) to (g) of a table's rows, features, labels and parts, each giving one `Finding` with
its numbers and a sentence. What a leak is, and why each limit is what it is, is written in ``docs/leakage-audit.md``;
the limits are the constants below. Checks that fit something fit small trees on a sample of whole matches (players)
and judge them on matches they have not seen, so that the audit takes seconds on any table.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from cs2_pipeline.datasets.rounds import is_decided
from cs2_pipeline.datasets.schema import PLAYER_DATASET, ROUND_DATASET, DatasetError
from cs2_pipeline.game.player import PLAYER_FIELDS, tier_of
from cs2_pipeline.game.rules import sides_swapped
from cs2_pipeline.game.state import ROUND_FIELDS, Field

BEST_ROUND_AUC: Final = 0.864
"""The best AUC published for a model of open round states (set networks, 12,742 professional maps). One feature, which
sees one side of a game of two, does not reach what all features together do."""
MAX_POSITION_AUC: Final = 0.6
"""A row's place in the table can tell no more than slow drift of the share of CT wins. To give 0.6 that share would
have to be 40 % in one half of the table and 60 % in the other: more than maps or seasons differ."""
MAX_LABEL_ERROR: Final = 0.01
"""Labels may be wrong in one round of a hundred: that moves a mean probability by at most 0.01, half of the
calibration error a promoted model may have."""
MAX_CERTAIN_SHARE: Final = 0.1
"""Share of unseen rows on whose label a shallow tree is certain, and right. Open states are rarely sure: where a
model's AUC is 0.86, about one in a hundred has a probability beyond 0.99 either way (two normal distributions)."""
CERTAIN: Final = 0.99
MAX_SHARED_STATES: Final = 0.5
"""Two matches that share half of their rows, not counting those that many matches have, are one match twice."""
MIN_SHARED_STATES: Final = 5
"""Fewer rows in common can be chance in a match of few rows."""
MAX_REPEATED_ROWS: Final = 0.02
"""Share of the test part's rows that also stand outside it, again without those that many matches have. Whoever knew
2 % of the rows by heart, at a log loss of 0.5, would look better by 0.01: the half width of a good test's interval."""
MAX_OUT_OF_BOUNDS: Final = 0.01
TIER_CEILING: Final = 0.98
"""Share of tiers that can be foretold where a table does not say how many kills and deaths its labels rest on: to
get 98 % right the labels themselves would have to rest on some 18,000 kills each."""
SURE: Final = 3.0
"""Standard errors beyond a limit before it counts: where the truth is just at the limit, one false alarm in 1,000."""

SAMPLE_ROWS: Final = 20_000
FOREST_ROWS: Final = 8_000
_FOLDS: Final = 2

Severity = Literal["pass", "note", "fail"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        check: its letter, "a" to "g".
        title: what was looked for.
        severity: "fail" refuses the table, "note" is worth knowing, "pass" is nothing found.
        sentence: what was found, in words with the numbers that matter.
        numbers: every number of the check by name.
    """

    check: str
    title: str
    severity: Severity
    sentence: str
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class AuditReport:
    """All findings on one table."""

    table: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether no finding refuses the table."""
        return not self.failures

    @property
    def failures(self) -> list[str]:
        """The sentences of the findings that refuse the table, each with its check's letter."""
        return [f"({found.check}) {found.sentence}" for found in self.findings if found.severity == "fail"]

    def to_frame(self) -> pd.DataFrame:
        """One row per finding and number: check, title, severity, sentence, number, value."""
        rows = []
        for found in self.findings:
            about = {name: value for name, value in asdict(found).items() if name != "numbers"}
            rows += [
                {**about, "number": name, "value": value} for name, value in (found.numbers or {"": np.nan}).items()
            ]
        return pd.DataFrame(rows)

    def to_markdown(self) -> str:
        """The verdict, a table of findings, and the numbers."""
        verdict = "passed" if self.passed else "**failed**"
        lines = [
            f"Leakage audit of `{self.table}`: {verdict}.",
            "",
            "| | Check | Result | Finding |",
            "|---|---|---|---|",
        ]
        lines += [f"| {f.check} | {f.title} | {f.severity} | {f.sentence} |" for f in self.findings]
        lines += ["", "| | Number | Value |", "|---|---|---|"]
        lines += [f"| {f.check} | {name} | {value:.6g} |" for f in self.findings for name, value in f.numbers.items()]
        return "\n".join(lines) + "\n"


def audit_rounds(frame: pd.DataFrame, *, features: Sequence[str] | None = None, seed: int = 0) -> AuditReport:
    """Audit a training table of the round model.

    Args:
        frame: the table in its own order of rows, label ``ct_wins``; normally a round dataset, but any table is
            taken: what it lacks (match_id, round_id, part) is found wanting rather than refused.
        features: columns a model would read; by default all that are not known to be keys, label or part.
        seed: of sampling and trees.

    Raises:
        DatasetError: no rows, no label, or a feature that is not a column.
    """
    kept = [column.name for column in ROUND_DATASET if column.name not in _REQUESTED_OF_ROUND]
    table = _Table.of(
        frame,
        name="round_dataset",
        label="ct_wins",
        group="match_id",
        unit="round_id",
        bookkeeping=kept,
        features=features,
        seed=seed,
    )
    return AuditReport(
        table.name,
        (
            _telling_features(table, _auc, BEST_ROUND_AUC, "AUC", "the best published model reaches with all of them"),
            _telling_position(table),
            _split_gap(table),
            _labels_within_rounds(table),
            _labels_against_score(table),
            _decided(table),
            _shared_groups(table),
            _shared_states(table),
            _certain_labels(table),
            _unrequestable(table, ROUND_FIELDS, _REQUESTED_OF_ROUND),
        ),
    )


def audit_players(frame: pd.DataFrame, *, features: Sequence[str] | None = None, seed: int = 0) -> AuditReport:
    """Audit a training table of the player model.

    Args:
        frame: the table in its own order of rows, label ``tier``; normally a player dataset.
        features: columns a model would read; by default all that are not known to be keys, label or part.
        seed: of sampling and trees.

    Raises:
        DatasetError: no rows, no label, or a feature that is not a column.
    """
    kept = [column.name for column in PLAYER_DATASET if column.name not in _REQUESTED_OF_PLAYER]
    table = _Table.of(
        frame,
        name="player_dataset",
        label="tier",
        group="steam_id",
        unit=None,
        bookkeeping=[*kept, *_LATER],
        features=features,
        seed=seed,
    )
    ceiling = _tier_ceiling(frame)
    reason = "the labels' own sampling error leaves to anyone"
    return AuditReport(
        table.name,
        (
            _telling_features(table, _accuracy, ceiling, "accuracy", reason),
            _telling_position(table),
            _split_gap(table),
            _later_windows(table),
            Finding("d", "decided states", "pass", "A player's tier is not decided by any state of a game."),
            _shared_groups(table),
            _shared_states(table),
            _computable_tier(table, ceiling, reason),
            _unrequestable(table, PLAYER_FIELDS, _REQUESTED_OF_PLAYER),
        ),
    )


_REQUESTED_OF_ROUND: Final = frozenset(field.name for field in ROUND_FIELDS) | {"map_index"}
_REQUESTED_OF_PLAYER: Final = frozenset(field.name for field in PLAYER_FIELDS)
_LATER: Final = ("later_kills", "later_deaths", "later_rounds", "later_start", "later_end", "player_name")


@dataclass(frozen=True)
class _Table:
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
        features: Sequence[str] | None,
        seed: int,
    ) -> "_Table":
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
        matrix = np.column_stack([_numbers(frame[column]) for column in chosen])
        sample = _whole_groups(groups, SAMPLE_ROWS, seed)
        labels = frame[label].to_numpy(dtype=np.int64)
        return cls(name, frame, chosen, label, group, labels, matrix, groups, units, sample, seed)

    @property
    def has_groups(self) -> bool:
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


def _numbers(column: pd.Series) -> Floats:
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(pd.factorize(column)[0], dtype=np.float64)


def _whole_groups(groups: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """Row numbers of randomly drawn whole groups, about ``most`` rows, in the table's order."""
    if groups.size <= most:
        return np.arange(groups.size)
    sizes = np.bincount(groups)
    order = np.random.default_rng(seed).permutation(sizes.size)
    drawn = order[: max(2 * _FOLDS, int(np.searchsorted(np.cumsum(sizes[order]), most)))]
    return np.flatnonzero(np.isin(groups, drawn))


class _Classifier(Protocol):
    classes_: NDArray[Any]

    def fit(self, features: Floats, labels: NDArray[np.int64]) -> Any: ...
    def predict_proba(self, features: Floats) -> Floats: ...


def _held_out(
    model: Callable[[], _Classifier], features: Floats, labels: NDArray[np.int64], groups: NDArray[np.int64], seed: int
) -> Floats:
    """Scores of each label for every row, by a model that saw no row of its group; shape (rows, labels)."""
    names, place = np.unique(groups, return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(names.size) % _FOLDS)[place]
    scores = np.zeros((labels.size, int(labels.max()) + 1))
    for number in range(_FOLDS):
        seen, unseen = fold != number, fold == number
        fitted = model()
        fitted.fit(features[seen], labels[seen])
        scores[np.ix_(unseen, fitted.classes_)] = fitted.predict_proba(features[unseen])
    return scores


def _auc(labels: NDArray[np.int64], scores: Floats) -> float:
    """Area under the ROC curve; for more than two labels the mean of one against the rest."""
    kinds = [kind for kind in range(scores.shape[1]) if 0 < (labels == kind).sum() < labels.size]
    values = []
    for kind in kinds:
        ones = labels == kind
        ranks = rankdata(scores[:, kind])
        count = int(ones.sum())
        values.append((ranks[ones].sum() - count * (count + 1) / 2) / (count * (labels.size - count)))
    return float(np.mean(values)) if values else 0.5


def _accuracy(labels: NDArray[np.int64], scores: Floats) -> float:
    return float((scores.argmax(axis=1) == labels).mean())


def _shallow_tree(leaves: int, seed: int) -> Callable[[], _Classifier]:
    from sklearn.tree import DecisionTreeClassifier  # noqa: PLC0415  # slow to import, seldom needed

    return lambda: DecisionTreeClassifier(max_leaf_nodes=leaves, min_samples_leaf=20, random_state=seed)


def _forest(seed: int) -> Callable[[], _Classifier]:
    """A model that remembers rows: what leaks through neighbours shows in it."""
    from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415  # slow to import, seldom needed

    return lambda: RandomForestClassifier(20, min_samples_leaf=1, random_state=seed, n_jobs=1)


# (a) ------------------------------------------------------------------------------------------------------------------


def _telling_features(
    table: _Table, measure: Callable[[NDArray[np.int64], Floats], float], limit: float, name: str, reason: str
) -> Finding:
    rows, tree = table.sample, _shallow_tree(16, table.seed)
    labels = table.labels[rows]
    values = {
        feature: measure(
            labels, _held_out(tree, table.matrix[rows, [number], None], labels, table.groups[rows], table.seed)
        )
        for number, feature in enumerate(table.features)
    }
    telling = [feature for feature, value in values.items() if value - SURE * table.standard_error(rows, value) > limit]
    best = max(values, key=lambda feature: values[feature])
    numbers = {f"{name} of {feature}": value for feature, value in values.items()} | {"limit": limit}
    sentence = f"The most telling feature alone is {best}, with {name} {values[best]:.3f} on unseen groups"
    if telling:
        sentence += f"; {_listed(telling)} tell more than {reason} ({limit:.3f}): they know the outcome."
    else:
        sentence += f"; {reason} is {limit:.3f}."
    return _finding("a", "a feature that tells the label", bool(telling), sentence, numbers)


def _telling_position(table: _Table) -> Finding:
    rows, tree = table.sample, _shallow_tree(16, table.seed)
    labels = table.labels[rows]
    places: dict[str, Floats] = {"row number": np.arange(len(table.frame), dtype=np.float64)}
    places |= {
        name: _numbers(table.frame[name]) for name in ("match_id", "round_id", "steam_id") if name in table.frame
    }
    values = {
        name: _auc(labels, _held_out(tree, place[rows, None], labels, table.groups[rows], table.seed))
        for name, place in places.items()
    }
    best = max(values, key=lambda name: values[name])
    failed = values[best] - SURE * table.standard_error(rows, values[best]) > MAX_POSITION_AUC
    sentence = f"The {best} alone predicts the label of unseen groups with AUC {values[best]:.3f}"
    if failed:
        sentence += f", drift at most {MAX_POSITION_AUC}: the table is ordered by its outcome. Sort it by time."
    else:
        sentence += f"; drift may give {MAX_POSITION_AUC}."
    numbers = {f"AUC of {name}": value for name, value in values.items()} | {"limit": MAX_POSITION_AUC}
    return _finding("a", "a row's place that tells the label", failed, sentence, numbers)


# (b) ------------------------------------------------------------------------------------------------------------------


def _split_gap(table: _Table) -> Finding:
    title = "random rows against whole groups"
    rows = _whole_groups(table.groups, FOREST_ROWS, table.seed)
    features, labels, forest = table.matrix[rows], table.labels[rows], _forest(table.seed)
    by_row = _auc(labels, _held_out(forest, features, labels, np.arange(rows.size), table.seed))
    by_group = _auc(labels, _held_out(forest, features, labels, table.groups[rows], table.seed))
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
    return _finding("b", title, failed, f"{told}; on the table's own parts it reaches {own:.3f}, {judged}.", numbers)


def _own_split_auc(table: _Table, tested: NDArray[np.bool_]) -> tuple[float, float]:
    """The forest's AUC on the table's own test part with its error, fitted and judged on as many rows as a fold has."""
    random = np.random.default_rng(table.seed)
    chosen = [
        np.sort(random.permutation(numbers)[: FOREST_ROWS // _FOLDS])
        for numbers in (np.flatnonzero(~tested), np.flatnonzero(tested))
    ]
    fitted = _forest(table.seed)()
    fitted.fit(table.matrix[chosen[0]], table.labels[chosen[0]])
    scores = np.zeros((chosen[1].size, int(table.labels.max()) + 1))
    scores[:, fitted.classes_] = fitted.predict_proba(table.matrix[chosen[1]])
    own = _auc(table.labels[chosen[1]], scores)
    return own, table.standard_error(chosen[1], own)


# (c) ------------------------------------------------------------------------------------------------------------------


def _labels_within_rounds(table: _Table) -> Finding:
    """Whether a round has one winner, and its first row no other than the rest."""
    title = "one label a round"
    by_round = pd.Series(table.labels).groupby(table.units)
    ends = by_round.agg(["first", "last", "min", "max", "size"])
    mixed = (ends["min"] != ends["max"]).to_numpy()
    repeated = (ends["size"] > 1).to_numpy()
    previous = _previous_winner(table, ends)
    checkable = repeated & ~np.isnan(previous)
    numbers = {"rounds": float(len(ends)), "rounds with both labels": float(mixed.sum())}
    if checkable.any():
        known = ends[checkable]
        numbers["rounds with a round before"] = float(len(known))
        numbers["first label equals the previous winner"] = float((known["first"] == previous[checkable]).mean())
        numbers["last label equals the previous winner"] = float((known["last"] == previous[checkable]).mean())
    if not mixed.any():
        return Finding("c", title, "pass", f"All {len(ends)} rounds have one label each.", numbers)
    sentence = f"{mixed.sum()} of {len(ends)} rounds carry both labels, but a round has one winner."
    same = numbers.get("first label equals the previous winner", 0)
    honest = numbers.get("last label equals the previous winner", 0)
    if same - honest > MAX_LABEL_ERROR:
        sentence += (
            f" The first label is the previous round's winner in {same:.1%} of rounds, the last in {honest:.1%}: "
        )
        sentence += "first labels are one round late."
    return Finding("c", title, "fail", sentence, numbers)


def _previous_winner(table: _Table, ends: pd.DataFrame) -> Floats:
    """Last label of the round before it in the table, by round; NaN for a match's first."""
    first_row = pd.Series(np.arange(len(table.frame))).groupby(table.units).first()
    order = np.argsort(first_row.to_numpy(), kind="stable")
    match = table.groups[first_row.to_numpy()][order]
    last = ends["last"].to_numpy(dtype=np.float64)[order]
    previous = np.empty(len(ends))
    previous[order] = np.where(np.r_[True, match[1:] != match[:-1]], np.nan, np.r_[np.nan, last[:-1]])
    return previous


def _labels_against_score(table: _Table) -> Finding:
    """Whether the side labelled as winner is the one that scored before the next round."""
    title = "labels against the score"
    needed = ["match_id", "round_id", "round_number", "ct_score", "t_score", table.label]
    absent = [name for name in needed if name not in table.frame]
    if absent:
        sentence = f"Not checked: the table has no {_listed(absent)}."
        return Finding("c", title, "note", sentence)
    rounds = table.frame.drop_duplicates("round_id")[needed].sort_values(["match_id", "round_number"])
    following = rounds.groupby("match_id").shift(-1)
    number = rounds["round_number"]
    swap = np.array([sides_swapped(n) != sides_swapped(n + 1) for n in number])
    ct, t = (following[name] - rounds[name] for name in ("ct_score", "t_score"))
    told = (following["round_number"] == number + 1) & ~swap & (ct + t == 1) & ct.isin([0, 1])
    if not told.any():
        return Finding("c", title, "note", "Not checked: no score advances by one from a round to the next.")
    wrong = float((rounds[table.label] != ct)[told].mean())
    before = ct.where(told).groupby(rounds["match_id"]).shift(1)
    followed = told & before.notna()
    late = float((rounds[table.label] == before)[followed].mean()) if followed.any() else 0.0
    numbers = {
        "rounds checked": float(told.sum()),
        "share of labels against the score": wrong,
        "share of labels that are the side that scored a round earlier": late,
        "limit": MAX_LABEL_ERROR,
    }
    failed = wrong - SURE * np.sqrt(MAX_LABEL_ERROR / told.sum()) > MAX_LABEL_ERROR
    sentence = f"In {wrong:.1%} of {told.sum()} rounds the first label is not the side that scored."
    if failed and late > 1 - wrong:
        sentence += f" It is the side that scored a round earlier in {late:.1%}: labels are one round late."
    return _finding("c", title, failed, sentence, numbers)


def _later_windows(table: _Table) -> Finding:
    """Whether the label's matches begin after the features' matches end, and parts keep the order of time."""
    title = "labels from later matches only"
    frame = table.frame
    if not {"later_start", "window_end"} <= set(frame.columns):
        sentence = "Not checked: the table lacks window_end or later_start, the times behind features and label."
        return Finding("c", title, "note", sentence)
    mixed = int((frame["later_start"] <= frame["window_end"]).sum())
    known_late = 0
    tested = table.tested
    if tested is not None and "later_end" in frame and tested.any() and not tested.all():
        known_late = int((frame.loc[~tested, "later_end"] >= frame.loc[tested, "later_end"].min()).sum())
    numbers = {
        "rows whose windows overlap": float(mixed),
        "labels learned from that were known after one tested on": float(known_late),
    }
    if not mixed and not known_late:
        return Finding("c", title, "pass", "Every label comes from matches after those of its features.", numbers)
    sentence = f"{mixed} rows take label and features from the same time, and {known_late} labels to learn from became "
    sentence += "known after one that is tested on."
    return Finding("c", title, "fail", sentence, numbers)


# (d) ------------------------------------------------------------------------------------------------------------------


def _decided(table: _Table) -> Finding:
    title = "decided states"
    absent = [name for name in ("ct_alive", "t_alive", "bomb_planted", "time_remaining") if name not in table.frame]
    if absent:
        return Finding("d", title, "note", f"Not checked: the table has no {_listed(absent)}.")
    count = int(is_decided(table.frame).sum())
    numbers = {"decided states": float(count), "share": count / len(table.frame)}
    if not count:
        return Finding("d", title, "pass", "No state is decided.", numbers)
    sentence = (
        f"{count} states ({numbers['share']:.1%}) are decided: they flatter a model that is not asked about them."
    )
    return Finding("d", title, "fail", sentence, numbers)


# (e) ------------------------------------------------------------------------------------------------------------------


def _shared_groups(table: _Table) -> Finding:
    title = f"one part for each {table.group}"
    if "part" not in table.frame or not table.has_groups:
        absent = "part" if table.has_groups else table.group
        return Finding("e", title, "fail", f"The table has no {absent}: nothing keeps train and test apart.")
    pairs = table.frame[[table.group, "part"]].drop_duplicates()
    split = int(pairs[table.group].duplicated().sum())
    numbers = {"groups": float(pairs[table.group].nunique()), "groups in more than one part": float(split)}
    if not split:
        return Finding("e", title, "pass", f"Each {table.group} is in one part.", numbers)
    return Finding("e", title, "fail", f"{split} {table.group} values are in more than one part.", numbers)


def _shared_states(table: _Table) -> Finding:
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
    return _finding("e", title, twins > 0 or repeated > MAX_REPEATED_ROWS, sentence, numbers)


def _states(table: _Table) -> NDArray[np.uint64]:
    return np.asarray(pd.util.hash_pandas_object(pd.DataFrame(table.matrix), index=False), dtype=np.uint64)


# (f) ------------------------------------------------------------------------------------------------------------------


def _certain_labels(table: _Table) -> Finding:
    """Share of unseen rows whose label a shallow tree knows for certain, and is right about."""
    title = "labels that can be computed"
    rows = table.sample
    labels = table.labels[rows]
    tree = _shallow_tree(16, table.seed)
    scores = _held_out(tree, table.matrix[rows], labels, table.groups[rows], table.seed)
    certain = scores.max(axis=1) >= CERTAIN
    right = float((scores.argmax(axis=1) == labels)[certain].mean()) if certain.any() else 0.0
    share = float(certain.mean()) if right >= CERTAIN - MAX_LABEL_ERROR else 0.0
    numbers = {
        "share of rows a shallow tree is certain of": float(certain.mean()),
        "share of those it is right about": right,
        "accuracy": _accuracy(labels, scores),
        "limit": MAX_CERTAIN_SHARE,
    }
    failed = share - SURE * table.standard_error(rows, share) > MAX_CERTAIN_SHARE
    sentence = f"A tree of 16 leaves is certain of {certain.mean():.1%} of the labels of unseen groups"
    if certain.any():
        sentence += f" and right about {right:.1%} of those"
    sentence += ": the features hold the outcome." if failed else "."
    return _finding("f", title, failed, sentence, numbers)


def _computable_tier(table: _Table, ceiling: float, reason: str) -> Finding:
    title = "labels that can be computed"
    rows = table.sample
    labels = table.labels[rows]
    reached = _accuracy(
        labels, _held_out(_shallow_tree(16, table.seed), table.matrix[rows], labels, table.groups[rows], table.seed)
    )
    same = float((table.frame["kd_ratio"].map(tier_of) == table.labels).mean()) if "kd_ratio" in table.frame else np.nan
    numbers = {
        "accuracy of a shallow tree": reached,
        "tier of the K/D among the features equals the label": same,
        "limit": ceiling,
    }
    failed = reached - SURE * table.standard_error(rows, reached) > ceiling
    sentence = f"A tree of 16 leaves gets {reached:.1%} of the tiers of unseen players right; {reason} {ceiling:.1%}"
    sentence += ": the label is cut from the features." if failed else "."
    return _finding("f", title, failed, sentence, numbers)


def _tier_ceiling(frame: pd.DataFrame) -> float:
    """Share of tiers that one who knew every player's true K/D would get right.

    A later K/D of k kills and d deaths has a sampling error of sqrt(1/k + 1/d) on the log scale (Poisson counts;
    real ones vary more, so the true ceiling is lower). Drawn anew around each observed K/D, the tier stays the same
    this often.
    """
    if not {"later_kills", "later_deaths"} <= set(frame.columns):
        return TIER_CEILING
    kills, deaths = (np.maximum(frame[f"later_{name}"].to_numpy(dtype=np.float64), 1) for name in ("kills", "deaths"))
    drawn = kills / deaths * np.exp(np.random.default_rng(0).normal(0, np.sqrt(1 / kills + 1 / deaths)))
    return float(
        np.mean([tier_of(a) == tier_of(b) for a, b in zip(drawn.tolist(), (kills / deaths).tolist(), strict=True)])
    )


# (g) ------------------------------------------------------------------------------------------------------------------


def _unrequestable(table: _Table, fields: Sequence[Field], requested: frozenset[str]) -> Finding:
    title = "features that a request cannot carry"
    unknown = [name for name in table.features if name not in requested]
    missing, outside = 0, 0
    for known in fields:
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
            (f"no request carries {_listed(unknown)}", bool(unknown)),
            (f"{missing} values of required fields are missing", missing > 0),
            (f"{outside} values are outside what a request may hold", outside > MAX_OUT_OF_BOUNDS * len(table.frame)),
        )
        if found
    ]
    if problems:
        return _finding("g", title, True, f"Not as requests are: {'; '.join(problems)}.", numbers)
    sentence = f"All {len(table.features)} features are fields of a request; {outside} values are out of bounds."
    return Finding("g", title, "note" if outside else "pass", sentence, numbers)


def _listed(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _finding(check: str, title: str, failed: bool, sentence: str, numbers: Mapping[str, float]) -> Finding:
    severity: Severity = "fail" if failed else "pass"
    return Finding(check, title, severity, sentence, {name: float(value) for name, value in numbers.items()})
