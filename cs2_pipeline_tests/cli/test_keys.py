"""`cs2 keys` and `cs2 users`: the first key and the first administrator need nobody's permission but the file's."""

import io
import json
import subprocess
import sys
from contextlib import closing

import pytest

from cs2_pipeline.cli import keys
from cs2_pipeline.records.accounts import authenticate, named
from cs2_pipeline.records.database import open_records
from cs2_pipeline.settings import Settings


def test_a_key_is_made_shown_once_listed_and_revoked(cs2):
    made = cs2("keys", "create", "my bot", "--scope", "forecast", "--scope", "predict", "--json")
    assert made.status == 0
    key = json.loads(made.out)["key"]
    assert key.startswith("cs2_")
    listed = cs2("keys", "list", "--json")
    assert key not in listed.out
    assert [one["scopes"] for one in json.loads(listed.out)["keys"]] == [["forecast", "predict"]]
    assert cs2("keys", "revoke", json.loads(made.out)["id"]).status == 0
    assert json.loads(cs2("keys", "list", "--json").out)["keys"][0]["revoked_at"]


def test_an_unknown_scope_names_those_there_are(cs2):
    ended = cs2("keys", "create", "my bot", "--scope", "everything")
    assert ended.status == 2
    assert "live:write" in ended.err


def test_an_unknown_key_cannot_be_revoked(cs2):
    ended = cs2("keys", "revoke", "none")
    assert ended.status == 1
    assert "cs2 keys list" in ended.err


def test_an_administrator_is_made_with_a_password_that_no_history_holds(home):
    command = [sys.executable, "-m", "cs2_pipeline.cli", "users", "create-admin", "anna", "anna@example.org"]
    ended = subprocess.run(command, check=False, input="correct horse battery\n", text=True, capture_output=True)
    assert ended.returncode == 0, ended.stderr
    records = open_records(Settings())
    assert authenticate(records, "anna", "correct horse battery").is_admin
    records.close()


def test_keys_are_listed_with_their_limits_and_when_they_ended(cs2, wide):
    made = cs2("keys", "create", "bot", "--scope", "predict", "--rate", "2.5", "--daily-quota", "12000")
    assert made.out.startswith("cs2_") and "this is the only time it is shown" in made.out
    cs2("keys", "create", "feed", "--scope", "live:write", "--scope", "forecast")
    bot, feed = sorted(json.loads(cs2("keys", "list", "--json").out)["keys"], key=lambda one: one["name"])
    assert (bot["rate"], bot["daily_quota"], bot["revoked_at"], bot["user_id"]) == (2.5, 12_000, None, None)
    assert (feed["rate"], feed["daily_quota"], feed["scopes"]) == (100.0, None, ["forecast", "live:write"])
    revoked = cs2("keys", "revoke", bot["id"])
    assert revoked.out.startswith(f"  {bot['id']} is revoked; it stops working within ")
    rows = {line.split()[1]: line for line in cs2("keys", "list").out.splitlines() if "/s" in line}
    cells = {name: [cell.strip() for cell in line.strip("│").split("│")] for name, line in rows.items()}
    of = {cell[1]: cell for cell in cells.values()}
    day = bot["created_at"][:10]
    assert of["bot"][2:] == ["predict", "2.5/s", "12,000", day, day]
    assert of["feed"][2:] == ["forecast live:write", "100/s", "–", day, ""]


LONG = "correct horse battery"


@pytest.fixture
def create_admin(cs2, monkeypatch):
    def run(name, email, password, *, terminal=False):
        monkeypatch.setattr(sys, "stdin", stdin := io.StringIO(f"{password}\n"))
        stdin.isatty = lambda: terminal
        return cs2("users", "create-admin", name, email)

    return run


@pytest.mark.parametrize(
    ("name", "email", "password", "said"),
    [("an", "a@example.org", "0123456789", "3 to 32"), ("a" * 33, "a@example.org", "0123456789", "3 to 32"),
     ("an na", "a@example.org", "0123456789", "letters"), ("anna", "example.org", "0123456789", "e-mail"),
     ("anna", "a@example", "0123456789", "e-mail"), ("anna", "a@example.org", "012345678", "at least 10")],
)  # fmt: skip
def test_an_administrator_needs_a_name_an_address_and_a_long_password(create_admin, name, email, password, said):
    ended = create_admin(name, email, password)
    assert (ended.status, said in ended.err) == (2, True)


def test_the_shortest_name_and_password_do_and_nobody_is_made_twice(create_admin, home):
    made = create_admin("a_1", "a@example.org", "0123456789")
    assert (made.status, made.out) == (0, "  a_1 is an administrator and can sign in now\n")
    assert create_admin("b" * 32, "b@example.org", LONG).status == 0
    for name, email in (("a_1", "c@example.org"), ("ccc", "a@example.org")):
        ended = create_admin(name, email, LONG)
        assert (ended.status, f"{name} or {email} already has an account" in ended.err) == (1, True)


def test_a_key_of_an_account_is_told_with_all_that_it_allows(cs2, create_admin):
    create_admin("anna", "a@example.org", LONG)
    made = json.loads(cs2("keys", "create", "[b]script :fire:", "--scope", "upload", "--user", "anna", "--json").out)
    (listed,) = json.loads(cs2("keys", "list", "--json").out)["keys"]
    assert {name: value for name, value in made.items() if name != "key"} == listed
    assert listed | {"id": 0, "user_id": 0, "created_at": 0} == {
        "id": 0, "name": "[b]script :fire:", "scopes": ["upload"], "user_id": 0, "rate": 100.0, "daily_quota": None,
        "created_at": 0, "revoked_at": None,
    }  # fmt: skip
    with closing(open_records(Settings())) as records:
        assert listed["user_id"] == named(records, "anna").id


def test_a_new_key_is_shown_alone_on_its_line_with_what_it_changes(cs2):
    lines = cs2("keys", "create", "bot", "--scope", "predict").out.splitlines()
    assert lines[0].startswith("cs2_") and " " not in lines[0]
    assert lines[1].startswith("  Send it as X-API-Key") and lines[2].startswith("  From now on every caller needs")
    assert len(lines) == 3


def test_the_password_of_an_administrator_is_read_unseen_at_a_terminal(create_admin, monkeypatch):
    asked = []
    monkeypatch.setattr(keys, "getpass", lambda prompt: f"unseen after {prompt!r}")
    monkeypatch.setattr(keys.accounts, "register", lambda _, *who, **more: asked.append((who, more)) or object())
    assert create_admin("anna", "a@example.org", "seen", terminal=True).status == 0
    assert asked == [(("anna", "a@example.org", "unseen after 'password: '"), {"is_admin": True})]
