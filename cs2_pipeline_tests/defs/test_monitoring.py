"""The daily look at the champion, its alarms, the training they ask for, and the way back: on a real registry."""

import json
import logging
import shutil
from datetime import UTC, date, datetime
from itertools import count
from types import SimpleNamespace

import dagster as dg
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from cs2_pipeline.artifact import catalog
from cs2_pipeline.datasets.snapshots import rebuild
from cs2_pipeline.defs import rollback
from cs2_pipeline.defs.assets import monitoring as assets
from cs2_pipeline.defs.assets.monitoring import JOB, daily_monitoring, latest
from cs2_pipeline.defs.automation import retrain_on_drift as retrain
from cs2_pipeline.defs.automation.retrain_on_drift import ALARM_TAG, retrain_on_drift
from cs2_pipeline.defs.definitions import assemble
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.verdicts import DAILY_TABLES, State, Verdict
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.events import event_tables
from cs2_pipeline.demodb.simulator import simulate
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.champion import RegistryError
from cs2_pipeline.registry.runs import record
from cs2_pipeline.settings import Settings
from cs2_pipeline.training.monitoring import latest_change
from cs2_pipeline.training.provenance import seen_until, watermark
from cs2_pipeline_tests.defs.conftest import World
from cs2_pipeline_tests.tiny_models import round_artifact, training_run

FIRST = date(2026, 1, 1)
NAME = "round_predictor"


@pytest.fixture(scope="session")
def snapshots(tmp_path_factory):
    """Snapshots of 48 matches on eight days."""
    path = tmp_path_factory.mktemp("simulated") / "demos.sqlite"
    simulate(path, matches=48, days=8, teams=10, first_day=FIRST)
    with DemoDatabase(f"sqlite:///{path}") as database:
        events = event_tables(database, FIRST, date(2026, 1, 8))
    tables = (events.rounds, events.participants, events.kills, events.damages, events.bombs)
    return rebuild(*tables, interval=30).frame


class Watched(World):
    """A platform with extracted days and versions of hand-built models."""

    numbers = count()

    def extracted(self, snapshots, state=State.PASSED):
        for day, rows in snapshots.groupby(snapshots["started_at"].dt.strftime("%Y-%m-%d")):
            self.platform.tables.write("round_snapshots", rows.reset_index(drop=True), day)
            for table in DAILY_TABLES:
                self.verdicts.pronounce(table, day, Verdict(state))

    def version(self, seen, *, bias=0.0, promoted=True, **tags):
        """A version whose dataset ended with the given snapshots."""
        folder = self.settings.home / f"artifact{next(self.numbers)}"
        round_artifact(folder, bias=bias)
        run = training_run(NAME, folder, tags={"source_watermark": watermark(seen, "started_at"), **tags})
        made = record(self.platform.tracking_uri, run, artifact_root=self.platform.artifact_root)
        if promoted:
            promotion.promote(self.platform.tracking_uri, made, reason="a test")
        return made

    def look(self):
        result = self.run(JOB)
        assert result.success
        checks = {found.check_name: found for found in result.get_asset_check_evaluations()}
        event = result.get_asset_materialization_events()[-1]
        return checks, event.step_materialization_data.materialization.metadata

    def tick(self, cursor=None):
        with dg.build_sensor_context(
            self.instance, cursor=cursor, resources={"platform": self.platform}, sensor_name="retrain_on_drift"
        ) as context:
            return retrain_on_drift(context)

    def champion(self):
        return self.platform.models.champion(NAME).version

    def roll_back(self, reason="it rings", run_id=None):
        job = assemble(self.settings).resolve_job_def(f"rollback_{NAME}")
        config = {"ops": {f"rollback_{NAME}_alias": {"config": {"reason": reason}}}}
        return job.execute_in_process(config, instance=self.instance, run_id=run_id, raise_on_error=False)


