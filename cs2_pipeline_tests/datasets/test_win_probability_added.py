"""Win probability added: every event's worth goes to who caused it, and nothing is made or lost on the way."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs2_pipeline.datasets.schema import BOMBS
from cs2_pipeline.datasets.snapshots import replay
from cs2_pipeline.datasets.win_probability_added import UNPRICED, by_match, changes, equipment_worth, priced_moments
from cs2_pipeline.stats.intervals import Floats, GroupBootstrap
from cs2_pipeline_tests.datasets.event_rounds import (
    CT,
    Events,
    T,
    a_bomb,
    a_kill,
    a_player,
    a_round,
    random_events,
    round_of,
    tick,
)


def by_numbers(states: pd.DataFrame) -> Floats:
    """A price that only players alive and the bomb move: between events nothing changes."""
    edge = states["ct_alive"] - states["t_alive"] - 0.5 * states["bomb_planted"]
    return (1 / (1 + np.exp(-edge.to_numpy("float64")))).astype(np.float64)


def worth(events: Events) -> pd.DataFrame:
    found = changes(*events.tables(), by_numbers).frame
    return found[found["kind"] != "none"].reset_index(drop=True)


def logistic(edge: float) -> float:
    return float(1 / (1 + np.exp(-edge)))


def of(found: pd.DataFrame, player: int) -> list[tuple[str, float]]:
    rows = found[found["player_id"] == player]
    return [(kind, pytest.approx(change)) for kind, change in zip(rows["kind"], rows["change"], strict=True)]


def test_a_kill_is_the_killer_s_gain_and_the_victim_s_loss() -> None:
    found = worth(round_of(kills=[a_kill(10, CT[0], T[0])]))
    gain = logistic(1) - 0.5
    assert of(found, CT[0]) == [("kill", gain)]
    assert of(found, T[0]) == [("death", -gain)]
    assert len(found) == 2


def test_a_t_who_kills_gains_what_ct_lose() -> None:
    found = worth(round_of(kills=[a_kill(10, T[0], CT[0])]))
    assert of(found, T[0]) == [("kill", 0.5 - logistic(-1))]
    assert of(found, CT[0]) == [("death", logistic(-1) - 0.5)]


def test_a_team_kill_is_the_killer_s_loss_alone() -> None:
    found = worth(round_of(kills=[a_kill(10, CT[0], CT[1])]))
    assert of(found, CT[0]) == [("kill", logistic(-1) - 0.5)]
    assert len(found) == 1


@pytest.mark.parametrize("killer", [None, T[0]])
def test_a_fall_or_one_s_own_grenade_is_the_victim_s_loss_and_nobody_s_gain(killer: int | None) -> None:
    found = worth(round_of(kills=[a_kill(10, killer, T[0], None, is_team_kill=False)]))
    assert of(found, T[0]) == [("death", 0.5 - logistic(1))]
    assert len(found) == 1


def test_a_plant_is_the_planter_s_and_a_defusal_gets_all_that_was_left_to_win() -> None:
    bombs = [a_bomb(20, player_id=T[1]), a_bomb(50, "defused", player_id=CT[2])]
    found = worth(round_of(bombs=bombs, bomb_planted=1, lasts=50))
    assert of(found, T[1]) == [("plant", 0.5 - logistic(-0.5))]
    assert of(found, CT[2]) == [("defuse", 1 - logistic(-0.5))]


def test_a_plant_by_nobody_known_is_nobody_s() -> None:
    assert worth(round_of(bombs=[a_bomb(20)], bomb_planted=1)).empty


def test_the_last_kill_of_a_side_wins_the_round_for_certain() -> None:
    found = worth(round_of(kills=[a_kill(5 + n, CT[0], victim) for n, victim in enumerate(T)], lasts=9))
    assert found.loc[found["player_id"] == CT[0], "change"].sum() == pytest.approx(1 - 0.5)


def test_two_who_kill_each_other_in_one_tick_share_its_change() -> None:
    found = worth(round_of(kills=[a_kill(10, CT[0], T[0]), a_kill(10, T[0], CT[0])]))
    assert found["change"].tolist() == [pytest.approx(0)] * 4


def test_a_round_whose_plants_were_not_recorded_is_counted_not_priced() -> None:
    found = changes(*round_of(kills=[a_kill(5, CT[0], T[0])], plants_recorded=False).tables(), by_numbers)
    assert found.frame.empty
    assert found.left_out == {UNPRICED: 1}


def _ends(events: Events) -> Iterable[tuple[int, float]]:
    """Each round's price when it went live and after its last event, by players alive and the bomb."""
    played = replay(*events.tables())
    for place, clock in played.clocks.iterrows():
        here = played.players[played.players["place"] == place]
        dead = set(played.died.index[played.died.index.isin(here.index)])
        size = {side: (here["side"] == side).sum() for side in ("CT", "T")}
        left = {side: size[side] - here.loc[list(dead), "side"].eq(side).sum() for side in ("CT", "T")}
        bomb = 0.5 * float(clock["plant_tick"] <= clock["end_tick"])
        if left["CT"] == 0 or (left["T"] == 0 and not bomb):
            end = float(left["CT"] > 0)
        else:
            end = logistic(left["CT"] - left["T"] - bomb)
        yield clock["round_id"], end - logistic(size["CT"] - size["T"])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_where_only_events_move_a_price_a_round_s_changes_add_up_to_its_course(seed: int) -> None:
    """Holds for rounds of kills between enemies: a change of CT's price is CT's, and T's the other way round."""
    events = random_events(seed)
    in_time = [kill for kill in events.kills if tick(0) < kill["tick"] < tick(110)]
    enemies = [kill for kill in in_time if kill["killer_id"] and not kill["is_team_kill"]]
    events = Events(events.rounds, events.participants, enemies, events.damages[:1], [])
    events.damages[:] = [
        {**events.damages[0], "round_id": row["round_id"], "health": 100, "victim_id": victim}
        for row in events.rounds
        for victim in [next(p["player_id"] for p in events.participants if p["round_id"] == row["round_id"])]
    ]
    found = changes(*events.tables(), by_numbers).frame
    sums = found.pivot_table(index="round_id", columns="side", values="change", aggfunc="sum")
    assert sums["CT"].to_numpy() == pytest.approx(-sums["T"].to_numpy())
    for round_id, moved in _ends(events):
        assert sums.loc[round_id, "CT"] == pytest.approx(moved)


