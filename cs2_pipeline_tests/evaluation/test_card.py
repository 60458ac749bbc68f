import numpy as np
import pytest

from cs2_pipeline.evaluation import card, evidence
from cs2_pipeline.evaluation.promotion import decide
from cs2_pipeline_tests.evaluation.play import fair_price, whole_rounds


@pytest.fixture(scope="module")
def rendered():
    test = whole_rounds(7, matches=120)
    gathered = evidence.of_round_model(
        test,
        fair_price,
        evidence.Rival("logistic regression", lambda features: np.full(len(features), 0.5)),
        model="round_predictor",
        audit=[],
    )
    about = card.About(
        source="Demo database, 120 simulated matches",
        parts=card.parts_of(test, group="match_id", time="started_at"),
        groups="matches",
        dataset_digest="d1",
        model_digest="m1",
        command="cs2 train round --seed 7",
        intended_use=["Win probability during a round."],
        limits=["Says nothing about maps it has not seen."],
        choice="Chosen on the validation part among five candidates.",
        params={"epochs": 30, "features": "a|b"},
    )
    return card.render(gathered, decide(gathered), about)


def test_the_card_says_everything_a_reviewer_asks_for(rendered):
    titles = [line.removeprefix("## ") for line in rendered.splitlines() if line.startswith("## ")]
    assert titles == [
        "Intended use", "Data", "Metrics on the test part", "Slices", "Laws", "Promotion", "Limits",
        "How to make it again",
    ]  # fmt: skip


def test_the_card_gives_data_period_and_split(rendered):
    assert "| test | 11,520 | 120 | 2026-01-01 | 2026-01-05 |" in rendered
    assert "Split by whole matches in time order." in rendered


def test_the_card_sets_the_models_figures_beside_the_baselines_and_those_without_optional_inputs(rendered):
    assert "| Metric | round_predictor | logistic regression | round_predictor, required inputs only |" in rendered
    assert "| log_loss | 0.5" in rendered
    assert "A perfectly calibrated model would show an ECE of 0.0" in rendered


def test_the_card_lists_slices_and_laws(rendered):
    assert "| map | de_nuke | 5,760 | 1,440 | 60 |" in rendered
    assert "- holds: Decided states are exactly 0 or 1" in rendered


def test_the_card_names_the_command_and_the_digests_that_make_the_model_again(rendered):
    assert "    cs2 train round --seed 7" in rendered
    assert "| dataset digest | `d1` |" in rendered
    assert "| model digest | `m1` |" in rendered
    assert "| features | `a\\|b` |" in rendered


def test_every_table_row_of_the_card_has_as_many_cells_as_its_head(rendered):
    cells = 0
    for line in rendered.splitlines():
        if not line.startswith("|"):
            cells = 0
            continue
        found = line.replace("\\|", "").count("|")
        assert cells in (0, found), line
        cells = found
