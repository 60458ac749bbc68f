"""A connection to a demo database: chosen driver, read-only, quick to say what is wrong.

Opening, closing and mending connections and turning drivers' errors into sentences belong here.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.selectable import SelectBase

from cs2_pipeline.demodb import read, urls
from cs2_pipeline.demodb.dialect import Schema
from cs2_pipeline.demodb.errors import DatabaseMissingError, DemoDatabaseError, ReadFailedError


class DemoDatabase:
    """A demo database to read from; a context manager that gives its connections back.

    Args:
        url: any form `urls.parse` accepts.

    Raises:
        BadAddressError: the address cannot be read.
    """

    def __init__(self, url: str) -> None:
        self.address = urls.parse(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; the object may be used again."""
        for name in ("schema", "route", "engine"):
            part = self.__dict__.pop(name, None)
            if name == "route" and part is not None:
                part.close()
            if name == "engine" and part is not None:
                part.dispose()

    @cached_property
    def engine(self) -> Engine:
        """SQLAlchemy's engine on the database, read-only where the server can promise it."""
        if not self.address.path.is_file():
            raise DatabaseMissingError(
                f"there is no file {self.address.path}; fill a demo database with `cs2 simulate` "
                "or `cs2 ingest demos`, or set CS2_DATABASE_URL"
            )
        return create_engine(f"sqlite:///file:{self.address.path}?mode=ro&uri=true")

    @cached_property
    def route(self) -> read.Route:
        """The quickest way to read that the installed drivers offer."""
        return read.Portable(self.engine)

    @cached_property
    def schema(self) -> Schema:
        """The tables as the database has them, looked at once per connection."""
        try:
            return Schema(self.engine)
        except SQLAlchemyError as error:
            raise ReadFailedError(f"{self.address}: {error}") from None

    def batches(self, query: SelectBase, params: Mapping[str, Any] | None = None) -> Iterator[pa.RecordBatch]:
        """The query's rows in record batches, in the types of `read.arrow_schema`."""
        schema = read.arrow_schema(query)
        try:
            for batch in self.route.raw_batches(query, params or {}):
                yield read.conform(batch, schema)
        except DemoDatabaseError:
            raise
        except SQLAlchemyError as error:
            raise ReadFailedError(f"{self.address}: {error}") from None

    def read(self, query: SelectBase, params: Mapping[str, Any] | None = None) -> pa.Table:
        """All of the query's rows as one table."""
        return pa.Table.from_batches(self.batches(query, params), schema=read.arrow_schema(query))
