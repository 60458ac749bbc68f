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
