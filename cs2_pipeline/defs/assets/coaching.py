"""The coach: observations of skills by day, everybody's card, how followed plans stand, and what drills did."""

from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final

import dagster as dg
import pandas as pd

from cs2_pipeline.coaching import plans_followed
from cs2_pipeline.coaching.counterstrike import observations, priced
from cs2_pipeline.coaching.counterstrike.skills import GAME, REFERENCE, SKILLS
from cs2_pipeline.coaching.evidence import pooled
from cs2_pipeline.coaching.league import League, league
from cs2_pipeline.coaching.observed import OBSERVATIONS as OBSERVATION_COLUMNS
from cs2_pipeline.coaching.observed import checked
from cs2_pipeline.coaching.skills import CoachingError
from cs2_pipeline.datasets.win_probability_added import Price, equipment_worth, priced_moments
from cs2_pipeline.defs import metadata
from cs2_pipeline.defs.assets.extraction import DATABASE_POOL
from cs2_pipeline.defs.assets.impact import Stretch, stretches
from cs2_pipeline.defs.assets.prices import ROUND_MODEL, price_by
from cs2_pipeline.defs.jobs import COACH
from cs2_pipeline.defs.partitions import partitions_of_run, run_days
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.retries import retried
from cs2_pipeline.defs.verdicts import State, Verdict, Verdicts, read_usable
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.events import event_tables
from cs2_pipeline.demodb.extraction.plays import BOT, plays
from cs2_pipeline.records import coaching as stored
from cs2_pipeline.records.database import open_records

GROUP: Final = "coaching"
OBSERVATIONS: Final = "skill_observations"
PRICED_OBSERVATIONS: Final = "priced_observations"
CARDS: Final = "skill_cards"
NO_CHAMPION: Final = f"there is no champion of {ROUND_MODEL.name} to price moments"


