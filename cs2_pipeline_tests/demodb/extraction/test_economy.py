"""What players held when freeze time ended, from positions and inventories written by hand."""

import pandas as pd
import pytest
from sqlalchemy import create_engine

from cs2_pipeline.demodb import tables
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import economy, reasons
from cs2_pipeline.demodb.extraction.reasons import Tally
from cs2_pipeline_tests.demodb.small_database import SmallDatabase

START, RATE = 1_000, 64
FREEZE_END = START + 15 * RATE
GUNS, GRENADES = "weapon_inventory_change", "grenade_inventory_change"


def position(player=1, tick=FREEZE_END, **more):
    usual = {"DemoFileId": 1, "PlayerId": player, "Tick": tick, "IsAlive": True, "Armor": 100, "HasHelmet": True,
             "HasDefuseKit": False, "Team": "CT", "Money": 450}  # fmt: skip
    return usual | more


def change(items, player=1, tick=START, action=GUNS, **more):
    return {"DemoFileId": 1, "PlayerId": player, "Tick": tick, "Action": action, "ItemName": items} | more


def played(**more):
    usual = {"match_id": 1, "demo_id": 1, "round_id": 7, "start_tick": START, "freeze_time": 15.0, "tick_rate": RATE}
    return pd.DataFrame([usual | more])


@pytest.fixture
def held(tmp_path):
    """Asks what was held in some rounds of a database with these rows; None leaves a table out."""
    opened = []

    def ask(positions, equipment=(), rounds=None, tally=None):
        path = tmp_path / f"{len(opened)}.sqlite"
        SmallDatabase().write(path)
        engine = create_engine(f"sqlite:///{path}")
        with engine.begin() as connection:
            for table, rows in ((tables.PLAYER_POSITIONS, positions), (tables.EQUIPMENT, equipment)):
                if rows is not None:
                    table.create(connection)
                    for number, row in enumerate(rows, 1):
                        connection.execute(table.insert(), [{"Id": number} | row])
        engine.dispose()
        opened.append(DemoDatabase(f"sqlite:///{path}"))
        tally = Tally() if tally is None else tally
        found = economy.at_freeze_end(opened[-1], played() if rounds is None else rounds, tally)
        return found.astype(object).where(found.notna(), None).to_dict("records"), opened[-1]

    yield ask
    for database in opened:
        database.close()


def test_money_armour_and_the_price_of_everything_worn_and_carried_are_told(held):
    rows, _ = held([position(HasDefuseKit=True)], [change("ak47, glock"), change("flashbang", action=GRENADES)])
    assert rows == [{
        "round_id": 7, "player_id": 1, "side": "CT", "money": 450, "armor": 100, "has_helmet": True,
        "has_defuse_kit": True, "equipment_value": 2_700 + 200 + 200 + 650 + 350 + 400,
    }]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "value"), [({"Armor": 0, "HasHelmet": False}, 200), ({"Armor": 1, "HasHelmet": False}, 850),
                        ({"Armor": 0}, 550)]
)  # fmt: skip
def test_armour_counts_from_its_first_point(held, more, value):
    other = position(2, Team="T")
    rows, _ = held([position(**more), other], [change("glock"), change("glock", 2)])
    assert rows[0]["equipment_value"] == value


@pytest.mark.parametrize(
    ("tick", "there"),
    [(FREEZE_END, True), (FREEZE_END + 1, False), (FREEZE_END - 2 * RATE, True), (FREEZE_END - 2 * RATE - 1, False)],
)
def test_a_position_counts_for_two_seconds_up_to_the_end_of_freeze_time(held, tick, there):
    rows, _ = held([position(tick=tick)], [change("glock")])
    assert len(rows) == there


def test_the_look_back_does_not_reach_before_the_round(held):
    rows, _ = held([position(tick=START - 1)], [change("glock")], rounds=played(freeze_time=1.0))
    assert rows == []
    rows, _ = held([position(tick=START)], [change("glock")], rounds=played(freeze_time=1.0))
    assert len(rows) == 1


