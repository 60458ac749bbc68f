"""From what drivers and servers say to what a person can act on.

Each rule recognises a failure by the words of drivers (their classes and codes differ, their sentences hardly do)
and gives the platform's error with a remedy. Nothing else belongs here.
"""

import re
from collections.abc import Callable
from typing import Final

from cs2_pipeline.demodb.connection.errors import (
    AccessDeniedError,
    BadAddressError,
    ConnectionLostError,
    DatabaseMissingError,
    DemoDatabaseError,
    LoginRefusedError,
    ReadFailedError,
    SchemaMismatchError,
    UnreachableError,
)
from cs2_pipeline.demodb.connection.urls import Address, scrub

_Rule = tuple[str, type[DemoDatabaseError], Callable[[Address], str]]


def _nothing_answers(at: Address) -> str:
    port = f" port {at.port}" if at.port else ""
    return (
        f"nothing answers at {at.host or 'the local server'}{port}; check host and port in CS2_DATABASE_URL, that the "
        "server runs and listens on TCP, and that no firewall stands between"
    )


_RULES: Final[tuple[_Rule, ...]] = (
    (
        r"file is not a database|malformed|file is encrypted",
        BadAddressError,
        lambda at: f"{at.database} is not a SQLite database, or a damaged one; name another file or restore it",
    ),
    (
        r"unable to open database",
        DatabaseMissingError,
        lambda at: f"the file {at.database} cannot be opened; check that it exists and that this user may read it",
    ),
    (
        r"database is locked",
        UnreachableError,
        lambda at: f"another program keeps {at.database} locked; try again when it has finished writing",
    ),
    (
        r"database \S+ does not exist|cannot open database|3d000|\b4060\b",
        DatabaseMissingError,
        lambda at: (
            f"the server of {at} has no database {at.database}, or hides it from {at.user}; check the name at "
            "the end of CS2_DATABASE_URL (names can be case-sensitive)"
        ),
    ),
    (
        r"password authentication failed|login failed|28p01|\b18456\b|role \S+ does not exist|no password supplied",
        LoginRefusedError,
        lambda at: (
            f"{at} refuses the login of {at.user or 'a user without a name'}; check user and password in "
            "CS2_DATABASE_URL (percent-encode special characters of the password) and that the server knows the user"
            + (
                f"; drivers of SQL Server also say so where there is no database {at.database}, or none for this user"
                if at.kind == "mssql"
                else ""
            )
        ),
    ),
    (
        r"no pg_hba\.conf entry",
        LoginRefusedError,
        lambda at: (
            f"{at} admits no connection from this machine for {at.user}; have a line for it added to the "
            "server's pg_hba.conf"
        ),
    ),
    (
        r"permission denied|permission was denied|access denied|not authorized|42501",
        AccessDeniedError,
        lambda at: f"{at.user} may not read a table of {at}; grant it: GRANT SELECT ON the named table TO {at.user}",
    ),
    (
        r"encryption not supported",
        UnreachableError,
        lambda at: (
            f"{at} answers and cannot encrypt; have its administrator install a certificate, or within a network you "
            "trust add Encrypt=no to the address"
        ),
    ),
    (
        r"certificate|ssl provider|ssl connection|support ssl",
        UnreachableError,
        lambda at: (
            f"{at} answers, but no encrypted connection comes about; install the server's certificate authority, "
            "or for a server of your own add TrustServerCertificate=yes to the address"
        ),
    ),
    (
        r"could not translate host|name or service not known|no such host|failed to resolve|getaddrinfo"
        r"|name resolution|error code 0x2af9",
        UnreachableError,
        lambda at: f"no host is named {at.host}; check the name in CS2_DATABASE_URL and this machine's name service",
    ),
    (
        r"connection refused|unable to (connect|establish)|timeout expired|hyt00",
        UnreachableError,
        _nothing_answers,
    ),
    (
        r"server closed the connection|terminating connection|connection reset|forcibly closed|broken pipe"
        r"|communication link failure|connection (is|was|has been) (closed|lost)|connection already closed|08s01|57p01"
        r"|no connection to the server"
        r"|ssl syscall error|could not receive data|consuming input failed|connection to server was lost"
        r"|\[freetds\]\[sql server\](unknown error|(read|write|unexpected eof) from the server)",
        ConnectionLostError,
        lambda at: (
            f"the connection to {at} broke in the middle of a read; see whether the server restarted or a "
            "firewall closes long connections, then read again"
        ),
    ),
    (
        r"deadlock|serialization failure|\b1205\b|\b40001\b|40p01",
        ConnectionLostError,
        lambda at: (
            f"the server of {at} broke off a read in favour of another program that wanted the same rows (a deadlock); "
            "read again, and if it happens often, read while little is written"
        ),
    ),
    (
        r"too large to be written into the allocated buffer",
        SchemaMismatchError,
        lambda at: (
            f"{at} holds a text of more characters than arrow-odbc has room for; shorten it, offer a view that does, "
            "or install mssql-python"
        ),
    ),
    (
        r"timed out|timeout|could not connect|network is unreachable|no route|connection failed|08001"
        r"|no such file or directory",
        UnreachableError,
        _nothing_answers,
    ),
    (
        r"does not exist|no such table|no such column|invalid object name|invalid column name|type mismatch in column",
        SchemaMismatchError,
        lambda at: (
            f"the tables of {at} are not those looked at when the connection opened, or hold other types; read again "
            "after changes to the schema are done"
        ),
    ),
)


def translated(error: Exception, address: Address) -> DemoDatabaseError:
    """The platform's error for a driver's, with the driver's own words, free of the password."""
    said = scrub(" ".join(str(getattr(error, "orig", None) or error).split()), address)
    for pattern, kind, sentence in _RULES:
        if re.search(pattern, said, re.IGNORECASE):
            return kind(f"{sentence(address)}. The driver says: {_short(said)}")
    return ReadFailedError(f"reading from {address} failed. The driver says: {_short(said)}")


def _short(said: str) -> str:
    return said if len(said) <= 400 else said[:400] + " …"
