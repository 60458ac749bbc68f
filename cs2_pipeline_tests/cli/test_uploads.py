"""`cs2 uploads` against a running gateway: what becomes of files, and every way in which it cannot be done."""

import io
import json
import sys
from contextlib import closing
from datetime import UTC, datetime

import httpx
import pytest

from cs2_pipeline.cli import uploads as command
from cs2_pipeline.coaching.uploads.inbox import Inbox
from cs2_pipeline.coaching.uploads.reading import read_waiting
from cs2_pipeline.records import accounts, keys
from cs2_pipeline.records.database import open_records
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.gateway.process import SERVICE, gateway
from cs2_pipeline_tests.bento.serving import free_port
from cs2_pipeline_tests.demodb.importers import made_exports as made

PASSWORD = "a long password of anna"
MOST = 2_000_000


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The home of a gateway with an account, and its port."""
    home = tmp_path_factory.mktemp("gateway")
    with gateway(home, SERVICE, CS2_UPLOAD_MAX_BYTES=str(MOST), CS2_ADMIN_TOKEN="an-admin-token") as port:
        anna = {"username": "anna", "email": "anna@example.org", "password": PASSWORD}
        at = f"http://127.0.0.1:{port}/auth/register"
        assert httpx.post(at, json=anna, trust_env=False, timeout=600).status_code == 202
        yield home, port


@pytest.fixture(scope="module")
def key(served):
    """A key of the account: sign-ins of one name are slowed down after ten."""
    with closing(open_records(Settings(home=served[0]))) as records:
        return keys.create(records, "a script", ["upload"], user_id=accounts.named(records, "anna").id)[0]


@pytest.fixture
def asking(cs2, served, key, monkeypatch):
    """The command with the account's key."""
    home, port = served
    monkeypatch.setenv("CS2_GATEWAY_PORT", str(port))
    monkeypatch.setenv("CS2_HOME", str(home))
    monkeypatch.setenv("CS2_API_KEY", key)
    return lambda *arguments: cs2("uploads", *arguments)


@pytest.fixture
def signed_in(asking, monkeypatch):
    """The command with the account's password on standard input."""
    monkeypatch.delenv("CS2_API_KEY")

    def run(*arguments, password=PASSWORD):
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
        return asking(*arguments, "--user", "anna")

    return run


@pytest.fixture
def read_on_waiting(served, monkeypatch):
    """What waits is read as soon as the command begins to wait, as the pipeline's sensor does."""
    home, _ = served

    def read(_seconds):
        with closing(open_records(Settings(home=home))) as records:
            places = {"scratch": home / "reading", "now": lambda: datetime.now(UTC), "say": lambda _: None}
            read_waiting(records, Inbox(str(home / "uploads")), home / "demos.sqlite", **places)

    monkeypatch.setattr(command.time, "sleep", read)


def test_files_are_sent_read_told_listed_and_deleted(asking, read_on_waiting, tmp_path):
    good = made.write(tmp_path, made.match(checksum="c11"), "good.json.gz")
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    ended = asking("send", good, broken, tmp_path / "nothing.dem", tmp_path / "match.rar")
    assert ended.status == 1
    assert "good.json.gz: kept: one new match" in ended.out
    assert "broken.json: in quarantine: not an export of cs-demo-analyzer" in ended.out
    assert "nothing.dem: No such file" in ended.out
    assert "match.rar: it is packed" in ended.out
    assert "3 of 4 files not taken" in ended.err

    again = asking("send", good)
    assert (again.status, "good.json.gz: sent before; kept" in again.out) == (0, True)

    listed = {one["name"]: one for one in json.loads(asking("list", "--json").out)["uploads"]}
    assert (listed["good.json.gz"]["state"], listed["broken.json"]["state"]) == ("accepted", "quarantined")
    shown = asking("list").out
    item = listed["good.json.gz"]
    assert (
        f"{item['id']}  {item['at'][:10]} {item['at'][11:16]}  good.json.gz (export, {item['size']:,} bytes)" in shown
    )
    assert "  accepted: one new match" in shown
    ended = asking("delete", *(one["id"] for one in listed.values()))
    assert ended.status == 0, ended.err
    assert json.loads(asking("list", "--json").out) == {"uploads": []}
    gone = asking("delete", listed["good.json.gz"]["id"])
    assert (gone.status, "you have no upload with this id" in gone.err) == (1, True)


def test_without_waiting_a_file_is_in_the_queue(asking, tmp_path):
    sent = asking("send", made.write(tmp_path, made.match(checksum="c12"), "later.json"), "--no-wait", "--json")
    (item,) = json.loads(sent.out)["uploads"]
    assert (sent.status, item["state"], item["known"]) == (0, "waiting", False)
    asking("delete", item["id"])


