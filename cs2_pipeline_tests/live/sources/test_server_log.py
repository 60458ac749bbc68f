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


def test_a_short_match_is_told_event_by_event() -> None:
    anna, otto = '"Anna<1><[U:1:5]><CT>"', '"Otto<2><BOT><TERRORIST>"'
    lines = Lines()
    lines.add('Loading map "de_nuke"', f"{anna} money change 16000-2700 = $13300 (tracked) (purchase: weapon_ak47)")
    lines.add(f"{otto} money change 800-0 = $800 (tracked)", 'World triggered "Match_Start" on "de_mirage"', after=0)
    lines.add('Team playing "CT": Löwen ', 'MatchStatus: Team playing "TERRORIST": Blue', 'Team playing "CT": Blue')
    lines.add(f"{anna} left buyzone with [ weapon_knife weapon_ak47 kevlar(87) helmet defuser C4 ]",
              'World triggered "Round_Start"')  # fmt: skip
    lines.add(f'{otto} triggered "Planted_The_Bomb" at bombsite A', after=30)
    lines.add(f'{anna} [0 -1 2.5] attacked {otto} [4 5 6] with "ak47" (damage "5000") (damage_armor "4000")'
              ' (health "120") (armor "130") (hitgroup "head")')  # fmt: skip
    lines.add(f'{otto} money change 800+300 = $1100 (tracked)',
              f'{anna} [0 -1 2.5] killed {otto} [4 5 6] with "ak47" (headshot)')  # fmt: skip
    lines.add(f'{anna} triggered "Defused_The_Bomb"')
    lines.add('Team "CT" triggered "SFUI_Notice_Bomb_Defused" (CT "1") (T "0")', 'World triggered "Round_End"')
    lines.add("Game Over: casual mg_active de_mirage score 1:1 after 2 min")
    lines.add('World triggered "Match_Start" on "de_mirage"')  # of another match
    sides = {"team_a_side": "CT", "team_b_side": "T"}
    teams, fives = {"team_a_id": "A", "team_b_id": "B"}, {"team_a_players": 5, "team_b_players": 5}
    equipped = {
        "player_id": "[U:1:5]", "player_team": "A", "money": 13_300, "equipment_value": 2_700 + 650 + 350 + 400,
        "armor": 87, "has_helmet": True, "has_defuse_kit": True,
    }  # fmt: skip
    poor = {"player_id": "Otto", "player_team": "B", "money": 800}
    assert [(one["ts_event"][14:19], one["round_no"], one["type"], one["payload"]) for one in told(lines)] == [
        ("00:01", 0, "match_start", teams | {"format": "bo1"}),
        ("00:01", 0, "map_start", {"map_name": "de_mirage", "map_number": 1}),
        ("00:01", 1, "round_start", {"team_a_score": 0, "team_b_score": 0} | sides | fives),
        ("00:02", 0, "match_start", teams | {"team_a_name": "Löwen"}),
        ("00:02", 0, "match_start", teams | {"team_b_name": "Blue"}),
        ("00:03", 1, "player_equipment", equipped),
        ("00:03", 1, "player_equipment", poor),
        ("00:03", 1, "freeze_time_ended", {}),
        ("00:33", 1, "bomb_planted", {"player_id": "Otto", "player_team": "B", "site": "A"}),
        ("00:34", 1, "player_hurt", {
            "attacker_player_id": "[U:1:5]", "attacker_team": "A", "victim_player_id": "Otto", "victim_team": "B",
            "damage": 1_000, "damage_armor": 1_000, "weapon": "ak47", "hitgroup": "head", "victim_health": 100,
            "victim_armor": 100,
        }),
        ("00:35", 1, "player_equipment", poor | {"money": 1_100}),
        ("00:35", 1, "kill", {
            "killer_player_id": "[U:1:5]", "killer_team": "A", "victim_player_id": "Otto", "victim_team": "B",
            "weapon": "ak47", "is_headshot": True, "is_wallbang": False, "is_through_smoke": False,
            "is_no_scope": False, "attacker_blind": False,
        }),
        ("00:36", 1, "bomb_defused", {"player_id": "[U:1:5]", "player_team": "A"}),
        ("00:37", 1, "round_end", {"winner_team": "A", "win_reason": "bomb_defused", "team_a_score": 1,
                                   "team_b_score": 0}),
        ("00:38", 1, "map_end", {"team_a_score": 1, "team_b_score": 1}),
        ("00:38", 1, "match_end", {}),
    ]  # fmt: skip
    log = ServerLog(uid("log"), "server")
    assert not log.over
    for number, event in enumerate(log.read(lines.text), start=1):
        assert (event["event_id"], event["seq_no"]) == (uid(uid("log"), "server", number), number)
        assert (event["match_id"], event["map_id"], event["source"]) == (uid("log"), uid(uid("log"), 1), "server-log")
    assert log.over


