"""What is tried again and what is not: one rule for every asset that reads what others write.

A server that does not answer may come back, and days that were just written may be checked a moment later: the step is
repeated, each time after a longer pause. A schema that does
not fit stays as it is: the step fails at once, and the run is marked so that no sensor asks for the same again.
Anything else is a defect or bad data: it fails as it is, and nothing here hides it.
"""

from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

import dagster as dg

from cs2_pipeline.defs.verdicts import UncheckedError
from cs2_pipeline.demodb.connection.errors import DemoDatabaseError
from cs2_pipeline.registry.champion import RegistryUnavailableError

MAX_RETRIES: Final = 3
FIRST_PAUSE: Final = 10.0
"""Seconds before the first retry; doubled for each further one."""
FAILURE_TAG: Final = "cs2/failure"
"""Run tag that says of what kind a run's failure was: one of the two below. Other failures leave no tag."""
ATTENDED_TAG: Final = "cs2/attended"
"""Run tag of a run that a person waits for: told at once what is wrong, they try again when they have mended it."""
PERMANENT: Final = "permanent"
TRANSIENT: Final = "transient"

_P = ParamSpec("_P")
_T = TypeVar("_T")


def kind_of(error: Exception) -> str | None:
    """`TRANSIENT` where trying again can help, `PERMANENT` where it cannot, None where nobody knows."""
    if isinstance(error, RegistryUnavailableError | UncheckedError):
        return TRANSIENT
    if isinstance(error, DemoDatabaseError):
        return TRANSIENT if error.transient else PERMANENT
    return None


def retried(compute: Callable[_P, _T]) -> Callable[_P, _T]:
    """An asset's function, with its transient failures retried and its permanent ones marked."""

    @wraps(compute)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return compute(*args, **kwargs)
        except Exception as error:
            kind = kind_of(error)
            if kind is None:
                raise
            context = dg.AssetExecutionContext.get()
            attended = ATTENDED_TAG in context.run.tags
            if kind == TRANSIENT and not attended and context.retry_number < MAX_RETRIES:
                pause = FIRST_PAUSE * 2**context.retry_number
                context.log.warning(f"{error} Trying again in {pause:.0f} s.")
                raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=pause) from error
            context.instance.add_run_tags(context.run.run_id, {FAILURE_TAG: kind})
            raise dg.Failure(description=str(error), allow_retries=False) from error

    return guarded
