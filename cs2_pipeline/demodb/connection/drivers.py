"""The installed database drivers: which there are, which one is used for an address, how each opens a connection.

Only drivers and their connection strings belong here. Imports of drivers are made when asked for: most of them are
optional, and a driver may be installed without the system library it needs.
"""

import ctypes
import importlib
import importlib.util
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from cs2_pipeline.demodb.connection.errors import BadAddressError, DriverMissingError
from cs2_pipeline.demodb.connection.urls import CONNECT_TIMEOUT, Address, Kind

_MODULES: Final[dict[Kind, tuple[str, ...]]] = {
    "sqlite": ("sqlite3",),
    "postgresql": ("psycopg", "psycopg2"),
    "mssql": ("mssql_python", "pyodbc"),
}
_SQLALCHEMY_NAMES: Final = {"sqlite3": "pysqlite", "mssql_python": "mssqlpython"}
_INSTALL: Final[dict[Kind, str]] = {
    "sqlite": "use a Python with the sqlite3 module",
    "postgresql": "run `pip install 'psycopg[binary]'`",
    "mssql": (
        "run `pip install mssql-python`; or `pip install pyodbc` with the packages unixodbc and tdsodbc "
        "(`apt-get install unixodbc tdsodbc`) or Microsoft's msodbcsql18"
    ),
}
_ODBC_OPTIONS: Final = {
    "authentication": "Authentication",
    "trusted_connection": "Trusted_Connection",
    "integrated security": "Trusted_Connection",
    "encrypt": "Encrypt",
    "trustservercertificate": "TrustServerCertificate",
    "trust server certificate": "TrustServerCertificate",
    "hostnameincertificate": "HostnameInCertificate",
    "servercertificate": "ServerCertificate",
    "multisubnetfailover": "MultiSubnetFailover",
    "applicationintent": "ApplicationIntent",
    "tds_version": "TDS_Version",
    "dsn": "DSN",
}
"""Options of a pasted string that concern the connection, in ODBC's spelling; the others are an application's own."""
_YES_NO: Final = {"true": "yes", "false": "no", "sspi": "yes"}
_ENCRYPTION_OPTIONAL: Final = ("no", "false", "optional", "0")
"""Words for a connection of which only the login must be encrypted; FreeTDS has its own for them and does not know
these."""
_FREETDS_ONLY: Final = ("TDS_Version",)


@dataclass(frozen=True)
class Driver:
    """One way to open connections for an address.

    Attributes:
        module: the Python module.
        odbc_driver: the ODBC driver it goes through, for pyodbc.
        problem: why it cannot be used here, None when it can.
    """

    module: str
    odbc_driver: str | None = None
    problem: str | None = None

    @property
    def name(self) -> str:
        """SQLAlchemy's name of it."""
        return _SQLALCHEMY_NAMES.get(self.module, self.module)

    @property
    def is_free_tds(self) -> bool:
        """Whether it goes through FreeTDS."""
        return any(word in (self.odbc_driver or "").lower() for word in ("freetds", "tdsodbc"))

    def __str__(self) -> str:
        """The name for people."""
        return f"{self.module} with {self.odbc_driver}" if self.odbc_driver else self.module.replace("_", "-")


def candidates(address: Address) -> list[Driver]:
    """Every driver the platform knows for the address, the preferred first, with what keeps one from being used.

    An address that names an ODBC driver gets that one, which only pyodbc reaches; Microsoft's is also what mssql-python
    goes through, so that it stands in where pyodbc is not installed.
    """
    modules = _MODULES[address.kind]
    named = address.options.get("driver")
    if address.kind == "mssql" and named:
        modules = ("pyodbc", "mssql_python") if "SQL Server" in named else ("pyodbc",)
    return [driver for module in modules for driver in _look_at(module, address)]


def choose(address: Address) -> Driver:
    """The driver to use: the one the address names, else the first that is installed and works.

    Raises:
        DriverMissingError: none is; the message says what to install.
    """
    known = candidates(address)
    wanted = [driver for driver in known if address.driver in (None, driver.name, driver.module)]
    usable = [driver for driver in wanted if driver.problem is None]
    if usable:
        return usable[0]
    if not wanted:
        names = ", ".join(sorted({driver.name for driver in known}))
        raise DriverMissingError(
            f"CS2_DATABASE_URL asks for the driver {address.driver!r}, which the platform does not use; "
            f"leave it out or name one of: {names}"
        )
    problems = "; ".join(f"{driver}: {driver.problem}" for driver in wanted)
    raise DriverMissingError(
        f"no driver for {address.kind} works here ({problems}). To go on, {_INSTALL[address.kind]}"
    )


def importable(module: str) -> bool:
    """Whether a module is installed and finds the system libraries it needs."""
    try:
        importlib.import_module(module)
    except (ImportError, OSError):
        return False
    return True


def _look_at(module: str, address: Address) -> list[Driver]:
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError:
        return [Driver(module, problem="not installed")]
    except ImportError as error:
        return [Driver(module, problem=f"installed, but it cannot be loaded ({error})")]
    if module == "pyodbc":
        return _through_odbc(module, list(found.drivers()), address)
    return [Driver(module, problem=_native_problem() if module == "mssql_python" else None)]


