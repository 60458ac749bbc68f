"""One thread for numeric work, and as many as before once it is done."""

import pytest
import torch
from threadpoolctl import threadpool_info

from cs2_pipeline.models.threads import one_thread


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def pools():
    return {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}


def test_inside_everything_uses_one_thread_and_afterwards_as_many_as_before(three_threads):
    before = pools()
    with one_thread():
        assert torch.get_num_threads() == 1
        assert set(pools().values()) == {1}
    assert torch.get_num_threads() == 3
    assert pools() == before


def test_a_fit_that_fails_leaves_the_threads_as_they_were(three_threads):
    before = pools()
    with pytest.raises(ZeroDivisionError), one_thread():
        raise ZeroDivisionError
    assert torch.get_num_threads() == 3
    assert pools() == before
