"""Who may ask without a credential: a newcomer on the same machine, and nobody else."""

import asyncio
import hashlib
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, Request
from sqlalchemy import update
from starlette.requests import HTTPConnection
from starlette.testclient import TestClient

from bento.gateway import access as access_module
from bento.gateway.access import (
    ADMINISTRATOR,
    EVERYDAY,
    NEWCOMER,
    PEOPLE,
    SESSION,
    Access,
    Caller,
    Scope,
    _made_here,
    allow,
    credential,
    csrf_token,
    on_this_machine,
    sending,
)
from bento.gateway.http import errors
from bento.http.problems import Problem
from cs2_pipeline.records import accounts, buckets, keys
from cs2_pipeline.records.database import open_records
from cs2_pipeline.records.tables import USERS
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.gateway.conftest import ELSEWHERE, HERE


def asking(tmp_path, *, client=HERE, base_url="http://127.0.0.1:8080", scope=Scope.FORECAST, **settings):
    app = FastAPI()
    errors.install(app)
    app.state.access = Access(Settings(home=tmp_path, **settings))

    @app.get("/who")
    async def who(caller: Annotated[Caller, Depends(allow(scope))]) -> str:
        return caller.name

    return TestClient(app, client=client, base_url=base_url)


def test_on_this_machine_and_with_nothing_configured_no_key_is_needed(tmp_path):
    assert asking(tmp_path).get("/who").json() == "local"
    assert asking(tmp_path, client=("::1", 1), base_url="http://[::1]:8080").get("/who").status_code == 200


def test_from_elsewhere_a_key_is_always_needed(tmp_path):
    answer = asking(tmp_path, client=ELSEWHERE).get("/who")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "cs2 keys create" in answer.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.7"},
        {"Forwarded": "for=203.0.113.7"},
        {"Via": "1.1 proxy"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "rebound.example"},
    ],
)
def test_who_comes_through_a_proxy_or_another_page_is_not_on_this_machine(tmp_path, headers):
    assert asking(tmp_path).get("/who", headers=headers).status_code == 401


def test_a_page_of_the_gateway_itself_is_on_this_machine(tmp_path):
    assert asking(tmp_path).get("/who", headers={"Origin": "http://localhost:8080"}).status_code == 200


def test_a_configured_key_is_then_needed_on_this_machine_too(tmp_path):
    keys = hashlib.sha256(b"opensesame").hexdigest()
    client = asking(tmp_path, api_keys=keys)
    assert client.get("/who").status_code == 401
    assert client.get("/who", headers={"X-API-Key": "opensesame"}).status_code == 200
    assert client.get("/who", headers={"Authorization": "Bearer opensesame"}).status_code == 200
    assert client.get("/who", headers={"X-API-Key": "guess"}).status_code == 401


def test_administration_needs_more_than_being_here(tmp_path):
    client = asking(tmp_path, scope=Scope.ADMIN, admin_token="sesame")
    assert client.get("/who").status_code == 403
    assert client.get("/who", headers={"Authorization": "Bearer sesame"}).json() == "admin-token"


def test_a_key_that_asks_too_often_is_told_when_to_come_back(tmp_path):
    client = asking(tmp_path, api_keys=hashlib.sha256(b"k").hexdigest(), api_key_rate=0.001)
    assert client.get("/who", headers={"X-API-Key": "k"}).status_code == 200
    refused = client.get("/who", headers={"X-API-Key": "k"})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 900


def test_a_request_without_an_address_is_from_nowhere():
    request = Request({"type": "http", "headers": [(b"host", b"localhost")], "client": None})
    assert not on_this_machine(request)


def test_who_may_do_what():
    everything = {"predict", "forecast", "live:read", "live:write", "upload", "admin"}
    assert ADMINISTRATOR.scopes == everything
    assert NEWCOMER.scopes == EVERYDAY == everything - {"admin"}
    assert everything - {"admin", "live:write"} == PEOPLE


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ({"x-api-key": " a ", "authorization": "Bearer b"}, "a"),
        ({"authorization": "bearer  b "}, "b"),
        ({"authorization": "Basic b"}, ""),
        ({"authorization": "b"}, ""),
        ({}, ""),
    ],
)
def test_a_key_comes_in_its_own_header_or_as_a_bearer(headers, sent):
    assert credential(headers) == sent


def request(*, client=HERE, method="GET", kind="http", **headers):
    told = {"host": "localhost"} | headers
    made = Request if kind == "http" else HTTPConnection
    return made({"type": kind, "method": method, "client": client, "path": "/", "query_string": b"", "headers": [
        (name.replace("_", "-").encode(), value.encode()) for name, value in told.items() if value
    ]})  # fmt: skip


