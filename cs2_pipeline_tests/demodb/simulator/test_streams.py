import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cs2_pipeline.demodb.simulator import streams

SEEDS = st.integers(min_value=-(2**63), max_value=2**63)


@given(SEEDS, st.integers(0, 10**6))
def test_a_place_always_holds_the_same_number(seed, place):
    key = streams.keys(streams.key(seed), np.arange(3))
    together = streams.uniform(key, place)
    alone = [streams.uniform(key[n : n + 1], place)[0] for n in range(3)]
    assert together.tolist() == alone
    assert ((together > 0) & (together < 1)).all()


def test_numbers_are_uniform_and_neighbours_are_unrelated():
    key = streams.keys(streams.key(1), np.arange(500))
    numbers = streams.uniform(key[:, None], np.arange(400)[None, :])
    counts, _ = np.histogram(numbers, bins=50, range=(0, 1))
    assert ((counts - 4_000) ** 2 / 4_000).sum() < 95
    assert abs(np.corrcoef(numbers[:, :-1].ravel(), numbers[:, 1:].ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(numbers[:-1].ravel(), numbers[1:].ravel())[0, 1]) < 0.01


def test_paths_that_differ_give_other_keys():
    paths = [(a, b, c) for a in range(10) for b in range(10) for c in range(10)]
    assert len({streams.key(*path) for path in paths}) == 1_000


def test_a_place_holds_the_same_number_in_every_version():
    """Days that a later version adds must follow on from those an earlier one made."""
    assert streams.key(1, 2, 3) == 15_020_427_595_393_229_491
    assert streams.key(-1) == streams.key(2**64 - 1)
    keys = streams.keys(streams.key(7), np.arange(2))
    assert keys.tolist() == [13_309_476_754_707_697_221, 4_414_019_431_610_648_415]
    assert streams.uniform(keys, 3).tolist() == [0.10139297579134532, 0.21523487508709527]
