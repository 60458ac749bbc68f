"""Snapshots from events: what each field is built from, and that nothing of the future enters."""

import json
import random
import sqlite3
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.snapshots import loop
from cs2_pipeline.datasets.schema import ROUND_SNAPSHOTS, DatasetError
from cs2_pipeline.datasets.snapshots import EARLIEST_PLANT, rebuild, replay
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.extract import event_tables
from cs2_pipeline.demodb.importers.ingest import ingest
from cs2_pipeline.demodb.simulator import simulate
from cs2_pipeline_tests.datasets.event_rounds import (
    CT,
    LIVE,
    RATE,
    START,
    Events,
    T,
    a_bomb,
    a_hit,
    a_kill,
    a_player,
    a_round,
    random_events,
    round_of,
    tick,
)

GAME = Path(__file__).parents[2].parent / "shared" / "data" / "cs2_game_events"


def extracted(path: Path) -> tuple[pd.DataFrame, ...]:
    with DemoDatabase(f"sqlite:///{path}") as database:
        events = event_tables(database, date(2000, 1, 1), date(2100, 1, 1))
    return events.rounds, events.participants, events.kills, events.damages, events.bombs


def at(events: Events, seconds: float) -> pd.Series:
    """The one snapshot so many seconds after the freeze time."""
    frame = events.rebuild().frame
    return frame[frame["elapsed"] == seconds].squeeze()


def test_a_round_is_seen_when_freeze_time_ends_every_ten_seconds_and_after_each_kill_and_the_plant() -> None:
    events = round_of(kills=[a_kill(12, 1, 6)], bombs=[a_bomb(25)], bomb_planted=1, lasts=38)
    frame = events.rebuild().frame
    assert frame["elapsed"].tolist() == [0, 10, 12, 20, 25, 30]
    assert frame["moment"].tolist() == ["freeze_end", "interval", "kill", "interval", "plant", "interval"]
    assert frame["snapshot"].tolist() == [0, 1, 2, 3, 4, 5]


def test_the_interval_is_a_choice() -> None:
    assert round_of(lasts=20).rebuild(interval=4).frame["elapsed"].tolist() == [0, 4, 8, 12, 16]


@pytest.mark.parametrize("interval", [0.0, -1.0, float("nan")])
def test_an_interval_must_be_positive(interval: float) -> None:
    with pytest.raises(DatasetError, match="interval"):
        round_of().rebuild(interval=interval)


def test_there_is_no_snapshot_at_the_round_s_end_or_after_it() -> None:
    assert round_of(lasts=30).rebuild().frame["elapsed"].max() == 20


def test_an_end_not_recorded_follows_from_the_duration() -> None:
    assert round_of(lasts=25, end_tick=None).rebuild().frame["elapsed"].tolist() == [0, 10, 20]


def test_two_reasons_for_one_moment_give_one_snapshot() -> None:
    frame = round_of(kills=[a_kill(10, 1, 6), a_kill(10, 2, 7)], lasts=15).rebuild().frame
    assert frame["moment"].tolist() == ["freeze_end", "kill"]
    assert frame["t_alive"].tolist() == [5, 3]


def test_the_score_is_the_one_before_the_round() -> None:
    won = round_of(ct_wins=1, ct_score=7, t_score=4).rebuild().frame
    assert (won["ct_score"].iloc[0], won["t_score"].iloc[0]) == (6, 4)
    lost = round_of(ct_wins=0, ct_score=7, t_score=4).rebuild().frame
    assert (lost["ct_score"].iloc[0], lost["t_score"].iloc[0]) == (7, 3)


def test_the_clock_counts_down_to_the_round_s_end_and_after_the_plant_to_the_explosion() -> None:
    events = round_of(bombs=[a_bomb(33)], bomb_planted=1, lasts=60)
    frame = events.rebuild().frame.set_index("elapsed")
    assert frame["time_remaining"].to_dict() == {0: 115, 10: 105, 20: 95, 30: 85, 33: 40, 40: 33, 50: 23}
    assert frame["bomb_planted"].to_dict() == {0: 0, 10: 0, 20: 0, 30: 0, 33: 1, 40: 1, 50: 1}


def test_a_bomb_event_that_is_no_plant_plants_nothing() -> None:
    frame = round_of(bombs=[a_bomb(5, "begin_plant"), a_bomb(6, "dropped")]).rebuild().frame
    assert frame["bomb_planted"].sum() == 0


