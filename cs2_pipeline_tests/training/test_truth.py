import sqlite3
from datetime import date
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.datasets.snapshots import rebuild
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.events import event_tables
from cs2_pipeline.demodb.simulator import GameModel, chain, exact, simulate, truth_path
from cs2_pipeline.game import rules
from cs2_pipeline.training import truth

MODEL = GameModel(map_edges={"de_mirage": 0.02, "de_nuke": 0.06})


def snapshots(**columns) -> pd.DataFrame:
    """One row of a plain state, changed as asked; columns broadcast."""
    plain = {
        "map_name": "de_mirage", "ct_alive": 5, "t_alive": 5, "ct_equip_value": 25_000, "t_equip_value": 25_000,
        "bomb_planted": 0, "time_remaining": 115.0,
    }  # fmt: skip
    rows = max((len(value) for value in columns.values() if isinstance(value, list)), default=1)
    return pd.DataFrame({**plain, **columns}, index=range(rows))


@pytest.fixture(scope="module")
def truth_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("truth") / "demos.truth.npz"
    exact.save(exact.solve(MODEL), path)
    return path


def save(model: GameModel, folder: Path) -> Path:
    path = folder / "other.truth.npz"
    exact.save(exact.solve(model), path)
    return path


def play_on(state: pd.Series, rounds: int, generator: np.random.Generator) -> float:
    """The share of rounds CT wins from a state, by the simulator's own chain."""
    clocks = chain.Clocks.of(MODEL)
    ct, t = np.full(rounds, state.ct_alive), np.full(rounds, state.t_alive)
    planted = np.full(rounds, state.bomb_planted)
    ct_equipment, t_equipment = state.ct_equip_value / state.ct_alive, state.t_equip_value / max(state.t_alive, 1)
    edge = np.full(rounds, chain.edge(MODEL, ct_equipment, t_equipment, MODEL.map_edges[state.map_name]))
    kit = np.full(rounds, int(ct_equipment >= MODEL.kit_value))
    length = rules.BOMB_TIME if state.bomb_planted else MODEL.round_time
    clock, winner = np.full(rounds, length - state.time_remaining), np.full(rounds, -1)
    while (rows := np.flatnonzero(winner < 0)).size:
        clock[rows], kind = chain.step(
            MODEL, clocks, clock[rows], ct=ct[rows], t=t[rows], planted=planted[rows], edge=edge[rows], kit=kit[rows],
            uniform=(generator.random(rows.size), generator.random(rows.size)), hits=False,
        )  # fmt: skip
        t[rows] -= kind == chain.CT_KILLS
        ct[rows] -= kind == chain.T_KILLS
        clock[rows[kind == chain.PLANT]], planted[rows[kind == chain.PLANT]] = 0.0, 1
        over_ct = (kind == chain.DEFUSE) | (kind == chain.TIME_OUT) | ((t[rows] == 0) & (planted[rows] == 0))
        winner[rows[over_ct]] = 1
        winner[rows[(kind == chain.EXPLOSION) | (ct[rows] == 0)]] = 0
    return float(winner.mean())


STATES = snapshots(
    map_name=["de_mirage"] * 5 + ["de_nuke"] * 5,
    ct_alive=[5, 5, 4, 2, 1, 3, 3, 1, 5, 2],
    t_alive=[5, 3, 5, 2, 1, 3, 1, 2, 0, 4],
    ct_equip_value=[25_000, 4_100, 20_300, 9_000, 5_050, 15_000, 3_330, 5_000, 25_000, 4_000],
    t_equip_value=[24_000, 15_000, 5_000, 9_100, 200, 14_000, 5_000, 9_000, 0, 20_000],
    bomb_planted=[0, 0, 0, 0, 0, 1, 1, 1, 1, 1],
    time_remaining=[115.0, 81.3, 60.0, 33.33, 12.7, 40.0, 21.9, 33.1, 7.77, 11.0],
)


