"""The public snapshot file: its traps, the repairs, and files that are not it."""

import gzip
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cs2_pipeline.datasets import public_snapshots
from cs2_pipeline.datasets.public_snapshots import PublicReport, read
from cs2_pipeline.datasets.rounds import build, is_decided
from cs2_pipeline.datasets.schema import ROUND_SNAPSHOTS, DatasetError
from cs2_pipeline.game.rules import BOMB_TIME
from cs2_pipeline.game.state import ROUND_FIELDS

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "round_snapshots" / "csgo_round_snapshots.csv.gz"
COLUMNS = list(public_snapshots._required())


def row(**changes: Any) -> dict[str, Any]:
    """A snapshot at the start of the first round: nobody hurt, free pistols, $800 each."""
    empty: dict[str, Any] = dict.fromkeys(COLUMNS, 0)
    start = {
        "time_left": 175.0, "map": "de_nuke", "bomb_planted": False, "ct_health": 500, "t_health": 500,
        "ct_money": 4_000, "t_money": 4_000, "ct_players_alive": 5, "t_players_alive": 5, "ct_weapon_usps": 5,
        "t_weapon_glock": 5, "round_winner": "CT",
    }  # fmt: skip
    return empty | start | changes


def round_rows(ct_score: int, t_score: int, winners: str, **changes: Any) -> list[dict[str, Any]]:
    """A round's rows, one for each winner named: ``"CT T T"``."""
    return [
        row(ct_score=ct_score, t_score=t_score, time_left=100.0 - number, round_winner=winner, **changes)
        for number, winner in enumerate(winners.split())
    ]


def stored(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "snapshots.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def given(folder: Path, *rounds: list[dict[str, Any]]) -> tuple[pd.DataFrame, PublicReport]:
    return read(stored(folder, [one for rows in rounds for one in rows]))


def test_a_match_begins_where_the_map_changes_or_the_score_falls_and_a_round_where_the_score_changes(
    tmp_path: Path,
) -> None:
    frame, report = given(
        tmp_path,
        round_rows(0, 0, "CT CT"),
        round_rows(1, 0, "CT T"),
        round_rows(0, 0, "T T"),
        round_rows(0, 0, "T CT CT", map="de_dust2"),
    )
    assert frame["match_id"].tolist() == [1, 1, 1, 1, 2, 2, 3, 3, 3]
    assert frame["round_id"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 4]
    assert frame["round_number"].tolist() == [1, 1, 2, 2, 1, 1, 1, 1, 1]
    assert frame["snapshot"].tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 2]
    assert (report.matches, report.rounds, report.rows) == (3, 4, 9)


def test_the_first_label_of_a_round_is_repaired_from_the_later_ones(tmp_path: Path) -> None:
    frame, report = given(tmp_path, round_rows(0, 0, "T CT CT"), round_rows(1, 0, "CT T T"), round_rows(1, 1, "T T"))
    assert frame["ct_wins"].tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert report.first_labels_changed == 2
    assert (report.first_labels_checkable, report.first_labels_of_previous_round) == (2, 2)


def test_a_round_with_one_snapshot_gets_the_side_that_scored(tmp_path: Path) -> None:
    frame, report = given(tmp_path, round_rows(0, 0, "CT"), round_rows(0, 1, "T CT"))
    assert frame["ct_wins"].tolist() == [0, 1, 1]
    assert (report.single_snapshot_rounds, report.rounds_without_label) == (1, 0)


def test_a_lone_snapshot_with_no_next_round_has_no_label_and_is_left_out(tmp_path: Path) -> None:
    frame, report = given(tmp_path, round_rows(0, 0, "CT CT"), round_rows(1, 0, "CT"))
    assert frame["round_id"].tolist() == [1, 1]
    assert (report.rounds_without_label, report.rows_without_sure_label) == (1, 1)


def test_a_next_round_that_skips_one_does_not_tell_who_won(tmp_path: Path) -> None:
    _, report = given(tmp_path, round_rows(0, 0, "CT"), round_rows(2, 0, "CT CT"))
    assert report.rounds_without_label == 1


