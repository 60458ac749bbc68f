"""Sign-in through Steam, against an OpenID 2.0 provider of the test's own that really is asked over HTTP."""

import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest

from bento.gateway.access import SESSION
from cs2_pipeline_tests.bento.gateway.conftest import open_gateway

STEAM_ID = "76561198000000001"


class Provider(ThreadingHTTPServer):
    """Vouches for what it said itself, once."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.said = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/openid/login"

    def send_back(self, asked_url, steam_id=STEAM_ID, vouched=False, **changes):
        """What a browser brings back to the gateway after signing in; the provider may vouch for the changes, too."""
        asked = dict(parse_qsl(urlsplit(asked_url).query))
        claimed = f"{self.url.removesuffix('login')}id/{steam_id}"
        said = {
            "ns": asked["openid.ns"], "mode": "id_res", "op_endpoint": self.url, "claimed_id": claimed,
            "identity": claimed, "return_to": asked["openid.return_to"], "assoc_handle": "1",
            "response_nonce": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}abc{len(self.said)}",
            "signed": "signed,op_endpoint,claimed_id,identity,return_to,response_nonce,assoc_handle", "sig": "c2ln",
        }  # fmt: skip
        self.said.append(said | changes if vouched else dict(said))
        said |= changes
        path, _, query = asked["openid.return_to"].partition("?")
        return f"{path}?{query}&{urlencode({f'openid.{name}': value for name, value in said.items()})}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        told = {name.removeprefix("openid."): values[0] for name, values in body.items()}
        asked_to_check = told.pop("mode") == "check_authentication"
        valid = asked_to_check and told | {"mode": "id_res"} in self.server.said
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"ns:http://specs.openid.net/auth/2.0\nis_valid:{str(valid).lower()}\n".encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def provider():
    server = Provider()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def gateway(tmp_path, provider):
    with open_gateway(tmp_path, steam_openid_url=provider.url) as client:
        client.follow_redirects = False
        yield client


def begin(gateway, **headers):
    answered = gateway.get("/auth/steam", headers=headers)
    assert answered.status_code == 303
    return answered.headers["location"]


def me(gateway):
    token = gateway.post("/auth/refresh").json()["access_token"]
    return gateway.get("/auth/me", headers={"Authorization": f"Bearer {token}"}).json()


def test_who_signs_in_through_steam_has_an_account_and_has_the_same_one_again(gateway, provider):
    assert begin(gateway).startswith(provider.url)
    assert gateway.get(provider.send_back(begin(gateway))).status_code == 303
    first = me(gateway)
    assert first["steam_id"] == STEAM_ID
    gateway.post("/auth/logout")
    assert gateway.get(provider.send_back(begin(gateway))).status_code == 303
    assert me(gateway)["id"] == first["id"]


def test_a_name_that_somebody_took_keeps_nobody_from_signing_in(gateway, provider):
    taken = {"username": f"steam-{STEAM_ID}", "email": "e@example.org", "password": "x" * 12}
    assert gateway.post("/auth/register", json=taken).status_code == 202
    assert gateway.get(provider.send_back(begin(gateway))).status_code == 303
    assert me(gateway)["steam_id"] == STEAM_ID


def test_a_signed_in_person_links_a_steam_id(gateway, provider):
    gateway.post("/auth/register", json={"username": "anna", "email": "a@example.org", "password": "x" * 12})
    gateway.post("/auth/login", json={"username": "anna", "password": "x" * 12})
    assert gateway.get(provider.send_back(begin(gateway))).status_code == 303
    who = me(gateway)
    assert (who["username"], who["steam_id"]) == ("anna", STEAM_ID)


def test_who_came_from_steam_is_signed_in_on_the_pages_until_signing_out(gateway, provider):
    gateway.get(provider.send_back(begin(gateway)))
    session = gateway.cookies[SESSION]
    assert "Sign out" in gateway.get("/data", headers={"Accept": "text/html"}).text
    gateway.post("/auth/logout")
    assert SESSION not in gateway.cookies
    gateway.cookies.set(SESSION, session)
    assert "Sign out" not in gateway.get("/data", headers={"Accept": "text/html"}).text


def test_a_steam_id_belongs_to_one_account(gateway, provider):
    gateway.get(provider.send_back(begin(gateway)))
    gateway.post("/auth/logout")
    gateway.post("/auth/register", json={"username": "eve", "email": "e@example.org", "password": "x" * 12})
    gateway.post("/auth/login", json={"username": "eve", "password": "x" * 12})
    refused = gateway.get(provider.send_back(begin(gateway)))
    assert refused.status_code == 409
    assert me(gateway)["steam_id"] is None


def nonce(**ago):
    return f"{datetime.now(UTC) - timedelta(**ago):%Y-%m-%dT%H:%M:%SZ}abc"


def test_what_was_not_said_to_this_platform_now_is_refused_even_where_the_provider_says_it(gateway, provider):
    """What a provider said to another site, an hour ago or of another identity, is true and no sign-in here."""

    def of(identity):
        return {"claimed_id": identity, "identity": identity}

    for change in (
        of("http://evil.example/openid/id/" + STEAM_ID),
        of(f"{provider.url.removesuffix('login')}id/7656119800000000"),
        of(f"{provider.url.removesuffix('login')}id/765611980000000011"),
        {"identity": "http://evil.example/openid/id/" + STEAM_ID},
        {"op_endpoint": "http://evil.example/openid/login"},
        {"return_to": "http://evil.example/"},
        {"response_nonce": "2020-01-01T00:00:00Zabc"},
        {"response_nonce": "nonsense"},
        {"response_nonce": nonce(hours=-1)},
        {"response_nonce": nonce() + "x" * 300},
        {"signed": "op_endpoint,return_to"},
        {"ns": "http://openid.net/signon/1.1"},
        {"mode": "cancel"},
    ):
        back = provider.send_back(begin(gateway), vouched=True, **change)
        assert gateway.get(back).status_code == 401, change


def test_what_the_provider_did_not_say_is_refused(gateway, provider):
    assert gateway.get(provider.send_back(begin(gateway), sig="Zm9yZ2Vk")).status_code == 401
    another = f"{provider.url.removesuffix('login')}id/76561198000000002"
    assert gateway.get(provider.send_back(begin(gateway), claimed_id=another, identity=another)).status_code == 401


def test_clocks_may_differ_by_some_minutes(gateway, provider):
    for minutes in (4, -4):
        back = provider.send_back(begin(gateway), vouched=True, response_nonce=nonce(minutes=minutes))
        assert gateway.get(back).status_code == 303


def test_behind_a_proxy_steam_is_told_the_public_address_and_its_cookies_stay_on_tls(tmp_path, provider):
    with open_gateway(tmp_path, steam_openid_url=provider.url, public_url="https://cs2.example.org/") as gateway:
        gateway.follow_redirects = False
        answered = gateway.get("/auth/steam")
    asked = dict(parse_qsl(urlsplit(answered.headers["location"]).query))
    assert asked["openid.realm"] == "https://cs2.example.org"
    assert asked["openid.return_to"].startswith("https://cs2.example.org/auth/steam/return?state=")
    assert asked["openid.mode"] == "checkid_setup"
    assert asked["openid.identity"] == asked["openid.claimed_id"] == f"{asked['openid.ns']}/identifier_select"
    cookie = answered.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("; secure", "; httponly", "samesite=lax", "path=/auth/steam", "max-age=600"))


def test_another_players_id_beside_an_honest_answer_is_not_believed(gateway, provider):
    """The provider is asked about what begins with `openid.` only, so nothing else may say who somebody is."""
    other = f"{provider.url.removesuffix('login')}id/76561198000000002"
    beside = urlencode({"claimed_id": other, "identity": other})
    assert gateway.get(f"{provider.send_back(begin(gateway))}&{beside}").status_code == 303
    assert me(gateway)["steam_id"] == STEAM_ID


def test_the_same_answer_twice_is_refused(gateway, provider):
    back = provider.send_back(begin(gateway))
    cookie = {"Cookie": f"cs2_steam={gateway.cookies['cs2_steam']}"}
    assert gateway.get(back).status_code == 303
    assert gateway.get(back, headers=cookie).status_code == 401


def test_an_answer_brought_by_another_browser_is_refused(gateway, provider):
    back = provider.send_back(begin(gateway))
    gateway.cookies.clear()
    assert gateway.get(back).status_code == 401


def test_a_provider_that_is_away_is_named(tmp_path):
    with open_gateway(tmp_path, steam_openid_url="http://127.0.0.1:9/openid/login") as gateway:
        gateway.follow_redirects = False
        away = Provider()
        away.server_close()
        asked = begin(gateway)
        fake = type("Fake", (), {"url": "http://127.0.0.1:9/openid/login", "said": []})()
        back = Provider.send_back(fake, asked)
        assert gateway.get(back).json()["type"].endswith("provider-unreachable")
