"""The alarms as checks: failing while one has rung for the present champion, with what is seen now."""

import dagster as dg
import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.defs.assets.monitoring import watched
from cs2_pipeline.defs.checks import monitoring
from cs2_pipeline.defs.io import TableIOManager
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.settings import Settings

PART = {"sentence": "off by 0.01", "odds": 3.5, "matches": 12, "figures": {"live_log_loss": 0.51}}
RUNG = {"at": "2026-01-09", "sentence": "off by 0.05"}


def checked(tmp_path, **looked):
    """The round model's checks on a document of the latest look, by name."""
    document = {"version": "3", "note": "no match day is extracted yet", "alarms": {}, "calibration": None,
                "drift": None} | looked  # fmt: skip
    name = catalog.ROUND.monitoring

    @dg.asset(name=name)
    def look() -> dict:
        return document

    checks = [check for check in monitoring.build() if {key.asset_key.path[0] for key in check.check_keys} == {name}]
    resources = {"io_manager": TableIOManager(Platform(Settings(home=tmp_path)).tables)}
    found = dg.materialize([look, *checks], resources=resources).get_asset_check_evaluations()
    return {one.check_name: one for one in found}


def test_a_champion_without_an_alarm_passes_with_its_numbers(tmp_path):
    found = checked(tmp_path, calibration=PART)
    calibration, drift = found["live_calibration"], found["input_drift"]
    assert (calibration.passed, calibration.description) == (True, "off by 0.01")
    assert {name: value.value for name, value in calibration.metadata.items()} == {
        "champion": "3", "odds": 3.5, "matches": 12, "live_log_loss": 0.51,
    }  # fmt: skip
    assert (drift.passed, drift.description) == (True, "not looked at: no match day is extracted yet")
    assert set(drift.metadata) == {"champion"}


@pytest.mark.parametrize(
    ("kind", "fails", "stays"),
    [("calibration", "live_calibration", "input_drift"), ("drift", "input_drift", "live_calibration")],
)
def test_an_alarm_fails_its_own_check_and_says_what_rang_and_what_is_now(tmp_path, kind, fails, stays):
    found = checked(tmp_path, alarms={"3": {kind: RUNG}, "2": {}}, **{kind: PART})
    assert not found[fails].passed
    assert found[fails].description == "rang at 2026-01-09: off by 0.05. Now: off by 0.01"
    assert found[stays].passed


def test_an_alarm_of_a_former_champion_fails_nothing(tmp_path):
    found = checked(tmp_path, alarms={"2": {"calibration": RUNG, "drift": RUNG}})
    assert all(one.passed for one in found.values())


def test_every_alarm_that_a_model_can_raise_has_its_check():
    expected = {(spec.monitoring, kind) for spec in watched() for kind in spec.monitored.alarms}
    found = [spec for check in monitoring.build() for spec in check.check_specs]
    assert len(found) == len(expected) >= 3
    assert {spec.asset_key.path[0] for spec in found} == {name for name, _ in expected}
    assert all(spec.description for spec in found)
    assert not any(spec.blocking for spec in found)
