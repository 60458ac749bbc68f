"""How each kind of model is judged: from a case to its evidence. Entries of the table of models name one of these."""

from dataclasses import replace

import pandas as pd

from cs2_pipeline.evaluation import evidence, match_laws, rounds_seen
from cs2_pipeline.evaluation.evidence import Case, Evidence, Rival
from cs2_pipeline.evaluation.laws import LawResult
from cs2_pipeline.game.player import UNREACHABLE_ROUNDS


def of_rounds(case: Case) -> Evidence:
    """Evidence of a round model."""
    training = case.training
    return evidence.of_round_model(
        case.test,
        evidence.answers(case.spec, training.artifact),
        Rival(training.baseline.name, training.baseline.predict),
        model=case.spec.name,
        audit=case.audit,
        champion=case.champion,
        seed=case.seed,
    )


def of_players(case: Case) -> Evidence:
    """Evidence of a player model, measured on the records that get an answer: what is measured is what is served."""
    from cs2_pipeline.models.player import classifier  # noqa: PLC0415  needs torch

    test, training = case.test, case.training
    if not isinstance(training, classifier.PlayerTraining):
        raise TypeError(f"{case.spec.name}: judged as a player model, but fitted as a {type(training).__name__}")
    predict = evidence.answers(case.spec, training.artifact)
    rule = training.baseline.predict
    found = evidence.of_player_model(
        answered(test, training.min_rounds),
        predict,
        Rival(training.baseline.name, rule),
        model=case.spec.name,
        audit=case.audit,
        champion=case.champion,
        seed=case.seed,
    )
    return replace(
        found,
        laws=[*(found.laws or []), answers_somebody(test, training.min_rounds)],
        by_rounds=classifier.by_rounds(test, predict, rule, training.prior),
        min_rounds=training.min_rounds,
    )


def answered(test: pd.DataFrame, min_rounds: int) -> pd.DataFrame:
    """The records that get an answer; all of them where none would."""
    enough = test["total_rounds"] >= min_rounds
    return test[enough] if enough.any() else test


def answers_somebody(test: pd.DataFrame, min_rounds: int) -> LawResult:
    """Whether a record of the test part gets an answer: without one nothing that is served was measured."""
    holds, sentence = bool((test["total_rounds"] >= min_rounds).any()), rounds_seen.sentence(min_rounds)
    if not holds and min_rounds < UNREACHABLE_ROUNDS:
        sentence += " Nobody in the test part has as many."
    return LawResult("it answers somebody", holds, 1, int(not holds), 0.0, None, sentence)


def of_matches(case: Case) -> Evidence:
    """Evidence of a match model: as of any 0/1 outcome, and the laws of a forecast between two sides."""
    found = evidence.of_outcome(case)
    predict = match_laws.whole(case.training.artifact)
    features = case.test[list(match_laws.READ)].to_numpy(dtype="float32")
    checked = match_laws.check(predict, seed=case.seed, features=features)
    return replace(found, laws=[*(found.laws or []), *checked, match_laws.more_than_a_coin(found.metrics["log_loss"])])
