"""Map names and the numbers by which trained models know them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs2_pipeline.game.maps import MAPS, UNKNOWN_MAP, map_index
from cs2_pipeline_tests.game.inputs import LAW


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("de_ancient", 1),
        ("de_anubis", 2),
        ("de_cache", 3),
        ("de_dust2", 4),
        ("de_inferno", 5),
        ("de_mirage", 6),
        ("de_nuke", 7),
        ("de_overpass", 8),
        ("de_train", 9),
        ("de_vertigo", 10),
    ],
)
def test_a_map_keeps_the_number_that_trained_models_know_it_by(name, number):
    assert map_index(name) == number


def test_every_map_has_a_number_of_its_own_and_none_has_that_of_the_unknown():
    assert [map_index(name) for name in MAPS] == list(range(1, len(MAPS) + 1))
    assert UNKNOWN_MAP == 0


@pytest.mark.parametrize("name", [None, "", "de_cbble", "cs_office", "mirage", "de_mirage2"])
def test_no_map_and_maps_of_other_days_and_modes_are_unknown(name):
    assert map_index(name) == 0


@LAW
@given(st.text() | st.sampled_from(MAPS))
def test_any_text_has_a_number_and_the_unknown_one_unless_it_is_a_map(name):
    assert map_index(name) == (MAPS.index(name) + 1 if name in MAPS else 0)
