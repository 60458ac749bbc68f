"""What is logged of a training, and what is measured of a player model."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pandas as pd
import pytest

from cs2_pipeline.game.player import NEVER
from cs2_pipeline.registry import release

TIME = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_rows_logged_as_learned_from_are_those_and_not_the_part_that_is_called_train():
    parts = ["former"] * 5 + ["train"] * 4 + ["validate"] * 3 + ["calibrate"] * 2 + ["test"]
    dataset = pd.DataFrame({"part": parts, "started_at": pd.Timestamp(TIME)})
    judged = SimpleNamespace(
        model=release._ROUND,
        audit=SimpleNamespace(to_markdown=str),
        dataset=dataset,
        training=SimpleNamespace(
            folder=None, rows=6, train_seconds=1.0, candidates=(), chosen=SimpleNamespace(name="network")
        ),
        found=SimpleNamespace(slices=None, reliability=None, by_rounds=None),
        decision=SimpleNamespace(promote=False, numbers={}, reasons=(), report=""),
        champion=None,
        learned_since=TIME,
    )
    about = SimpleNamespace(dataset_digest="d", model_digest="m", params={}, source_watermark="w")
    metrics = release._run(judged, about, {}, {}).metrics
    assert (metrics["rows_train"], metrics["rows_test"]) == (6, 1)


@pytest.mark.parametrize(("min_rounds", "holds"), [(20, True), (300, True), (301, False), (NEVER, False)])
def test_a_player_model_that_answers_nobody_in_the_test_part_breaks_a_law(min_rounds, holds):
    law = release._answers_somebody(pd.DataFrame({"total_rounds": [14, 300]}), min_rounds)
    assert law.holds is holds
    assert ("Nobody in the test part" in law.sentence) == (min_rounds == 301)
