"""What was played, as rows of the demo database's tables.

Column names and meanings are those of Demo Lens (see `demodb.tables`); ids continue from those a database
already holds. Only bookkeeping happens here, nothing is decided.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cs2_pipeline.demodb.simulator import economy, population, streams
from cs2_pipeline.demodb.simulator.matches import SLOTS, Played
from cs2_pipeline.demodb.simulator.model import GameModel
from cs2_pipeline.demodb.simulator.population import Players, Schedule
from cs2_pipeline.demodb.simulator.rounds import CT_WINS, DEFUSED, END_REASONS, EXPLODED, HEADSHOT_FACTOR, WEAPONS
from cs2_pipeline.game import rules

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Rows = dict[str, Any]
"""Columns of a table by name: arrays, lists or one value for all rows."""

TICK_RATE: Final = 64
PLAYERS_PER_DEMO: Final = SLOTS + 1
"""Ten players and the recorder (GOTV), which is no player."""
_WARM_UP: Final = 45.0
_BREAK: Final = 7.0
_HALF_TIME: Final = 15.0
_SIDES: Final = np.array(["CT", "T"])
_SITES: Final = np.array(["A", "B"])
_GRENADE: Final = np.isin(np.arange(len(WEAPONS)), np.flatnonzero(HEADSHOT_FACTOR == 0))
_HIT_GROUPS: Final = np.array(["chest", "stomach", "left_arm", "right_arm", "left_leg", "right_leg"])
_TABLES: Final = (
    "DemoFiles", "Matches", "Players", "Rounds", "PlayerRoundStats", "PlayerMatchStats", "Kills", "Bombs", "Damages",
)  # fmt: skip


@dataclass(frozen=True)
class Context:
    """What the rows of a batch need to know beside what was played.

    Attributes:
        model, seed: of the simulation.
        schedule: of the batch's matches.
        pool: all players.
        last_id: the last id in use of each table.
    """

    model: GameModel
    seed: int
    schedule: Schedule
    pool: Players
    last_id: dict[str, int]


def rows(context: Context, played: Played) -> dict[str, Rows]:
    """The rows of every table, in the order in which tables must be filled."""
    book = _Book(context, played)
    made = {
        "DemoFiles": book.demos(),
        "Matches": book.matches(),
        "Players": book.people(),
        "Rounds": book.rounds(),
        "PlayerRoundStats": book.player_rounds(),
        "PlayerMatchStats": book.player_matches(),
        "Kills": book.kills(),
        "Bombs": book.bombs(),
        "Damages": book.damages(),
    }
    for name, columns in made.items():
        count = len(next(iter(columns.values())))  # the first column has a value for each row
        made[name] = {"Id": context.last_id[name] + 1 + np.arange(count), **columns}
    return made


def _text_times(times: NDArray[np.datetime64]) -> NDArray[np.str_]:
    """Times as SQLAlchemy stores them in SQLite."""
    text: NDArray[np.str_] = np.char.replace(np.datetime_as_string(times, unit="us"), "T", " ")
    return text


def _rating(kills: Any, deaths: Any, multi: Any, played: Any) -> Any:
    """HLTV's first rating; `multi` is the sum over rounds of the squared kills."""
    return (kills / played / 0.679 + 0.7 * (1 - deaths / played) / 0.317 + multi / played / 1.277) / 2.7


