"""A look at the champion: at which matches, what is kept of it, and alarms that stay rung."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.evaluation import live_calibration
from cs2_pipeline.training import monitoring
from cs2_pipeline.training.monitoring import CALIBRATION, DRIFT, alarms_of, document, latest_change, look
from cs2_pipeline_tests.evaluation.play import whole_rounds
from cs2_pipeline_tests.tiny_models import round_artifact

FIRST = pd.Timestamp("2026-01-01", tz="UTC")


def version(seen="2026-01-01T19:00:00+00:00", number="3", **tags):
    """A champion that has seen the first 20 matches: one an hour."""
    return ModelVersion("round_predictor", number, "run", "", "", "", f"match of {seen}", "", {}, tags)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return round_artifact(tmp_path_factory.mktemp("round"))


@pytest.fixture(scope="module")
def play():
    return whole_rounds(1, matches=30)


@pytest.fixture(scope="module")
def found(artifact, play):
    return look(version(), artifact, play)


def test_what_started_after_the_newest_match_seen_is_new_and_the_rest_is_what_it_is_compared_with(found):
    assert (found.version.version, found.note) == ("3", "")
    assert found.seen_until == datetime(2026, 1, 1, 19, tzinfo=UTC)
    assert (found.calibration.matches, found.calibration.outcomes) == (10, 10 * 24)
    assert (found.drift.old_matches, found.drift.new_matches) == (20, 10)


def test_prices_are_those_of_the_champion(found, artifact, play):
    new = play[play["started_at"] > FIRST + pd.Timedelta(hours=19)]
    price = 1 / (1 + np.exp(-0.8 * (new["ct_alive"] - new["t_alive"])))
    expected = live_calibration.watch(new, price.to_numpy(), since=found.seen_until)
    assert found.calibration.log_loss.value == pytest.approx(expected.log_loss.value, abs=1e-6)


def test_decided_states_are_looked_at_by_nobody(artifact, play):
    decided = play[play["match_id"] >= 28].assign(t_alive=0.0)
    rest = play[play["match_id"] < 28]
    assert look(version(), artifact, pd.concat([rest, decided])).calibration.matches == 8


def test_matches_stored_from_before_the_oldest_one_learned_from_are_compared_with_nothing(artifact, play):
    since = (FIRST + pd.Timedelta(hours=15)).isoformat()
    assert look(version(learned_since=since), artifact, play).drift.old_matches == 5
    since = (FIRST + pd.Timedelta(hours=18)).isoformat()
    assert look(version(learned_since=since), artifact, play).drift.old_matches == 2
    since = (FIRST + pd.Timedelta(hours=19)).isoformat()
    alone = look(version(learned_since=since), artifact, play)
    assert alone.drift is None
    assert alone.note == "no snapshots from the champion's training are stored here"
    assert alone.calibration.matches == 10


def test_without_a_later_match_nothing_is_said_but_why(artifact, play):
    none = look(version(seen="2026-01-02T05:00:00+00:00"), artifact, play)
    assert (none.calibration, none.drift) == (None, None)
    assert none.note == "no match after 2026-01-02 05:00 UTC is extracted yet"
    assert document(none)["calibration"] is None


def test_the_seed_is_that_of_the_resampling(found, artifact, play):
    again, other = look(version(), artifact, play), look(version(), artifact, play, seed=1)
    assert again.drift.new_label_rate == found.drift.new_label_rate != other.drift.new_label_rate


def settlements(count, model_version="3", probability=0.7):
    return pd.DataFrame(
        {
            "seq": range(count), "kind": "map", "result_id": [f"{model_version}-{n}" for n in range(count)],
            "settled_at": pd.date_range("2026-02-01", periods=count, freq="h", tz="UTC"), "probability": probability,
            "team1_wins": [n % 10 < 7 for n in range(count)], "model_version": model_version,
        }
    )  # fmt: skip


def test_forecasts_are_looked_at_as_they_were_given_by_this_version():
    both = pd.concat([settlements(40), settlements(5, "2", 0.1)])
    found = monitoring.look_at_forecasts(version(), None, both)
    assert (found.calibration.matches, found.drift, found.note) == (40, None, "")
    none = monitoring.look_at_forecasts(version(number="4"), None, both)
    assert (none.calibration, none.note) == (None, "no forecast of version 4 is settled yet")
    kept = document(found)["calibration"]
    assert (kept["matches"], kept["rings"]) == (40, False)
    assert set(kept["figures"]) == {
        f"live_{name}{end}" for name in ("log_loss", "ece") for end in ("", "_low", "_high")
    }


def test_a_document_has_the_numbers_of_both_looks(found):
    kept = document(found)
    assert (kept["version"], kept["seen_until"], kept["note"]) == ("3", "2026-01-01T19:00:00+00:00", "")
    assert kept["alarms"] == {}
    calibration, drift = kept[CALIBRATION], kept[DRIFT]
    assert (calibration["matches"], calibration["rounds"]) == (10, 240)
    assert calibration["figures"]["live_log_loss"] == found.calibration.log_loss.value
    assert calibration["figures"]["live_ece_high"] == found.calibration.ece.high
    assert calibration["sentence"] == found.calibration.sentence
    assert calibration["odds"] == found.calibration.evidence.odds
    assert calibration["changed_at"] == found.calibration.evidence.changed_at.isoformat()
    assert drift["matches"] == 10
    assert drift["figures"]["ct_win_rate"] == found.drift.new_label_rate.value
    assert drift["figures"]["ct_win_rate_trained_on_low"] == found.drift.old_label_rate.low
    assert drift["figures"]["unseen_maps"] == 0
    top = found.drift.psi.iloc[0]
    assert [drift["figures"][f"largest_psi{end}"] for end in ("", "_low", "_high")] == list(
        top[["psi", "psi_low", "psi_high"]]
    )


def test_what_is_not_finite_is_left_out_of_the_figures(found):
    wide = replace(found.drift, new_label_rate=replace(found.drift.new_label_rate, high=float("inf")))
    figures = document(replace(found, drift=wide))["drift"]["figures"]
    assert "ct_win_rate_high" not in figures
    assert "ct_win_rate_low" in figures


def ringing(found, when="2026-01-01T22:00:00+00:00", number="3"):
    """The look as it is when the alarm of calibration rings."""
    wealth = np.full_like(found.calibration.evidence.log_wealth, 20.0)
    evidence = replace(
        found.calibration.evidence, log_wealth=wealth, changed_at=datetime.fromisoformat(when),
        culprits=("0.4 to 0.6 more",),
    )  # fmt: skip
    return replace(found, version=version(number=number), calibration=replace(found.calibration, evidence=evidence))


def test_an_alarm_that_rang_is_kept_as_it_first_rang(found):
    first = document(ringing(found))
    assert set(first["alarms"]) == {"3"}
    assert set(first["alarms"]["3"]) == {CALIBRATION}
    alarm = alarms_of(first)[CALIBRATION]
    assert alarm["changed_at"] == "2026-01-01T22:00:00+00:00"
    assert "the champion is off by more than" in alarm["sentence"]
    assert datetime.fromisoformat(alarm["at"]).tzinfo is not None
    silent = document(found, first)
    assert not silent[CALIBRATION]["rings"]
    assert alarms_of(silent) == alarms_of(first)
    again = document(ringing(found, when="2026-01-02T01:00:00+00:00"), first)
    assert alarms_of(again) == alarms_of(first), "not as it rang last"


def test_alarms_of_a_former_champion_are_kept_and_are_not_this_ones(found):
    before = document(ringing(found))
    now = document(replace(found, version=version(number="4")), before)
    assert now["alarms"] == before["alarms"]
    assert alarms_of(now) == {}
    assert alarms_of({}) == {}


def test_play_changed_last_when_the_latest_alarm_of_any_version_says(found):
    first = document(ringing(found, when="2026-01-02T01:00:00+00:00"))
    later = document(ringing(found, when="2026-01-01T22:00:00+00:00", number="4"), first)
    assert set(later["alarms"]) == {"3", "4"}
    assert latest_change(later) == datetime(2026, 1, 2, 1, tzinfo=UTC)
    assert latest_change(document(found)) is None
    assert latest_change({"alarms": {"3": {DRIFT: {"changed_at": None}, CALIBRATION: {}}}}) is None
    assert latest_change({}) is None


def test_a_look_without_an_alarm_of_the_former_one_changes_nothing_in_it(found):
    former = document(found)
    document(ringing(found), former)
    assert former["alarms"] == {}