@pytest.mark.parametrize("place", range(len(STATES)))
def test_the_exact_probability_is_what_many_simulated_continuations_give(truth_file, place):
    rounds = 40_000
    expected = float(truth.exact_probability(truth_file, STATES.iloc[[place]])[0])
    share = play_on(STATES.iloc[place], rounds, np.random.default_rng(place))
    assert abs(share - expected) < 4.5 * np.sqrt(expected * (1 - expected) / rounds) + 2e-4


def test_one_against_one_without_a_bomb_is_a_race_with_constant_odds(tmp_path):
    model = GameModel(plant_rate=0.0, map_edges={"de_mirage": 0.0})
    seconds = np.array([115.0, 77.7, 30.0, 4.2])
    found = truth.exact_probability(
        save(model, tmp_path),
        snapshots(ct_alive=1, t_alive=1, ct_equip_value=5_000, t_equip_value=2_500, time_remaining=list(seconds)),
    )
    odds = model.ct_edge + model.equipment_effect * np.log(2)
    t_share = 1 / (1 + np.exp(odds))
    clock = chain.before_plant(model)
    starts = np.concatenate([[0], clock.ends[:-1]])
    for value, left in zip(found, seconds, strict=True):
        passed = (clock.ends - np.maximum(starts, model.round_time - left)).clip(min=0)
        fought = model.duel_rate / 5 * (passed * clock.tempo).sum()
        assert value == pytest.approx(1 - t_share * (1 - np.exp(-fought)), abs=2e-4)


def test_alone_with_the_bomb_ct_needs_the_time_that_is_left(truth_file):
    seconds = np.array([35.0, 22.22, 10.0, 3.0, 0.0])
    found = truth.exact_probability(
        truth_file, snapshots(ct_alive=2, t_alive=0, t_equip_value=0, ct_equip_value=10_000, bomb_planted=1,
                              time_remaining=list(seconds)),
    )  # fmt: skip
    np.testing.assert_allclose(found, 1 - np.exp(-MODEL.lone_defuse_rate * seconds), atol=2e-4)


def test_a_kit_matters_only_for_the_first_seconds_of_a_bomb(truth_file):
    common = {"ct_alive": 2, "t_alive": 0, "t_equip_value": 0, "bomb_planted": 1}
    below, above = 2 * MODEL.kit_value - 2, 2 * MODEL.kit_value
    late = [
        truth.exact_probability(truth_file, snapshots(ct_equip_value=v, time_remaining=20.0, **common))
        for v in (below, above)
    ]
    early = [
        truth.exact_probability(truth_file, snapshots(ct_equip_value=v, time_remaining=40.0, **common))
        for v in (below, above)
    ]
    assert late[0] == pytest.approx(late[1], abs=1e-9)
    assert early[0] < early[1]


def test_decided_states_are_exactly_zero_or_one(truth_file):
    found = truth.exact_probability(
        truth_file,
        snapshots(
            ct_alive=[0, 0, 3, 2],
            t_alive=[2, 1, 0, 2],
            bomb_planted=[0, 1, 0, 0],
            time_remaining=[50.0, 20.0, 50.0, 0.0],
        ),
    )
    assert found.tolist() == [0.0, 0.0, 1.0, 1.0]


def test_more_ct_and_better_equipment_never_hurt_ct(truth_file):
    for planted, seconds in ((0, 70.0), (1, 25.0)):
        state = {"bomb_planted": planted, "time_remaining": seconds}
        by_alive = truth.exact_probability(
            truth_file,
            snapshots(ct_alive=[1, 2, 3, 4, 5], ct_equip_value=[5_000, 10_000, 15_000, 20_000, 25_000], **state),
        )
        by_value = truth.exact_probability(
            truth_file, snapshots(ct_equip_value=list(range(1_000, 28_000, 250)), **state)
        )
        assert (np.diff(by_alive) > 0).all()
        assert (np.diff(by_value) > 0).all()


