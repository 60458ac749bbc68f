"""Accounts over HTTP: what signs in, what stays signed in, what is refused, and what strangers cannot learn."""

import base64
import json
import re
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import jwt
import pytest
from sqlalchemy import select, update

from cs2_pipeline.records import accounts, buckets, coaching, keys, tokens
from cs2_pipeline.records.tables import METADATA, SESSIONS, SIGNING_KEYS, USERS
from cs2_pipeline_tests.bento.gateway import coach, documented
from cs2_pipeline_tests.bento.gateway.conftest import open_gateway

ANNA = {"username": "anna", "email": "anna@example.org", "password": "correct horse battery"}

BERT = {"username": "bert", "email": "bert@example.org", "password": "another battery staple"}


def sign_in(gateway, who=ANNA):
    gateway.post("/auth/register", json=who)
    answered = gateway.post("/auth/login", json={"username": who["username"], "password": who["password"]})
    assert answered.status_code == 200, answered.text
    return answered.json()["access_token"]


def me(gateway, token):
    return gateway.get("/auth/me", headers={"Authorization": f"Bearer {token}"})


def records(gateway):
    return gateway.app.state.records


def test_who_registers_signs_in_and_is_known(gateway):
    answered = gateway.post("/auth/register", json=ANNA)
    assert answered.status_code == 202
    token = gateway.post("/auth/login", json={"username": "ANNA", "password": ANNA["password"]})
    assert token.json()["token_type"] == "bearer"
    assert token.json()["expires_in"] == 900
    assert set(token.json()) == {"access_token", "token_type", "expires_in"}
    who = me(gateway, token.json()["access_token"]).json()
    assert (who["username"], who["email"], who["is_admin"]) == ("anna", "anna@example.org", False)


def test_the_address_signs_in_as_well_as_the_name(gateway):
    gateway.post("/auth/register", json=ANNA)
    credentials = {"username": "anna@example.org", "password": ANNA["password"]}
    assert gateway.post("/auth/login", json=credentials).status_code == 200


def test_in_camel_case_too(gateway):
    gateway.post("/auth/register", json=ANNA)
    credentials = {"username": "anna", "password": ANNA["password"]}
    answered = gateway.post("/auth/login", json=credentials, headers={"Prefer": "spelling=camel"})
    assert set(answered.json()) == {"accessToken", "tokenType", "expiresIn"}


def test_only_an_argon2_hash_of_the_password_is_kept(gateway):
    gateway.post("/auth/register", json=ANNA)
    with records(gateway).reading() as connection:
        row = connection.execute(select(USERS)).one()
    assert row.password_hash.startswith("$argon2id$")
    assert ANNA["password"] not in str(row)


def test_a_taken_name_and_a_taken_address_are_answered_like_free_ones(gateway):
    first = gateway.post("/auth/register", json=ANNA)
    same_name = gateway.post("/auth/register", json=ANNA | {"email": "other@example.org", "password": "x" * 12})
    same_address = gateway.post("/auth/register", json=ANNA | {"username": "eve", "password": "x" * 12})
    assert first.status_code == same_name.status_code == same_address.status_code == 202
    assert first.content == same_name.content == same_address.content
    assert gateway.post("/auth/login", json={"username": "anna", "password": "x" * 12}).status_code == 401
    assert gateway.post("/auth/login", json={"username": "eve", "password": "x" * 12}).status_code == 401


