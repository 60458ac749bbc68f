"""What a row of history says of a match."""

import time

import pytest

from bento.gateway.live.reading import listed
from cs2_pipeline.live.consumer import QUIET

ROW = {
    "match_id": "m", "tournament": "", "format": "BO3", "winner": "", "began": 1.0,
    "team_a_id": "1", "team_a_name": "one", "team_a_maps": 0, "team_b_id": "2", "team_b_name": "two", "team_b_maps": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "quiet", "stale"),
    [("LIVE", QUIET + 60, True), ("LIVE", QUIET - 60, False), ("FINISHED", QUIET + 60, False)],
)
def test_a_running_match_of_which_nothing_was_heard_for_long_is_stale(status, quiet, stale):
    found = listed({**ROW, "status": status, "updated": time.time() - quiet})
    assert found.stale is stale
    assert (found.team_a.name, found.team_b.maps) == ("one", 1)