@pytest.fixture
def watched(tmp_path, empty_store):
    settings = Settings(home=tmp_path / "cs2", first_day=FIRST)
    settings.home.mkdir()
    shutil.copy(empty_store, settings.home / "mlflow.db")
    return Watched(settings, dg.DagsterInstance.ephemeral())


def days(snapshots, first, last):
    day = snapshots["started_at"].dt.day
    return snapshots[(day >= first) & (day <= last)]


def test_without_a_champion_or_without_extracted_days_it_says_so_and_rings_nothing(watched, snapshots):
    assert watched.tick().skip_reason.skip_message == "nobody has looked at the champion yet"
    checks, metadata = watched.look()
    assert metadata["summary"].value == "there is no champion yet"
    assert all(check.passed for check in checks.values())
    assert watched.tick().skip_reason.skip_message == "there is no champion yet"
    watched.version(days(snapshots, 1, 4))
    assert watched.look()[1]["summary"].value == "no match day is extracted yet"


def test_a_champion_that_has_seen_everything_is_not_judged(watched, snapshots):
    watched.extracted(snapshots)
    watched.version(snapshots)
    checks, metadata = watched.look()
    assert metadata["summary"].value.startswith("no match after 2026-01-08")
    assert all(check.passed and "not looked at" in check.description for check in checks.values())


def test_a_look_compares_later_matches_with_those_of_the_training_and_shows_numbers_and_a_figure(watched, snapshots):
    watched.extracted(snapshots)
    watched.version(days(snapshots, 1, 5))
    checks, metadata = watched.look()
    assert metadata["calibration_matches"].value == days(snapshots, 6, 8)["match_id"].nunique()
    assert metadata["live_log_loss_low"].value < metadata["live_log_loss"].value < metadata["live_log_loss_high"].value
    assert metadata["unseen_maps"].value >= 0
    assert metadata["largest_psi_low"].value <= metadata["largest_psi"].value
    assert metadata["figure"].value.startswith("![monitoring](data:image/png;base64,iVBOR")
    assert "round_time" in metadata["drift"].value
    assert checks["live_calibration"].metadata["champion"].value == watched.champion()


def test_matches_of_the_training_are_never_looked_at_though_their_rows_are_stored(watched, snapshots):
    watched.extracted(days(snapshots, 1, 5).assign(ct_wins=0))
    watched.extracted(days(snapshots, 6, 6))
    watched.version(days(snapshots, 1, 5), bias=8.0)
    assert watched.look()[1]["calibration_matches"].value == 6


def test_days_in_quarantine_are_left_out(watched, snapshots):
    watched.extracted(days(snapshots, 1, 7))
    watched.extracted(days(snapshots, 8, 8), State.QUARANTINED)
    watched.version(days(snapshots, 1, 5))
    assert watched.look()[1]["calibration_matches"].value == 12


def test_a_champion_without_stored_training_data_is_judged_on_its_calibration_alone(watched, snapshots):
    watched.extracted(days(snapshots, 5, 8))
    watched.version(days(snapshots, 1, 4))
    checks, metadata = watched.look()
    assert "no snapshots from the champion's training are stored here" in metadata["summary"].value
    assert metadata["calibration_matches"].value == 24
    assert "not looked at" in checks["input_drift"].description


def test_play_is_compared_with_no_match_older_than_the_oldest_that_the_champion_learned_from(watched, snapshots):
    watched.extracted(snapshots)
    watched.version(days(snapshots, 1, 5), learned_since="2026-01-05T00:00:00+00:00")
    assert "not looked at" not in watched.look()[0]["input_drift"].description
    watched.version(days(snapshots, 1, 5), learned_since="2026-01-06T00:00:00+00:00")
    checks, metadata = watched.look()
    assert "no snapshots from the champion's training are stored here" in metadata["summary"].value
    assert "not looked at" in checks["input_drift"].description


