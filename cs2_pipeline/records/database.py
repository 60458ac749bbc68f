"""Opening the records: the engine, its transactions, its migrations, and what goes wrong in words.

SQLite runs with a write-ahead log, so that reading never waits for writing, and gives the disk every commit before it
is answered for. Writing transactions take the write lock when they begin: two of them cannot deadlock half-way.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from cs2_pipeline.settings import Settings

MIGRATIONS: Final = Path(__file__).parent / "migrations"
MIGRATION_LOCK: Final = 7_205_114
"""PostgreSQL's advisory lock under which one process at a time migrates."""
BUSY_SECONDS: Final = 5.0
_WRITES: Final = "cs2_writes"


class RecordsError(Exception):
    """The records are unavailable; the message says which, why, and what to do."""


class UnkeepableError(Exception):
    """A value that this database cannot keep; what was to be done with it was not done."""


class Records:
    """The platform's database, open.

    Args:
        url: an SQLAlchemy address; `postgresql://` is spoken with psycopg.
        busy_seconds: how long SQLite waits for another process's write.
    """

    def __init__(self, url: str, *, busy_seconds: float | None = None) -> None:
        self._busy_seconds = BUSY_SECONDS if busy_seconds is None else busy_seconds
        self.engine = _engine(url, self._busy_seconds)
        secrets = [option for option in self.engine.url.query if "password" in option]
        self.name = self.engine.url.difference_update_query(secrets).render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads.

        Raises:
            RecordsError: the database cannot be reached.
            UnkeepableError: it was asked about a value that it cannot hold, such as a text with a NUL.
        """
        with self._explained(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes: all of it is kept, or nothing.

        Raises:
            RecordsError: the database cannot be reached, or another process keeps it locked.
            UnkeepableError: it was given a value that it cannot hold.
        """
        writing = {_WRITES: True}
        with self._explained(), self.engine.connect().execution_options(**writing) as connection, connection.begin():
            yield connection

    def migrate(self, revision: str = "head") -> None:
        """Bring the tables up to date; two processes that do it at once do it one after the other.

        Raises:
            RecordsError: the database cannot be reached, or was made by a newer version of the platform.
        """
        with self.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
            try:
                command.upgrade(_alembic(connection), revision)
            except CommandError as error:
                raise RecordsError(
                    f"the records at {self.name} were made by a newer version of the platform ({error}): update it"
                ) from error

    def revision(self) -> str | None:
        """The migration the tables are at; None for an empty database."""
        with self.reading() as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            raise RecordsError(self._explanation(error)) from error
        except PoolTimeoutError as error:
            raise RecordsError(f"the records at {self.name} are busy: all connections are in use. Try again") from error
        except DataError as error:
            raise UnkeepableError(str(error.orig).strip().splitlines()[0]) from error

    def _explanation(self, error: DBAPIError) -> str:
        reason = (str(error.orig).strip() or "no connection").splitlines()[0]
        if "locked" in reason:
            return f"the records at {self.name} are locked by another process for {self._busy_seconds:g} s: try again"
        return f"the records at {self.name} cannot be used ({reason}). CS2_RECORDS_URL names them"


def open_records(settings: Settings) -> Records:
    """The records that the settings name, up to date.

    Raises:
        RecordsError: they cannot be used.
    """
    if settings.records_url is None:
        settings.home.mkdir(parents=True, exist_ok=True)
    records = Records(settings.resolved_records_url())
    records.migrate()
    return records


def _engine(url: str, busy_seconds: float) -> Engine:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):  # a port that is no number is a ValueError, whose text may be of the password
        raise RecordsError(
            "CS2_RECORDS_URL is not a database address; expected postgresql://user:password@host/name"
        ) from None
    if address.drivername in ("postgresql", "postgres"):
        address = address.set(drivername="postgresql+psycopg")
    if address.get_backend_name() not in ("sqlite", "postgresql"):
        raise RecordsError(f"CS2_RECORDS_URL names {address.drivername}; the records live on postgresql or sqlite")
    if address.get_backend_name() == "postgresql":
        return create_engine(address, pool_pre_ping=True, pool_size=10, max_overflow=20)
    engine = create_engine(address, connect_args={"timeout": busy_seconds})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says, not where the driver guesses
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _alembic(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
