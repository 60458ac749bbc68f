"""The exact probability of a round: its known values, its agreement with play, and its file."""

import json
from dataclasses import replace

import numpy as np
import pytest

from cs2_pipeline.demodb.simulator import chain, exact, streams
from cs2_pipeline.demodb.simulator.exact import state_of
from cs2_pipeline.demodb.simulator.model import GameModel
from cs2_pipeline.demodb.simulator.rounds import CT_WINS, Rounds, Setup

MODEL = GameModel(map_edges={"de_dust2": 0.0}, equipment_effect=0.03)
NO_KIT, KIT = 0, 1


@pytest.fixture(scope="module")
def truth():
    return exact.solve(MODEL)


def test_states_are_numbered_by_both_sides_living_players():
    assert [state_of(0, 0), state_of(0, 5), state_of(1, 0), state_of(5, 5)] == [0, 5, 6, 35]


def test_the_grid_of_edges_holds_every_edge_that_equipment_and_maps_can_give():
    model = GameModel(map_edges={"de_nuke": 0.4, "de_mirage": -0.3}, t_rifle_edge=0.25, ct_edge=0.1)
    edges = exact._edge_grid(model)
    values = [200, 3_500, 6_000]
    possible = [chain.edge(model, ct, t, by) for ct in values for t in values for by in (0.4, -0.3, 0.0)]
    assert edges[0] < min(possible)
    assert edges[-1] > max(possible)
    assert np.diff(edges).max() <= 0.1 + 1e-9
    flat = exact._edge_grid(replace(model, map_edges={"de_nuke": 0.4}, ct_edge=0.0, equipment_effect=0.0))
    assert flat[0] <= -0.1, "a map that is not known has no edge"


def test_nodes_are_every_quarter_second_and_tenth_after_the_plant_with_all_ends(truth):
    assert truth.round_clock.tolist() == pytest.approx(np.arange(0, 115.01, 0.25).tolist())
    assert truth.bomb_clock.tolist() == pytest.approx(np.arange(0, 40.01, 0.1).tolist())
    uneven = exact._nodes(0.25, chain.before_plant(GameModel(round_time=100.1)))
    assert {8.0, 65.1, 85.1, 100.1} <= set(uneven.tolist())
    assert (np.diff(uneven) > 0).all()


def test_tables_are_over_kits_clock_edges_and_states(truth):
    edges = len(truth.edges)
    assert truth.before.shape == (2, len(truth.round_clock), edges, 36)
    assert truth.after.shape == (2, len(truth.bomb_clock), edges, 36)
    for table in (truth.before, truth.after):
        assert (table >= -1e-12).all()
        assert (table <= 1 + 1e-12).all()


def test_decided_states_have_their_winner_at_all_times(truth):
    for ct in range(6):
        if ct:
            assert truth.before[..., state_of(ct, 0)] == pytest.approx(1), "all T dead, no bomb"
        assert truth.before[..., state_of(0, ct)] == pytest.approx(0)
        assert truth.after[..., state_of(0, ct)] == pytest.approx(0)


def test_where_the_clock_runs_out_ct_has_saved_and_t_has_bombed(truth):
    living = [state_of(ct, t) for ct in range(1, 6) for t in range(1, 6)]
    assert (truth.before[:, -1][..., living] == 1).all()
    assert (truth.after[:, -1] == 0).all()


def test_a_lone_ct_defuses_unless_the_time_is_too_short(truth):
    """Nobody can stop it: what is left of the bomb's clock after the defusal's least time decides."""
    rate = MODEL.lone_defuse_rate
    for kit, least in ((NO_KIT, 10.0), (KIT, 5.0)):
        for at in (0.0, 20.0, 38.0):
            node = np.flatnonzero(np.isclose(truth.bomb_clock, at))[0]
            expected = 1 - np.exp(-rate * (40 - max(at, least)))
            assert truth.after[kit, node, :, state_of(1, 0)] == pytest.approx(expected)