def test_a_match_s_line_counts_rounds_without_any_event_and_has_an_interval_around_its_mean() -> None:
    first, second = round_of(kills=[a_kill(10, CT[0], T[0])]), round_of()
    both = Events(
        [*first.rounds, {**second.rounds[0], "round_id": 2, "round_number": 2}],
        [*first.participants, *({**row, "round_id": 2} for row in second.participants)],
        first.kills,
        [*first.damages, *({**row, "round_id": 2} for row in second.damages)],
        [],
    )
    lines = by_match(changes(*both.tables(), by_numbers).frame).set_index("player_id")
    gain = logistic(1) - 0.5
    assert lines.loc[CT[0], ["rounds", "kill", "total"]].tolist() == [2, pytest.approx(gain), pytest.approx(gain)]
    assert lines.loc[CT[0], "per_round"] == pytest.approx(gain / 2)
    assert lines.loc[CT[0], "low"] <= gain / 2 <= lines.loc[CT[0], "high"]
    assert lines.loc[CT[4], ["rounds", "total"]].tolist() == [2, 0]


def test_lines_resampled_together_have_the_intervals_they_have_alone() -> None:
    rng = np.random.default_rng(3)
    rounds = {(1, 7): 5, (1, 8): 5, (1, 9): 1, (2, 7): 24, (2, 8): 2, (2, 9): 24}
    found = pd.DataFrame(
        [
            {"match_id": match, "round_id": 100 * match + number, "player_id": player, "kind": "kill", "change": change}
            for (match, player), count in rounds.items()
            for number, change in enumerate(rng.normal(size=count))
        ]
    ).sample(frac=1, random_state=1)
    lines = by_match(found).set_index(["match_id", "player_id"])
    for (match, player), count in rounds.items():
        of_rounds = found[(found["match_id"] == match) & (found["player_id"] == player)].sort_values("round_id")
        low, high = lines.loc[(match, player), ["low", "high"]]
        if count == 1:
            assert np.isnan([low, high]).all()
            continue
        resamples = GroupBootstrap(np.arange(count), resamples=200)
        alone = resamples.interval(resamples.means(of_rounds["change"].to_numpy())[:, 0])
        assert (low, high) == pytest.approx((alone.low, alone.high))


def test_who_planted_is_extracted_with_the_bomb() -> None:
    assert BOMBS.conform(pd.DataFrame([a_bomb(3, player_id=7)]))["player_id"].tolist() == [7]


