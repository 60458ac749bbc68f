"""Event tables in the language of events: what each row becomes, and in which order."""

from cs2_pipeline.datasets.round_events import round_events
from cs2_pipeline.game.events import BombDefused, BombPlanted, Damage, Kill, RoundEnd, RoundStart
from cs2_pipeline_tests.datasets.event_rounds import CT, LIVE, RATE, START, T, a_bomb, a_hit, a_kill, a_player, round_of


def test_a_round_s_events_stand_in_time_order_between_its_start_and_its_end() -> None:
    rows = round_of(
        kills=[a_kill(20, 6, 1, None), a_kill(60, None, 2)],
        damages=[a_hit(20, 1, 0), a_hit(3, 2, 50, 60)],
        bombs=[a_bomb(30), a_bomb(10, "begin_plant"), a_bomb(60, "defused")],
        lasts=60,
    )
    ((row, events),) = round_events(*rows.tables())
    assert row["round_id"] == 1
    assert [type(event) for event in events] == [
        RoundStart, Damage, Damage, Kill, BombPlanted, Kill, BombDefused, RoundEnd,
    ]  # fmt: skip
    live = LIVE / RATE
    assert events[1] == Damage(live + 3, 2, 50, 60)
    assert events[3] == Kill(live + 20, 1, 6)
    assert events[-1] == RoundEnd(live + 60, "CT")


def test_a_round_starts_with_the_score_before_it_and_what_its_players_have_left() -> None:
    players = [a_player(number, start_money=1_000, money_spent=1_200) for number in CT + T]
    ((_, events),) = round_events(*round_of(players=players, ct_wins=0, ct_score=3, t_score=2).tables())
    start = events[0]
    assert isinstance(start, RoundStart)
    assert (start.time, start.ct_score, start.t_score, start.freeze_end) == (START / RATE, 3, 1, LIVE / RATE)
    assert {(player.money, player.equipment_value, player.has_helmet) for player in start.players} == {(0, 5_000, True)}


def test_an_end_not_recorded_follows_from_the_duration_of_play() -> None:
    ((_, events),) = round_events(*round_of(lasts=25, end_tick=None).tables())
    assert events[-1].time == LIVE / RATE + 25


def test_a_bomb_event_without_a_type_is_none() -> None:
    ((_, events),) = round_events(*round_of(bombs=[a_bomb(30), a_bomb(40, None)], lasts=60).tables())
    assert [type(event) for event in events if isinstance(event, BombPlanted | BombDefused)] == [BombPlanted]
