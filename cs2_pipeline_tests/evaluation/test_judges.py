"""Which records a player model is judged on: those that get an answer when it is served."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.evaluation import judges
from cs2_pipeline.evaluation.evidence import Case, Rival
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


CHAMPION = Rival("7", len)
ARTIFACT = SimpleNamespace(predict=lambda features, names: {"probability": np.full(len(features), 0.4)})
TRAINING = SimpleNamespace(artifact=ARTIFACT, baseline=SimpleNamespace(name="a rule", predict=len))


def test_a_round_model_is_judged_beside_its_baseline_and_the_champion(monkeypatch):
    asked = []
    monkeypatch.setattr(judges.evidence, "of_round_model", lambda *given, **named: asked.append((given, named)))
    test = pd.DataFrame({"ct_wins": [1]})
    judges.of_rounds(Case(catalog.ROUND, test, TRAINING, ["a finding"], CHAMPION, 3))
    ((table, predict, baseline), named) = asked[0]
    assert table is test
    assert predict(np.zeros((2, 3), np.float32)).tolist() == pytest.approx([0.4, 0.4])
    assert baseline == Rival("a rule", len)
    assert named == {"model": "round_predictor", "audit": ["a finding"], "champion": CHAMPION, "seed": 3}


def test_a_player_model_of_another_kind_is_refused_by_name():
    case = Case(catalog.PLAYER, pd.DataFrame({"total_rounds": [1]}), TRAINING, [], None, 0)
    with pytest.raises(TypeError, match="player_classifier: judged as a player model, but fitted as a SimpleNamespace"):
        judges.of_players(case)