def test_every_death_has_its_price_also_of_team_mates_and_the_plant_has_one() -> None:
    events = round_of(
        kills=[a_kill(10, CT[0], CT[1]), a_kill(12, None, T[0], None)], bombs=[a_bomb(20)], bomb_planted=1
    )
    found = priced_moments(*events.tables(), by_numbers).frame
    by_victim = found.dropna(subset=["victim"]).set_index("victim")
    assert by_victim.loc[CT[1], "after"] == pytest.approx(logistic(-1))
    assert by_victim.loc[T[0], "moved"] == pytest.approx(0.5 - logistic(-1))
    plant = found[found["victim"].isna() & found["after"].notna()]
    assert plant["after"].tolist() == [pytest.approx(logistic(-0.5))]


def test_a_death_in_the_tick_of_the_defusal_shares_what_the_defusal_won() -> None:
    bombs = [a_bomb(20), a_bomb(40, "defused", player_id=CT[1])]
    events = round_of(kills=[a_kill(40, T[0], CT[0])], bombs=bombs, bomb_planted=1)
    (moved,) = priced_moments(*events.tables(), by_numbers).frame.dropna(subset=["victim"])["moved"]
    found = changes(*events.tables(), by_numbers).frame
    assert moved == pytest.approx((1 - logistic(-0.5)) / 2)
    assert found.loc[found["kind"] == "death", "change"].tolist() == [pytest.approx(moved)]


def test_a_round_without_deaths_is_known_to_be_priced_and_one_without_plants_recorded_is_not() -> None:
    assert priced_moments(*round_of().tables(), by_numbers).frame["round_id"].tolist() == [1]
    unknown = priced_moments(*round_of(plants_recorded=False).tables(), by_numbers)
    assert unknown.frame.empty
    assert unknown.left_out[UNPRICED] == 1


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_a_death_moves_the_price_by_what_it_costs_its_victim(seed: int) -> None:
    tables = random_events(seed).tables()
    found = priced_moments(*tables, by_numbers).frame.dropna(subset=["victim"])
    events = changes(*tables, by_numbers).frame
    deaths = events[events["kind"] == "death"].merge(
        found, left_on=["round_id", "player_id"], right_on=["round_id", "victim"]
    )
    own = deaths["moved"].where(deaths["side"] == "CT", -deaths["moved"])
    assert len(deaths) == (events["kind"] == "death").sum()
    assert own.to_numpy("float64") == pytest.approx(deaths["change"].to_numpy("float64"))
    assert found["after"].between(0, 1).all()


def by_wealth(states: pd.DataFrame) -> Floats:
    """A price that only money and equipment move."""
    edge = states["ct_money"] + 2 * states["ct_equip_value"] - states["t_money"] - 2 * states["t_equip_value"]
    return (1 / (1 + np.exp(-edge.to_numpy("float64") / 1e5))).astype(np.float64)


def two_rounds(*kills: dict[str, Any], **second: Any) -> Events:
    events = round_of(kills=list(kills), ct_wins=1, ct_score=1, t_score=0)
    events.rounds.append(a_round(2, ct_score=2, t_score=0) | second)
    events.participants.extend(a_player(number, 2) for number in CT + T)
    return events


def test_equipment_of_a_lost_round_is_worth_what_buying_it_anew_would_cost() -> None:
    found = equipment_worth(*two_rounds(a_kill(10, CT[0], T[0])).tables(), by_wealth).set_index("player_id")["worth"]
    assert set(found.index) == set(T)
    money, equipment, value = 5 * 1_000, 5 * 5_000, 5_000

    def t_price(money: float, equipment: float) -> float:
        return logistic((money + 2 * equipment - 5_000 - 2 * 25_000) / 1e5)

    assert found[T[1]] == pytest.approx(t_price(money, equipment) - t_price(0, equipment))
    assert found[T[0]] == pytest.approx(t_price(money + value, equipment) - t_price(money, equipment))


@pytest.mark.parametrize("second", [{"match_id": 2}, {"round_number": 3}, {"ct_score": 13, "t_score": 12}])
def test_nothing_is_brought_along_into_another_match_overtime_or_past_a_round_that_is_not_there(
    second: dict[str, Any],
) -> None:
    assert equipment_worth(*two_rounds(**second).tables(), by_wealth).empty


def lost_by_ct(*kills: dict[str, Any], **holds: int) -> Events:
    """Two rounds, the first lost by CT; in the second each CT has so much money and equipment."""
    events = round_of(kills=list(kills), ct_wins=0, ct_score=0, t_score=1)
    events.rounds.append(a_round(2, ct_wins=0, ct_score=0, t_score=2))
    events.participants.extend(a_player(number, 2, **(holds if number in CT else {})) for number in CT + T)
    return events


