"""The look that all figures share."""

import struct

import numpy as np
import pytest

from cs2_pipeline.evaluation import figures


def test_all_figures_have_a_grid_behind_the_data_and_no_box():
    axes = figures.sheet(2, 1).subplots()
    figures.tidy(axes)
    assert axes.get_axisbelow() is True
    assert all(line.get_visible() for line in axes.get_xgridlines())
    visible = {side: spine.get_visible() for side, spine in axes.spines.items()}
    assert visible == {"top": False, "right": False, "left": False, "bottom": True}
    assert all(tick.tick1line.get_markersize() == 0 for tick in axes.xaxis.get_major_ticks())


def test_a_sheet_has_150_dots_an_inch_and_the_same_bytes_whenever_it_is_drawn(tmp_path):
    for name in ("one.png", "two.png"):
        figure = figures.sheet(4, 2)
        figures.heading(figure.subplots(), "A title")
        figures.save(figure, tmp_path / name)
    content = (tmp_path / "one.png").read_bytes()
    assert struct.unpack(">II", content[16:24]) == (600, 300)
    assert content == (tmp_path / "two.png").read_bytes()


def test_the_models_points_have_their_intervals_and_lie_above_other_lines():
    axes = figures.sheet(2, 1).subplots()
    (other,) = axes.plot([0, 1], [0, 1])
    figures.points(axes, [1, 2], [0.5, 0.6], [0.4, np.nan], [0.7, np.nan], label="model")
    points, _, (bars,) = axes.containers[0].lines
    assert points.get_xydata().tolist() == [[1, 0.5], [2, 0.6]]
    assert bars.get_segments()[0][:, 1] == pytest.approx([0.4, 0.7])
    assert points.get_zorder() > other.get_zorder()
    figures.legend(axes)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["model"]
    assert not axes.get_legend().get_frame_on()
