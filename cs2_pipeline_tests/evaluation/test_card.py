from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.datasets.players import build
from cs2_pipeline.evaluation import card, domain, evidence
from cs2_pipeline.evaluation.laws import LawResult
from cs2_pipeline.evaluation.promotion import Decision, decide
from cs2_pipeline.game.features import ROUND_FEATURES
from cs2_pipeline.game.state import OPTIONAL_ROUND_FIELDS
from cs2_pipeline.models.player import classifier
from cs2_pipeline.stats import metrics
from cs2_pipeline.stats.intervals import Interval
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


# ---- the card as a whole, of evidence made up for it

DAY = pd.Timestamp("2026-01-02", tz="UTC")
BY_ROUNDS = pd.DataFrame(
    [{"from_rounds": 3, "to_rounds": 1_250, "rows": 1_200, "players": 1_100, "log_loss": 1.2345, "rule_log_loss": 1.3,
      "prior_log_loss": 1.4, "tier_error": 0.5, "rule_tier_error": 0.625, "accuracy": 0.75,
      "against_rule_low": -0.1, "against_rule_high": 0.01, "overconfidence_low": -0.02, "overconfidence_high": 0.03}]
)  # fmt: skip
LAW = LawResult("a law", True, 3, 0, 0.0, None, "A law: none of 3 rows breaks it.")
MADE_UP = evidence.Evidence(
    model="a model",
    metrics={"log_loss": Interval(0.5, 0.4, 0.6), "ece": Interval(0.01, 0.0, 0.02)},
    baseline_metrics={"log_loss": Interval(0.7, 0.6, 0.8)},
    baseline="a coin",
    against_baseline=Interval(-0.2, -0.3, -0.1),
    audit=[],
    laws=[LAW, replace(LAW, holds=False, sentence="Another law: 1 of 3 rows break it.")],
    slices=pd.DataFrame(
        [{"slice": "map", "value": "a|b", "rows": 12_000, "players": 1_234, "mean_prediction": 0.51239,
          "mean_outcome": 0.5, "gap": 0.01239, "gap_low": -0.01, "gap_high": 0.03}]
    ),
    ece_floor=Interval(0.004, 0.001, 0.009),
    by_rounds=BY_ROUNDS,
    min_rounds=1_500,
    ignored_inputs=("ct_helmets", "map_name"),
)  # fmt: skip
FROM = card.About(
    source="Learned from demo files",
    parts={"train": card.Part(12_345, 1_000, DAY, DAY + pd.Timedelta(days=2))},
    groups="players",
    dataset_digest="d1",
    model_digest="m1",
    command="cs2 train player",
    intended_use=["One use.", "Another."],
    limits=["A limit."],
    choice="Chosen among two.",
    params={"epochs": 3},
    source_watermark="w1",
)
CARD = """\
# Model card: a model

Chosen among two.

## Intended use

- One use.
- Another.

## Data

Learned from demo files. Split by whole players in time order.

| Part | Rows | Players | From | To |
|---|---|---|---|---|
| train | 12,345 | 1,000 | 2026-01-02 | 2026-01-04 |

## Metrics on the test part

| Metric | a model | a coin |
|---|---|---|
| log_loss | 0.5000 [0.4000, 0.6000] | 0.7000 [0.6000, 0.8000] |
| ece | 0.0100 [0.0000, 0.0200] | – |

In brackets: 95 % intervals by resampling whole players.
A perfectly calibrated model would show an ECE of 0.0040 [0.0010, 0.0090] on this sample.
The curve of observed shares against predicted ones is [reliability.png](reliability.png).

## By rounds observed

It answers from 1,500 rounds on; below them it says that there are not enough rounds yet. All of the test part, \
answered or not; drawn in [by_rounds.png](by_rounds.png).

| Rounds seen | Rows | Players | Log loss | Rule | Knowing nothing | Model less rule, 95 % | Mean tier error | Rule | \
Accuracy | Confidence less accuracy, 95 % |
|---|---|---|---|---|---|---|---|---|---|---|
| 3 to 1,250 | 1,200 | 1,100 | 1.234 | 1.300 | 1.400 | -0.100 to +0.010 | 0.500 | 0.625 | 0.750 | -0.020 to +0.030 |

## Slices

| Slice | Value | Rows | Players | Mean prediction | Mean outcome | Prediction minus outcome, 99 % interval |
|---|---|---|---|---|---|---|
| map | a\\|b | 12,000 | 1,234 | 0.512 | 0.500 | +0.0124 [-0.0100, +0.0300] |

## Laws

- holds: A law: none of 3 rows breaks it.
- **broken**: Another law: 1 of 3 rows break it.

## Promotion

Not promoted.
- No.

## Limits

- It ignores `ct_helmets`, `map_name`: never varied in training, so nothing could be learned. Its answers say so when \
given.
- A limit.

## How to make it again

    cs2 train player

| What | Value |
|---|---|
| dataset digest | `d1` |
| model digest | `m1` |
| source watermark | `w1` |
| epochs | `3` |
"""
REFUSED = Decision(False, (), ("No.",), {}, "")


def test_a_card_holds_all_that_is_known_of_a_model_in_this_order():
    assert card.render(MADE_UP, REFUSED, FROM) == CARD


def test_a_card_leaves_out_what_is_not_known():
    bare = replace(MADE_UP, laws=None, slices=None, ece_floor=None, by_rounds=None, min_rounds=None, ignored_inputs=())
    rendered = card.render(
        bare,
        replace(REFUSED, promote=True, reasons=("Better.",)),
        replace(FROM, choice="", source_watermark=None, git_commit="c1"),
    )
    assert rendered.startswith("# Model card: a model\n\n## Intended use\n")
    for absent in ("## Slices", "## Laws", "## By rounds observed", "perfectly calibrated", "ignores", "watermark"):
        assert absent not in rendered
    assert "## Promotion\n\nPromoted.\n- Better.\n\n## Limits\n\n- A limit.\n" in rendered
    assert "| model digest | `m1` |\n| git commit | `c1` |\n| epochs | `3` |\n" in rendered
    for missing in ({"by_rounds": None}, {"min_rounds": None}):
        assert "## By rounds observed" not in card.render(replace(MADE_UP, **missing), REFUSED, FROM)


def test_parts_are_counted_in_rows_and_groups_from_their_first_to_their_last_moment():
    table = pd.DataFrame(
        {"part": ["train", "test", "train", "train"], "match_id": [1, 3, 2, 2],
         "started_at": DAY + pd.to_timedelta([4, 9, 2, 7], unit="D")}
    )  # fmt: skip
    parts = card.parts_of(table, group="match_id", time="started_at")
    assert list(parts) == ["train", "test"]
    assert parts["train"] == card.Part(3, 2, DAY + pd.Timedelta(days=2), DAY + pd.Timedelta(days=7))
    assert parts["test"] == card.Part(1, 1, DAY + pd.Timedelta(days=9), DAY + pd.Timedelta(days=9))
