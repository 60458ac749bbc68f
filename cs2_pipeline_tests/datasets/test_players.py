"""Players over time: what a career is, and that past and later matches never mix."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs2_pipeline.datasets.players import LATER_ROUNDS, build, careers
from cs2_pipeline.datasets.rounds import PARTS
from cs2_pipeline.datasets.schema import DatasetError
from cs2_pipeline.game.player import PLAYER_FIELDS, contradictions, tier_of
from cs2_pipeline_tests.datasets.player_lines import player_lines

FIELDS = [field.name for field in PLAYER_FIELDS]
LINES = player_lines(players=120, matches=500, seed=1)
DATASET = build(LINES)


def _lines(*rows: dict[str, object]) -> pd.DataFrame:
    usual = {
        "steam_id": "76561198000000001", "player_name": "a", "match_id": 1, "map_name": "de_nuke",
        "started_at": pd.Timestamp("2024-05-01", tz="UTC"), "kills": 20, "deaths": 10, "assists": 3, "headshots": 5,
        "damage": 2000, "first_kills": 2, "clutches": 1, "clutch_attempts": 4, "rounds": 25,
        "source": "demo",
    }  # fmt: skip
    return pd.DataFrame([{**usual, **row} for row in rows])


def test_win_probability_added_is_a_mean_over_the_rounds_that_were_priced() -> None:
    lines = _lines({}, {"match_id": 2, "rounds": 15})
    steam_id, rounds = lines["steam_id"].iloc[0], int(lines["rounds"].iloc[0])
    added = pd.DataFrame(
        {"steam_id": steam_id, "match_id": [1, 2, 3], "total": [2.0, -0.5, 9.0], "rounds": [20, 10, 9]}
    )
    added["match_id"] = [*lines["match_id"], 99]
    assert careers(lines, added).iloc[0]["win_probability_added"] == pytest.approx(1.5 / 30)
    assert careers(lines, added.iloc[:1]).iloc[0]["win_probability_added"] == pytest.approx(0.1)
    assert rounds and np.isnan(careers(lines).iloc[0]["win_probability_added"])


def test_a_career_is_averaged_per_match_and_its_damage_per_round() -> None:
    career = careers(_lines({}, {"match_id": 2, "kills": 10, "deaths": 20, "damage": 1000, "rounds": 15})).iloc[0]
    assert career["avg_kills"] == 15
    assert career["kd_ratio"] == 1
    assert career["headshot_pct"] == pytest.approx(10 / 30)
    assert career["clutch_rate"] == pytest.approx(2 / 8)
    assert career["adr"] == pytest.approx(3000 / 40)


def test_a_career_has_the_columns_of_a_request_in_their_order() -> None:
    assert list(careers(LINES).columns) == ["steam_id", "player_name", *FIELDS, "win_probability_added"]


def test_a_career_needs_more_than_ten_rounds() -> None:
    assert careers(_lines({"rounds": 10})).empty
    assert len(careers(_lines({"rounds": 11}))) == 1


def test_who_renames_is_listed_once_under_the_latest_name() -> None:
    later = {"match_id": 2, "started_at": pd.Timestamp("2024-06-01", tz="UTC"), "player_name": "new"}
    listed = careers(_lines(later, {"player_name": "old"}))
    assert listed["player_name"].tolist() == ["new"]


def test_without_deaths_the_ratio_is_the_kills_per_match() -> None:
    assert careers(_lines({"deaths": 0})).iloc[0]["kd_ratio"] == 20


def test_no_career_and_no_past_window_is_an_impossible_record() -> None:
    for table in (careers(LINES), DATASET):
        for record in table[FIELDS].to_dict("records"):
            assert contradictions(record) == []


def test_a_row_sums_up_exactly_its_past_matches_and_its_label_exactly_the_later_ones() -> None:
    for row in DATASET.sample(50, random_state=0).itertuples():
        own = LINES[LINES["steam_id"] == row.steam_id].sort_values("started_at")
        past = own[own["started_at"] <= row.window_end].tail(row.past_matches)
        later = own[(own["started_at"] >= row.later_start) & (own["started_at"] <= row.later_end)]
        assert row.total_rounds == past["rounds"].sum()
        assert row.kd_ratio == pytest.approx(past["kills"].sum() / past["deaths"].sum())
        assert row.later_kd == pytest.approx(later["kills"].sum() / later["deaths"].sum())
        assert row.tier == tier_of(row.later_kd)
        assert set(past["match_id"]).isdisjoint(later["match_id"])


def test_the_later_window_is_the_shortest_that_holds_the_rounds_asked_for() -> None:
    assert (DATASET["later_rounds"] >= LATER_ROUNDS).all()
    assert (DATASET["later_rounds"] < LATER_ROUNDS + LINES["rounds"].max()).all()


def test_of_two_matches_that_started_at_one_time_neither_is_the_others_past() -> None:
    pairs = LINES["started_at"].dt.floor("8h")
    table = build(LINES.assign(started_at=pairs))
    assert (pairs.groupby(LINES["steam_id"]).nunique() < LINES.groupby("steam_id").size()).any()
    assert (table["window_end"] < table["later_start"]).all()


def test_players_are_disjoint_between_parts() -> None:
    assert not DATASET[["steam_id", "part"]].drop_duplicates()["steam_id"].duplicated().any()
    assert set(DATASET["part"]) == set(PARTS)


def test_every_label_tested_on_became_known_after_all_labels_learned_from() -> None:
    tested = DATASET["part"] == "test"
    assert DATASET.loc[~tested, "later_end"].max() < DATASET.loc[tested, "later_end"].min()


def test_new_matches_move_no_player_to_another_part() -> None:
    before = build(LINES[LINES["match_id"] < 400]).groupby("steam_id")["part"].first()
    after = DATASET.groupby("steam_id")["part"].first()
    both = before.index.intersection(after.index)
    assert len(both) > 50
    assert (before[both] == after[both]).all()


def test_no_player_has_more_anchors_than_asked_for() -> None:
    anchors = build(LINES, max_anchors=3).groupby("steam_id")["window_end"].nunique()
    assert anchors.max() == 3


def test_the_order_of_the_lines_does_not_matter() -> None:
    shuffled = LINES.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(build(shuffled), DATASET)
    pd.testing.assert_frame_equal(careers(shuffled), careers(LINES))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_what_happens_later_never_changes_a_past_record(seed: int) -> None:
    changed = LINES.copy()
    middle = changed["started_at"].median()
    later = (changed["started_at"] > middle).to_numpy()
    random = np.random.default_rng(seed)
    changed.loc[later, "kills"] = random.integers(0, 40, later.sum())
    first, second = (table[table["window_end"] <= middle] for table in (DATASET, build(changed)))
    pd.testing.assert_frame_equal(first[["steam_id", *FIELDS]], second[["steam_id", *FIELDS]])


def test_too_few_matches_are_refused_with_what_to_do() -> None:
    with pytest.raises(DatasetError, match=r"too few .* add matches"):
        build(player_lines(players=20, matches=8, seed=0))
    with pytest.raises(DatasetError, match="extract player_match_stats"):
        build(LINES.head(0))


def test_a_row_names_the_source_of_the_last_match_of_its_past() -> None:
    turned = LINES.assign(source=np.where(LINES["match_id"] % 2 == 0, "demo", "simulator"))
    table = build(turned)
    source = turned.drop_duplicates("started_at").set_index("started_at")["source"]
    assert (table["source"].to_numpy() == source[table["window_end"]].to_numpy()).all()
    assert set(table["source"]) == {"demo", "simulator"}


def test_the_past_is_seen_over_1_2_4_8_matches_and_all_of_them_each_once() -> None:
    lines = LINES.sort_values("started_at")
    for (steam_id, end), rows in DATASET.groupby(["steam_id", "window_end"]):
        played = int(((lines["steam_id"] == steam_id) & (lines["started_at"] <= end)).sum())
        powers = {2**power for power in range(10) if 2**power <= played}
        assert sorted(rows["past_matches"]) == sorted(powers | {played})


def test_a_later_window_ends_with_the_match_that_fills_it() -> None:
    """With 25 rounds in every match four matches are exactly the rounds asked for, and a fifth is not taken."""
    even = build(LINES.assign(rounds=25))
    assert set(even["later_rounds"]) == {LATER_ROUNDS} == {100}
    assert set(build(LINES.assign(rounds=24))["later_rounds"]) == {120}


def test_of_more_moments_than_asked_for_evenly_spread_ones_are_kept_from_the_first_on() -> None:
    every = build(LINES, max_anchors=10_000).groupby("steam_id")["window_end"].unique()
    for most in (3, 8):
        kept = build(LINES, max_anchors=most).groupby("steam_id")["window_end"].unique()
        for steam_id, moments in every.items():
            assert len(kept[steam_id]) == min(most, len(moments))
            assert kept[steam_id].min() == moments.min()
            places = np.searchsorted(np.sort(moments), np.sort(kept[steam_id]))
            steps = np.diff(places)
            assert not steps.size or steps.max() - steps.min() <= 1


def test_nobody_s_part_changes_with_the_code() -> None:
    """Pinned: a player of the test part must never have been learned from by a former version."""
    parts = DATASET.groupby("steam_id")["part"].first().iloc[:12]
    of_part = {part: [place for place, found in enumerate(parts) if found == part] for part in PARTS}
    assert of_part == {"train": [0, 2, 3, 5, 6, 7, 9], "validate": [1, 10], "calibrate": [8], "test": [4, 11]}


def test_careers_are_listed_by_steam_id() -> None:
    assert careers(LINES.sample(frac=1, random_state=3))["steam_id"].is_monotonic_increasing


def test_a_career_holds_every_field_of_a_record_by_its_definition() -> None:
    other = {
        "match_id": 2, "kills": 10, "deaths": 20, "headshots": 3, "damage": 1_000, "first_kills": 5, "clutches": 2,
        "clutch_attempts": 6, "rounds": 15, "player_name": None, "started_at": pd.Timestamp("2024-05-02", tz="UTC"),
    }  # fmt: skip
    career = careers(_lines(other, {})).iloc[0].to_dict()
    assert np.isnan(career.pop("win_probability_added"))
    assert career == {
        "steam_id": "76561198000000001", "player_name": "a", "avg_kills": 15.0, "avg_deaths": 15.0,
        "avg_headshots": 4.0, "avg_damage": 1_500.0, "total_clutches": 3, "total_clutch_attempts": 10,
        "avg_first_kills": 3.5, "total_rounds": 40, "kd_ratio": 1.0, "headshot_pct": 8 / 30, "clutch_rate": 0.3,
        "adr": 75.0,
    }  # fmt: skip


def test_of_matches_that_began_together_the_higher_numbers_name_is_the_latest() -> None:
    assert careers(_lines({"match_id": 2, "player_name": "b"}, {}))["player_name"].tolist() == ["b"]


def test_the_test_part_begins_where_the_last_three_tenths_of_the_lines_do() -> None:
    cut = np.sort(LINES["started_at"])[int(0.7 * (len(LINES) - 1))]
    tested = DATASET["part"] == "test"
    known = DATASET["later_end"].dt.tz_convert(None).to_numpy()
    cut = pd.Timestamp(cut).tz_convert(None).to_numpy()
    assert known[~tested].max() < cut <= known[tested].min()
    near = np.timedelta64(8, "h")
    assert cut - known[~tested].max() < near and known[tested].min() - cut < near


def test_a_row_has_the_times_and_counts_of_its_two_windows() -> None:
    row = DATASET.sort_values(["steam_id", "window_end", "past_matches"]).iloc[17]
    own = LINES[LINES["steam_id"] == row["steam_id"]].sort_values("started_at").reset_index(drop=True)
    last = int(np.flatnonzero(own["started_at"] == row["window_end"])[0])
    past, later = own.iloc[last + 1 - row["past_matches"] : last + 1], own.iloc[last + 1 :]
    later = later[: int(np.searchsorted(later["rounds"].cumsum(), LATER_ROUNDS)) + 1]
    assert row["later_start"] == later["started_at"].iloc[0] and row["later_end"] == later["started_at"].iloc[-1]
    sums = later[["kills", "deaths", "rounds"]].sum().tolist()
    assert row[["later_kills", "later_deaths", "later_rounds"]].tolist() == sums
    assert row["past_kd"] == row["kd_ratio"] == pytest.approx(past["kills"].sum() / past["deaths"].sum())
    assert row["avg_damage"] == pytest.approx(past["damage"].mean())
    assert row["adr"] == pytest.approx(past["damage"].sum() / past["rounds"].sum())
    assert row["total_clutch_attempts"] == past["clutch_attempts"].sum()


def test_what_is_lacking_is_said_with_players_lines_and_the_day_of_the_cut() -> None:
    lines = player_lines(players=20, matches=8, seed=0)
    with pytest.raises(DatasetError) as refused:
        build(lines, later_rounds=60)
    said = str(refused.value)
    assert said.startswith(
        "no rows for validate, calibrate: 20 players with 80 lines are too few for a past match and "
    )
    assert " 60 later rounds before and after 2024-01-01; add matches" in said
