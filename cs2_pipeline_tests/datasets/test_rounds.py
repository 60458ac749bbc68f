"""The round dataset: open states, whole matches in time order, and what is too little to split."""

import json
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs2_pipeline.datasets.rounds import FORMER, PARTS, PRIOR, SHARES, build, is_decided, parts_in_order
from cs2_pipeline.datasets.schema import ROUND_DATASET, ROUND_SNAPSHOTS, DatasetError, TooLittleDataError
from cs2_pipeline.game.maps import map_index
from cs2_pipeline_tests.datasets.event_rounds import random_events

DAY = pd.Timestamp("2024-03-01", tz="UTC")


@cache
def a_match(seed: int) -> pd.DataFrame:
    return random_events(seed, rounds=2).rebuild().frame


def snapshots(matches: int) -> pd.DataFrame:
    """Snapshots of as many matches, one a day, rows in no order."""
    frames = []
    for match in range(matches):
        day = DAY + pd.Timedelta(days=match)
        frames.append(a_match(match).assign(match_id=match + 1, started_at=day))
        frames[-1]["round_id"] += 100 * match
    return ROUND_SNAPSHOTS.conform(pd.concat(frames).sample(frac=1, random_state=1))


def test_matches_are_split_whole_and_in_time_order() -> None:
    frame = build(snapshots(20)).frame
    first_day, last_day = (frame.groupby("part")["started_at"].agg(kind) for kind in ("min", "max"))
    assert frame.groupby("match_id")["part"].nunique().max() == 1
    for earlier, later in pairwise(PARTS):
        assert last_day[earlier] < first_day[later]
    assert frame.groupby("part")["match_id"].nunique().to_dict() == {
        "train": 10, "validate": 2, "calibrate": 2, "test": 6,
    }  # fmt: skip


def test_matches_before_a_change_of_play_are_a_part_of_their_own_and_the_shares_are_those_of_the_others() -> None:
    frame = build(snapshots(20), changed_at=(DAY + pd.Timedelta(days=10)).to_pydatetime()).frame
    assert frame.groupby("part")["match_id"].nunique().to_dict() == {
        FORMER: 10, "train": 5, "validate": 1, "calibrate": 1, "test": 3,
    }  # fmt: skip
    assert frame.loc[frame["part"] == FORMER, "started_at"].max() < DAY + pd.Timedelta(days=10)


def test_matches_of_another_game_are_there_to_start_from_and_never_judged_on() -> None:
    old = snapshots(4).assign(game="csgo", source="published")
    mixed = snapshots(20)
    mixed.loc[mixed["match_id"] == 20, "game"] = "csgo"
    frame = build(mixed, prior=old).frame
    assert set(frame.loc[frame["part"] == PRIOR, "game"]) == {"csgo"}
    assert set(frame.loc[frame["part"] != PRIOR, "game"]) == {"cs2"}
    assert frame.groupby("part")["match_id"].nunique()[PRIOR] == 5
    assert frame["match_id"].nunique() == 24 and not frame.duplicated(["round_id", "snapshot"]).any()


def test_a_table_of_one_game_is_judged_on_it_whichever_it_is() -> None:
    assert set(build(snapshots(10).assign(game="csgo")).frame["part"]) == set(PARTS)


def test_rows_come_in_the_order_of_play() -> None:
    frame = build(snapshots(12)).frame
    keys = frame[["started_at", "match_id", "round_number", "snapshot"]]
    assert keys.equals(keys.sort_values(list(keys.columns)).reset_index(drop=True))
    assert frame.dtypes.to_dict() == ROUND_DATASET.empty().dtypes.to_dict()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1_000))
def test_the_order_of_the_snapshots_given_does_not_matter(seed: int) -> None:
    table = snapshots(10)
    pd.testing.assert_frame_equal(build(table.sample(frac=1, random_state=seed)).frame, build(table).frame)


def test_decided_states_are_left_out_and_counted() -> None:
    table = snapshots(10)
    table.iloc[0, table.columns.get_loc("ct_alive")] = 0
    table.iloc[1, table.columns.get_loc("t_alive")] = 0
    table.iloc[1, table.columns.get_loc("bomb_planted")] = 0
    table.iloc[2, table.columns.get_loc("time_remaining")] = 0
    table.iloc[2, table.columns.get_loc("bomb_planted")] = 0
    dataset = build(table)
    assert dataset.left_out == {"snapshots of decided rounds": 3}
    assert len(dataset.frame) == len(table) - 3
    assert not is_decided(dataset.frame).any()


