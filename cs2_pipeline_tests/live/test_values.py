"""What is told of a match cannot be changed by who is told; only what grows while it is made can."""

from cs2_pipeline import live
from cs2_pipeline_tests.values import changeable


def test_only_what_grows_while_it_is_made_may_be_changed():
    assert changeable(live) == {
        "Batch", "Exports", "Fold", "Line", "MapFold", "Ordered", "Restored", "RoundRecord", "Sent", "Subscription",
        "Taken", "_Document", "_Line", "_Live", "_Player",
    }  # fmt: skip