def test_simulated_rounds_end_as_the_truth_says(tmp_path):
    path = tmp_path / "equal.sqlite"
    report = simulate(path, matches=150, seed=3, equal_skill=True, days=20)
    assert report.truth == truth_path(path)
    connection = sqlite3.connect(path)
    rounds = pd.read_sql_query(
        "SELECT r.*, m.MapName AS map_name FROM Rounds r JOIN Matches m ON m.Id = r.MatchId ORDER BY r.Id", connection
    )
    connection.close()
    start = pd.DataFrame({
        "map_name": rounds.map_name, "ct_alive": 5, "t_alive": 5, "ct_equip_value": rounds.CTEquipmentValue,
        "t_equip_value": rounds.TEquipmentValue, "bomb_planted": 0, "time_remaining": rules.ROUND_TIME,
    })  # fmt: skip
    expected = truth.exact_probability(report.truth, start)
    error = (rounds.WinnerTeam == "CT").to_numpy() - expected
    spread = np.sqrt(expected * (1 - expected))
    for part in (slice(None), expected < 0.35, (expected >= 0.35) & (expected < 0.65), expected >= 0.65):
        assert abs(error[part].mean()) < 4.5 * np.sqrt((spread[part] ** 2).sum()) / len(error[part])


def test_at_every_kind_of_moment_ct_wins_as_often_as_the_truth_says(tmp_path):
    path, first = tmp_path / "equal.sqlite", date(2026, 1, 1)
    report = simulate(path, matches=60, seed=4, equal_skill=True, first_day=first, days=10)
    with DemoDatabase(f"sqlite:///{path}") as database:
        events = event_tables(database, first, report.last_day)
    assert sum(events.left_out.values()) == 0
    moments = rebuild(events.rounds, events.participants, events.kills, events.damages, events.bombs).frame
    error = moments.ct_wins.to_numpy() - truth.exact_probability(report.truth, moments)
    health = moments.ct_health / moments.ct_alive - moments.t_health / moments.t_alive
    slices = {
        **{moment: moments.moment == moment for moment in ("freeze_end", "interval", "kill", "plant")},
        "bomb down": moments.bomb_planted == 1,
        "no T alive": moments.t_alive == 0,
        "kits": moments.ct_defuse_kits > 0,
        "CT healthier": health > 5,
        "CT hurt": health < -5,
    }
    for name, rows in slices.items():
        by_match = pd.Series(error[rows]).groupby(moments.match_id[rows].to_numpy()).sum()
        assert rows.sum() > 100, name
        assert abs(by_match.mean()) < 4.5 * by_match.std() / np.sqrt(len(by_match)), name


def test_with_the_bomb_down_less_time_hardly_ever_helps_ct(truth_file):
    """Only in the seconds in which no defusal can be complete yet, and by less than 0.003."""
    seconds = list(np.arange(0.0, 40.01, 0.5))
    for ct, t in product(range(1, 6), range(6)):
        state = {"ct_alive": ct, "t_alive": t, "ct_equip_value": 5_000 * ct, "t_equip_value": 4_500 * t}
        values = truth.exact_probability(truth_file, snapshots(bomb_planted=1, time_remaining=seconds, **state))
        assert np.diff(values).min() > -0.003
        assert np.diff(values[:61]).min() > -1e-9


def test_the_truth_is_never_in_the_database(tmp_path):
    plain, equal = tmp_path / "plain.sqlite", tmp_path / "equal.sqlite"
    assert simulate(plain, matches=2, days=1).truth is None
    assert not truth_path(plain).exists()
    simulate(equal, matches=2, days=1, equal_skill=True)
    names = []
    for path in (plain, equal):
        connection = sqlite3.connect(path)
        names.append(connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall())
        connection.close()
    assert names[0] == names[1]


@pytest.mark.parametrize(
    ("column", "value"),
    [("ct_alive", 6), ("t_alive", -1), ("time_remaining", 140.0), ("time_remaining", np.nan), ("bomb_planted", 2)],
)
def test_a_state_outside_the_game_is_refused_by_name(truth_file, column, value):
    with pytest.raises(ValueError, match=rf"{column} .* 1 snapshots, first in row 1"):
        truth.exact_probability(truth_file, snapshots(**{column: [1, value]}))