def test_a_champion_that_is_wrong_rings_and_the_alarm_stays_while_it_is_champion_and_asks_for_one_training(
    watched, snapshots
):
    watched.extracted(snapshots)
    good = watched.version(days(snapshots, 1, 2))
    bad = watched.version(days(snapshots, 1, 2), bias=6.0)
    check = watched.look()[0]["live_calibration"]
    assert not check.passed
    assert "the champion is off by more than 0.02 at prices from 0.8 to 1.0: CT won -0." in check.description
    assert check.severity == dg.AssetCheckSeverity.ERROR
    changed_at = latest_change(latest(watched.platform, catalog.ROUND))
    assert date(2026, 1, 3) <= changed_at.date() <= date(2026, 1, 4), "wrong since its first days"
    first = watched.tick()
    (request,) = first.run_requests
    assert request.run_key == f"alarm of version {bad.version} calibration"
    assert request.tags[ALARM_TAG] == f"{bad.version} calibration"
    again = watched.tick(first.cursor)
    assert again.run_requests == []
    assert "a training was asked for when the alarm rang for version" in again.skip_reason.skip_message

    # Fewer rows than before: the odds fall below the alarm's, and what rang has rung.
    for day in range(4, 9):
        watched.verdicts.pronounce("rounds", f"2026-01-0{day}", Verdict(State.QUARANTINED))
    check = watched.look()[0]["live_calibration"]
    assert not check.passed
    assert "rang at" in check.description
    assert "odds" in check.description.partition("Now:")[2]

    promotion.promote(watched.platform.tracking_uri, good, reason="a better one")
    assert f"the champion is now {good.version}" in watched.tick().skip_reason.skip_message
    assert watched.look()[0]["live_calibration"].passed
    assert watched.tick(first.cursor).skip_reason.skip_message == f"no alarm has rung for version {good.version}"
    assert latest(watched.platform, catalog.ROUND)["alarms"][bad.version]["calibration"]["sentence"]


def rung(watched, version, *kinds):
    alarms = {version: {kind: {"at": "2026-01-09T00:00:00+00:00", "sentence": f"{kind} moved"} for kind in kinds}}
    watched.platform.tables.write_json("round_monitoring", {"version": version, "note": "", "alarms": alarms})


def test_a_second_kind_of_alarm_asks_for_another_training_and_a_training_under_way_is_waited_for(watched, snapshots):
    version = watched.version(snapshots).version
    rung(watched, version, "drift")
    job = assemble(watched.settings).resolve_job_def("train_all")
    run = watched.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert watched.tick().skip_reason.skip_message == f"the alarm rang for version {version}; a training is under way"
    watched.instance.report_run_canceled(run)
    first = watched.tick()
    assert [request.run_key for request in first.run_requests] == [f"alarm of version {version} drift"]
    rung(watched, version, "drift", "calibration")
    second = watched.tick(first.cursor)
    assert [request.run_key for request in second.run_requests] == [f"alarm of version {version} calibration"]
    assert watched.tick(second.cursor).run_requests == []


def test_while_the_registry_is_away_the_alarm_waits(watched, snapshots):
    rung(watched, "3", "drift")
    settings = Settings(home=watched.settings.home, mlflow_tracking_uri="sqlite:////proc/nowhere/mlflow.db")
    with dg.build_sensor_context(
        watched.instance, resources={"platform": Platform(settings)}, sensor_name="retrain_on_drift"
    ) as context:
        answer = retrain_on_drift(context)
    assert "but who is champion now?" in answer.skip_reason.skip_message
    assert answer.cursor is None


def test_an_alarm_is_told_once_to_the_webhook_or_the_log(watched, snapshots):
    version = watched.version(snapshots).version
    rung(watched, version, "drift")
    first = watched.tick()
    watched.tick(first.cursor)
    (told,) = watched.platform.tables.read_json("notifications").values()
    assert told["held_back"] == 0