def at_match_point(saved: int, won: bool) -> pd.DataFrame:
    """Snapshots of twenty matches; in the first round of each CT are one round short of winning it and lose it in so
    many of them, in the second they are again and win it.
    """
    table = snapshots(20).assign(ct_wins=1, ct_score=3, t_score=2)
    first, second = table["round_number"] == 1, table["round_number"] == 2
    table.loc[first & (table["match_id"] <= saved), ["ct_score", "t_score", "ct_wins"]] = 12, 4, 0
    table.loc[second & won, ["ct_score", "t_score", "ct_wins"]] = 12, 5, 1
    return table


def test_saved_match_points_are_left_out_of_a_match_whose_last_round_is_not_known() -> None:
    table = at_match_point(saved=7, won=False)
    built = build(table)
    point = table["ct_score"] == 12
    assert point.sum() == sum(built.left_out.values()) > 0
    assert built.left_out == {"snapshots at match point, last round of the match unknown": point.sum()}
    assert not (built.frame["ct_score"] == 12).any() and len(built.frame) == (~point).sum()


def test_match_points_of_a_match_known_to_its_end_stay() -> None:
    assert build(at_match_point(saved=7, won=True)).left_out == {}


def test_other_games_have_other_match_points() -> None:
    assert build(at_match_point(saved=7, won=False).assign(game="csgo")).left_out == {}


def test_the_bomb_keeps_a_round_open_when_every_t_is_dead() -> None:
    state = {"ct_alive": [1], "t_alive": [0], "bomb_planted": [1], "time_remaining": [5.0]}
    assert is_decided(pd.DataFrame(state)).tolist() == [False]


def test_maps_become_their_numbers_and_unknown_ones_zero() -> None:
    table = snapshots(10)
    table["map_name"] = np.where(table["match_id"] == 1, "de_nowhere", table["map_name"])
    table.loc[table["match_id"] == 2, "map_name"] = None
    frame = build(table).frame
    numbers = frame.groupby("match_id")["map_index"].first()
    assert (numbers[1], numbers[2], numbers[3]) == (0, 0, map_index("de_mirage"))


@pytest.mark.parametrize("matches", [0, 1, 4])
def test_too_few_matches_are_refused_with_the_numbers(matches: int) -> None:
    table = snapshots(matches) if matches else ROUND_SNAPSHOTS.empty()
    with pytest.raises(DatasetError, match=rf"at least \d+ matches, there are {matches}"):
        build(table)


def test_the_number_of_matches_asked_for_is_enough() -> None:
    with pytest.raises(DatasetError) as refusal:
        parts_in_order(2, SHARES)
    needed = int(str(refusal.value).split("at least ")[1].split()[0])
    assert set(parts_in_order(needed, SHARES)) == set(PARTS)


def test_a_match_with_two_start_times_is_refused() -> None:
    table = snapshots(10)
    table.iloc[0, table.columns.get_loc("started_at")] = DAY + pd.Timedelta(days=99)
    with pytest.raises(DatasetError, match="two start times"):
        build(table)


@pytest.mark.parametrize("shares", [{"train": 0.5, "test": 0.6}, {"train": 1.2, "test": -0.2}])
def test_shares_must_be_positive_and_add_up_to_one(shares: dict[str, float]) -> None:
    with pytest.raises(DatasetError, match="shares"):
        parts_in_order(10, shares)


@given(count=st.integers(10, 5_000))
def test_every_match_is_in_one_part_and_the_sizes_follow_the_shares(count: int) -> None:
    parts = parts_in_order(count)
    assert len(parts) == count
    for part, share in SHARES.items():
        assert abs(parts.count(part) - share * count) <= 1


def test_half_of_the_matches_are_learned_from_and_three_tenths_are_judged_on() -> None:
    parts = parts_in_order(100)
    assert [parts.count(part) for part in PARTS] == [50, 10, 10, 30]
    assert parts == sorted(parts, key=PARTS.index)


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(DatasetError, match="shares must be positive"):
        parts_in_order(10, {"train": 1.0, "test": 0.0})