def test_the_last_position_and_the_last_inventory_count(held):
    rows, _ = held(
        [position(tick=FREEZE_END - 20, Money=900), position(tick=FREEZE_END - 10, Money=300)],
        [change("awp", tick=START + 10), change("ak47", tick=START + 20), change("m4a1", tick=FREEZE_END + 1)],
    )
    assert (rows[0]["money"], rows[0]["equipment_value"]) == (300, 2_700 + 1_000)
    rows, _ = held([position()], [change("awp", tick=START), change("glock", tick=START)])
    assert rows[0]["equipment_value"] == 1_200, "of one tick the row written last"
    rows, _ = held([position()], [change("ak47", tick=FREEZE_END)])
    assert rows[0]["equipment_value"] == 3_700


@pytest.mark.parametrize("more", [{"IsAlive": False}, {"Team": "Spectator"}, {"Team": None}])
def test_the_dead_and_who_is_on_no_side_hold_nothing(held, more):
    rows, _ = held([position(**more), position(2, Team="TERRORIST")], [change("glock", 2)])
    assert [(row["player_id"], row["side"]) for row in rows] == [(2, "T")]


def test_each_round_has_its_own_moment(held):
    second = START + 5_000
    rounds = pd.concat([played(), played(round_id=8, start_tick=second)], ignore_index=True)
    moments = [position(Money=100), position(tick=second + 15 * RATE, Money=200)]
    rows, _ = held(moments, [change("glock"), change("ak47", tick=second)], rounds=rounds)
    assert [(row["round_id"], row["money"], row["equipment_value"]) for row in rows] == [
        (7, 100, 1_200),
        (8, 200, 3_700),
    ]


def test_demos_do_not_mix(held):
    other = {"DemoFileId": 2}
    rows, _ = held(
        [position(), position(2, **other)], [change("glock"), change("awp", 2, **other), change("awp", **other)]
    )
    assert [(row["player_id"], row["equipment_value"]) for row in rows] == [(1, 1_200)]


def test_who_never_held_a_grenade_holds_none_and_who_has_no_inventory_is_not_known(held):
    rows, _ = held([position(), position(2)], [change("glock"), change("smokegrenade", 2, action=GRENADES)])
    assert [row["equipment_value"] for row in rows] == [1_200, None]
    rows, _ = held([position()], [])
    assert rows[0]["equipment_value"] is None
    rows, _ = held([position()], [change("ak47", action="item_pickup")])
    assert rows[0]["equipment_value"] is None


def test_a_list_that_names_everything_covers_both_kinds(held):
    whole = [change("ak47, hegrenade", tick=START), change("ak47", tick=START + 10)]
    rows, _ = held([position()], whole)
    assert rows[0]["equipment_value"] == 2_700 + 1_000, "the grenade is gone"
    apart = [change("ak47"), change("hegrenade, molotov", action=GRENADES), change("glock", tick=START + 10)]
    rows, _ = held([position()], apart)
    assert rows[0]["equipment_value"] == 200 + 700 + 1_000


def test_items_without_a_price_are_counted_and_worth_nothing(held):
    tally = Tally()
    rows, _ = held([position()], [change("glock, , BFG 9000"), change("glock, BFG 9000", tick=START + 1)], tally=tally)
    assert rows[0]["equipment_value"] == 1_200
    assert tally.mapped == {reasons.UNKNOWN_ITEM: 2}
    known = Tally()
    held([position()], [change("glock")], tally=known)
    assert known.mapped == {}


@pytest.mark.parametrize("column", ["Money", "Armor"])
def test_what_is_nought_in_all_rows_of_a_demo_was_never_written(held, column):
    rows, _ = held([position(**{column: 0}), position(2, **{column: 0})], [change("glock"), change("glock", 2)])
    assert [row[column.lower()] for row in rows] == [None, None]
    rows, _ = held([position(**{column: 0}), position(2)], [change("glock"), change("glock", 2)])
    assert rows[0][column.lower()] == 0


def test_either_table_may_be_missing(held):
    rows, database = held(None, None)
    assert (rows, economy.recorded(database)) == ([], False)
    rows, database = held([position()], None)
    assert (rows[0]["equipment_value"], economy.recorded(database)) == (None, True)
    rows, database = held(None, [change("glock")])
    assert (rows, economy.recorded(database)) == ([], True)