def test_the_look_is_asked_for_every_morning(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        at = datetime(2026, 2, 1, 5, 30, tzinfo=UTC)
        with dg.build_schedule_context(instance, scheduled_execution_time=at) as context:
            assert daily_monitoring.evaluate_tick(context).run_requests
    assert daily_monitoring.cron_schedule == "30 5 * * *"


def test_the_document_is_plain_json(watched, snapshots):
    watched.extracted(snapshots)
    watched.version(days(snapshots, 1, 7))
    watched.look()
    document = latest(watched.platform, catalog.ROUND)
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_the_rollback_job_returns_to_the_previous_champion_and_keeps_who_and_why(watched, snapshots):
    first, second = (watched.version(snapshots) for _ in range(2))
    result = watched.roll_back("prices are off since the patch")
    assert result.success
    assert watched.champion() == first.version
    event = promotion.history(watched.platform.tracking_uri, NAME)[-1]
    assert (event.action, event.version, event.former) == ("rolled_back", first.version, second.version)
    assert event.reason == "prices are off since the patch"
    assert event.by == f"Dagster run {result.run_id}"


def test_a_rollback_without_a_reason_or_without_a_previous_champion_fails_and_changes_nothing(watched, snapshots):
    only = watched.version(snapshots)
    assert not watched.roll_back("it rings").success
    assert not watched.roll_back("  ").success
    assert watched.champion() == only.version


def test_a_rollback_whose_step_runs_twice_rolls_back_once(watched, snapshots):
    first, second = (watched.version(snapshots) for _ in range(2))
    for _ in range(2):
        event = rollback.roll_back(watched.platform, NAME, reason="it rings", run_id="a")
        assert (event.version, watched.champion()) == (first.version, first.version)
    assert rollback.roll_back(watched.platform, NAME, reason="it did not", run_id="b").version == second.version


@pytest.mark.parametrize(("after", "left"), [("the history", 1), ("the alias champion", 0)])
def test_a_rollback_killed_half_way_is_completed_when_its_step_runs_again(watched, snapshots, monkeypatch, after, left):
    first, second = (watched.version(snapshots) for _ in range(2))
    original, done = MlflowClient.set_registered_model_alias, []

    def killed(*arguments):
        if len(done) == (after == "the alias champion"):
            raise KeyboardInterrupt
        done.append(arguments)
        original(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(MlflowClient, "set_registered_model_alias", killed)
        rollback.roll_back(watched.platform, NAME, reason="it rings", run_id="a")
    assert watched.champion() == (first, second)[left].version
    rollback.roll_back(watched.platform, NAME, reason="it rings", run_id="a")
    assert watched.champion() == first.version


def test_the_watermark_of_a_dataset_says_until_when_it_has_seen(snapshots):
    newest = snapshots["started_at"].max()
    assert seen_until(watermark(snapshots, "started_at")) == newest
    assert seen_until(watermark(snapshots.drop(columns="round_id"), "started_at")) == newest
    with pytest.raises(RegistryError, match="'demo 7' names no match time"):
        seen_until("demo 7")


def test_the_job_after_an_extraction_looks_at_champions_that_are_watched_on_extracted_days(tmp_path):
    """A model with a table of its own is looked at when that table is made."""
    job = assemble(Settings(home=tmp_path)).resolve_job_def(JOB)
    assert {key.to_user_string() for key in job.asset_layer.selected_asset_keys} == {catalog.ROUND.monitoring}
    assert catalog.MATCH.monitored.table is not None


def test_a_look_without_a_table_says_which_one_is_missing(tmp_path):
    platform = Platform(Settings(home=tmp_path))
    for spec, missing in (
        (catalog.ROUND, "no match day is extracted yet"), (catalog.MATCH, "forecast_settlements was not made yet"),
    ):  # fmt: skip
        assert assets._table(platform, spec, spec.monitored) == (None, missing)
    table = pd.DataFrame({"probability": [0.5]})
    platform.tables.write("forecast_settlements", table)
    found, missing = assets._table(platform, catalog.MATCH, catalog.MATCH.monitored)
    assert (found["probability"].tolist(), missing) == ([0.5], "")


RUNG = {"at": "2026-01-09", "sentence": "off by 0.05", "changed_at": None}


@pytest.mark.parametrize(
    ("looked", "asked", "fresh", "reason"),
    [
        ({}, set(), {}, "nobody has looked at the champion yet"),
        ({"version": "3", "note": "", "alarms": {}}, set(), {}, "no alarm has rung for version 3"),
        ({"version": "", "note": "there is no champion yet", "alarms": {}}, set(), {}, "there is no champion yet"),
        ({"version": "3", "note": "", "alarms": {"2": {"drift": RUNG}}}, set(), {}, "no alarm has rung for version 3"),
        ({"version": "3", "note": "", "alarms": {"3": {"drift": RUNG}}}, set(), {"3 drift": "off by 0.05"}, ""),
        ({"version": "3", "note": "", "alarms": {"3": {"drift": RUNG}}}, {"2 drift"}, {"3 drift": "off by 0.05"}, ""),
        ({"version": "3", "note": "", "alarms": {"3": {"drift": RUNG, "calibration": RUNG}}}, {"3 drift"},
         {"3 calibration": "off by 0.05"}, ""),
        ({"version": "3", "note": "", "alarms": {"3": {"drift": RUNG, "calibration": RUNG}}},
         {"3 drift", "3 calibration"}, {}, "a training was asked for when the alarm rang for version 3: "
         "calibration, drift"),
    ],
)  # fmt: skip
def test_an_alarm_is_acted_on_once_for_each_version_and_kind(looked, asked, fresh, reason):
    assert retrain._to_act_on(looked, asked) == (fresh, reason)


def test_alarms_that_ring_together_ask_for_one_training_and_are_told_together(tmp_path, monkeypatch, caplog):
    looked = {"version": "3", "alarms": {"3": {"drift": RUNG, "calibration": RUNG | {"sentence": "too sure"}}}}
    monkeypatch.setattr(assets, "latest", lambda *_: looked)
    monkeypatch.setattr(retrain, "_why_not_now", lambda *_: "")
    context = SimpleNamespace(cursor="1 drift,2 drift", instance=None, log=logging.getLogger("alarms"))
    answer = retrain._evaluate(context, Platform(Settings(home=tmp_path)), catalog.ROUND)
    (request,) = answer.run_requests
    assert request.run_key == "alarm of version 3 calibration, 3 drift"
    assert request.tags == {ALARM_TAG: "3 calibration, 3 drift"}
    assert answer.cursor == "1 drift,2 drift,3 calibration,3 drift"
    assert caplog.messages == [
        "cs2_pipeline: the alarm rang for round_predictor 3, a training is asked for. "
        "calibration: too sure; drift: off by 0.05"
    ]


def test_each_look_waits_for_the_table_it_reads_and_for_the_promotion():
    made = {one.key.to_user_string(): one for one in assets.build() if isinstance(one, dg.AssetsDefinition)}
    wants = {name: {key.to_user_string() for key in one.dependency_keys} for name, one in made.items()}
    assert wants == {
        catalog.ROUND.monitoring: {"round_snapshots", catalog.ROUND.promotion},
        catalog.MATCH.monitoring: {"forecast_settlements", catalog.MATCH.promotion},
    }
    said = {name: next(iter(one.descriptions_by_key.values())) for name, one in made.items()}
    assert said[catalog.MATCH.monitoring].endswith("on the forecasts it actually gave? Reads `forecast_settlements`.")
    assert "recomputed for every match" in said[catalog.ROUND.monitoring]
    changes = [one.key.to_user_string() for one in assets.build() if isinstance(one, dg.AssetSpec)]
    assert changes == [catalog.ROUND.changes]


def test_the_daily_look_is_at_the_champions_that_are_judged_on_extracted_matches(tmp_path):
    job = assemble(Settings(home=tmp_path)).resolve_job_def(JOB)
    assert job.asset_layer.selected_asset_keys == {dg.AssetKey(catalog.ROUND.monitoring)}
