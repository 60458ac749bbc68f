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


BINS = pd.DataFrame(
    {"from_rounds": [10, 40, 1_000], "to_rounds": [39, 100, 2_500], "players": [1_200, 30, 4], "rows": [9, 9, 9],
     "log_loss": [1.3, 1.2, 1.0], "rule_log_loss": [1.4, 1.3, 1.05], "prior_log_loss": [1.35, 1.36, 1.37],
     "accuracy": [0.4, 0.5, 0.6], "confidence": [0.5, 0.55, 0.6], "against_rule_low": -0.2, "against_rule_high": 0.1,
     "overconfidence_low": -0.05, "overconfidence_high": 0.15}
)  # fmt: skip


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Makes the figure and hands out its two panels; writing it takes long and is tested above."""

    def draw(min_rounds):
        panels = []
        monkeypatch.setattr(rounds_seen, "tidy", panels.append)
        monkeypatch.setattr(rounds_seen, "save", lambda figure, path: None)
        write_figure(tmp_path / "figure.png", BINS, min_rounds, title="player_classifier")
        return panels

    return draw


def test_the_figure_sets_the_model_beside_the_rule_and_knowing_nothing_and_its_confidence_beside_what_came(drawn):
    losses, shares = drawn(40)
    assert losses.figure.get_size_inches().tolist() == [7.2, 7.6]
    nothing, rule = losses.get_lines()[:2]
    assert nothing.get_ydata().tolist() == BINS["prior_log_loss"].tolist()
    assert rule.get_ydata().tolist() == BINS["rule_log_loss"].tolist()
    said = shares.get_lines()[0]
    assert said.get_ydata().tolist() == BINS["confidence"].tolist()
    assert [line.get_xdata().tolist() for line in (nothing, rule, said)] == [[0, 1, 2]] * 3
    assert [text.get_text() for text in losses.get_legend().get_texts()] == [
        "knowing nothing", "tier of the past K/D", "not enough rounds yet",
        "model, 95 % interval of its difference to the rule",
    ]  # fmt: skip
    assert [text.get_text() for text in shares.get_legend().get_texts()] == [
        "as the model says it", "not enough rounds yet", "observed, 95 % interval",
    ]  # fmt: skip
    assert losses.get_title(loc="left") == "player_classifier"
    assert (losses.get_ylabel(), shares.get_ylabel(), shares.get_xlabel()) == (
        "Log loss", "Share of players in their likeliest tier", "Rounds observed",
    )  # fmt: skip


def test_both_panels_have_the_bins_at_the_same_places_each_with_its_rounds_and_players(drawn):
    losses, shares = drawn(40)
    assert losses.get_xlim() == shares.get_xlim() == (-0.5, 2.5)
    assert shares.get_xticks().tolist() == [0, 1, 2]
    assert [text.get_text() for text in shares.get_xticklabels()] == [
        "10 to 39\n1,200 players", "40 to 100\n30 players", "1,000 to 2,500\n4 players",
    ]  # fmt: skip
    assert losses.get_shared_x_axes().joined(losses, shares)


@pytest.mark.parametrize(("min_rounds", "shaded"), [(39, 0), (40, 1), (100, 1), (101, 2), (2_501, 3)])
def test_bins_that_end_below_the_first_answer_are_shaded_behind_the_lines(drawn, min_rounds, shaded):
    for axes in drawn(min_rounds):
        assert len(axes.patches) == bool(shaded)
        for shade in axes.patches:
            assert (shade.get_x(), shade.get_width()) == (-0.5, shaded)
            assert shade.get_zorder() == 0
