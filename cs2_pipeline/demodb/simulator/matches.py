"""Whole matches in lockstep: round k of every match at once, with money and score carried from round to round.

Returns what happened as plain columns; `records` turns them into the database's tables. Matches are independent
of each other and of how many are played together.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cs2_pipeline.demodb.simulator import chain, economy, streams
from cs2_pipeline.demodb.simulator.model import FREE_EQUIPMENT, GameModel
from cs2_pipeline.demodb.simulator.population import Players, Schedule
from cs2_pipeline.demodb.simulator.rounds import CT_WINS, DEFUSED, EXPLODED, REWARDS, Log, Rounds, Setup
from cs2_pipeline.game import rules

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bits = NDArray[np.bool_]
Columns = dict[str, NDArray[Any]]

SLOTS = 2 * rules.TEAM_SIZE
MOST_ROUNDS: Final = 2 * rules.REGULATION_HALF + 40 * 2 * rules.OVERTIME_HALF
"""A match still level after 40 overtimes would never end."""


@dataclass(frozen=True)
class Played:
    """What happened in some matches.

    Attributes:
        rounds: one row per round, by match and round number.
        players: the same rows, arrays of shape (rounds, 10); a player's column is his slot: 0 to 4 are the team
            that began as CT.
        damages, kills: events; `round` is the row in `rounds`, players are slots; in order of round and time.
    """

    rounds: Columns
    players: Columns
    damages: Columns
    kills: Columns


def score_to_win(round_number: int) -> int:
    """The score that ends the match in a round's period: 13, 16 in the first overtime, then 3 more each."""
    if not rules.is_overtime(round_number):
        return rules.ROUNDS_TO_WIN
    overtime = (round_number - 2 * rules.REGULATION_HALF - 1) // (2 * rules.OVERTIME_HALF) + 1
    return rules.ROUNDS_TO_WIN + rules.OVERTIME_HALF * overtime


def play(model: GameModel, schedule: Schedule, pool: Players) -> Played:
    """Play all matches of a schedule.

    Raises:
        ValueError: a match does not end within `MOST_ROUNDS`, or nobody is killed in any of them; the message names
            the parameters of the model that make it so.
    """
    table = _Table(model, schedule, pool)
    number = 1
    while table.playing.any():
        if number > MOST_ROUNDS:
            raise ValueError(table.why_endless())
        table.play_round(number)
        number += 1
    return table.played()


