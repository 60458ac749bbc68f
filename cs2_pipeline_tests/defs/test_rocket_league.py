"""Rocket League's assets against a server of the test's own that answers as ballchasing.com does."""

from contextlib import closing
from datetime import UTC, datetime

import dagster as dg
import pytest

from cs2_pipeline.coaching.rocket_league.skills import GAME
from cs2_pipeline.defs.assets.rocket_league import CARDS, JOB, OBSERVATIONS
from cs2_pipeline.defs.definitions import assemble
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.records import coaching
from cs2_pipeline.records.database import open_records
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.coaching.rocket_league.test_ballchasing import KEY, site
from cs2_pipeline_tests.coaching.rocket_league.test_observations import game, player

__all__ = ["site"]


def called(name):
    return player(1) | {"name": name}


def duel(number, **more):
    """A game of the same 22 players, who are peers enough."""
    teams = {
        "blue": {"players": [called("first"), *(player(one) for one in range(2, 12))]},
        "orange": {"players": [player(one) for one in range(12, 23)]},
    }
    return game(f"game{number}", id=f"g{number}", **(teams | more))


def run(settings):
    job = assemble(settings).resolve_job_def(JOB)
    return job.execute_in_process(instance=dg.DagsterInstance.ephemeral(), raise_on_error=False)


def told(run, asset):
    """The metadata of what a run made of an asset."""
    (made,) = run.asset_materializations_for_node(asset)
    return {name: value.value for name, value in made.metadata.items()}


@pytest.fixture
def settings(tmp_path, site):
    (tmp_path / "home").mkdir()
    site.games = {f"g{number}": duel(number) for number in range(3)}
    return Settings(
        home=tmp_path / "home", ballchasing_key=KEY, ballchasing_players="steam:1", ballchasing_url=site.address
    )


def test_games_become_everybodys_card_and_none_is_asked_for_twice(settings, site):
    first = run(settings)
    assert first.success
    games = told(first, OBSERVATIONS)
    assert (games["games_asked_for"], games["games_not_parsed_yet"], games["games_sent"]) == (3, 0, 0)
    cards = told(first, CARDS)
    assert (cards["cards"], cards["trials_looked_at"], cards["drills_with_evidence"]) == (22, 0, 0)
    tables = Platform(settings).tables
    assert tables.read(OBSERVATIONS)["match"].nunique() == 3
    with closing(open_records(settings)) as records:
        card = coaching.card(records, GAME, "steam:1")
        assert (card["matches"], card["group"]) == (3, "1v1 / ballchasing ranked-duels")
        assert len(card["lines"]) + len(card["missing"]) == 19
        assert card["name"] == "first"
        skill = card["lines"][0]["skill"]
        drill = {"name": "a drill", "skill": skill}
        at = datetime(2026, 3, 11, tzinfo=UTC)
        coaching.begin_plan(records, GAME, "steam:1", {"items": [{"drill": drill}]}, at=at)
        for number in range(5):
            tried = coaching.begin_plan(records, GAME, f"elsewhere:{number}", {"items": [{"drill": drill}]}, at=at)
            trial = {"effect_in_spreads": 0.5, "error_in_spreads": 0.1}
            coaching.note_progress(records, [(tried, skill, trial)], at=at)
    peers = tables.read(CARDS).set_index("skill")
    assert peers.loc[skill, ["group", "players"]].tolist() == ["1v1 / ballchasing ranked-duels", 22]
    assert (peers["matches"] == 66).all(), "everybody's three games"
    site.asked.clear()
    site.games["g99"] = duel(99, status="pending")
    site.games["g4"] = duel(4, date="2026-03-11T18:55:49Z", blue={"players": [called("second")]})
    site.games["g5"] = duel(5, date="2026-03-01T18:55:49Z", blue={"players": [called("long before")]})
    second = run(settings)
    assert second.success
    games = told(second, OBSERVATIONS)
    assert (games["games_asked_for"], games["games_not_parsed_yet"]) == (3, 1)
    cards = told(second, CARDS)
    assert (cards["trials_looked_at"], cards["drills_with_evidence"]) == (1, 1)
    with closing(open_records(settings)) as records:
        assert coaching.evidence(records, GAME)["a drill"]["players"] >= 5
        assert coaching.card(records, GAME, "steam:1")["name"] == "second"
        assert [one["player"] for one in coaching.find_cards(records, GAME, "SECO", limit=5)] == ["steam:1"]
    asked = {path.rpartition("/")[2] for path, _ in site.asked} - {"replays"}
    assert asked == {"g4", "g5", "g99"}
    assert tables.read(OBSERVATIONS)["match"].nunique() == 5


def test_without_a_key_nothing_is_asked_for(settings, site):
    for missing in ({"ballchasing_key": None}, {"ballchasing_players": " , "}):
        done = run(settings.model_copy(update=missing))
        assert done.success
        assert told(done, OBSERVATIONS)["summary"].startswith("no site is asked: set CS2_BALLCHASING_KEY")
        assert told(done, CARDS)["summary"] == "no game yet"
    assert site.asked == []


def test_a_wrong_key_loses_nothing_that_was_read(settings, site):
    assert run(settings).success
    wrong = Settings(**(settings.model_dump() | {"ballchasing_key": "another"}))
    assert not run(wrong).success
    assert Platform(settings).tables.read(OBSERVATIONS)["match"].nunique() == 3
