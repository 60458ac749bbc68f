"""Keys, tokens, rates, origins."""

import asyncio
import hashlib
import time
from types import SimpleNamespace

import pytest

from bento.http.problems import Problem
from bento.predictions.http import access as access_module
from bento.predictions.http.access import Access
from cs2_pipeline.records import buckets, keys
from cs2_pipeline.records.database import open_records
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.serving import ONE_PROCESS, ROUND, serving

KEY = "a-key-for-tests"
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()


@pytest.fixture
def standing_clock(monkeypatch):
    """No bucket fills while this process waits for its turn."""
    now = time.monotonic()
    monkeypatch.setattr(buckets, "time", SimpleNamespace(monotonic=lambda: now))


def refusal(call, *arguments):
    with pytest.raises(Problem) as caught:
        call(*arguments)
    return caught.value


def test_without_keys_everybody_may_ask():
    Access(Settings(api_keys=None)).admit([])


@pytest.mark.parametrize("header", [(b"x-api-key", KEY.encode()), (b"authorization", b"Bearer " + KEY.encode())])
def test_a_known_key_may_ask(header):
    Access(Settings(api_keys=f"{'0' * 64}, {DIGEST.upper()}")).admit([header])


@pytest.mark.parametrize(
    "headers", [[], [(b"x-api-key", b"other")], [(b"x-api-key", DIGEST.encode())], [(b"authorization", b"Basic x")]]
)
def test_anything_else_may_not(headers):
    assert refusal(Access(Settings(api_keys=DIGEST)).admit, headers).status == 401


def test_a_key_that_asks_too_often_is_told_when_to_come_back():
    access = Access(Settings(api_keys=DIGEST, api_key_rate=0.01))
    headers = [(b"x-api-key", KEY.encode())]
    access.admit(headers)
    problem = refusal(access.admit, headers)
    ((name, seconds),) = problem.headers
    assert (problem.status, name) == (429, b"retry-after")
    assert 50 < int(seconds) <= 100


def test_the_workers_of_a_service_give_a_key_its_rate_together(tmp_path, standing_clock):
    settings = Settings(home=tmp_path, api_keys=DIGEST, api_key_rate=4, service_workers=2)
    one, other = Access(settings), Access(settings)
    headers = [(b"x-api-key", KEY.encode())]
    for worker in (one, one, one, other):
        worker.admit(headers)
    assert refusal(other.admit, headers).status == 429
    assert refusal(one.admit, headers).status == 429


def test_a_batch_counts_as_many_as_it_holds(tmp_path, standing_clock):
    headers = [(b"x-api-key", KEY.encode())]
    access = Access(Settings(home=tmp_path, api_keys=DIGEST, api_key_rate=100))
    access.admit(headers)
    access.owe(headers, 9_999)
    ((_, seconds),) = refusal(access.admit, headers).headers
    assert 98 <= int(seconds) <= 100
    Access(Settings(home=tmp_path, api_keys=None)).owe([], 5)


def test_a_key_in_clear_text_is_no_setting_and_is_not_repeated():
    with pytest.raises(ValueError, match="sha256sum") as caught:
        Access(Settings(api_keys=KEY))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("headers", [[], [(b"authorization", b"Bearer ")], [(b"authorization", b"Bearer x")]])
def test_without_a_token_the_admin_routes_are_closed(headers):
    for token in (None, ""):
        assert refusal(Access(Settings(admin_token=token)).admit_admin, headers).status == 403


@pytest.mark.parametrize(
    "headers", [[], [(b"authorization", b"Bearer ")], [(b"authorization", b"Bearer open")], [(b"x-api-key", b"sesam")]]
)
def test_with_a_token_the_admin_routes_open_to_it_alone(headers):
    access = Access(Settings(admin_token="sesame"))
    access.admit_admin([(b"authorization", b"Bearer sesame")])
    problem = refusal(access.admit_admin, headers)
    assert (problem.status, problem.headers) == (401, [(b"www-authenticate", b"Bearer")])


