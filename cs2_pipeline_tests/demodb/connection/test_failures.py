"""What drivers say in their own words, and which error of the platform it becomes."""

import pytest

from cs2_pipeline.demodb.connection import errors, urls
from cs2_pipeline.demodb.connection.failures import translated

ADDRESS = urls.parse("mssql://reader:geheim@db.example:1433/demos")


@pytest.mark.parametrize(
    ("said", "kind", "remedy"),
    [
        (
            "Client unable to establish connection; DDBC Error: [Microsoft]TCP Provider: Error code 0x2749",
            errors.UnreachableError,
            "port 1433",
        ),
        (
            "('08S01', '[08S01] [FreeTDS][SQL Server]Unable to connect: Adaptive Server is unavailable')",
            errors.UnreachableError,
            "db.example",
        ),
        ("('HYT00', '[HYT00] Login timeout expired (0) (SQLDriverConnect)')", errors.UnreachableError, "firewall"),
        ("('28000', \"[28000] Login failed for user 'reader'. (18456)\")", errors.LoginRefusedError, "password"),
        (
            "('42000', 'Cannot open database \"demos\" requested by the login. The login failed. (4060)')",
            errors.DatabaseMissingError,
            "demos",
        ),
        (
            "('42000', \"The SELECT permission was denied on the object 'Rounds', database 'demos'. (229)\")",
            errors.AccessDeniedError,
            "GRANT SELECT",
        ),
        (
            "SSL Provider: The certificate chain was issued by an authority that is not trusted.",
            errors.UnreachableError,
            "TrustServerCertificate",
        ),
        ("('08S01', '[08S01] TCP Provider: Communication link failure')", errors.ConnectionLostError, "read again"),
        ("('42S02', \"Invalid object name 'Rounds'. (208)\")", errors.SchemaMismatchError, "schema"),
        (
            "('HY000', '[HY000] [FreeTDS][SQL Server]Unknown error (0) (SQLFetch)')",
            errors.ConnectionLostError,
            "read again",
        ),
        (
            "('40001', '[40001] Transaction (Process ID 51) was deadlocked on lock resources. (1205)')",
            errors.ConnectionLostError,
            "deadlock",
        ),
        ("TCP Provider: Error code 0x2AF9", errors.UnreachableError, "no host is named"),
        ("Encryption not supported on SQL Server. (20)", errors.UnreachableError, "Encrypt=no"),
        ("SSL SYSCALL error: EOF detected", errors.ConnectionLostError, "read again"),
        ("server closed the connection unexpectedly", errors.ConnectionLostError, "firewall"),
        ("something nobody has seen before, PWD={geheim}", errors.ReadFailedError, "nobody has seen"),
    ],
)
def test_a_drivers_words_become_an_error_with_a_remedy_and_without_the_password(said, kind, remedy):
    error = translated(RuntimeError(said), ADDRESS)
    assert type(error) is kind
    assert remedy in str(error)
    assert "geheim" not in str(error)


def test_only_a_sql_server_is_said_to_hide_a_missing_database_behind_a_login():
    said = "password authentication failed for user reader"
    other = urls.parse("postgresql://reader:geheim@db.example/demos")
    assert "drivers of SQL Server also say so where there is no database demos" in str(
        translated(OSError(said), ADDRESS)
    )
    assert "SQL Server" not in str(translated(OSError(said), other))
    nameless = urls.parse("postgresql://db.example/demos")
    assert "refuses the login of a user without a name" in str(translated(OSError(said), nameless))


def test_where_no_port_is_named_none_is_to_be_checked():
    local = urls.Address("postgresql", database="demos")
    assert "nothing answers at the local server; check" in str(translated(OSError("connection refused"), local))


@pytest.mark.parametrize(("length", "shown"), [(400, "x" * 400), (401, "x" * 400 + " …")])
def test_long_words_of_a_driver_are_cut(length, shown):
    assert str(translated(OSError("x" * length), ADDRESS)).endswith(f"The driver says: {shown}")


def test_the_servers_own_error_is_told_and_not_sqlalchemys_around_it():
    outer = RuntimeError("(Background on this error at: somewhere)")
    outer.orig = RuntimeError("database is\n   locked")
    error = translated(outer, urls.parse("/data/demos.sqlite"))
    assert type(error) is errors.UnreachableError
    assert "another program keeps /data/demos.sqlite locked" in str(error)
    assert str(error).endswith("The driver says: database is locked")
