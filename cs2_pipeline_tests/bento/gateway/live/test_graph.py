"""GraphQL over live matches: queries, subscriptions over graphql-transport-ws, and what is refused."""

from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from graphql import get_introspection_query
from starlette.websockets import WebSocketDisconnect

from bento.gateway.live.graph import exported
from cs2_pipeline.records import keys
from cs2_pipeline_tests.bento.gateway.conftest import ELSEWHERE, open_gateway
from cs2_pipeline_tests.bento.gateway.live.conftest import await_that, finished
from cs2_pipeline_tests.live.made import Feed, play, uid


def ask(feed, query, **variables):
    return feed.post("/graphql", json={"query": query, "variables": variables}).json()


def test_a_match_can_be_asked_for(feed) -> None:
    match, view = finished(feed, "graph", rounds=2)
    found = ask(
        feed,
        """query ($id: ID!) {
          match(id: $id) { status format winner teamA { id name } maps { name teamAScore teamBScore } prediction
            { pTeamAWin map { low high } stateVersion } }
          prediction(matchId: $id) { confidence }
          predictionHistory(matchId: $id) { points { stateVersion triggerEventType } }
          roundMetrics(matchId: $id) { roundNo momentum clutchIndex roundWinner teamAKills }
          team(id: "10") { name }
          matches(status: FINISHED, limit: 2) { totalCount pageInfo { hasNextPage endCursor } edges { node { id } } }
        }""",
        id=match,
    )
    assert "errors" not in found, found
    data = found["data"]
    assert data["match"]["status"] == "FINISHED" and data["match"]["format"] == "BO3"
    assert data["match"]["prediction"]["stateVersion"] == view["state_version"]
    assert len(data["predictionHistory"]["points"]) == view["state_version"]
    assert [one["roundNo"] for one in data["roundMetrics"]] == [1, 2]
    assert data["team"]["name"] == "Löwen ☻" and data["matches"]["totalCount"] >= 1
    assert ask(feed, '{ match(id: "nobody") { id } }')["data"] == {"match": None}


def test_graphql_tells_the_same_as_the_other_routes(feed) -> None:
    match, view = finished(feed, "graph and rest", rounds=3, maps=2)
    last = view["maps"][-1]["map_id"]
    odds = "{ pTeamAWin low high }"
    found = ask(
        feed,
        f"""query ($id: ID!, $map: ID) {{
          match(id: $id) {{ teamA {{ id name }} teamB {{ id name }} teamAMaps teamBMaps winner startedAt updatedAt
            maps {{ id name number teamAScore teamBScore roundNo teamASide winner }} }}
          prediction(matchId: $id) {{ round {odds} map {odds} series {odds} pTeamAWin pTeamBWin tsCalc modelVersion }}
          predictionHistory(matchId: $id, mapId: $map) {{ mapId points {{ stateVersion pTeamAWin pTeamBWin roundNo }} }}
          roundMetrics(matchId: $id, mapId: $map) {{ mapId roundNo roundWinner clutchIndex teamBHeadshots }}
          a: team(id: "10") {{ name }} b: team(id: "20") {{ name }} c: team(id: "nobody") {{ name }}
        }}""",
        id=match, map=last,
    )  # fmt: skip
    data = found["data"]
    for team in ("A", "B"):
        of_view = view[f"team_{team.lower()}"]
        assert data["match"][f"team{team}"] == {"id": of_view["id"], "name": of_view["name"]}
        assert data["match"][f"team{team}Maps"] == of_view["maps"]
        assert data[team.lower()] in ({"name": of_view["name"]}, None)
    assert {view["team_a"]["id"], view["team_b"]["id"]} == {"10", "20"} and data["c"] is None
    assert data["a"] and data["b"]
    began, updated = (datetime.fromisoformat(data["match"][name]).timestamp() for name in ("startedAt", "updatedAt"))
    assert (began, updated) == pytest.approx((view["began"], view["updated"]), abs=1e-3)
    assert data["match"]["winner"] == (view["winner"] or None)
    assert data["match"]["maps"] == [
        {"id": one["map_id"], "name": one["map_name"], "number": one["map_number"], "winner": one["winner"],
         "teamAScore": one["team_a_score"], "teamBScore": one["team_b_score"], "roundNo": one["round_no"],
         "teamASide": one["team_a_side"]}
        for one in view["maps"]
    ]  # fmt: skip
    made = Feed("graph and rest, open")
    made.round = 1
    made.say("round_start", team_a_score=0, team_b_score=0, team_a_side="T", team_b_side="CT")
    made.say("freeze_time_ended")
    feed.post("/api/v1/events/batch", json=made.events)
    going_on = uid("graph and rest, open")
    open_view = await_that(
        lambda: (
            (seen := feed.get(f"/api/v1/matches/{going_on}")).status_code == 200
            and seen.json()["state_version"] == 2
            and seen.json()
        )
    )
    prices = f'{{ prediction(matchId: "{going_on}") {{ round {odds} map {odds} series {odds} }} }}'
    for prediction, seen in ((data["prediction"], view), (ask(feed, prices)["data"]["prediction"], open_view)):
        for part in ("round", "map", "series"):
            of_view = seen["prediction"][part]
            told = of_view and dict(zip(("low", "high"), of_view["interval"], strict=True))
            assert prediction[part] == (told and {"pTeamAWin": of_view["p_team_a_win"]} | told)
    low, high = open_view["prediction"]["round"]["interval"]
    assert low < high
    history = feed.get(f"/api/v1/matches/{match}/history?map_id={last}").json()
    assert data["predictionHistory"] == {"mapId": last, "points": [
        {"stateVersion": one["state_version"], "pTeamAWin": one["p_team_a_win"], "pTeamBWin": one["p_team_b_win"],
         "roundNo": one["round_no"]} for one in history
    ]}  # fmt: skip
    rounds = feed.get(f"/api/v1/matches/{match}/rounds?map_id={last}").json()
    assert data["roundMetrics"] == [
        {"mapId": last, "roundNo": one["round_no"], "roundWinner": one["round_winner"],
         "clutchIndex": one["clutch_index"], "teamBHeadshots": one["team_b_headshots"]} for one in rounds
    ]  # fmt: skip


