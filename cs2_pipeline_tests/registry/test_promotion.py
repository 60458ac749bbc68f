"""Decisions about versions: what each of them changes and what is written down, also where one was cut short."""

import getpass
import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from mlflow.tracking import MlflowClient

from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.registry import overview, promotion, runs
from cs2_pipeline.registry.champion import ModelStore
from cs2_pipeline.registry.client import connect
from cs2_pipeline.registry.errors import RegistryError, RegistryUnavailableError
from cs2_pipeline.registry.versions import Event


def registered(uri, name, count):
    """A model with so many bare versions, which no run made."""
    client = connect(uri)
    client.create_registered_model(name)
    numbers = [client.create_model_version(name, "nowhere").version for _ in range(count)]
    return [ModelVersion(name, str(number), "", "", "", "", "", "", {}, {}) for number in numbers]


def tags_of(uri, version):
    return connect(uri).get_model_version(version.name, version.version).tags


def test_every_decision_is_written_down_with_what_was_champion_before(uri):
    first, second, third = registered(uri, "a", 3)
    assert promotion.aliases(uri, "a") == {}
    began = datetime.now(UTC)
    events = [promotion.promote(uri, first, reason="the first", by="ann", expected_former="")]
    assert promotion.aliases(uri, "a") == {"champion": "1"}
    events.append(promotion.promote(uri, second, reason="better", expected_former="1"))
    assert promotion.aliases(uri, "a") == {"champion": "2", "previous": "1"}
    events.append(promotion.refuse(uri, third, reason="worse", by="bob"))
    assert promotion.aliases(uri, "a") == {"champion": "2", "previous": "1"}
    events.append(promotion.promote(uri, third, reason="all the same", forced=True))
    assert promotion.aliases(uri, "a") == {"champion": "3", "previous": "2"}
    events.append(promotion.rollback(uri, "a", reason="bad", by="bob"))
    assert promotion.aliases(uri, "a") == {"champion": "2", "previous": "3"}
    events.append(promotion.rollback(uri, "a", reason="good after all"))
    assert promotion.aliases(uri, "a") == {"champion": "3", "previous": "2"}
    me = getpass.getuser()
    assert events == promotion.history(uri, "a") == [
        Event(events[0].at, "promoted", "1", None, "ann", "the first"),
        Event(events[1].at, "promoted", "2", "1", me, "better"),
        Event(events[2].at, "refused", "3", "2", "bob", "worse"),
        Event(events[3].at, "forced", "3", "2", me, "all the same"),
        Event(events[4].at, "rolled_back", "2", "3", "bob", "bad"),
        Event(events[5].at, "rolled_back", "3", "2", me, "good after all"),
    ]  # fmt: skip
    times = [datetime.fromisoformat(event.at) for event in events]
    assert began <= times[0] <= times[-1] <= datetime.now(UTC)
    assert times == sorted(set(times))
    assert [tags_of(uri, version) for version in (first, second, third)] == [
        {"promoted_at": events[0].at, "promotion_reason": "the first"},
        {"promoted_at": events[4].at, "promotion_reason": "rollback: bad"},
        {
            "promoted_at": events[5].at, "promotion_reason": "rollback: good after all", "refused_reason": "worse",
        },
    ]  # fmt: skip


def test_a_reason_too_long_for_mlflow_is_cut_where_it_is_kept(uri):
    first, second = registered(uri, "b", 2)
    reason = "x" * 9_000
    promotion.promote(uri, first, reason=reason)
    promotion.promote(uri, second, reason=reason)
    promotion.refuse(uri, second, reason=reason)
    assert tags_of(uri, second) | {"promoted_at": ""} == {
        "promoted_at": "", "promotion_reason": "x" * 4_500, "refused_reason": "x" * 4_500,
    }  # fmt: skip
    promotion.rollback(uri, "b", reason=reason)
    assert tags_of(uri, first)["promotion_reason"] == "rollback: " + "x" * 4_490
    assert [event.reason for event in promotion.history(uri, "b")] == ["x" * 2_250] * 4
    assert all(len(tag) < 5_000 for tag in connect(uri).get_registered_model("b").tags.values())


def test_a_rollback_needs_a_previous_champion_that_is_not_the_present_one(uri):
    first, second = registered(uri, "c", 2)
    promotion.promote(uri, first, reason="good")
    for _ in range(2):
        with pytest.raises(RegistryError, match="c has no previous champion to roll back to; `cs2 models list` shows"):
            promotion.rollback(uri, "c", reason="bad")
        connect(uri).set_registered_model_alias("c", "previous", "1")
    assert [event.action for event in promotion.history(uri, "c")] == ["promoted"], "nothing was written down"
    promotion.promote(uri, second, reason="better")
    connect(uri).delete_registered_model_alias("c", "champion")
    event = promotion.rollback(uri, "c", reason="nobody is champion")
    assert (event.version, event.former) == ("1", None)
    assert promotion.aliases(uri, "c") == {"champion": "1", "previous": "1"}


def test_a_promotion_that_is_not_the_one_begun_is_one_of_its_own(uri):
    first, second = registered(uri, "d", 2)
    promotion.promote(uri, first, reason="good")
    promotion.refuse(uri, second, reason="worse")
    promotion.promote(uri, second, reason="better", forced=True)
    assert [event.action for event in promotion.history(uri, "d")] == ["promoted", "refused", "forced"]
    with pytest.raises(RegistryError, match="d: version 2 became champion in the meantime; train again"):
        promotion.promote(uri, first, reason="late", expected_former="1")
    assert promotion.aliases(uri, "d") == {"champion": "2", "previous": "1"}


