"""Uploads over HTTP: kept as they come, refused with a reason, seen by nobody but who sent them, gone when deleted."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from bento.gateway.routers import uploads as router
from cs2_pipeline.records import accounts, keys, uploads
from cs2_pipeline.records.tables import UPLOADED_FILES, UPLOADS, USERS
from cs2_pipeline.records.uploads import State
from cs2_pipeline_tests.bento.gateway import documented
from cs2_pipeline_tests.bento.gateway.conftest import open_gateway
from cs2_pipeline_tests.bento.gateway.process import SERVICE, await_ready, start
from cs2_pipeline_tests.bento.gateway.routers.test_auth import ANNA, sign_in

AT = "/api/v1/uploads"
BEN = {"username": "ben", "email": "ben@example.org", "password": "a long password of ben"}
LIMITS = {"upload_max_bytes": 5_000_000, "upload_quota_bytes": 8_000_000, "uploads_total_bytes": 20_000_000}


@pytest.fixture
def gateway(tmp_path):
    with open_gateway(tmp_path, **LIMITS) as client:
        yield client


def bearer(gateway, who=ANNA):
    return {"Authorization": f"Bearer {sign_in(gateway, who)}"}


@pytest.fixture
def anna(gateway):
    return bearer(gateway)


@pytest.fixture
def ben(gateway):
    return bearer(gateway, BEN)


def send(gateway, who, content, *, name="match.dem", **query):
    return gateway.post(AT, params={"name": name, **query}, content=content, headers=who)


def kept(tmp_path):
    """What lies where uploads are kept, and what is left of files that were coming."""
    return sorted(path.read_bytes() for path in (tmp_path / "uploads").glob("*")), list(
        (tmp_path / "incoming").iterdir()
    )


def test_a_file_is_kept_as_it_came_and_waits(gateway, anna, tmp_path):
    content = bytes(range(256)) * 10_000
    answered = send(gateway, anna, content, name="Überraschung.dem", played_on="2026-02-01")
    assert answered.status_code == 201, answered.text
    item = answered.json()
    assert (item["name"], item["kind"], item["size"], item["state"]) == (
        "Überraschung.dem", "demo", len(content), "waiting"
    )  # fmt: skip
    assert kept(tmp_path) == ([content], [])
    (waiting,) = uploads.waiting(gateway.app.state.records)
    assert (waiting.digest, waiting.played_on.isoformat()) == (item["sha256"], "2026-02-01")
    assert gateway.get(AT, headers=anna).json() == {"items": [item], "next": None}
    assert gateway.get(f"{AT}/{item['id']}", headers=anna).json() == item
    camel = gateway.get(AT, headers=anna | {"Prefer": "spelling=camel"}).json()
    assert "settledAt" in camel["items"][0]


def test_a_name_is_data_and_never_part_of_a_path(gateway, anna, tmp_path):
    for name in ("../../outside.dem", "<img src=x onerror=alert(1)>.dem", "a\x00b\u202egpj.dem"):
        assert send(gateway, anna, name.encode(), name=name).status_code == 201
    names = [one["name"] for one in gateway.get(AT, headers=anna).json()["items"]]
    assert names == ["a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}gpj.dem", "<img src=x onerror=alert(1)>.dem",
                     "../../outside.dem"]  # fmt: skip
    assert {path.suffix for path in (tmp_path / "uploads").iterdir()} == {".dem"}
    assert not (tmp_path.parent / "outside.dem").exists()


@pytest.mark.parametrize(
    ("name", "told"), [("match.exe", ".dem"), ("x_kills.csv", "as one .zip"), ("match.dem.gz", "unpack")]
)
def test_a_wrong_ending_is_refused_with_what_to_send(gateway, anna, tmp_path, name, told):
    answered = send(gateway, anna, b"MZ", name=name)
    assert answered.status_code == 415
    assert told in answered.json()["detail"]
    assert kept(tmp_path)[1] == []


@pytest.mark.parametrize(
    "query", [{"name": ""}, {"name": "a" * 300 + ".dem"}, {"played_on": "yesterday"}, {"played_on": "1999-01-01"},
              {"played_on": "9999-01-01"}],
)  # fmt: skip
def test_wrong_fields_are_named_and_the_body_is_not_read(gateway, anna, tmp_path, query):
    answered = gateway.post(AT, params={"name": "a.dem"} | query, content=b"x" * 1000, headers=anna)
    assert answered.status_code == 422
    assert answered.json()["errors"][0]["field"] in ("name", "played_on")
    assert not (tmp_path / "uploads").exists()


def test_an_empty_file_is_refused(gateway, anna, tmp_path):
    answered = send(gateway, anna, b"")
    assert answered.status_code == 422
    assert answered.json()["errors"][0]["message"] == "the file is empty"
    assert kept(tmp_path) == ([], [])


def test_a_compressed_body_is_refused(gateway, anna):
    answered = send(gateway, anna | {"Content-Encoding": "gzip"}, b"x")
    assert answered.status_code == 415


def test_a_file_that_is_too_large_is_refused_before_and_while_it_comes(gateway, anna, tmp_path):
    declared = send(gateway, anna, b"x" * (LIMITS["upload_max_bytes"] + 1))
    assert declared.status_code == 413
    taken = 0

    def endless():
        nonlocal taken
        while taken < 50_000_000:
            taken += 100_000
            yield b"x" * 100_000

    undeclared = send(gateway, anna, endless())
    assert undeclared.status_code == 413
    assert kept(tmp_path) == ([], [])
    assert gateway.get(AT, headers=anna).json()["items"] == []


def test_another_body_has_the_limit_of_all_others(tmp_path):
    with open_gateway(tmp_path, max_body_bytes=1000, **LIMITS) as gateway:
        who = bearer(gateway)
        assert send(gateway, who, b"x" * 100_000).status_code == 201
        assert gateway.post("/auth/login", content=b"x" * 100_000).status_code == 413


def test_a_quota_holds_and_deleting_makes_room(gateway, anna, ben, tmp_path):
    first = send(gateway, anna, b"a" * 5_000_000).json()
    refused = send(gateway, anna, b"b" * 4_000_000)
    assert refused.status_code == 413
    assert send(gateway, ben, b"c" * 4_000_000).status_code == 201
    assert gateway.delete(f"{AT}/{first['id']}", headers=anna).status_code == 204
    assert send(gateway, anna, b"b" * 4_000_000).status_code == 201
    assert kept(tmp_path) == ([b"b" * 4_000_000, b"c" * 4_000_000], [])


def test_no_room_on_the_platform_is_told(tmp_path):
    with open_gateway(tmp_path, **LIMITS | {"uploads_total_bytes": 10}) as gateway:
        who = bearer(gateway)
        send(gateway, who, b"x" * 10)
        answered = send(gateway, who, b"y")
        assert (answered.status_code, "no room left" in answered.json()["detail"]) == (413, True)


def test_the_same_file_is_kept_once_for_everybody_and_goes_with_the_last(gateway, anna, ben, tmp_path):
    first, again, other = (send(gateway, who, b"the same") for who in (anna, anna, ben))
    assert [one.status_code for one in (first, again, other)] == [201, 200, 200]
    assert first.json() == again.json()
    assert other.json()["id"] != first.json()["id"]
    assert kept(tmp_path) == ([b"the same"], [])
    uploads.settle(
        gateway.app.state.records, first.json()["sha256"], State.QUARANTINED, "no", at=datetime(2026, 3, 1, tzinfo=UTC)
    )
    assert gateway.get(f"{AT}/{other.json()['id']}", headers=ben).json()["reason"] == "no"
    gateway.delete(f"{AT}/{first.json()['id']}", headers=anna)
    assert kept(tmp_path)[0] == [b"the same"]
    gateway.delete(f"{AT}/{other.json()['id']}", headers=ben)
    assert kept(tmp_path)[0] == []


def test_the_same_file_twice_at_once_is_kept_once(gateway, anna, ben, tmp_path):
    content, statuses, ready = b"z" * 3_000_000, [], threading.Barrier(4)

    def together(who):
        ready.wait()
        statuses.append(send(gateway, who, content).status_code)

    threads = [threading.Thread(target=together, args=(who,)) for who in (anna, ben, anna, ben)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 200, 200, 201]
    assert kept(tmp_path) == ([content], [])
    assert len(uploads.waiting(gateway.app.state.records)) == 1


def test_an_account_sends_three_at_once_and_all_together_sixteen(gateway, anna, ben):
    under_way = gateway.app.state.receiving.under_way
    who = accounts.named(gateway.app.state.records, "anna").id
    under_way[who] = 2
    assert send(gateway, anna, b"x").status_code == 201
    assert under_way == {who: 2}
    under_way[who] = 3
    answered = send(gateway, anna, b"y")
    assert (answered.status_code, answered.json()["title"]) == (429, "Too many requests at once")
    under_way["others"] = 12
    assert send(gateway, ben, b"y").status_code == 201
    under_way["others"] = 13
    assert send(gateway, ben, b"z").status_code == 429
    assert under_way == {who: 3, "others": 13}, "who has none under way is forgotten"


def test_a_match_was_played_since_the_game_came_out_and_at_most_a_time_zone_ahead(gateway, anna, monkeypatch):
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 3, 1, 23, 59, tzinfo=tz)

    monkeypatch.setattr(router, "datetime", Clock)
    for number, (day, status) in enumerate(
        (("2012-08-20", 422), ("2012-08-21", 201), ("2026-03-02", 201), ("2026-03-03", 422))
    ):
        answered = send(gateway, anna, b"%d" % number, played_on=day)
        assert answered.status_code == status, day


def test_nobody_sees_or_deletes_anothers_uploads(gateway, anna, ben, tmp_path):
    mine = send(gateway, anna, b"mine").json()
    assert gateway.get(AT, headers=ben).json()["items"] == []
    for method in ("GET", "DELETE"):
        assert gateway.request(method, f"{AT}/{mine['id']}", headers=ben).status_code == 404
        assert gateway.request(method, f"{AT}/%00", headers=ben).status_code == 404
    assert kept(tmp_path)[0] == [b"mine"]


def test_uploads_are_for_people_who_signed_in(gateway, tmp_path):
    for answered in (send(gateway, {}, b"x"), gateway.get(AT), gateway.delete(f"{AT}/x")):
        assert answered.status_code == 401
    assert not (tmp_path / "uploads").exists()


def test_a_session_of_a_page_sends_nothing_without_the_token_of_its_forms(gateway, anna, tmp_path):
    gateway.cookies.set("cs2_session", "made-up")
    assert send(gateway, {}, b"x").status_code == 401


def test_a_list_comes_in_pages(gateway, anna):
    for number in range(5):
        send(gateway, anna, b"%d" % number, name=f"{number}.dem")
    first = gateway.get(AT, params={"limit": 3}, headers=anna).json()
    rest = gateway.get(AT, params={"limit": 3, "after": first["next"]}, headers=anna).json()
    assert [one["name"] for one in first["items"] + rest["items"]] == [f"{number}.dem" for number in (4, 3, 2, 1, 0)]
    assert rest["next"] is None
    for wrong in (
        "x",
        router.paging.encode("now x"),
        router.paging.encode(["a"]),
        router.paging.encode("0001-01-01T00:00:00+14:00 a"),
    ):
        assert gateway.get(AT, params={"after": wrong}, headers=anna).status_code == 422


def test_uploads_outlive_a_gateway_that_is_killed_and_a_file_cut_short_leaves_nothing(tmp_path: Path):
    port, process = start(tmp_path, SERVICE, CS2_ADMIN_TOKEN="an-admin-token")
    await_ready(port, process, tmp_path)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=600) as http:
        http.post("/auth/register", json=ANNA)
        token = http.post("/auth/login", json={"username": "anna", "password": ANNA["password"]}).json()
        who = {"Authorization": f"Bearer {token['access_token']}"}
        sent = http.post(AT, params={"name": "a.dem"}, content=b"whole", headers=who).json()

        def breaks_off():
            yield b"x" * 100_000
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            http.post(AT, params={"name": "b.dem"}, content=breaks_off(), headers=who)
    process.kill()
    process.wait()
    port, process = start(tmp_path, SERVICE)
    try:
        await_ready(port, process, tmp_path)
        found = httpx.get(f"http://127.0.0.1:{port}{AT}", headers=who, trust_env=False, timeout=600).json()["items"]
        assert found == [sent]
        assert kept(tmp_path)[0] == [b"whole"]
    finally:
        process.kill()
        process.wait()


def test_what_may_be_sent_is_told_before(gateway, anna, monkeypatch):
    send(gateway, anna, b"x" * 1_000_000)
    assert gateway.get(f"{AT}/limits", headers=anna).json() == {"file_bytes": 5_000_000, "room_bytes": 7_000_000}
    monkeypatch.setattr(uploads, "MOST_WAITING", 1)
    for answered in (gateway.get(f"{AT}/limits", headers=anna), send(gateway, anna, b"y")):
        assert (answered.status_code, answered.json()["title"]) == (429, "Too many uploads wait")
        assert answered.headers["retry-after"] == "60"
        assert "1 of your uploads wait" in answered.json()["detail"]


def test_a_key_acts_for_its_account_in_uploads_alone(gateway, anna, ben, tmp_path):
    records = gateway.app.state.records
    account = accounts.named(records, "Anna")
    text, _ = keys.create(records, "a script", ["upload"], user_id=account.id)
    key = {"X-API-Key": text}
    mine = send(gateway, key, b"mine").json()
    assert gateway.get(AT, headers=anna).json()["items"] == [mine]
    assert gateway.get(AT, headers=ben).json()["items"] == []
    assert gateway.get("/auth/me", headers=key).status_code == 401
    other, _ = keys.create(records, "a bot", ["predict"], user_id=account.id)
    assert gateway.get(AT, headers={"X-API-Key": other}).status_code == 401
    with records.writing() as connection:
        connection.execute(USERS.update().where(USERS.c.id == account.id).values(disabled_at=datetime.now(UTC)))
    assert gateway.get(AT, headers=key).status_code == 401


def test_of_a_file_in_quarantine_that_is_sent_again_one_copy_is_kept_and_none_once_it_is_deleted(
    gateway, anna, ben, tmp_path
):
    mine = send(gateway, anna, b"odd").json()
    uploads.settle(gateway.app.state.records, mine["sha256"], State.QUARANTINED, "no", at=datetime.now(UTC))
    other = send(gateway, ben, b"odd").json()
    assert kept(tmp_path) == ([b"odd"], [])
    for who, item in ((anna, mine), (ben, other)):
        assert gateway.delete(f"{AT}/{item['id']}", headers=who).status_code == 204
    assert kept(tmp_path) == ([], [])
    with gateway.app.state.records.reading() as connection:
        for table in (UPLOADS, UPLOADED_FILES):
            assert connection.execute(table.select()).all() == []


def test_the_document_names_statuses():
    assert documented.statuses("/api/v1/uploads") == {
        "POST /api/v1/uploads": "201", "DELETE /api/v1/uploads/{identifier}": "204",
    }  # fmt: skip
