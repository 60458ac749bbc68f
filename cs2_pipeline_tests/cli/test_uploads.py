"""`cs2 uploads` against a running gateway: what becomes of files, and every way in which it cannot be done."""

import io
import json
import sys
from contextlib import closing
from datetime import UTC, datetime

import httpx
import pytest

from cs2_pipeline.cli import uploads as command
from cs2_pipeline.cli.console import progress
from cs2_pipeline.coaching.uploads.inbox import Inbox
from cs2_pipeline.coaching.uploads.reading import read_waiting
from cs2_pipeline.records import accounts, keys
from cs2_pipeline.records.database import open_records
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.gateway.process import SERVICE, gateway
from cs2_pipeline_tests.bento.serving import free_port
from cs2_pipeline_tests.cli.desk import open_desk
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


# What a real gateway seldom answers, or only after long use, is answered by a stand-in here.
LIMITS = {"file_bytes": 10, "room_bytes": 100}
ITEM = {"id": "u1", "name": "a.dem", "kind": "demo", "size": 10, "at": "2026-03-01T20:45:10Z", "state": "accepted",
        "reason": ""}  # fmt: skip
ADDRESS = "/api/v1/uploads"


@pytest.fixture
def desk(monkeypatch):
    with open_desk() as made:
        monkeypatch.setenv("CS2_GATEWAY_PORT", str(made.server_port))
        monkeypatch.setenv("CS2_API_KEY", "a-key")
        made.put(f"GET {ADDRESS}/limits", (200, LIMITS))
        made.put(f"POST {ADDRESS}", (201, ITEM))
        made.put("POST /auth/login", (200, {"access_token": "first"}))
        made.put("POST /auth/refresh", (200, {"access_token": "second"}))
        made.put("POST /auth/logout", (204, None))
        yield made


def demo(tmp_path, size=10, name="a.dem"):
    file = tmp_path / name
    file.write_bytes(bytes(range(size)))
    return file


