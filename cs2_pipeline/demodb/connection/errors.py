"""What can go wrong with a demo database, each with a message that names the thing and the remedy.

Only exception classes belong here. `transient` tells automation whether trying again can help: an unreachable
server may come back, a schema that does not fit stays as it is. Messages never hold a password.
"""

from typing import ClassVar


class DemoDatabaseError(Exception):
    """Base of every error of the demo database; `str(error)` is a sentence for the person who must act."""

    transient: ClassVar[bool] = False


class BadAddressError(DemoDatabaseError):
    """The setting does not name a database the platform can read."""


class DriverMissingError(DemoDatabaseError):
    """No installed driver can reach a database of this kind."""


class UnreachableError(DemoDatabaseError):
    """Nothing answered at the address in time."""

    transient = True


class LoginRefusedError(DemoDatabaseError):
    """The server answered and refused the user or the password."""


class DatabaseMissingError(DemoDatabaseError):
    """The server or folder is there, the database is not."""


class AccessDeniedError(DemoDatabaseError):
    """The user may not read a table."""


class SchemaMismatchError(DemoDatabaseError):
    """A table or a column the platform needs is not there under any known name, or holds something else."""


class EmptyDatabaseError(DemoDatabaseError):
    """The tables are there and hold no demo."""


class ConnectionLostError(DemoDatabaseError):
    """A read was broken off midway, by the connection or by the server; reading again can help."""

    transient = True


class ReadFailedError(DemoDatabaseError):
    """The server refused or broke off a query for a reason of its own."""
