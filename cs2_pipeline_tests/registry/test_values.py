"""Values are made once and never changed."""

from cs2_pipeline import registry
from cs2_pipeline_tests.values import changeable


def test_only_what_keeps_account_changes():
    assert changeable(registry) == set()
