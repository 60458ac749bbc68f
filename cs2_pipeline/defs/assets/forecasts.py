"""Forecasts as assets: the directories they are asked by, what became of them, and the ledger's head of the day."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final

import dagster as dg
import pandas as pd

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.player_skill import PlayerClassifier
from cs2_pipeline.datasets import directories as made
from cs2_pipeline.datasets import form
from cs2_pipeline.datasets import matches as match_tables
from cs2_pipeline.datasets.directories import team_id
from cs2_pipeline.datasets.schema import FORECAST_SETTLEMENTS, WIN_PROBABILITY_ADDED
from cs2_pipeline.datasets.store import MissingTableError
from cs2_pipeline.defs import metadata
from cs2_pipeline.defs.assets import reports
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.retries import retried
from cs2_pipeline.defs.verdicts import read_usable
from cs2_pipeline.forecasting import outcomes, publishing, scores, settling
from cs2_pipeline.forecasting.settling import Result
from cs2_pipeline.game.player import PLAYER_FIELDS
from cs2_pipeline.game.teams import Teams
from cs2_pipeline.records import announcements, directories, ledger, settlements
from cs2_pipeline.records.database import Records, open_records
from cs2_pipeline.records.directories import MAP, PLAYER, TEAM, Entry
from cs2_pipeline.registry.champion import ArtifactError
from cs2_pipeline.registry.errors import RegistryError

logger = logging.getLogger("cs2.forecasts")

GROUP: Final = "forecasts"
JOB: Final = "settle_forecasts"
DIRECTORIES: Final = "directories"
SETTLEMENTS: Final = "forecast_settlements"
HEAD: Final = "ledger_head"
DAILY: Final = "0 6 * * *"
_TOLD_OF_PLAYERS: Final = ("player_match_stats", "players", WIN_PROBABILITY_ADDED.name, catalog.PLAYER.promotion)
"""What the directories say of players beside their matches, where it is there."""


def _directories(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult[None]:
    """Maps, teams and players of the matches the match model learned from, for the gateway."""
    played = platform.tables.read(catalog.MATCH.dataset).assign(first_score=None, second_score=None)
    found = made.build(played, _player_names(platform), _usable(platform, "rounds"))
    known = {"form": _form(platform), "added": _added(platform), "tier": _tiers(platform)}
    with _records(platform) as records:
        count = directories.replace(records, _entries(found, known))
    counted = {"maps": len(found.maps), "teams": len(found.teams), "players": len(found.players)}
    return dg.MaterializeResult(metadata={"entries": count, **counted})


def _settlements(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult[pd.DataFrame]:
    """Forecasts and their outcomes, one row for each that was won or lost; in the metadata, how good they were.

    Results are the maps of the demo database and the series that were ingested. All forecasts, including those
    that were forfeited or never played, are in the ledger. The match model is monitored on this table.
    """
    with _records(platform) as records:
        new = settling.settle(records, _results(platform))
        history = settlements.history(records)
    overall = scores.score(history)
    parts = {"all": overall, **scores.by_month(history), **scores.by_version(history)}
    rows = [
        {
            "which": name,
            "forecasts": one.forecasts,
            "matches": one.matches,
            "log loss": one.log_loss,
            "Brier": one.brier,
        }
        for name, one in parts.items()
    ]
    figures = {"log_loss": overall.log_loss, "brier": overall.brier, "calibration_error": overall.calibration_error}
    table = outcomes.table(history)
    return dg.MaterializeResult(
        value=table,
        metadata={
            "dagster/row_count": len(table),
            "new": len(new),
            "open": overall.open,
            **{f"settled/{status}": count for status, count in overall.statuses.items()},
            **{name: value for name, value in figures.items() if value is not None},
            "scores": dg.MetadataValue.md(metadata.markdown(pd.DataFrame(rows))),
        },
    )


def _head(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult[None]:
    """The ledger's newest entry, published once a day: here, in a file, and as an announcement."""
    today = datetime.now(UTC).date()
    with _records(platform) as records:
        head = ledger.head(records)
        told = publishing.publish(platform.settings.home, today, head)
        what = {"type": "ledger_head", "day": today.isoformat(), "seq": told.head.seq, "hash": told.head.hash}
        announcements.note(records, announcements.LEDGER_HEADS, f"ledger_head:{today}", what)
    return dg.MaterializeResult(metadata={"day": today.isoformat(), "seq": told.head.seq, "hash": told.head.hash})


def build() -> list[dg.AssetsDefinition]:
    """The assets of forecasts."""
    common: dict[str, Any] = {"group_name": GROUP, "owners": metadata.OWNERS}
    stored = {**common, "kinds": {"sqlalchemy"}}
    return [
        dg.asset(name=DIRECTORIES, deps=[*_TOLD_OF_PLAYERS, catalog.MATCH.dataset], **stored)(retried(_directories)),
        dg.asset(
            name=SETTLEMENTS,
            deps=["matches", "published_series"],
            metadata={"dagster/column_schema": metadata.column_schema(FORECAST_SETTLEMENTS)},
            **common,
            kinds={"sqlalchemy", "parquet"},
        )(retried(_settlements)),
        dg.asset(name=HEAD, deps=[SETTLEMENTS], **stored)(retried(_head)),
    ]