def test_a_log_read_line_by_line_tells_what_it_tells_at_once_but_for_equipment(begun) -> None:
    """What changed in one moment is told once at its end, which is also the end of what was read."""
    begun.wipe(T[:2], CT)
    begun.end("CT", "SFUI_Notice_CTs_Win", 1, 0)
    log = ServerLog(uid("log"), "server")
    apart = [event for line in begun.text for event in log.read([line])]
    at_once = told(begun)
    without = [[(one["type"], one["ts_event"], one["round_no"], one["payload"]) for one in of
                if one["type"] != "player_equipment"] for of in (apart, at_once)]  # fmt: skip
    assert without[0] == without[1] and len(apart) > len(at_once)


@pytest.mark.parametrize(("side", "mine", "other"), [("CT", "team_a_players", "team_b_players"),
                                                     ("TERRORIST", "team_b_players", "team_a_players")])  # fmt: skip
def test_an_empty_side_is_one_that_still_loads(begun, side, mine, other) -> None:
    for players, expected in ((0, 5), (1, 1), (5, 5), (9, 5)):
        begun.add(f'Team "{side}" scored "0" with "{players}" players', "Starting Freeze period")
        start = told(begun, "round_start")[-1]
        assert (start[mine], start[other]) == (expected, 5)


def test_a_log_that_begins_in_the_middle_knows_the_teams_from_its_first_round_on() -> None:
    lines = Lines()
    lines.add(*(f"{who} money change 1-0 = $1 (tracked)" for who in CT[:3] + T[:3]))
    lines.add('World triggered "Round_Start"')
    assert [one["type"] for one in told(lines)][:1] == ["round_start"], "the freeze time before it was not heard of"
    for who in CT[:3]:
        lines.add(f'{who[:-5]}" switched from team <CT> to <TERRORIST>', after=0)
    for who in T[:3]:
        lines.add(f'{who[:-12]}" switched from team <TERRORIST> to <CT>', after=0)
    lines.add("Starting Freeze period")
    assert [one["team_a_side"] for one in told(lines, "round_start")] == ["CT", "T"]
    lines.add('World triggered "Round_Start"', "Starting Freeze period")
    assert told(lines, "round_start")[-1]["team_a_side"] == "T", "who began as CT stays team A"
    assert {
        one["player_team"] for one in told(lines, "player_equipment")[-6:] if one["player_id"] == "STEAM_1:0:0"
    } == {"A"}


@pytest.mark.parametrize(("stay", "a_side"), [(2, "CT"), (1, "T"), (0, "T")])
def test_team_a_plays_where_more_of_those_are_who_began_as_ct(stay, a_side) -> None:
    lines = Lines()
    began = (f"{who} money change 1-0 = $1 (tracked)" for who in CT[:4] + T[:3])
    lines.add(*began, 'World triggered "Match_Start"')
    for who in CT[stay:4]:
        lines.add(f'{who[:-5]}" switched from team <CT> to <TERRORIST>', after=0)
    lines.add("Starting Freeze period")
    assert told(lines, "round_start")[-1]["team_a_side"] == a_side, "as many on both: they stay"


def test_who_dies_in_the_moment_in_which_he_bought_is_told_of_no_more(begun) -> None:
    before = len(told(begun, "player_equipment"))
    begun.add(f'{T[0]} dropped "glock"', f'{CT[0]} [1 2 3] killed {T[0]} [4 5 6] with "awp"')
    after = told(begun)
    assert [one["payload"]["player_id"] for one in after if one["type"] == "player_equipment"][before:] == [
        "STEAM_1:1:0"
    ]
    begun.add(f'{CT[0]} [1 2 3] killed {T[1]} [4 5 6] with "awp"', f"{T[1]} money change 1-1 = $0 (tracked)")
    last = told(begun)[-1]
    assert last["payload"]["equipment_value"] == 0 and last["payload"]["armor"] == 0, "the dead carry nothing"


def test_what_is_worn_is_lost_when_it_is_dropped_or_bought_anew(begun) -> None:
    who, steps = CT[0], []
    for line in ('purchased "vest"', 'dropped "vest"', 'purchased "vesthelm"', 'purchased "item_kevlar"',
                 'purchased "defuser"', 'dropped "defuser"', 'picked up "weapon_decoy_of_nobody"',
                 'dropped "weapon_glock"', 'dropped "weapon_glock"'):  # fmt: skip
        begun.add(f"{who} {line}")
        last = equipment_of(begun, "STEAM_1:0:0")[-1]
        steps.append((last["armor"], last["has_helmet"], last["has_defuse_kit"], last["equipment_value"]))
    pistol, vest, helmet, kit = 200, 650, 350, 400
    assert steps == [
        (100, False, False, pistol + vest), (0, False, False, pistol), (100, True, False, pistol + vest + helmet),
        (100, True, False, pistol + vest + helmet), (100, True, True, pistol + vest + helmet + kit),
        (100, True, False, pistol + vest + helmet), (100, True, False, pistol + vest + helmet),
        (100, True, False, vest + helmet), (100, True, False, vest + helmet),
    ]  # fmt: skip


