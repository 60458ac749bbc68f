"""A match model that was really fitted, registered and promoted is what the gateway forecasts with."""

import json
import shutil
import time

import pandas as pd
import pytest

from bento.gateway import forecasts
from bento.predictions.champions.follower import Follower
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.cache import Artifact, ArtifactError, Cache, ModelVersion
from cs2_pipeline.forecasting import champion, directories
from cs2_pipeline.forecasting.forecasts import Pairing
from cs2_pipeline.records.directories import MAP, PLAYER, TEAM, Entry, replace
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.champion import ModelStore
from cs2_pipeline.registry.runs import record
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.gateway.conftest import open_gateway
from cs2_pipeline_tests.models.match.played import contests_table
from cs2_pipeline_tests.tiny_models import match_artifact, round_artifact, training_run

NAME = catalog.MATCH.name
DAYS = 30
LAST = 20_000 + DAYS - 1
"""The last day of the season, from 1970."""


def day(number):
    return (pd.Timestamp(0, unit="D") + pd.Timedelta(days=number)).date()


def line_up(team):
    return tuple(f"p{team * 6 + place}" for place in range(5))


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A model of a season in which points were published for the first team alone, at its last match."""
    table = contests_table(days=DAYS).assign(first_points=None, second_points=None)
    mine = json.dumps(sorted(line_up(0)))
    last = table.index[-1]
    table.loc[last, ["first_players", "first_name", "first_points"]] = [mine, "Team 0", 1500.0]
    table.loc[last, ["second_players", "second_name"]] = [json.dumps(sorted(line_up(1))), "Team 1"]
    table["first_points"] = table["first_points"].astype("float64")
    table["second_points"] = table["second_points"].astype("float64")
    folder = tmp_path_factory.mktemp("match")
    match_artifact(folder, table)
    return folder


@pytest.fixture
def registry(tmp_path, mlflow_uri):
    settings = Settings(home=tmp_path)
    return settings, ModelStore(settings.resolved_tracking_uri(), settings.champion_cache)


def promote(settings, folder):
    run = training_run(NAME, folder)
    made = record(settings.resolved_tracking_uri(), run, artifact_root=settings.home / "artifacts")
    promotion.promote(settings.resolved_tracking_uri(), made, reason="a test")
    return made


def followed(settings, store):
    status = Follower(store, settings.champion_cache, (NAME,)).look()
    assert not status.error
    assert not status.refused


def fill(records):
    at = pd.Timestamp(LAST, unit="D", tz="UTC").to_pydatetime()
    replace(
        records,
        [
            Entry(MAP, "de_nuke", "de_nuke", 40, at, {"ct_share": 0.5}),
            *(Entry(TEAM, f"t{team}", f"Team {team}", 20, at,
                    {"names": [f"Team {team}"], "player_ids": list(line_up(team)), "won": 10}) for team in (0, 1)),
            *(Entry(PLAYER, player, player, 20, at, {"team_id": f"t{team}"})
              for team in (0, 1) for player in line_up(team)),
        ],
    )  # fmt: skip


def test_the_gateway_takes_up_what_was_promoted_and_forecasts_with_it(registry, fitted):
    settings, store = registry
    asked = {"map_id": "de_nuke", "team1_id": "t0", "team2_id": "t1"}
    with open_gateway(settings.home) as gateway:
        fill(gateway.app.state.records)
        gateway.app.state.forecasting.directories = directories.load(gateway.app.state.records)
        assert gateway.post("/api/v1/forecasts/map", json=asked).status_code == 503
        first = promote(settings, fitted)
        followed(settings, store)
        answer = once(gateway, asked, first.version)
        pairing = Pairing(["de_nuke"], line_up(0), line_up(1), pd.Timestamp.now("UTC").date())
        ((expected,),) = champion.Champion(first, store.fetch(first)).prices([pairing])
        assert answer["team1_win_probability"] == pytest.approx(expected.probability, abs=1e-6)
        assert answer["interval"] == pytest.approx([expected.low, expected.high], abs=1e-6)

        second = promote(settings, fitted)
        followed(settings, store)
        assert once(gateway, asked, second.version)["interval"] == pytest.approx(answer["interval"])
        promotion.rollback(settings.resolved_tracking_uri(), NAME, reason="a test")
        followed(settings, store)
        once(gateway, asked, first.version)


def once(gateway, asked, version):
    """The answer as soon as a version gives it: a gateway notices by itself."""
    while True:
        answered = gateway.post("/api/v1/forecasts/map", json=asked)
        if answered.status_code == 200 and answered.json()["model_version"] == version:
            return answered.json()
        time.sleep(0.05)


def test_a_defect_while_directories_are_followed_does_not_end_it(tmp_path, monkeypatch):
    loads, load = [], directories.load

    def failing_once(records):
        loads.append(records)
        if len(loads) == 2:  # the first is at the start
            raise ValueError("a defect")
        return load(records)

    monkeypatch.setattr(forecasts, "FOLLOW_SECONDS", 0.01)
    monkeypatch.setattr(directories, "load", failing_once)
    with open_gateway(tmp_path) as gateway:
        fill(gateway.app.state.records)
        while gateway.app.state.forecasting.directories.revision == 0:
            time.sleep(0.01)
    assert len(loads) > 2


def test_a_champion_that_cannot_be_used_leaves_the_former_in_its_place_and_health_says_why(
    tmp_path, monkeypatch, fitted
):
    monkeypatch.setattr(forecasts, "GLANCE", 0.01)
    settings = Settings(home=tmp_path)
    cache = Cache(settings.champion_cache)

    def note(number, folder=None):
        made = ModelVersion(NAME, number, "a run", "", "", "", "", Artifact.load(fitted).digest, {}, {})
        cache.folder(made).parent.mkdir(parents=True, exist_ok=True)
        if folder is not None:
            shutil.copytree(folder, cache.folder(made))
        cache.note(made)

    def await_that(condition):
        while not condition():
            time.sleep(0.01)

    with open_gateway(tmp_path) as gateway:
        served = gateway.app.state.forecasting
        note("1", fitted)
        await_that(lambda: served.forecaster is not None)
        first = served.forecaster
        assert (first.version, served.refused) == ("1", None)
        served._look_for_champion()
        assert served.forecaster is first, "what is noted already is not loaded again"
        note("2")  # its artifact is not there
        await_that(lambda: served.refused is not None)
        assert served.forecaster.version == "1"
        assert "forecasts: 2-a run: not a readable model artifact" in gateway.get("/health").text
        note("3", fitted)
        await_that(lambda: served.forecaster.version == "3")
        await_that(lambda: served.refused is None)
        assert "forecasts:" not in gateway.get("/health").text


def test_a_model_without_ratings_is_no_forecaster(registry, tmp_path, fitted):
    settings, _ = registry
    made = promote(settings, fitted)
    with pytest.raises(ArtifactError, match="no state"):
        champion.Champion(made, round_artifact(tmp_path / "round"))


def test_points_published_in_the_last_90_days_count_and_older_ones_do_not(registry, fitted):
    settings, store = registry
    made = promote(settings, fitted)
    served = champion.Champion(made, store.fetch(made))
    points = served._model.ratings.history.points
    assert [points(line_up(0), LAST + after) for after in (0, 90, 91)] == [1500.0, 1500.0, None]
    assert points(line_up(1), LAST) is None, "none were published for them"
    asked = []
    served._model.prices = lambda contests: asked.extend(contest for contest, _ in contests) or [[]]
    for after in (90, 91):
        served.prices([Pairing([None], line_up(0), line_up(1), day(LAST + after))])
    assert [(one.day, one.first.points, one.second.points) for one in asked] == [
        (LAST + 90, 1500.0, None), (LAST + 91, None, None)
    ]  # fmt: skip
    asked.clear()
    served.prices([Pairing([None], line_up(0), line_up(1), day(LAST - 50))])
    assert asked[0].day == LAST, "a day before the last one learned from counts as that one"
