"""Server logs as live events: small made ones for every rule, real ones where they are at hand."""

import json
from pathlib import Path

import pytest

from cs2_pipeline.live.events import parse
from cs2_pipeline.live.fold import Fold
from cs2_pipeline.live.order import ordered
from cs2_pipeline.live.sources.server_log import ServerLog
from cs2_pipeline_tests.live.made import uid

REAL = Path(__file__).parents[3].parent / "shared" / "data" / "server_logs"
CT, T = (
    [f'"ct{n} <{n}><STEAM_1:0:{n}><CT>"' for n in range(5)],
    [f'"t{n}<1{n}><STEAM_1:1:{n}><TERRORIST>"' for n in range(5)],
)


class Lines:
    """A made log."""

    def __init__(self) -> None:
        self.text, self._second = [], 0

    def add(self, *lines: str, after: int = 1) -> None:
        self._second += after
        minute, second = divmod(self._second, 60)
        self.text += [f"L 01/18/2026 - 12:{minute:02d}:{second:02d}: {line}" for line in lines]

    def start(self) -> None:
        self.add("Starting Freeze period", 'World triggered "Match_Start" on "de_mirage"',
                 'Team playing "CT": Löwen', 'Team playing "TERRORIST": Blue')  # fmt: skip
        for who in CT + T:
            self.add(f"{who} money change 800-650 = $150 (tracked) (purchase: item_kevlar)", after=0)
            self.add(f"{who} left buyzone with [ weapon_knife weapon_glock kevlar(100) ]", after=0)
        self.add('World triggered "Round_Start"', after=15)

    def wipe(self, losers: list[str], winners: list[str]) -> None:
        for who in losers:
            self.add(f'{winners[0]} [1 2 3] attacked {who} [4 5 6] with "ak47" (damage "111") (damage_armor "4")'
                     ' (health "0") (armor "96") (hitgroup "head")',
                     f'{winners[0]} [1 2 3] killed {who} [4 5 6] with "ak47" (headshot penetrated)')  # fmt: skip

    def end(self, side: str, how: str, ct: int, t: int) -> None:
        self.add(f'Team "{side}" triggered "{how}" (CT "{ct}") (T "{t}")', f'Team "CT" scored "{ct}" with "5" players',
                 f'Team "TERRORIST" scored "{t}" with "5" players', 'World triggered "Round_End"')  # fmt: skip


def fold_of(lines, **how):
    log = ServerLog(uid("log"), "server", **how)
    events = log.read(lines)
    fold = Fold(log.match_id)
    moments = [fold.apply(event) for event in ordered(parse(json.dumps(one).encode()) for one in events).events]
    return fold, moments, events


def test_everything_of_a_round_is_known() -> None:
    lines = Lines()
    lines.start()
    lines.wipe(T[:2], CT)
    fold, moments, _ = fold_of(lines.text)
    state = moments[-1].state
    assert (state["ct_alive"], state["t_alive"]) == (5, 3)
    assert (state["ct_health"], state["t_health"]) == (500, 300)
    assert (state["ct_armor"], state["t_armor"]) == (500, 300)
    assert state["ct_equip_value"] == 5 * 850 and state["t_equip_value"] == 3 * 850
    assert state["ct_money"] == 5 * 150 + 2 * 300 and state["t_money"] == 5 * 150
    assert state["time_remaining"] == 113.0 and state["map_name"] == "de_mirage"
    assert fold.teams["A"]["name"] == "Löwen" and fold.ignored == {}
    (of_map,) = fold.maps.values()
    assert of_map.lines["STEAM_1:0:0"].kills == of_map.lines["STEAM_1:0:0"].headshots == 2


def test_false_starts_and_a_knife_round_do_not_count() -> None:
    lines = Lines()
    lines.start()
    lines.wipe(T, CT)
    lines.end("CT", "SFUI_Notice_CTs_Win", 1, 0)
    lines.add('World triggered "Restart_Round_(1_second)"')
    lines.start()
    lines.wipe(CT, T)
    lines.end("TERRORIST", "SFUI_Notice_Terrorists_Win", 0, 1)
    fold, _, _ = fold_of(lines.text)
    (of_map,) = fold.maps.values()
    assert of_map.score == {"A": 0, "B": 1} and list(of_map.rounds) == [1]
    assert sum(line.deaths for line in of_map.lines.values()) == 5