@pytest.mark.parametrize(
    ("host", "here"),
    [("localhost", True), ("localhost:8080", True), ("127.0.0.1", True), ("127.9.9.9:80", True), ("[::1]", True),
     ("[::1]:8080", True), ("::1", True), ("", False), ("10.0.0.1", False), ("localhost.evil.example", False),
     ("[2001:db8::1]:80", False)],
)  # fmt: skip
def test_a_name_of_this_machine_is_one(host, here):
    assert on_this_machine(request(host=host)) is here


@pytest.mark.parametrize("header", ["forwarded", "x_forwarded_for", "x_forwarded_host", "x_real_ip", "via"])
def test_every_header_of_a_proxy_tells_that_there_is_one(header):
    assert not on_this_machine(request(**{header: "127.0.0.1"}))


@pytest.mark.parametrize(
    ("site", "here"), [("same-origin", True), ("same-site", True), ("none", True), ("cross-site", False)]
)
def test_a_browser_tells_whether_another_site_asks(site, here):
    assert on_this_machine(request(sec_fetch_site=site)) is here


def test_a_form_is_ours_by_its_token_and_from_our_address_alone():
    token = csrf_token("session")
    assert token != csrf_token("another") and len(token) == 64

    def ours(**headers):
        return _made_here(request(method="POST", **headers), "session")

    assert ours(x_csrf_token=token) and ours(x_csrf_token=token, origin="http://localhost")
    assert not ours() and not ours(x_csrf_token=csrf_token("another")) and not ours(origin="http://localhost")
    assert not ours(x_csrf_token=token, origin="http://evil.example")
    assert not ours(x_csrf_token=token, origin="null")
    assert _made_here(request(kind="websocket", origin="http://localhost"), "session")
    assert not _made_here(request(kind="websocket"), "session")
    assert not _made_here(request(kind="websocket", origin="http://evil.example"), "session")


@pytest.fixture
def known(tmp_path, monkeypatch):
    """An access that knows a person, and records to make keys in; its clocks stand."""
    monkeypatch.setattr(buckets, "time", SimpleNamespace(monotonic=lambda: 100.0))
    records = open_records(Settings(home=tmp_path))
    access = Access(Settings(home=tmp_path))
    access.use(records)
    anna = accounts.register(records, "anna", "anna@example.org", "a long enough password")
    yield SimpleNamespace(access=access, records=records, anna=anna)
    records.close()


def who(known, made):
    return asyncio.run(known.access.caller(made))


def refusal(known, made):
    with pytest.raises(Problem) as refused:
        who(known, made)
    return refused.value


def test_a_key_made_a_moment_ago_opens_and_from_then_on_one_is_needed(known, monkeypatch):
    assert who(known, request()) is NEWCOMER
    text, key = keys.create(known.records, "a bot", ["forecast"])
    monkeypatch.setattr(access_module, "REREAD_SECONDS", -1.0)
    caller = who(known, request(x_api_key=text))
    assert (caller.name, caller.scopes, caller.key_id, caller.owner) == (f"key:{key.id}", {"forecast"}, key.id, None)
    assert refusal(known, request()).status == 401
    assert refusal(known, request(x_api_key="cs2_guess")).status == 401


def test_keys_that_were_made_before_the_start_are_needed_from_the_start(known, tmp_path):
    text, key = keys.create(known.records, "a bot", ["forecast"])
    known.access = Access(Settings(home=tmp_path))
    known.access.use(known.records)
    assert refusal(known, request()).status == 401
    assert who(known, request(x_api_key=text)).key_id == key.id


def test_unknown_keys_that_come_together_share_one_reading_of_the_keys(known, monkeypatch):
    reads = []
    refresh = known.access._ring.refresh
    monkeypatch.setattr(known.access._ring, "refresh", lambda: (reads.append(1), refresh()))

    async def tried(count):
        guesses = (known.access.caller(request(x_api_key=f"cs2_guess{n}")) for n in range(count))
        return await asyncio.gather(*guesses, return_exceptions=True)

    async def twice():
        return [*await tried(20), *await tried(20)]

    assert [problem.status for problem in asyncio.run(twice())] == [401] * 40
    assert len(reads) == 2


