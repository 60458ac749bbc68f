"""The items of a batch: their values as they were given, and the numbers that a model reads."""

import asyncio
import json

import numpy as np
import pytest

from bento.predictions.http import batches
from bento.predictions.http.batches import CHUNK, chunks
from bento.predictions.http.requests import CAMEL, SNAKE, camel, form_of
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.spec import serving_of
from cs2_pipeline_tests.bento.serving import PLAYER, ROUND

ROUND_FORM, PLAYER_FORM = (form_of(serving_of(spec)) for spec in (catalog.ROUND, catalog.PLAYER))


def items_of(form, bodies):
    """All chunks of a batch, and its spelling."""

    async def everything():
        return [found async for found in chunks(form, json.dumps({form.many: bodies}).encode())]

    found = asyncio.run(everything())
    assert len({style for _, style in found}) == 1
    return [items for items, _ in found], found[0][1]


@pytest.mark.parametrize("usual", [True, False], ids=["usual", "with 4.0 for 4"])
@pytest.mark.parametrize(
    ("form", "bodies"),
    [
        (ROUND_FORM, [ROUND | {"map_name": "de_nuke", "t_health": 5, "match_id": "m1"}, ROUND]),
        (PLAYER_FORM, [PLAYER | {"adr": 80}, PLAYER]),
    ],
    ids=["rounds", "players"],
)
def test_items_keep_what_was_given_and_are_read_as_numbers(form, bodies, usual):
    """An unusual number makes the whole batch go the slow way."""
    rows = [form.read_one(json.dumps(body).encode())[0] for body in bodies]
    whole = next(field.name for field in form.fields if field.integer)
    sent = bodies if usual else [bodies[0] | {whole: float(bodies[0][whole])}, *bodies[1:]]
    (items,), style = items_of(form, sent)
    assert style is SNAKE and len(items) == 2 and items.rows() == rows
    assert list(items.table) == [field.name for field in form.fields]
    for field in form.fields:
        given = [row[field.name] for row in rows]
        if field.text:
            assert list(items.table[field.name]) == given
        else:
            np.testing.assert_array_equal(items.table[field.name], np.array(given, dtype=float), strict=True)


def turns_before_each_chunk(body):
    """How often others had their turn before each chunk of a batch."""
    turns = 0

    async def others():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def read():
        running = asyncio.create_task(others())
        seen = [turns async for _ in chunks(ROUND_FORM, body)]
        running.cancel()
        return seen

    return asyncio.run(read())


@pytest.mark.parametrize("spell", [str, camel])
def test_a_usual_batch_is_read_at_once_and_others_get_their_turn_for_each_chunk_of_it(spell, monkeypatch):
    monkeypatch.setattr(batches, "parse", None)  # what reads slowly
    states = [{spell(name): value for name, value in ROUND.items()}] * (2 * CHUNK + 1)
    assert turns_before_each_chunk(json.dumps({"states": states}).encode()) == [3, 4, 5]


def test_others_get_their_turn_before_each_chunk_of_a_batch_that_is_read_item_by_item():
    states = [ROUND | {"ct_alive": 4.0}] * (3 * CHUNK)  # right, but with a point
    seen = turns_before_each_chunk(json.dumps({"states": states}).encode())
    assert len(seen) == 3
    assert seen == sorted(set(seen))


@pytest.mark.parametrize("last", [0, 1.0], ids=["usual", "with 1.0 for 1"])
def test_a_large_batch_comes_in_chunks_in_its_order(last):
    alive = [*(number % 5 + 1 for number in range(2 * CHUNK)), last]
    found, style = items_of(
        ROUND_FORM, [{camel(name): value for name, value in (ROUND | {"ct_alive": one}).items()} for one in alive]
    )
    assert style is CAMEL and [len(items) for items in found] == [CHUNK, CHUNK, 1]
    assert np.concatenate([items.table["ct_alive"] for items in found]).tolist() == alive