class _Table:
    """The matches in play: money, gear and score by team (the first began as CT)."""

    def __init__(self, model: GameModel, schedule: Schedule, pool: Players) -> None:
        count = len(schedule.key)
        self.model, self.schedule = model, schedule
        self.clocks = chain.Clocks.of(model)
        self.headshots = pool.headshots[schedule.players]
        self.map_edge = np.array(list(model.map_edges.values()))[schedule.map_number]
        self.playing = np.ones(count, dtype=bool)
        self.money = np.zeros((count, 2, rules.TEAM_SIZE), dtype=np.int64)
        self.kept = np.zeros((count, 2), dtype=np.int64)
        self.losses = np.zeros((count, 2), dtype=np.int64)
        self.score = np.zeros((count, 2), dtype=np.int64)
        self._rows = 0
        self._rounds, self._players, self._damages, self._kills = Log(), Log(), Log(), Log()

    def play_round(self, number: int) -> None:
        """Buy, play, pay and write down one round of every match that goes on."""
        rows = np.flatnonzero(self.playing)
        swapped = rules.sides_swapped(number)
        key = streams.keys(self.schedule.key[rows], number)
        if rules.resets_economy(number):
            self.money[rows] = rules.start_money(number)
            self.kept[rows] = rules.TEAM_SIZE * FREE_EQUIPMENT
            self.losses[rows] = 0
        # From here to `_settle`, axis 1 is the side (CT, T), not the team.
        sides = slice(None, None, -1) if swapped else slice(None)
        before, score = self.money[rows][:, sides], self.score[rows][:, sides]
        desperate = score[:, ::-1] == score_to_win(number) - 1
        taste = streams.uniform(streams.keys(key, 3)[:, None], np.arange(4)[None, :]).reshape(-1, 2, 2)
        buy = economy.decide(self.model, before, self.kept[rows][:, sides], number, desperate=desperate, uniform=taste)
        kit = (buy.equipment[:, 0] >= self.model.kit_value).astype(np.int64)
        setup = Setup(
            key=key,
            edge=chain.edge(self.model, buy.equipment[:, 0], buy.equipment[:, 1], self.map_edge[rows]),
            equipment=buy.equipment,
            kit=kit,
            skill=_by_side(self.schedule.skill[rows], swapped),
            headshots=_by_side(self.headshots[rows], swapped),
        )
        rounds = Rounds(self.model, self.clocks, setup)
        rounds.play()
        money = self._settle(rows, sides, rounds, buy, before - buy.spent)
        self._write(rows, number, rounds, buy=buy, before=before, money=money)
        self.playing[rows] = self.score[rows].max(axis=1) < score_to_win(number)

    def why_endless(self) -> str:
        """What makes the matches that still go on endless: one side wins (nearly) every round."""
        ct_share = CT_WINS[np.concatenate(self._rounds.columns["reason"])].mean()
        return (
            f"a match is level after {MOST_ROUNDS} rounds and may never end: CT win {ct_share:.1%} of all rounds. "
            f"Bring the sides closer together: GameModel.ct_edge is {self.model.ct_edge:g}, GameModel.plant_rate is "
            f"{self.model.plant_rate:g}, GameModel.map_edges is {self.model.map_edges}"
        )

    def _settle(self, rows: Ints, sides: slice, rounds: Rounds, buy: economy.Buy, money: Ints) -> NDArray[np.int64]:
        """Count the round and pay for it; returns the players' money after it, in side order."""
        ct_won = CT_WINS[rounds.end_reason]
        won = np.stack([ct_won, ~ct_won], axis=1)
        self.score[rows] += won[:, sides]
        losses = np.where(won, 0, self.losses[rows][:, sides] + 1)
        self.losses[rows] = losses[:, sides]
        by_bomb = np.isin(rounds.end_reason, (DEFUSED, EXPLODED))
        pay = economy.rewards(self.model, ct_won, by_bomb, np.isfinite(rounds.plant_time), losses)
        money = np.minimum(money + self._kill_rewards(rounds) + pay[:, :, None], rules.MAX_MONEY)
        self.money[rows] = money[:, sides]
        survivors = rounds.alive.reshape(-1, 2, rules.TEAM_SIZE).sum(axis=2)
        kept = survivors * buy.equipment + (rules.TEAM_SIZE - survivors) * FREE_EQUIPMENT
        self.kept[rows] = kept[:, sides]
        return money

    def _kill_rewards(self, rounds: Rounds) -> Ints:
        count = len(rounds.end)
        kills = rounds.kills.table()
        if not kills:
            return np.zeros((count, 2, rules.TEAM_SIZE), dtype=np.int64)
        pay = np.bincount(
            kills["row"] * SLOTS + kills["killer"], weights=REWARDS[kills["weapon"]], minlength=count * SLOTS
        )
        scaled = pay * self.model.kill_reward_scale / economy.UNIT
        return (np.rint(scaled).astype(np.int64) * economy.UNIT).reshape(count, 2, rules.TEAM_SIZE)

    def _write(self, rows: Ints, number: int, rounds: Rounds, *, buy: economy.Buy, before: Ints, money: Ints) -> None:
        count, swapped = len(rows), rules.sides_swapped(number)
        score = self.score[rows][:, ::-1] if swapped else self.score[rows]
        self._rounds.add(
            match=rows, number=np.full(count, number), swapped=np.full(count, swapped), reason=rounds.end_reason,
            length=rounds.end, plant_time=rounds.plant_time, site=rounds.site, score=score, kind=buy.kind,
            equipment=buy.equipment, planter=_slots(rounds.planter, swapped), defuser=_slots(rounds.defuser, swapped),
            kit=rounds.setup.kit, key=rounds.setup.key,
        )  # fmt: skip
        by_player = {
            "alive": rounds.alive, "health": rounds.health, "armor": rounds.armor, "clutch": rounds.clutch,
            "helped": rounds.helped | rounds.alive, "traded": rounds.traded,
            "survived": np.minimum(rounds.survived_until, rounds.end[:, None]),
            "start_money": before.reshape(count, SLOTS), "spent": buy.spent.reshape(count, SLOTS),
            "end_money": money.reshape(count, SLOTS),
        }  # fmt: skip
        self._players.add(**{name: _by_side(value, swapped) for name, value in by_player.items()})
        for source, target, people in (
            (rounds.damages, self._damages, ("attacker", "victim")),
            (rounds.kills, self._kills, ("killer", "victim", "helper")),
        ):
            table = source.table()
            if table:
                table |= {name: _slots(table[name], swapped) for name in people}
                target.add(round=table.pop("row") + self._rows, **table)
        self._rows += count

    def played(self) -> Played:
        """Everything, in the order of match, round and time.

        Raises:
            ValueError: nobody was killed.
        """
        if not self._kills.columns:
            raise ValueError(
                "nobody was killed in any round, which no demo shows: raise GameModel.duel_rate (it is "
                f"{self.model.duel_rate:g}) or GameModel.tempo"
            )
        rounds = self._rounds.table()
        order = np.argsort(rounds["match"], kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))

        def events(log: Log) -> Columns:
            table = log.table()
            table["round"] = place[table["round"]]
            by_round = np.argsort(table["round"], kind="stable")
            return {name: column[by_round] for name, column in table.items()}

        return Played(
            rounds={name: column[order] for name, column in rounds.items()},
            players={name: column[order] for name, column in self._players.table().items()},
            damages=events(self._damages),
            kills=events(self._kills),
        )


def _by_side(values: NDArray[Any], swapped: bool) -> NDArray[Any]:
    """Columns of slots as columns of CT and T players, or back: the same exchange of halves."""
    return np.roll(values, rules.TEAM_SIZE, axis=1) if swapped else values


def _slots(players: NDArray[Any], swapped: bool) -> NDArray[Any]:
    """Players by side as slots; -1 stays."""
    return np.where(players >= 0, (players + rules.TEAM_SIZE) % SLOTS, -1) if swapped else players