MATCHES = "{ edges { node { id } } } "


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        ((f"matches(limit: 199) {MATCHES}") * 3, 3 * (1 + 3 * 199)),
        ((f"matches(limit: 1000) {MATCHES}") * 3, 3 * (1 + 3 * 200)),
        ((f"matches(limit: $n) {MATCHES}") * 3, 3 * (1 + 3 * 200)),
        ((f"matches {MATCHES}") * 32, 32 * (1 + 3 * 20)),
        ('predictionHistory(matchId: "x") { points {' + " roundNo" * 19 + "} }", 2 + 19 * 100),
        ('roundMetrics(matchId: "x") {' + " roundNo" * 19 + "}", 1 + 19 * 100),
        ("matches(limit: 100) { edges { node { maps { id id id } } } }", 1 + 3 * 100 + 3 * 100 * 5),
    ],
)
def test_a_query_may_cost_2000_and_no_more(feed, query, cost) -> None:
    header = "query ($n: Int = 2)" if "$n" in query else "query"

    def asked(whole):
        return ask(feed, f"{header} {{ {query} {'__typename ' * (whole - cost)} }}")

    assert "errors" not in asked(2000)
    assert "costs more than 2000" in asked(2001)["errors"][0]["message"]


def nested(fields):
    return '{ __type(name: "x") ' + "{ ofType " * (fields - 1) + "{ name }" + " }" * (fields - 1) + " }"


def aliased(count):
    return "{" + " ".join(f'm{n}: match(id: "x") {{ id }}' for n in range(count)) + "}"


def in_fragments(count):
    names = [f"f{n}" for n in range(count)]
    inner = [f"fragment {one} on Match {{ ...{other} }}" for one, other in pairwise(names)]
    return " ".join(['{ match(id: "x") { ...f0 } }', *inner, f"fragment {names[-1]} on Match {{ id }}"])


@pytest.mark.parametrize(("query", "told"), [(nested, "depth"), (in_fragments, "depth"), (aliased, "aliases")])
def test_a_query_may_be_fifteen_deep_and_have_fifteen_aliases(feed, query, told) -> None:
    assert "errors" not in ask(feed, query(15))
    assert told in ask(feed, query(16))["errors"][0]["message"]


def test_a_query_may_have_a_thousand_tokens(feed) -> None:
    def told(tokens):
        return ask(feed, "{ match(id: [" + ' "x"' * (tokens - 12) + "]) { id } }")["errors"][0]["message"]

    assert "tokens" not in told(1000)
    assert "more than 1000 tokens" in told(1001)


def test_pages_of_matches_follow_each_other(feed) -> None:
    for number in range(3):
        finished(feed, f"graph {number}", rounds=1)
    query = """query ($after: String) {
      matches(limit: 2, after: $after) { pageInfo { endCursor hasNextPage } edges { node { id } } }
    }"""
    first = ask(feed, query)["data"]["matches"]
    second = ask(feed, query, after=first["pageInfo"]["endCursor"])["data"]["matches"]
    assert first["pageInfo"]["hasNextPage"]
    assert not {e["node"]["id"] for e in first["edges"]} & {e["node"]["id"] for e in second["edges"]}


