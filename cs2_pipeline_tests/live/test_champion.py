"""The models that live prices follow: taken up when they are promoted, and kept where a new one does not work."""

from dataclasses import replace

import pytest

from cs2_pipeline.artifact.cache import ArtifactError, Cache, ModelVersion
from cs2_pipeline.artifact.catalog import MATCH, ROUND
from cs2_pipeline.live import champion
from cs2_pipeline.live.champion import Champion, MapForecaster
from cs2_pipeline_tests.live.conftest import promote
from cs2_pipeline_tests.models.match.played import contests_table
from cs2_pipeline_tests.tiny_models import match_artifact, round_artifact

DAYS = 12
LINE_UPS = tuple(tuple(f"p{team * 6 + place}" for place in range(5)) for team in (0, 1))


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1_000.0

        def monotonic(self):
            return self.now

    found = Clock()
    monkeypatch.setattr(champion, "time", found)
    return found


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    return match_artifact(tmp_path_factory.mktemp("match"), contests_table(days=DAYS))


def version_of(digest, number="1"):
    described = ModelVersion(MATCH.name, number, f"run{number}", "", "", "", "", "", {}, {})
    return ModelVersion(**{**described.to_dict(), "digest": digest})


def test_nothing_promoted_is_nothing_to_price_with(tmp_path):
    followed = Champion(tmp_path)
    assert (followed.current(), followed.forecaster(), followed.refused) == (None, None, "")


def test_a_new_champion_is_seen_within_a_fifth_of_a_second(tmp_path, clock):
    followed = Champion(tmp_path)
    assert followed.current() is None
    promote(tmp_path)
    clock.now += 0.19
    assert followed.current() is None
    clock.now += 0.011
    first = followed.current()
    assert first.version.version == "1"
    promote(tmp_path, "2", bias=1.0)
    clock.now += 0.2
    assert followed.current().version.version == "2" and followed.current() is not first


def test_the_same_model_promoted_again_goes_on_under_its_new_version(tmp_path, clock):
    promote(tmp_path)
    followed = Champion(tmp_path)
    first = followed.current()
    promote(tmp_path, "2")
    clock.now += 1.0
    assert followed.current() is first and first.version.version == "2"


def test_a_champion_that_does_not_work_is_told_of_and_the_last_one_goes_on(tmp_path, clock):
    promote(tmp_path)
    followed = Champion(tmp_path)
    first = followed.current()
    broken = replace(version_of("0" * 64, "2"), name=ROUND.name)
    Cache(tmp_path).folder(broken).mkdir(parents=True)
    Cache(tmp_path).note(broken)
    clock.now += 1.0
    assert followed.current() is first and first.version.version == "1"
    assert followed.refused
    promote(tmp_path, "3", bias=1.0)
    clock.now += 1.0
    assert followed.current().version.version == "3" and followed.refused == ""


def test_both_models_complaints_are_told(tmp_path):
    followed = Champion(tmp_path)
    followed._round.refused, followed._match.refused = "one", ""
    assert followed.refused == "one"
    followed._match.refused = "other"
    assert followed.refused == "one; other"


def test_a_maps_price_is_the_match_models_for_the_first_line_up(fitted):
    forecaster = MapForecaster(version_of("d"), fitted)
    last = forecaster._model.ratings.day
    first = forecaster.price("de_nuke", LINE_UPS, last)
    p, low, high = first
    assert 0 < low < p < high < 1
    other = forecaster.price("de_nuke", LINE_UPS[::-1], last)
    assert other == pytest.approx((1 - p, 1 - high, 1 - low), abs=1e-6)
    assert forecaster.price("de_nuke", LINE_UPS, last - 5) == first, (
        "a day before the last one learned from is that one"
    )
    later = forecaster.price("de_nuke", LINE_UPS, last + 300)
    assert later[2] - later[1] > high - low, "what was long ago is known less"
    assert forecaster.version.version == "1"


def test_a_model_of_something_else_is_no_forecaster(tmp_path):
    with pytest.raises(ArtifactError):
        MapForecaster(version_of("d"), round_artifact(tmp_path / "round"))


def test_the_promoted_match_model_is_followed_too(tmp_path):
    cache = Cache(tmp_path)
    made = match_artifact(cache.folder(version_of("")), contests_table(days=DAYS))
    cache.note(version_of(made.digest))
    followed = Champion(tmp_path)
    assert (followed.forecaster().version.version, followed.refused) == ("1", "")
    assert followed.current() is None