def test_a_key_made_right_after_an_unknown_one_was_tried_opens_at_the_next_reading(known, monkeypatch):
    waits = []

    async def wait(seconds):
        waits.append(seconds)

    monkeypatch.setattr(access_module, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": wait}))
    monkeypatch.setattr(access_module, "time", SimpleNamespace(monotonic=lambda: 100.0))
    refusal(known, request(x_api_key="cs2_guess"))
    text, key = keys.create(known.records, "a bot", ["forecast"])
    assert who(known, request(x_api_key=text)).key_id == key.id
    assert waits == [0, access_module.REREAD_SECONDS]


def test_a_key_of_the_settings_waits_for_its_rate_rounded_up(known, tmp_path):
    settings = Settings(home=tmp_path, api_keys=f" {hashlib.sha256(b'k').hexdigest().upper()} ,,", api_key_rate=0.4)
    bare = SimpleNamespace(access=Access(settings))
    caller = who(bare, request(x_api_key="k"))
    assert (caller.name, caller.scopes) == (f"key:{hashlib.sha256(b'k').hexdigest()[:8]}", EVERYDAY)
    assert refusal(bare, request(x_api_key="k")).headers == [(b"retry-after", b"3")]


def test_a_key_acts_for_its_account_until_that_is_closed(known):
    text, _ = keys.create(known.records, "a bot", ["upload"], user_id=known.anna.id)
    known.access._ring.refresh()
    assert who(known, request(x_api_key=text)).owner == known.anna
    with known.records.writing() as connection:
        connection.execute(update(USERS).values(disabled_at=datetime.now(UTC)))
    assert refusal(known, request(x_api_key=text)).detail == "the account that this key acts for is closed"


def test_a_key_beyond_its_rate_or_day_is_told_which(known):
    slow, _ = keys.create(known.records, "slow", ["forecast"], rate=0.4)
    daily, _ = keys.create(known.records, "daily", ["forecast"], daily_quota=1)
    known.access._ring.refresh()
    for text in (slow, daily):
        who(known, request(x_api_key=text))
    assert refusal(known, request(x_api_key=slow)).headers == [(b"retry-after", b"3")]
    assert "daily quota" in refusal(known, request(x_api_key=daily)).title


def test_a_person_is_known_by_a_token_of_a_session_that_lives(known):
    session = accounts.open_session(known.records, known.anna)
    token = known.access.signer.issue(known.anna.id, session.id)
    caller = who(known, request(authorization=f"Bearer {token}"))
    assert (caller.name, caller.user, caller.session_id) == (f"user:{known.anna.id}", known.anna, session.id)
    assert caller.scopes == PEOPLE
    another = known.access.signer.issue("somebody else", session.id)
    assert refusal(known, request(authorization=f"Bearer {another}")).status == 401
    assert refusal(known, request(authorization="Bearer x.y.z")).status == 401
    accounts.end_session(known.records, session.id)
    assert "session has ended" in refusal(known, request(authorization=f"Bearer {token}")).detail


def test_an_administrator_who_signs_in_may_do_everything(known):
    admin = accounts.register(known.records, "root", "root@example.org", "a long enough password", is_admin=True)
    session = accounts.open_session(known.records, admin)
    token = known.access.signer.issue(admin.id, session.id)
    assert who(known, request(authorization=f"Bearer {token}")).scopes == ADMINISTRATOR.scopes


def test_a_person_asks_twenty_times_a_second_by_token_and_cookie_together(known):
    session = accounts.open_session(known.records, known.anna)
    token = known.access.signer.issue(known.anna.id, session.id)
    by_token = request(authorization=f"Bearer {token}")
    by_cookie = request(cookie=f"{SESSION}={session.refresh_token}")
    for _ in range(10):
        assert who(known, by_token).user == who(known, by_cookie).user == known.anna
    for another in (by_token, by_cookie):
        refused = refusal(known, another)
        assert (refused.status, refused.headers) == (429, [(b"retry-after", b"1")])


def test_a_cookie_reads_and_changes_nothing_without_the_forms_token(known):
    session = accounts.open_session(known.records, known.anna).refresh_token
    cookie = f"{SESSION}={session}"
    for method in ("GET", "HEAD", "OPTIONS"):
        assert who(known, request(method=method, cookie=cookie)).user == known.anna
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert refusal(known, request(method=method, cookie=cookie)).status == 403
        assert who(known, request(method=method, cookie=cookie, x_csrf_token=csrf_token(session))).user == known.anna
    ended = f"{SESSION}=made-up"
    assert who(known, request(method="POST", cookie=ended)) is NEWCOMER
    assert refusal(known, request(client=ELSEWHERE, method="POST", cookie=ended)).status == 401


def test_uploads_are_of_who_signed_in_or_of_a_keys_account(known):
    app = SimpleNamespace(state=SimpleNamespace(access=known.access))
    uploading, _ = keys.create(known.records, "a bot", ["upload"], user_id=known.anna.id)
    other, _ = keys.create(known.records, "a bot", ["forecast"], user_id=known.anna.id)
    known.access._ring.refresh()

    def account(**headers):
        made = request(**headers)
        made.scope["app"] = app
        return asyncio.run(sending(made))

    session = accounts.open_session(known.records, known.anna).refresh_token
    assert account(x_api_key=uploading) == account(cookie=f"{SESSION}={session}") == known.anna
    with pytest.raises(Problem):
        account(x_api_key=other)


def test_without_records_keys_and_tokens_open_nothing(tmp_path):
    bare = SimpleNamespace(access=Access(Settings(home=tmp_path, admin_token="sesame")))
    for sent in ("cs2_guess", "a.b.c"):
        assert refusal(bare, request(x_api_key=sent)).status == 401
    assert who(bare, request(authorization="Bearer sesame")) is ADMINISTRATOR
    assert who(bare, request(cookie=f"{SESSION}=x")) is NEWCOMER
