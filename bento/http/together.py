"""Items that are asked about at the same time, one in each request, predicted in one call of the model.

All requests that are ready at once are begun in one turn of the event loop. A call of the model costs far more than a
row more in it does, so their items wait until the turn is over and are predicted together. Where the turn before had
one request only, nobody is waited for.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

_Waiting = list[tuple[Any, asyncio.Future[Any]]]


class Model(Protocol):
    """What answers about one item, or about many in one call."""

    def one(self, values: Any, /) -> Any: ...  # noqa: D102

    def many(self, items: Sequence[Any], /) -> Sequence[Any]: ...  # noqa: D102


class Together:
    """The requests of one endpoint that ask about one item each."""

    def __init__(self) -> None:
        self._this_turn = self._last_turn = 0
        self._waiting: dict[Model, _Waiting] = {}

    async def predict(self, model: Model, values: Any) -> Any:
        """The prediction for one item, the same whether it is made alone or with others."""
        loop = asyncio.get_running_loop()
        if self._this_turn == 0:
            loop.call_soon(self._turn_is_over)
        self._this_turn += 1
        if self._last_turn < 2:
            return model.one(values)
        future = loop.create_future()
        self._waiting.setdefault(model, []).append((values, future))
        return await future

    def _turn_is_over(self) -> None:
        self._last_turn, self._this_turn = self._this_turn, 0
        waiting, self._waiting = self._waiting, {}
        for model, items in waiting.items():
            _settle(model, items)


def _settle(model: Model, items: _Waiting) -> None:
    """Answer those that wait; where one cannot be answered, the others still are."""
    try:
        predictions = model.many([values for values, _ in items])
    except Exception:
        for item in items:
            _settle_alone(model, *item)
        return
    for (_, future), prediction in zip(items, predictions, strict=True):
        if not future.done():
            future.set_result(prediction)


def _settle_alone(model: Model, values: Any, future: asyncio.Future[Any]) -> None:
    if future.done():
        return
    try:
        future.set_result(model.one(values))
    except Exception as error:
        future.set_exception(error)
