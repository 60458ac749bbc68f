"""`cs2 models rollback` under a service that is being asked: it follows, nobody gets an error, the history tells."""

import json
from threading import Event, Thread

import httpx
import pytest

from cs2_pipeline.cli import models
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.serving import PATIENCE, ROUND, serving

INTERVAL = 0.5


class Asker:
    """Asks without a pause on a connection of its own, and keeps status and version of each answer."""

    def __init__(self, url):
        self.url, self.answers, self._enough = url, [], Event()
        self._thread = Thread(target=self._ask)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._enough.set()
        self._thread.join()

    def versions(self):
        return [version for _, version in self.answers]

    def _ask(self):
        with httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False) as client:
            while not self._enough.wait(0.005):
                try:
                    response = client.post("/predict/round", json=ROUND)
                    self.answers.append((response.status_code, response.json().get("model_version")))
                except httpx.HTTPError as error:
                    self.answers.append((repr(error), None))


@pytest.fixture
def rolled_back(home, capsys):
    """Status and version of each answer while the second champion was rolled back, and what `cs2 models list` says."""
    settings = Settings(home=home.path)
    first, second = home.register_round(), home.register_round(bias=1.5)
    for version in (first, second):
        home.promote(version)
    with (
        serving(home.path, served_models="round_predictor", reload_interval=INTERVAL) as server,
        Asker(server.url) as asker,
    ):
        server.await_that(lambda _: second.version in asker.versions())
        models.rollback(settings, "round_predictor", reason="prices are off since the patch")
        server.await_that(lambda _: asker.versions()[-1] == first.version)
        seen = len(asker.answers)
        server.await_that(lambda _: len(asker.answers) > seen + 50)
    capsys.readouterr()
    models.show_all(settings, as_json=False)
    told = capsys.readouterr().out
    models.show_all(settings, as_json=True)
    return asker.answers, told, json.loads(capsys.readouterr().out)["round_predictor"]


def test_the_service_follows_a_rollback_without_a_failed_request_and_the_history_says_who_when_why_with_numbers(
    rolled_back,
):
    answers, told, listed = rolled_back
    assert {status for status, _ in answers} == {200}
    versions = [version for _, version in answers]
    turn = versions.index("1")
    assert versions == ["2"] * turn + ["1"] * (len(versions) - turn), "once it has followed it does not go back"

    assert listed["aliases"] == {"champion": "1", "previous": "2"}
    event = listed["history"][-1]
    assert (event["action"], event["version"], event["former"]) == ("rolled_back", "1", "2")
    assert event["reason"] == "prices are off since the patch"
    assert event["by"]
    assert event["numbers"] == {"1": {"test_log_loss": 0.5}, "2": {"test_log_loss": 0.5}}
    (line,) = (line for line in told.splitlines() if "rolled_back" in line)
    assert line.strip() == (
        f"{event['at'][:19]}Z version 1 (log loss 0.5000) rolled_back, was version 2 (log loss 0.5000), by "
        f"{event['by']}: prices are off since the patch"
    )
