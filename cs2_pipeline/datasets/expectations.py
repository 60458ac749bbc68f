"""What the extracted tables must look like, as Great Expectations suites, and their validation.

A suite per table, written as data in `SUITES`. The suites of daily tables speak of rows only, and of all of them
(no ``mostly``): so each failing row is laid to its day and match, and what is said of them does not depend on what they
were validated with (`validate_days`). A day on which no match counted has no rows, which is no fault.

Great Expectations is imported inside the functions that use it: it takes seconds. Rules that need more than one row
are checked on columns derived in `_with_derived`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cs2_pipeline.datasets import data_docs
from cs2_pipeline.game.state import MAX_EQUIPMENT_VALUE, MAX_TEAM_MONEY, ROUND_FIELDS

Expectation = tuple[str, dict[str, Any]]
"""Class name in ``great_expectations.expectations`` and its arguments."""

SHOWN_IDS: Final = 10
"""How many ids of failing rows an outcome names."""


def _between(column: str, low: float | None, high: float | None) -> Expectation:
    return "ExpectColumnValuesToBeBetween", {"column": column, "min_value": low, "max_value": high}


def _in_set(column: str, values: list[Any]) -> Expectation:
    return "ExpectColumnValuesToBeInSet", {"column": column, "value_set": values}


def _not_null(*columns: str) -> list[Expectation]:
    return [("ExpectColumnValuesToNotBeNull", {"column": column}) for column in columns]


def _unique(*columns: str) -> Expectation:
    if len(columns) == 1:
        return "ExpectColumnValuesToBeUnique", {"column": columns[0]}
    return "ExpectCompoundColumnsToBeUnique", {"column_list": list(columns)}


_VOLUME: Final[Expectation] = ("ExpectTableRowCountToBeBetween", {"min_value": 1})

SUITES: Final[Mapping[str, tuple[Expectation, ...]]] = {
    "rounds": (
        *_not_null("round_id", "match_id", "round_number", "ct_wins", "started_at"),
        _unique("round_id"),
        _unique("match_id", "round_number"),
        _between("ct_live_players", 0, 5),
        _between("t_live_players", 0, 5),
        _between("ct_equipment_value", 0, MAX_EQUIPMENT_VALUE),
        _between("t_equipment_value", 0, MAX_EQUIPMENT_VALUE),
        _between("ct_start_money", 0, MAX_TEAM_MONEY),
        _between("t_start_money", 0, MAX_TEAM_MONEY),
        _in_set("bomb_planted", [0, 1]),
        _in_set("ct_wins", [0, 1]),
        _between("duration", 0, 400),
        # Sides swap, so a side's own score may fall at half time; the two together grow by one with every round.
        # Numbers left out between two rounds are rounds refused, which scored, or never finished, which did not.
        _between("score_step_beyond_rounds", 0, 0),
        _between("rounds_in_match", 1, 80),
    ),
    "player_match_stats": (
        *_not_null("steam_id", "match_id", "started_at"),
        _unique("steam_id", "match_id"),
        ("ExpectColumnValuesToMatchRegex", {"column": "steam_id", "regex": r"^\d{1,20}$"}),
        _between("rounds", 1, 80),
        *(_between(name, 0, 400) for name in ("kills", "deaths", "assists")),
        _between("headshots_beyond_kills", None, 0),
        _between("damage_per_round", 0, 500),
        *(_between(name, 0, 80) for name in ("first_kills", "clutches", "clutch_attempts")),
        _between("clutches_beyond_attempts", None, 0),
    ),
    "players": (
        _VOLUME,
        *_not_null("steam_id", "total_rounds", "kd_ratio"),
        _unique("steam_id"),
        ("ExpectColumnValuesToMatchRegex", {"column": "steam_id", "regex": r"^\d{1,20}$"}),
        _between("total_rounds", 11, None),
        _between("kd_ratio", 0, 60),
        _between("headshot_pct", 0, 1),
        _between("clutch_rate", 0, 1),
        _between("adr", 0, 500),
    ),
    "round_snapshots": (
        *_not_null("round_id", "match_id", "snapshot", "ct_wins"),
        _unique("round_id", "snapshot"),
        *(_between(field.name, field.low, field.high) for field in ROUND_FIELDS if not field.text),
        _in_set("ct_wins", [0, 1]),
        _between("labels_in_round", 1, 1),
        _between("clock_step", 0, None),
    ),
    "matches": (
        *_not_null("match_id", "started_at", "first_players", "second_players", "first_wins"),
        _unique("match_id"),
        *(_between(f"{side}_score", 0, 60) for side in ("first", "second")),
        *(_between(f"{side}_half1", 0, 12) for side in ("first", "second")),
        _in_set("first_wins", [0, 1]),
    ),
}

ID_COLUMNS: Final[Mapping[str, str]] = {
    "rounds": "round_id",
    "player_match_stats": "steam_id",
    "players": "steam_id",
    "round_snapshots": "round_id",
    "matches": "match_id",
}


@dataclass(frozen=True)
class Outcome:
    """The result of one expectation.

    Attributes:
        expectation: its name in Great Expectations' snake case, with the columns it is about.
        success: whether it held.
        observed: for table-level expectations the value seen.
        failing_rows: how many rows fail it.
        ids: the ids of some of them.
        matches: the matches of all of them, in order; of a daily table only.
    """

    expectation: str
    success: bool
    observed: Any
    failing_rows: int
    ids: tuple[str, ...]
    matches: tuple[int, ...] = ()


def validate(table: str, frame: pd.DataFrame) -> list[Outcome]:
    """Every expectation of a table's suite against its rows.

    Raises:
        KeyError: there is no suite of that name.
    """
    return [_outcome(table, result, _failing(result)) for result in _results(table, frame, [ID_COLUMNS[table]])]


def validate_days(table: str, frame: pd.DataFrame, days: Sequence[str]) -> dict[str, list[Outcome]]:
    """The bad days of a daily table, in order, each with the expectations that its own rows fail.

    Each outcome names the matches of its rows: the others of the day are good. Uniqueness is looked for in the whole
    frame: a row that is there on two days makes both bad. An expectation that fails without naming rows (it could not
    be evaluated) makes all days bad, and no match of them good.

    Args:
        table: with a column ``started_at``.
        frame: the rows of the days.
        days: as ``YYYY-MM-DD``.

    Raises:
        KeyError: there is no suite of that name.
    """
    bad: dict[str, list[Outcome]] = {}
    for result in _results(table, frame, [ID_COLUMNS[table], "started_at", "match_id"]):
        by_day: dict[str, list[dict[str, Any]]] = {}
        for row in _failing(result):
            by_day.setdefault(f"{row['started_at']:%Y-%m-%d}", []).append(row)
        if not result.success and not by_day:
            by_day = {day: [] for day in days}
        for day, rows in by_day.items():
            bad.setdefault(day, []).append(_outcome(table, result, rows))
    return dict(sorted(bad.items()))


def publish(frames: Mapping[str, pd.DataFrame], folder: Path) -> Path:
    """Validate tables and write Great Expectations' data docs; returns the page to open."""
    import great_expectations as gx  # noqa: PLC0415  takes seconds

    context = _context()
    backend = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.resolve())}
    site = {
        "class_name": "SiteBuilder",
        "site_name": "cs2_pipeline",
        "show_how_to_buttons": False,
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": backend,
    }
    context.add_data_docs_site("cs2", site)
    passed: dict[str, bool] = {}
    for table, frame in frames.items():
        suite = context.suites.add(_suite(table))
        definition = gx.ValidationDefinition(name=table, data=_batch(context, table), suite=suite)
        context.validation_definitions.add(definition)
        checkpoint = gx.Checkpoint(
            name=table,
            validation_definitions=[definition],
            result_format=_result_format([ID_COLUMNS[table]], "SUMMARY"),
        )
        found = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": _with_derived(table, frame)})
        passed[table] = bool(found.success)
    context.build_data_docs(site_names=["cs2"])
    return data_docs.make_self_contained(folder, passed)


