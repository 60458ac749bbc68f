"""Which records a player model is judged on: those that get an answer when it is served."""

import pandas as pd
import pytest

from cs2_pipeline.evaluation import judges
from cs2_pipeline.game.player import UNREACHABLE_ROUNDS


def test_a_record_with_exactly_as_many_rounds_as_are_asked_for_is_judged():
    records = pd.DataFrame({"total_rounds": [49, 50, 51]})
    assert judges.answered(records, 50)["total_rounds"].tolist() == [50, 51]


def test_where_nobody_gets_an_answer_all_are_judged_and_the_law_says_so():
    records = pd.DataFrame({"total_rounds": [3, 4]})
    assert len(judges.answered(records, 50)) == 2
    law = judges.answers_somebody(records, 50)
    assert not law.holds
    assert "Nobody in the test part has as many." in law.sentence


def test_a_model_that_answers_for_no_number_of_rounds_says_so_by_itself():
    law = judges.answers_somebody(pd.DataFrame({"total_rounds": [14, 300]}), UNREACHABLE_ROUNDS)
    assert not law.holds
    assert "Nobody in the test part" not in law.sentence


@pytest.mark.parametrize(("most", "holds"), [(49, False), (50, True), (51, True)])
def test_a_model_answers_somebody_from_exactly_its_number_of_rounds_on(most, holds):
    assert judges.answers_somebody(pd.DataFrame({"total_rounds": [1, most]}), 50).holds is holds


@pytest.mark.parametrize(("asked", "violations"), [(50, 1), (3, 0)])
def test_the_law_is_one_case_that_is_broken_or_not(asked, violations):
    law = judges.answers_somebody(pd.DataFrame({"total_rounds": [3]}), asked)
    assert (law.checked, law.violations, law.worst, law.example) == (1, violations, 0.0, None)
    assert law.name == "it answers somebody"
