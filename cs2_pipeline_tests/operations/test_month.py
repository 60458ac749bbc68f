"""A month left alone: new demos every day, one corrupted day, a schema that changes, and a patch of the game.

Thirty days go by tick by tick, on one Dagster instance and one MLflow store, with nobody doing anything but what
somebody upstream would. Two things are made cheap: the fitting (fewer epochs, two folds), and trainings are asked for
by the week: the nightly one looks up from its sleep every seventh night, and new rounds are enough after as many.
"""

import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
from mlflow.tracking import MlflowClient

from cs2_pipeline.artifact import catalog
from cs2_pipeline.datasets.rounds import FORMER
from cs2_pipeline.defs.automation import new_demos
from cs2_pipeline.defs.retries import FAILURE_TAG, PERMANENT
from cs2_pipeline.defs.verdicts import State
from cs2_pipeline.demodb.simulator import GameModel, simulate
from cs2_pipeline.registry import promotion
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.models.round.quick import train_quickly
from cs2_pipeline_tests.operations.month import Month

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

BEGIN = date(2026, 1, 1)
HISTORY = 16
MATCHES = 20
TEAMS = 40
WEEK_OF_ROUNDS = 3_000
DAYS = 30
BAD_DAY, OTHER_SPELLING, PATCH, MISSING, RESTORED = 3, 5, 8, 14, 16
"""Days of the month, from 0."""
PATCHED = GameModel(t_rifle_edge=0.6)
OTHER_NAME = 'ALTER TABLE "PlayerMatchStats" RENAME COLUMN "HeadshotKills" TO "Headshots"'
USUAL_NAME = 'ALTER TABLE "PlayerMatchStats" RENAME COLUMN "Headshots" TO "HeadshotKills"'
UNKNOWN_NAME = 'ALTER TABLE "Rounds" RENAME COLUMN "RoundNumber" TO "Nth"'
KNOWN_NAME = 'ALTER TABLE "Rounds" RENAME COLUMN "Nth" TO "RoundNumber"'


def day_of(number):
    return BEGIN + timedelta(days=HISTORY + number)


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    """The month as it went."""
    home = tmp_path_factory.mktemp("month") / "cs2"
    (home / "dagster").mkdir(parents=True)
    settings = Settings(home=home, first_day=BEGIN, snapshot_interval=30, retrain_after_rounds=WEEK_OF_ROUNDS)
    simulate(settings.embedded_database, matches=HISTORY * MATCHES, days=HISTORY, teams=TEAMS, first_day=BEGIN)
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.local_temp(str(home / "dagster")) as instance:
        train_quickly(patch, epochs=5)
        patch.setattr(new_demos, "FIRST_PAUSE", timedelta(0))  # nobody waits here between two attempts
        lived = Month(settings, instance, teams=TEAMS)
        lived.day = day_of(-1)
        lived.pass_a_day(night=True)
        for number in range(DAYS):
            live(lived, number)
        yield lived


def live(month, number):
    """One day: somebody upstream does what they do, demos come in, the platform looks after itself."""
    if number > OTHER_SPELLING:
        month.sql(USUAL_NAME)  # the simulator writes the usual spelling; what the platform sees is the other one
    month.play(MATCHES, PATCHED if number >= PATCH else None)
    if number == BAD_DAY:
        corrupted = f"""UPDATE "Rounds" SET "CTEquipmentValue" = 10000000 WHERE "MatchId" IN
            (SELECT "Id" FROM "Matches" WHERE "StartTime" LIKE '{month.day}%')"""  # noqa: S608
        month.sql(corrupted)
        month.tell("upstream: the day's rounds claim ten million dollars of equipment")
    if number == PATCH:
        month.tell("upstream: a patch makes the T side's rifles stronger")
    if number >= OTHER_SPELLING:
        month.sql(OTHER_NAME)
    if number == OTHER_SPELLING:
        month.tell("upstream: PlayerMatchStats.HeadshotKills is called Headshots from now on")
    if number == MISSING:
        month.tell("upstream: Rounds.RoundNumber is gone")
    if number == RESTORED:
        month.tell("upstream: Rounds.RoundNumber is back")
    missing = MISSING <= number < RESTORED
    if missing:
        month.sql(UNKNOWN_NAME)
    month.pass_a_day(night=number % 7 == 6 or number == DAYS - 1)
    if missing:
        month.sql(KNOWN_NAME)


