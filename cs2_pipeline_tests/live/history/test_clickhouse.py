"""Addresses of ClickHouse, and how a failure of it is told and overcome."""

import pytest

from cs2_pipeline.live.history import Batch, HistoryUnavailableError

clickhouse = pytest.importorskip("cs2_pipeline.live.history.clickhouse", reason="clickhouse-connect is missing")


class Server:
    """Notes how it was connected to, and what it was told."""

    def __init__(self):
        self.asked, self.said, self.broken, self.closed = [], [], False, 0

    def connect(self, **how):
        self.asked.append(how)
        return self

    def command(self, statement):
        self.said.append(statement)

    def query(self, query, parameters):
        if self.broken:
            raise OSError("the line is down\nand more")
        return self

    def named_results(self):
        return iter([{"n": 1}])

    def close(self):
        self.closed += 1


@pytest.fixture
def server(monkeypatch):
    found = Server()
    monkeypatch.setattr(clickhouse.clickhouse_connect, "get_client", found.connect)
    return found


@pytest.mark.parametrize(
    ("url", "how"),
    [
        ("clickhouse://localhost", ("localhost", 8123, "default", "", "default", False)),
        ("clickhouse://", ("localhost", 8123, "default", "", "default", False)),
        ("clickhouse://me:a%40b%3A@db.example:9999/live/", ("db.example", 9999, "me", "a@b:", "live", False)),
        ("clickhouses://m%65@db.example", ("db.example", 8443, "me", "", "default", True)),
    ],
)
def test_an_address_says_where_who_and_which(server, url, how):
    clickhouse.ClickHouseHistory(url)
    (asked,) = server.asked
    assert tuple(asked[name] for name in ("host", "port", "username", "password", "database", "secure")) == how
    assert (asked["connect_timeout"], asked["send_receive_timeout"]) == (3, 30)
    assert asked["autogenerate_session_id"] is False, "several threads ask at once"
    assert sum(statement.startswith("create table") for statement in server.said) == 5
    assert sum(statement.startswith("create view") for statement in server.said) == 5


def test_a_folder_is_opened_by_the_engine_in_this_process(server):
    clickhouse.ClickHouseHistory("chdb:///some/folder")
    assert server.asked == [{"interface": "chdb", "path": "/some/folder"}]


def test_another_kind_of_address_is_refused(server):
    with pytest.raises(HistoryUnavailableError, match="begins with clickhouse://, not http://"):
        clickhouse.ClickHouseHistory("http://db.example")


def test_after_a_failure_it_is_connected_to_anew_and_the_failure_told_in_a_line(server):
    history = clickhouse.ClickHouseHistory("clickhouse://me:secret@db.example/live")
    assert history.ask("select 1") == [{"n": 1}] and len(server.asked) == 1
    server.broken = True
    with pytest.raises(HistoryUnavailableError) as caught:
        history.ask("select 1")
    assert str(caught.value) == "the event store clickhouse://db.example does not work: the line is down"
    server.broken = False
    assert history.ask("select 1") == [{"n": 1}] and len(server.asked) == 2
    history.close()
    history.close()
    assert server.closed == 1
    history.ask("select 1")
    assert len(server.asked) == 3


def test_nothing_is_written_of_an_empty_batch_and_nothing_removed(server):
    history = clickhouse.ClickHouseHistory("clickhouse://db.example")
    history.write(Batch())
    assert history.expire(1e12) == 0 and len(server.said) == 10


def test_a_failure_without_words_is_told_by_its_kind(monkeypatch):
    def refuse(**_):
        raise ConnectionRefusedError

    monkeypatch.setattr(clickhouse.clickhouse_connect, "get_client", refuse)
    with pytest.raises(HistoryUnavailableError) as caught:
        clickhouse.ClickHouseHistory("clickhouse://db.example")
    assert str(caught.value) == "the event store clickhouse://db.example does not work: ConnectionRefusedError"