def test_the_defusal_and_the_explosion_end_the_round_whatever_its_recorded_end() -> None:
    for ending in ("defused", "exploded"):
        events = round_of(bombs=[a_bomb(5), a_bomb(22, ending)], bomb_planted=1, lasts=60)
        assert events.rebuild().frame["elapsed"].max() == 20


def test_a_bomb_planted_explodes_even_where_nobody_recorded_it() -> None:
    frame = round_of(bombs=[a_bomb(5)], bomb_planted=1, lasts=60).rebuild().frame
    assert frame["elapsed"].max() == 44.5
    assert (frame["time_remaining"] > 0).all()


def test_a_decided_round_has_no_more_snapshots() -> None:
    all_t_dead = round_of(kills=[a_kill(5 + number, 1, number) for number in T], lasts=60)
    rebuilt = all_t_dead.rebuild()
    assert rebuilt.frame["t_alive"].min() == 1
    assert rebuilt.left_out["moments: the round was already decided"] == 1 + 4
    time_out = round_of(lasts=118).rebuild().frame
    assert time_out["elapsed"].max() == 114.5


def test_the_last_seconds_of_either_clock_are_seen() -> None:
    time_out = round_of(lasts=118).rebuild().frame
    late = time_out[time_out["moment"] == "late"]
    assert late["time_remaining"].tolist() == [8, 4, 2, 1, 0.5]
    assert (late["bomb_planted"] == 0).all()
    planted = round_of(bombs=[a_bomb(113)], bomb_planted=1, lasts=160).rebuild().frame
    late = planted[planted["moment"] == "late"].set_index("elapsed")
    assert late["time_remaining"].to_dict() == {107: 8, 111: 4, 145: 8, 149: 4, 151: 2, 152: 1, 152.5: 0.5}
    assert late["bomb_planted"].tolist() == [0, 0, 1, 1, 1, 1, 1]


def test_with_every_t_dead_and_the_bomb_down_the_round_is_open() -> None:
    kills = [a_kill(10 + number, 1, number) for number in T]
    frame = round_of(kills=kills, bombs=[a_bomb(8)], bomb_planted=1, lasts=45).rebuild().frame
    assert frame.loc[frame["elapsed"] >= 20, "t_alive"].tolist() == [0, 0, 0, 0]


def test_everybody_begins_with_full_health() -> None:
    state = at(round_of(), 0)
    assert (state["ct_alive"], state["t_alive"], state["ct_health"], state["t_health"]) == (5, 5, 500, 500)


def test_health_and_armour_are_what_the_last_hit_left() -> None:
    damages = [a_hit(3, 1, 60, 80), a_hit(7, 1, 15, 70), a_hit(8, 6, 99, 0)]
    state = at(round_of(damages=damages), 10)
    assert (state["ct_health"], state["ct_armor"]) == (415, 470)
    assert (state["t_health"], state["t_armor"]) == (499, 400)


def test_of_hits_in_one_tick_the_lowest_health_counts() -> None:
    damages = [a_hit(3, 1, 40, 80), a_hit(3, 1, 60, 90), a_hit(3, 1, 50, 85)]
    state = at(round_of(damages=damages), 10)
    assert (state["ct_health"], state["ct_armor"]) == (440, 480)


def test_the_moment_after_a_kill_knows_of_the_kill() -> None:
    players = [a_player(number, has_defuse_kit=number in CT) for number in CT + T]
    frame = round_of(kills=[a_kill(7, 6, 1)], damages=[a_hit(3, 1, 20, 50)], players=players).rebuild().frame
    state = frame[frame["moment"] == "kill"].squeeze()
    assert (state["ct_alive"], state["ct_health"], state["ct_armor"]) == (4, 400, 400)
    assert (state["ct_helmets"], state["ct_defuse_kits"], state["ct_equip_value"]) == (4, 4, 20_000)
    assert state["t_alive"] == 5


def test_the_dead_keep_their_money() -> None:
    events = round_of(kills=[a_kill(7, None, 1)])
    assert at(events, 0)["ct_money"] == at(events, 10)["ct_money"] == 5_000


def test_a_hit_that_leaves_no_health_is_a_death_even_without_a_kill() -> None:
    state = at(round_of(damages=[a_hit(5, 1, 0, 30)]), 10)
    assert (state["ct_alive"], state["ct_health"]) == (4, 400)