@pytest.mark.parametrize(("first", "following", "winner"), [((7, 7), (8, 7), "T"), ((9, 5), (5, 10), "CT")])
def test_at_half_time_the_score_changes_sides_with_the_teams(
    tmp_path: Path, first: tuple[int, int], following: tuple[int, int], winner: str
) -> None:
    frame, _ = given(tmp_path, round_rows(*first, "CT"), round_rows(*following, "CT CT"))
    assert frame["ct_wins"].iloc[0] == (winner == "CT")


def test_sides_change_in_the_middle_of_an_overtime(tmp_path: Path) -> None:
    frame, _ = given(tmp_path, round_rows(16, 16, "CT"), round_rows(17, 16, "CT CT"))
    assert frame["ct_wins"].iloc[0] == 0


def test_labels_that_disagree_put_the_round_in_doubt(tmp_path: Path) -> None:
    frame, report = given(
        tmp_path,
        round_rows(0, 0, "CT CT T"),
        round_rows(1, 0, "CT T T"),
        round_rows(2, 0, "T CT CT"),
    )
    assert set(frame["round_id"]) == {3}
    assert (report.rounds_in_doubt, report.rows_without_sure_label) == (2, 6)
    assert (report.rounds_checked_by_score, report.rounds_agreeing_with_score) == (1, 0)


def test_equipment_is_what_the_counted_items_cost(tmp_path: Path) -> None:
    counts = {"ct_weapon_m4a4": 2, "ct_weapon_usps": 5, "ct_grenade_incendiarygrenade": 1, "ct_defuse_kits": 2}
    frame, _ = given(tmp_path, round_rows(0, 0, "CT CT", **counts, t_weapon_glock=0))
    assert frame["ct_equip_value"].iloc[0] == 2 * 2_900 + 5 * 200 + 500 + 2 * 400
    assert frame["t_equip_value"].iloc[0] == 0


def test_kevlars_are_the_fewest_that_hold_the_armour_and_the_helmets(tmp_path: Path) -> None:
    armour = {"ct_armor": 201, "ct_helmets": 0, "t_armor": 30, "t_helmets": 2, "ct_weapon_usps": 0, "t_weapon_glock": 0}
    frame, _ = given(tmp_path, round_rows(0, 0, "CT CT", **armour))
    assert frame["ct_equip_value"].iloc[0] == 3 * 650
    assert frame["t_equip_value"].iloc[0] == 2 * (650 + 350)


def test_decided_states_and_impossible_ones_are_left_out_and_counted(tmp_path: Path) -> None:
    wiped = row(time_left=50.0, t_players_alive=0, t_health=0)
    waiting = row(time_left=30.0, t_players_alive=0, t_health=0, bomb_planted=True)
    impossible = [
        row(time_left=60.0, bomb_planted=True),
        row(ct_players_alive=2),
        row(ct_helmets=6),
        row(t_money=-5),
        row(t_weapon_awp=-1),
    ]
    frame, report = given(tmp_path, [row(), wiped, waiting, *impossible])
    assert frame["t_alive"].tolist() == [5, 0]
    assert frame["snapshot"].tolist() == [0, 1]
    assert (report.decided_rows, report.impossible_rows, report.one_side_dead) == (1, 5, 2)
    assert (report.rows_kept, report.rounds_kept, report.matches_kept) == (2, 1, 1)


def test_match_times_are_made_up_and_strictly_increasing(tmp_path: Path) -> None:
    frame, _ = given(tmp_path, round_rows(0, 0, "CT CT"), round_rows(0, 0, "CT CT", map="de_dust2"))
    times = frame.groupby("match_id")["started_at"].first()
    assert times[1] == public_snapshots.SYNTHETIC_START
    assert times[2] > times[1]


def test_the_result_has_the_form_of_round_snapshots(tmp_path: Path) -> None:
    frame, _ = given(tmp_path, round_rows(0, 0, "CT CT"))
    assert frame.dtypes.to_dict() == ROUND_SNAPSHOTS.empty().dtypes.to_dict()
    assert set(frame["moment"]) == {"published"}
    assert frame["elapsed"].isna().all()


