"""What the gateway forecasts with: directories, ledger and forecaster, each followed while the gateway is open."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from fastapi import FastAPI
from prometheus_client import Counter, Gauge

from bento.gateway.group_commit import GroupCommit
from bento.http.problems import WRONG, FieldError, bad_values, no_model
from bento.http.together import Together
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.cache import ArtifactError, Cache
from cs2_pipeline.forecasting import directories, forecasts, questions, scores
from cs2_pipeline.forecasting.champion import Champion
from cs2_pipeline.forecasting.directories import Directories
from cs2_pipeline.forecasting.forecasts import Forecast, Forecaster
from cs2_pipeline.forecasting.questions import Asked, Fields, Question, QuestionError
from cs2_pipeline.records import directories as stored
from cs2_pipeline.records import settlements
from cs2_pipeline.records.database import Records, RecordsError
from cs2_pipeline.records.ledger import Entry

logger = logging.getLogger("bentoml.gateway")

FORECASTS: Final = Counter("forecasts", "Forecasts written to the ledger and answered", ["kind"])
LOG_LOSS: Final = Gauge("forecast_log_loss", "Mean log loss of the settled forecasts")
MODEL_NAME: Final = catalog.MATCH.name
GLANCE: Final = 0.5
FOLLOW_SECONDS: Final = 2.0
SCORE_SECONDS: Final = 60.0


class _Pricing(NamedTuple):
    """A forecaster as questions that come together ask it."""

    forecaster: Forecaster

    def one(self, question: Question) -> Forecast:
        return forecasts.forecast(question, self.forecaster)

    def many(self, asked: Sequence[Question]) -> list[Forecast]:
        return forecasts.forecast_all(asked, self.forecaster)


class Forecasting:
    """Answers questions; every answer is in the ledger before it is given.

    Attributes:
        directories: as they were a few seconds ago.
        forecaster: the champion; None before there is one.
        refused: why the newest champion is not the forecaster; None when it is.
    """

    def __init__(self, records: Records, cache: Path) -> None:
        self.records = records
        self._cache = Cache(cache)
        self._note: tuple[int, int] | None = None
        self.refused: str | None = None
        self.directories = Directories(0, [])
        self.forecaster: Forecaster | None = None
        self._together = Together()
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
            raise bad_values([FieldError(one.field, one.message) for one in error.mistakes], WRONG) from None
        if forecaster is None:
            raise no_model(MODEL_NAME, self.refused)
        made: Forecast = await self._together.predict(_Pricing(forecaster), question)
        entry = await self._commit.append(forecasts.draft(made, known.revision))
        FORECASTS.labels(asked.kind).inc()
        return made, entry

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow directories and scores until the block ends; the last forecasts are written first."""
        self.directories = await asyncio.to_thread(directories.load, self.records)
        await asyncio.to_thread(self._look_for_champion)
        async with AsyncExitStack() as stack:
            for look, every in (
                (self._look_for_champion, GLANCE),
                (self._look_for_directories, FOLLOW_SECONDS),
                (self._score, SCORE_SECONDS),
            ):
                stack.callback(asyncio.create_task(_keep(look, every)).cancel)
            await stack.enter_async_context(self._commit.running())
            yield

    def _look_for_champion(self) -> None:
        """Take up the champion that the cache notes; one that does not work leaves the former in its place."""
        try:
            found = self._cache.current_file(MODEL_NAME).stat()
        except OSError:
            return
        note = (found.st_ino, found.st_mtime_ns)
        version = self._cache.current(MODEL_NAME) if note != self._note else None
        if version is None:
            return
        self._note = note
        try:
            self.forecaster = Champion(version, self._cache.load(version))
        except ArtifactError as error:
            self.refused = str(error)
            logger.error("forecasts: version refused: %s", error)
        else:
            self.refused = None
            logger.info("forecasts by %s version %s", version.name, version.version)

    def _look_for_directories(self) -> None:
        if stored.revision(self.records) != self.directories.revision:
            self.directories = directories.load(self.records)

    def _score(self) -> None:
        found = scores.score(settlements.history(self.records, settled=True))
        if found.log_loss is not None:
            LOG_LOSS.set(found.log_loss)


async def _keep(look: Callable[[], None], every: float) -> None:
    """Look again and again, whatever went wrong the last time."""
    while True:
        try:
            await asyncio.to_thread(look)
        except RecordsError as error:
            logger.warning("%s: the records cannot be read: %s", look.__name__, error)
        except Exception:
            logger.exception("%s failed and is tried again", look.__name__)
        await asyncio.sleep(every)


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """Put the forecasting at `app.state.forecasting`."""
    app.state.forecasting = Forecasting(app.state.records, app.state.settings.champion_cache)
    app.state.complaints["forecasts"] = lambda: app.state.forecasting.refused
    async with app.state.forecasting.running():
        yield
