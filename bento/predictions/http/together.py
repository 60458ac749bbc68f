"""Items that are asked about at the same time, one in each request, predicted in one call of the model.

All requests that are ready at once are begun in one turn of the event loop. A call of the model costs far more than a
row more in it does, so their items wait until the turn is over and are predicted together. Where the turn before had
one request only, nobody is waited for.
"""

import asyncio
from typing import Any

from cs2_pipeline.artifact.predictors import Predictor
from cs2_pipeline.artifact.spec import Values

_Waiting = list[tuple[Values, asyncio.Future[Any]]]


class Together:
    """The requests of one endpoint that ask about one item each."""

    def __init__(self) -> None:
        self._this_turn = self._last_turn = 0
        self._waiting: dict[Predictor[Any], _Waiting] = {}

    async def predict(self, model: Predictor[Any], values: Values) -> Any:
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


def _settle(model: Predictor[Any], items: _Waiting) -> None:
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


def _settle_alone(model: Predictor[Any], values: Values, future: asyncio.Future[Any]) -> None:
    if future.done():
        return
    try:
        future.set_result(model.one(values))
    except Exception as error:
        future.set_exception(error)