def _through_odbc(module: str, installed: list[str], address: Address) -> list[Driver]:
    """The registered ODBC drivers that fit the address, Microsoft's newest first."""
    named = address.options.get("driver")
    if named:
        missing = (
            None
            if named in installed or Path(named).is_file()
            else f"the ODBC driver {named!r} is not installed ({', '.join(installed) or 'none is'})"
        )
        return [Driver(module, named, missing)]
    if "dsn" in address.options:
        return [Driver(module)]
    microsoft = sorted((name for name in installed if "SQL Server" in name), reverse=True)
    fitting = [*microsoft, *(name for name in installed if "freetds" in name.lower())]
    return [Driver(module, name) for name in fitting] or [
        Driver(module, problem=f"no ODBC driver for SQL Server is registered ({', '.join(installed) or 'none at all'})")
    ]


def _native_problem() -> str | None:
    """Why the native part of mssql-python cannot be loaded, None when it can or lies where we do not look."""
    package = importlib.util.find_spec("mssql_python_odbc")
    if package is None or package.origin is None:
        return None
    problem = None
    for library in sorted(Path(package.origin).parent.glob(f"libs/linux/*/{platform.machine()}/lib/libmsodbcsql*")):
        try:
            ctypes.CDLL(str(library))
        except OSError as error:
            problem = (
                f"installed, but it cannot be loaded ({error}); `apt-get install libltdl7 libgssapi-krb5-2` adds it"
            )
        else:
            return None
    return problem


def odbc_string(address: Address, driver: Driver) -> str:
    """The ODBC connection string for an address. Holds the password: never print it.

    Raises:
        BadAddressError: the driver cannot be told one of the values.
    """
    free_tds = driver.is_free_tds
    server = address.host
    parts: dict[str, str] = {}
    if driver.odbc_driver:
        parts["Driver"] = driver.odbc_driver
    if server and free_tds:
        # A named instance is asked for its port, unless one is given.
        port = {} if "\\" in server and not address.port else {"Port": str(address.port or 1433)}
        parts |= {"Server": server, **port, "TDS_Version": "7.4"}
    elif server:
        parts["Server"] = f"{server},{address.port}" if address.port else server
    named = {"Database": address.database, "UID": address.user, "PWD": address.password}
    parts |= {key: value for key, value in named.items() if value is not None}
    for key, value in address.options.items():
        name = _ODBC_OPTIONS.get(key.lower())
        if name == "Encrypt" and free_tds:
            parts["Encryption"] = "request" if value.lower() in _ENCRYPTION_OPTIONAL else "require"
        elif name and (free_tds or name not in _FREETDS_ONLY):
            parts[name] = _YES_NO.get(value.lower(), value)
    if not free_tds:
        return ";".join(f"{key}={{{value.replace('}', '}}')}}}" for key, value in parts.items()) + ";"
    # FreeTDS knows no doubled brace: a value ends at the first brace that a semicolon follows.
    unsayable = [key for key, value in parts.items() if "};" in value]
    if unsayable:
        raise BadAddressError(
            f"FreeTDS cannot be told a value that holds a brace before a semicolon, as {', '.join(unsayable)} of "
            "CS2_DATABASE_URL does; change it, or install mssql-python (`pip install cs2-pipeline[sqlserver]`)"
        )
    return ";".join(f"{key}={{{value}}}" for key, value in parts.items()) + ";"


def libpq_uri(address: Address) -> str:
    """The libpq address. Holds the password: never print it."""
    login = quote(address.user or "", safe="") + (f":{quote(address.password, safe='')}" if address.password else "")
    options = {"connect_timeout": str(CONNECT_TIMEOUT), "application_name": "cs2_pipeline"} | dict(address.options)
    host = address.host or ""
    if host.startswith("/"):
        options["host"], host = host, ""
    port = f":{address.port}" if address.port and host else ""
    if address.port and not host:
        options["port"] = str(address.port)
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in options.items() if key != "driver")
    return f"postgresql://{login + '@' if login else ''}{host}{port}/{quote(address.database or '', safe='')}?{query}"


def sqlite_uri(address: Address) -> str:
    """The SQLite address that opens the file for reading only."""
    return f"file:{quote(str(address.path.resolve()))}?mode=ro"


def opener(address: Address, driver: Driver) -> Callable[[], Any]:
    """A function that opens a plain connection, within `CONNECT_TIMEOUT` or not at all, for reading only."""
    module = importlib.import_module(driver.module)
    if address.kind == "sqlite":
        return lambda: module.connect(sqlite_uri(address), uri=True, check_same_thread=False, timeout=CONNECT_TIMEOUT)
    if address.kind == "postgresql":
        return lambda: _prepared(module.connect(libpq_uri(address)))
    if driver.module == "mssql_python":
        module.pooling(enabled=False)  # else a closed connection stays open, and its next user gets it broken
    return lambda: module.connect(odbc_string(address, driver), timeout=CONNECT_TIMEOUT)


SESSION: Final = ("SET TIME ZONE 'UTC'", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
"""What a PostgreSQL session is told first: times in UTC, nothing written."""


def _prepared(connection: Any) -> Any:
    with connection.cursor() as cursor:
        for command in SESSION:
            cursor.execute(command)
    connection.commit()
    return connection
