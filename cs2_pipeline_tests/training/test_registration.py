"""What a release says of itself, and what MLflow keeps of a training."""

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.artifact import model_digest
from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.datasets.digest import digest
from cs2_pipeline.datasets.leakage.report import AuditReport
from cs2_pipeline.evaluation.promotion import Decision
from cs2_pipeline.models.training import Candidate
from cs2_pipeline.stats.intervals import Interval
from cs2_pipeline.training import registration
from cs2_pipeline.training.registration import PROMOTE, REFUSE, Release, _about, run_of
from cs2_pipeline.training.stops import Judged
from cs2_pipeline_tests.tiny_models import round_artifact

VERSION = ModelVersion("round_predictor", "7", "run 9", "", "", "", "", "", {}, {})
METRICS = {"log_loss": Interval(0.5, 0.4, 0.6), "ece": Interval(0.01, 0.0, 0.02)}
BASELINE = {"log_loss": Interval(0.55, 0.5, 0.6), "ece": Interval(0.03, 0.02, 0.04)}
EVIDENCE = SimpleNamespace(
    metrics=METRICS, baseline="logistic regression", baseline_metrics=BASELINE, metrics_required_only=None,
    slices=pd.DataFrame({"slice": ["all"]}), reliability=None, by_rounds=pd.DataFrame({"rows": [1]}),
)  # fmt: skip


def decision(promote):
    return Decision(promote, (), ("It is better.", "It is lawful."), {"test_log_loss": 0.5}, "the report")


def released(promote=True, **evidence):
    return Release(VERSION, decision(promote), SimpleNamespace(**vars(EVIDENCE) | evidence), {}, "the card")


def test_the_summary_has_each_figure_beside_the_baselines_and_the_verdict_with_its_reasons():
    assert released().summary().split("\n") == [
        "version 7, test part, 95 % intervals; beside logistic regression:",
        "log_loss  0.5000 [0.4000, 0.6000]   0.5500 [0.5000, 0.6000]",
        "ece       0.0100 [0.0000, 0.0200]   0.0300 [0.0200, 0.0400]",
        "earned promotion: It is better. It is lawful.",
    ]
    assert released(promote=False).summary().endswith("\nnot to be promoted: It is better. It is lawful.")


def test_the_summary_says_what_the_required_inputs_alone_are_worth_where_that_was_measured():
    lines = released(metrics_required_only=BASELINE).summary().split("\n")
    assert lines[3] == (
        "with the ten required inputs only: log_loss 0.5500 [0.5000, 0.6000], ece 0.0300 [0.0200, 0.0400]"
    )


def test_the_document_names_the_version():
    assert released().to_document() == {"name": "round_predictor", "version": "7", "run_id": "run 9"}


@pytest.fixture
def judged(tmp_path):
    dataset = pd.DataFrame(
        {
            "part": ["train", "train", "test"], "source": "demo",
            "started_at": pd.to_datetime(["2026-01-02", "2026-01-01", "2026-01-05"], utc=True),
        }
    )  # fmt: skip
    one = Candidate("student", {"units": 8}, 0.5, 0.6, 1.5, len, {"train_loss": [(1, 0.7)]})
    other = replace(one, name="trees", curves={})
    training = SimpleNamespace(
        folder=tmp_path, chosen=one, candidates=(other, one), train_seconds=3.5, rows=2, learned_since=None,
        curves={"train_loss/student": [(1, 0.7)]},
    )  # fmt: skip
    return Judged(catalog.ROUND, dataset, AuditReport("round_dataset", ()), training, EVIDENCE, decision(True), VERSION)


ABOUT = SimpleNamespace(
    dataset_digest="d1", model_digest="m1", params={"seed": 4, "units": 8}, source_watermark="match of then"
)


@pytest.mark.parametrize(
    ("source", "command"), [("demo", "cs2 train round"), ("published", "cs2 train round --published")]
)
def test_the_card_says_what_was_learned_from_and_how_to_do_it_again(judged, tmp_path, source, command):
    round_artifact(tmp_path)
    dataset = judged.dataset.assign(match_id=[1, 2, 3], round_id=[10, 20, 30], source=source)
    about = _about(replace(judged, dataset=dataset), 4, {"git_commit": "abc"})
    assert about.command == f"CS2_SEED=4 {command}"
    assert about.source == f"Learned from {'demo files' if source == 'demo' else 'the public snapshot file'}"
    assert {name: (part.rows, part.groups) for name, part in about.parts.items()} == {"train": (2, 2), "test": (1, 1)}
    assert about.choice == "Chosen on matches left out: student. Learned from matches since 2026-01-01."
    assert (about.params, about.git_commit) == ({"seed": 4, "units": 8}, "abc")
    assert about.source_watermark == "round 30, match of 2026-01-05T00:00:00+00:00"
    assert (about.dataset_digest, about.model_digest) == (digest(dataset), model_digest(tmp_path))
    assert (about.intended_use, about.limits) == (catalog.ROUND.intended_use, catalog.ROUND.limits)


