"""The promoted match model as a forecaster: a pairing is a map between two line-ups on a day, with their points."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.forecasting.champion import Champion
from cs2_pipeline.forecasting.forecasts import Pairing
from cs2_pipeline.models.match.contest import Contest, LineUp
from cs2_pipeline.models.match.price import Forecaster
from cs2_pipeline.models.match.ratings import Ratings
from cs2_pipeline_tests.models.match.played import contests_table
from cs2_pipeline_tests.tiny_models import match_artifact

LAST = 20_004
"""The last day of the season, from 1970: 2024-10-08."""


def line_up(team):
    return tuple(f"p{team * 6 + place}" for place in range(5))


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    """A model of a season in which points were published for six line-ups in ten."""
    return match_artifact(tmp_path_factory.mktemp("match"), contests_table(days=5))


@pytest.fixture
def champion(artifact):
    return Champion(ModelVersion("match_forecaster", "3", "run", "", "", "", "", "", {}, {}), artifact)


def test_it_is_called_as_the_version_it_serves(champion):
    assert (champion.name, champion.version, champion.registered.run_id) == ("match_forecaster", "3", "run")


@pytest.mark.parametrize(("later", "day"), [(0, LAST), (1, LAST + 1), (400, LAST + 400), (-1, LAST), (-400, LAST)])
def test_a_pairing_is_priced_map_by_map_as_of_its_day_and_never_before_the_last_one_learned_from(
    artifact, champion, later, day
):
    model = Forecaster(artifact)
    sides = [LineUp(players, model.ratings.history.points(players, day)) for players in (line_up(0), line_up(1))]
    assert [side.points is not None for side in sides] == [day <= LAST + 90] * 2
    expected = model.prices([(Contest(day, *sides, best_of=1), ["de_nuke", None])])
    on = date(2024, 10, 8) + timedelta(days=later)
    assert champion.prices([Pairing(["de_nuke", None], line_up(0), line_up(1), on)]) == expected


def test_several_pairings_are_answered_in_their_order(champion):
    on = date(2024, 10, 9)
    there, back = (Pairing([None], line_up(first), line_up(second), on) for first, second in ((0, 1), (1, 0)))
    ((one,), (other,)) = champion.prices([there, back])
    assert [[one]] == champion.prices([there]) and [[other]] == champion.prices([back])
    assert one.probability == pytest.approx(1 - other.probability) and one.probability != other.probability


def test_a_model_that_has_learned_of_no_day_prices_every_day(artifact):
    fresh = replace(artifact, state=Ratings().to_bytes())
    version = ModelVersion("match_forecaster", "1", "run", "", "", "", "", "", {}, {})
    ((price,),) = Champion(version, fresh).prices([Pairing([None], line_up(0), line_up(1), date(1970, 1, 1))])
    assert price.probability == pytest.approx(0.5)
