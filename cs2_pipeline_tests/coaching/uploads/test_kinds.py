"""Which files may be uploaded, by their names."""

import pytest

from cs2_pipeline.coaching.uploads.kinds import ENDINGS, Kind, ending_of, why_not


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("match.dem", Kind.DEMO), ("MATCH.DEM", Kind.DEMO), ("a.b.json.gz", Kind.EXPORT), ("a.json", Kind.EXPORT),
        ("a.zip", Kind.EXPORT), ("<b>.replay", Kind.REPLAY),
    ],
)  # fmt: skip
def test_a_kind_is_told_by_the_ending(name, kind):
    assert ENDINGS[ending_of(name)] is kind


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("x_kills.csv", "as one .zip"), ("match.dem.zst", "unpack"), ("match.dem.gz", "unpack"), ("virus.exe", ".dem"),
        ("match", ".dem"), ("replay", ".replay"),
    ],
)  # fmt: skip
def test_what_is_not_read_is_told_with_what_to_send(name, told):
    assert ending_of(name) is None
    assert told in why_not(name)
