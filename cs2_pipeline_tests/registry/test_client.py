"""Errors of MLflow: which of them may pass by themselves, and that none shows a password."""

import logging
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, TEMPORARILY_UNAVAILABLE

from cs2_pipeline.registry import client
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


@pytest.fixture
def busy():
    """A server that is always too busy, and the requests it got."""
    asked = []

    class Busy(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(503)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Busy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_an_mlflow_that_is_too_busy_is_asked_once_more_and_no_more(busy):
    uri, asked = busy
    with pytest.raises(RegistryUnavailableError, match="does not answer"), translated(uri):
        connect(uri).search_registered_models()
    assert len(asked) == 2


@pytest.mark.parametrize(
    "address",
    ["sqlite:///x.db", "http://127.0.0.1:9", "postgresql://", "postgresql:///mlflow", "postgresql://a:1,b:2/mlflow"],
)
def test_only_one_databases_host_is_asked_whether_anybody_listens(monkeypatch, address):
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("asked"))
    monkeypatch.setattr(client, "MlflowClient", lambda **asked: asked)
    assert connect(address) == {"tracking_uri": address, "registry_uri": address}


@pytest.mark.parametrize(
    ("address", "port"),
    [
        ("postgresql+psycopg2://u:p@db/mlflow", 5432), ("mysql+pymysql://db/mlflow", 3306), ("mssql://db/mlflow", 1433),
        ("postgresql://db:6000/mlflow", 6000),
    ],
)  # fmt: skip
def test_a_database_is_asked_at_its_usual_port_for_five_seconds_unless_another_is_named(monkeypatch, address, port):
    asked = []

    def create_connection(*where):
        asked.append(where)
        return socket.socket()

    monkeypatch.setattr(socket, "create_connection", create_connection)
    monkeypatch.setattr(client, "MlflowClient", lambda **_: "a client")
    assert connect(address) == "a client"
    assert asked == [(("db", port), 5.0)]


def test_requests_to_mlflow_are_logged_by_nobody_and_others_are(caplog):
    log = logging.getLogger("urllib3.connectionpool")
    log.warning("retrying /api/2.0/mlflow/runs")
    log.warning("retrying /elsewhere")
    assert [record.getMessage() for record in caplog.records] == ["retrying /elsewhere"]


def test_mlflow_waits_ten_seconds_asks_once_more_and_draws_no_progress_bars():
    from mlflow import environment_variables as said

    assert (said.MLFLOW_HTTP_REQUEST_TIMEOUT.get(), said.MLFLOW_HTTP_REQUEST_MAX_RETRIES.get()) == (10, 1)
    assert said.MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.get() is False