def test_mlflow_keeps_verdict_figures_origin_and_all_tables_that_were_made(judged, tmp_path):
    run = run_of(judged, ABOUT, {"model_card.md": "the card"}, {"git_commit": "abc"})
    assert (run.model_name, run.artifact, run.dataset_digest) == ("round_predictor", tmp_path, "d1")
    assert run.params == {"chosen": "student", "seed": 4, "units": 8}
    assert run.metrics == {"test_log_loss": 0.5, "train_seconds": 3.5, "rows_train": 2.0, "rows_test": 1.0}
    trained_at = pd.Timestamp(run.tags["trained_at"])
    assert abs(pd.Timestamp.now("UTC") - trained_at) < pd.Timedelta(hours=1)
    assert {name: value for name, value in run.tags.items() if name != "trained_at"} == {
        "git_commit": "abc", "seed": "4", "source_watermark": "match of then", "source": "the demo database",
        "learned_from": "demo files", "learned_since": "2026-01-01T00:00:00+00:00",
        "learned_until": "2026-01-02T00:00:00+00:00", "model_digest": "m1", "decision": PROMOTE,
        "decision_reason": "It is better. It is lawful.", "compared_with": "7",
    }  # fmt: skip
    assert set(run.files) == {"model_card.md", "promotion.md", "audit.md", "slices.csv", "by_rounds.csv"}
    assert run.files["promotion.md"] == "the report"
    assert run.files["slices.csv"] == "slice\nall\n"
    assert run.verdict == "earned promotion"
    assert run.curves == {"train_loss/student": [(1, 0.7)]}


def test_a_refused_training_without_a_champion_says_so(judged):
    refused = replace(judged, decision=decision(False), champion=None)
    run = run_of(refused, ABOUT, {}, {})
    assert (run.verdict, run.tags["decision"], run.tags["compared_with"]) == ("refused", REFUSE, "")


def test_candidates_stand_beside_each_other_with_their_losses_and_curves(judged):
    trees, student = run_of(judged, ABOUT, {}, {}).candidates
    assert (trees.name, student.name, student.params) == ("trees", "student", {"units": 8})
    assert student.metrics == {"validation_log_loss": 0.5, "validation_log_loss_required": 0.6, "train_seconds": 1.5}
    assert (trees.curves, student.curves) == ({}, {"train_loss": [(1, 0.7)]})


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn instead of drawing it."""
    asked = []

    def write(path, *what, **told):
        path.write_bytes(f"figure {len(asked)}".encode())
        asked.append((what, told))

    monkeypatch.setattr(registration.reliability, "write_figure", write)
    monkeypatch.setattr(registration.rounds_seen, "write_figure", write)
    return asked


def test_the_figures_of_a_model_are_of_what_was_measured(judged, drawn):
    found = {
        "model": "round model",
        "reliability": "a table",
        "probability": [0.5],
        "by_rounds": "bins",
        "min_rounds": 40,
    }
    evidence = SimpleNamespace(**vars(EVIDENCE) | found)
    figures = registration._figures(replace(judged, evidence=evidence))
    assert figures == {"reliability.png": b"figure 0", "by_rounds.png": b"figure 1"}
    predicted, observed = catalog.ROUND.drawn
    assert drawn == [
        (
            ("a table", [0.5]),
            {"title": "round model", "ece": METRICS["ece"], "predicted": predicted, "observed": observed},
        ),
        (("bins", 40), {"title": "round model, test part"}),
    ]


@pytest.mark.parametrize(
    ("missing", "figures"),
    [
        (("reliability",), ["by_rounds.png"]), (("probability",), ["by_rounds.png"]),
        (("by_rounds",), ["reliability.png"]), (("min_rounds",), ["reliability.png"]),
        (("probability", "min_rounds"), []),
    ],
)  # fmt: skip
def test_what_was_not_measured_is_not_drawn(judged, drawn, missing, figures):
    found = {
        "model": "round model",
        "reliability": "a table",
        "probability": [0.5],
        "by_rounds": "bins",
        "min_rounds": 0,
    }
    evidence = SimpleNamespace(**vars(EVIDENCE) | found | dict.fromkeys(missing))
    assert list(registration._figures(replace(judged, evidence=evidence))) == figures
