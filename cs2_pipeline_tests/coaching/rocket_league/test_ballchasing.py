"""The client against a server of the test's own that answers as ballchasing.com does: key, pages, limits, outages."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from cs2_pipeline.coaching.rocket_league import ballchasing
from cs2_pipeline.coaching.rocket_league.ballchasing import Ballchasing, BallchasingError

KEY = "a-key-of-the-test"


class Site(ThreadingHTTPServer):
    """Five games in pages of two; `answers` are given first, instead of what was asked for."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.asked = [], []
        self.games = {f"g{number}": {"id": f"g{number}", "status": "ok"} for number in range(5)}

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}/api"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        site = self.server
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        site.asked.append((path, query))
        if site.answers:
            status, headers, body = site.answers.pop(0)
            self._say(status, body, headers)
        elif self.headers.get("Authorization") != KEY:
            self._say(401, {"error": "Missing API key"})
        elif path == "/api/replays":
            begin = int(query.get("after", ["0"])[0])
            listed = list(site.games.values())[begin : begin + 2]
            following = {"next": f"{site.address}/replays?after={begin + 2}"} if begin + 2 < len(site.games) else {}
            self._say(200, {"count": len(site.games), "list": listed} | following)
        else:
            game = site.games.get(path.rpartition("/")[2])
            self._say(200 if game else 404, game or {"error": "not found"})

    def _say(self, status, body, headers=None):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def site():
    server = Site()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Clock:
    """Time that passes only where it is waited for."""

    def __init__(self):
        self.now, self.waits = 0.0, []

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def client(site, clock):
    with Ballchasing(KEY, address=site.address, sleep=clock.sleep, clock=lambda: clock.now) as found:
        yield found


def test_all_pages_are_read_and_each_game_once(client, site):
    assert [game["id"] for game in client.games("steam:1")] == ["g0", "g1", "g2", "g3", "g4"]
    assert site.asked[0][1]["player-id"] == ["steam:1"]


def test_no_more_games_are_asked_for_than_wanted(client, site):
    assert len(list(client.games("steam:1", most=3))) == 3
    assert sum("/replays/" in path for path, _ in site.asked) == 3


def test_calls_are_as_far_apart_as_the_site_allows(client, clock, site):
    list(client.games("steam:1"))
    assert clock.now == pytest.approx((len(site.asked) - 1) / 2)


def test_a_limit_is_waited_for_as_long_as_the_site_says(client, clock, site):
    site.answers = [(429, {"Retry-After": "7"}, {}), (503, {}, {})]
    assert client.game("g1")["id"] == "g1"
    assert 7.0 in clock.waits


def test_a_limit_of_an_hour_is_told_and_not_waited_for(client, clock, site):
    site.answers = [(429, {"Retry-After": "3600"}, {})]
    with pytest.raises(BallchasingError, match="limit of calls an hour"):
        client.game("g1")
    assert clock.now < 600


def test_a_site_that_is_down_is_tried_again_and_then_told(client, site):
    site.answers = [(502, {}, b"bad gateway")] * 5
    with pytest.raises(BallchasingError, match="does not answer: status 502"):
        client.game("g1")
    assert len(site.asked) == 5


def test_a_site_that_nobody_answers_at_is_told(clock):
    with (
        Ballchasing(KEY, address="http://127.0.0.1:1/api", sleep=clock.sleep, clock=lambda: clock.now) as client,
        pytest.raises(BallchasingError, match="does not answer: ConnectError"),
    ):
        client.game("g1")
    assert clock.waits == [1, 2, 4, 8]
    assert client._http.is_closed


def test_a_wrong_key_is_told_at_once_and_never_shown(site, clock):
    with Ballchasing("a-wrong-key", address=site.address, sleep=clock.sleep, clock=lambda: clock.now) as client:
        with pytest.raises(BallchasingError, match="CS2_BALLCHASING_KEY") as caught:
            client.game("g1")
        assert "a-wrong-key" not in str(caught.value)
    assert len(site.asked) == 1
    with pytest.raises(BallchasingError, match="set CS2_BALLCHASING_KEY"):
        Ballchasing("")


def test_a_game_that_is_gone_or_private_is_named(client):
    with pytest.raises(BallchasingError, match="nothing at /api/replays/g9: deleted, or private"):
        client.game("g9")


