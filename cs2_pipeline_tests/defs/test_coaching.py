"""The coach's assets on a real small demo database: observations by day, cards and trials in the records."""

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from types import SimpleNamespace

import dagster as dg
import pandas as pd
import pytest

from cs2_pipeline.coaching.counterstrike.priced import PRICED
from cs2_pipeline.coaching.counterstrike.skills import GAME, SKILLS
from cs2_pipeline.defs.assets import coaching as assets
from cs2_pipeline.defs.assets import impact
from cs2_pipeline.defs.assets.coaching import NO_CHAMPION, OBSERVATIONS, PRICED_OBSERVATIONS
from cs2_pipeline.defs.jobs import COACH
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.verdicts import State, Verdict
from cs2_pipeline.records import coaching
from cs2_pipeline.records.database import open_records
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.runs import record
from cs2_pipeline.settings import Settings
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
        for number in range(5):
            others = {"items": [{"drill": {"name": "alive", "skill": "survival"}}]}
            tried = coaching.begin_plan(records, GAME, f"another {number}", others, at=since)
            trial = {"effect_in_spreads": 0.5, "error_in_spreads": 0.1}
            coaching.note_progress(records, [(tried, "survival", trial)], at=since)
        run = extracted.run(COACH)
        assert run.success
        card = coaching.card(records, GAME, player)
        assert card["player"] == player
        assert card["matches"] == rows.loc[rows["player"] == player, "match"].nunique()
        assert [line["skill"] for line in card["lines"]] + list(card["missing"])
        (kept,) = coaching.plans(records, GAME, player)
        assert kept.id == plan
        assert set(kept.progress) == {"survival"}
        everybody = [coaching.card(records, GAME, one) for one in rows["player"].unique()]
        cards = told(run, "skill_cards")
        assert cards["cards"] == len(everybody) == rows["player"].nunique()
        assert cards["cards_with_a_weakness"] == sum(bool(one["weaknesses"]) for one in everybody)
        assert cards["trials_looked_at"] == 1
        assert coaching.evidence(records, GAME)["alive"]["players"] == 6, "the one who follows a plan among them"
    of_drills = tables.read("drill_evidence")
    assert of_drills[["drill", "players"]].to_numpy().tolist() == [["alive", 6]]
    assert (of_drills["low"] < of_drills["effect"]).all() and (of_drills["effect"] < of_drills["high"]).all()
    of_skills = tables.read("skill_cards").set_index("skill")
    assert (of_skills["players"] <= len(everybody)).all() and (of_skills["spread"] >= 0).all()
    assert (of_skills["matches"] >= of_skills["players"]).all(), "each was seen at least once"
    assert told(run, "drill_evidence")["dagster/row_count"] == 1


def told(run, asset):
    """The metadata of what a run made of an asset."""
    (made,) = run.asset_materializations_for_node(asset)
    return {name: value.value for name, value in made.metadata.items()}


def test_a_broken_day_is_put_in_quarantine_and_no_card_is_made_of_it(extracted):
    assert all(extracted.verdicts.of(OBSERVATIONS, day).state is State.PASSED for day in DAYS)
    tables = extracted.platform.tables
    broken = tables.read(OBSERVATIONS, [DAYS[1]]).assign(total=float("inf"))
    tables.write(OBSERVATIONS, broken, DAYS[1])
    check = checked(extracted)
    assert not check.passed
    assert set(check.metadata["wrong"].value) == {DAYS[1]}
    assert extracted.verdicts.of(OBSERVATIONS, DAYS[1]).state is State.QUARANTINED
    assert extracted.verdicts.of(OBSERVATIONS, DAYS[0]).state is State.PASSED
    for day in DAYS:
        extracted.verdicts.withdraw(OBSERVATIONS, day)
    assert not extracted.run(COACH).success
    assert tables.partitions(OBSERVATIONS) == DAYS


def checked(world):
    """What the check of the observations says of all days."""
    selected = dg.AssetSelection.checks_for_assets(OBSERVATIONS)
    made = dg.define_asset_job("looks_again", selected)
    definitions = dg.Definitions(asset_checks=assets.checks(), resources={"platform": world.platform}, jobs=[made])
    run = definitions.resolve_job_def("looks_again").execute_in_process(instance=world.instance, raise_on_error=False)
    (evaluation,) = run.get_asset_check_evaluations()
    return evaluation


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
        assert any(line["worth"] is not None for line in card["lines"]), "a swing tells what the others are worth"
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
        (somebody,) = connection.execute("SELECT min(SteamId) FROM Players").fetchone()
        connection.execute("UPDATE Players SET SteamId = 0 WHERE SteamId = ?", (somebody,))
    assert world.extract(date(2026, 1, 20), date(2026, 1, 20)).success
    _champion(world, tmp_path)
    assert world.run(COACH).success
    priced = world.platform.tables.read(PRICED_OBSERVATIONS)
    assert priced["match"].nunique() == 8
    for seen in (priced, world.platform.tables.read(OBSERVATIONS)):
        assert seen["player"].str.isdecimal().all(), "a bot has no skills"


def test_what_is_known_of_each_skill_is_a_line_with_whether_it_can_be_advised():
    """A skill is advised where it is measured well enough and players differ in it."""

    def peers(spread):
        return SimpleNamespace(players=30, matches=90, mean=0.5, spread=spread)

    def reliability(usable):
        return SimpleNamespace(
            split_half=SimpleNamespace(value=0.8), over_time=SimpleNamespace(value=0.6), usable=usable
        )

    names = ("good", "unsure", "all alike", "unknown")
    found = SimpleNamespace(
        peers={(name, "5v5"): peers(0.0 if name == "all alike" else 0.1) for name in names},
        reliabilities={"good": reliability(True), "unsure": reliability(False), "all alike": reliability(True),
                       "unknown": None},
    )  # fmt: skip
    table = assets._reliabilities(found).set_index("skill")
    assert table["advised"].to_dict() == {"good": True, "unsure": False, "all alike": False, "unknown": False}
    assert table.loc["good"].tolist() == ["5v5", 30, 90, 0.5, 0.1, 0.8, 0.6, True]
    assert table.loc["unknown", ["split_half", "over_time"]].isna().all()


def test_without_a_day_that_passed_no_card_is_made_and_the_job_to_run_is_named(tmp_path):
    with pytest.raises(dg.Failure) as refused:
        assets._checked_days(Platform(Settings(home=tmp_path)))
    assert refused.value.description == "no day of skill_observations has passed its check: run the job `extract` first"