def skill_observations(
    context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult[pd.DataFrame]:
    """What each match shows about its players' skills. Bots are excluded."""
    days = run_days(context)
    with platform.demo_database() as database:
        found = plays(database, days[0], days[-1])
    frame = observations.observations(found.rounds, found.people, found.kills, found.bombs)
    frame = frame[~frame["player"].str.startswith(BOT)]
    started = found.rounds.drop_duplicates("match_id").set_index("match_id")["started_at"]
    began = started.set_axis(started.index.astype("str")).reindex(frame["match"])
    frame = frame.assign(started_at=began.array)
    return dg.MaterializeResult(value=frame, metadata=metadata.of_frame(frame, found.left_out))


def priced_observations(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult[pd.DataFrame]:
    """Players' skills in win probability, on all days that passed their check, priced by one champion.

    Empty while the round model has no champion to price states.
    """
    champion = platform.models.champion(ROUND_MODEL.name)
    if champion is None:
        empty = pd.DataFrame(columns=list(OBSERVATION_COLUMNS), dtype="str")
        return dg.MaterializeResult(value=empty, metadata={"summary": NO_CHAMPION})
    usable = Verdicts(platform.tables).usable()
    rounds, days_left_out, _ = read_usable(platform.tables, "rounds")
    price, left_out, found = price_by(platform.models.fetch(champion)), Counter[str](), []
    # The database is asked by the days it has matches on; those of `rounds` are the days they were played on.
    stored = platform.tables.read("rounds", usable.days, columns=["started_at"])
    with platform.demo_database() as database:
        for stretch in stretches(stored):
            rows, dropped = _priced_days(database, stretch, set(usable.days), set(rounds["round_id"]), price)
            found.append(rows)
            left_out.update(dropped)
    frame = checked(pd.concat(found, ignore_index=True), SKILLS)
    described = metadata.of_frame(frame, left_out) | metadata.of_days_left_out(days_left_out)
    return dg.MaterializeResult(value=frame, metadata={**described, "version": champion.version})


def _priced_days(
    database: DemoDatabase, days: Stretch, passed: set[str], usable: set[int], price: Price
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The priced observations of the matches of a stretch's days that passed their check; bots are left out."""
    seen, events = plays(database, *days), event_tables(database, *days)
    played = seen.rounds[seen.rounds["started_at"].dt.date.astype("str").isin(passed)]
    inside = [frame[frame["round_id"].isin(played["round_id"])] for frame in (seen.people, seen.kills, seen.bombs)]
    known = events.rounds[events.rounds["round_id"].isin(usable)]
    tables = (known, events.participants, events.kills, events.damages, events.bombs)
    moments, names = priced_moments(*tables, price), seen.names
    prices = moments.frame.assign(victim=moments.frame["victim"].map(names).astype("object"))
    worth = equipment_worth(*tables, price)
    worth = worth.assign(player=worth["player_id"].map(names)).dropna(subset=["player"])
    rows = priced.observations(played, *inside, prices=prices, equipment=worth.drop(columns="player_id"))
    return rows[~rows["player"].str.startswith(BOT)], moments.left_out


def skill_cards(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult[pd.DataFrame]:
    """Every player's skill card and progress, written to the records. Metadata: each skill's reliability."""
    rows, unseen = _all_observations(platform)
    found = league(rows, SKILLS, reference=REFERENCE, unseen=unseen)
    now = datetime.now(UTC)
    with closing(open_records(platform.settings)) as records:
        stored.replace_cards(records, GAME, {player: card.document() for player, card in found.cards.items()}, at=now)
        looked = plans_followed.look(rows, SKILLS, stored.followed(records, GAME))
        stored.note_progress(records, looked, at=now)
    known = _reliabilities(found)
    weak = sum(bool(card.weaknesses) for card in found.cards.values())
    figures = {"cards": len(found.cards), "cards_with_a_weakness": weak, "trials_looked_at": len(looked)}
    return dg.MaterializeResult(value=known, metadata=metadata.of_frame(known) | figures)


def drill_evidence(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult[pd.DataFrame]:
    """What each drill did over all players, written to the records. Deleted plans no longer count."""
    now = datetime.now(UTC)
    with closing(open_records(platform.settings)) as records:
        found = pooled(plans_followed.seen(stored.every_plan(records, GAME)))
        stored.replace_evidence(records, GAME, {drill: one.document() for drill, one in found.items()}, at=now)
    columns = ["drill", "players", "effect", "low", "high"]
    rows = [{name: getattr(one, name) for name in columns} for one in found.values()]
    frame = pd.DataFrame(rows, columns=columns).astype({"drill": "str"})
    return dg.MaterializeResult(value=frame, metadata=metadata.of_frame(frame))


def _all_observations(platform: Platform) -> tuple[pd.DataFrame, dict[str, str]]:
    """Counted and priced observations, and why there are none of some skills."""
    counted, priced_rows = _checked_days(platform), platform.tables.read(PRICED_OBSERVATIONS)
    if priced_rows.empty:
        return counted, dict.fromkeys(priced.PRICED, NO_CHAMPION)
    return pd.concat([counted, priced_rows], ignore_index=True), {}


def _checked_days(platform: Platform) -> pd.DataFrame:
    tables = platform.tables
    days = Verdicts(tables).passed(OBSERVATIONS, tables.partitions(OBSERVATIONS))
    if not days:
        raise dg.Failure(f"no day of {OBSERVATIONS} has passed its check: run the job `extract` first")
    return tables.read(OBSERVATIONS, days)


def _reliabilities(found: League) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for (skill, group), peers in found.peers.items():
        one = found.reliabilities[skill]
        rows.append(
            {
                "skill": skill,
                "group": group,
                "players": peers.players,
                "matches": peers.matches,
                "mean": peers.mean,
                "spread": peers.spread,
                "split_half": one.split_half.value if one else float("nan"),
                "over_time": one.over_time.value if one else float("nan"),
                "advised": bool(one and one.usable and peers.spread > 0),
            }
        )
    columns = ["skill", "group", "players", "matches", "mean", "spread", "split_half", "over_time", "advised"]
    return pd.DataFrame(rows, columns=columns)


def _check() -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=OBSERVATIONS, name="observations", blocking=True)
    def observations_are_sound(
        context: dg.AssetCheckExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.AssetCheckResult:
        """Every total is finite, every skill defined, no player twice in a match. Cards leave out days that fail."""
        verdicts, wrong = Verdicts(platform.tables), {}
        for day in partitions_of_run(context.run.tags) or platform.tables.partitions(OBSERVATIONS):
            try:
                checked(platform.tables.read(OBSERVATIONS, [day]), SKILLS)
            except CoachingError as error:
                wrong[day] = str(error)
            state = State.QUARANTINED if day in wrong else State.PASSED
            verdicts.pronounce(OBSERVATIONS, day, Verdict(state, tuple(filter(None, [wrong.get(day)]))))
        return dg.AssetCheckResult(passed=not wrong, metadata={"wrong": wrong})

    return observations_are_sound


def build(days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The coaching assets over the given days."""
    common: dict[str, Any] = {"group_name": GROUP, "owners": metadata.OWNERS}
    return [
        dg.asset(
            partitions_def=days,
            backfill_policy=dg.BackfillPolicy.single_run(),
            pool=DATABASE_POOL,
            kinds={"sql", "pandas", "parquet"},
            **common,
        )(retried(skill_observations)),
        dg.asset(
            deps=["rounds", ROUND_MODEL.promotion], pool=DATABASE_POOL, kinds={"sql", "onnx", "parquet"}, **common
        )(retried(priced_observations)),
        dg.asset(deps=[OBSERVATIONS, PRICED_OBSERVATIONS], kinds={"pandas"}, **common)(skill_cards),
        dg.asset(deps=[CARDS], kinds={"pandas"}, **common)(drill_evidence),
    ]


def checks() -> list[dg.AssetChecksDefinition]:
    """The blocking check of the observations."""
    return [_check()]


daily_cards = dg.ScheduleDefinition(
    name="daily_cards",
    job_name=COACH,
    cron_schedule="0 6 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Updates all skill cards at 06:00 UTC and checks the plans being followed.",
)