def test_the_first_match_of_changed_play_is_no_former_one_and_one_a_moment_earlier_is() -> None:
    for moment, former in ((0, 10), (1, 11)):
        changed = (DAY + pd.Timedelta(days=10, seconds=moment)).to_pydatetime()
        parts = build(snapshots(21), changed_at=changed).frame.groupby("part")["match_id"].nunique()
        assert parts[FORMER] == former


def test_no_fewer_matches_than_asked_for_are_enough() -> None:
    with pytest.raises(TooLittleDataError) as refusal:
        parts_in_order(2, SHARES, "players")
    said = str(refusal.value)
    assert said.startswith("a split into train 0.5, validate 0.1, calibrate 0.1, test 0.3 needs at least ")
    assert said.endswith(" players, there are 2: add more data")
    needed = int(said.split("at least ")[1].split(maxsplit=1)[0])
    with pytest.raises(TooLittleDataError, match=f"at least {needed} matches, there are {needed - 1}"):
        parts_in_order(needed - 1, SHARES)
    assert parts_in_order(3, {"train": 0.5, "test": 0.5}) == ["train"] * 2 + ["test"]


def test_without_cs2_the_game_with_most_snapshots_is_judged_and_the_others_are_prior() -> None:
    table = snapshots(20)
    table.loc[:, "game"] = np.where(table["match_id"] <= 8, "csgo", "simulated")
    frame = build(table).frame
    assert set(frame.loc[frame["part"] == PRIOR, "game"]) == {"csgo"}
    assert set(frame.loc[frame["part"] != PRIOR, "game"]) == {"simulated"}


def test_prior_matches_have_ids_of_their_own_beyond_all_others() -> None:
    own, old = snapshots(20), snapshots(3).assign(game="csgo")
    frame = build(own, prior=old).frame
    prior = frame[frame["part"] == PRIOR]
    assert sorted(prior["match_id"].unique() - own["match_id"].max() - 1) == [1, 2, 3]
    assert (prior["round_id"] > own["round_id"].max()).all()
    assert sorted(prior["round_id"].unique() - own["round_id"].max() - 1) == sorted(old["round_id"].unique())
    assert (frame.loc[frame["part"] != PRIOR, "match_id"] <= 20).all()


def test_a_saved_match_point_of_either_side_is_left_out_and_a_won_one_keeps_the_match() -> None:
    table = snapshots(20).assign(ct_wins=1, ct_score=3, t_score=2)
    first = table["round_number"] == 1
    table.loc[first & (table["match_id"] == 1), ["ct_score", "t_score", "ct_wins"]] = 4, 12, 1
    table.loc[first & (table["match_id"] == 2), ["ct_score", "t_score", "ct_wins"]] = 4, 12, 0
    table.loc[first & (table["match_id"] == 3), ["ct_score", "t_score", "ct_wins"]] = 12, 4, 1
    built = build(table)
    assert set(built.left_out) == {"snapshots at match point, last round of the match unknown"}
    kept = built.frame[built.frame["round_number"] == 1].groupby("match_id").size()
    assert 1 not in kept.index and {2, 3} <= set(kept.index)


def test_a_decided_match_point_is_counted_once_as_decided() -> None:
    table = at_match_point(saved=2, won=False)
    point = table["ct_score"] == 12
    table.loc[point & (table["match_id"] == 1), "ct_alive"] = 0
    decided = int((point & (table["match_id"] == 1)).sum())
    assert json.loads(json.dumps(build(table).left_out)) == {
        "snapshots of decided rounds": decided,
        "snapshots at match point, last round of the match unknown": int(point.sum()) - decided,
    }


def test_a_match_with_two_start_times_is_named_and_matches_at_one_time_are_no_fault() -> None:
    table = snapshots(10)
    table.loc[table["match_id"] <= 4, "started_at"] = DAY
    assert build(table).frame["match_id"].nunique() == 10
    table.iloc[0, table.columns.get_loc("started_at")] = DAY + pd.Timedelta(days=99)
    with pytest.raises(DatasetError, match=f"match {table['match_id'].iloc[0]} has two start times: it was imported"):
        build(table)
