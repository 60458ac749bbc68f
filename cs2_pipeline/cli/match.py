"""`cs2 match`: the matches there are, and the curve of one in the terminal, with the names of its swings."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from cs2_pipeline.artifact.cache import ArtifactError
from cs2_pipeline.artifact.catalog import ROUND
from cs2_pipeline.artifact.round_odds import RoundPredictor
from cs2_pipeline.cli.console import CliError, answer, err, note, out
from cs2_pipeline.live import story
from cs2_pipeline.live.history import History, queries
from cs2_pipeline.live.runtime import open_history
from cs2_pipeline.live.story import Swing
from cs2_pipeline.settings import Settings

_BAR: Final = 30
_FOREVER: Final = 1e300


def listed(settings: Settings, *, limit: int, as_json: bool) -> None:
    """The newest matches of the live feed, then how to see those of the demo database."""
    with closing(open_history(settings)) as history:
        rows = history.ask(queries.MATCHES, status="", began=_FOREVER, match_id="", count=limit)
    if as_json:
        answer([{name: row[name] for name in ("match_id", "status", "team_a_name", "team_b_name")} for row in rows])
        return
    for row in rows:
        maps = msgspec.json.decode(row["summary"])["maps"]
        scores = ", ".join(f"{one['map_name'] or 'map'} {one['team_a_score']}:{one['team_b_score']}" for one in maps)
        when = datetime.fromtimestamp(row["began"], UTC).strftime("%Y-%m-%d %H:%M")
        teams = f"{row['team_a_name'] or 'Team A'} – {row['team_b_name'] or 'Team B'}"
        out.print(f"{row['match_id']}  {when}  {row['status'].lower():<8}  {teams}  {scores}")
    if not rows:
        note("no live matches; `cs2 live simulate` plays some while `cs2 up` runs")
    note("to show a match of the demo database, give its Id: cs2 match 1")


def show(settings: Settings, match: str, *, as_json: bool) -> None:
    """The curve of a match: a line a round, with its biggest swing.

    Raises:
        CliError: there is no such match.
    """
    names, rows, bodies = _of_database(settings, int(match)) if match.isdecimal() else _of_feed(settings, match)
    swings = list(story.swings(rows, bodies))
    lines = list(_rounds(rows, swings))
    if as_json:
        answer({"match": match, "teams": names, "rounds": [line | {"swing": _plain(line["swing"])} for line in lines]})
        return
    out.print(f"P({names[0]} wins the map), round by round; the bar is the price after the round")
    for line in lines:
        filled = round(_BAR * line["after"])
        bar = "█" * filled + "░" * (_BAR - filled)
        swing = f"  {100 * line['swing'].change:+.0f}: {line['swing'].words}" if line["swing"] else ""
        out.print(f"{line['round']:>3} {bar} {100 * line['after']:>3.0f} %{swing}")
    biggest = sorted(swings, key=lambda one: -abs(one.change))[:5]
    if biggest:
        out.print("the biggest swings")
    for one in biggest:
        out.print(f"  round {one.round_no:>2}  {100 * one.change:+5.1f} points  {one.words}")


def _rounds(rows: Sequence[dict[str, Any]], swings: Sequence[Swing]) -> list[dict[str, Any]]:
    """By round, the price after it and the biggest swing in it."""
    after: dict[int, float] = {}
    for row in rows:
        if row["map_p"] is not None and row["round_no"] > 0:
            after[row["round_no"]] = row["map_p"]
    within: dict[int, list[Swing]] = defaultdict(list)
    for one in swings:
        within[one.round_no].append(one)
    return [
        {"round": number, "after": p, "swing": max(within[number], key=lambda one: abs(one.change), default=None)}
        for number, p in sorted(after.items())
    ]


def _plain(swing: Swing | None) -> dict[str, Any] | None:
    return asdict(swing) if swing is not None else None


Told = tuple[tuple[str, str], list[dict[str, Any]], dict[str, dict[str, Any]]]
"""Names of the teams, prices in order, bodies of the events by id."""


def _of_feed(settings: Settings, match: str) -> Told:
    with closing(open_history(settings)) as history:
        found = history.ask(queries.MATCH, match_id=match)
        if not found:
            raise CliError(f"there is no live match {match}; `cs2 match --list` lists them.")
        rows = _standing(history, match)
        events = [msgspec.json.decode(row["body"]) for row in history.ask(queries.EVENTS_OF_MATCH, match_id=match)]
    names = found[0]["team_a_name"] or "Team A", found[0]["team_b_name"] or "Team B"
    return names, rows, {event["event_id"]: event for event in events}


def _standing(history: History, match: str) -> list[dict[str, Any]]:
    rows = history.ask(queries.PRICES, match_id=match, map_id="")
    replaced = {row["supersedes"] for row in rows}
    return [row for row in rows if row["price_id"] not in replaced]


def _of_database(settings: Settings, match: int) -> Told:
    # These need pandas and a database driver, which the live feed does not.
    from cs2_pipeline.demodb.connection.connect import DemoDatabase  # noqa: PLC0415
    from cs2_pipeline.demodb.extraction.one_match import day_of  # noqa: PLC0415
    from cs2_pipeline.live.sources.demo_database import recorded_matches  # noqa: PLC0415

    with DemoDatabase(settings.resolved_database_url()) as db:
        day = day_of(db, match)
        found = [one for one in recorded_matches(db, day, day) if one.recorded_id == match]
    if not found:
        raise CliError(f"match {match} has no completely recorded round, so it has no curve.")
    events = found[0].begun_at(0.0)
    rows = story.priced(found[0].match_id, events, _champion(settings))
    start: dict[str, Any] = next((event["payload"] for event in events if event["type"] == "match_start"), {})
    names = start.get("team_a_name") or "Team A", start.get("team_b_name") or "Team B"
    return names, rows, {event["event_id"]: event for event in events}


def _champion(settings: Settings) -> RoundPredictor | None:
    """The promoted round model; without one only the score moves the price, and that is said."""
    from cs2_pipeline.registry.champion import ModelStore, RegistryError  # noqa: PLC0415  needs mlflow

    store = ModelStore(settings.resolved_tracking_uri(), settings.champion_cache)
    try:
        version = store.champion(ROUND.name)
        if version is not None:
            return RoundPredictor.ready(version, store.fetch(version))
        reason = "no version of the round model was promoted yet"
    except (RegistryError, ArtifactError) as error:
        reason = str(error)
    err.print(f"priced by the score alone: {reason}")
    return None
