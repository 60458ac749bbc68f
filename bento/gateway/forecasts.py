"""What the gateway forecasts with: directories, ledger and forecaster, each followed while the gateway is open."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from fastapi import FastAPI
from prometheus_client import Counter, Gauge

from bento.gateway.group_commit import GroupCommit
from bento.http.problems import FieldError, bad_values, no_model
from cs2_pipeline.forecasting import directories, forecasts, questions, scores
from cs2_pipeline.forecasting.directories import Directories
from cs2_pipeline.forecasting.forecasts import Forecast, Forecaster
from cs2_pipeline.forecasting.questions import Asked, Fields, QuestionError
from cs2_pipeline.records import directories as stored
from cs2_pipeline.records import settlements
from cs2_pipeline.records.database import Records, RecordsError
from cs2_pipeline.records.ledger import Entry

logger = logging.getLogger("bentoml.gateway")

FORECASTS: Final = Counter("forecasts", "Forecasts written to the ledger and answered", ["kind"])
LOG_LOSS: Final = Gauge("forecast_log_loss", "Mean log loss of the settled forecasts")
MODEL_NAME: Final = "match_forecaster"
FOLLOW_SECONDS: Final = 2.0
SCORE_SECONDS: Final = 60.0


class Forecasting:
    """Answers questions; every answer is in the ledger before it is given.

    Attributes:
        directories: as they were a few seconds ago.
        forecaster: the champion; None before there is one.
    """

    def __init__(self, records: Records) -> None:
        self.records = records
        self.directories = Directories(0, [])
        self.forecaster: Forecaster | None = None
        self._commit = GroupCommit(records)

    async def answer(self, asked: Asked, fields: Fields) -> tuple[Forecast, Entry]:
        """Price a question and write it down.

        Raises:
            Problem: 422 with all mistakes of the question, 503 without a champion.
            RecordsError: it could not be written down, so it is not answered.
        """
        known, forecaster = self.directories, self.forecaster
        try:
            question = questions.resolve(asked, known, fields)
        except QuestionError as error:
            raise bad_values([FieldError(one.field, one.message) for one in error.mistakes]) from None
        if forecaster is None:
            raise no_model(MODEL_NAME)
        made = forecasts.forecast(question, forecaster)
        entry = await self._commit.append(forecasts.draft(made, known.revision))
        FORECASTS.labels(asked.kind).inc()
        return made, entry

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow directories and scores until the block ends; the last forecasts are written first."""
        self.directories = await asyncio.to_thread(directories.load, self.records)
        async with AsyncExitStack() as stack:
            for following in (self._follow_directories(), self._follow_scores()):
                stack.callback(asyncio.create_task(following).cancel)
            await stack.enter_async_context(self._commit.running())
            yield

    async def _follow_directories(self) -> None:
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            try:
                if await asyncio.to_thread(stored.revision, self.records) != self.directories.revision:
                    self.directories = await asyncio.to_thread(directories.load, self.records)
            except RecordsError as error:
                logger.warning("the directories could not be read anew: %s", error)

    async def _follow_scores(self) -> None:
        while True:
            try:
                found = await asyncio.to_thread(lambda: scores.score(settlements.history(self.records)))
                if found.log_loss is not None:
                    LOG_LOSS.set(found.log_loss)
            except RecordsError as error:
                logger.warning("the forecasts could not be scored: %s", error)
            await asyncio.sleep(SCORE_SECONDS)


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """Put the forecasting at `app.state.forecasting`."""
    app.state.forecasting = Forecasting(app.state.records)
    async with app.state.forecasting.running():
        yield
