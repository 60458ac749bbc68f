"""Which driver an address gets, and what each is told: on stand-ins for what is installed."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from cs2_pipeline.demodb.connection import drivers, urls
from cs2_pipeline.demodb.connection.drivers import Driver
from cs2_pipeline.demodb.connection.errors import BadAddressError, DriverMissingError

SERVER = "mssql://reader:p@host:1444/demos"


def parse(text):
    return urls.parse(text)


@pytest.fixture
def installed(monkeypatch):
    """Says which modules there are, and which ODBC drivers pyodbc knows."""

    def install(*modules, odbc=()):
        for module in ("psycopg", "psycopg2", "mssql_python", "pyodbc"):
            stand_in = SimpleNamespace(drivers=lambda: odbc) if module in modules else None
            monkeypatch.setitem(sys.modules, module, stand_in)
        monkeypatch.setattr(drivers, "_native_problem", lambda: None)

    return install


def names(address):
    return [str(driver) for driver in drivers.candidates(parse(address)) if driver.problem is None]


def test_postgresql_is_read_through_psycopg_and_else_through_its_older_version(installed):
    installed("psycopg", "psycopg2")
    assert names("postgresql://u@h/d") == ["psycopg", "psycopg2"]
    assert drivers.choose(parse("postgresql://u@h/d")).module == "psycopg"
    installed("psycopg2")
    assert drivers.choose(parse("postgresql://u@h/d")) == Driver("psycopg2")


def test_sql_server_is_read_through_microsofts_module_then_its_newest_odbc_driver_then_freetds(installed):
    odbc = ["FreeTDS", "ODBC Driver 17 for SQL Server", "PostgreSQL", "ODBC Driver 18 for SQL Server"]
    installed("mssql_python", "pyodbc", odbc=odbc)
    assert names(SERVER) == [
        "mssql-python", "pyodbc with ODBC Driver 18 for SQL Server", "pyodbc with ODBC Driver 17 for SQL Server",
        "pyodbc with FreeTDS",
    ]  # fmt: skip
    installed("pyodbc", odbc=odbc)
    assert drivers.choose(parse(SERVER)) == Driver("pyodbc", "ODBC Driver 18 for SQL Server")


def test_a_driver_that_is_asked_for_is_the_one(installed):
    installed("psycopg", "psycopg2", "mssql_python", "pyodbc", odbc=["FreeTDS"])
    assert drivers.choose(parse("postgresql+psycopg2://u@h/d")).module == "psycopg2"
    assert drivers.choose(parse(SERVER.replace("mssql", "mssql+mssqlpython"))).module == "mssql_python"
    assert drivers.choose(parse(SERVER.replace("mssql", "mssql+pyodbc"))).odbc_driver == "FreeTDS"
    with pytest.raises(DriverMissingError, match=r"driver 'pg8000', which .* name one of: psycopg, psycopg2$"):
        drivers.choose(parse("postgresql+pg8000://u@h/d"))
    with pytest.raises(DriverMissingError, match=r"driver 'pymssql', which .* name one of: mssqlpython, pyodbc$"):
        drivers.choose(parse(SERVER.replace("mssql", "mssql+pymssql")))


def test_an_odbc_driver_that_is_named_is_used_if_it_is_there(installed, tmp_path):
    installed("mssql_python", "pyodbc", odbc=["FreeTDS"])
    named = "Driver={{{}}};Server=host;Database=d"
    assert names(named.format("FreeTDS")) == ["pyodbc with FreeTDS"]
    (tmp_path / "libtdsodbc.so").touch()
    assert names(named.format(tmp_path / "libtdsodbc.so")) == [f"pyodbc with {tmp_path / 'libtdsodbc.so'}"]
    with pytest.raises(DriverMissingError, match=r"the ODBC driver 'Other' is not installed \(FreeTDS\)"):
        drivers.choose(parse(named.format("Other")))
    microsoft = parse(named.format("ODBC Driver 18 for SQL Server"))
    assert drivers.choose(microsoft).module == "mssql_python", "it goes through the same driver"
    assert [driver.module for driver in drivers.candidates(microsoft)] == ["pyodbc", "mssql_python"]


def test_an_odbc_driver_for_postgresql_is_read_through_psycopg_as_well(installed):
    installed("psycopg", "psycopg2", "pyodbc", odbc=["PostgreSQL Unicode"])
    assert names("Driver={PostgreSQL Unicode};Server=h;Database=d") == ["psycopg", "psycopg2"]


def test_a_data_source_name_says_its_driver_itself(installed):
    installed("pyodbc", odbc=[])
    assert drivers.candidates(parse("DSN=demos;UID=u;PWD=p"))[-1] == Driver("pyodbc")


def test_what_is_missing_is_said_with_what_to_install(installed):
    installed()
    with pytest.raises(DriverMissingError, match=r"psycopg: not installed; psycopg2: not installed\). To go on, run "):
        drivers.choose(parse("postgresql://u@h/d"))
    installed("pyodbc", odbc=["PostgreSQL"])
    with pytest.raises(DriverMissingError, match=r"no ODBC driver for SQL Server is registered \(PostgreSQL\)"):
        drivers.choose(parse(SERVER))
    installed("pyodbc")
    with pytest.raises(DriverMissingError, match=r"is registered \(none at all\)\). To go on, run `pip install mssql-"):
        drivers.choose(parse(SERVER))


def test_a_module_without_its_library_is_installed_and_of_no_use(monkeypatch, tmp_path):
    (tmp_path / "psycopg2.py").write_text("raise ImportError('libpq.so.5: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "psycopg2", raising=False)
    second = drivers.candidates(parse("postgresql://u@h/d"))[1]
    assert second.problem == "installed, but it cannot be loaded (libpq.so.5: cannot open shared object file)"
    assert not drivers.importable("psycopg2")
    assert not drivers.importable("no_such_module")
    assert drivers.importable("json")


@pytest.mark.parametrize(
    ("driver", "name", "free_tds", "shown"),
    [
        (Driver("sqlite3"), "pysqlite", False, "sqlite3"), (Driver("psycopg"), "psycopg", False, "psycopg"),
        (Driver("mssql_python"), "mssqlpython", False, "mssql-python"),
        (Driver("pyodbc", "FreeTDS"), "pyodbc", True, "pyodbc with FreeTDS"),
        (Driver("pyodbc", "/usr/lib/libtdsodbc.so"), "pyodbc", True, "pyodbc with /usr/lib/libtdsodbc.so"),
    ],
)  # fmt: skip
def test_a_driver_has_its_names(driver, name, free_tds, shown):
    assert (driver.name, driver.is_free_tds, str(driver)) == (name, free_tds, shown)


MICROSOFT, FREE_TDS = Driver("mssql_python"), Driver("pyodbc", "FreeTDS")


@pytest.mark.parametrize(
    ("address", "driver", "text"),
    [
        (SERVER, MICROSOFT, "Server={host,1444};Database={demos};UID={reader};PWD={p};"),
        (SERVER, Driver("pyodbc", "ODBC Driver 18 for SQL Server"),
         "Driver={ODBC Driver 18 for SQL Server};Server={host,1444};Database={demos};UID={reader};PWD={p};"),
        (r"Server=host\SQLEXPRESS;Database=d", MICROSOFT, r"Server={host\SQLEXPRESS};Database={d};"),
        ("DSN=demos;UID=u;PWD=p", Driver("pyodbc"), "UID={u};PWD={p};DSN={demos};"),
        ("Server=h;PWD=a}b;UID=u", MICROSOFT, "Server={h,1433};UID={u};PWD={a}}b};"),
        ("Server=h;PWD=a}b;UID=u", FREE_TDS,
         "Driver={FreeTDS};Server={h};Port={1433};TDS_Version={7.4};UID={u};PWD={a}b};"),
        ("Server=h;Encrypt=false;TDS_Version=7.3", MICROSOFT, "Server={h,1433};Encrypt={no};"),
        ("Server=h;Encrypt=false;TDS_Version=7.3", FREE_TDS,
         "Driver={FreeTDS};Server={h};Port={1433};TDS_Version={7.3};Encryption={request};"),
        ("Server=h;Encrypt=yes", FREE_TDS,
         "Driver={FreeTDS};Server={h};Port={1433};TDS_Version={7.4};Encryption={require};"),
        ("Server=h;Encrypt=Optional", FREE_TDS,
         "Driver={FreeTDS};Server={h};Port={1433};TDS_Version={7.4};Encryption={request};"),
        ("Server=h;Authentication=ActiveDirectoryMsi;ApplicationIntent=ReadOnly;MultiSubnetFailover=True;App=x",
         MICROSOFT, "Server={h,1433};Authentication={ActiveDirectoryMsi};ApplicationIntent={ReadOnly};"
         "MultiSubnetFailover={yes};"),
        ("Server=h;Trust Server Certificate=true;Integrated Security=SSPI;HostNameInCertificate=c", MICROSOFT,
         "Server={h,1433};TrustServerCertificate={yes};Trusted_Connection={yes};HostnameInCertificate={c};"),
    ],
)  # fmt: skip
def test_an_odbc_driver_is_told_in_its_own_words(address, driver, text):
    assert drivers.odbc_string(parse(address), driver) == text


def test_what_freetds_cannot_be_told_is_named():
    with pytest.raises(BadAddressError, match="as PWD of CS2_DATABASE_URL does") as refused:
        drivers.odbc_string(parse("Server=h;UID=u;PWD={geheim}};x}"), FREE_TDS)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "uri"),
    [
        ("postgresql://u:p%40@h:5433/d", "postgresql://u:p%40@h:5433/d?connect_timeout=5&application_name=cs2_pipeline"),
        ("postgresql://u@h/d?sslmode=require",
         "postgresql://u@h:5432/d?connect_timeout=5&application_name=cs2_pipeline&sslmode=require"),
        ("postgresql:///d?host=/run/pg&port=5433",
         "postgresql:///d?connect_timeout=5&application_name=cs2_pipeline&port=5433&host=%2Frun%2Fpg"),
        ("postgresql://u@/d", "postgresql://u@/d?connect_timeout=5&application_name=cs2_pipeline"),
        ("Driver={PostgreSQL Unicode};Server=h;Port=5433;Database=d",
         "postgresql://h:5433/d?connect_timeout=5&application_name=cs2_pipeline"),
        ("postgresql://h/", "postgresql://h:5432/?connect_timeout=5&application_name=cs2_pipeline"),
    ],
)  # fmt: skip
def test_libpq_is_told_login_place_and_options(address, uri):
    assert drivers.libpq_uri(parse(address)) == uri


def test_a_port_without_a_host_is_that_of_the_local_socket():
    address = urls.Address("postgresql", port=5433, database="d")
    assert drivers.libpq_uri(address).endswith("&port=5433")
    socket = urls.Address("postgresql", host="/run/pg", port=5433, database="d")
    assert drivers.libpq_uri(socket).startswith("postgresql:///d?")
    assert "host=%2Frun%2Fpg&port=5433" in drivers.libpq_uri(socket)


def test_a_file_is_opened_for_reading_only(tmp_path):
    import sqlite3

    path = tmp_path / "a file#1.sqlite"
    sqlite3.connect(path).execute("CREATE TABLE t (x)").connection.close()
    address = parse(str(path))
    assert drivers.sqlite_uri(address) == f"file:{tmp_path}/a%20file%231.sqlite?mode=ro"
    connection = drivers.opener(address, drivers.choose(address))()
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("INSERT INTO t VALUES (1)")
    with ThreadPoolExecutor() as elsewhere:
        assert elsewhere.submit(lambda: connection.execute("SELECT * FROM t").fetchall()).result() == []
    connection.close()


def test_a_missing_file_is_not_made(tmp_path):
    address = parse(str(tmp_path / "none.sqlite"))
    with pytest.raises(Exception, match="unable to open"):
        drivers.opener(address, drivers.choose(address))()
    assert list(Path(tmp_path).iterdir()) == []


def test_microsofts_module_keeps_no_closed_connection_for_the_next_user(monkeypatch):
    told = []
    module = SimpleNamespace(
        pooling=lambda **how: told.append(how), connect=lambda text, timeout: told.append((text, timeout))
    )
    monkeypatch.setitem(sys.modules, "mssql_python", module)
    connect = drivers.opener(parse(SERVER), MICROSOFT)
    assert told == [{"enabled": False}]
    connect()
    assert told[1:] == [(drivers.odbc_string(parse(SERVER), MICROSOFT), urls.CONNECT_TIMEOUT)]


def test_microsofts_library_is_tried_where_its_package_lies_and_nowhere_else(monkeypatch, tmp_path):
    where = SimpleNamespace(origin=None)
    monkeypatch.setattr(drivers.importlib.util, "find_spec", lambda _: where)
    assert drivers._native_problem() is None, "it lies where we do not look"
    where.origin = str(tmp_path / "__init__.py")
    assert drivers._native_problem() is None, "there is none to try"
    library = tmp_path / "libs" / "linux" / "any" / drivers.platform.machine() / "lib" / "libmsodbcsql-18.so"
    library.parent.mkdir(parents=True)
    library.write_bytes(b"no library")
    assert "`apt-get install libltdl7 libgssapi-krb5-2` adds it" in drivers._native_problem()
    monkeypatch.setattr(drivers.importlib.util, "find_spec", lambda _: None)
    assert drivers._native_problem() is None
