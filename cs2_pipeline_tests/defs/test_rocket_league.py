"""Rocket League's assets against a server of the test's own that answers as ballchasing.com does."""

from contextlib import closing

import dagster as dg
import pytest

from cs2_pipeline.coaching.rocket_league.skills import GAME
from cs2_pipeline.defs.assets.rocket_league import JOB, OBSERVATIONS
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
    return job.execute_in_process(instance=dg.DagsterInstance.ephemeral(), raise_on_error=False).success


@pytest.fixture
def settings(tmp_path, site):
    (tmp_path / "home").mkdir()
    site.games = {f"g{number}": duel(number) for number in range(3)}
    return Settings(
        home=tmp_path / "home", ballchasing_key=KEY, ballchasing_players="steam:1", ballchasing_url=site.address
    )


def test_games_become_everybodys_card_and_none_is_asked_for_twice(settings, site):
    assert run(settings)
    tables = Platform(settings).tables
    assert tables.read(OBSERVATIONS)["match"].nunique() == 3
    with closing(open_records(settings)) as records:
        card = coaching.card(records, GAME, "steam:1")
        assert (card["matches"], card["group"]) == (3, "1v1 / ballchasing ranked-duels")
        assert len(card["lines"]) + len(card["missing"]) == 19
        assert card["name"] == "first"
    site.asked.clear()
    site.games["g99"] = duel(99, status="pending")
    site.games["g4"] = duel(4, date="2026-03-11T18:55:49Z", blue={"players": [called("second")]})
    site.games["g5"] = duel(5, date="2026-03-01T18:55:49Z", blue={"players": [called("long before")]})
    assert run(settings)
    with closing(open_records(settings)) as records:
        assert coaching.card(records, GAME, "steam:1")["name"] == "second"
        assert [one["player"] for one in coaching.find_cards(records, GAME, "SECO", limit=5)] == ["steam:1"]
    asked = {path.rpartition("/")[2] for path, _ in site.asked} - {"replays"}
    assert asked == {"g4", "g5", "g99"}
    assert tables.read(OBSERVATIONS)["match"].nunique() == 5


def test_without_a_key_nothing_is_asked_for(settings, site):
    assert run(settings.model_copy(update={"ballchasing_key": None}))
    assert site.asked == []


def test_a_wrong_key_loses_nothing_that_was_read(settings, site):
    assert run(settings)
    wrong = Settings(**(settings.model_dump() | {"ballchasing_key": "another"}))
    assert not run(wrong)
    assert Platform(settings).tables.read(OBSERVATIONS)["match"].nunique() == 3