@pytest.mark.parametrize(
    ("column", "least", "most", "further"),
    [
        ("ct_alive", 0, 5, 1), ("t_alive", 0, 5, 1), ("bomb_planted", 0, 1, 1),
        ("ct_equip_value", 0, np.inf, 1), ("t_equip_value", 0, np.inf, 1),
        ("time_remaining", -0.05, 115.05, 0.01),
    ],
)  # fmt: skip
def test_the_game_has_these_ends(truth_file, column, least, most, further):
    ends = [end for end in (least, most) if np.isfinite(end)]
    found = truth.exact_probability(truth_file, snapshots(**{"time_remaining": 30.0, column: ends}))
    assert ((found >= 0) & (found <= 1)).all()
    for beyond in {least - further, most + further} - {np.inf}:
        with pytest.raises(ValueError, match=f"{column} is missing or outside the simulated game"):
            truth.exact_probability(truth_file, snapshots(**{"time_remaining": 30.0, column: beyond}))


@pytest.mark.parametrize(("planted", "longest"), [(0, rules.ROUND_TIME), (1, rules.BOMB_TIME)])
def test_a_clock_that_is_a_tick_off_counts_as_at_its_end(truth_file, planted, longest):
    times = [longest + 0.05, longest, 0.0, -0.05]
    found = truth.exact_probability(truth_file, snapshots(bomb_planted=planted, time_remaining=times))
    assert (found[0], found[2]) == (found[1], found[3])
    with pytest.raises(ValueError, match=r"time_remaining .* in 1 snapshots, first in row 1 with"):
        truth.exact_probability(
            truth_file, snapshots(bomb_planted=planted, time_remaining=[longest, longest + 0.06, 0.0])
        )


def test_maps_that_were_not_simulated_are_refused_by_name_at_most_five_of_them(truth_file):
    with pytest.raises(ValueError, match=r"were not simulated: de_cache$"):
        truth.exact_probability(truth_file, snapshots(map_name=["de_mirage", "de_cache"]))
    with pytest.raises(ValueError, match=r"were not simulated: a, b, c, d, e$"):
        truth.exact_probability(truth_file, snapshots(map_name=["f", "e", "d", "c", "b", "a", "a"]))


def test_a_missing_column_is_named(truth_file):
    with pytest.raises(KeyError, match="time_remaining"):
        truth.exact_probability(truth_file, snapshots().drop(columns="time_remaining"))


def test_a_file_that_is_no_truth_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="simulate with equal skill"):
        truth.exact_probability(tmp_path / "none.npz", snapshots())
    other = tmp_path / "other.npz"
    other.write_bytes(b"not a table")
    with pytest.raises(ValueError, match=r"other\.npz is not a truth file"):
        truth.exact_probability(other, snapshots())


def test_rmse_is_the_root_of_the_mean_square():
    assert truth.rmse([0.0, 1.0], [0.3, 0.6]) == pytest.approx(np.sqrt((0.09 + 0.16) / 2))
    with pytest.raises(ValueError, match="cannot compare"):
        truth.rmse([0.1, 0.2], [0.1])
    with pytest.raises(ValueError, match="cannot compare"):
        truth.rmse([], [])


def test_between_the_edges_of_its_table_the_truth_is_a_cubic_and_beyond_them_that_of_the_outermost():
    edges = np.linspace(-2, 2, 9)

    def cubic(edge):
        return 0.3 - 0.2 * edge + 0.1 * edge**2 - 0.05 * edge**3

    table = np.stack([np.zeros(9), cubic(edges)])[:, None, :, None]  # of two kits: shape (kits, nodes, edges, states)
    asked = np.linspace(-2.5, 2.5, 41)
    place = np.full(41, 1), np.zeros(41, dtype=np.int64), np.zeros(41, dtype=np.int64)
    np.testing.assert_allclose(truth._at_edge(table, edges, place, asked), cubic(asked.clip(-2, 2)), atol=1e-12)
    one = tuple(array[:1] for array in place)
    counts = [
        node
        for node in range(9)
        if truth._at_edge(np.eye(9)[node][None, None, :, None].repeat(2, axis=0), edges, one, np.array([-0.25]))[0] != 0
    ]
    assert counts == [2, 3, 4, 5], "the four nearest of an edge between the fourth and the fifth"
