from dataclasses import replace

import numpy as np
import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.datasets.players import build
from cs2_pipeline.evaluation import card, domain, evidence
from cs2_pipeline.evaluation.promotion import decide
from cs2_pipeline.game.features import ROUND_FEATURES
from cs2_pipeline.game.state import OPTIONAL_ROUND_FIELDS
from cs2_pipeline.models.player import classifier
from cs2_pipeline.stats import metrics
from cs2_pipeline_tests.datasets.player_lines import player_lines
from cs2_pipeline_tests.evaluation.play import fair_price, whole_rounds


@pytest.fixture(scope="module")
def test_part():
    return whole_rounds(7, matches=120)


def worse_without_health(features):
    """`fair_price`, too fond of CT where nobody's health is known."""
    return fair_price(features, term=0.3 * np.isnan(features[:, ROUND_FEATURES.index("ct_health")]))


@pytest.fixture(scope="module")
def gathered(test_part):
    return evidence.of_round_model(
        test_part,
        worse_without_health,
        evidence.Rival("logistic regression", lambda features: np.full(len(features), 0.5)),
        model="round_predictor",
        audit=[],
    )


@pytest.fixture(scope="module")
def about(test_part):
    return card.About(
        source="Demo database, 120 simulated matches",
        parts=card.parts_of(test_part, group="match_id", time="started_at"),
        groups="matches",
        dataset_digest="d1",
        model_digest="m1",
        command="cs2 train round --seed 7",
        intended_use=["Win probability during a round."],
        limits=["Says nothing about maps it has not seen."],
        choice="Chosen on the validation part among five candidates.",
        params={"epochs": 30, "features": "a|b"},
    )


@pytest.fixture(scope="module")
def rendered(gathered, about):
    return card.render(gathered, decide(gathered, catalog.ROUND.requirements), about)


def test_a_round_model_is_measured_with_all_its_inputs_and_with_the_required_ones(gathered, test_part):
    required = test_part.drop(columns=list(OPTIONAL_ROUND_FIELDS), errors="ignore")
    for table, measured in ((test_part, gathered.metrics), (required, gathered.metrics_required_only)):
        said = worse_without_health(domain.state_features(domain.states_of(table)))
        loss = metrics.log_losses(test_part["ct_wins"].to_numpy(), said).mean()
        assert measured["log_loss"].value == pytest.approx(loss, abs=1e-6)
    loss = gathered.metrics["log_loss"].value
    assert gathered.metrics_required_only["log_loss"].value > loss
    assert gathered.baseline_metrics["log_loss"].value == pytest.approx(np.log(2))
    assert gathered.against_baseline.value == pytest.approx(loss - np.log(2), abs=1e-6)
    assert (gathered.audit, gathered.champion, gathered.against_champion) == ([], None, None)


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
    assert "[reliability.png](reliability.png)" in rendered


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


def test_the_card_of_a_player_model_shows_its_worth_by_rounds_observed_and_links_the_figure(gathered, about):
    by_rounds = classifier.by_rounds(
        build(player_lines(players=60, matches=200, seed=5), max_anchors=2),
        lambda features: np.full((len(features), 4), 0.25),
        lambda features: np.tile([0.1, 0.2, 0.3, 0.4], (len(features), 1)),
        np.full(4, 0.25),
    )
    found = replace(gathered, by_rounds=by_rounds, min_rounds=40)
    written = card.render(found, decide(found, catalog.ROUND.requirements), about)
    section = written.split("## By rounds observed\n")[1].split("\n## ")[0]
    assert "It answers from 40 rounds on" in section
    assert "[by_rounds.png](by_rounds.png)" in section
    assert section.count("\n| ") == 1 + len(by_rounds)
    assert decide(found, catalog.ROUND.requirements).numbers["min_rounds"] == 40
