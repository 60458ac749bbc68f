"""Databases for the tests, on every route that is installed: SQLite files, a real PostgreSQL server, and for the
drivers of SQL Server a stand-in that speaks its wire protocol."""

import importlib.util
import platform
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

from cs2_pipeline.demodb.connection import drivers, urls
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.connection.errors import DriverMissingError
from cs2_pipeline_tests import real_postgres
from cs2_pipeline_tests.demodb.small_database import SmallDatabase
from cs2_pipeline_tests.sqlserver.server import Server, running

SQL_SERVER_DRIVERS = ("FreeTDS", "Microsoft", "mssql-python")
SQL_SERVER_ROUTES = ("FreeTDS portable", *(f"{driver} fast" for driver in SQL_SERVER_DRIVERS))
ROUTES = ("sqlite portable", "sqlite fast", "postgresql portable", "postgresql fast", *SQL_SERVER_ROUTES)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server's own database."""
    with tempfile.TemporaryDirectory() as folder:
        server = real_postgres.start(Path(folder))
        engine = create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            for command in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
                connection.execute(text(command))
        engine.dispose()
        yield server.get_uri()
        server.cleanup()


def new_postgres(server: str) -> str:
    """The URL of a new empty schema on the server: quicker to have than a database."""
    name = f"demos_{uuid4().hex}"
    engine = create_engine(server.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    engine.dispose()
    return f"{server}&options=-csearch_path%3D{name}"


def write_postgres(small: SmallDatabase, url: str) -> str:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    small.write(engine)
    engine.dispose()
    return url


@pytest.fixture(scope="session")
def sql_server() -> Iterator[Server]:
    """A running stand-in for SQL Server."""
    with running() as server:
        yield server


def sql_server_url(server: Server, database: str, driver: str, **options: str) -> str:
    """The address by which one of `SQL_SERVER_DRIVERS` reaches a database; skips where the driver does not work."""
    if driver != "mssql-python":
        options["driver"] = _microsofts_driver() if driver == "Microsoft" else driver
    query = "&".join(f"{key}={quote(value)}" for key, value in ({"TrustServerCertificate": "yes"} | options).items())
    module = "mssqlpython" if driver == "mssql-python" else "pyodbc"
    url = f"mssql+{module}://reader:correct%20horse@127.0.0.1:{server.port()}/{database}?{query}"
    try:
        drivers.choose(urls.parse(url))
    except DriverMissingError as error:
        pytest.skip(str(error))
    return url


def _microsofts_driver() -> str:
    """Microsoft's ODBC driver: the registered one, else the copy that mssql-python brings."""
    pyodbc = pytest.importorskip("pyodbc", reason="unixODBC is not installed", exc_type=ImportError)
    registered = [name for name in pyodbc.drivers() if name.endswith("for SQL Server")]
    package = importlib.util.find_spec("mssql_python_odbc")
    folder = Path(package.origin).parent if package is not None and package.origin is not None else Path()
    brought = sorted(folder.glob(f"libs/linux/debian_ubuntu/{platform.machine()}/lib/libmsodbcsql*"))
    return next(iter([*sorted(registered), *map(str, brought)]), "ODBC Driver 18 for SQL Server")


@pytest.fixture(params=ROUTES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[SmallDatabase], DemoDatabase]]:
    """A function that writes a database and opens it by one of the routes."""
    server, route = request.param.split()
    given: list[DemoDatabase] = []

    def write_and_open(small: SmallDatabase) -> DemoDatabase:
        if server == "sqlite":
            url = small.write(tmp_path / "demos.sqlite")
        elif server in SQL_SERVER_DRIVERS:
            served: Server = request.getfixturevalue("sql_server")
            small.write(tmp_path / "demos.sqlite")
            url = sql_server_url(served, served.serve(tmp_path / "demos.sqlite"), server)
        else:
            url = write_postgres(small, new_postgres(request.getfixturevalue("postgres_server")))
        given.append(DemoDatabase(url, portable=route == "portable"))
        return given[-1]

    yield write_and_open
    for db in given:
        db.close()
