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


def told(lines, kind=None, **how):
    """The events of lines, or the payloads of one type."""
    events = ServerLog(uid("log"), "server", **how).read(lines.text if isinstance(lines, Lines) else lines)
    return [event["payload"] for event in events if event["type"] == kind] if kind else events


@pytest.fixture
def begun():
    lines = Lines()
    lines.start()
    return lines


def test_a_hit_is_told_with_all_its_line_says_within_what_can_be(begun) -> None:
    begun.add(f'{CT[1]} [1 2 3] attacked {T[2]} [4 5 6] with "awp" (damage "448") (damage_armor "12") (health "-348")'
              ' (armor "88") (hitgroup "left leg")')  # fmt: skip
    (hit,) = told(begun, "player_hurt")
    assert hit == {
        "attacker_player_id": "STEAM_1:0:1", "attacker_team": "A", "victim_player_id": "STEAM_1:1:2",
        "victim_team": "B", "damage": 448, "damage_armor": 12, "weapon": "awp", "hitgroup": "left leg",
        "victim_health": 0, "victim_armor": 88,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("how", "flag"),
    [("(headshot)", "is_headshot"), ("(penetrated)", "is_wallbang"), ("(throughsmoke)", "is_through_smoke"),
     ("(noscope)", "is_no_scope"), ("(attackerblind)", "attacker_blind"), ("", None)],
)  # fmt: skip
def test_a_kill_says_how(begun, how, flag) -> None:
    begun.add(f'{T[0]} [1 2 3] killed {CT[3]} [4 5 6] with "ak47" {how}')
    (kill,) = told(begun, "kill")
    assert (kill["killer_player_id"], kill["killer_team"]) == ("STEAM_1:1:0", "B")
    assert (kill["victim_player_id"], kill["victim_team"], kill["weapon"]) == ("STEAM_1:0:3", "A", "ak47")
    assert [name for name, value in kill.items() if value is True] == ([flag] if flag else [])


def test_who_dies_alone_is_killed_by_nobody_else(begun) -> None:
    begun.add(f'{CT[0]} [1 2 3] committed suicide with "world"', f"{T[0]} was killed by the bomb",
              '"watcher<9><STEAM_1:0:99><Spectator>" committed suicide with "world"')  # fmt: skip
    assert [(one["killer_player_id"], one["victim_player_id"], one["weapon"], one["killer_team"])
            for one in told(begun, "kill")] == [
        ("STEAM_1:0:0", "STEAM_1:0:0", "world", "A"), ("STEAM_1:1:0", "STEAM_1:1:0", "planted_c4", "B")
    ]  # fmt: skip


def equipment_of(lines, who):
    return [one for one in told(lines, "player_equipment") if one["player_id"] == who]


def test_equipment_is_worth_what_is_worn_and_carried(begun) -> None:
    begun.add(f"{CT[0]} left buyzone with [ weapon_knife weapon_ak47 weapon_glock kevlar(100) helmet defuser ]")
    last = equipment_of(begun, "STEAM_1:0:0")[-1]
    assert (last["equipment_value"], last["armor"]) == (2_700 + 200 + 650 + 350 + 400, 100)
    assert (last["has_helmet"], last["has_defuse_kit"]) == (True, True)


def test_what_is_bought_picked_up_and_dropped_changes_it(begun) -> None:
    who, steps = CT[0], []
    for line in (
        'purchased "item_assaultsuit"', 'picked up "item_defuser"', 'picked up "ak47"', 'dropped "ak47"',
        'dropped "item_defuser"', 'dropped "awp"', 'dropped "item_vesthelm"', 'picked up "item_kevlar"',
    ):  # fmt: skip
        begun.add(f"{who} {line}")
        last = equipment_of(begun, "STEAM_1:0:0")[-1]
        steps.append((last["armor"], last["has_helmet"], last["has_defuse_kit"], last["equipment_value"]))
    assert steps == [
        (100, True, False, 1_200), (100, True, True, 1_600), (100, True, True, 4_300), (100, True, True, 1_600),
        (100, True, False, 1_200), (100, True, False, 1_200), (0, False, False, 200), (100, False, False, 850),
    ]  # fmt: skip


def test_a_server_that_tells_what_is_picked_up_tells_purchases_twice(begun) -> None:
    begun.add(f'{CT[0]} picked up "deagle"', f'{CT[0]} purchased "ak47"', f'{CT[0]} picked up "ak47"')
    assert equipment_of(begun, "STEAM_1:0:0")[-1]["equipment_value"] == 650 + 200 + 700 + 2_700