def test_a_private_profile_has_no_games_and_that_is_no_error(client, site):
    site.games.clear()
    assert list(client.games("steam:1")) == []


@pytest.mark.parametrize(("body", "said"), [(b"<html>", "not JSON"), (b"[]", "not a JSON object")])
def test_an_answer_that_is_no_document_is_told(client, site, body, said):
    site.answers = [(200, {}, body)]
    with pytest.raises(BallchasingError, match=said):
        client.game("g1")


def test_a_next_page_elsewhere_is_not_followed_with_the_key(client, site):
    site.answers = [(200, {}, {"list": [], "next": "http://elsewhere.example/api/replays"})]
    with pytest.raises(BallchasingError, match=r"another host, elsewhere\.example"):
        list(client.games("steam:1"))


def test_a_page_is_asked_for_with_what_is_wanted(client, site):
    list(client.games("epic:1", playlist="ranked-doubles", most=3))
    list(client.games("epic:1"))
    asked = [query for path, query in site.asked if path == "/api/replays" and "after" not in query]
    wanted = {"player-id": ["epic:1"], "sort-by": ["replay-date"]}
    assert asked == [
        wanted | {"count": ["3"], "playlist": ["ranked-doubles"]},
        wanted | {"count": ["200"]},
    ]


def test_games_that_are_known_by_either_id_are_not_asked_for(client, site):
    site.games["g2"]["rocket_league_id"] = "ABC"
    assert [game["id"] for game in client.games("steam:1", known={"g0", "ABC"})] == ["g1", "g3", "g4"]
    assert not {"/api/replays/g0", "/api/replays/g2"} & {path for path, _ in site.asked}


def test_a_game_on_two_pages_is_asked_for_once(client, site):
    listed = [site.games["g0"], site.games["g1"]]
    site.answers = [(200, {}, {"list": [listed[0], *listed]})]
    assert [game["id"] for game in client.games("steam:1")] == ["g0", "g1"]


def test_each_try_waits_twice_as_long_as_the_one_before(client, clock, site):
    site.answers = [(500, {}, {}), (503, {"Retry-After": "soon"}, {}), (502, {}, {}), (429, {}, {})]
    assert client.game("g1")["id"] == "g1"
    assert clock.waits == [1, 2, 4, 8]


def test_a_limit_in_the_past_is_not_waited_for(client, clock, site):
    site.answers = [(429, {"Retry-After": "-5"}, {})]
    client.game("g1")
    assert sum(clock.waits) == 0.5, "only the pace of calls"


@pytest.mark.parametrize(("waits", "answered"), [((300, 300), True), ((300, 301), False), ((600,), True)])
def test_one_answer_is_waited_for_ten_minutes_altogether(client, clock, site, waits, answered):
    site.answers = [(429, {"Retry-After": str(wait)}, {}) for wait in waits]
    if answered:
        assert client.game("g1")["id"] == "g1"
        assert clock.now == 600
    else:
        with pytest.raises(BallchasingError, match="try again later"):
            client.game("g1")


def test_another_refusal_is_told_at_once_with_its_status(client, site):
    site.answers = [(403, {}, {"error": "no"})]
    with pytest.raises(BallchasingError, match="refuses /api/replays/g1: status 403"):
        client.game("g1")
    assert len(site.asked) == 1


def test_only_a_limit_is_called_a_limit(client, site):
    site.answers = [(500, {}, {})] * 5
    with pytest.raises(BallchasingError, match=r"does not answer: status 500$"):
        client.game("g1")


def test_the_site_is_asked_twice_a_second_in_pages_of_two_hundred_and_waited_for_ten_minutes():
    assert (ballchasing.CALLS_A_SECOND, ballchasing.PAGE, ballchasing.PATIENCE, ballchasing.TRIES) == (2, 200, 600, 5)


def test_time_that_passed_anyway_is_not_waited_for(client, clock):
    client.game("g1")
    clock.now += 0.2
    client.game("g1")
    assert clock.waits == [pytest.approx(0.3)]
    clock.now += 0.5
    client.game("g1")
    assert len(clock.waits) == 1


def test_an_address_may_end_in_a_stroke(site, clock):
    with Ballchasing(KEY, address=f"{site.address}/", sleep=clock.sleep, clock=lambda: clock.now) as client:
        assert client.game("g1")["id"] == "g1"