def ct_price(money: float, equipment: float) -> float:
    return logistic((money + 2 * equipment - 5_000 - 2 * 25_000) / 1e5)


def test_what_money_does_not_buy_anew_is_missing_and_no_side_holds_more_than_its_cap() -> None:
    """Equipment of $5,000 each: a side with $3,000 buys it back in part; one with all it can hold gains nothing."""
    poor = lost_by_ct(a_kill(10, T[0], CT[0]), start_money=600, money_spent=0, equipment_value=5_000)
    found = equipment_worth(*poor.tables(), by_wealth)
    assert found.columns.tolist() == ["round_id", "player_id", "worth"]
    assert set(found["round_id"]) == {1} and found["player_id"].tolist() == list(CT)
    as_it_is = ct_price(3_000, 25_000)
    worth = found.set_index("player_id")["worth"]
    assert worth[CT[1]] == pytest.approx(as_it_is - ct_price(0, 25_000 - 2_000))
    assert worth[CT[0]] == pytest.approx(ct_price(8_000, 25_000) - as_it_is)
    rich = lost_by_ct(a_kill(10, T[0], CT[0]), start_money=16_000, money_spent=0, equipment_value=5_000)
    worth = equipment_worth(*rich.tables(), by_wealth).set_index("player_id")["worth"]
    assert worth[CT[0]] == 0
    assert worth[CT[1]] == pytest.approx(ct_price(80_000, 25_000) - ct_price(75_000, 25_000))
    naked = lost_by_ct(start_money=600, money_spent=0, equipment_value=200)
    worth = equipment_worth(*naked.tables(), by_wealth).set_index("player_id")["worth"]
    assert worth[CT[0]] == pytest.approx(ct_price(3_000, 1_000) - ct_price(0, 0)), "no side carries less than nothing"


def test_no_round_to_price_is_worth_nothing() -> None:
    nothing = Events([], [], [], [], []).tables()
    assert equipment_worth(*nothing, by_wealth).to_dict("list") == {"round_id": [], "player_id": [], "worth": []}
    assert changes(*nothing, by_numbers).frame.empty
    assert priced_moments(*nothing, by_numbers).frame.empty


def test_who_plays_on_another_side_next_brings_nothing_along() -> None:
    events = lost_by_ct()
    events.participants[10:] = [
        a_player(number, 2, side="T" if number == CT[0] else "CT" if number == T[0] else row["side"])
        for number, row in zip(CT + T, events.participants[:10], strict=True)
    ]
    assert set(equipment_worth(*events.tables(), by_wealth)["player_id"]) == set(CT[1:])


def test_an_events_row_says_where_to_whom_and_how_much() -> None:
    found = changes(*round_of(kills=[a_kill(10, T[0], CT[0])]).tables(), by_numbers)
    assert found.left_out == {}
    assert found.frame.columns.tolist() == ["match_id", "round_id", "player_id", "side", "kind", "change"]
    present = found.frame.iloc[:10]
    assert present["player_id"].tolist() == list(CT + T)
    assert set(present["kind"]) == {"none"} and not present["change"].any()
    gain = 0.5 - logistic(-1)
    assert found.frame.iloc[10:].to_numpy().tolist() == [
        [1, 1, T[0], "T", "kill", pytest.approx(gain)], [1, 1, CT[0], "CT", "death", pytest.approx(-gain)],
    ]  # fmt: skip


def test_what_cannot_be_rebuilt_is_left_out_beside_what_is_not_priced() -> None:
    events = round_of(kills=[a_kill(5, CT[0], T[0]), a_kill(6, CT[1], T[0])])
    events.rounds.append(a_round(2, plants_recorded=False))
    events.participants.extend(a_player(number, 2) for number in CT + T)
    events.kills.append(a_kill(5, CT[0], T[0], round_id=2))
    reasons = {"kills: of a player already dead": 1, UNPRICED: 1}
    assert json.loads(json.dumps(changes(*events.tables(), by_numbers).left_out)) == reasons
    assert priced_moments(*events.tables(), by_numbers).left_out == reasons