def test_hits_on_the_dead_change_nothing() -> None:
    state = at(round_of(kills=[a_kill(5, 6, 1)], damages=[a_hit(5, 1, 0), a_hit(6, 1, 50)]), 10)
    assert (state["ct_alive"], state["ct_health"], state["ct_armor"]) == (4, 400, 400)


def test_nobody_dies_twice() -> None:
    rebuilt = round_of(kills=[a_kill(5, 6, 1), a_kill(6, 7, 1)]).rebuild()
    assert rebuilt.frame["ct_alive"].min() == 4
    assert rebuilt.frame["moment"].eq("kill").sum() == 1
    assert rebuilt.left_out["kills: of a player already dead"] == 1


def test_armour_at_the_start_is_known_with_a_helmet_or_without_the_money_for_a_kevlar() -> None:
    poor = [a_player(number, has_helmet=number == 1, equipment_value=849) for number in CT + T]
    state = at(round_of(players=poor, damages=[a_hit(50, 1, 90)]), 0)
    assert (state["ct_armor"], state["t_armor"]) == (100, 0)


def test_armour_that_cannot_be_known_makes_the_side_s_sum_unknown_until_a_hit_tells() -> None:
    players = [a_player(number, has_helmet=number != 1, equipment_value=850) for number in CT + T]
    events = round_of(players=players, damages=[a_hit(12, 1, 80, 90)])
    armour = events.rebuild().frame.set_index("elapsed")["ct_armor"]
    assert armour.loc[[0, 10]].isna().all()
    assert armour.loc[20] == 490
    assert at(events, 0)["t_armor"] == 500


def test_armour_that_cannot_be_known_dies_with_its_wearer() -> None:
    players = [a_player(number, has_helmet=number != 1, equipment_value=850) for number in CT + T]
    state = at(round_of(players=players, kills=[a_kill(5, 6, 1)]), 10)
    assert state["ct_armor"] == 400


@pytest.mark.parametrize(("weapon", "reward"), [("ak47", 300), ("awp", 100), ("weapon_mac10", 600), ("knife", 1500)])
def test_a_kill_pays_what_its_weapon_pays(weapon: str, reward: int) -> None:
    state = at(round_of(kills=[a_kill(5, 6, 1, weapon)]), 10)
    assert (state["t_money"], state["ct_money"]) == (5_000 + reward, 5_000)


def test_a_kill_with_no_weapon_known_pays_the_usual_reward() -> None:
    assert at(round_of(kills=[a_kill(5, 6, 1, None)]), 10)["t_money"] == 5_300


@pytest.mark.parametrize(("killer", "victim"), [(6, 7), (6, 6), (None, 6)])
def test_team_kills_suicides_and_the_world_earn_nothing(killer: int | None, victim: int) -> None:
    state = at(round_of(kills=[a_kill(5, killer, victim)]), 10)
    assert (state["t_money"], state["t_alive"]) == (5_000, 4)


def test_nobody_holds_more_than_the_cap_nor_less_than_nothing() -> None:
    rich = {"start_money": 16_000, "money_spent": 100}
    players = [a_player(number, **(rich if number == 6 else {"money_spent": 4_500})) for number in CT + T]
    state = at(round_of(players=players, kills=[a_kill(5, 6, 1)]), 10)
    assert state["t_money"] == 16_000
    assert state["ct_money"] == 0


def test_a_side_may_be_short_of_players() -> None:
    state = at(round_of(players=[a_player(number) for number in (1, 2, 3, 4, *T)]), 0)
    assert (state["ct_alive"], state["ct_health"], state["t_alive"]) == (4, 400, 5)


def test_events_outside_the_live_round_are_not_used_and_counted() -> None:
    early, late = tick(-1), tick(61)
    events = round_of(
        kills=[a_kill(0, 6, 1, tick=early), a_kill(0, 6, 2, tick=late)],
        damages=[a_hit(0, 3, 10, tick=early), a_hit(0, 3, 10, tick=late), a_hit(1, 3, 90)],
        bombs=[a_bomb(0, tick=late)],
    )
    rebuilt = events.rebuild()
    assert set(rebuilt.frame["ct_alive"]) == {5}
    assert rebuilt.frame["ct_health"].min() == 490
    assert rebuilt.left_out == {
        "bomb events: after the round's end": 1,
        "kills: before the freeze time ended": 1,
        "kills: after the round's end": 1,
        "hits: before the freeze time ended": 1,
        "hits: after the round's end": 1,
    }