def test_a_file_is_sent_as_it_is_with_its_name_its_length_and_its_day(cs2, desk, tmp_path, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setattr(command, "BLOCK", 4)
    ended = cs2("uploads", "send", demo(tmp_path), "--date", "2026-03-01", "--json")
    assert ended.status == 0, ended.err
    assert json.loads(ended.out) == {"uploads": [ITEM | {"known": False}]}
    (sent,) = desk.of(f"POST {ADDRESS}")
    assert (sent.query, sent.body) == ({"name": "a.dem", "played_on": "2026-03-01"}, bytes(range(10)))
    assert (sent.headers["content-length"], sent.headers["x-api-key"]) == ("10", "a-key")
    desk.put(f"POST {ADDRESS}", (200, ITEM))
    assert json.loads(cs2("uploads", "send", demo(tmp_path), "--json").out)["uploads"][0]["known"]
    assert desk.of(f"POST {ADDRESS}")[1].query == {"name": "a.dem"}


def test_the_bytes_that_are_on_their_way_are_told_block_by_block(desk, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "BLOCK", 4)
    told = []
    with command.Client(desk.url, {"X-API-Key": "a-key"}) as client:
        assert client.send(demo(tmp_path), None, told.append) == (ITEM, True)
    assert client._http.is_closed
    assert told == [4, 4, 2]


def test_a_file_of_exactly_the_largest_size_is_sent_and_a_larger_one_is_not(cs2, desk, tmp_path):
    assert cs2("uploads", "send", demo(tmp_path, 10)).status == 0
    ended = cs2("uploads", "send", demo(tmp_path, 11))
    assert (ended.status, ended.out) == (1, "  not taken: a.dem: 11 bytes; the gateway takes at most 10\n")
    assert len(desk.of(f"POST {ADDRESS}")) == 1


@pytest.mark.parametrize(("status", "of_the_file"), [(413, True), (415, True), (422, True), (429, False), (400, False)])
def test_what_is_wrong_with_one_file_keeps_no_other_from_being_sent(cs2, desk, tmp_path, status, of_the_file):
    desk.put(f"POST {ADDRESS}", (201, ITEM), (status, {"title": "No", "detail": "so"}), (201, ITEM | {"id": "u3"}))
    files = [demo(tmp_path, name=f"{name}.dem") for name in "abc"]
    ended = cs2("uploads", "send", *files, "--json")
    told = json.loads(ended.out)["uploads"]
    reason = "b.dem: No: so" if of_the_file else "No: so"
    assert told[1] == {"name": "b.dem", "state": "refused", "reason": reason, "known": False}
    assert [one.get("id") for one in told] == (["u1", None, "u3"] if of_the_file else ["u1", None])
    missed = 1 if of_the_file else 2
    assert (ended.status, f"{missed} of 3 files not taken" in ended.err) == (1, True)


def test_where_nothing_was_sent_the_refusal_alone_is_told(cs2, desk, tmp_path):
    desk.put(f"GET {ADDRESS}/limits", (429, {"title": "Full", "detail": "50 wait"}))
    ended = cs2("uploads", "send", demo(tmp_path), demo(tmp_path, name="b.dem"), "--json")
    assert (ended.status, ended.out, ended.err) == (1, "", "error: Full: 50 wait\n")
    assert len(desk.of(f"GET {ADDRESS}/limits")) == 1


def test_what_waits_is_asked_for_until_it_is_read(cs2, desk, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr(command.time, "sleep", pauses.append)
    waiting = ITEM | {"state": "waiting"}
    desk.put(f"POST {ADDRESS}", (201, waiting))
    desk.put(f"GET {ADDRESS}/u1", (200, waiting), (200, ITEM | {"reason": "one new match"}))
    ended = cs2("uploads", "send", demo(tmp_path))
    assert (ended.status, ended.out) == (0, "  a.dem: kept: one new match (u1)\n")
    assert "waiting until it is read; Ctrl-C leaves it in the queue" in ended.err
    assert pauses == [command.POLL_SECONDS] * 2
    ended = cs2("uploads", "send", demo(tmp_path), "--no-wait")
    assert (ended.status, ended.out, ended.err) == (0, "  a.dem: kept; it waits to be read (u1)\n", "")


def test_nothing_is_waited_for_where_all_was_read_at_once(cs2, desk, tmp_path):
    ended = cs2("uploads", "send", demo(tmp_path))
    assert (ended.status, ended.out, ended.err) == (0, "  a.dem: kept (u1)\n", "")


def test_a_file_in_quarantine_is_an_error(cs2, desk, tmp_path):
    desk.put(f"POST {ADDRESS}", (200, ITEM | {"state": "quarantined", "reason": "no demo"}))
    ended = cs2("uploads", "send", demo(tmp_path))
    assert (ended.status, ended.out) == (1, "  a.dem: sent before; in quarantine: no demo (u1)\n")
    assert "1 of 1 files not taken" in ended.err


def test_a_list_of_many_is_read_page_by_page(cs2, desk):
    pages = [{"items": [ITEM | {"id": f"u{n}"}], "next": after} for n, after in ((1, "one"), (2, "two"), (3, None))]
    desk.put(f"GET {ADDRESS}", *((200, page) for page in pages))
    ended = cs2("uploads", "list")
    assert ended.out.splitlines() == [
        f"  u{n}  2026-03-01 20:45  a.dem (demo, 10 bytes)  accepted" for n in (1, 2, 3)
    ]  # fmt: skip
    assert [one.query for one in desk.asked] == [
        {"limit": "100"}, {"limit": "100", "after": "one"}, {"limit": "100", "after": "two"},
    ]  # fmt: skip


def test_whoever_signs_in_is_asked_as_that_account_and_signed_out_whatever_happens(cs2, desk, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("a password \n"))
    ended = cs2("uploads", "delete", "u7", "--user", "anna")
    assert (ended.status, "Not found" in ended.err) == (1, True)
    assert [one.what for one in desk.asked] == ["POST /auth/login", f"DELETE {ADDRESS}/u7", "POST /auth/logout"]
    assert json.loads(desk.asked[0].body) == {"username": "anna", "password": "a password "}
    assert {one.headers["x-api-key"] for one in desk.asked} == {None}, "the key is another's"
    assert desk.asked[1].headers["authorization"] == "Bearer first"


def test_at_a_terminal_the_password_is_asked_for_unseen(cs2, desk, monkeypatch):
    monkeypatch.setattr(sys, "stdin", type("Terminal", (io.StringIO,), {"isatty": lambda _: True})("seen\n"))
    monkeypatch.setattr(command, "getpass", lambda prompt: f"unseen after {prompt!r}")
    desk.put(f"DELETE {ADDRESS}/u7", (204, None))
    ended = cs2("uploads", "delete", "u7", "--user", "anna")
    assert (ended.status, ended.out) == (0, "  u7 is deleted; matches that were read from it stay\n")
    assert json.loads(desk.asked[0].body)["password"] == "unseen after 'password: '"


def test_a_session_that_ran_out_is_renewed_once_and_the_request_made_again(desk):
    desk.put(f"GET {ADDRESS}/u1", (401, {"title": "No", "detail": "over"}), (200, ITEM))
    with command.Client(desk.url, {}) as client:
        client.sign_in("anna", "x")
        assert client.ask("GET", f"{ADDRESS}/u1") == ITEM
        desk.put("POST /auth/refresh", (401, {"title": "No", "detail": "signed out elsewhere"}))
        desk.put(f"GET {ADDRESS}/u1", (401, {"title": "No", "detail": "over"}))
        with pytest.raises(command.CliError, match="signed out elsewhere"):
            client.ask("GET", f"{ADDRESS}/u1")
    asked = [(one.what, one.headers["authorization"]) for one in desk.asked[1:4]]
    assert asked == [(f"GET {ADDRESS}/u1", "Bearer first"), ("POST /auth/refresh", None),
                     (f"GET {ADDRESS}/u1", "Bearer second")]  # fmt: skip


def test_a_gateway_that_breaks_off_is_told_from_one_that_does_not_run(desk):
    with command.Client(desk.url, {}) as client:
        desk.put("GET /", (999_999, None))  # no status that HTTP knows
        with pytest.raises(command.CliError, match=r"^the connection to the gateway broke off: "):
            client.ask("GET", "/")
    with pytest.raises(
        command.CliError, match=r"^no gateway responds at http://127\.0\.0\.1:.* start it with `cs2 up`"
    ):
        command.Client(f"http://127.0.0.1:{free_port()}", {}).ask("GET", "/")


def test_the_bar_of_a_file_knows_its_size_and_what_was_sent_of_it(tmp_path, monkeypatch):
    bars = []
    monkeypatch.setattr(command, "progress", lambda *columns: bars.append(progress(*columns)) or bars[-1])
    for file in (demo(tmp_path), tmp_path / "absent.dem"):
        with command._progress(file) as told:
            told(4)
            told(4)
    shown = [(task.description, task.total, task.completed) for bar in bars for task in bar.tasks]
    assert shown == [("a.dem", 10, 8), ("absent.dem", None, 8)]