def test_subscriptions_tell_prices_scores_events_and_beginnings(feed) -> None:
    events = play(5, match="followed", rounds=1)
    of = f'(matchId: "{uid("followed")}")'
    queries = {
        "1": f"subscription {{ predictionUpdated{of} {{ stateVersion teamAWinProbability triggerEventType }} }}",
        "2": f"subscription {{ scoreUpdated{of} {{ teamAScore teamBScore roundNo }} }}",
        "3": f"subscription {{ matchEvents{of} {{ type payload timestamp }} }}",
        "4": f"subscription {{ matchLifecycle{of} {{ type status }} }}",
    }
    with feed.websocket_connect("ws://127.0.0.1/graphql", subprotocols=["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json()["type"] == "connection_ack"
        for name, query in queries.items():
            socket.send_json({"id": name, "type": "subscribe", "payload": {"query": query}})
        until_subscribed(feed, 4)
        feed.post("/api/v1/events/batch", json=events)
        told = {name: [] for name in queries}
        while not any(one["matchLifecycle"]["type"] == "match_end" for one in told["4"]) or len(told["1"]) < len(
            events
        ):
            message = socket.receive_json()
            assert message["type"] == "next", message
            assert "errors" not in message["payload"], message
            told[message["id"]].append(message["payload"]["data"])
    events_told = [
        one["predictionUpdated"] for one in told["1"] if one["predictionUpdated"]["triggerEventType"] != "clock"
    ]
    assert [one["stateVersion"] for one in events_told] == list(range(1, len(events) + 1))
    assert told["2"][-1]["scoreUpdated"]["teamAScore"] + told["2"][-1]["scoreUpdated"]["teamBScore"] == 1
    assert [one["matchLifecycle"]["status"] for one in told["4"]][-1] == "FINISHED"


def until_subscribed(feed, count):
    await_that(lambda: feed.app.state.live.hub.count >= count)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ matches(limit: 200) { edges { node { id status maps { id name number roundNo } } } } }", "costs"),
        ("{" + " ".join(f"m{n}: match(id: \"x\") {{ id }}" for n in range(20)) + "}", "aliases"),
        ("{" + "match(id: \"x\") { id } " * 400 + "}", "oken"),
        ("{ __schema { types { fields { type " + "{ ofType " * 20 + "{ name }" + "}" * 24, "depth"),
        ("{ nothing }", "nothing"),
    ],
)  # fmt: skip
def test_queries_that_ask_for_too_much_are_refused(feed, query, message) -> None:
    assert message in ask(feed, query)["errors"][0]["message"]


def test_fragments_that_multiply_are_refused_before_they_are_followed(feed) -> None:
    """Each stands in the one before several times: written out, the query would have billions of fields."""
    for times in (2, 3):
        names = [f"f{n}" for n in range(24)]
        nested = [f"fragment {one} on Match {{ id {f'...{other} ' * times} }}" for one, other in pairwise(names)]
        last = f"fragment {names[-1]} on Match {{ id }}"
        found = ask(feed, " ".join(['{ match(id: "x") { ...f0 } }', *nested, last]))
        assert any(word in found["errors"][0]["message"] for word in ("costs", "depth"))
    circle = '{ match(id: "x") { ...a } } fragment a on Match { ...b } fragment b on Match { ...a }'
    assert ask(feed, circle)["errors"]


def test_tools_can_ask_for_the_schema(feed) -> None:
    found = ask(feed, get_introspection_query())
    assert "errors" not in found and "Subscription" in {one["name"] for one in found["data"]["__schema"]["types"]}


def test_what_is_asked_over_a_socket_counts_as_requests(tmp_path) -> None:
    with open_gateway(tmp_path, client=ELSEWHERE) as client:
        key, _ = keys.create(client.app.state.records, "reader", ["live:read"], rate=0.001)  # one, and no more
        with client.websocket_connect(
            "/graphql", subprotocols=["graphql-transport-ws"], headers={"X-API-Key": key}
        ) as socket:
            socket.send_json({"type": "connection_init"})
            assert socket.receive_json()["type"] == "connection_ack"
            socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": "{ matches { totalCount } }"}})
            with pytest.raises(WebSocketDisconnect) as closed:
                while socket.receive_json():
                    pass
            assert (closed.value.code, "try again in" in closed.value.reason) == (4429, True)


def test_a_stranger_neither_asks_nor_follows(tmp_path) -> None:
    with open_gateway(tmp_path, client=ELSEWHERE) as client:
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/graphql"):
            pass
        assert client.post("/graphql", json={"query": "{ matches { totalCount } }"}).status_code == 401


def test_the_schema_in_the_docs_is_up_to_date() -> None:
    assert (Path(__file__).parents[4] / "docs" / "live.graphql").read_text() == exported()
