"""The connection to MLflow, and errors that say what to do.

Every other module of `registry` gets its client here. An MLflow that does not answer must fail within seconds, and
its address may hold a password, so addresses are masked in every message.
"""

import logging
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

# MLflow reads these when a request is made; a caller who sets others keeps them.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from cs2_pipeline.registry.errors import RegistryError, RegistryUnavailableError, masked

# Whoever asks says once that MLflow is away; a line for every attempt would bury that.
logging.getLogger("urllib3.connectionpool").addFilter(lambda record: "/mlflow/" not in record.getMessage())

LONGEST_TAG: Final = 4500
"""MLflow's stores take 5,000 characters a tag."""

_DATABASE_PORTS: Final = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
_DATABASE_TIMEOUT: Final = 5.0
_KINDS: Final = ("http", "https", "sqlite", *_DATABASE_PORTS)

_SQLITE_SAYS: Final = re.compile(r"\(sqlite3\.\w+\) ([^\n\[]*)")
"""What SQLite itself says, in an error of SQLAlchemy's."""
_NOT_FOUND: Final = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


def connect(tracking_uri: str) -> MlflowClient:
    """A client of the MLflow at an address; nothing is sent yet for a server, a store file is made if absent.

    Raises:
        RegistryError: it is not the address of an MLflow server or of a database.
        RegistryUnavailableError: the store cannot be opened.
    """
    try:
        kind = urlsplit(tracking_uri).scheme.partition("+")[0]
    except ValueError:  # not chained: its text may hold the password
        reserved = "brackets and the like in a password must be percent-encoded ([ is %5B)"
        raise RegistryError(f"CS2_MLFLOW_TRACKING_URI: {masked(tracking_uri)!r} cannot be read: {reserved}") from None
    if kind not in _KINDS:
        raise RegistryError(
            f"{masked(tracking_uri)!r} is not the address of an MLflow: CS2_MLFLOW_TRACKING_URI must begin with "
            "http:// or https:// (a server), or with sqlite:// or postgresql+psycopg2:// (its database)"
        )
    _require_listener(tracking_uri)
    with translated(tracking_uri):
        return MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)


def _require_listener(tracking_uri: str) -> None:
    """Ask whether anybody listens at a database's address: MLflow itself would try for minutes before it says so."""
    address = urlsplit(tracking_uri)
    usual_port = _DATABASE_PORTS.get(address.scheme.partition("+")[0])
    # An address without a host, or with several, is for the driver to make sense of.
    if usual_port is None or not address.hostname or "," in address.netloc:
        return
    try:
        socket.create_connection((address.hostname, address.port or usual_port), _DATABASE_TIMEOUT).close()
    except (OSError, ValueError):  # a port that is no number is a ValueError, whose text may hold the password
        raise RegistryUnavailableError(_unavailable(tracking_uri)) from None


@contextmanager
def translated(tracking_uri: str) -> Iterator[None]:
    """Turn what MLflow raises into `RegistryError`, saying where and what to do.

    The original is not chained: its text holds the address with its password, and chains reach logs.
    """
    try:
        yield
    except MlflowException as error:
        if "API request to" in str(error) or error.error_code == "TEMPORARILY_UNAVAILABLE":
            raise RegistryUnavailableError(_unavailable(tracking_uri, error)) from None
        raise RegistryError(f"MLflow at {masked(tracking_uri)}: {masked(str(error))}") from None
    except (ConnectionError, TimeoutError, FileNotFoundError, PermissionError, NotADirectoryError):
        raise RegistryUnavailableError(_unavailable(tracking_uri)) from None
    except Exception as error:
        if type(error).__module__.split(".")[0] in ("sqlalchemy", "requests", "urllib3", "alembic"):
            raise RegistryUnavailableError(_unavailable(tracking_uri, error)) from None
        raise


def is_missing(error: MlflowException) -> bool:
    """True when MLflow says that a model, version or alias is not there."""
    return error.error_code in _NOT_FOUND


def _unavailable(tracking_uri: str, error: Exception | None = None) -> str:
    """What to do about an MLflow that does not answer, or about an embedded store whose file cannot be used."""
    if urlsplit(tracking_uri).scheme == "sqlite" and (said := _SQLITE_SAYS.search(str(error))):
        return (
            f"MLflow's store {masked(tracking_uri)} cannot be used: {said[1].strip()}. Its folder must be writable "
            "and its disk must have free space; CS2_HOME names another folder."
        )
    return (
        f"MLflow at {masked(tracking_uri)} does not answer. Check that it runs and that CS2_MLFLOW_TRACKING_URI "
        "names it; `cs2 doctor` tries the connection."
    )