def test_the_first_plant_and_the_first_defusal_after_it_count_while_the_round_is_live() -> None:
    bombs = [
        a_bomb(-2, player_id=T[4]), a_bomb(10, "DEFUSED", player_id=CT[4]), a_bomb(20, player_id=T[1]),
        a_bomb(22, player_id=T[2]), a_bomb(30, "begin_defuse", player_id=CT[3]), a_bomb(70, player_id=T[3]),
    ]  # fmt: skip
    found = worth(round_of(bombs=bombs[2:], bomb_planted=1, lasts=60))
    assert found[["player_id", "kind"]].to_numpy().tolist() == [[T[1], "plant"]]
    early = worth(round_of(bombs=[bombs[0], *bombs[2:]], bomb_planted=1, lasts=60))
    assert early[["player_id", "kind"]].to_numpy().tolist() == [[T[1], "plant"]]
    twice = [a_bomb(50, "defused", player_id=CT[2]), a_bomb(50, "defused", player_id=CT[1])]
    defused = worth(round_of(bombs=[bombs[2], twice[0]], bomb_planted=1, lasts=50))
    assert defused["player_id"].tolist() == [T[1], CT[2]]
    assert len(worth(round_of(bombs=[bombs[2], *twice], bomb_planted=1, lasts=50))) == 2


def test_a_price_is_taken_a_tick_before_the_event_and_at_it() -> None:
    asked = []

    def price(states: pd.DataFrame) -> Floats:
        asked.append(states)
        return np.full(len(states), 0.5)

    changes(*round_of(kills=[a_kill(10, CT[0], T[0]), a_kill(0, T[1], CT[1])]).tables(), price)
    (states,) = asked
    assert states["elapsed"].tolist() == pytest.approx([0, 10 - 1 / 64, 0, 10]), "never before the round is live"
    assert states["t_alive"].tolist() == [5, 5, 5, 4]
    assert states["ct_alive"].tolist() == [4, 4, 4, 4], "what happens as the round goes live has happened before it"


def test_a_priced_rounds_moments_have_the_victim_the_move_and_the_price_after() -> None:
    bombs = [a_bomb(20, player_id=T[1]), a_bomb(50, "defused", player_id=CT[2])]
    events = round_of(kills=[a_kill(30, CT[0], T[0])], bombs=bombs, bomb_planted=1, lasts=50)
    found = priced_moments(*events.tables(), by_numbers).frame
    assert found.columns.tolist() == ["round_id", "victim", "moved", "after"]
    planted, killed = logistic(-0.5), logistic(0.5)
    numbers = found.to_numpy("float64")
    assert numbers == pytest.approx(
        np.array(
            [[1, np.nan, np.nan, np.nan], [1, T[0], killed - planted, killed], [1, np.nan, planted - 0.5, planted]]
        ),
        nan_ok=True,
    )


def test_a_players_line_sums_up_each_kind_of_event() -> None:
    rows = [
        (9, 1, 7, "none", 0.0), (9, 1, 7, "kill", 0.2), (9, 1, 7, "kill", 0.1), (9, 1, 7, "death", -0.3),
        (9, 2, 7, "none", 0.0), (9, 2, 7, "plant", 0.4), (8, 3, 6, "none", 0.0), (8, 3, 6, "defuse", 0.5),
    ]  # fmt: skip
    lines = by_match(pd.DataFrame(rows, columns=["match_id", "round_id", "player_id", "kind", "change"]))
    assert lines.columns.tolist() == [
        "player_id", "match_id", "rounds", "kill", "death", "plant", "defuse", "total", "per_round", "low", "high",
    ]  # fmt: skip
    first, second = lines.to_numpy("float64").tolist()
    assert first == pytest.approx([6, 8, 1, 0, 0, 0, 0.5, 0.5, 0.5, np.nan, np.nan], nan_ok=True)
    assert second[:9] == pytest.approx([7, 9, 2, 0.3, -0.3, 0.4, 0, 0.4, 0.2])
    assert second[9] < 0.2 < second[10]


def test_the_last_round_of_regulation_time_has_what_was_brought_along() -> None:
    assert len(equipment_worth(*two_rounds(ct_score=13, t_score=11).tables(), by_wealth)) == 5


def test_where_nothing_happened_a_rounds_players_are_all_there_is() -> None:
    found = changes(*round_of().tables(), by_numbers).frame
    assert found["kind"].tolist() == ["none"] * 10
    assert priced_moments(*round_of().tables(), by_numbers).frame["moved"].isna().all()


def test_a_plant_is_priced_at_its_tick_where_freeze_time_is_no_whole_number_of_ticks() -> None:
    events = round_of(bombs=[a_bomb(20, player_id=T[1])], bomb_planted=1, freeze_time=15.01)
    assert of(worth(events), T[1]) == [("plant", 0.5 - logistic(-0.5))]