def test_columns_not_known_are_not_used(tmp_path: Path) -> None:
    plain, _ = given(tmp_path, round_rows(0, 0, "CT CT"))
    more, _ = given(tmp_path, round_rows(0, 0, "CT CT", remarks="x"))
    pd.testing.assert_frame_equal(plain, more)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("ct_health", "many", "line 4, column ct_health holds 'many', expected a whole number"),
        ("ct_score", 1.5, "line 4, column ct_score holds '1.5', expected a whole number"),
        ("time_left", None, "line 4, column time_left is empty, expected a number"),
        ("bomb_planted", "maybe", "line 4, column bomb_planted holds 'maybe', expected True or False"),
        ("map", None, "line 4, column map is empty, expected a map's name"),
        ("round_winner", "Draw", "line 4, column round_winner holds 'Draw', expected CT or T"),
        ("t_weapon_awp", "inf", "line 4, column t_weapon_awp holds 'inf', expected a whole number"),
    ],
)
def test_a_cell_that_is_wrong_is_named_by_line_and_column(
    tmp_path: Path, column: str, value: Any, message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        given(tmp_path, round_rows(0, 0, "CT CT"), [row(**{column: value}), row()])


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    rows = [{name: value for name, value in row().items() if name != "t_weapon_awp"}]
    with pytest.raises(DatasetError, match=r"no column t_weapon_awp \(1 of 97 missing\)"):
        read(stored(tmp_path, rows))


def test_a_weapon_without_a_price_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="column ct_weapon_railgun counts an item without a price"):
        given(tmp_path, round_rows(0, 0, "CT CT", ct_weapon_railgun=1))


def test_another_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match="97 of 97 missing"):
        read(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "empty"),
        ("text.csv.gz", b"not compressed", "not readable as CSV"),
        ("archive.zip", b"not compressed", "not readable as CSV"),
        ("archive.tar", b"not compressed", "not readable as CSV"),
        ("text.csv.xz", b"not compressed", "not readable as CSV"),
        ("binary.csv", b"\xff\xfe\x00\x80" * 20, "not readable as CSV"),
        ("ragged.csv", b"a,b\n1,2,3,4\n1,2,3,4,5,6\n", "not readable as CSV|no column"),
        ("header.csv", (",".join(COLUMNS) + "\n").encode(), "a header and no rows"),
    ],
)
def test_a_file_that_is_not_a_table_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        read(path)


def test_a_file_cut_off_in_the_middle_is_refused(tmp_path: Path) -> None:
    whole = stored(tmp_path, [row()] * 50).read_bytes()
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(whole)[:-20])
    with pytest.raises(DatasetError, match="not whole"):
        read(tmp_path / "cut.csv.gz")
    (tmp_path / "cut.csv").write_bytes(whole[:-10])
    with pytest.raises(DatasetError, match="line 51, column"):
        read(tmp_path / "cut.csv")


