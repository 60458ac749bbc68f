"""How a recording is cut into rounds."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs2_pipeline.demodb.importers.parsed import TICK_RATE, DemoHeader, UnreadableDemoError
from cs2_pipeline.demodb.importers.timeline import match_rules, spans
from cs2_pipeline_tests.demodb.importers.recordings import Script


def cut(script: Script) -> list:
    demo = script.parsed()
    return spans(demo, match_rules(demo))


def phases(script: Script) -> list[str]:
    return [span.phase for span in cut(script)]


def test_play_before_the_first_round_is_warm_up() -> None:
    script = Script()
    script.round()
    assert phases(script) == ["warmup", "live"]


def test_the_last_announcement_of_the_match_counts_and_false_starts_before_it_do_not() -> None:
    script = Script()
    for _ in range(2):
        script.add("begin_new_match", script.clock)
        script.round()
    script.add("begin_new_match", script.clock)
    script.add("round_announce_match_start", script.round())
    script.round()
    assert phases(script) == ["warmup", "warmup", "warmup", "live", "live"]


def test_an_announcement_after_the_last_round_starts_no_match() -> None:
    script = Script()
    for _ in range(2):
        script.round()
    script.add("begin_new_match", script.clock)
    assert phases(script) == ["warmup", "live", "live"]


def test_a_first_round_of_knife_kills_alone_is_the_knife_round() -> None:
    script = Script()
    script.round(3, [(5, "ct1", "t1"), (6, "t2", "ct2"), (7, "ct3", "t3")], weapon="knife_t")
    script.round(3, [(5, "ct1", "t1")])
    assert phases(script) == ["warmup", "knife", "live"]


def test_a_round_begun_again_by_a_restart_is_unfinished_and_its_repetition_counts() -> None:
    script = Script()
    script.round()
    script.add("round_start", script.clock)
    script.clock += 500
    script.round()
    assert phases(script) == ["warmup", "live", "unfinished", "live"]


def test_a_draw_or_the_end_that_a_restart_announces_ends_no_round() -> None:
    script = Script()
    script.round()
    script.round(winner=0, reason=16)
    assert phases(script) == ["warmup", "live", "unfinished"]


def test_a_round_without_a_recorded_start_begins_a_freeze_time_before_it_goes_live() -> None:
    script = Script()
    for _ in range(3):
        script.round()
    whole = cut(script)
    script.events["round_start"].pop(1)
    assert cut(script)[2].first == whole[2].first


def test_a_round_without_a_recorded_start_never_begins_before_the_one_before_it_has_ended() -> None:
    script = Script()
    script.round()
    script.round()
    ended = script.events["round_end"][0]["tick"]
    del script.events["round_start"][1]
    script.events["round_freeze_end"][1]["tick"] = ended + 10
    assert cut(script)[2].first == ended + 1


def test_a_round_whose_beginning_was_not_recorded_is_refused_with_its_tick() -> None:
    script = Script()
    script.round()
    script.add("round_end", 100, winner=3, reason=8)
    with pytest.raises(UnreadableDemoError, match="tick 100 has neither a round_start nor a round_freeze_end"):
        cut(script)


def test_words_and_numbers_name_the_same_winners_and_reasons() -> None:
    script = Script()
    script.round(winner=2, reason=1)
    script.round(winner="T", reason="bomb_exploded")
    first, second = cut(script)[1:]
    assert (first.winner, first.reason) == (second.winner, second.reason) == ("T", "TargetBombed")


def test_the_freeze_time_is_the_usual_one_and_a_long_first_one_does_not_change_it() -> None:
    script = Script()
    for _ in range(5):
        script.round()
    script.events["round_start"][0]["tick"] -= 400
    assert match_rules(script.parsed()).freeze_time == 15


def test_the_servers_variables_give_what_cannot_be_measured() -> None:
    settings = {"mp_freezetime": "20", "mp_roundtime_defuse": "1.92", "mp_buytime": "30", "mp_maxrounds": "16"}
    found = match_rules(Script().parsed(settings=settings))
    assert (found.freeze_time, found.round_time, found.buy_time, found.max_rounds) == (20, 115.0, 30.0, 16)


@given(st.lists(st.tuples(st.sampled_from([2, 3]), st.floats(1, 110)), min_size=1, max_size=30))
def test_every_tick_of_a_recording_belongs_to_exactly_one_stretch_of_play(played: list[tuple[int, float]]) -> None:
    script = Script()
    for winner, lasts in played:
        script.round(winner, lasts=lasts)
    found = cut(script)
    assert [span.winner for span in found if span.phase == "live"] == [{2: "T", 3: "CT"}[w] for w, _ in played]
    assert all(before.after == after.first for before, after in pairwise(found))
    assert found[0].first == 0
    assert found[-1].after > script.events["round_end"][-1]["tick"]
    lengths = [(span.end - span.live_start) / TICK_RATE for span in found if span.end]
    assert lengths == pytest.approx([lasts for _, lasts in played], abs=1 / TICK_RATE)


REASONS = {
    1: "TargetBombed", 7: "BombDefused", 8: "CTWin", 9: "TerroristWin", 10: "RoundDraw", 11: "HostagesRescued",
    12: "TargetSaved", 13: "HostagesNotRescued", 16: "GameCommencing", 17: "TerroristsSurrender", 18: "CTSurrender",
    5: "Reason5", "bomb_exploded": "TargetBombed", "bomb_defused": "BombDefused", "t_killed": "CTWin",
    "ct_killed": "TerroristWin", "draw": "RoundDraw", "hostage_rescued": "HostagesRescued",
    "time_ran_out": "TargetSaved", "game_start": "GameCommencing", "t_surrender": "TerroristsSurrender",
    "ct_surrender": "CTSurrender", "something new": "something new", None: "Unknown",
}  # fmt: skip


@pytest.mark.parametrize(("recorded", "name"), REASONS.items())
def test_every_end_has_the_games_name(recorded: int | str | None, name: str) -> None:
    script = Script()
    script.round(reason=recorded)  # type: ignore[arg-type]
    assert cut(script)[1].reason == name


def test_without_a_word_of_the_server_the_rules_are_the_competitive_ones() -> None:
    found = match_rules(Script().parsed())
    assert (found.freeze_time, found.round_time, found.buy_time, found.max_rounds) == (15, 115.0, 20.0, 24)


def test_a_freeze_time_seen_once_is_not_the_usual_one_and_seen_twice_it_is() -> None:
    script = Script()
    script.round()
    script.events["round_start"][0]["tick"] -= 300
    assert match_rules(script.parsed()).freeze_time == 15
    script.round()
    script.events["round_start"][1]["tick"] -= 300
    assert match_rules(script.parsed(settings={"mp_freezetime": "3"})).freeze_time == 20


def test_hostage_maps_have_a_clock_of_their_own_and_words_that_are_no_number_none() -> None:
    settings = {"mp_roundtime_hostage": "2", "mp_roundtime_defuse": "1.75", "mp_roundtime": "5"}
    demo = Script().parsed(settings=settings)
    assert match_rules(demo).round_time == 105.0
    assert match_rules(replace(demo, header=DemoHeader(map_name="cs_office"))).round_time == 120.0
    assert match_rules(Script().parsed(settings={"mp_roundtime": "2", "mp_roundtime_defuse": "x"})).round_time == 120.0


@pytest.mark.parametrize(("kills", "knife"), [(2, False), (3, True)])
def test_three_kills_by_knife_make_a_knife_round(kills: int, knife: bool) -> None:
    script = Script()
    script.round(3, [(5 + n, f"ct{n}", f"t{n}") for n in range(1, kills + 1)], weapon="bayonet")
    script.round(3)
    assert phases(script)[1] == ("knife" if knife else "live")


def test_one_shot_makes_no_knife_round_and_later_ones_none_at_all() -> None:
    script = Script()
    script.round(3, [(5, "ct1", "t1"), (6, "ct2", "t2"), (7, "ct3", "t3")], weapon="knife")
    script.events["player_death"][1]["weapon"] = "glock"
    script.round(3, [(5, "ct1", "t1"), (6, "ct2", "t2"), (7, "ct3", "t3")], weapon="knife")
    assert phases(script) == ["warmup", "live", "live"]


def test_a_stretch_of_play_is_told_with_its_ticks() -> None:
    script = Script()
    live = script.round(2, lasts=50)
    warm_up, played = cut(script)
    assert (warm_up.first, warm_up.after, warm_up.phase, warm_up.end) == (0, 1_000, "warmup", None)
    assert (played.first, played.live_start, played.end) == (1_000, live, live + 50 * TICK_RATE)
    assert (played.winner, played.after) == ("T", live + 50 * TICK_RATE + 1)


def test_a_round_that_never_went_live_does_so_a_freeze_time_after_its_start() -> None:
    script = Script()
    script.round()
    first = script.events["round_freeze_end"].pop(0)
    del script.events["round_freeze_end"]
    assert cut(script)[1].live_start == first["tick"]
    script.events["round_end"][0]["tick"] = 1_010
    assert cut(script)[1].live_start == 1_010, "and never after its end"


def test_a_round_begins_at_its_recorded_start_also_after_a_longer_freeze_time_and_lives_from_its_last_end() -> None:
    script = Script()
    lives = [script.round() for _ in range(3)]
    starts = [row["tick"] for row in script.events["round_start"]]
    script.events["round_start"][1]["tick"] -= 300
    script.add("round_freeze_end", lives[2] - 100)
    found = cut(script)
    assert [span.first for span in found] == [0, starts[0], starts[1] - 300, starts[2]]
    assert [span.phase for span in found] == ["warmup", "live", "live", "live"]
    assert [span.live_start for span in found[1:]] == lives
