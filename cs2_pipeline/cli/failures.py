"""Which exceptions the user can fix: only their message is shown."""

import errno
import sqlite3
import sys

from cs2_pipeline.cli.console import CliError

_MACHINE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}
"""What a file system refuses for reasons of the machine, never by a defect of ours."""
_SQLITE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
"""The same of an embedded database."""
_HOME = "Everything is kept in the folder CS2_HOME: it must be writable and its disk must have free space."
_KNOWN = {
    "cs2_pipeline.settings": "SettingsError",
    "cs2_pipeline.demodb.connection.errors": "DemoDatabaseError",
    "cs2_pipeline.datasets.schema": "DatasetError",
    "cs2_pipeline.datasets.store": "MissingTableError",
    "cs2_pipeline.artifact.artifact": "ArtifactError",
    "cs2_pipeline.models.training": "TrainingError",
    "cs2_pipeline.records.database": "RecordsError",
    "cs2_pipeline.registry.errors": "RegistryError",
    "cs2_pipeline.live.log": "LogUnavailableError",
    "cs2_pipeline.live.history": "HistoryUnavailableError",
}
"""Error classes by module. Looked up among what is loaded: an error can only come from a module that is."""


def explained(error: Exception) -> str | None:
    """The message of an error the user can fix; None for a defect of ours."""
    if isinstance(error, OSError) and error.errno in _MACHINE:
        return f"{error.filename or 'a file'}: {error.strerror}. {_HOME}"
    original = getattr(error, "orig", error)  # SQLAlchemy's own errors hold the driver's
    if isinstance(original, sqlite3.Error) and getattr(original, "sqlite_errorcode", 0) & 0xFF in _SQLITE:
        return f"an embedded database cannot be written: {original}. {_HOME}"
    known = [
        CliError,
        *(getattr(sys.modules[module], name) for module, name in _KNOWN.items() if module in sys.modules),
    ]
    if isinstance(error, tuple(known)):
        text = error.args[0] if isinstance(error, LookupError) else error
        return str(text)
    return None