def test_a_map_won_counts_for_the_series_and_a_drawn_one_for_nobody() -> None:
    def ends(*scores, best_of):
        lines = Lines()
        for ct, t in scores:
            lines.add('World triggered "Match_Start" on "de_nuke"')
            lines.add(f"Game Over: competitive mg_active de_nuke score {ct}:{t} after 40 min")
        return [one["type"] for one in told(lines, best_of=best_of)].count("match_end")

    assert ends((12, 12), (13, 1), best_of=3) == 0
    assert ends((12, 12), (13, 1), (1, 13), best_of=3) == 1, "all maps are played"
    assert ends((13, 1), (13, 1), (13, 1), best_of=5) == 1
    assert ends((13, 1), (13, 1), best_of=5) == 0
    assert ends((1, 13), (13, 1), (1, 13), best_of=3) == 1


@pytest.mark.parametrize(("rounds", "number"), [(-1, 0), (0, 4), (3, 4)])
def test_a_warm_up_has_no_round(rounds, number) -> None:
    lines = Lines()
    lines.add(f'MatchStatus: Score: 2:1 on map "de_train" RoundsPlayed: {rounds}', "Starting Freeze period")
    (start,) = told(lines)
    assert (start["type"], start["round_no"]) == ("round_start", number)


def test_what_a_player_gets_is_told_when_it_was_and_not_between_rounds(begun) -> None:
    before = len(told(begun))
    begun.add(f"{CT[0]} money change 100-0 = $100 (tracked)")
    begun.add(f"{CT[0]} money change 100-50 = $50 (tracked)", f"{CT[0]} money change 50-50 = $0 (tracked)")
    begun.end("CT", "SFUI_Notice_CTs_Win", 1, 0)
    begun.add(f"{CT[0]} money change 0+3250 = $3250 (tracked)")
    begun.add("Starting Freeze period")
    assert [(one["type"], one["ts_event"][14:19], one["payload"].get("money")) for one in told(begun)[before:]] == [
        ("player_equipment", "00:17", 100), ("player_equipment", "00:18", 0), ("round_end", "00:19", None),
        ("round_start", "00:21", None),
    ]  # fmt: skip
    begun.add('World triggered "Round_Start"')
    assert {one["money"] for one in equipment_of(begun, "STEAM_1:0:0")[-1:]} == {3_250}, "then all of it is told"


def test_a_map_without_a_name_is_unknown_and_a_later_one_is_another() -> None:
    lines = Lines()
    lines.add('World triggered "Match_Start"', 'World triggered "Match_Start" on "de_nuke"')
    assert [one["map_name"] for one in told(lines, "map_start")] == ["unknown", "de_nuke"]
    assert [one["map_number"] for one in told(lines, "map_start")] == [1, 1], "started anew it is the same map"


def test_a_player_plays_where_his_last_line_says() -> None:
    lines = Lines()
    lines.add('World triggered "Match_Start" on "de_nuke"', f"{CT[0]} money change 1-0 = $1 (tracked)")
    lines.add(f"{CT[0].replace('<CT>', '<TERRORIST>')} money change 1-0 = $2 (tracked)")
    lines.add(f"{CT[0].replace('<CT>', '<>')} money change 1-0 = $3 (tracked)")
    assert [(one["player_team"], one["money"]) for one in told(lines, "player_equipment")] == [
        ("A", 1), ("B", 2), ("B", 3),
    ]  # fmt: skip


def test_nobody_wears_more_armor_than_there_is(begun) -> None:
    begun.add(f"{CT[0]} left buyzone with [ kevlar(120) ]")
    begun.add(f'{T[0]} [1 2 3] attacked {CT[1]} [4 5 6] with "awp" (damage "1") (damage_armor "1") (health "99")'
              ' (armor "-5") (hitgroup "head")', f"{CT[1]} money change 1-0 = $1 (tracked)")  # fmt: skip
    assert [equipment_of(begun, f"STEAM_1:0:{n}")[-1]["armor"] for n in (0, 1)] == [100, 0]
    assert told(begun, "player_hurt")[-1]["victim_armor"] == 0
    assert equipment_of(begun, "STEAM_1:0:1")[-1]["equipment_value"] == 200, "armor that is used up is worth nothing"


def test_who_leaves_the_buy_zone_without_a_vest_wears_none(begun) -> None:
    before = equipment_of(begun, "STEAM_1:0:0")[-1]
    begun.add(f"{CT[0]} left buyzone with [ weapon_knife weapon_glock helmet ]")
    after = equipment_of(begun, "STEAM_1:0:0")[-1]
    assert (before["armor"], before["has_helmet"]) == (100, False)
    assert (after["armor"], after["has_helmet"], after["equipment_value"]) == (0, True, 200 + 350)


def test_a_player_of_whom_only_one_purchase_is_known_has_nothing_else() -> None:
    lines = Lines()
    lines.add('World triggered "Match_Start" on "de_nuke"', f'{CT[0]} purchased "vest"', f'{T[0]} purchased "defuser"')
    assert told(lines, "player_equipment") == [
        {"player_id": "STEAM_1:0:0", "player_team": "A", "equipment_value": 650, "armor": 100, "has_helmet": False,
         "has_defuse_kit": False},
        {"player_id": "STEAM_1:1:0", "player_team": "B", "equipment_value": 400, "armor": 0, "has_helmet": False,
         "has_defuse_kit": True},
    ]  # fmt: skip