def test_the_clock_runs_at_the_demo_s_tick_rate() -> None:
    fast = round_of(tick_rate=128, start_tick=0, end_tick=128 * 45, damages=[a_hit(0, 1, 90, tick=128 * 25)])
    health = fast.rebuild().frame.set_index("elapsed")["ct_health"]
    assert health.to_dict() == {0: 500, 10: 490, 20: 490}


def test_freeze_time_that_is_no_whole_number_of_ticks_shifts_the_clock_alone() -> None:
    frame = round_of(freeze_time=15.01, lasts=25, kills=[a_kill(5, 6, 1)]).rebuild().frame
    assert frame["elapsed"].tolist() == pytest.approx([0, 5 - 0.01, 10, 20])
    assert frame["ct_alive"].tolist() == [5, 4, 4, 4]


REFUSED = {
    "rounds: over before the freeze time ended": round_of(end_tick=START + 10),
    "rounds: the winner's score does not count the round": round_of(ct_score=0),
    "rounds: bomb planted at a moment that is not known": round_of(bomb_planted=1),
    "rounds: kills but no hits recorded": Events(
        [a_round()], [a_player(number) for number in CT + T], [a_kill(5, 6, 1)], [], []
    ),
}  # fmt: skip


@pytest.mark.parametrize("reason", REFUSED)
def test_a_round_that_cannot_be_rebuilt_is_left_out_with_its_reason(reason: str) -> None:
    events = REFUSED[reason]
    healthy = round_of()
    events = Events(
        [*events.rounds, *(row | {"round_id": 2} for row in healthy.rounds)],
        [*events.participants, *(row | {"round_id": 2} for row in healthy.participants)],
        events.kills,
        [*events.damages, *(row | {"round_id": 2} for row in healthy.damages)],
        events.bombs,
    )
    rebuilt = events.rebuild()
    assert rebuilt.left_out[reason] == 1
    assert set(rebuilt.frame["round_id"]) == {2}


IMPOSSIBLE = {
    "has no tick rate, freeze time or round time": round_of(tick_rate=0),
    "has a player whose side is not known": round_of(players=[a_player(1, side=None), a_player(2), a_player(6)]),
    "has a player twice": round_of(players=[a_player(1), a_player(1), a_player(6)]),
    "has none or more than 5 players on the T side": round_of(players=[a_player(1)]),
    "has none or more than 5 players on the CT side": round_of(
        players=[*(a_player(number) for number in CT + T), a_player(11, side="CT")]
    ),
    "has an event of a player who is no participant": round_of(kills=[a_kill(5, 77, 1)]),
    "is there twice": Events([a_round(), a_round()], [a_player(n) for n in CT + T], [], [a_hit(0, 1, 100)], []),
}  # fmt: skip


@pytest.mark.parametrize("wrong", IMPOSSIBLE)
def test_a_round_that_the_extraction_would_have_left_out_is_refused_by_name(wrong: str) -> None:
    with pytest.raises(DatasetError, match=f"round 1 {wrong}"):
        IMPOSSIBLE[wrong].rebuild()


@pytest.mark.parametrize("stranger", [0, 5, 11, 99])
def test_a_victim_who_is_no_participant_is_refused_wherever_the_id_would_stand(stranger: int) -> None:
    players = [a_player(number) for number in (1, 2, 6, 7)]
    with pytest.raises(DatasetError, match="no participant"):
        round_of(players=players, damages=[a_hit(3, stranger, 50)]).rebuild()


def test_events_of_rounds_that_are_not_there_are_counted() -> None:
    rebuilt = round_of(kills=[a_kill(5, 6, 1, round_id=9)]).rebuild()
    assert rebuilt.left_out == {"kills: of a round that is not rebuilt": 1}


def test_no_rounds_give_no_snapshots_in_the_right_types() -> None:
    frame = Events([], [], [], [], []).rebuild().frame
    assert frame.dtypes.to_dict() == ROUND_SNAPSHOTS.empty().dtypes.to_dict()


def test_a_table_without_a_column_is_named() -> None:
    tables = list(round_of().tables())
    tables[3] = tables[3].drop(columns="health")
    with pytest.raises(DatasetError, match="table damages has no column health"):
        rebuild(*tables)