@dg.asset_check(asset=HEAD, name="ledger_chain", description="No entry was changed, removed or reordered.")
def ledger_chain(platform: dg.ResourceParam[Platform]) -> dg.AssetCheckResult:
    """Walk the whole chain, and compare it with every head that was published."""
    known = [one.head for one in publishing.published(platform.settings.home)]
    with _records(platform) as records:
        faults = ledger.verify(records, known)
        entries = ledger.head(records).seq
    named = [f"entry {fault.seq} {fault.what}" for fault in faults[:20]]
    said = "; ".join(named) or f"{entries:,} entries, {len(known)} published heads"
    return dg.AssetCheckResult(
        passed=not faults, description=said, metadata={"entries": entries, "faults": len(faults)}
    )


def job() -> Any:
    """The job that settles forecasts, looks at the model that gave them, and makes the ledger's head known."""
    selected = dg.AssetSelection.assets(DIRECTORIES, SETTLEMENTS, catalog.MATCH.monitoring, HEAD, reports.NAME)
    said = "Update directories, settlements, the match model's calibration, the ledger's head and the page reports."
    return dg.define_asset_job(JOB, selected, description=said)


daily_settlement = dg.ScheduleDefinition(
    name="daily_settlement",
    job_name=JOB,
    cron_schedule=DAILY,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Settles forecasts at 06:00 UTC and publishes the ledger's head.",
)


@contextmanager
def _records(platform: Platform) -> Iterator[Records]:
    with closing(open_records(platform.settings)) as records:
        yield records


def _usable(platform: Platform, table: str) -> pd.DataFrame | None:
    try:
        return read_usable(platform.tables, table).frame
    except MissingTableError:
        return None


def _player_names(platform: Platform) -> dict[str, str]:
    try:
        careers = platform.tables.read("players")
    except MissingTableError:
        return {}
    names = careers.set_index("steam_id")["player_name"]
    return {str(player): str(name) for player, name in names.items()}


def _form(platform: Platform) -> dict[str, Any]:
    lines = _usable(platform, "player_match_stats")
    return {} if lines is None else form.latest(lines)


def _added(platform: Platform) -> dict[str, Any]:
    try:
        return form.added(platform.tables.read(WIN_PROBABILITY_ADDED.name))
    except MissingTableError:
        return {}


def _tiers(platform: Platform) -> dict[str, Any]:
    """What the promoted player model says of everybody's career so far; nothing without one."""
    try:
        careers = platform.tables.read("players")
        version = platform.models.champion(catalog.PLAYER.name)
        if version is None or careers.empty:
            return {}
        classifier = PlayerClassifier(version, platform.models.artifact(version))
    except MissingTableError:  # no training of the player model has made it yet
        return {}
    except (RegistryError, ArtifactError) as error:
        logger.warning("players have no tiers in the directories: %s", error)
        return {}
    names = [field.name for field in PLAYER_FIELDS]
    said = classifier.many([dict(zip(names, row, strict=True)) for row in careers[names].itertuples(index=False)])
    return {
        str(player): classifier.word(one) | {"version": version.version, "rounds": int(rounds)}
        for player, rounds, one in zip(careers["steam_id"], careers["total_rounds"], said, strict=True)
    }


def _entries(found: made.Directories, known: Mapping[str, Mapping[str, Any]]) -> Iterator[Entry]:
    for place in found.maps.values():
        yield Entry(MAP, place.id, place.name, place.matches, place.last_played, {"ct_share": place.ct_share})
    for team in found.teams.values():
        about = {"names": list(team.names), "player_ids": list(team.player_ids), "won": team.won}
        yield Entry(TEAM, team.id, team.name, team.matches, team.last_played, about)
    for player in found.players.values():
        more = {name: of_all[player.id] for name, of_all in known.items() if player.id in of_all}
        about = {"team_id": player.team_id, "won": player.won, **more}
        yield Entry(PLAYER, player.id, player.name, player.matches, player.last_played, about)


def _results(platform: Platform) -> list[Result]:
    tables = []
    if (maps := _usable(platform, "matches")) is not None:
        tables.append((match_tables.of_maps(maps), False))
    with suppress(MissingTableError):
        tables.append((platform.tables.read("published_series"), True))
    return [result for table, whole_day in tables for result in results_of(table, whole_day=whole_day)]


def results_of(table: pd.DataFrame, *, whole_day: bool) -> Iterator[Result]:
    """The results in a table of matches, their teams named as the directories name them.

    Args:
        table: `schema.CONTESTS`.
        whole_day: whether only the day is known of when they were played.
    """
    if table.empty:
        return
    teams, founders = Teams(), list[tuple[str, ...]]()
    for match in match_tables.in_order(table).to_dict("records"):
        sides = [match_tables.rated_players(match, side) for side in ("first", "second")]
        ids = []
        for line_up in sides:
            if (number := teams.note(line_up)) == len(founders):
                founders.append(line_up)
            ids.append(team_id(founders[number]))
        yield _result(match, sides, ids, whole_day=whole_day)


def _result(match: Mapping[Any, Any], sides: list[tuple[str, ...]], ids: list[str], *, whole_day: bool) -> Result:
    def number(name: str) -> int | None:
        return None if pd.isna(match[name]) else int(match[name])

    return Result(
        id=str(match["match_id"]),
        started_at=match["started_at"].to_pydatetime(),
        best_of=number("best_of") or 3,
        map_id=None if pd.isna(match["map_name"]) else str(match["map_name"]),
        team_ids=(ids[0], ids[1]),
        players=(frozenset(sides[0]), frozenset(sides[1])),
        score=(number("first_score"), number("second_score")),
        first_won=bool(match["first_wins"] == 1),
        whole_day=whole_day,
    )
