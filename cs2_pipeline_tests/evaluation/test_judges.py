"""Which records a player model is judged on: those that get an answer when it is served."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.evaluation import judges
from cs2_pipeline.evaluation.evidence import Case, Rival
from cs2_pipeline.evaluation.laws import GENERATED_ROWS
from cs2_pipeline.evaluation.match_laws import READ
from cs2_pipeline.game.player import PLAYER_FIELDS, UNREACHABLE_ROUNDS
from cs2_pipeline.models.player import classifier
from cs2_pipeline.models.training import Candidate


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
    law = judges.answers_somebody(pd.DataFrame({"total_rounds": [1, most]}), 50)
    assert law.holds is holds
    assert ("Nobody in the test part" in law.sentence) == (not holds)


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


def player_records(*rounds, tier=(0, 1, 2, 3)):
    """Records of as many players, each with so many rounds."""
    frame = pd.DataFrame({field.name: [0.5] * len(rounds) for field in PLAYER_FIELDS})
    frame["total_rounds"] = rounds
    return frame.assign(steam_id=[f"s{place}" for place in range(len(rounds))], tier=np.resize(tier, len(rounds)))


def trained(scores, min_rounds):
    """A player model that gives everybody the same scores, beside a rule that gives each tier a quarter."""
    told = lambda features, names: {"scores": np.tile(scores, (len(features), 1))}  # noqa: E731
    rule = Candidate("a rule", {}, 1.0, 1.0, 0.0, lambda features: np.full((len(features), 4), 0.25))
    return classifier.PlayerTraining(
        candidates=[rule], chosen=rule, baseline=rule, artifact=SimpleNamespace(predict=told), folder=Path(),
        train_seconds=0.0, rows=1, prior=np.array([0.7, 0.1, 0.1, 0.1]), min_rounds=min_rounds,
        by_rounds=pd.DataFrame(), players=1,
    )  # fmt: skip


def test_a_player_model_is_measured_on_who_gets_an_answer_and_by_rounds_on_all():
    test = player_records(*[10] * 8, *[60] * 8, *[500] * 8)
    champion = Rival("7", lambda features: np.full((len(features), 4), 0.25))
    found = judges.of_players(Case(catalog.PLAYER, test, trained([0.4, 0.3, 0.2, 0.1], 60), ["x"], champion, 3))
    assert (found.model, found.audit, found.baseline, found.min_rounds) == ("player_classifier", ["x"], "a rule", 60)
    assert found.probability.tolist() == [0.4] * 16, "eight of 24 get no answer"
    loss = -np.log([0.4, 0.3, 0.2, 0.1]).mean()
    assert found.metrics["log_loss"].value == pytest.approx(loss)
    assert found.baseline_metrics["log_loss"].value == pytest.approx(np.log(4))
    assert found.against_baseline.value == pytest.approx(loss - np.log(4))
    assert (found.champion, found.against_champion.value) == ("7", pytest.approx(loss - np.log(4)))
    assert [law.name for law in found.laws] == [
        "scores are finite and inside (0, 1)", "the scores of a player add up to 1", "it answers somebody",
    ]  # fmt: skip
    assert all(law.holds for law in found.laws)
    seen = found.by_rounds
    assert seen["rows"].sum() == 24
    assert seen["log_loss"].tolist() == pytest.approx([loss] * len(seen))
    assert seen["rule_log_loss"].tolist() == pytest.approx([np.log(4)] * len(seen))
    assert seen["prior_log_loss"].iloc[0] == pytest.approx(-np.log([0.7, 0.1, 0.1, 0.1]).mean())
    assert found.slices["players"].max() == 16


def sides(rows):
    """A lawful price of a match: the further ahead the surer, the longer the series the more so."""
    shown = 1 / (1 + np.exp(-np.abs(rows[:, 0]).astype(np.float64) * rows[:, 2]))
    price = np.where(rows[:, 0] >= 0, shown.astype(np.float32), np.float32(1) - shown.astype(np.float32))
    return {"probability": price, "low": price, "high": price}


def test_a_match_model_is_judged_as_any_outcome_and_by_the_laws_between_two_sides():
    names = list(catalog.MATCH.features)
    rng = np.random.default_rng(0)
    test = pd.DataFrame(rng.normal(0, 1, (60, len(names))), columns=names).clip(-2, 2)
    test["variance"], test["best_of"] = test["variance"].abs(), rng.choice([1, 3, 5], 60)
    test["first_wins"] = (test["latent"] > 0).astype(int)
    test["match_id"], test["started_at"] = range(60), pd.date_range("2026-01-01", periods=60, tz="UTC")
    asked = []

    def predict(features, given):
        asked.append((len(features), tuple(given)))
        return sides(features)

    training = SimpleNamespace(artifact=SimpleNamespace(predict=predict), baseline=a_coin())
    found = judges.of_matches(Case(catalog.MATCH, test, training, [], None, 0))
    held = {law.name: law.holds for law in found.laws}
    assert list(held) == [
        "every probability is strictly between 0 and 1", "exchanging the sides gives exactly 1 - p",
        "more certain input never widens the interval", "more advantage never lowers the price",
        "a longer series never lowers the better side's price", "it says more than a coin",
    ]  # fmt: skip
    assert all(held.values())
    assert found.metrics["log_loss"].high < np.log(2)
    assert asked[0] == (60, tuple(names)), "what is served is measured with all that the entry names"
    assert asked[1] == (GENERATED_ROWS + 60, READ), "the laws are checked on drawn rows and on those of the test part"


def a_coin():
    return SimpleNamespace(name="a coin", predict=lambda features: np.full(len(features), 0.5))