def same_as_tracker(tables: tuple[pd.DataFrame, ...], interval: float = 10.0) -> pd.DataFrame:
    """The rebuilt snapshots, once the tracker has been found to say the same at every moment."""
    rebuilt = rebuild(*tables, interval=interval).frame
    pd.testing.assert_frame_equal(rebuilt, loop(*tables, interval=interval), rtol=1e-9)
    return rebuilt


@settings(max_examples=20)
@given(seed=st.integers(0, 100_000), interval=st.floats(1, 60), freeze=st.sampled_from([15.0, 15.01, 0.0]))
def test_the_rebuild_and_the_tracker_agree_at_every_moment(seed: int, interval: float, freeze: float) -> None:
    events = random_events(seed, rounds=3)
    for row in events.rounds:
        row["freeze_time"] = freeze
    same_as_tracker(events.tables(), interval)


def test_the_rebuild_and_the_tracker_agree_on_a_real_game(tmp_path: Path) -> None:
    """Its events are real; what the players carried was not recorded and is made up."""
    if not GAME.is_dir():
        pytest.skip(f"no real game in {GAME}")
    path = tmp_path / "demos.sqlite"
    assert [outcome.status for outcome in ingest([GAME], path).outcomes] == ["imported"]
    with sqlite3.connect(path) as connection:
        connection.execute(
            "UPDATE PlayerRoundStats SET EquipmentValue = 200 + 650 * (Id % 7), HasHelmet = Id % 3 = 0, "
            "StartMoney = 800, MoneySpent = 0"
        )
    connection.close()
    frame = same_as_tracker(extracted(path))
    assert frame["round_id"].nunique() == 14
    assert frame["moment"].value_counts()["kill"] > 80


def test_every_round_of_a_simulated_database_is_rebuilt(tmp_path: Path) -> None:
    path = tmp_path / "demos.sqlite"
    simulate(path, matches=4, seed=3, first_day=date(2024, 1, 1))
    tables = extracted(path)
    assert rebuild(*tables).left_out == {}
    frame = same_as_tracker(tables)
    assert set(frame["round_id"]) == set(tables[0]["round_id"])
    assert (frame.groupby("round_id")["moment"].first() == "freeze_end").all()


SEEDS = st.integers(0, 10_000)
PEOPLE = st.sampled_from(CT + T)


@st.composite
def later_events(draw: st.DrawFn, cut: float) -> Events:
    """Any events of the first round's players after the cut, before and after the round's end."""
    moment = st.floats(cut + 1 / RATE, 200)
    hit = st.builds(a_hit, moment, PEOPLE, st.integers(0, 100), st.integers(0, 100))
    kill = st.builds(a_kill, moment, st.none() | PEOPLE, PEOPLE, st.sampled_from(["awp", "mac10", None]))
    bomb = st.builds(a_bomb, moment, st.sampled_from(["planted", "defused", "exploded"]))
    lists = [draw(st.lists(event, max_size=6)) for event in (kill, hit, bomb)]
    return Events([], [], *lists)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), seed=SEEDS, cut=st.floats(0.5, 110))
def test_what_happens_later_never_changes_an_earlier_snapshot(data: st.DataObject, seed: int, cut: float) -> None:
    events = random_events(seed, rounds=2)
    happened = [
        [row for row in rows if row["tick"] <= LIVE + cut * RATE]
        for rows in (events.kills, events.damages, events.bombs)
    ]
    present = {row["player_id"] for row in events.participants if row["round_id"] == 1}
    other = data.draw(later_events(cut))
    added = [
        [row for row in rows if {row.get("victim_id"), row.get("killer_id")} - {None} <= present]
        for rows in (other.kills, other.damages, other.bombs)
    ]
    changed = Events(events.rounds, events.participants, *(old + new for old, new in zip(happened, added, strict=True)))
    before, after = events.rebuild().frame, changed.rebuild().frame
    pd.testing.assert_frame_equal(
        before[before["elapsed"] <= cut].reset_index(drop=True), after[after["elapsed"] <= cut].reset_index(drop=True)
    )


