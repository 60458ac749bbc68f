"""What is logged of a training, what is measured of a player model, and what a champion is compared on."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pandas as pd
import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.evaluation import judges
from cs2_pipeline.game.player import UNREACHABLE_ROUNDS
from cs2_pipeline.training import provenance, registration, stops

TIME = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_rows_logged_as_learned_from_are_those_and_not_the_part_that_is_called_train():
    parts = ["former"] * 5 + ["train"] * 4 + ["validate"] * 3 + ["calibrate"] * 2 + ["test"]
    dataset = pd.DataFrame({"part": parts, "started_at": pd.Timestamp(TIME)})
    judged = SimpleNamespace(
        spec=catalog.ROUND,
        audit=SimpleNamespace(to_markdown=str),
        dataset=dataset,
        training=SimpleNamespace(
            folder=None, rows=6, curves={}, train_seconds=1.0, candidates=(), chosen=SimpleNamespace(name="network")
        ),
        evidence=SimpleNamespace(slices=None, reliability=None, by_rounds=None),
        decision=SimpleNamespace(promote=False, numbers={}, reasons=(), report=""),
        champion=None,
        learned_since=TIME,
    )
    about = SimpleNamespace(dataset_digest="d", model_digest="m", params={"seed": 0}, source_watermark="w")
    metrics = registration.run_of(judged, about, {}, {}).metrics
    assert (metrics["rows_train"], metrics["rows_test"]) == (6, 1)


@pytest.mark.parametrize(("min_rounds", "holds"), [(20, True), (300, True), (301, False), (UNREACHABLE_ROUNDS, False)])
def test_a_player_model_that_answers_nobody_in_the_test_part_breaks_a_law(min_rounds, holds):
    law = judges.answers_somebody(pd.DataFrame({"total_rounds": [14, 300]}), min_rounds)
    assert law.holds is holds
    assert ("Nobody in the test part" in law.sentence) == (min_rounds == 301)


def test_a_champion_is_compared_on_no_match_that_it_may_have_learned_from():
    parts = ["former", "train", "validate", "calibrate", "test", "test"]
    days = pd.Series(pd.date_range("2026-01-01", periods=len(parts), tz="UTC"))
    learned_until = provenance.learned_until(pd.DataFrame({"part": parts, "started_at": days}), "started_at")
    champion = SimpleNamespace(version="3", tags={"learned_until": learned_until})
    rival = stops.rival_of(catalog.ROUND, stops.Champion(champion, None), days)
    assert (rival.name, rival.unseen.tolist()) == ("3", [False] * 4 + [True] * 2)
    assert stops.rival_of(catalog.PLAYER, stops.Champion(champion, None), days).unseen is None