def test_the_dead_carry_nothing_and_live_again_in_the_next_round(begun) -> None:
    begun.wipe(T[:1], CT)
    begun.end("CT", "SFUI_Notice_CTs_Win", 1, 0)
    begun.add("Starting Freeze period", 'World triggered "Round_Start"')
    assert equipment_of(begun, "STEAM_1:1:0")[-1] == {
        "player_id": "STEAM_1:1:0", "player_team": "B", "money": 150, "equipment_value": 0, "armor": 0,
        "has_helmet": False, "has_defuse_kit": False,
    }  # fmt: skip


def test_of_a_player_whose_items_nobody_told_only_the_money_is_known() -> None:
    lines = Lines()
    lines.add('World triggered "Match_Start" on "de_nuke"', f"{CT[0]} money change 800-0 = $800 (tracked)")
    assert told(lines, "player_equipment") == [{"player_id": "STEAM_1:0:0", "player_team": "A", "money": 800}]


def test_an_empty_buy_zone_line_says_nothing(begun) -> None:
    before = len(told(begun))
    begun.add(f"{CT[0]} left buyzone with [  ]")
    assert len(told(begun)) == before


def test_who_leaves_or_watches_is_told_of_no_more(begun) -> None:
    begun.add(f'{CT[0]} disconnected (reason "x")', f'{CT[1][:-5]}" switched from team <CT> to <Spectator>',
              f"{T[0]} switched from team <TERRORIST> to <Unassigned>")  # fmt: skip
    before = len(told(begun, "player_equipment"))
    begun.add('World triggered "Round_Start"')
    again = told(begun, "player_equipment")[before:]
    assert len(again) == 7
    assert not {one["player_id"] for one in again} & {"STEAM_1:0:0", "STEAM_1:0:1", "STEAM_1:1:0"}


def test_bots_are_known_by_their_names() -> None:
    lines = Lines()
    lines.add('World triggered "Match_Start" on "de_nuke"',
              '"Gary<3><BOT><CT>" [1 2 3] killed "Otto<4><BOT><TERRORIST>" [4 5 6] with "awp"')  # fmt: skip
    (kill,) = told(lines, "kill")
    assert (kill["killer_player_id"], kill["victim_player_id"]) == ("Gary", "Otto")


@pytest.mark.parametrize(
    ("side", "how", "reason"),
    [("TERRORIST", "SFUI_Notice_Target_Bombed", "bomb_exploded"), ("CT", "SFUI_Notice_Bomb_Defused", "bomb_defused"),
     ("CT", "SFUI_Notice_Target_Saved", "time_expired"), ("CT", "SFUI_Notice_CTs_Win", "elimination")],
)  # fmt: skip
def test_a_round_ends_for_its_reason(begun, side, how, reason) -> None:
    score = (1, 0) if side == "CT" else (0, 1)
    begun.end(side, how, *score)
    assert told(begun, "round_end") == [
        {"winner_team": "A" if side == "CT" else "B", "win_reason": reason, "team_a_score": score[0],
         "team_b_score": score[1]}
    ]  # fmt: skip
    assert len(told(begun, "bomb_exploded")) == (reason == "bomb_exploded")


def test_a_round_starts_with_as_many_as_the_score_line_counts(begun) -> None:
    begun.add('Team "CT" scored "4" with "3" players', 'Team "TERRORIST" scored "2" with "7" players',
              "Starting Freeze period")  # fmt: skip
    assert told(begun, "round_start")[-1] == {
        "team_a_score": 4, "team_b_score": 2, "team_a_side": "CT", "team_b_side": "T", "team_a_players": 3,
        "team_b_players": 5,
    }  # fmt: skip
    begun.add('Team "CT" scored "4" with "0" players', "Starting Freeze period")
    assert told(begun, "round_start")[-1]["team_a_players"] == 5, "a side that is empty while it loads is not"
    assert told(begun)[-1]["round_no"] == 7


def test_a_status_line_tells_map_score_and_warm_up() -> None:
    lines = Lines()
    lines.add('MatchStatus: Score: 3:5 on map "de_train" RoundsPlayed: 8', "Starting Freeze period")
    assert told(lines)[-1]["round_no"] == 9
    assert told(lines, "round_start")[0]["team_b_score"] == 5
    lines.add('World triggered "Match_Start"')
    assert told(lines, "map_start")[0]["map_name"] == "de_train"
    warm = Lines()
    warm.add('MatchStatus: Score: 0:0 on map "de_train" RoundsPlayed: -1', "Starting Freeze period")
    assert told(warm)[-1]["round_no"] == 0
    loaded = Lines()
    loaded.add('Loading map "de_vertigo"', 'World triggered "Match_Start"')
    assert told(loaded, "map_start")[0]["map_name"] == "de_vertigo"


def test_a_round_that_begins_without_freeze_time_is_told_all_the_same(begun) -> None:
    begun.end("CT", "SFUI_Notice_CTs_Win", 1, 0)
    before = len(told(begun))
    begun.add('World triggered "Round_Start"')
    kinds = [event["type"] for event in told(begun)[before:] if event["type"] != "player_equipment"]
    assert kinds == ["round_start", "freeze_time_ended"]