def test_a_version_that_is_not_there_is_named_with_where_to_look(uri, tmp_path):
    registered(uri, "e", 1)
    with pytest.raises(RegistryError, match="e has no version 7; `cs2 models list` shows those there are"):
        ModelStore(uri, tmp_path).version("e", "7")
    assert ModelStore(uri, tmp_path).champion("e") is None
    assert (promotion.history(uri, "nobody"), promotion.aliases(uri, "nobody"), promotion.versions(uri, "nobody")) == (
        [], {}, [],
    )  # fmt: skip


@pytest.fixture(scope="module")
def refusing():
    """A server that refuses whatever it is asked."""

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self):
            said = json.dumps({"error_code": "PERMISSION_DENIED", "message": "not for you"}).encode()
            self.send_response(403)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_POST = do_PATCH = do_GET  # noqa: N815  what http.server calls

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


VERSION = ModelVersion("round_predictor", "1", "run", "", "", "", "", "", {}, {})
ASKED = {
    "champion": lambda uri, cache: ModelStore(uri, cache).champion("round_predictor"),
    "version": lambda uri, cache: ModelStore(uri, cache).version("round_predictor", "1"),
    "artifact": lambda uri, cache: ModelStore(uri, cache).artifact(VERSION),
    "promote": lambda uri, _: promotion.promote(uri, VERSION, reason="good"),
    "refuse": lambda uri, _: promotion.refuse(uri, VERSION, reason="bad"),
    "rollback": lambda uri, _: promotion.rollback(uri, "round_predictor", reason="bad"),
    "history": lambda uri, _: promotion.history(uri, "round_predictor"),
    "versions": lambda uri, _: promotion.versions(uri, "round_predictor"),
    "aliases": lambda uri, _: promotion.aliases(uri, "round_predictor"),
    "overview": overview.overviews,
    "evidence": lambda uri, _: overview.evidence(uri, "run"),
    "left open": lambda uri, _: runs.left_open(uri),
    "mark killed": lambda uri, _: runs.mark_killed(uri, "run", "killed"),
}


@pytest.mark.parametrize("asked", ASKED)
def test_what_mlflow_refuses_is_told_and_never_taken_for_something_that_is_not_there(refusing, tmp_path, asked):
    with pytest.raises(RegistryError, match=f"MLflow at {refusing}: .*not for you") as told:
        ASKED[asked](refusing, tmp_path)
    assert not isinstance(told.value, RegistryUnavailableError)


def test_promoting_the_champion_again_is_written_down_and_keeps_the_previous_one(uri):
    first, second = registered(uri, "f", 2)
    for version in (first, second, second):
        promotion.promote(uri, version, reason="again")
    assert promotion.aliases(uri, "f") == {"champion": "2", "previous": "1"}
    assert [event.former for event in promotion.history(uri, "f")] == [None, "1", "2"]


def killed_after(count, monkeypatch, do):
    """Do something in a process that is killed once so many aliases were moved."""
    original, moved = MlflowClient.set_registered_model_alias, []

    def set_alias(client, name, alias, version):
        if len(moved) == count:
            raise KeyboardInterrupt
        moved.append(alias)
        original(client, name, alias, version)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(MlflowClient, "set_registered_model_alias", set_alias)
        do()
    return moved


def test_a_promotion_cut_short_between_two_aliases_leaves_the_champion_and_can_go_on(uri, monkeypatch):
    first, second, third = registered(uri, "g", 3)
    for version in (first, second):
        promotion.promote(uri, version, reason="good")
    assert killed_after(1, monkeypatch, lambda: promotion.promote(uri, third, reason="better")) == ["previous"]
    assert promotion.aliases(uri, "g")["champion"] == "2"
    promotion.promote(uri, third, reason="better")
    assert promotion.aliases(uri, "g") == {"champion": "3", "previous": "2"}


def test_a_rollback_cut_short_between_two_aliases_has_moved_the_champion(uri, monkeypatch):
    for version in registered(uri, "h", 2):
        promotion.promote(uri, version, reason="good")
    assert killed_after(1, monkeypatch, lambda: promotion.rollback(uri, "h", reason="worse")) == ["champion"]
    assert promotion.aliases(uri, "h")["champion"] == "1"
    assert promotion.history(uri, "h")[-1].action == "rolled_back"


def test_a_promotion_completed_by_a_second_process_is_in_the_history_once(uri, monkeypatch):
    first, second = registered(uri, "i", 2)
    promotion.promote(uri, first, reason="good")
    killed_after(0, monkeypatch, lambda: promotion.promote(uri, second, reason="better"))
    done = promotion.promote(uri, second, reason="better")
    again = promotion.promote(uri, second, reason="once more")
    assert promotion.history(uri, "i")[1:] == [done, again]
    assert (done.action, done.reason, again.former) == ("promoted", "better", "2")
    assert tags_of(uri, second) == {"promoted_at": again.at, "promotion_reason": "once more"}


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_rollback_without_a_reason_asks_nobody_and_changes_nothing(reason):
    with pytest.raises(RegistryError, match="j: a rollback needs a reason"):
        promotion.rollback("http://127.0.0.1:9", "j", reason=reason)


def test_a_promotion_against_another_champion_than_was_compared_with_is_refused(uri):
    former, version = registered(uri, "k", 2)
    promotion.promote(uri, former, reason="good")
    for expected in ("", "999"):
        with pytest.raises(RegistryError, match="version 1 became champion in the meantime"):
            promotion.promote(uri, version, reason="better", expected_former=expected)
    assert promotion.aliases(uri, "k") == {"champion": "1"}
    assert promotion.promote(uri, version, reason="better", expected_former="1").former == "1"
