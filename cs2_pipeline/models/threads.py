"""One thread for numeric work: the order of sums, and with it every bit of a model, must not depend on the machine."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit PyTorch, OpenMP and BLAS to one thread inside the block.

    On tables of this size a second thread gains little, and on a busy machine threads that wait for each other cost
    far more than they bring.
    """
    threads = torch.get_num_threads()
    with threadpool_limits(limits=1):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
