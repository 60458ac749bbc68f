"""Errors of MLflow: which of them may pass by themselves, and that none shows a password."""

import socket

import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, TEMPORARILY_UNAVAILABLE

from cs2_pipeline.registry.client import connect, is_missing, translated
from cs2_pipeline.registry.errors import RegistryError, RegistryUnavailableError

URI = "http://reviewer:geheim@host:5000"


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (MlflowException(f"API request to {URI} failed"), True),
        (MlflowException("busy", TEMPORARILY_UNAVAILABLE), True),
        (MlflowException(f"no such run at {URI}", RESOURCE_DOES_NOT_EXIST), False),
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (FileNotFoundError(), True),
        (PermissionError(), True),
        (NotADirectoryError(), True),
        (requests.ConnectionError(URI), True),
    ],
)
def test_an_error_says_where_and_whether_it_may_pass_and_never_the_password(error, passing):
    with pytest.raises(RegistryError) as told, translated(URI):
        raise error
    assert isinstance(told.value, RegistryUnavailableError) == passing
    assert "MLflow at http://***@host:5000" in str(told.value)
    assert "geheim" not in str(told.value)
    assert told.value.__suppress_context__


@pytest.mark.parametrize("error", [KeyError("x"), OSError(28, "No space left on device"), ZeroDivisionError()])
def test_errors_of_ours_stay_what_they_are(error):
    with pytest.raises(type(error)) as told, translated(URI):
        raise error
    assert told.value is error


def test_an_embedded_store_that_cannot_be_used_is_told_with_what_sqlite_says():
    said = "(sqlite3.OperationalError) attempt to write a readonly database\n[SQL: INSERT"
    expected = r"attempt to write a readonly database\. Its folder"
    with pytest.raises(RegistryUnavailableError, match=expected) as told, translated("sqlite:///home/mlflow.db"):
        raise MlflowException(said, TEMPORARILY_UNAVAILABLE)
    assert "INSERT" not in str(told.value)
    with pytest.raises(RegistryUnavailableError, match="does not answer"), translated(URI):
        raise MlflowException(said, TEMPORARILY_UNAVAILABLE)


def test_what_is_not_there_is_told_from_what_fails():
    assert is_missing(MlflowException("x", RESOURCE_DOES_NOT_EXIST))
    assert not is_missing(MlflowException("x", TEMPORARILY_UNAVAILABLE))


def test_a_database_at_which_nobody_listens_is_told_at_once_and_without_the_password():
    with socket.socket() as taken:  # bound and not listening: nobody else gets the port meanwhile
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(RegistryUnavailableError, match="does not answer") as told:
            connect(f"postgresql+psycopg2://reviewer:geheim@127.0.0.1:{port}/mlflow")
    assert "geheim" not in str(told.value)
    with pytest.raises(RegistryUnavailableError) as told:
        connect("postgresql://reviewer:geheim@127.0.0.1:port/mlflow")
    assert "geheim" not in str(told.value)


def test_an_mlflow_that_is_away_is_one_error_and_no_line_for_each_attempt(caplog):
    with pytest.raises(RegistryUnavailableError, match="does not answer"), translated("http://127.0.0.1:9"):
        connect("http://127.0.0.1:9").search_registered_models()
    assert [record.name for record in caplog.records] == []
