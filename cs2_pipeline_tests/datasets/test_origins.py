"""Where matches come from: said in words, with shares where they come from several places."""

import pytest

from cs2_pipeline.datasets import origins


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ({"simulator": 3}, "simulated matches"),
        ({"demo": 2}, "demo files"),
        ({"events": 1, "cs-demo-manager": 1, "cs-demo-analyzer": 1, "cs2-demo-format": 1}, "exports of other programs"),
        ({"published": 5}, "the public snapshot file"),
        ({"application": 1, "gotv": 1}, "another application's database"),
        ({"cs-demo-manager": 1, "simulator": 2, "demo": 1},
         "50.0% simulated matches, 25.0% demo files, 25.0% exports of other programs"),
        ({}, ""),
    ],
)  # fmt: skip
def test_one_origin_is_named_and_several_have_their_shares(sources, words):
    assert origins.told(origins.shares(sources)) == words


def test_real_matches_among_simulated_ones_are_warned_of_and_nothing_else():
    mixed = origins.warning(origins.shares({"simulator": 900, "demo": 100}))
    assert "90.0% simulated matches, 10.0% demo files" in mixed
    assert "CS2_DATABASE_URL" in mixed
    assert origins.warning(origins.shares({"simulator": 1})) is None
    assert origins.warning(origins.shares({"demo": 1, "cs-demo-manager": 1})) is None