def test_an_unknown_name_and_a_wrong_password_are_answered_alike_and_cost_the_same_hash(gateway, monkeypatch):
    verified = []
    hasher = accounts._HASHER
    checked = type(hasher).verify
    monkeypatch.setattr(type(hasher), "verify", lambda self, *given: verified.append(1) or checked(self, *given))
    gateway.post("/auth/register", json=ANNA)
    wrong = gateway.post("/auth/login", json={"username": "anna", "password": "wrong"})
    unknown = gateway.post("/auth/login", json={"username": "nobody", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.content == unknown.content
    assert len(verified) == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [({"password": "short"}, "password"), ({"email": "none"}, "email"), ({"username": "a b"}, "username")],
)
def test_what_cannot_be_an_account_is_refused_without_repeating_the_password(gateway, change, field):
    answered = gateway.post("/auth/register", json=ANNA | change)
    assert answered.status_code == 422
    assert [one["field"] for one in answered.json()["errors"]] == [field]
    assert ANNA["password"] not in answered.text


def test_guessing_a_password_is_slowed_down(gateway, monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr(buckets, "time", SimpleNamespace(monotonic=lambda: now))  # hashing may take as long as it likes
    gateway.post("/auth/register", json=ANNA)
    answers = [gateway.post("/auth/login", json={"username": "anna", "password": "w"}) for _ in range(11)]
    assert [one.status_code for one in answers] == [401] * 10 + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_an_access_token_that_is_out_of_date_forged_or_of_another_algorithm_opens_nothing(gateway):
    token = sign_in(gateway)
    claims = jwt.decode(token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(token)["kid"]
    with records(gateway).reading() as connection:
        secret = connection.execute(select(SIGNING_KEYS.c.secret)).scalar_one()
    signed = {"headers": {"kid": kid}}
    old = jwt.encode(claims | {"exp": datetime.now(UTC) - timedelta(seconds=1)}, secret, "HS256", **signed)
    forged = jwt.encode(claims, "x" * 32, "HS256", **signed)
    stronger = jwt.encode(claims, secret, "HS512", **signed)
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": kid}).encode()).decode().rstrip("=")
    unsigned = f"{header}.{token.split('.')[1]}."
    changed = token.split(".")[0] + "." + token.split(".")[1][:-2] + "AA." + token.split(".")[2]
    assert me(gateway, token).status_code == 200
    assert "has expired" in me(gateway, old).json()["detail"]
    for one in (old, forged, stronger, unsigned, changed, "garbage", "a.b.c"):
        assert me(gateway, one).status_code == 401, one


def test_the_signing_key_is_replaced_and_tokens_of_the_old_one_live_on(gateway, monkeypatch):
    token = sign_in(gateway)
    with records(gateway).writing() as connection:
        connection.execute(update(SIGNING_KEYS).values(created_at=datetime.now(UTC) - tokens.KEY_LIFE))
    gateway.app.state.access.signer = tokens.Signer(records(gateway))
    newer = sign_in(gateway)
    assert jwt.get_unverified_header(newer)["kid"] != jwt.get_unverified_header(token)["kid"]
    assert me(gateway, token).status_code == me(gateway, newer).status_code == 200
    with records(gateway).writing() as connection:
        old = datetime.now(UTC) - tokens.KEY_LIFE - tokens.TOKEN_LIFE
        kid = jwt.get_unverified_header(token)["kid"]
        connection.execute(update(SIGNING_KEYS).where(SIGNING_KEYS.c.id == kid).values(created_at=old))
    gateway.app.state.access.signer = tokens.Signer(records(gateway))
    assert me(gateway, token).status_code == 401
    assert me(gateway, newer).status_code == 200


def test_a_session_is_kept_alive_by_its_cookie_and_ends_at_logout(gateway):
    token = sign_in(gateway)
    first = gateway.cookies["cs2_refresh"]
    renewed = gateway.post("/auth/refresh")
    assert renewed.status_code == 200
    assert gateway.cookies["cs2_refresh"] != first
    assert me(gateway, renewed.json()["access_token"]).status_code == 200
    assert gateway.post("/auth/logout").status_code == 204
    assert me(gateway, token).status_code == 401
    assert gateway.post("/auth/refresh").status_code == 401


def test_a_token_alone_ends_its_session_and_nobody_may_sign_out_too(gateway):
    token = sign_in(gateway)
    gateway.cookies.clear()
    assert gateway.post("/auth/logout").status_code == 204
    assert me(gateway, token).status_code == 200
    answered = gateway.post("/auth/logout", headers={"Authorization": f"Bearer {token}"})
    assert answered.status_code == 204 and answered.headers["set-cookie"].count("Max-Age=0") == 2
    assert me(gateway, token).status_code == 401


def test_the_cookie_is_kept_from_scripts_and_other_sites(gateway):
    gateway.post("/auth/register", json=ANNA)
    answered = gateway.post("/auth/login", json={"username": "anna", "password": ANNA["password"]})
    cookie = answered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/auth" in cookie
    assert f"max-age={int(accounts.SESSION_LIFE.total_seconds())}" in cookie
    assert "secure" not in cookie, "over plain HTTP it would not be kept"


def test_over_tls_the_cookie_never_goes_without(tmp_path):
    with open_gateway(tmp_path, public_url="https://cs2.example.org") as gateway:
        gateway.post("/auth/register", json=ANNA)
        answered = gateway.post("/auth/login", json={"username": "anna", "password": ANNA["password"]})
        assert "; secure" in answered.headers["set-cookie"].lower()


def test_one_address_tries_thirty_times_at_once_and_then_once_a_second(gateway, monkeypatch):
    clock = SimpleNamespace(now=time.monotonic(), monotonic=lambda: clock.now)
    monkeypatch.setattr(buckets, "time", clock)
    tries = gateway.app.state.access.address_tries

    def ask(method, path, **sent):
        if not path.startswith("/auth"):  # a form of another page is refused before it counts
            form = re.search(r'name="form" value="([^"]+)"', gateway.get("/sign-in").text)[1]
            sent["data"] = {"form": form, "username": "nobody", "password": "w"}
        return gateway.request(method, path, follow_redirects=False, **sent)

    for method, path, sent in (
        ("POST", "/auth/register", {"json": ANNA}),
        ("POST", "/auth/login", {"json": {"username": "nobody", "password": "w"}}),
        ("POST", "/auth/refresh", {}),
        ("GET", "/auth/steam", {}),
        ("GET", "/auth/steam/return", {}),
        ("POST", "/register", {}),
        ("POST", "/sign-in", {}),
    ):
        clock.now += 1_000
        assert [tries.take("127.0.0.1") for _ in range(29)] == [0.0] * 29
        assert ask(method, path, **sent).status_code != 429, path
        refused = ask(method, path, **sent)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2"), path
        assert "Too many tries" in refused.text
        clock.now += 1
        assert ask(method, path, **sent).status_code != 429, path


def test_a_refresh_token_used_twice_ends_its_session(gateway):
    sign_in(gateway)
    stolen = gateway.cookies["cs2_refresh"]
    token = gateway.post("/auth/refresh").json()["access_token"]
    gateway.cookies.clear()
    again = gateway.post("/auth/refresh", headers={"Cookie": f"cs2_refresh={stolen}"})
    assert again.status_code == 401
    assert me(gateway, token).status_code == 401  # the thief or the owner: nobody can tell, so both are out
    with records(gateway).reading() as connection:
        assert connection.execute(select(SESSIONS.c.revoked_reason)).scalar_one() == "refresh token used twice"


def test_a_session_that_is_out_of_date_ends(gateway):
    token = sign_in(gateway)
    with records(gateway).writing() as connection:
        connection.execute(update(SESSIONS).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert me(gateway, token).status_code == 401
    assert gateway.post("/auth/refresh").status_code == 401


def test_a_disabled_account_is_out_at_once(gateway):
    token = sign_in(gateway)
    with records(gateway).writing() as connection:
        connection.execute(update(USERS).values(disabled_at=datetime.now(UTC)))
    assert me(gateway, token).status_code == 401
    credentials = {"username": "anna", "password": ANNA["password"]}
    assert gateway.post("/auth/login", json=credentials).status_code == 401


def test_a_deleted_account_leaves_nothing_that_opens_anything(gateway):
    token = sign_in(gateway)
    with records(gateway).writing() as connection:
        connection.execute(USERS.delete())
    assert me(gateway, token).status_code == 401
    assert gateway.post("/auth/refresh").status_code == 401
    asked = {"team1_id": "t1", "team2_id": "t2", "best_of": 3}
    refused = gateway.post("/api/v1/forecasts/series", json=asked, headers={"Authorization": f"Bearer {token}"})
    assert refused.status_code == 401
    assert "sign in again" in refused.json()["detail"]


def test_who_deletes_an_account_leaves_nothing_of_it_and_takes_nothing_of_others(gateway):
    token, others = sign_in(gateway), sign_in(gateway, BERT)
    steam_id = "76561198000000001"
    coach.link(records(gateway), "anna", steam_id)
    players = {"anna": ("counterstrike", steam_id), "bert": ("counterstrike", "76561198000000002")}
    for player in players.values():
        coaching.begin_plan(records(gateway), *player, {"items": []}, at=coach.NOW)
    coaching.begin_plan(records(gateway), "rocket_league", f"steam:{steam_id}", {"items": []}, at=coach.NOW)
    coaching.share(records(gateway), *players["anna"], "bert")
    coaching.share(records(gateway), *players["bert"], "anna")
    key, _ = keys.create(records(gateway), "hers", [keys.UPLOAD], user_id=me(gateway, token).json()["id"])

    assert gateway.delete("/auth/me", headers={"Authorization": f"Bearer {token}"}).status_code == 204

    assert me(gateway, token).status_code == 401
    assert me(gateway, others).status_code == 200
    assert not coaching.plans(records(gateway), *players["anna"])
    assert not coaching.plans(records(gateway), "rocket_league", f"steam:{steam_id}")
    assert len(coaching.plans(records(gateway), *players["bert"])) == 1
    assert coaching.shared_with(records(gateway), *players["bert"]) == []
    with records(gateway).reading() as connection:
        left = {table.name: str(connection.execute(select(table)).all()) for table in METADATA.sorted_tables}
    assert [name for name, rows in left.items() if "anna" in rows or steam_id in rows] == []
    assert gateway.get("/api/v1/uploads", headers={"X-API-Key": key}).status_code == 401
    assert sign_in(gateway)


def test_locked_records_are_told_as_such_and_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr("cs2_pipeline.records.database.BUSY_SECONDS", 0.1)
    with open_gateway(tmp_path) as gateway:
        locked = sqlite3.connect(tmp_path / "records.db", isolation_level=None)
        locked.execute("BEGIN IMMEDIATE")
        answered = gateway.post("/auth/register", json=ANNA)
        locked.execute("ROLLBACK")
        assert answered.status_code == 503
        assert answered.headers["retry-after"] == "1"
        assert "sqlite" not in answered.text
        while (again := gateway.post("/auth/register", json=ANNA)).status_code == 503:
            pass  # what the gateway itself writes in the background may still hold them
        assert again.status_code == 202


def test_the_document_names_statuses_and_limits():
    assert documented.statuses("/auth/") == {
        "POST /auth/register": "202", "POST /auth/logout": "204", "DELETE /auth/me": "204", "GET /auth/steam": "303",
        "GET /auth/steam/return": "303",
    }  # fmt: skip
    registration = {"username": (32, 3), "email": (320,), "password": (200, 10)}
    assert documented.limits("Registration") == registration
    assert documented.limits("Credentials") == {"username": (320, 1), "password": (200, 1)}