@settings(max_examples=12, deadline=None)
@given(seed=SEEDS, order=st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(seed: int, order: random.Random) -> None:
    events = random_events(seed)
    expected = events.rebuild()
    for rows in (events.rounds, events.participants, events.kills, events.damages, events.bombs):
        order.shuffle(rows)
    shuffled = events.rebuild()
    pd.testing.assert_frame_equal(shuffled.frame, expected.frame)
    assert shuffled.left_out == expected.left_out


@settings(max_examples=12, deadline=None)
@given(seed=SEEDS)
def test_the_result_of_a_round_enters_its_label_alone(seed: int) -> None:
    events = random_events(seed)
    expected = events.rebuild().frame
    for row in events.rounds:
        won = row["ct_wins"]
        row |= {"ct_wins": 1 - won, "ct_score": row["ct_score"] + 1 - 2 * won, "t_score": row["t_score"] + 2 * won - 1}
        row |= {"ct_live_players": 2, "t_live_players": 3, "ct_equipment_value": 77}
    other = events.rebuild().frame
    pd.testing.assert_frame_equal(other.drop(columns="ct_wins"), expected.drop(columns="ct_wins"))
    assert (other["ct_wins"] == 1 - expected["ct_wins"]).all()


@settings(max_examples=12, deadline=None)
@given(seed=SEEDS)
def test_alive_players_never_come_back_and_states_are_possible(seed: int) -> None:
    frame = random_events(seed).rebuild().frame
    for side in ("ct", "t"):
        alive = frame[f"{side}_alive"]
        assert (alive.groupby(frame["round_id"]).diff().dropna() <= 0).all()
        assert (frame[f"{side}_helmets"] <= alive).all()
        assert (frame[f"{side}_health"] <= 100 * alive).all()
        assert ((frame[f"{side}_health"] > 0) | (alive == 0)).all()
    assert (frame["time_remaining"] > 0).all()


def test_without_hits_nobody_is_known_to_be_unhurt_once_the_round_is_live() -> None:
    events = round_of(kills=[a_kill(12, 1, 6)], damages=[a_hit(0.0, 1, 100, 100)], hits_recorded=False, lasts=15)
    events.damages.clear()
    frame = events.rebuild().frame
    bodies = ["ct_health", "t_health", "ct_armor", "t_armor"]
    assert frame["elapsed"].tolist() == [0, 10, 12]
    assert frame[bodies].iloc[0].tolist() == [500] * 4
    assert frame[bodies].iloc[1:].isna().all(axis=None)
    assert frame["t_alive"].tolist() == [5, 5, 4]


def test_where_plants_are_not_recorded_a_round_is_known_until_a_bomb_could_be_down() -> None:
    frame = round_of(lasts=100, plants_recorded=False, bomb_planted=None).rebuild(interval=1.0).frame
    assert frame["elapsed"].max() == np.ceil(EARLIEST_PLANT) - 1
    assert frame["bomb_planted"].sum() == 0


@pytest.mark.parametrize(
    "clock", [{"tick_rate": 0}, {"tick_rate": -64}, {"round_time_limit": 0.0}, {"freeze_time": -0.5}]
)
def test_a_round_without_a_clock_is_refused_with_what_to_do(clock: dict[str, float]) -> None:
    said = r"round 1 has no tick rate, freeze time or round time \(1 such\): take the event tables as `event_tables`"
    with pytest.raises(DatasetError, match=said):
        round_of(**clock).rebuild()


def test_a_round_may_have_no_freeze_time_and_last_a_moment() -> None:
    frame = round_of(freeze_time=0.0, start_tick=LIVE, end_tick=LIVE + 1).rebuild().frame
    assert frame[["elapsed", "moment"]].to_numpy().tolist() == [[0.0, "freeze_end"]]
    none = round_of(freeze_time=0.0, start_tick=LIVE, end_tick=LIVE).rebuild()
    assert none.left_out == {"rounds: over before the freeze time ended": 1, "hits: of a round that is not rebuilt": 1}
    assert none.frame.empty


@pytest.mark.parametrize(
    ("score", "rebuilt"), [((1, 0, 1), 1), ((0, 0, 1), 0), ((0, 1, 0), 1), ((0, 0, 0), 0)]
)  # fmt: skip
def test_the_winners_score_counts_the_round(score: tuple[int, int, int], rebuilt: int) -> None:
    ct_score, t_score, ct_wins = score
    found = round_of(ct_score=ct_score, t_score=t_score, ct_wins=ct_wins).rebuild()
    assert found.frame["round_id"].nunique() == rebuilt
    assert found.left_out.get("rounds: the winner's score does not count the round", 0) == 1 - rebuilt


def test_events_of_no_round_are_counted_by_their_kind() -> None:
    events = round_of(kills=[a_kill(5, 6, 1, round_id=9)], bombs=[a_bomb(5, round_id=9)])
    events.damages += [a_hit(3, 1, 50, round_id=9), a_hit(4, 1, 50, round_id=8)]
    assert json.loads(json.dumps(events.rebuild().left_out)) == {
        "kills: of a round that is not rebuilt": 1, "hits: of a round that is not rebuilt": 2,
        "bomb events: of a round that is not rebuilt": 1,
    }  # fmt: skip


def test_no_round_is_longer_than_its_clock_and_a_bombs_whatever_was_recorded() -> None:
    events = round_of(lasts=1_000, kills=[a_kill(154, 6, 1), a_kill(156, 6, 2)], bombs=[a_bomb(114.9)], bomb_planted=1)
    rebuilt = events.rebuild()
    assert rebuilt.left_out["kills: after the round's end"] == 1
    assert rebuilt.frame["elapsed"].max() == pytest.approx(154.4, abs=0.02)


def test_a_moment_is_named_by_the_first_of_its_reasons() -> None:
    kills = [a_kill(0, 6, 1), a_kill(20, 6, 2), a_kill(30, 6, 3)]
    frame = round_of(kills=kills, bombs=[a_bomb(20)], bomb_planted=1, lasts=58).rebuild().frame
    named = frame.set_index("elapsed")["moment"].to_dict()
    assert named == {0: "freeze_end", 10: "interval", 20: "plant", 30: "kill", 40: "interval", 50: "interval",
                     52: "late", 56: "late"}  # fmt: skip
    late = round_of(lasts=118).rebuild(interval=1.0).frame.set_index("elapsed")["moment"]
    assert (late[107], late[114.5]) == ("interval", "late")


def test_each_kill_pays_until_its_killer_holds_all_that_one_can() -> None:
    rich = [a_player(number, start_money=15_500 if number == 6 else 4_000, money_spent=0) for number in CT + T]
    kills = [a_kill(5, 6, 1), a_kill(6, 6, 2), a_kill(7, 6, 3), a_kill(8, 7, 4, "awp")]
    frame = round_of(players=rich, kills=kills, lasts=20).rebuild().frame
    assert (frame["t_money"] - 4 * 4_000).tolist() == [15_500, 15_800, 16_000, 16_000, 16_100, 16_100]
    assert set(frame["ct_money"]) == {20_000}


def test_rounds_come_in_the_order_of_play_whatever_their_ids() -> None:
    first, later = round_of(), a_round(1, match_id=2, round_number=1)
    day = pd.Timedelta(days=1)
    first.rounds = [
        a_round(3, round_number=1), a_round(2, round_number=2), later | {"started_at": later["started_at"] - day},
    ]  # fmt: skip
    first.participants = [a_player(number, round_id) for round_id in (1, 2, 3) for number in CT + T]
    frame = first.rebuild().frame
    assert frame["round_id"].drop_duplicates().tolist() == [1, 3, 2]
    assert frame.groupby("round_id")["snapshot"].apply(list).tolist() == [list(range(6))] * 3


def test_of_two_deaths_of_one_player_in_a_tick_the_first_killers_counts() -> None:
    rebuilt = round_of(kills=[a_kill(5, 8, 1, "awp"), a_kill(5, 7, 1, "ak47")]).rebuild()
    assert rebuilt.frame["t_money"].max() == 5_300
    assert rebuilt.left_out == {"kills: of a player already dead": 1}


def test_unknown_helmets_and_kits_make_a_sides_count_unknown_until_their_wearer_is_dead() -> None:
    players = [
        a_player(number, has_helmet=None if number == 3 else True, has_defuse_kit=None if number == 2 else number in CT)
        for number in CT + T
    ]
    kills = [a_kill(12, 6, 3), a_kill(15, 6, 2)]
    frame = round_of(players=players, kills=kills, lasts=25).rebuild().frame.set_index("elapsed")
    assert frame["ct_helmets"].tolist() == pytest.approx([np.nan, np.nan, 4, 3, 3], nan_ok=True)
    assert frame["ct_defuse_kits"].tolist() == pytest.approx([np.nan, np.nan, np.nan, 3, 3], nan_ok=True)
    assert frame["t_helmets"].tolist() == [5] * 5
    assert frame["ct_armor"].isna().tolist() == [True, True, False, False, False]


def test_a_replay_tells_who_died_when_since_the_round_went_live() -> None:
    kills = [a_kill(7, 6, 1), a_kill(9, None, 7, None), a_kill(11, 6, 2)]
    tables = round_of(kills=kills, damages=[a_hit(5, 2, 0, 0)]).tables()
    played = replay(*tables)
    assert played.players["player_id"].tolist() == list(CT + T)
    assert played.died.to_dict() == {0: 7 * RATE, 1: 5 * RATE, 6: 9 * RATE}
    assert played.kills[["place", "tick", "killer", "victim", "is_team_kill"]].to_numpy().tolist() == [
        [0, 7 * RATE, 5, 0, False], [0, 9 * RATE, -1, 6, False], [0, 11 * RATE, 5, 1, False],
    ]  # fmt: skip
    nothing = replay(*Events([], [], [], [], []).tables())
    assert (len(nothing.clocks), len(nothing.players), len(nothing.kills), len(nothing.died)) == (0, 0, 0, 0)


def test_only_rounds_with_recorded_hits_must_have_them_where_there_are_kills() -> None:
    events = Events([a_round(hits_recorded=False)], [a_player(n) for n in CT + T], [a_kill(5, 6, 1)], [], [])
    assert events.rebuild().frame["ct_alive"].tolist()[-1] == 4
    quiet = Events([a_round()], [a_player(n) for n in CT + T], [], [], [])
    assert quiet.rebuild().left_out == {}, "nobody fired"


def test_a_plant_whose_moment_is_not_known_does_no_harm_where_plants_are_not_recorded() -> None:
    rebuilt = round_of(plants_recorded=False, bomb_planted=1, lasts=60).rebuild()
    assert rebuilt.left_out == {}
    assert rebuilt.frame["elapsed"].tolist() == [0, 10]


def test_what_happens_last_in_a_round_is_nothing_to_the_next() -> None:
    events = round_of(kills=[a_kill(59, 6, 1)], damages=[a_hit(59.5, 2, 40, 30)], lasts=60)
    events.rounds.append(a_round(2, lasts=30.0))
    events.participants += [a_player(number, 2) for number in CT + T]
    frame = events.rebuild().frame.set_index(["round_id", "elapsed"])
    assert frame.loc[1, "ct_alive"].tolist() == [5] * 6 + [4]
    assert frame.loc[2, ["ct_alive", "t_alive", "ct_health", "ct_armor"]].to_numpy().tolist() == [[5, 5, 500, 500]] * 3


def test_what_happens_as_a_round_goes_live_or_ends_is_of_that_round() -> None:
    events = round_of(kills=[a_kill(0, 6, 1), a_kill(60, 6, 2)], damages=[a_hit(0, 3, 50), a_hit(60, 4, 50)], lasts=60)
    rebuilt = events.rebuild()
    assert rebuilt.left_out == {}
    assert rebuilt.frame["ct_alive"].tolist() == [4] * 6
    assert rebuilt.frame["ct_health"].tolist() == [350] * 6


def test_a_round_of_which_nobody_says_whether_the_bomb_was_planted_is_rebuilt() -> None:
    assert round_of(bomb_planted=None).rebuild().left_out == {}


def test_hits_on_several_players_are_each_its_victims_in_the_order_of_time() -> None:
    damages = [a_hit(9, 1, 20, 40), a_hit(3, 1, 80, 70), a_hit(5, 2, 60, 50), a_hit(7, 2, 30, 20), a_hit(4, 6, 90, 90)]
    frame = round_of(damages=damages, lasts=15).rebuild(interval=1.0).frame.set_index("elapsed")
    assert frame.loc[[2, 3, 4, 5, 7, 9], "ct_health"].tolist() == [500, 480, 480, 440, 410, 350]
    assert frame.loc[[2, 3, 4, 5, 7, 9], "ct_armor"].tolist() == [500, 470, 470, 420, 390, 360]
    assert frame.loc[[3, 4], "t_health"].tolist() == [500, 490]


def test_a_clock_may_be_as_short_as_a_second_and_a_tick() -> None:
    slow = round_of(tick_rate=1, round_time_limit=1.0, freeze_time=0.5, start_tick=0, end_tick=9, damages=[])
    slow.damages.clear()
    frame = slow.rebuild().frame
    assert frame[["elapsed", "time_remaining"]].to_numpy().tolist()[0] == [0.0, 1.0]