def test_who_signs_in_for_the_command_sees_the_same_and_other_keys_do_not_do(cs2, signed_in, tmp_path, monkeypatch):
    file = made.write(tmp_path, made.match(checksum="c13"), "mine.json")
    refused = cs2("keys", "create", "a script", "--scope", "upload")
    assert (refused.status, "--user" in refused.err) == (2, True)
    assert "no account ben" in cs2("keys", "create", "a script", "--scope", "upload", "--user", "ben").err
    made_for = {
        scope: json.loads(cs2("keys", "create", "x", "--scope", scope, "--user", "anna", "--json").out)["key"]
        for scope in ("upload", "predict")
    }
    monkeypatch.setenv("CS2_API_KEY", made_for["upload"])
    sent = cs2("uploads", "send", file, "--no-wait", "--json")
    assert sent.status == 0, sent.err
    (item,) = json.loads(sent.out)["uploads"]
    monkeypatch.delenv("CS2_API_KEY")
    assert item["id"] in {one["id"] for one in json.loads(signed_in("list", "--json").out)["uploads"]}
    assert signed_in("delete", item["id"]).status == 0
    for wrong, told in ((made_for["predict"], "scope upload"), ("cs2_unknown", "not known")):
        monkeypatch.setenv("CS2_API_KEY", wrong)
        ended = cs2("uploads", "list")
        assert (ended.status, told in ended.err, wrong in ended.err) == (1, True, False)


def test_a_file_that_is_too_large_is_not_even_sent(asking, tmp_path):
    large = tmp_path / "large.dem"
    large.write_bytes(bytes(MOST + 1))
    ended = asking("send", large)
    assert ended.status == 1
    assert f"the gateway takes at most {MOST:,}" in ended.out


def test_what_is_wrong_is_said(signed_in, cs2, key, tmp_path, monkeypatch):
    file = made.write(tmp_path, made.match(checksum="c14"), "mine.json")
    assert "the name or the password is wrong" in signed_in("send", file, password="no").err
    nobody = cs2("uploads", "list")
    assert (nobody.status, "CS2_API_KEY" in nobody.err, "--user" in nobody.err) == (2, True, True)
    monkeypatch.setenv("CS2_API_KEY", key)
    assert "must be a day from" in cs2("uploads", "send", file, "--date", "1999-01-01", "--no-wait").out
    monkeypatch.setenv("CS2_GATEWAY_PORT", str(free_port()))
    down = cs2("uploads", "send", file)
    assert (down.status, "cs2 up" in down.err) == (1, True)
    assert "--url" in cs2("uploads", "list", "--url", "nonsense").err


def test_when_too_many_wait_what_was_sent_is_still_told(asking, tmp_path, monkeypatch):
    files = [made.write(tmp_path, made.match(checksum=f"c2{number}"), f"{number}.json") for number in range(2)]
    send = command.Client.send

    def full(self, file, *rest):
        if file.name == "1.json":
            raise command.CliError("50 of your uploads wait")
        return send(self, file, *rest)

    monkeypatch.setattr(command.Client, "send", full)
    ended = asking("send", *files, "--no-wait")
    assert ended.status == 1
    assert "0.json: kept; it waits to be read" in ended.out
    assert "not taken: 50 of your uploads wait" in ended.out


def test_when_the_gateway_goes_away_what_is_known_is_still_told(asking, tmp_path, monkeypatch):
    files = [made.write(tmp_path, made.match(checksum=f"c3{number}"), f"gone{number}.json") for number in range(2)]
    settled = iter([{"state": "accepted", "reason": ""}])

    def gone(_client, _item):
        for known in settled:
            return known
        raise command.CliError("no gateway answers")

    monkeypatch.setattr(command.Client, "settled", gone)
    ended = asking("send", *files)
    assert (ended.status, "no gateway answers" in ended.err) == (1, True)
    assert "gone0.json: kept (" in ended.out
    assert "gone1.json: kept; it waits to be read" in ended.out


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ({"state": "waiting"}, "a.dem: kept; it waits to be read (u1)"),
        ({"state": "accepted", "reason": "one new match"}, "a.dem: kept: one new match (u1)"),
        ({"state": "accepted", "known": True}, "a.dem: sent before; kept (u1)"),
        ({"state": "quarantined", "known": False, "reason": "no demo"}, "a.dem: in quarantine: no demo (u1)"),
        ({"state": "refused", "reason": "too large"}, "not taken: too large"),
    ],
)
def test_what_became_of_a_file_is_told_in_a_line(item, told):
    assert command.verdict({"name": "a.dem", "id": "u1", "reason": ""} | item) == told


def test_a_session_that_runs_out_is_kept_alive(served):
    _, port = served
    with command.Client(f"http://127.0.0.1:{port}", {}) as client:
        client.sign_in("anna", PASSWORD)
        client._http.headers["Authorization"] = "Bearer out-of-date"
        assert isinstance(client.every(), list)
        client.sign_out()