def test_teams_keep_their_letters_when_they_change_sides() -> None:
    lines = Lines()
    lines.start()
    lines.end("CT", "SFUI_Notice_CTs_Win", 1, 0)
    for who in CT:
        lines.add(f'{who[:-5]}" switched from team <CT> to <TERRORIST>', after=0)
    for who in T:
        lines.add(f'{who[:-12]}" switched from team <TERRORIST> to <CT>', after=0)
    lines.add('Team "CT" scored "0" with "5" players', 'Team "TERRORIST" scored "1" with "5" players')
    lines.add("Starting Freeze period")
    fold, _, _ = fold_of(lines.text)
    (of_map,) = fold.maps.values()
    assert of_map.a_side == "T" and of_map.score == {"A": 1, "B": 0}


def test_the_bomb_and_the_end_of_the_game() -> None:
    lines = Lines()
    lines.start()
    lines.add(f'{T[0]} triggered "Planted_The_Bomb" at bombsite B')
    lines.add(f'{CT[0]} triggered "Defused_The_Bomb"', after=20)
    lines.end("CT", "SFUI_Notice_Bomb_Defused", 13, 4)
    lines.add("Game Over: competitive mg_active de_mirage score 13:4 after 40 min")
    lines.start()  # what is played afterwards belongs to no match
    fold, moments, events = fold_of(lines.text)
    (of_map,) = fold.maps.values()
    assert fold.over and fold.winner == "A" and of_map.score == {"A": 13, "B": 4}
    planted = next(moment for moment in moments if moment.trigger == "bomb_planted")
    assert planted.state["bomb_planted"] == 1 and planted.state["time_remaining"] == 40.0
    assert events[-1]["type"] == "match_end"


def test_the_second_map_of_a_series_follows_the_first() -> None:
    lines = Lines()
    for _ in range(2):
        lines.start()
        lines.end("CT", "SFUI_Notice_CTs_Win", 13, 4)
        lines.add("Game Over: competitive mg_active de_mirage score 13:4 after 40 min")
    fold, _, _ = fold_of(lines.text, best_of=3)
    assert [of_map.number for of_map in fold.maps.values()] == [1, 2]
    assert fold.over and fold.winner == "A" and fold.maps_won() == {"A": 2, "B": 0}


def test_a_restored_round_is_played_again() -> None:
    lines = Lines()
    lines.start()
    lines.end("CT", "SFUI_Notice_CTs_Win", 1, 0)
    lines.add("Starting Freeze period")
    lines.end("CT", "SFUI_Notice_CTs_Win", 2, 0)
    lines.add('World triggered "Match_Reloaded" on "de_mirage"', 'Team "CT" scored "1" with "5" players',
              'Team "TERRORIST" scored "0" with "5" players', "Starting Freeze period")  # fmt: skip
    lines.end("TERRORIST", "SFUI_Notice_Target_Bombed", 1, 1)
    fold, _, _ = fold_of(lines.text)
    (of_map,) = fold.maps.values()
    assert of_map.score == {"A": 1, "B": 1}
    assert [(one.number, one.winner) for one in of_map.rounds.values()] == [(1, "A"), (2, "B")]


@pytest.mark.parametrize(
    "line",
    ["", "nonsense", "L 99/99/2026 - 12:00:00", 'L 01/18/2026 - 12:00:00: "x<1><BOT><CT>" says "killed"', "\x00\xff"],
)
def test_lines_that_tell_nothing_are_left(line) -> None:
    assert ServerLog(uid("x"), "x").read([line]) == []


@pytest.mark.skipif(not REAL.exists(), reason="the real logs are not at hand")
@pytest.mark.parametrize(
    ("name", "score", "known"),
    [("pro_match_nuke_2021_first_8_rounds", {"A": 7, "B": 1}, 1.0), ("csgo_bots_example_2018", {"A": 1, "B": 16}, 0.97),
     ("kotnq1", {"A": 16, "B": 14}, 0.0)],
)  # fmt: skip
def test_real_logs_end_at_their_score(name, score, known) -> None:
    with (REAL / f"{name}.log").open(encoding="utf8", errors="replace") as lines:
        fold, moments, _ = fold_of(lines)
    of_map = fold.maps[fold.current]
    assert of_map.score == score
    assert sorted(of_map.rounds) == list(range(1, sum(score.values()) + 1))
    states = [moment.state for moment in moments if moment.state and moment.trigger in ("kill", "player_hurt")]
    assert sum(None not in state.values() for state in states) >= known * len(states)
