"""Observations that can be computed with, and what is said of those that cannot."""

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.coaching.observed import OBSERVATIONS, checked
from cs2_pipeline.coaching.skills import CoachingError
from cs2_pipeline_tests.coaching.league import SKILLS

AT = pd.Timestamp("2026-01-01", tz="UTC")


def table(*rows):
    """Rows of total and exposure, one a match; or of what else differs from them."""
    made = [
        {"player": "anna", "match": str(number), "at": AT, "group": "all", "context": "", "skill": "aim",
         "total": 1.0, "exposure": 22.0} | row for number, row in enumerate(rows)
    ]  # fmt: skip
    return pd.DataFrame(made, columns=[*OBSERVATIONS])


@pytest.mark.parametrize("nothing", [0.0, -1.0, float("nan"), None])
def test_a_row_without_exposure_says_nothing_whatever_its_total(nothing):
    rows = table({}, {"exposure": nothing, "total": float("nan")}, {"total": 2.0})
    assert checked(rows, SKILLS)["total"].tolist() == [1.0, 2.0]
    assert checked(rows, SKILLS).index.tolist() == [0, 1]


def test_a_total_may_be_anything_finite_and_columns_of_others_are_left():
    rows = table({"total": -3.0}, {"total": 0.0}).assign(more=1)
    assert list(checked(rows, SKILLS).columns) == list(OBSERVATIONS)
    assert len(checked(rows, SKILLS)) == 2


@pytest.mark.parametrize(
    "wrong", [{"total": np.inf}, {"total": np.nan}, {"exposure": np.inf}, {"total": "much"}], ids=str
)
def test_a_figure_that_is_none_is_named_with_player_match_and_skill(wrong):
    with pytest.raises(CoachingError, match="aim of player anna in match 1 is"):
        checked(table({}, wrong, {}), SKILLS)


def test_a_player_has_one_row_for_a_skill_in_a_match_and_context():
    same = {"match": "m"}
    for different in ({"context": "de_nuke"}, {"skill": "trades"}, {"player": "ben"}, {"match": "n"}):
        assert len(checked(table(same, same | different), SKILLS)) == 2
    with pytest.raises(CoachingError, match=r"aim of player anna stands twice for match m$"):
        checked(table(same, same), SKILLS)
    with pytest.raises(CoachingError, match=r"for match m de_nuke$"):
        checked(table(*[same | {"context": "de_nuke"}] * 2), SKILLS)


def test_skills_and_columns_that_are_not_there_are_named():
    with pytest.raises(CoachingError, match="not defined: a, b"):
        checked(table({"skill": "b"}, {"skill": "a"}, {}), SKILLS)
    with pytest.raises(CoachingError, match="lack the columns context, exposure"):
        checked(table({}).drop(columns=["exposure", "context"]), SKILLS)