def test_ct_gains_by_edge_kits_and_numbers_and_loses_by_the_plant(truth):
    # Players help on the whole; equal sides of one and of two are no case of that.
    assert (np.diff(truth.before[..., state_of(3, 3)], axis=-1)[:, :-1] > 0).all()
    assert (truth.after[KIT, :-20, :, state_of(3, 3)] >= truth.after[NO_KIT, :-20, :, state_of(3, 3)]).all()
    for table in (truth.before, truth.after):
        middle = table[:, table.shape[1] // 2]
        assert (middle[..., state_of(4, 3)] > middle[..., state_of(3, 3)]).all()
        assert (middle[..., state_of(3, 4)] < middle[..., state_of(3, 3)]).all()
    assert (truth.after[:, 0, :, state_of(4, 4)] < truth.before[:, :-1, :, state_of(4, 4)].min(axis=1)).all()


BEFORE = [((NO_KIT, 0.0, 5, 5), 0.43020201), ((KIT, 60.0, 3, 2), 0.70430030), ((NO_KIT, 100.0, 1, 1), 0.51663260),
          ((KIT, 114.75, 2, 4), 0.97372837)]  # fmt: skip
AFTER = [((NO_KIT, 0.0, 5, 5), 0.29535228), ((KIT, 10.0, 2, 3), 0.18753510), ((NO_KIT, 9.0, 2, 1), 0.69525993),
         ((KIT, 35.0, 1, 1), 0.08661564)]  # fmt: skip
"""Kits, clock, CT and T alive: the chance of CT at the second of the grid's edges, an edge of -0.0512."""


def test_the_solution_of_this_game_is_the_one_that_it_always_was(truth):
    """Truth files of earlier versions stay true; rounds played (below) show to a percent that these numbers are."""
    for table, clock, known in ((truth.before, truth.round_clock, BEFORE), (truth.after, truth.bomb_clock, AFTER)):
        for (kit, second, ct, t), chance in known:
            node = int(np.flatnonzero(np.isclose(clock, second))[0])
            assert table[kit, node, 1, state_of(ct, t)] == pytest.approx(chance, abs=1e-8), (kit, second, ct, t)


@pytest.mark.parametrize("kit", [NO_KIT, KIT])
def test_rounds_played_end_as_the_table_says(truth, kit):
    """From the first second, and from the moment of the plant with those who then live."""
    count = 8_000
    start = Setup(
        key=streams.keys(streams.key(2), np.arange(count)), edge=np.full(count, truth.edges[2]),
        equipment=np.full((count, 2), 4_000), kit=np.full(count, kit), skill=np.zeros((count, 10)),
        headshots=np.full((count, 10), 0.5),
    )  # fmt: skip
    rounds = Rounds(MODEL, chain.Clocks.of(MODEL), start)
    rounds.play()
    won = CT_WINS[rounds.end_reason]
    assert won.mean() == pytest.approx(truth.before[kit, 0, 2, state_of(5, 5)], abs=4 * 0.5 / np.sqrt(count))
    planted = np.isfinite(rounds.plant_time)
    then = rounds.survived_until[planted] > rounds.plant_time[planted, None]
    states = state_of(then[:, :5].sum(axis=1), then[:, 5:].sum(axis=1))
    expected = truth.after[kit, 0, 2, states]
    error = np.sqrt((expected * (1 - expected)).sum()) / planted.sum()
    assert won[planted].mean() == pytest.approx(expected.mean(), abs=4 * error)


def test_a_file_gives_back_what_was_saved_and_is_readable_by_all(truth, tmp_path):
    path = exact.truth_path(tmp_path / "demos.sqlite")
    assert path == tmp_path / "demos.truth.npz"
    exact.save(truth, path)
    again = exact.load(path)
    assert again.model == MODEL
    for name in ("edges", "round_clock", "bomb_clock", "before", "after"):
        assert (getattr(again, name) == getattr(truth, name)).all()
    assert path.stat().st_mode & 0o777 == 0o644
    assert [file.name for file in tmp_path.iterdir()] == ["demos.truth.npz"]


def test_a_save_that_fails_leaves_the_old_file_and_no_other(truth, tmp_path):
    path = tmp_path / "demos.truth.npz"
    exact.save(truth, path)
    before = path.read_bytes()
    with pytest.raises(AttributeError):
        exact.save(replace(truth, model=None), path)  # type: ignore[arg-type]
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_missing_or_no_truth_is_named_with_what_to_do(truth, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz: simulate with equal skill"):
        exact.load(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(ValueError, match=r"text\.npz is not a truth file"):
        exact.load(tmp_path / "text.npz")
    np.savez(tmp_path / "later.npz", format=np.array(2), model=np.array(json.dumps(MODEL.to_json())))
    with pytest.raises(ValueError, match="format 2, expected 1"):
        exact.load(tmp_path / "later.npz")
    np.savez(tmp_path / "half.npz", format=np.array(1), model=np.array(json.dumps(MODEL.to_json())))
    with pytest.raises(ValueError, match=r"is not a truth file.*edges"):
        exact.load(tmp_path / "half.npz")
