"""Rocket League's coach: games of the players who are followed, from ballchasing.com, and everybody's card."""

from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final

import dagster as dg
import pandas as pd

from cs2_pipeline.coaching import plans_followed
from cs2_pipeline.coaching.evidence import pooled
from cs2_pipeline.coaching.league import league
from cs2_pipeline.coaching.observed import OBSERVATIONS as COLUMNS
from cs2_pipeline.coaching.observed import checked
from cs2_pipeline.coaching.rocket_league.ballchasing import Ballchasing
from cs2_pipeline.coaching.rocket_league.observations import names, of_ballchasing
from cs2_pipeline.coaching.rocket_league.skills import GAME, SKILLS
from cs2_pipeline.coaching.uploads.kinds import Kind
from cs2_pipeline.datasets.store import MissingTableError, TableStore
from cs2_pipeline.defs import metadata
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.records import coaching as stored
from cs2_pipeline.records import uploads
from cs2_pipeline.records.database import open_records
from cs2_pipeline.settings import Settings

JOB: Final = "coach_rocket_league"
OBSERVATIONS: Final = "rocket_league_observations"
CARDS: Final = "rocket_league_cards"
MOST_GAMES: Final = 200
"""New games of a player in one run: an hour's limit of the site is 1,000 calls of the lowest tier."""


def rocket_league_observations(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult[pd.DataFrame]:
    """Skills of everybody in uploaded replays and in games of the followed players that were not fetched before."""
    settings, former = platform.settings, _former(platform.tables)
    known = set(former["match"])
    with closing(open_records(settings)) as records:
        sent = list(uploads.games(records, Kind.REPLAY).values())
    asked, note = _asked_for(settings, known)
    ready = [game for game in asked if game.get("status", "ok") == "ok"]
    read = of_ballchasing([*ready, *sent])
    frame = read if former.empty else pd.concat([former, read[~read["match"].isin(known)]], ignore_index=True)
    found = checked(frame, SKILLS) if len(frame) else former
    found = found.assign(name=found["player"].map(_called(former, names([*ready, *sent]))).astype("str"))
    figures = {"games_asked_for": len(asked), "games_not_parsed_yet": len(asked) - len(ready), "games_sent": len(sent)}
    return dg.MaterializeResult(value=found, metadata=metadata.of_frame(found) | figures | note)


def _called(former: pd.DataFrame, read: Mapping[str, tuple[pd.Timestamp, str]]) -> dict[str, str]:
    """By player the latest name known."""
    known: dict[str, str] = {}
    latest: dict[str, pd.Timestamp] = {}
    if "name" in former.columns:
        named = former.dropna(subset=["name"]).sort_values("at").drop_duplicates("player", keep="last")
        known = dict(zip(named["player"].astype("str"), named["name"].astype("str"), strict=True))
        latest = dict(zip(named["player"].astype("str"), named["at"], strict=True))
    return known | {player: name for player, (at, name) in read.items() if player not in known or at >= latest[player]}


def _asked_for(settings: Settings, known: set[str]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """New games of the players who are followed; a note where nobody is."""
    players = [name.strip() for name in settings.ballchasing_players.split(",") if name.strip()]
    if settings.ballchasing_key is None or not players:
        return [], {"summary": "no site is asked: set CS2_BALLCHASING_KEY and CS2_BALLCHASING_PLAYERS"}
    games: list[dict[str, Any]] = []
    with Ballchasing(settings.ballchasing_key.get_secret_value(), address=settings.ballchasing_url) as site:
        for player in players:
            games += list(site.games(player, known=known, most=MOST_GAMES))
    return games, {}


def rocket_league_cards(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult[pd.DataFrame]:
    """Skill cards, progress and what drills did, written to the records. Metadata: peers by skill and group."""
    rows, now = platform.tables.read(OBSERVATIONS), datetime.now(UTC)
    if rows.empty:
        return dg.MaterializeResult(value=pd.DataFrame({"skill": []}, dtype="str"), metadata={"summary": "no game yet"})
    found = league(rows, SKILLS)
    with closing(open_records(platform.settings)) as records:
        cards = {player: card.document() for player, card in found.cards.items()}
        stored.replace_cards(records, GAME, cards, at=now, names=_called(rows, {}))
        looked = plans_followed.look(rows, SKILLS, stored.followed(records, GAME))
        stored.note_progress(records, looked, at=now)
        evidence = pooled(plans_followed.seen(stored.every_plan(records, GAME)))
        stored.replace_evidence(records, GAME, {drill: one.document() for drill, one in evidence.items()}, at=now)
    columns = ["skill", "group", "players", "matches", "mean", "spread"]
    peers = [{name: getattr(one, name) for name in columns} for one in found.peers.values()]
    frame = pd.DataFrame(peers, columns=columns).astype({"skill": "str", "group": "str"})
    figures = {"cards": len(found.cards), "trials_looked_at": len(looked), "drills_with_evidence": len(evidence)}
    return dg.MaterializeResult(value=frame, metadata=metadata.of_frame(frame) | figures)


def _former(tables: TableStore) -> pd.DataFrame:
    try:
        return tables.read(OBSERVATIONS)
    except MissingTableError:
        return pd.DataFrame(columns=list(COLUMNS), dtype="str")


def build() -> list[dg.AssetsDefinition]:
    """The assets."""
    common: dict[str, Any] = {"group_name": "coaching", "owners": metadata.OWNERS, "kinds": {"pandas"}}
    return [
        dg.asset(**common)(rocket_league_observations),
        dg.asset(deps=[OBSERVATIONS], **common)(rocket_league_cards),
    ]


def job() -> Any:
    """The job that reads new games and makes the cards."""
    selected = dg.AssetSelection.assets(OBSERVATIONS, CARDS)
    return dg.define_asset_job(JOB, selected, description="Read new Rocket League games and update all skill cards.")


daily_rocket_league = dg.ScheduleDefinition(
    name="daily_rocket_league",
    job_name=JOB,
    cron_schedule="20 6 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Reads new Rocket League games at 06:20 UTC. Switch it on once CS2_BALLCHASING_KEY is set.",
)
