"""Two gateways share a ledger and are killed while they answer: nothing answered is missing, nothing is there twice."""

import signal
import threading
import time
from collections import Counter

import httpx
import pytest

from cs2_pipeline.records import ledger
from cs2_pipeline.records.database import Records
from cs2_pipeline_tests.bento.gateway.process import await_ready, start
from cs2_pipeline_tests.demodb.conftest import new_postgres, postgres_server  # noqa: F401
from cs2_pipeline_tests.forecasting import league

ASKED = {"team1_id": "t1", "team2_id": "t2", "map_id": "de_mirage"}
ANSWERS = 60


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def address(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'records.db'}"
    return new_postgres(request.getfixturevalue("postgres_server"))


def ask_until_dead(port, answered, refused):
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=600) as client:
        while True:
            try:
                told = client.post("/api/v1/forecasts/map", json=ASKED)
            except httpx.TransportError:
                return
            if told.status_code == 200:
                answered.append(told.json())
            else:
                refused.append(told.text)


def test_killed_gateways_lose_no_answer_and_fork_no_chain(tmp_path, address):
    records = Records(address)
    records.migrate()
    league.fill(records)
    answered, refused = [], []
    gateways = [start(tmp_path, CS2_RECORDS_URL=address) for _ in range(2)]
    for port, process in gateways:
        await_ready(port, process, tmp_path)
    asking = [
        threading.Thread(target=ask_until_dead, args=(port, answered, refused))
        for port, _ in gateways
        for _ in range(4)
    ]
    for thread in asking:
        thread.start()
    for port, process in gateways:  # one dies while the other goes on
        enough = len(answered) + ANSWERS
        while len(answered) < enough:
            assert process.poll() is None, (tmp_path / f"log-{port}").read_text()
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    for thread in asking:
        thread.join()
    assert refused == []
    written = Counter(entry.id for entry in ledger.entries(records))
    assert {one["id"] for one in answered} <= set(written)
    assert max(written.values()) == 1
    by_id = {entry.id: entry for entry in ledger.entries(records)}
    assert all(by_id[one["id"]].hash == one["ledger"]["hash"] for one in answered)
    assert ledger.verify(records) == []
    with records.writing() as connection:  # whoever comes next goes on with the chain
        ledger.append(connection, [ledger.Draft("settlement", {})])
    assert ledger.verify(records) == []
    records.close()
