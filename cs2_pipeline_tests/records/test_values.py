"""Values are passed on and kept: nobody who holds one can change it for the others."""

from cs2_pipeline import records
from cs2_pipeline_tests.values import changeable


def test_no_value_can_be_changed():
    assert changeable(records) == set()
