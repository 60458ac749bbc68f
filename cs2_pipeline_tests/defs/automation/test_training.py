"""The nightly schedule and the sensor for new rounds, tick by tick, on events of a real instance."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.defs.automation.training import enough_new_rounds, nightly_training, why_not_tonight
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.settings import Settings


class Events:
    """What happened, written into an instance."""

    def __init__(self, home):
        self.instance = dg.DagsterInstance.ephemeral()
        self.platform = Platform(Settings(home=home, retrain_after_rounds=500))

        self.days, self.digest = 0, ""

    def extracted(self):
        self.days += 1
        for table in ("round_snapshots", "player_match_stats"):
            self._write(table, partition="2026-01-01")

    def built(self, rounds=100, source="round_snapshots", digest=None, days=None):
        """The datasets, from the days extracted so far or as many as are given; rounds of one day, or by day."""
        self.digest = digest or f"digest of {rounds} rounds of {self.days} days"
        read = {"digest": self.digest, "days_read": str(self.days if days is None else days)}
        by_day = rounds if isinstance(rounds, dict) else {"2026-01-01": rounds}
        self._write("round_dataset", metadata=read | {"rounds_by_day": by_day, "source": source})
        for spec in catalog.MODELS:
            if spec.dataset != catalog.ROUND.dataset:
                self._write(spec.dataset, metadata=read)

    def trained(self, digest=None, models=None):
        """The models, all or those given, on the datasets built last or on those of a digest."""
        on = {"dataset_digest": digest or self.digest}
        for spec in catalog.MODELS if models is None else models:
            self._write(spec.name, metadata=on)

    def training(self, status):
        job = dg.Definitions(
            assets=[dg.asset(name="a")(lambda: 1)], jobs=[dg.define_asset_job("train_all")]
        ).resolve_job_def("train_all")
        self.instance.create_run_for_job(job, status=status)

    def night(self):
        return why_not_tonight(self.instance, str(self.days))

    def tick(self):
        return enough_new_rounds(
            dg.build_sensor_context(
                self.instance, resources={"platform": self.platform}, sensor_name="enough_new_rounds"
            )
        )

    def _write(self, asset, **more):
        self.instance.report_runless_asset_event(dg.AssetMaterialization(asset, **more))


@pytest.fixture
def events(tmp_path):
    return Events(tmp_path)


def skipped(answer):
    assert isinstance(answer, dg.SkipReason), answer
    return answer.skip_message


def test_rounds_trained_on_before_they_were_counted_by_day_are_not_taken_for_new_ones(events):
    events.built({}, digest="of an earlier version")
    events.trained()
    events.built(700)
    assert "counting begins with the next training" in skipped(events.tick())
    events.trained()
    events.built(1_200)
    assert isinstance(events.tick(), dg.RunRequest)


@pytest.mark.parametrize("behind", catalog.MODELS, ids=lambda spec: spec.name)
def test_one_model_that_is_behind_is_enough_to_train_tonight(events, behind):
    events.extracted()
    events.built()
    events.trained()
    assert "all models were last trained" in events.night()
    events.extracted()
    events.built()
    events.trained(models=[spec for spec in catalog.MODELS if spec is not behind])
    assert events.night() == ""
    events.trained(models=[behind])
    assert "all models were last trained" in events.night()


def test_a_night_before_the_first_extraction_is_skipped(events):
    assert "nothing to train on" in events.night()


def test_the_schedule_asks_at_four_and_says_why_it_does_not(tmp_path):
    # A schedule opens its instance by address, so this one is on disk.
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        at_four = datetime(2026, 2, 1, 4, tzinfo=UTC)
        platform = {"platform": Platform(Settings(home=tmp_path))}
        with dg.build_schedule_context(instance, resources=platform, scheduled_execution_time=at_four) as context:
            assert "nothing to train on" in skipped(nightly_training(context))
            instance.report_runless_asset_event(dg.AssetMaterialization("round_snapshots", partition="2026-01-01"))
            assert isinstance(nightly_training(context), dg.RunRequest)


def test_the_first_night_after_an_extraction_trains_and_the_next_one_without_news_does_not(events):
    events.extracted()
    assert events.night() == ""
    events.built()
    events.trained()
    assert "nothing was extracted since" in events.night()
    events.extracted()
    assert events.night() == ""


def test_what_was_extracted_while_a_training_ran_is_learnt_the_next_night(events):
    events.extracted()
    events.built()
    events.extracted()
    events.trained()
    assert events.night() == ""


def test_days_that_a_dataset_built_during_an_extraction_did_not_read_are_learnt_the_next_night(events):
    events.extracted()
    events.extracted()
    events.built(days=1)
    events.trained()
    assert events.night() == ""
    events.built()
    events.trained()
    assert "nothing was extracted since" in events.night()


def test_a_dataset_built_while_a_training_ran_is_not_what_the_model_learnt_from(events):
    events.extracted()
    events.built()
    before = events.digest
    events.extracted()
    events.built()
    assert before != events.digest
    events.trained(before)
    assert events.night() == ""


def test_a_training_that_failed_is_tried_again_the_next_night(events):
    events.extracted()
    events.built()
    assert events.night() == ""


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_while_a_training_is_under_way_none_is_asked_for(events, status):
    events.extracted()
    events.built(rounds=5000)
    events.training(status)
    assert "under way" in events.night()
    assert "under way" in skipped(events.tick())


def test_rounds_are_counted_from_the_dataset_last_trained_on(events):
    assert "not been built yet" in skipped(events.tick())
    events.built(rounds=1000)
    events.trained()
    assert skipped(events.tick()) == "0 new rounds (1,000 trained on, 1,000 now): the next training starts at 500"
    events.built(rounds=1499)
    assert "499 new rounds" in skipped(events.tick())
    events.built(rounds=1500)
    assert isinstance(events.tick(), dg.RunRequest)
    events.trained()
    assert "0 new rounds (1,500 trained on, 1,500 now)" in skipped(events.tick())


def test_rounds_that_left_the_training_window_do_not_hide_new_ones(events):
    events.built(rounds={"2026-01-01": 600, "2026-01-02": 600})
    events.trained()
    events.built(rounds={"2026-01-02": 600, "2026-01-03": 499})
    assert skipped(events.tick()).startswith("499 new rounds (1,200 trained on, 1,099 now)")
    events.built(rounds={"2026-01-02": 601, "2026-01-03": 499})
    assert isinstance(events.tick(), dg.RunRequest)


def test_the_first_model_is_trained_once_there_are_enough_rounds(events):
    events.built(rounds=499)
    assert "499 new rounds (0 trained on" in skipped(events.tick())
    events.built(rounds=500)
    assert isinstance(events.tick(), dg.RunRequest)


def test_a_training_that_fails_is_not_asked_for_again_on_the_same_data(events):
    events.built(rounds=900)
    first = events.tick()
    events.built(rounds=900)  # the failed run built it anew
    events.training(dg.DagsterRunStatus.FAILURE)
    assert events.tick().run_key == first.run_key
    events.built(rounds=950)
    assert events.tick().run_key != first.run_key


def test_the_public_file_is_trained_on_by_hand_and_its_rounds_are_not_counted_as_ours(events):
    events.built(rounds=18_000, source="published_snapshots")
    assert "by hand" in skipped(events.tick())
    events.trained()
    events.built(rounds=600)
    assert isinstance(events.tick(), dg.RunRequest)