def extractions(month, number):
    """On which days of the month the sensor asked for a day."""
    key = day_of(number).isoformat()
    return [day for day, request in month.asked["new_demos"] if f" {key} {key} " in str(request.run_key)]


def test_the_corrupted_day_is_in_quarantine_and_every_other_day_is_used(month):
    usable = month.verdicts.usable()
    assert list(usable.left_out) == [day_of(BAD_DAY).isoformat()]
    assert "ct_equipment_value" in usable.left_out[day_of(BAD_DAY).isoformat()]
    assert len(usable.days) == HISTORY + DAYS - 1
    assert month.verdicts.of("rounds", day_of(BAD_DAY).isoformat()).state is State.QUARANTINED
    assert extractions(month, BAD_DAY) == [day_of(BAD_DAY)], "what was found bad is not asked for again"


def test_another_known_spelling_is_read_as_if_nothing_had_happened(month):
    lines = month.platform.tables.read("player_match_stats", [day_of(OTHER_SPELLING).isoformat()])
    assert lines["headshots"].sum() > 0
    assert extractions(month, OTHER_SPELLING) == [day_of(OTHER_SPELLING)]


def test_a_missing_column_fails_each_day_once_and_all_of_them_are_made_up_for_when_it_is_back(month):
    for number in range(MISSING, RESTORED):
        assert extractions(month, number) == [day_of(number), day_of(RESTORED)]
    failed = month.instance.get_runs(dg.RunsFilter(tags={FAILURE_TAG: PERMANENT}))
    assert len(failed) == RESTORED - MISSING
    held_back = [entry["held_back"] for entry in month.platform.tables.read_json("notifications").values()]
    assert 1 in held_back, "the second failure of the same cause came within the hour and was held back"


def test_the_shift_rings_and_leads_to_a_training_and_to_a_new_champion(month):
    rang = [day for day, text in month.story if text.startswith("alarm of")]
    assert rang, month.told()
    assert day_of(PATCH) <= rang[0] < day_of(PATCH + 10), "it rings soon after the patch, and never before"
    assert [day for day, _ in month.asked["retrain_on_drift"]][:1] == rang[:1]
    promoted = [day for day, text in month.story if f"{catalog.ROUND.name} version" in text and "promoted:" in text]
    assert promoted[-1] > rang[0], month.told()


def test_the_alarm_tells_when_play_changed_and_the_dataset_keeps_the_former_matches_apart(month):
    dataset = month.platform.tables.read("round_dataset")
    former = dataset.loc[dataset["part"] == FORMER, "started_at"].dt.date
    assert former.min() == BEGIN
    assert abs(former.max() - day_of(PATCH - 1)) <= timedelta(days=2)


@pytest.mark.parametrize("name", catalog.names())
def test_nothing_is_promoted_that_its_verdict_refused_and_nothing_that_is_not_surely_better(month, name):
    versions = {version.version: version for version in promotion.versions(month.registry, name)}
    events = promotion.history(month.registry, name)
    assert versions, month.told()
    assert Counter(event.version for event in events) == Counter(dict.fromkeys(versions, 1)), "one decision for each"
    for event in events:
        version = versions[event.version]
        assert (event.action == "promoted") == (version.tags["decision"] == "promote")
        if event.action == "promoted" and event.former is not None:
            kept = MlflowClient(month.registry).download_artifacts(version.run_id, "metrics.json")
            intervals = {row[0]: row for row in json.loads(Path(kept).read_text())["data"]}
            assert intervals["against_champion"][3] <= 0


@pytest.mark.parametrize("name", catalog.names())
def test_history_and_aliases_tell_the_same_story(month, name):
    champion, previous = None, None
    for event in promotion.history(month.registry, name):
        assert event.former == champion
        if event.action == "promoted":
            champion, previous = event.version, champion
    expected = {"champion": champion, "previous": previous}
    found = promotion.aliases(month.registry, name)
    assert found == {alias: version for alias, version in expected.items() if version is not None}
    assert [day for day, _ in month.story] == sorted(day for day, _ in month.story)