def test_a_service_with_keys_and_origins_keeps_to_them(served_home):
    settings = {"api_keys": DIGEST, "cors_origins": "https://example.org", "api_key_rate": 0.01}
    with serving(served_home.path, module=ONE_PROCESS, **settings) as server:
        assert server.post("/predict/round", ROUND).status == 401
        assert server.get("/models").status == 401
        assert server.get("/health").status == 200
        batch = {"states": [ROUND] * 50}
        answer = server.post("/predict/rounds", batch, **{"X-API-Key": KEY, "Origin": "https://example.org"})
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "https://example.org")
        refused = server.post("/predict/round", ROUND, **{"X-API-Key": KEY})
        assert refused.status == 429
        assert int(refused.headers["retry-after"]) > 2_000  # the batch counted as 50 at one in a hundred seconds
        foreign = server.post("/predict/round", ROUND, **{"X-API-Key": KEY, "Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in foreign.headers
        assert KEY.encode() not in server.log.read_bytes()


def test_pages_of_other_origins_may_not_call_by_default(server):
    answer = server.post("/predict/round", ROUND, Origin="https://example.org")
    assert "access-control-allow-origin" not in answer.headers


def test_a_key_of_the_platforms_records_opens_predictions_and_from_then_on_one_is_needed(tmp_path, standing_clock):
    settings = Settings(home=tmp_path)
    access = Access(settings)
    access._look()
    assert access.open  # there are no records yet
    records = open_records(settings)
    key, _ = keys.create(records, "a feed", ["live:write"])
    access._look()
    assert access.open  # no key was made for predictions
    good, made = keys.create(records, "a bot", ["predict"], rate=1000)
    access._look()
    assert not access.open
    access.admit([(b"x-api-key", good.encode())])
    for wrong, status in ((b"guess", 401), (key.encode(), 403)):
        with pytest.raises(Problem) as refused:
            access.admit([(b"x-api-key", wrong)])
        assert refused.value.status == status
    access.owe([(b"x-api-key", good.encode())], 9_999)
    assert refusal(access.admit, [(b"x-api-key", good.encode())]).status == 429
    keys.revoke(records, made.id)
    access._look()
    with pytest.raises(Problem):
        access.admit([(b"x-api-key", good.encode())])
    records.close()


def test_until_the_records_were_read_nobody_passes_without_a_key(tmp_path):
    settings = Settings(home=tmp_path)
    records = open_records(settings)
    key, _ = keys.create(records, "a bot", ["predict"])
    access = Access(settings)
    assert refusal(access.admit, []).status == 503
    access._look()
    assert refusal(access.admit, []).status == 401
    access.admit([(b"x-api-key", key.encode())])
    records.close()


def test_records_that_cannot_be_reached_open_nothing_but_to_the_keys_of_the_settings(tmp_path):
    away = "postgresql://reader@127.0.0.1:1/none"
    access = Access(Settings(home=tmp_path, records_url=away))
    access._look()
    assert refusal(access.admit, []).status == 503
    access = Access(Settings(home=tmp_path, records_url=away, api_keys=DIGEST))
    access._look()
    access.admit([(b"x-api-key", KEY.encode())])


def test_keys_are_looked_at_again_after_a_look_that_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(access_module, "INTERVAL", 0)
    access, looks = Access(Settings(home=tmp_path)), []

    async def follow():
        looked_again = asyncio.Event()
        loop = asyncio.get_running_loop()

        def look():
            looks.append(len(looks))
            if len(looks) > 1:
                loop.call_soon_threadsafe(looked_again.set)
            raise LookupError("a defect")

        monkeypatch.setattr(access, "_look", look)
        following = asyncio.create_task(access.follow_records())
        await asyncio.wait([following, asyncio.create_task(looked_again.wait())], return_when=asyncio.FIRST_COMPLETED)
        following.cancel()

    asyncio.run(follow())
    assert len(looks) > 1


@pytest.mark.parametrize(
    ("headers", "credential"),
    [
        ([(b"x-api-key", b"a"), (b"authorization", b"Bearer b")], b"a"),
        ([(b"authorization", b"bearer  b ")], b"b"),
        ([(b"authorization", b"BEARER b")], b"b"),
        ([(b"authorization", b"b")], b""),
        ([(b"authorization", b"Basic b")], b""),
        ([], b""),
    ],
)
def test_a_key_comes_in_its_own_header_or_as_a_bearer(headers, credential):
    assert access_module._credential(headers) == credential


@pytest.mark.parametrize("digest", ["0" * 63, "0" * 65, "g" * 64, f"{'0' * 64},{'0' * 63}"])
def test_what_is_no_digest_is_refused_at_the_start(digest):
    with pytest.raises(ValueError, match="SHA-256 hex digest"):
        Access(Settings(api_keys=digest))


def test_empty_entries_among_the_digests_are_left():
    assert Access(Settings(api_keys=" , ")).open
    assert not Access(Settings(api_keys=f"{DIGEST}, ")).open


def test_a_wait_is_rounded_up(standing_clock):
    access = Access(Settings(api_keys=DIGEST, api_key_rate=0.4))
    headers = [(b"x-api-key", KEY.encode())]
    access.admit(headers)
    ((_, seconds),) = refusal(access.admit, headers).headers
    assert seconds == b"3"  # 2.5 s


def test_a_batch_of_one_owes_nothing_more(standing_clock):
    access = Access(Settings(api_keys=DIGEST, api_key_rate=2))
    headers = [(b"x-api-key", KEY.encode())]
    access.admit(headers)
    access.owe(headers, 0)
    access.admit(headers)
    access.owe([(b"x-api-key", b"somebody else's")], 100)
    assert refusal(access.admit, headers).headers == [(b"retry-after", b"1")]


def test_an_administrator_is_known_by_the_token_alone():
    access = Access(Settings(admin_token="sesame"))
    assert access.is_admin([(b"x-api-key", b"sesame")])
    assert not access.is_admin([]) and not access.is_admin([(b"x-api-key", b"sesam")])
    assert not Access(Settings(admin_token=None)).is_admin([]), "no token is not the empty one"


def test_a_used_up_day_of_a_records_key_is_told_from_its_rate(tmp_path):
    settings = Settings(home=tmp_path)
    records = open_records(settings)
    key, _ = keys.create(records, "a bot", ["predict"], daily_quota=2)
    access = Access(settings)
    access._look()
    headers = [(b"x-api-key", key.encode())]
    access.admit(headers)
    access.owe(headers, 1)
    problem = refusal(access.admit, headers)
    assert (problem.status, problem.title) == (429, "The daily quota of this key is used up")
    records.close()


def test_workers_count_a_records_key_together_too(tmp_path, standing_clock):
    settings = Settings(home=tmp_path, service_workers=2)
    records = open_records(settings)
    key, _ = keys.create(records, "a bot", ["predict"], rate=2)
    workers = [Access(settings), Access(settings)]
    for worker in workers:
        worker._look()
        worker.admit([(b"x-api-key", key.encode())])
    assert {refusal(worker.admit, [(b"x-api-key", key.encode())]).status for worker in workers} == {429}
    records.close()


def test_while_the_gateway_is_making_the_records_nobody_needs_a_key(tmp_path):
    (tmp_path / "records.db").touch()
    access = Access(Settings(home=tmp_path))
    assert access.unread and refusal(access.admit, []).status == 503
    access._look()
    access.admit([])
    records = open_records(Settings(home=tmp_path))
    keys.create(records, "a bot", ["predict"])
    access._look()
    assert refusal(access.admit, []).status == 401
    records.close()