class _Book:
    """The batch with what several tables share: ids, ticks, sums per player."""

    def __init__(self, context: Context, played: Played) -> None:
        self.context, self.played = context, played
        self.r, self.p, self.k, self.d = played.rounds, played.players, played.kills, played.damages
        self.matches_count, self.rounds_count = len(context.schedule.key), len(self.r["match"])
        self.match: Ints = self.r["match"]
        self.first = np.searchsorted(self.match, np.arange(self.matches_count))
        self.last = np.append(self.first[1:], self.rounds_count) - 1
        self.demo_id = context.last_id["DemoFiles"] + 1 + np.arange(self.matches_count)
        self.match_id = context.last_id["Matches"] + 1 + np.arange(self.matches_count)
        self.round_id = context.last_id["Rounds"] + 1 + np.arange(self.rounds_count)
        self.start_tick, self.live_tick, self.end_tick = self._ticks()
        self.ct_won = CT_WINS[self.r["reason"]]
        self.per_round = self._player_sums()
        self.mvp = self._mvp()

    # ids and clocks

    def player_id(self, match: Any, slot: Any) -> Ints:
        """Id in Players of a slot in a match of the batch."""
        return np.asarray(self.context.last_id["Players"] + 1 + match * PLAYERS_PER_DEMO + slot)

    def event_tick(self, row: Any, time: Any) -> Ints:
        """The first tick at or after a moment of a round: never before it happened."""
        return np.asarray(self.live_tick[row] + np.ceil(time * TICK_RATE).astype(np.int64))

    def _ticks(self) -> tuple[Ints, Ints, Ints]:
        freeze = int(rules.FREEZE_TIME * TICK_RATE)
        length = freeze + np.ceil(self.r["length"] * TICK_RATE).astype(np.int64)
        pause = np.where(np.diff(self.r["swapped"].astype(int), append=0) != 0, _HALF_TIME, _BREAK) * TICK_RATE
        total = np.cumsum(length + pause.astype(np.int64))
        before = np.concatenate([[0], total[:-1]])
        start = before - before[self.first][self.match] + int(_WARM_UP * TICK_RATE)
        return start, start + freeze, start + length

    def time_of(self, match: Any, tick: Ints) -> NDArray[np.datetime64]:
        """The moment of a tick."""
        microseconds = tick * (1_000_000 // TICK_RATE)
        return np.asarray(self.context.schedule.start[match] + microseconds.astype("timedelta64[us]"))

    # sums

    def _sum(self, row: Any, slot: Any, weight: Any = None) -> Ints:
        flat = np.bincount(row * SLOTS + slot, weights=weight, minlength=self.rounds_count * SLOTS)
        return flat.astype(np.int64).reshape(self.rounds_count, SLOTS)

    def _player_sums(self) -> dict[str, Ints]:
        """Counts of each player in each round, shape (rounds, 10)."""
        k, d = self.k, self.d
        helped = k["helper"] >= 0
        grenade = _GRENADE[d["weapon"]]
        sums = {
            "kills": self._sum(k["round"], k["killer"]),
            "deaths": self._sum(k["round"], k["victim"]),
            "assists": self._sum(k["round"][helped], k["helper"][helped]),
            "headshots": self._sum(k["round"], k["killer"], k["headshot"]),
            "first_kills": self._sum(k["round"], k["killer"], k["first"]),
            "first_deaths": self._sum(k["round"], k["victim"], k["first"]),
            "trade_kills": self._sum(k["round"], k["killer"], k["trade"]),
            "trade_deaths": self.p["traded"].astype(np.int64),
            "damage": self._sum(d["round"], d["attacker"], d["amount"]),
            "received": self._sum(d["round"], d["victim"], d["amount"]),
            "utility": self._sum(d["round"], d["attacker"], d["amount"] * grenade),
            "hits": self._sum(d["round"], d["attacker"], ~grenade),
        }
        draw = streams.uniform(streams.keys(self.r["key"], 4)[:, None], np.arange(3 * SLOTS)[None, :])
        aim, flash, flashed = np.split(draw, 3, axis=1)
        sums["fired"] = sums["hits"] * 3 + np.floor(aim * 8).astype(np.int64)
        flashes = np.repeat(self.r["equipment"] >= 2_000, rules.TEAM_SIZE, axis=1)
        flashes = np.where(self.r["swapped"][:, None], np.roll(flashes, rules.TEAM_SIZE, axis=1), flashes)
        sums["flashed"] = np.floor(flashed**2 * 4).astype(np.int64) * flashes
        sums["flash_assists"] = ((flash < 0.06) & (sums["flashed"] > 0)).astype(np.int64)
        return sums

    def team_sides(self) -> NDArray[np.bool_]:
        """Whether each slot plays CT, shape (rounds, 10)."""
        began_ct = np.arange(SLOTS) < rules.TEAM_SIZE
        return np.asarray(began_ct[None, :] ^ self.r["swapped"][:, None])

    def won(self) -> NDArray[np.bool_]:
        """Whether each slot's team won the round, shape (rounds, 10)."""
        return np.asarray(self.team_sides() == self.ct_won[:, None])

    def _mvp(self) -> NDArray[np.bool_]:
        """One of the winners: who decided it at the bomb, else who killed most."""
        merit = self.per_round["kills"] * 10 + self.per_round["damage"] / 100.0
        rows = np.arange(self.rounds_count)
        for reason, actor in ((EXPLODED, self.r["planter"]), (DEFUSED, self.r["defuser"])):
            decided = self.r["reason"] == reason
            merit[rows[decided], actor[decided]] += 1_000
        best = np.where(self.won(), merit, -1.0).argmax(axis=1)
        return np.asarray(np.arange(SLOTS)[None, :] == best[:, None])

    # tables

    def demos(self) -> Rows:
        """One recording per match; parsed within minutes of its end."""
        schedule = self.context.schedule
        end = self.end_tick[self.last] + TICK_RATE * 10
        maps = np.array(list(self.context.model.map_edges))[schedule.map_number]
        numbers = self.demo_id
        names = [f"{day}_{number:06d}_{name}.dem" for day, number, name in
                 zip(np.datetime_as_string(schedule.start, unit="D"), numbers, maps, strict=True)]  # fmt: skip
        created = self.time_of(np.arange(self.matches_count), end)
        delay = (60 + (schedule.key % np.uint64(600)).astype(np.int64)).astype("timedelta64[s]")
        return {
            "FileName": names, "FilePath": [f"demos/{name}" for name in names], "FileSize": end * 640,
            "CreatedAt": _text_times(created), "ParsedAt": _text_times(created + delay), "MapName": maps,
            "GameMode": "competitive", "TickRate": TICK_RATE, "TotalTicks": end, "Duration": end / TICK_RATE,
            "ServerName": "Simulator", "DemoType": "gotv", "NetworkProtocol": 14_000, "ClientName": "GOTV Demo",
            "SignonState": None, "DemoSource": "simulator", "Game": "cs2",
        }  # fmt: skip

    def matches(self) -> Rows:
        """CTScore and TScore are the final scores of the teams on CT and T in the last round."""
        numbers, ct_won, half = self.r["number"], self.ct_won, rules.REGULATION_HALF
        first, regulation = numbers <= half, numbers <= 2 * half

        def count(which: Any) -> Ints:
            return np.bincount(self.match, weights=which, minlength=self.matches_count).astype(np.int64)

        overtime = numbers[self.last] > 2 * half
        score = self.r["score"][self.last]
        end = self.end_tick[self.last]
        overtime_wins = [count(~regulation & ct_won), count(~regulation & ~ct_won)]
        ct_overtime, t_overtime = (
            [int(n) if played else None for n, played in zip(wins, overtime, strict=True)] for wins in overtime_wins
        )
        return {
            "DemoFileId": self.demo_id,
            "MapName": np.array(list(self.context.model.map_edges))[self.context.schedule.map_number],
            "GameMode": "competitive", "StartTime": _text_times(self.context.schedule.start),
            "EndTime": _text_times(self.time_of(np.arange(self.matches_count), end)),
            "TotalRounds": numbers[self.last], "CTScore": score[:, 0], "TScore": score[:, 1],
            "CTScoreFirstHalf": count(first & ct_won), "TScoreFirstHalf": count(first & ~ct_won),
            "CTScoreSecondHalf": count(~first & regulation & ct_won),
            "TScoreSecondHalf": count(~first & regulation & ~ct_won),
            "CTScoreOvertime": ct_overtime, "TScoreOvertime": t_overtime, "IsOvertime": overtime,
            "IsFinished": True, "WinnerTeam": _SIDES[(score[:, 1] > score[:, 0]).astype(int)],
            "WinCondition": np.where(overtime, "overtime", "regulation"), "MaxRounds": 2 * half,
            "RoundTimeLimit": self.context.model.round_time, "FreezeTime": rules.FREEZE_TIME, "BuyTime": 20.0,
        }  # fmt: skip

    def people(self) -> Rows:
        """Ten players and the recorder of each demo. Team is the side a player began on."""
        schedule, pool, seed = self.context.schedule, self.context.pool, self.context.seed
        days: list[date] = schedule.start.astype("datetime64[D]").tolist()
        count = self.matches_count

        def slots(players: Any, recorder: Any) -> Any:
            column = np.broadcast_to(np.asarray(recorder), (count, 1))
            return np.concatenate([np.broadcast_to(players, (count, SLOTS)), column], axis=1).ravel()

        names = [[population.name(seed, int(player), day) for player in players] + ["GOTV"]
                 for players, day in zip(schedule.players, days, strict=True)]  # fmt: skip
        tags = [[population.team_name(int(team)) for team in teams for _ in range(rules.TEAM_SIZE)] + [""]
                for teams in schedule.teams]  # fmt: skip
        start, end = schedule.start, self.time_of(np.arange(count), self.end_tick[self.last])
        slot = slots(np.arange(SLOTS), SLOTS)
        rank = (10 + 2.5 * pool.skill[schedule.players]).astype(np.int64).clip(1, 18)
        return {
            "DemoFileId": np.repeat(self.demo_id, PLAYERS_PER_DEMO), "PlayerSlot": slot, "UserId": slot + 2,
            "SteamId": slots(pool.steam_id[schedule.players], 0), "PlayerName": [n for row in names for n in row],
            "Team": slots(np.repeat(_SIDES, rules.TEAM_SIZE), "Spectator"),
            "IsBot": False, "IsHltv": slots(False, True), "IsConnected": True, "Rank": slots(rank, 0),
            "Wins": slots(rank * 40, 0), "ClanTag": [tag or None for row in tags for tag in row],
            "ConnectedAt": _text_times(np.repeat(start, PLAYERS_PER_DEMO)),
            "DisconnectedAt": _text_times(np.repeat(end, PLAYERS_PER_DEMO)),
        }  # fmt: skip

    def rounds(self) -> Rows:
        """Rounds with the score after them, of the team on that side: at half time the two numbers change places."""
        r, kind = self.r, self.r["kind"]
        alive = np.where(self.team_sides(), self.p["alive"], False).sum(axis=1)
        money = np.where(self.team_sides(), self.p["start_money"], 0).sum(axis=1)
        planted = np.isfinite(r["plant_time"])
        eco, full = kind == economy.ECO, kind == economy.FULL
        return {
            "DemoFileId": self.demo_id[self.match], "MatchId": self.match_id[self.match], "RoundNumber": r["number"],
            "StartTick": self.start_tick, "EndTick": self.end_tick,
            "StartTime": _text_times(self.time_of(self.match, self.start_tick)),
            "EndTime": _text_times(self.time_of(self.match, self.end_tick)),
            "Duration": (self.end_tick - self.start_tick) / TICK_RATE,
            "WinnerTeam": _SIDES[np.where(self.ct_won, 0, 1)], "EndReason": np.array(END_REASONS)[r["reason"]],
            "CTScore": r["score"][:, 0], "TScore": r["score"][:, 1],
            "CTLivePlayers": alive, "TLivePlayers": self.p["alive"].sum(axis=1) - alive,
            "CTStartMoney": money, "TStartMoney": self.p["start_money"].sum(axis=1) - money,
            "CTEquipmentValue": r["equipment"][:, 0] * rules.TEAM_SIZE,
            "TEquipmentValue": r["equipment"][:, 1] * rules.TEAM_SIZE,
            "BombPlanted": planted, "BombDefused": r["reason"] == DEFUSED, "BombExploded": r["reason"] == EXPLODED,
            "BombSite": [int(s) if p else None for s, p in zip(r["site"], planted, strict=True)],
            "IsEcoRound": eco.any(axis=1), "IsForceBuyRound": (kind == economy.FORCE).any(axis=1),
            "IsAntiEcoRound": (eco & full[:, ::-1]).any(axis=1), "IsPistolRound": (kind == economy.PISTOL).all(axis=1),
            "IsOvertime": r["number"] > 2 * rules.REGULATION_HALF, "IsWarmup": False, "IsKnifeRound": False,
            "GamePhase": np.where(
                r["number"] > 2 * rules.REGULATION_HALF,
                "overtime",
                np.where(r["number"] > rules.REGULATION_HALF, "second_half", "first_half"),
            ),
        }  # fmt: skip

    def player_rounds(self) -> Rows:
        """Ten rows per round. IsAlive, Health and Armor are those at the round's end."""
        p, s, count = self.p, self.per_round, self.rounds_count
        equipment = np.repeat(self.r["equipment"], rules.TEAM_SIZE, axis=1)
        equipment = np.where(self.r["swapped"][:, None], np.roll(equipment, rules.TEAM_SIZE, axis=1), equipment)
        ct = self.team_sides()
        carrier = np.where(self.r["planter"] >= 0, self.r["planter"], np.where(self.r["swapped"], 0, 5))
        columns = {
            "PlayerId": self.player_id(self.match[:, None], np.arange(SLOTS)[None, :]),
            "RoundId": np.repeat(self.round_id[:, None], SLOTS, axis=1),
            "Kills": s["kills"], "Deaths": s["deaths"], "Assists": s["assists"], "Damage": s["damage"],
            "UtilityDamage": s["utility"], "StartMoney": p["start_money"], "MoneySpent": p["spent"],
            "EndMoney": p["end_money"], "EquipmentValue": equipment, "IsAlive": p["alive"], "Health": p["health"],
            "Armor": p["armor"], "HasHelmet": equipment >= economy.HELMET_VALUE,
            "HasDefuseKit": ct & (self.r["kit"][:, None] == 1),
            "HasBomb": np.arange(SLOTS)[None, :] == carrier[:, None],
            "Rating": _rating(s["kills"], s["deaths"], s["kills"] ** 2, 1), "ShotsFired": s["fired"],
            "ShotsHit": s["hits"], "KAST": p["helped"], "MVP": self.mvp, "FlashAssists": s["flash_assists"],
            "EnemiesFlashed": s["flashed"], "SurvivalTime": p["survived"], "IsClutch": p["clutch"] > 0,
            "ClutchSize": p["clutch"], "ClutchWon": (p["clutch"] > 0) & self.won(),
        }  # fmt: skip
        return {name: np.broadcast_to(value, (count, SLOTS)).ravel() for name, value in columns.items()}

    def player_matches(self) -> Rows:
        """The sums of a player's rounds, and the figures that follow from them."""

        def total(values: Any) -> Any:
            return np.add.reduceat(values, self.first, axis=0).ravel()

        s, p = {name: total(value) for name, value in self.per_round.items()}, self.p
        played = np.repeat(self.last - self.first + 1, SLOTS)
        kills, deaths = s["kills"], s["deaths"]
        multi = {n: total((self.per_round["kills"] == n).astype(np.int64)) for n in range(2, 6)}
        squares = total(self.per_round["kills"] ** 2)
        mvps, kast = total(self.mvp.astype(np.int64)), 100 * total(p["helped"].astype(np.int64)) / played
        per_round = {name: s[name] / played for name in ("kills", "deaths", "assists", "damage")}
        impact = 2.13 * per_round["kills"] + 0.42 * per_round["assists"] - 0.41
        clutch_won = (p["clutch"] > 0) & self.won()
        slot = np.tile(np.arange(SLOTS), self.matches_count)
        match = np.repeat(np.arange(self.matches_count), SLOTS)

        def bomb(actor: Any) -> Ints:
            done = actor >= 0
            flat = np.bincount(self.match[done] * SLOTS + actor[done], minlength=self.matches_count * SLOTS)
            return flat.astype(np.int64)

        clutches = {f"ClutchWins1v{n}": total((clutch_won & (p["clutch"] == n)).astype(np.int64)) for n in range(1, 6)}
        clutches |= {f"ClutchAttempts1v{n}": total((p["clutch"] == n).astype(np.int64)) for n in range(1, 6)}
        defused = np.where(self.r["reason"] == DEFUSED, self.r["defuser"], -1)
        return {
            "PlayerId": self.player_id(match, slot), "MatchId": self.match_id[match], "Kills": kills,
            "Deaths": deaths, "Assists": s["assists"], "Score": 2 * kills + s["assists"] + mvps, "MVPs": mvps,
            "HeadshotKills": s["headshots"], "HeadshotPercentage": 100 * s["headshots"] / np.maximum(kills, 1),
            "TotalDamageDealt": s["damage"], "TotalDamageReceived": s["received"], "ADR": per_round["damage"],
            "FirstKills": s["first_kills"], "FirstDeaths": s["first_deaths"], "TradeKills": s["trade_kills"],
            "TradeDeaths": s["trade_deaths"], "SurvivalTime": total(p["survived"]) / played,
            "KDRatio": kills / np.maximum(deaths, 1),
            "Rating": _rating(kills, deaths, squares, played),
            "HLTV2Rating": 0.0073 * kast + 0.3591 * per_round["kills"] - 0.5329 * per_round["deaths"]
            + 0.2372 * impact + 0.0032 * per_round["damage"] + 0.1587,
            "RoundsPlayed": played, "RoundsWon": total(self.won().astype(np.int64)), **clutches,
            "FlashAssists": s["flash_assists"], "UtilityDamage": s["utility"], "EnemiesFlashed": s["flashed"],
            "BombPlants": bomb(self.r["planter"]), "BombDefuses": bomb(defused), "ShotsHit": s["hits"],
            "ShotsFired": s["fired"], "Accuracy": 100 * s["hits"] / np.maximum(s["fired"], 1),
            "KASTPercentage": kast, **{f"MultiKillRounds{n}K": multi[n] for n in range(2, 6)},
        }  # fmt: skip

    def kills(self) -> Rows:
        """One row per death; KillerTeam and VictimTeam are the sides in that round."""
        k, row = self.k, self.k["round"]
        match, tick = self.match[row], self.event_tick(row, k["time"])
        helper = self.player_id(match, k["helper"])
        side = self.team_sides()[row, k["killer"]]
        group = _HIT_GROUPS[(k["hit_group"] ** 1.6 * len(_HIT_GROUPS)).astype(int)]
        return {
            "DemoFileId": self.demo_id[match], "RoundId": self.round_id[row], "Tick": tick,
            "GameTime": tick / TICK_RATE, "KillerId": self.player_id(match, k["killer"]),
            "VictimId": self.player_id(match, k["victim"]),
            "AssisterId": [int(i) if n >= 0 else None for i, n in zip(helper, k["helper"], strict=True)],
            "Weapon": np.array(WEAPONS)[k["weapon"]], "HitGroup": np.where(k["headshot"], "head", group),
            "IsHeadshot": k["headshot"], "IsWallbang": k["wallbang"], "IsFirstKill": k["first"],
            "IsTradeKill": k["trade"], "Distance": 3 + 40 * k["distance"] ** 2,
            "KillerTeam": _SIDES[np.where(side, 0, 1)], "VictimTeam": _SIDES[np.where(side, 1, 0)],
            "IsTeamKill": False,
        }  # fmt: skip

    def bombs(self) -> Rows:
        """Plant, defusal and explosion, in that order within a round."""
        r = self.r
        events = []
        for kind, happened, time, actor in (
            (0, np.isfinite(r["plant_time"]), r["plant_time"], r["planter"]),
            (1, r["reason"] == DEFUSED, r["length"], r["defuser"]),
            (2, r["reason"] == EXPLODED, r["length"], r["planter"]),
        ):
            row = np.flatnonzero(happened)
            events.append(np.stack([row, np.full(len(row), kind), self.event_tick(row, time[row]), actor[row]]))
        row, kind, tick, actor = (table := np.concatenate(events, axis=1))[:, np.lexsort(table[:2][::-1])]
        match = self.match[row]
        return {
            "DemoFileId": self.demo_id[match], "RoundId": self.round_id[row],
            "EventType": np.array(["planted", "defused", "exploded"])[kind], "Tick": tick,
            "GameTime": tick / TICK_RATE, "PlayerId": self.player_id(match, actor), "Site": _SITES[r["site"][row]],
            "HasKit": (kind == 1) & (r["kit"][row] == 1), "Team": _SIDES[np.where(kind == 1, 0, 1)],
            "RoundNumber": r["number"][row],
        }  # fmt: skip

    def damages(self) -> Rows:
        """One row per hit; Health and Armor are the victim's after it."""
        d, row = self.d, self.d["round"]
        match, tick = self.match[row], self.event_tick(row, d["time"])
        return {
            "DemoFileId": self.demo_id[match], "RoundId": self.round_id[row], "Tick": tick,
            "GameTime": tick / TICK_RATE, "AttackerId": self.player_id(match, d["attacker"]),
            "VictimId": self.player_id(match, d["victim"]), "Weapon": np.array(WEAPONS)[d["weapon"]],
            "DamageAmount": d["amount"], "DamageArmor": d["absorbed"], "Health": d["health"], "Armor": d["armor"],
            "IsFatal": d["fatal"],
        }  # fmt: skip
