"""What is said of a match: the rows of history, the updates for subscribers, all in the contract's names."""

from typing import Any, Final

import msgspec

from cs2_pipeline.live.events import Event, Team
from cs2_pipeline.live.fold import Fold, MapFold, Moment
from cs2_pipeline.live.history import StoredMatch, StoredRound
from cs2_pipeline.live.hub import Update
from cs2_pipeline.live.match import Match
from cs2_pipeline.live.pricing import Price

LIFECYCLE: Final = frozenset({"match_start", "map_start", "map_end", "match_end"})
RoundRange = tuple[float, float]
"""Least and largest price of team A within a round."""


def prediction(price: Price) -> dict[str, Any]:
    """A price as clients read it. The two plain odds are the map's; where it has none, the round's."""
    p = price.map_p if price.map_p is not None else price.round_p
    return {
        "match_id": price.match_id,
        "map_id": price.map_id,
        "round_no": price.round_no,
        "p_team_a_win": p,
        "p_team_b_win": None if p is None else round(1.0 - p, 6),
        "confidence": None if p is None else max(p, round(1.0 - p, 6)),
        "model_version": price.model_version,
        "ts_calc": price.ts_calc,
        "state_version": price.state_version,
        "trigger_event_type": price.trigger,
        "event_id": price.event_id,
        "price_id": price.price_id,
        "supersedes": price.supersedes or None,
        "round": _odds(price.round_p, price.round_low, price.round_high),
        "map": _odds(price.map_p, price.map_low, price.map_high),
        "series": _odds(price.series_p, price.series_low, price.series_high),
    }


def _odds(p: float | None, low: float | None, high: float | None) -> dict[str, Any] | None:
    return None if p is None else {"p_team_a_win": p, "interval": [low, high]}


def updates(fold: Fold, moment: Moment, price: Price, event: Event | None, at: float) -> list[Update]:
    """What subscribers are told of an event and its price."""
    tournament = fold.tournament or ""
    found = [Update("prediction", fold.match_id, tournament, prediction(price), at)]
    if event is not None:
        found.append(Update("event", fold.match_id, tournament, event_data(event), at))
    if moment.trigger in ("round_start", "round_end", "map_end"):
        found.append(Update("score", fold.match_id, tournament, score(moment), at))
    if moment.trigger in LIFECYCLE:
        data = {"match_id": fold.match_id, "map_id": moment.map_id, "type": moment.trigger, "status": status(fold)}
        found.append(Update("lifecycle", fold.match_id, tournament, data, at))
    return found


def score(moment: Moment) -> dict[str, Any]:
    """The score at a moment."""
    return {
        "match_id": moment.match_id,
        "map_id": moment.map_id,
        "round_no": moment.round_no,
        "team_a_score": moment.score[0],
        "team_b_score": moment.score[1],
        "team_a_maps": moment.maps[0],
        "team_b_maps": moment.maps[1],
        "state_version": moment.version,
    }


def event_data(event: Event) -> dict[str, Any]:
    """An event as subscribers read it."""
    return {
        "event_id": event.event_id,
        "match_id": event.match_id,
        "map_id": event.map_id,
        "round_no": event.round_no,
        "type": event.type,
        "source": event.source,
        "seq_no": event.seq_no,
        "ts_event": event.ts_event,
        "payload": msgspec.to_builtins(event.payload),
    }


def status(fold: Fold) -> str:
    """Status of a match."""
    return "FINISHED" if fold.over else "LIVE"


def stored_match(match: Match, price: Price | None, began: float, updated: float, owner: str) -> StoredMatch:
    """A match's row in history."""
    fold = match.fold
    won = fold.maps_won()
    team_a, team_b = fold.teams["A"], fold.teams["B"]
    return StoredMatch(
        match_id=fold.match_id, status=status(fold), tournament=fold.tournament or "", format=fold.format or "",
        team_a_id=team_a["id"] or "", team_b_id=team_b["id"] or "", team_a_name=team_a["name"] or "",
        team_b_name=team_b["name"] or "", team_a_maps=won["A"], team_b_maps=won["B"], winner=fold.winner or "",
        began=began, updated=updated, state_version=fold.version, state=fold.digest(), arrived=match.arrived,
        owner=owner,
        summary=msgspec.json.encode(summary(match)).decode(),
        prediction=msgspec.json.encode(prediction(price)).decode() if price else "",
    )  # fmt: skip


def summary(match: Match) -> dict[str, Any]:
    """What a match's page shows, and what could not be understood."""
    fold = match.fold
    return {
        "maps": [_map(of_map) for of_map in fold.maps.values()],
        "current_map": fold.current,
        "ignored": dict(sorted(fold.ignored.items())),
        "gaps": match.gaps,
        "waiting": match.waiting,
        "recomputations": match.recomputations,
        "problems": match.problems,
        "sources": match.followed,
    }


def _map(of_map: MapFold) -> dict[str, Any]:
    return {
        "map_id": of_map.map_id,
        "map_name": of_map.name,
        "map_number": of_map.number,
        "phase": of_map.phase,
        "round_no": of_map.round_no,
        "team_a_score": of_map.score["A"],
        "team_b_score": of_map.score["B"],
        "team_a_side": of_map.a_side,
        "winner": of_map.winner,
        "players": [
            {
                "player_id": player, "team": line.team, "kills": line.kills, "deaths": line.deaths,
                "headshots": line.headshots, "damage": line.damage,
            }
            for player, line in sorted(of_map.lines.items(), key=lambda one: (one[1].team, -one[1].kills, one[0]))
        ],
    }  # fmt: skip


def stored_rounds(match: Match, ranges: dict[tuple[str, int], RoundRange]) -> list[StoredRound]:
    """The metrics of all finished rounds."""
    fold = match.fold
    return [
        StoredRound(
            match_id=fold.match_id, map_id=of_map.map_id, round_no=number, team_a_kills=record.kills["A"],
            team_b_kills=record.kills["B"], team_a_headshots=record.headshots["A"],
            team_b_headshots=record.headshots["B"], momentum=round(record.momentum, 6),
            clutch_index=clutch_index(record.winner, ranges.get((of_map.map_id, number))),
            round_winner=record.winner, win_reason=record.reason or "", team_a_side=record.a_side,
            arrived=match.arrived,
        )
        for of_map in fold.maps.values() for number, record in of_map.rounds.items() if record.winner
    ]  # fmt: skip


def no_round(match: Match, map_id: str, round_no: int) -> StoredRound:
    """The row of a round that does not count after all."""
    return StoredRound(match.match_id, map_id, round_no, 0, 0, 0, 0, 0.0, None, "", "", "CT", match.arrived)


def clutch_index(winner: Team, prices: RoundRange | None) -> float | None:
    """How far from won the round once was for its winner: 1 less the lowest price it had. None without prices."""
    if prices is None:
        return None
    least, largest = prices
    return round(1.0 - least if winner == "A" else largest, 6)
