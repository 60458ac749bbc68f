"""Values are made once and never changed."""

from cs2_pipeline import game
from cs2_pipeline_tests.values import changeable, dataclasses_of


def test_only_what_keeps_account_changes():
    assert changeable(game) == {"MatchTracker", "Tracker", "_Player", "_Side"}


def test_what_there_are_many_of_holds_its_fields_and_nothing_else():
    """An event or a player may not be given an attribute by a slip of the pen, and takes less room."""
    loose = {one.__name__ for one in dataclasses_of(game) if "__slots__" not in vars(one)}
    assert loose == set()
