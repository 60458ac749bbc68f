"""The items of a batch, by column and chunk by chunk, so that other requests are answered in between."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from bento.predictions.http.requests import Form, Style, parse
from cs2_pipeline.artifact.predictors import Table, table_of
from cs2_pipeline.artifact.spec import Columns, Values
from cs2_pipeline.game.contradictions import any_broken

CHUNK: Final = 500
"""Items that are worked on before others get their turn."""


@dataclass(frozen=True)
class Items:
    """Some right items of a batch: their values as they were given, and as a model reads them."""

    columns: Columns
    table: Table

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def rows(self) -> list[Values]:
        """The values of each item."""
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*self.columns.values(), strict=True)]


async def chunks(form: Form, body: bytes) -> AsyncIterator[tuple[Items, Style]]:
    """The items of a batch in chunks, every one of them right.

    Raises:
        Problem: before the first chunk, with everything that is wrong anywhere.
    """
    if (read := form.read_many(body)) is not None:
        decoded, style = read
        found = []
        for start in range(0, len(decoded), CHUNK):
            items = _possible(form, form.columns(decoded[start : start + CHUNK]))
            await asyncio.sleep(0)
            if items is None:
                break
            found.append(items)
        else:
            for items in found:
                yield items, style
                await asyncio.sleep(0)
            return
    document = await asyncio.to_thread(parse, body)
    for result in form.read_many_slowly(document):
        if result is not None:
            rows, style = result
            for start in range(0, len(rows), CHUNK):
                yield _items(form, form.columns_of(rows[start : start + CHUNK])), style
                await asyncio.sleep(0)
        await asyncio.sleep(0)


def _items(form: Form, columns: Columns) -> Items:
    return Items(columns, table_of(form.fields, columns))


def _possible(form: Form, columns: Columns) -> Items | None:
    """None where one of them is impossible and `Form.read_many_slowly` must look."""
    items = _items(form, columns)
    return None if np.any(any_broken(form.rules(items.table))) else items