def _with_derived(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    derive: Callable[[pd.DataFrame], pd.DataFrame] | None = {
        "rounds": _rounds_derived,
        "player_match_stats": _player_lines_derived,
        "round_snapshots": _snapshots_derived,
    }.get(table)
    return frame if derive is None else derive(frame)


def _rounds_derived(frame: pd.DataFrame) -> pd.DataFrame:
    ordered = frame.sort_values(["match_id", "round_number"])
    match = ordered["match_id"]
    points = (ordered["ct_score"] + ordered["t_score"]).groupby(match).diff()
    numbers = ordered["round_number"].groupby(match).diff()
    return ordered.assign(
        score_step_beyond_rounds=(points - numbers).clip(lower=0) + (points - 1).clip(upper=0),
        rounds_in_match=ordered.groupby("match_id")["round_id"].transform("count"),
    )


def _player_lines_derived(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(
        headshots_beyond_kills=frame["headshots"] - frame["kills"],
        clutches_beyond_attempts=frame["clutches"] - frame["clutch_attempts"],
        damage_per_round=frame["damage"] / frame["rounds"],
    )


def _snapshots_derived(frame: pd.DataFrame) -> pd.DataFrame:
    ordered = frame.sort_values(["round_id", "snapshot"])
    by_round = ordered.groupby("round_id")
    return ordered.assign(
        labels_in_round=by_round["ct_wins"].transform("nunique"),
        clock_step=by_round["elapsed"].diff(),
    )


def _context() -> Any:
    import great_expectations as gx  # noqa: PLC0415  takes seconds

    context: Any = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context


def _batch(context: Any, table: str) -> Any:
    source = context.data_sources.add_or_update_pandas(f"extracted_{table}")
    return source.add_dataframe_asset(table).add_batch_definition_whole_dataframe("rows")


def _suite(table: str) -> Any:
    import great_expectations as gx  # noqa: PLC0415  takes seconds

    suite = gx.ExpectationSuite(table)
    for name, arguments in SUITES[table]:
        suite.add_expectation(getattr(gx.expectations, name)(**arguments))
    return suite


def _result_format(columns: list[str], detail: str = "COMPLETE") -> dict[str, Any]:
    return {"result_format": detail, "unexpected_index_column_names": columns}


def _results(table: str, frame: pd.DataFrame, columns: list[str]) -> list[Any]:
    """What Great Expectations says of each expectation, the failing rows named by `columns`."""
    batch = _batch(_context(), table).get_batch(batch_parameters={"dataframe": _with_derived(table, frame)})
    results: list[Any] = batch.validate(_suite(table), result_format=_result_format(columns)).results
    return results


def _failing(result: Any) -> list[dict[str, Any]]:
    return result.result.get("unexpected_index_list") or []


def _outcome(table: str, result: Any, failing: list[dict[str, Any]]) -> Outcome:
    config = result.expectation_config
    columns = config.kwargs.get("column") or ", ".join(config.kwargs.get("column_list", ())) or "rows"
    return Outcome(
        expectation=f"{config.type}({columns})",
        success=bool(result.success),
        observed=result.result.get("observed_value"),
        failing_rows=len(failing),
        ids=tuple(dict.fromkeys(str(row[ID_COLUMNS[table]]) for row in failing))[:SHOWN_IDS],
        matches=tuple(sorted({int(row["match_id"]) for row in failing if "match_id" in row})),
    )
