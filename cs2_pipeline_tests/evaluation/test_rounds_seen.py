"""A player model by rounds observed: what the card says and what the figure shows."""

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.datasets.players import build
from cs2_pipeline.evaluation import rounds_seen
from cs2_pipeline.evaluation.rounds_seen import markdown, sentence, write_figure
from cs2_pipeline.game.player import UNREACHABLE_ROUNDS
from cs2_pipeline.models.player.classifier import by_rounds
from cs2_pipeline_tests.datasets.player_lines import player_lines

DATASET = build(player_lines(players=60, matches=200, seed=5), max_anchors=2)
PRIOR = np.full(4, 0.25)


def told(*scores):
    return lambda features: np.tile(scores, (len(features), 1))


TABLE = by_rounds(DATASET, told(0.1, 0.3, 0.5, 0.1), told(0.2, 0.3, 0.3, 0.2), PRIOR)


def test_the_card_has_a_line_for_each_bin_of_rounds():
    head, rule, *lines = markdown(TABLE)
    assert len(lines) == len(TABLE)
    assert {line.count("|") for line in (head, rule, *lines)} == {12}
    first = TABLE.to_dict("records")[0]
    assert lines[0].startswith(f"| {first['from_rounds']} to {first['to_rounds']} | {first['rows']} | ")
    assert f"| {first['log_loss']:.3f} | {first['rule_log_loss']:.3f} | {first['prior_log_loss']:.3f} |" in lines[0]
    assert f"{first['overconfidence_low']:+.3f} to {first['overconfidence_high']:+.3f} |" in lines[0]


def test_from_how_many_rounds_on_it_answers_is_said():
    assert "answers from 40 rounds on" in sentence(40)
    assert "never answers" in sentence(UNREACHABLE_ROUNDS)


def test_the_figure_shows_the_bins_and_shades_those_without_an_answer(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(rounds_seen, "tidy", drawn.append)
    write_figure(tmp_path / "figure.png", TABLE, 40, title="player_classifier")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    losses, shares = drawn
    # The bars' line comes first of what is drawn in bars.
    assert losses.containers[0].lines[0].get_ydata() == pytest.approx(TABLE["log_loss"])
    assert shares.containers[0].lines[0].get_ydata() == pytest.approx(TABLE["accuracy"])
    for axes, low, high in (
        (
            losses,
            TABLE["rule_log_loss"] + TABLE["against_rule_low"],
            TABLE["rule_log_loss"] + TABLE["against_rule_high"],
        ),
        (
            shares,
            TABLE["confidence"] - TABLE["overconfidence_high"],
            TABLE["confidence"] - TABLE["overconfidence_low"],
        ),
    ):
        ends = np.array([segment[:, 1] for segment in axes.containers[0].lines[2][0].get_segments()])
        assert ends == pytest.approx(np.column_stack([low, high]))
    below = int((TABLE["to_rounds"] < 40).sum())
    assert below > 0
    for axes in drawn:
        (shade,) = axes.patches
        assert shade.get_x() + shade.get_width() == below - 0.5
    assert shares.get_xticklabels()[0].get_text() == (
        f"{TABLE['from_rounds'][0]} to {TABLE['to_rounds'][0]}\n{TABLE['players'][0]} players"
    )


def test_a_model_that_always_answers_has_no_shade_and_the_figure_does_not_depend_on_when_it_was_drawn(tmp_path):
    for name in ("one.png", "two.png"):
        write_figure(tmp_path / name, TABLE, 0, title="player_classifier")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_a_single_player_is_drawn(tmp_path):
    one = DATASET[DATASET["steam_id"] == DATASET["steam_id"].iloc[0]]
    table = by_rounds(one, told(0.1, 0.3, 0.5, 0.1), told(0.2, 0.3, 0.3, 0.2), PRIOR)
    write_figure(tmp_path / "one.png", pd.DataFrame(table), UNREACHABLE_ROUNDS, title="one player")
    assert (tmp_path / "one.png").stat().st_size > 10_000
