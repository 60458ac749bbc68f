"""Values are passed on and kept: nobody who holds one can change it for the others."""

from cs2_pipeline import forecasting
from cs2_pipeline_tests.values import changeable


def test_no_value_can_be_changed():
    assert changeable(forecasting) == set()
