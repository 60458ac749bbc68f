"""The address of a demo database: every form people paste, read into one, and written for each driver.

Parsing, masking and building of addresses belong here; opening connections does not (`demodb.connect`).
Accepted: SQLAlchemy URLs, ``postgres://…``, ``mssql://user:password@host:1433/demos``, ODBC and ADO.NET strings
(``Server=…;Database=…;User Id=…;Password=…``), ``sqlite:///path`` and a bare path to a SQLite file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote, quote_plus, unquote

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from cs2_pipeline.demodb.connection.errors import BadAddressError

Kind = Literal["sqlite", "postgresql", "mssql"]

CONNECT_TIMEOUT: Final = 5
"""Seconds a connection may take to open before the server counts as unreachable."""

_KINDS: Final[dict[str, Kind]] = {
    "sqlite": "sqlite",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mssql": "mssql",
    "sqlserver": "mssql",
}
_DEFAULT_PORTS: Final[dict[Kind, int]] = {"postgresql": 5432, "mssql": 1433}
_MISTYPED: Final = re.compile(rf"(?i)(({'|'.join(_KINDS)})(\+\w+)?(:|//)|.*:.*@|.*://)")
"""What begins like an address without being one, or may hold a password: no path to be shown in messages."""
_FORMS: Final = (
    "sqlite:///folder/demos.sqlite, postgresql://user:password@host:5432/demos, "
    "mssql://user:password@host:1433/demos, or an ODBC string"
)


@dataclass(frozen=True)
class Address:
    """A demo database's address, taken apart.

    Attributes:
        kind: the family of the server.
        driver: the driver the address asks for by name (SQLAlchemy's name), or None to choose one.
        host, port, user, database: where and as whom; `database` is the file of a SQLite database.
        password: never shown; `repr` leaves it out.
        options: further connection options in the words of the driver (``TrustServerCertificate`` …).
    """

    kind: Kind
    driver: str | None = None
    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    database: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The file of a SQLite database."""
        return Path(self.database or "")

    def __str__(self) -> str:
        """The address for people: scheme, user, host and database, the password as ``***``."""
        if self.kind == "sqlite":
            return f"sqlite:///{self.database}"
        login = f"{self.user}:***@" if self.password else f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{self.kind}://{login}{self.host or 'localhost'}{port}/{self.database or ''}"


def parse(text: str) -> Address:
    """The address in any accepted form.

    Raises:
        BadAddressError: the text is empty or in no accepted form. The message never repeats the text.
    """
    text = _unquoted(text.strip()).strip()
    if not text:
        raise BadAddressError(f"CS2_DATABASE_URL is empty; give one of: {_FORMS}")
    if re.match(r"[\w+.-]+://", text):  # nothing else: a password may hold these signs, too
        return _from_url(text)
    if re.match(r"^[^=;/\\]+=", text):
        return _from_pairs(text)
    if _MISTYPED.match(text):
        raise BadAddressError(f"CS2_DATABASE_URL is neither a path nor an address: write one of: {_FORMS}")
    return Address("sqlite", database=text)


def masked(url: str) -> str:
    """The address without its password, for messages, logs and metadata; never raises."""
    try:
        return str(parse(url))
    except BadAddressError:
        return "(an address that cannot be read)"


def scrub(message: str, address: Address) -> str:
    """A driver's message with every trace of the password, plain or percent-encoded, replaced by ``***``."""
    if address.password:
        for secret in {address.password, quote(address.password, safe=""), quote_plus(address.password)}:
            # As a word of its own: a short password is part of many words, and blotting those out would tell it.
            message = re.sub(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", "***", message)
    message = re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", message)
    return re.sub(r"(?i)\b(pwd|password)\s*=\s*(\{[^}]*\}|[^;\s]*)", r"\1=***", message)


def _from_url(text: str) -> Address:
    scheme, rest = text.split("://", 1)
    name, _, driver = scheme.lower().partition("+")
    kind = _KINDS.get(name)
    if kind is None:
        raise BadAddressError(
            f"CS2_DATABASE_URL begins with {scheme!r}, which is no known kind of server; give one of: {_FORMS}"
        )
    try:
        url = make_url(f"{kind}://{rest}")
    except (ArgumentError, ValueError):
        raise BadAddressError(
            f"CS2_DATABASE_URL begins like a {kind} address but cannot be read; percent-encode special characters "
            f"of the password (@ is %40, / is %2F) or give one of: {_FORMS}"
        ) from None
    options = {key: value if isinstance(value, str) else value[-1] for key, value in url.query.items()}
    if "odbc_connect" in options:
        return _from_pairs(unquote(options["odbc_connect"]))
    if kind == "sqlite":
        return Address("sqlite", database=_sqlite_path(url.database))
    return Address(
        kind,
        driver=driver or None,
        host=url.host or options.get("host"),
        port=url.port or (_DEFAULT_PORTS[kind] if url.host else None),
        user=url.username,
        password=url.password,
        database=url.database,
        options={key: value for key, value in options.items() if not (key == "host" and not url.host)},
    )


def _sqlite_path(database: str | None) -> str:
    if not database or database == ":memory:":
        raise BadAddressError("a SQLite demo database is a file: give sqlite:///folder/demos.sqlite or the file's path")
    return database.removeprefix("file:")


_PAIR: Final = re.compile(r"\s*([^=;]+?)\s*=\s*(\{(?:[^}]|\}\})*\}|\"[^\"]*\"|'[^']*'|[^;]*)\s*(?:;|$)")
_HOST_KEYS: Final = ("server", "data source", "address", "addr", "host", "servername")
_DATABASE_KEYS: Final = ("database", "initial catalog", "dbq")
_USER_KEYS: Final = ("uid", "user id", "user", "username", "userid")
_PASSWORD_KEYS: Final = ("pwd", "password")


def _from_pairs(text: str) -> Address:
    """An ODBC or ADO.NET string: ``Key=value`` pairs, of which the names differ and the case does not matter."""
    pairs = {key.lower(): _bare(value) for key, value in _PAIR.findall(text)}
    host, database, user, password = (
        next((pairs.pop(key) for key in keys if key in pairs), None)
        for keys in (_HOST_KEYS, _DATABASE_KEYS, _USER_KEYS, _PASSWORD_KEYS)
    )
    driver, port = pairs.pop("driver", None), pairs.pop("port", None)
    kind: Kind = "mssql"
    if driver and "postgres" in driver.lower():
        kind = "postgresql"
    if host is None and "dsn" not in pairs:
        raise BadAddressError(f"CS2_DATABASE_URL looks like an ODBC string but names no Server; give one of: {_FORMS}")
    name, _, comma_port = (host or "").removeprefix("tcp:").partition(",")
    number = comma_port.strip() or port
    if number and not number.isdigit():
        raise BadAddressError(f"CS2_DATABASE_URL names the port {number!r}, which is not a number")
    options = dict(pairs)
    if driver:
        options["driver"] = driver
    named_instance = "\\" in name
    default = None if named_instance or not name else _DEFAULT_PORTS[kind]
    return Address(
        kind,
        host=name or None,
        port=int(number) if number else default,
        user=user,
        password=password,
        database=database,
        options=options,
    )


def _bare(value: str) -> str:
    if value[:1] == "{" and value[-1:] == "}":
        return value[1:-1].replace("}}", "}")
    return _unquoted(value)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
