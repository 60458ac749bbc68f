"""`cs2 keys` and `cs2 users`: the first key and the first administrator need nobody's permission but the file's."""

import json
import subprocess
import sys

from cs2_pipeline.records.accounts import authenticate
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
