"""The coach's assets on a real small demo database: observations by day, cards and trials in the records."""

from contextlib import closing
from datetime import UTC, datetime

from cs2_pipeline.coaching.counterstrike.priced import PRICED
from cs2_pipeline.coaching.counterstrike.skills import GAME, SKILLS
from cs2_pipeline.defs.assets.coaching import NO_CHAMPION, OBSERVATIONS, PRICED_OBSERVATIONS
from cs2_pipeline.defs.jobs import COACH
from cs2_pipeline.defs.verdicts import State
from cs2_pipeline.records import coaching
from cs2_pipeline.records.database import open_records
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.runs import record
from cs2_pipeline_tests.defs.conftest import DAYS
from cs2_pipeline_tests.tiny_models import round_artifact, training_run


def test_cards_reach_the_records_and_a_followed_plan_is_looked_at(extracted):
    tables = extracted.platform.tables
    assert tables.partitions(OBSERVATIONS) == DAYS
    rows = tables.read(OBSERVATIONS)
    assert set(rows["skill"]) <= {skill.name for skill in SKILLS}
    player = rows["player"].iloc[0]
    since = datetime(2026, 1, 3, tzinfo=UTC)
    with closing(open_records(extracted.settings)) as records:
        plan = coaching.begin_plan(
            records, GAME, player, {"items": [{"drill": {"name": "alive", "skill": "survival"}}]}, at=since
        )
        assert extracted.run(COACH).success
        card = coaching.card(records, GAME, player)
        assert card["player"] == player
        assert card["matches"] == rows.loc[rows["player"] == player, "match"].nunique()
        assert [line["skill"] for line in card["lines"]] + list(card["missing"])
        (kept,) = coaching.plans(records, GAME, player)
        assert kept.id == plan
        assert set(kept.progress) <= {"survival"}


def test_a_broken_day_is_put_in_quarantine_and_no_card_is_made_of_it(extracted):
    assert all(extracted.verdicts.of(OBSERVATIONS, day).state is State.PASSED for day in DAYS)
    tables = extracted.platform.tables
    for day in DAYS:
        extracted.verdicts.withdraw(OBSERVATIONS, day)
    assert not extracted.run(COACH).success
    assert tables.partitions(OBSERVATIONS) == DAYS


def test_skills_told_in_prices_are_missing_without_a_champion_and_priced_by_it_with_one(extracted, tmp_path):
    assert extracted.run(COACH).success
    assert extracted.platform.tables.read(PRICED_OBSERVATIONS).empty
    round_artifact(tmp_path / "artifact")
    uri, root = extracted.platform.tracking_uri, extracted.platform.artifact_root
    made = record(uri, training_run("round_predictor", tmp_path / "artifact"), artifact_root=root)
    promotion.promote(uri, made, reason="a test")
    with closing(open_records(extracted.settings)) as records:
        rows = extracted.platform.tables.read(OBSERVATIONS)
        player = rows["player"].iloc[0]
        assert coaching.card(records, GAME, player)["missing"]["swing"] == NO_CHAMPION
        assert extracted.run(COACH).success
        priced = extracted.platform.tables.read(PRICED_OBSERVATIONS)
        assert set(priced["skill"]) == set(PRICED)
        assert set(priced["player"]) == set(rows["player"])
        card = coaching.card(records, GAME, player)
        assert "swing" not in {skill for skill, reason in card["missing"].items() if reason == NO_CHAMPION}
        swing = priced[priced["skill"] == "swing"].groupby("match")["total"].sum()
        assert swing.abs().max() < 1.5