def test_a_series_ends_when_it_is_decided_or_its_maps_are_played() -> None:
    def played(*scores, best_of):
        lines = Lines()
        for ct, t in scores:
            lines.start()
            lines.add(f"Game Over: competitive mg_active de_mirage score {ct}:{t} after 40 min")
        return told(lines, best_of=best_of)

    def ends(events):
        return [event["type"] for event in events].count("match_end")

    assert ends(played((13, 4), best_of=1)) == 1
    assert ends(played((12, 12), best_of=1)) == 1, "a draw ends it too"
    assert ends(played((13, 4), best_of=3)) == 0
    assert ends(played((13, 4), (4, 13), best_of=3)) == 0
    assert ends(played((13, 4), (4, 13), (13, 4), best_of=3)) == 1
    assert ends(played((13, 4), (13, 4), (13, 4), best_of=3)) == 1
    (end, *_) = (event for event in played((4, 13), best_of=3) if event["type"] == "map_end")
    assert end["payload"] == {"team_a_score": 4, "team_b_score": 13, "winner_team": "B"}
    (start, *_) = (event for event in played((4, 13), best_of=3) if event["type"] == "match_start")
    assert start["payload"] == {"team_a_id": "A", "team_b_id": "B", "format": "bo3"}


def test_after_the_end_of_a_map_no_round_begins_until_the_next_one(begun) -> None:
    begun.add("Game Over: competitive mg_active de_mirage score 13:4 after 40 min")
    before = [event["type"] for event in told(begun, best_of=3)]
    begun.add("Starting Freeze period")
    assert [event["type"] for event in told(begun, best_of=3)] == before


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [("L 01/18/2026 - 12:00:05: ", "2026-01-18T12:00:05.000"),
     ("01/18/2026 - 12:00:05.250 - ", "2026-01-18T12:00:05.250")],
)  # fmt: skip
def test_both_forms_of_a_lines_time_are_read(stamp, seconds) -> None:
    found = told([f'{stamp}World triggered "Match_Start" on "de_nuke"\r\n\0'])
    assert {event["ts_event"] for event in found} == {f"{seconds}+00:00"}


def test_the_same_server_gives_its_events_the_same_ids_and_numbers_them(begun) -> None:
    one, same = told(begun), told(begun)
    assert one == same and [event["seq_no"] for event in one] == list(range(1, len(one) + 1))
    other = ServerLog(uid("log"), "another").read(begun.text)
    assert not {event["event_id"] for event in one} & {event["event_id"] for event in other}
    assert {event["map_id"] for event in one} == {event["map_id"] for event in other}


def test_a_server_that_goes_back_says_so_once_before_the_round(begun) -> None:
    begun.end("CT", "SFUI_Notice_CTs_Win", 1, 0)
    begun.add('World triggered "Match_Reloaded" on "de_mirage"', 'Team "CT" scored "0" with "5" players')
    before = len(told(begun))
    begun.add("Starting Freeze period")
    begun.end("CT", "SFUI_Notice_CTs_Win", 1, 0)
    begun.add("Starting Freeze period")
    after = [(event["type"], event["round_no"]) for event in told(begun)[before:]]
    assert after == [
        ("round_restored", 1), ("round_start", 1), ("round_end", 1), ("round_start", 2),
    ]  # fmt: skip
    assert told(begun, "round_restored") == [{"round_no": 1}]
    warm = Lines()
    warm.add('World triggered "Match_Reloaded"', 'MatchStatus: Score: 0:0 on map "de_train" RoundsPlayed: -1',
             "Starting Freeze period")  # fmt: skip
    assert [event["type"] for event in told(warm)] == ["round_start"], "there is no round to go back to in a warm-up"


def test_what_begins_a_match_or_a_map_belongs_to_no_round() -> None:
    lines = Lines()
    for _ in range(2):
        lines.start()
        lines.end("CT", "SFUI_Notice_CTs_Win", 13, 4)
        lines.add("Game Over: competitive mg_active de_mirage score 13:4 after 40 min")
    events = told(lines, best_of=3)
    starts = [event for event in events if event["type"] in ("match_start", "map_start")]
    assert [event["type"] for event in starts] == [
        "match_start", "map_start", "match_start", "match_start", "map_start", "match_start", "match_start",
    ]  # fmt: skip
    assert {event["round_no"] for event in starts} == {0}
    assert [event["payload"].get("map_number") for event in starts if event["type"] == "map_start"] == [1, 2]
    assert starts[2]["payload"] == {"team_a_id": "A", "team_b_id": "B", "team_a_name": "Löwen"}
    assert starts[3]["payload"] == {"team_a_id": "A", "team_b_id": "B", "team_b_name": "Blue"}
