"""Columns of Rounds that were never written, taken from the events of the rounds.

Demo Lens leaves players alive, money, equipment and the bomb of a round at 0. No real match has 0 there in every round,
so that such a column was never written; what nothing else tells either is null.
"""

from typing import Final

import pandas as pd

from cs2_pipeline.demodb.extraction import reasons
from cs2_pipeline.demodb.extraction.eligibility import Days, frame_of
from cs2_pipeline.demodb.extraction.events import ExtractedEvents, bomb_event, events_of
from cs2_pipeline.demodb.extraction.reasons import Tally

_GROUPS: Final = (
    ("ct_live_players", "t_live_players"),
    ("ct_start_money", "t_start_money"),
    ("ct_equipment_value", "t_equipment_value"),
)
"""Columns of both sides that are written together."""


def filled(days: Days, played: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Live rounds (`eligibility.live_rounds`) with the columns never written in their match as the events have them."""
    columns = [name for group in _GROUPS for name in group]
    played = played.astype(dict.fromkeys(columns, "Int64"))
    missing = {group: _never_written(played, group) for group in _GROUPS}
    played, planted = _with_bomb(days, played)
    some = pd.concat(missing.values(), axis=1).any(axis=1)
    if some.any():
        known = _from_events(events_of(days))
        for group, rows in missing.items():
            for name in group:
                found = played["round_id"].map(known[name]).astype("Int64")
                played[name] = played[name].where(~rows, found)
    if (some | planted).any():
        tally.mapped[reasons.ROUND_NOT_WRITTEN] += int((some | planted).sum())
    return played


def _never_written(played: pd.DataFrame, group: tuple[str, ...]) -> pd.Series:
    return played[list(group)].sum(axis=1).groupby(played["match_id"]).transform("max") == 0


def _with_bomb(days: Days, played: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """The rounds with the plants of Bombs in matches without a marked one, and which rounds these changed."""
    recorded_at_all = played["bomb_planted"].notna()
    unmarked = _never_written(played, ("bomb_planted",)) & recorded_at_all
    if not unmarked.any():
        return played, unmarked
    bomb, recorded = days.db.schema["Bombs"], days.db.schema["Rounds"]
    columns = bomb.select({"round_id": "RoundId", "event_type": "EventType"})
    events = frame_of(days.db.read(days.rounds(columns, joined=(bomb.clause, bomb["RoundId"] == recorded["Id"]))))
    plants = events.loc[bomb_event(events["event_type"]) == "planted", "round_id"]
    planted = unmarked & played["round_id"].isin(plants)
    marked = played["bomb_planted"].eq(1).fillna(False).astype(bool) | planted
    return played.assign(bomb_planted=marked.astype("Int64").where(recorded_at_all)), planted


def _from_events(events: ExtractedEvents) -> pd.DataFrame:
    """By round_id, what the events tell of the columns of `_GROUPS`."""
    people = events.participants
    side = people.set_index(["round_id", "player_id"])["side"]
    victims = pd.MultiIndex.from_frame(events.kills[["round_id", "victim_id"]])
    fallen = events.kills.assign(side=side.reindex(victims).to_numpy())
    table = {}
    for name, of in (("ct", "CT"), ("t", "T")):
        own = people[people["side"] == of].groupby("round_id")
        dead = fallen[fallen["side"] == of].groupby("round_id").size()
        table[f"{name}_live_players"] = own.size().sub(dead, fill_value=0)
        table[f"{name}_start_money"] = own["start_money"].sum()
        table[f"{name}_equipment_value"] = own["equipment_value"].sum()
    return pd.DataFrame(table)
