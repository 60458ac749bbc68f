"""Requests of one turn of the event loop: predicted in one call, answered as if each were alone."""

import asyncio

import pytest

from bento.http.together import Together
from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.artifact.round_odds import RoundPredictor
from cs2_pipeline.game.state import ROUND_FIELDS
from cs2_pipeline_tests.bento.serving import ROUND
from cs2_pipeline_tests.tiny_models import round_artifact

STATES = [{**dict.fromkeys(f.name for f in ROUND_FIELDS), **ROUND, "ct_alive": ct} for ct in (1, 2, 3, 0, 5)]
"""One of them is decided."""


class Watched(RoundPredictor):
    """The real predictor, noting how many items each call had."""

    calls: list[int]

    def many(self, items):
        self.calls.append(len(items))
        if any(values["ct_alive"] == "broken" for values in items):
            raise ArithmeticError("no number")
        return super().many(items)


@pytest.fixture
def model(tmp_path):
    artifact = round_artifact(tmp_path)
    version = ModelVersion("round_predictor", "1", "run", artifact.digest, "", "", "", "", {}, {})
    made = Watched(version, artifact)
    made.calls = []
    return made


async def turn(together, model, states):
    """All in one turn; errors come back as results."""
    asked = [asyncio.create_task(together.predict(model, dict(state))) for state in states]
    return await asyncio.gather(*asked, return_exceptions=True)


def test_after_a_turn_with_several_the_next_is_one_call_with_the_same_answers(model):
    async def two_turns():
        together = Together()
        return await turn(together, model, STATES), await turn(together, model, STATES)

    alone, at_once = asyncio.run(two_turns())
    assert at_once == alone
    assert model.calls == [1] * 5 + [5]


def test_who_asks_alone_waits_for_nobody(model):
    async def one_by_one():
        together = Together()
        return [await turn(together, model, [state]) for state in STATES]

    asyncio.run(one_by_one())
    assert model.calls == [1] * 5


def test_one_that_cannot_be_answered_takes_nobody_along(model):
    async def with_a_broken_one():
        together = Together()
        await turn(together, model, STATES)
        return await turn(together, model, [*STATES, STATES[0] | {"ct_alive": "broken"}])

    *answered, failed = asyncio.run(with_a_broken_one())
    assert answered == [model.one(dict(state)) for state in STATES]
    assert isinstance(failed, ArithmeticError)


def test_one_that_went_away_takes_nobody_along(model):
    async def with_one_gone():
        together = Together()
        await turn(together, model, STATES)
        asked = [asyncio.create_task(together.predict(model, dict(state))) for state in STATES]
        await asyncio.sleep(0)
        asked[0].cancel()
        return await asyncio.gather(*asked, return_exceptions=True)

    gone, *answered = asyncio.run(with_one_gone())
    assert isinstance(gone, asyncio.CancelledError)
    assert answered == [model.one(dict(state)) for state in STATES[1:]]