def test_a_row_with_too_many_cells_is_refused(tmp_path: Path) -> None:
    path = stored(tmp_path, [row()] * 3)
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + ",1\n")
    with pytest.raises(DatasetError, match="line 5"):
        read(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere\.csv: no such file"):
        read(tmp_path / "nowhere.csv")


@pytest.mark.skipif(not SHARED.exists(), reason="the public snapshot file is not at hand")
def test_the_public_file_gives_its_known_figures() -> None:
    frame, report = read(SHARED)
    assert (report.rows, report.matches, report.rounds) == (85_085, 490, 13_167)
    assert report.first_labels_of_previous_round == report.first_labels_checkable == 12_677
    assert report.rounds_agreeing_with_score == report.rounds_checked_by_score == 12_677
    assert report.first_labels_changed == 4_819
    assert (report.decided_rows, report.impossible_rows, report.rows_without_sure_label) == (1, 0, 0)
    assert report.rows_kept == len(frame) == 85_084
    assert frame.groupby("round_id")["ct_wins"].nunique().eq(1).all()
    assert not is_decided(frame).any()
    assert frame.loc[frame["bomb_planted"] == 1, "time_remaining"].max() <= BOMB_TIME + 0.1
    dataset = build(frame).frame
    assert dataset.groupby("part")["match_id"].nunique()["test"] == 147


def test_the_report_tells_what_became_of_every_row(tmp_path: Path) -> None:
    _, report = given(
        tmp_path,
        round_rows(0, 0, "T CT CT"),
        [row(ct_score=1, time_left=90.0), row(ct_score=1, time_left=50.0, t_players_alive=0, t_health=0)],
        [row(ct_score=2, round_winner="T"), row(ct_score=2, time_left=80.0, round_winner="T", ct_helmets=6)],
        round_rows(2, 1, "CT"),
        round_rows(0, 0, "T CT T", map="de_train"),
    )
    assert report == PublicReport(
        rows=11, matches=2, rounds=5, one_side_dead=1, first_labels_checkable=2, first_labels_of_previous_round=1,
        first_labels_changed=1, single_snapshot_rounds=1, rounds_checked_by_score=3, rounds_agreeing_with_score=3,
        rounds_without_label=1, rounds_in_doubt=1, rows_without_sure_label=4, decided_rows=1, impossible_rows=1,
        rows_kept=5, rounds_kept=3, matches_kept=1,
    )  # fmt: skip
    assert json.loads(json.dumps(asdict(report)))["rows_kept"] == 5


@pytest.mark.parametrize(
    ("first", "following", "winner"),
    [
        ((6, 7), (7, 7), "CT"), ((7, 7), (7, 8), "CT"), ((8, 7), (9, 7), "CT"), ((15, 14), (15, 15), "T"),
        ((15, 15), (16, 15), "CT"), ((16, 16), (16, 17), "CT"), ((17, 17), (17, 18), "T"), ((18, 17), (18, 18), "T"),
        ((18, 18), (18, 19), "T"), ((19, 19), (20, 19), "T"),
    ],
)  # fmt: skip
def test_scores_change_columns_after_15_rounds_and_within_each_overtime_after_three(
    tmp_path: Path, first: tuple[int, int], following: tuple[int, int], winner: str
) -> None:
    frame, _ = given(tmp_path, round_rows(*first, "CT"), round_rows(*following, "CT CT"))
    assert frame["ct_wins"].iloc[0] == (winner == "CT")


@pytest.mark.parametrize(
    ("absent", "said"),
    [
        (5, "no column ct_weapon_ak47, ct_weapon_aug, ct_weapon_awp, ct_weapon_bizon, ct_weapon_cz75auto (5 of 97"),
        (6, "no column ct_weapon_ak47, ct_weapon_aug, ct_weapon_awp, ct_weapon_bizon, ct_weapon_cz75auto … (6 of 97"),
    ],
)
def test_of_missing_columns_five_are_named_and_all_counted(tmp_path: Path, absent: int, said: str) -> None:
    lacking = [name for name in COLUMNS if name.startswith("ct_weapon")][:absent]
    with pytest.raises(DatasetError, match=re.escape(said)):
        read(stored(tmp_path, [{name: value for name, value in row().items() if name not in lacking}]))


def test_of_a_long_cell_its_beginning_is_shown(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=f"line 2, column ct_health holds '{'x' * 40}', expected"):
        given(tmp_path, [row(ct_health="x" * 50)])


def test_a_snapshot_has_every_field_of_a_state_from_its_own_column(tmp_path: Path) -> None:
    one = row(
        ct_players_alive=4, t_players_alive=3, ct_money=100, t_money=200, bomb_planted=True, time_left=12.5, ct_score=7,
        t_score=5, ct_health=301, t_health=202, ct_armor=153, t_armor=104, ct_helmets=2, t_helmets=1, ct_defuse_kits=3,
    )  # fmt: skip
    frame, _ = given(tmp_path, [one, one | {"time_left": 11.5}])
    state = frame.iloc[0][[field.name for field in ROUND_FIELDS]].to_dict()
    weapons = {"ct_equip_value": 5 * 200 + 2 * 1_000 + 3 * 400, "t_equip_value": 5 * 200 + 650 + 650 + 350}
    assert state == weapons | {
        "ct_alive": 4, "t_alive": 3, "ct_money": 100, "t_money": 200, "bomb_planted": 1, "time_remaining": 12.5,
        "ct_score": 7, "t_score": 5, "map_name": "de_nuke", "ct_health": 301, "t_health": 202, "ct_armor": 153,
        "t_armor": 104, "ct_helmets": 2, "t_helmets": 1, "ct_defuse_kits": 3,
    }  # fmt: skip
    assert frame.loc[0, ["game", "source", "moment", "round_number"]].tolist() == ["csgo", "published", "published", 1]


def test_matches_begin_a_day_apart(tmp_path: Path) -> None:
    rounds = [round_rows(0, 0, "CT CT", map=f"de_{number}") for number in range(3)]
    frame, _ = given(tmp_path, *rounds)
    days = (frame["started_at"] - public_snapshots.SYNTHETIC_START).dt.days
    assert days.tolist() == [0, 0, 1, 1, 2, 2]
