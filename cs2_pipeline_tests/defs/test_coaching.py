"""The coach's assets on a real small demo database: observations by day, cards and trials in the records."""

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime

import pandas as pd

from cs2_pipeline.coaching.counterstrike.priced import PRICED
from cs2_pipeline.coaching.counterstrike.skills import GAME, SKILLS
from cs2_pipeline.defs.assets import impact
from cs2_pipeline.defs.assets.coaching import NO_CHAMPION, OBSERVATIONS, PRICED_OBSERVATIONS
from cs2_pipeline.defs.jobs import COACH
from cs2_pipeline.defs.verdicts import State, Verdict
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
    _champion(extracted, tmp_path)
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


def _champion(world, folder):
    round_artifact(folder / "artifact")
    uri, root = world.platform.tracking_uri, world.platform.artifact_root
    made = record(uri, training_run("round_predictor", folder / "artifact"), artifact_root=root)
    promotion.promote(uri, made, reason="a test")


def test_priced_in_one_stretch_is_priced_day_by_day_and_a_bad_day_within_it_is_left_out(
    extracted, tmp_path, monkeypatch
):
    _champion(extracted, tmp_path)
    tables, keys = extracted.platform.tables, ["player", "match", "context", "skill"]

    def made():
        assert extracted.run(COACH).success
        return tables.read(PRICED_OBSERVATIONS).sort_values(keys, ignore_index=True)

    at_once = made()
    monkeypatch.setattr(impact, "ROUNDS_AT_A_TIME", 1)
    pd.testing.assert_frame_equal(at_once, made())
    monkeypatch.undo()
    extracted.verdicts.pronounce("rounds", DAYS[1], Verdict(State.QUARANTINED, ("a test",)))
    without = made()
    assert not without.empty
    assert DAYS[1] not in set(without["at"].dt.date.astype("str"))
    assert DAYS[1] in set(at_once["at"].dt.date.astype("str"))


def test_matches_imported_long_after_they_were_played_are_priced_too(world, tmp_path):
    with closing(sqlite3.connect(world.database)) as connection, connection:
        connection.execute("UPDATE Matches SET StartTime = '2026-01-20 09:00:00.000000'")
    assert world.extract(date(2026, 1, 20), date(2026, 1, 20)).success
    _champion(world, tmp_path)
    assert world.run(COACH).success
    assert world.platform.tables.read(PRICED_OBSERVATIONS)["match"].nunique() == 8
