"""From a parsed recording to the rows of the demo database.

Ids count from 1 within the recording; the ledger moves them behind those in the database. Sides, scores and halves
follow the demo database's conventions: docs/ingesting-demos.md has them in one place, together with what is written
where a recording does not tell.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from cs2_pipeline.demodb.importers import facts
from cs2_pipeline.demodb.importers.facts import BombEvent, Hit, Kill
from cs2_pipeline.demodb.importers.parsed import TICK_RATE, ParsedDemo, UnreadableDemoError
from cs2_pipeline.demodb.importers.roster import Player, Roster
from cs2_pipeline.demodb.importers.statistics import (
    RoundStats,
    count_hits,
    count_kills,
    find_clutches,
    first_kill,
    trades,
)
from cs2_pipeline.demodb.importers.timeline import MatchRules, Span, match_rules, spans
from cs2_pipeline.game import rules
from cs2_pipeline.game.player import kd_ratio, rate
from cs2_pipeline.game.rules import Side

Row = dict[str, Any]
_OTHER: Final[dict[Side, Side]] = {"CT": "T", "T": "CT"}
_SITE_NUMBERS: Final = {"A": 0, "B": 1}


@dataclass(frozen=True)
class Recording:
    """The file or folder a recording came from. Times are UTC; ``started`` is that of the match, where it is known."""

    name: str
    path: str
    size: int | None
    modified: datetime
    parsed: datetime
    started: datetime | None = None


@dataclass
class Assembled:
    """A recording as rows.

    Attributes:
        rows: by table, ids counted from 1.
        left_out: how many events were left out, by reason.
        economy_known: whether money and equipment were recorded.
        live_rounds: the finished rounds of the match.
    """

    rows: dict[str, list[Row]]
    left_out: Counter[str]
    economy_known: bool
    live_rounds: int


@dataclass
class Round:
    """A stretch of play with what happened in it. ``number`` is 0 before the match."""

    number: int
    span: Span
    kills: list[Kill]
    hits: list[Hit]
    bombs: list[BombEvent]
    stats: dict[int, RoundStats] = field(default_factory=dict)
    swapped: bool = False
    ct_score: int = 0
    t_score: int = 0

    @property
    def live(self) -> bool:
        """True for a finished round of the match."""
        return self.span.phase == "live"

    @property
    def starters_won(self) -> bool:
        """True when the team that began the match as CT won."""
        return (self.span.winner == "CT") != self.swapped


def assemble(demo: ParsedDemo, recording: Recording) -> Assembled:
    """The rows of a recording.

    Raises:
        UnreadableDemoError: a round's beginning or a player's side is not recorded.
    """
    settings, roster = match_rules(demo), Roster(demo)
    left_out: Counter[str] = Counter()
    rounds = _rounds(demo, roster, settings, left_out)
    live = [r for r in rounds if r.live]
    start_sides = _start_sides(live)
    _score(live)
    written = recording.modified - timedelta(seconds=demo.last_tick / TICK_RATE)
    begun = demo.started or recording.started or written
    rows: dict[str, list[Row]] = {
        "DemoFiles": [_demo_file(demo, recording)],
        "Matches": [_match(demo, live, settings, begun)],
        "Players": [_player(demo, roster, player, start_sides, begun) for player in roster.players],
        "Rounds": [_round(demo, r, settings, begun) for r in rounds],
        "Kills": [row for number, r in enumerate(rounds, 1) for row in _kills(number, r)],
        "Bombs": [row for number, r in enumerate(rounds, 1) for row in _bombs(number, r)],
        "Damages": [row for number, r in enumerate(rounds, 1) for row in _damages(number, r)],
        "PlayerRoundStats": [
            _round_stats(demo, number, line) for number, r in enumerate(rounds, 1) for line in r.stats.values()
        ],
        "PlayerMatchStats": _match_stats(demo, roster, live),
    }
    for table, lines in rows.items():
        if table != "DemoFiles":
            for number, row in enumerate(lines, 1):
                row["Id"] = number
    return Assembled(rows, left_out, any(line.economy for r in live for line in r.stats.values()), len(live))


# Rounds and who played them


def _rounds(demo: ParsedDemo, roster: Roster, settings: MatchRules, left_out: Counter[str]) -> list[Round]:
    """The rounds of the match, and other play in which something happened, in order."""
    found, played = [], 0
    for span in spans(demo, settings):
        happened = Round(
            number=played + 1 if span.phase in ("live", "unfinished") else 0,
            span=span,
            kills=facts.kills(demo, roster, span, left_out),
            hits=facts.hits(demo, roster, span, left_out),
            bombs=facts.bomb_events(demo, roster, span),
        )
        if span.phase == "live":
            played += 1
            happened.stats = _stats(demo, roster, happened)
        elif not (happened.kills or happened.hits or happened.bombs):
            continue
        found.append(happened)
    return found


def _participants(demo: ParsedDemo, roster: Roster, r: Round) -> dict[int, Player]:
    """The players of a round by number: who was alive when it went live or, if unknown, spawned; and who acted.

    Where neither is recorded, everybody who has not left.
    """
    span = r.span
    candidates = [p for p in roster.players if roster.in_states(p, span.live_start)]
    if not candidates:
        spawned = (roster.find(row, "user") for row in facts.between(demo, "player_spawn", span))
        candidates = [p for p in spawned if p is not None]
    if not candidates:
        gone = {p.number for tick, p in roster.leavings(demo) if tick < span.first}
        candidates = [p for p in roster.players if p.number not in gone]
    found = {p.number: p for p in candidates if roster.side_during(p, span.live_start, span.after - 1)}
    actors = [p for k in r.kills for p in (k.killer, k.victim)] + [p for h in r.hits for p in (h.attacker, h.victim)]
    found.update({p.number: p for p in actors if p is not None})
    return dict(sorted(found.items()))


def _stats(demo: ParsedDemo, roster: Roster, r: Round) -> dict[int, RoundStats]:
    span, stats = r.span, {}
    assert span.end is not None  # noqa: S101  # a live round has ended
    for number, player in _participants(demo, roster, r).items():
        side = roster.side_during(player, span.live_start, span.after - 1)
        if side is None:
            raise UnreadableDemoError(
                f"the side of player {player.name!r} in round {r.number} is not recorded: there is no player_team "
                "event of that player and no team number; export the events again with player_team among them"
            )
        stats[number] = RoundStats(
            player, side, won=side == span.winner, economy=roster.economy(player, span.live_start, span.end)
        )
        stats[number].survival = (span.end - span.live_start) / TICK_RATE
        stats[number].armor = int(stats[number].economy.get("Armor") or 0)
    count_kills(stats, span, r.kills)
    count_hits(stats, span, r.hits)
    find_clutches(stats, span, r.kills)
    _count_actions(demo, roster, r, stats)
    return stats


def _count_actions(demo: ParsedDemo, roster: Roster, r: Round, stats: dict[int, RoundStats]) -> None:
    """Adds shots, flashes, the bomb and the MVP of a round."""
    for row in facts.between(demo, "weapon_fire", r.span):
        player = roster.find(row, "user")
        weapon = facts.text(row.get("weapon"))
        if player and player.number in stats and weapon and facts.is_gun(weapon.removeprefix("weapon_")):
            stats[player.number].shots_fired += 1
    for hit in r.hits:
        if hit.attacker and hit.of_enemy and facts.is_gun(hit.weapon):
            stats[hit.attacker.number].shots_hit += 1
    for row in facts.between(demo, "player_blind", r.span):
        by, blinded = roster.find(row, "attacker"), roster.find(row, "user")
        if by and blinded and by.number in stats and blinded.number in stats:
            stats[by.number].flashed += stats[by.number].side != stats[blinded.number].side
    for event in r.bombs:
        if event.player and event.player.number in stats:
            stats[event.player.number].plants += event.kind == "planted"
            stats[event.player.number].defuses += event.kind == "defused"
    for row in facts.between(demo, "round_mvp", r.span):
        player = roster.find(row, "user")
        if player and player.number in stats:
            stats[player.number].mvp = True


def _start_sides(live: list[Round]) -> dict[int, Side]:
    """By player number the side of the player's team when the match began; sets `Round.swapped` on the way.

    A round is swapped when most of those already known play on the other side than they began on.
    """
    began: dict[int, Side] = {}
    for r in live:
        known_here = [(line, began[number]) for number, line in r.stats.items() if number in began]
        r.swapped = sum(line.side != side for line, side in known_here) * 2 > len(known_here)
        for number, line in r.stats.items():
            began.setdefault(number, _OTHER[line.side] if r.swapped else line.side)
    return began


def _score(live: list[Round]) -> None:
    """Sets the score after each round: of the team that plays CT in it and of the one that plays T."""
    starters = others = 0
    for r in live:
        starters += r.starters_won
        others += not r.starters_won
        r.ct_score, r.t_score = (others, starters) if r.swapped else (starters, others)


# Rows


def _demo_file(demo: ParsedDemo, recording: Recording) -> Row:
    return {
        "Id": 1,
        "FileName": recording.name,
        "FilePath": recording.path,
        "FileSize": recording.size,
        "CreatedAt": recording.modified,
        "ParsedAt": recording.parsed,
        "MapName": demo.header.map_name,
        "TickRate": TICK_RATE,
        "TotalTicks": demo.last_tick,
        "Duration": demo.last_tick / TICK_RATE,
        "ServerName": demo.header.server_name,
        "DemoType": demo.header.demo_type,
        "NetworkProtocol": demo.header.network_protocol,
        "ClientName": demo.header.client_name,
        "DemoSource": demo.source,
        "Game": demo.game,
    }


def _match(demo: ParsedDemo, live: list[Round], settings: MatchRules, begun: datetime) -> Row:
    """The match: its score is that of the teams on CT and T at the end, a half's the rounds that side won in it.

    A match that was over before a team had the rounds to win it was given up: its rounds count, it has no winner.
    """
    half, regulation = settings.max_rounds // 2, settings.max_rounds
    ct, t = (live[-1].ct_score, live[-1].t_score) if live else (0, 0)

    def won(side: Side, first: int, last: int) -> int:
        return sum(r.span.winner == side and first <= r.number <= last for r in live)

    overtime, decided = len(live) > regulation, _decided(ct, t, half)
    finished = bool(live) and (demo.ended or bool(demo.ticks("cs_win_panel_match")) or decided)
    given_up = demo.ended and not decided and ct + t < regulation
    last = live[-1].span if live else None
    leader = "CT" if ct > t else "T" if t > ct else None
    return {
        "DemoFileId": 1,
        "MapName": demo.header.map_name,
        "StartTime": begun,
        "EndTime": begun + timedelta(seconds=(last.end or 0) / TICK_RATE) if last and finished else None,
        "TotalRounds": len(live),
        "CTScore": ct,
        "TScore": t,
        "CTScoreFirstHalf": won("CT", 1, half),
        "TScoreFirstHalf": won("T", 1, half),
        "CTScoreSecondHalf": won("CT", half + 1, regulation),
        "TScoreSecondHalf": won("T", half + 1, regulation),
        "CTScoreOvertime": won("CT", regulation + 1, len(live)) if overtime else None,
        "TScoreOvertime": won("T", regulation + 1, len(live)) if overtime else None,
        "IsOvertime": overtime,
        "IsFinished": finished,
        "WinnerTeam": leader if finished and not given_up else None,
        "WinCondition": ("given up" if given_up else "overtime" if overtime else "regulation") if finished else None,
        "MaxRounds": settings.max_rounds,
        "RoundTimeLimit": settings.round_time,
        "FreezeTime": float(settings.freeze_time),
        "BuyTime": settings.buy_time,
    }


def _decided(ct: int, t: int, half: int) -> bool:
    """True when one team has the rounds that win regulation time or an overtime."""
    high, low = max(ct, t), min(ct, t)
    if low < half:
        return high == half + 1
    overtimes = (low - half) // rules.OVERTIME_HALF
    return high - half == (overtimes + 1) * rules.OVERTIME_HALF + 1


def _player(demo: ParsedDemo, roster: Roster, player: Player, start_sides: dict[int, Side], begun: datetime) -> Row:
    joined = [tick for tick, who in roster.comings(demo) if who is player]
    left = [tick for tick, who in roster.leavings(demo) if who is player]
    gone = bool(left) and (not joined or joined[-1] < left[-1])
    return {
        "DemoFileId": 1,
        "PlayerSlot": player.number - 1,
        "SteamId": player.steam_id,
        "PlayerName": player.name,
        "Team": start_sides.get(player.number),
        "IsBot": player.is_bot,
        "IsConnected": not gone,
        "Rank": player.rank,
        "Wins": player.wins,
        "ConnectedAt": begun + timedelta(seconds=joined[0] / TICK_RATE) if joined else None,
        "DisconnectedAt": begun + timedelta(seconds=left[-1] / TICK_RATE) if gone else None,
    }


def _round(demo: ParsedDemo, r: Round, settings: MatchRules, begun: datetime) -> Row:
    span, lines = r.span, r.stats.values()
    start = span.live_start - settings.freeze_time * TICK_RATE if r.live else span.first
    sites = [_SITE_NUMBERS[event.site] for event in r.bombs if event.kind == "planted" and event.site in _SITE_NUMBERS]
    done = {event.kind for event in r.bombs}

    bombed = bool(done & {"planted", "defused", "exploded"})

    def total(side: Side, name: str) -> int | None:
        values = [value for line in lines if line.side == side if (value := line.economy.get(name)) is not None]
        return sum(values) if values else None

    return {
        "DemoFileId": 1,
        "MatchId": 1,
        "RoundNumber": r.number,
        "StartTick": start,
        "EndTick": span.end,
        "StartTime": begun + timedelta(seconds=start / TICK_RATE),
        "EndTime": begun + timedelta(seconds=span.end / TICK_RATE) if span.end is not None else None,
        "Duration": (span.end - span.live_start) / TICK_RATE if span.end is not None else 0.0,
        "WinnerTeam": span.winner,
        "EndReason": span.reason,
        "CTScore": r.ct_score,
        "TScore": r.t_score,
        "CTLivePlayers": sum(line.alive for line in lines if line.side == "CT"),
        "TLivePlayers": sum(line.alive for line in lines if line.side == "T"),
        "CTStartMoney": total("CT", "StartMoney"),
        "TStartMoney": total("T", "StartMoney"),
        "CTEquipmentValue": total("CT", "EquipmentValue"),
        "TEquipmentValue": total("T", "EquipmentValue"),
        # Not even where the end tells of a plant: what is known of a round may not depend on how it ended.
        "BombPlanted": None if "plants" in demo.lacks else bombed,
        "BombDefused": "defused" in done or span.reason == "BombDefused",
        "BombExploded": "exploded" in done or span.reason == "TargetBombed",
        "BombSite": next(iter(sites), None),
        "IsPistolRound": r.number in (1, settings.max_rounds // 2 + 1),
        "IsOvertime": r.number > settings.max_rounds,
        "IsWarmup": span.phase == "warmup",
        "IsKnifeRound": span.phase == "knife",
        "GamePhase": _phase(r, settings),
    }


def _phase(r: Round, settings: MatchRules) -> str:
    if not r.live:
        return r.span.phase
    if r.number > settings.max_rounds:
        return "overtime"
    return "second_half" if r.number > settings.max_rounds // 2 else "first_half"


def _kills(round_id: int, r: Round) -> list[Row]:
    trading, _ = trades(r.kills)
    opening = first_kill(r.kills)
    return [
        {
            "DemoFileId": 1,
            "RoundId": round_id,
            "Tick": kill.tick,
            "GameTime": kill.tick / TICK_RATE,
            "KillerId": kill.killer.number if kill.killer else None,
            "VictimId": kill.victim.number,
            "AssisterId": kill.assister.number if kill.assister else None,
            "Weapon": kill.weapon,
            "HitGroup": kill.hit_group,
            "IsHeadshot": kill.headshot,
            "IsWallbang": kill.wallbang,
            "IsFirstKill": place == opening,
            "IsTradeKill": place in trading,
            "Distance": kill.distance,
            "KillerTeam": kill.killer_side,
            "VictimTeam": kill.victim_side,
            "IsTeamKill": kill.of_mate,
        }
        for place, kill in enumerate(r.kills)
    ]


def _bombs(round_id: int, r: Round) -> list[Row]:
    return [
        {
            "DemoFileId": 1,
            "RoundId": round_id,
            "EventType": event.kind,
            "Tick": event.tick,
            "GameTime": event.tick / TICK_RATE,
            "PlayerId": event.player.number if event.player else None,
            "Site": event.site,
            "HasKit": event.has_kit,
            "Team": "CT" if "defuse" in event.kind else "T",
            "RoundNumber": r.number,
        }
        for event in r.bombs
    ]


def _damages(round_id: int, r: Round) -> list[Row]:
    return [
        {
            "DemoFileId": 1,
            "RoundId": round_id,
            "Tick": hit.tick,
            "GameTime": hit.tick / TICK_RATE,
            "AttackerId": hit.attacker.number if hit.attacker else None,
            "VictimId": hit.victim.number,
            "Weapon": hit.weapon,
            "DamageAmount": hit.damage,
            "DamageArmor": hit.armor_damage,
            "Health": hit.health,
            "Armor": hit.armor,
            "IsFatal": hit.health == 0,
        }
        for hit in r.hits
    ]


def _round_stats(demo: ParsedDemo, round_id: int, line: RoundStats) -> Row:
    economy, hits = line.economy, "hits" not in demo.lacks
    return {
        "PlayerId": line.player.number,
        "RoundId": round_id,
        "Kills": line.kills,
        "Deaths": line.deaths,
        "Assists": line.assists,
        "Damage": line.damage if hits else None,
        "UtilityDamage": line.utility_damage if hits else None,
        "StartMoney": economy.get("StartMoney"),
        "MoneySpent": economy.get("MoneySpent"),
        "EndMoney": economy.get("EndMoney"),
        "EquipmentValue": economy.get("EquipmentValue"),
        "IsAlive": line.alive,
        "Health": line.health if hits else None,
        "Armor": (line.armor if line.alive else 0) if hits else None,
        "HasHelmet": economy.get("HasHelmet"),
        "HasDefuseKit": economy.get("HasDefuseKit"),
        "ShotsFired": line.shots_fired,
        "ShotsHit": line.shots_hit,
        "KAST": line.kast,
        "MVP": line.mvp,
        "FlashAssists": line.flash_assists,
        "EnemiesFlashed": line.flashed,
        "SurvivalTime": line.survival,
        "IsClutch": line.clutch_size > 0,
        "ClutchSize": line.clutch_size,
        "ClutchWon": line.clutch_size > 0 and line.won,
    }


def _match_stats(demo: ParsedDemo, roster: Roster, live: list[Round]) -> list[Row]:
    found = []
    for player in roster.players:
        lines = [r.stats[player.number] for r in live if player.number in r.stats]
        if lines:
            row: Row = {"PlayerId": player.number, "MatchId": 1} | _totals(lines)
            if "hits" in demo.lacks:
                dealt = demo.damage.get(player.steam_id)
                row |= {"TotalDamageDealt": dealt, "TotalDamageReceived": None}
                row["ADR"] = None if dealt is None else rate(dealt, len(lines))
            found.append(row)
    return found


def _totals(lines: list[RoundStats]) -> Row:
    """A player's match from the rounds. Percentages run from 0 to 100."""

    def total(name: str) -> int:
        return int(sum(getattr(line, name) for line in lines))

    kills, deaths, damage = total("kills"), total("deaths"), total("damage")
    row: Row = {
        "Kills": kills,
        "Deaths": deaths,
        "Assists": total("assists"),
        "MVPs": total("mvp"),
        "HeadshotKills": total("headshots"),
        "HeadshotPercentage": 100 * rate(total("headshots"), kills),
        "TotalDamageDealt": damage,
        "TotalDamageReceived": total("damage_taken"),
        "ADR": rate(damage, len(lines)),
        "FirstKills": total("first_kill"),
        "FirstDeaths": total("first_death"),
        "TradeKills": total("trade_kills"),
        "TradeDeaths": total("traded"),
        "SurvivalTime": rate(sum(line.survival for line in lines), len(lines)),
        "KDRatio": kd_ratio(kills, deaths),
        "RoundsPlayed": len(lines),
        "RoundsWon": total("won"),
        "FlashAssists": total("flash_assists"),
        "UtilityDamage": total("utility_damage"),
        "EnemiesFlashed": total("flashed"),
        "BombPlants": total("plants"),
        "BombDefuses": total("defuses"),
        "ShotsHit": total("shots_hit"),
        "ShotsFired": total("shots_fired"),
        "Accuracy": min(100.0, 100 * rate(total("shots_hit"), total("shots_fired"))),
        "KASTPercentage": 100 * rate(total("kast"), len(lines)),
    }
    for size in range(1, 6):
        tried = [line for line in lines if line.clutch_size == size]
        row[f"ClutchAttempts1v{size}"] = len(tried)
        row[f"ClutchWins1v{size}"] = sum(line.won for line in tried)
    for size in range(2, 6):
        row[f"MultiKillRounds{size}K"] = sum(line.kills == size for line in lines)
    return row
