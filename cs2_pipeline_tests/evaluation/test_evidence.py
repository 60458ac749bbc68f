"""Evidence of a probability: measured on the test part in the order of time, beside a baseline and a champion."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.evaluation.evidence import Case, Rival, of_outcome

MATCHES = 40
SPEC = SimpleNamespace(
    name="a model", features=("edge",), output="probability", label="won", group="match_id", time="started_at",
    requirements=SimpleNamespace(unit="matches"),
)  # fmt: skip
BASELINE = SimpleNamespace(name="a coin", predict=lambda features: np.full(len(features), 0.5))


@pytest.fixture(scope="module")
def test_part():
    """Matches in no order of time; the first side wins all of the earlier half and none of the later."""
    frame = pd.DataFrame({"match_id": range(MATCHES), "won": [1] * (MATCHES // 2) + [0] * (MATCHES // 2)})
    frame["started_at"] = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(frame["match_id"], unit="D")
    frame["edge"] = np.where(frame["won"] == 1, 0.8, 0.3)
    return frame.sample(frac=1, random_state=1)


def found(test, *, champion=None, artifact=None, seed=0):
    said = artifact or (lambda features, _: {"probability": features[:, 0]})
    training = SimpleNamespace(artifact=SimpleNamespace(predict=said), baseline=BASELINE)
    return of_outcome(Case(SPEC, test, training, ["a finding"], champion, seed))


LOSS = -(math.log(0.8) + math.log(0.7)) / 2


def test_a_model_is_measured_beside_its_baseline(test_part):
    evidence = found(test_part)
    assert (evidence.model, evidence.baseline, evidence.audit) == ("a model", "a coin", ["a finding"])
    assert evidence.metrics["log_loss"].value == pytest.approx(LOSS, abs=1e-6)
    assert evidence.baseline_metrics["log_loss"].value == pytest.approx(math.log(2))
    assert evidence.against_baseline.value == pytest.approx(LOSS - math.log(2), abs=1e-6)
    assert (evidence.champion, evidence.against_champion) == (None, None)
    assert sorted(set(evidence.probability.round(6))) == [0.3, 0.8]
    assert evidence.ece_floor is not None


def test_its_halves_are_those_of_time_however_the_rows_stand(test_part):
    halves = found(test_part).slices.set_index("value")
    assert halves["matches"].max() == MATCHES
    assert sorted(halves["mean_outcome"]) == [0.0, 0.5, 1.0]
    earlier = next(name for name in halves.index if "earlier" in name)
    assert halves.loc[earlier, ["mean_outcome", "mean_prediction"]].tolist() == pytest.approx([1.0, 0.8], abs=1e-6)


def test_a_champion_is_compared_on_the_rows_that_it_did_not_learn_from(test_part):
    """What it learned from it knows by heart; on the others it says what the candidate says."""
    learned = test_part["match_id"].to_numpy() % 3 == 0

    def by_heart(features):
        in_time = test_part.sort_values("started_at")
        knows = in_time["match_id"].to_numpy() % 3 == 0
        return np.where(knows, in_time["won"].clip(0.001, 0.999), features[:, 0])

    whole = found(test_part, champion=Rival("7", by_heart))
    unseen = found(test_part, champion=Rival("7", by_heart, ~learned))
    assert (unseen.champion, unseen.against_champion.value) == ("7", pytest.approx(0, abs=1e-7))
    assert whole.against_champion.value > 0.05


@pytest.mark.parametrize(("matches", "compared"), [(1, False), (2, True)])
def test_a_champion_that_has_seen_all_but_one_match_is_not_compared(test_part, matches, compared):
    unseen = np.isin(test_part["match_id"].to_numpy(), range(matches))
    evidence = found(test_part, champion=Rival("7", BASELINE.predict, unseen))
    assert math.isfinite(evidence.against_champion.value) == compared


def test_an_answer_that_is_certain_breaks_the_law_of_any_probability(test_part):
    assert [law.holds for law in found(test_part).laws] == [True]
    certain = found(test_part, artifact=lambda features, _: {"probability": np.where(features[:, 0] > 0.5, 1.0, 0.3)})
    assert [law.holds for law in certain.laws] == [False]


def test_another_seed_resamples_everything_anew(test_part):
    """With differences that vary from match to match, so that no two resamplings agree by chance."""
    varied = test_part.assign(edge=np.random.default_rng(3).uniform(0.2, 0.9, MATCHES))
    champion = Rival("7", lambda features: 0.5 * features[:, 0] + 0.2)
    one, same, other = (found(varied, champion=champion, seed=seed) for seed in (0, 0, 1))

    def resampled(evidence):
        figures = (evidence.metrics["log_loss"], evidence.baseline_metrics["brier"], evidence.against_baseline)
        halves = evidence.slices["gap_low"].tolist()
        shares = tuple(evidence.reliability["outcome_low"])
        lows = (figure.low for figure in (*figures, evidence.against_champion, evidence.ece_floor))
        return [*lows, *halves, shares]

    assert resampled(one) == resampled(same)
    differs = [a != b for a, b in zip(resampled(one), resampled(other), strict=True)]
    assert differs == [True, False, True, True, True, *[True] * 4], "a coin's Brier score is a quarter in every sample"
