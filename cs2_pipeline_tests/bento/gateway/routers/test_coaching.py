"""The coach over HTTP: cards for everybody, plans for their player, nothing left of what was deleted."""

import pytest

from bento.gateway.routers.coaching import NOT_LINKABLE
from cs2_pipeline.coaching.counterstrike.skills import GAME
from cs2_pipeline.coaching.rocket_league import skills as rocket_league
from cs2_pipeline.records import coaching
from cs2_pipeline.records.tables import METADATA
from cs2_pipeline_tests.bento.gateway import coach, documented
from cs2_pipeline_tests.bento.gateway.conftest import ELSEWHERE, open_gateway
from cs2_pipeline_tests.bento.gateway.routers.test_auth import ANNA, sign_in

ME, OTHER = "76561198000000001", "76561198000000002"
ADMIN = "an-admin-token-of-the-test"


@pytest.fixture
def gateway(tmp_path):
    with open_gateway(tmp_path, admin_token=ADMIN) as client:
        coach.keep(client.app.state.records, coach.card(ME), coach.card(OTHER, weak=()))
        yield client


@pytest.fixture
def mine(gateway):
    """Headers of the player whose card it is."""
    token = sign_in(gateway)
    coach.link(gateway.app.state.records, ANNA["username"], ME)
    return {"Authorization": f"Bearer {token}"}


def at(player, end):
    return f"/api/v1/players/{player}/{end}"


def test_a_card_tells_each_skill_with_its_interval_and_what_is_missing(gateway):
    card = gateway.get(at(ME, "card")).json()
    assert (card["player"], card["matches"], card["weaknesses"]) == (ME, 40, ["duels_won"])
    for line in card["lines"]:
        low, high = line["interval"]
        assert 0 <= low <= line["percentile"] <= high <= 1
    assert card["missing"] == {"damage": "none of the player's matches records it"}
    assert "matchesNeeded" in gateway.get(at(ME, "card"), headers={"Prefer": "spelling=camel"}).json()["lines"][0]


def test_weaknesses_are_named_or_plainly_none(gateway):
    assert [line["skill"] for line in gateway.get(at(ME, "weaknesses")).json()["weaknesses"]] == ["duels_won"]
    none = gateway.get(at(OTHER, "weaknesses")).json()
    assert (none["weaknesses"], none["note"]) == ([], "No weakness is known.")


@pytest.mark.parametrize("end", ["card", "weaknesses"])
def test_who_was_never_seen_has_no_card_and_is_told_so(gateway, end):
    answered = gateway.get(at("nobody", end))
    assert answered.status_code == 404
    assert "no card of this player" in answered.json()["detail"]


def test_a_player_plans_a_week_and_finds_it_again_with_its_history(gateway, mine):
    first = gateway.post(at(ME, "plan"), json={"minutes": 60}, headers=mine)
    assert first.status_code == 201, first.text
    plan = first.json()["plan"]
    assert plan["minutes"] <= 60
    assert {item["drill"]["skill"] for item in plan["items"]} == {"duels_won"}
    assert not plan["items"][0]["assigned"]
    second = gateway.post(at(ME, "plan"), json={"minutes": 200, "coin": True}, headers=mine).json()
    assert second["plan"]["items"][0]["assigned"]
    kept = gateway.get(at(ME, "plan"), headers=mine).json()
    assert kept["plan"]["id"] == second["plan"]["id"]
    assert [one["id"] for one in kept["former"]] == [plan["id"]]


def test_the_same_wish_gives_the_same_plan(gateway, mine):
    plans = [gateway.post(at(ME, "plan"), json={"minutes": 90, "coin": True}, headers=mine).json() for _ in range(2)]
    assert plans[0]["plan"]["items"] == plans[1]["plan"]["items"]


def test_of_drills_that_fit_the_one_that_helped_most_so_far_is_planned(gateway, mine):
    fitting = [one["name"] for one in gateway.get("/api/v1/drills").json()["drills"] if one["skill"] == "duels_won"]
    assert len(fitting) > 1
    for best in fitting:
        found = {"players": 17, "effect": 0.3, "low": 0.1, "high": 0.5, "experiments": []}
        coaching.replace_evidence(gateway.app.state.records, GAME, {best: found}, at=coach.NOW)
        assert planned(gateway, mine)["items"][0]["drill"]["name"] == best


@pytest.mark.parametrize(
    "body", [{"minutes": 14}, {"minutes": 10081}, {"minutes": "60"}, {"coin": True}, {"minutes": 60, "x": 1}]
)
def test_an_impossible_wish_is_refused_by_field_and_nothing_is_kept(gateway, mine, body):
    answered = gateway.post(at(ME, "plan"), json=body, headers=mine)
    assert answered.status_code == 422
    assert answered.json()["errors"][0]["field"] in ("minutes", "x")
    assert gateway.get(at(ME, "plan"), headers=mine).json()["plan"] is None


def test_a_plan_is_shown_to_its_player_and_administrators_only(gateway, mine):
    gateway.post(at(ME, "plan"), json={"minutes": 60}, headers=mine)
    assert gateway.get(at(ME, "plan")).status_code == 401
    coach.link(gateway.app.state.records, ANNA["username"], OTHER)
    for method, end in (("GET", "plan"), ("GET", "progress"), ("DELETE", "plan")):
        assert gateway.request(method, at(ME, end), headers=mine).status_code == 403
    assert gateway.post(at(ME, "plan"), json={"minutes": 60}, headers=mine).status_code == 403
    admin = {"Authorization": f"Bearer {ADMIN}"}
    assert gateway.get(at(ME, "plan"), headers=admin).json()["plan"] is not None


def test_an_account_without_a_steam_id_owns_nobodys_plan(gateway):
    token = {"Authorization": f"Bearer {sign_in(gateway)}"}
    assert gateway.get(at(ME, "plan"), headers=token).status_code == 403
    assert gateway.get(at("None", "plan"), headers=token).status_code == 403


def test_progress_is_told_with_its_interval_and_where_there_is_none_why(gateway, mine):
    assert "once a day" in gateway.get(at(ME, "progress"), headers=mine).json()["note"]
    plan = gateway.post(at(ME, "plan"), json={"minutes": 60}, headers=mine).json()["plan"]
    trial = {
        "answer": "not known yet", "effect": 0.1, "low": -0.1, "high": 0.3, "odds_helped": 2.0, "odds_did_not": 0.5,
        "matches": 4, "matches_needed": 30,
    }  # fmt: skip
    coaching.note_progress(gateway.app.state.records, [(plan["id"], "duels_won", trial)], at=coach.NOW)
    (found,) = gateway.get(at(ME, "progress"), headers=mine).json()["trials"]
    assert (found["skill"], found["answer"], found["matches_needed"]) == ("duels_won", "not known yet", 30)


def test_deleted_means_deleted(gateway, mine):
    gateway.post(at(ME, "plan"), json={"minutes": 60}, headers=mine)
    assert gateway.delete(at(ME, "plan"), headers=mine).status_code == 204
    found = gateway.get(at(ME, "plan"), headers=mine).json()
    assert (found["plan"], found["former"]) == (None, [])
    assert coaching.plans(gateway.app.state.records, GAME, ME) == []


def test_nothing_in_any_table_tells_of_a_deleted_plan(gateway, mine):
    records = gateway.app.state.records
    before = everything(records)
    plan = planned(gateway, mine)
    drill = plan["items"][0]["drill"]["name"]
    gateway.put(at(ME, "plan/ticks"), json={"drill": drill, "session": 1}, headers=mine)
    gateway.post(at(ME, "plan/shares"), json={"username": "ben_the_coach"}, headers=mine)
    coaching.note_progress(records, [(plan["id"], "duels_won", {"answer": "helped"})], at=coach.NOW)
    gateway.post(at(ME, "plan"), json={"minutes": 90, "coin": True}, headers=mine)
    assert everything(records) != before
    assert gateway.delete(at(ME, "plan"), headers=mine).status_code == 204
    assert everything(records) == before


def everything(records):
    """All rows of all tables but those of keys' use and sessions."""
    with records.reading() as connection:
        return {
            name: sorted(map(repr, connection.execute(table.select()).all()))
            for name, table in METADATA.tables.items()
            if name not in ("sessions", "refresh_tokens", "quota_use")
        }


def test_another_signed_in_user_learns_nothing_of_a_plan(gateway, mine):
    planned(gateway, mine)
    ben = {"username": "ben_the_other", "email": "ben@example.org", "password": "a long password of ben"}
    his = {"Authorization": f"Bearer {sign_in(gateway, ben)}"}
    coach.link(gateway.app.state.records, "ben_the_other", OTHER)
    html = {"Accept": "text/html"}
    for end in ("plan", "progress", "plan/shares"):
        theirs, nobodys = (gateway.get(at(who, end), headers=his) for who in (ME, "76561198000000009"))
        assert (theirs.status_code, theirs.json()) == (403, nobodys.json()), "not even whether there is one"
    shown = gateway.get(f"/players/{ME}", headers=his | html)
    reasons = plan_words(gateway, mine)
    assert reasons
    assert not any(reason in shown.text for reason in reasons)


def plan_words(gateway, mine):
    """What only the plan says."""
    return [item["reason"] for item in gateway.get(at(ME, "plan"), headers=mine).json()["plan"]["items"]]


def test_strangers_need_a_key_even_for_cards(tmp_path):
    with open_gateway(tmp_path, client=ELSEWHERE) as gateway:
        assert gateway.get(at(ME, "card")).status_code == 401


def test_rocket_league_has_cards_and_plans_of_its_own(gateway, mine):
    player = f"/api/v1/rocket-league/players/steam:{ME}"
    coaching.replace_cards(
        gateway.app.state.records, "rocket_league", {f"steam:{ME}": coach.card(f"steam:{ME}", weak=())}, at=coach.NOW
    )
    assert gateway.get(f"{player}/card").json()["player"] == f"steam:{ME}"
    plan = gateway.post(f"{player}/plan", json={"minutes": 60}, headers=mine).json()["plan"]
    assert (plan["items"], plan["note"][:19]) == ([], "No weakness is know")
    assert gateway.get(at(ME, "plan"), headers=mine).json()["plan"] is None
    assert gateway.get(f"/api/v1/rocket-league/players/epic:{ME}/plan", headers=mine).status_code == 403


def planned(gateway, mine):
    return gateway.post(at(ME, "plan"), json={"minutes": 200}, headers=mine).json()["plan"]


def test_a_plan_is_edited_its_history_kept_and_its_trials_go_on(gateway, mine):
    first = planned(gateway, mine)
    added = next(one["name"] for one in gateway.get("/api/v1/drills").json()["drills"] if one["skill"] == "survival")
    own = first["items"][0]["drill"]["name"]
    wish = {"items": [{"drill": own, "sessions": 1}, {"drill": added, "sessions": 2}]}
    answered = gateway.put(at(ME, "plan"), json=wish, headers=mine)
    assert answered.status_code == 200, answered.text
    plan = answered.json()["plan"]
    assert (plan["id"], plan["made_at"]) == (first["id"], first["made_at"])
    assert [(item["drill"]["name"], item["sessions"]) for item in plan["items"]] == [(own, 1), (added, 2)]
    assert plan["minutes"] == sum(item["sessions"] * item["drill"]["minutes"] for item in plan["items"])
    assert plan["edits"][0]["items"] == first["items"]


@pytest.mark.parametrize(
    "items",
    [
        [{"drill": "no such drill", "sessions": 1}],
        [{"drill": "pop-flashes", "sessions": 0}],
        [{"drill": "pop-flashes", "sessions": "2"}],
        [{"drill": "pop-flashes"}],
    ],
)
def test_an_edit_that_is_no_plan_is_refused_and_the_plan_stays(gateway, mine, items):
    plan = planned(gateway, mine)
    assert gateway.put(at(ME, "plan"), json={"items": items}, headers=mine).status_code == 422
    assert gateway.get(at(ME, "plan"), headers=mine).json()["plan"] == plan


def test_sessions_are_ticked_off_and_the_tick_taken_back(gateway, mine):
    plan = planned(gateway, mine)
    drill = plan["items"][0]["drill"]["name"]
    for session in (2, 1, 1):
        ticked = gateway.put(at(ME, "plan/ticks"), json={"drill": drill, "session": session}, headers=mine)
    assert ticked.json()["plan"]["ticks"] == {drill: [1, 2]}
    back = {"drill": drill, "session": 1, "done": False}
    assert gateway.put(at(ME, "plan/ticks"), json=back, headers=mine).json()["plan"]["ticks"] == {drill: [2]}
    sessions = plan["items"][0]["sessions"]
    last = gateway.put(at(ME, "plan/ticks"), json={"drill": drill, "session": sessions}, headers=mine)
    assert last.json()["plan"]["ticks"] == {drill: [2, sessions]}
    for wrong in ({"drill": drill, "session": sessions + 1}, {"drill": "other", "session": 1}):
        assert gateway.put(at(ME, "plan/ticks"), json=wrong, headers=mine).status_code == 422


def test_nothing_is_edited_or_ticked_without_a_plan(gateway, mine):
    assert gateway.put(at(ME, "plan"), json={"items": []}, headers=mine).status_code == 404
    assert gateway.put(at(ME, "plan/ticks"), json={"drill": "x", "session": 1}, headers=mine).status_code == 404


def test_a_plan_is_seen_by_whom_the_player_allows_and_changed_by_nobody_else(gateway, mine):
    planned(gateway, mine)
    ben = {"username": "ben_the_coach", "email": "ben@example.org", "password": "a long password of ben"}
    his = {"Authorization": f"Bearer {sign_in(gateway, ben)}"}
    assert gateway.get(at(ME, "plan"), headers=his).status_code == 403
    for name in ("Ben_The_Coach", "ben_the_coach", "nobody-knows"):
        shared = gateway.post(at(ME, "plan/shares"), json={"username": name}, headers=mine)
    assert shared.json()["usernames"] == ["ben_the_coach", "nobody-knows"]
    assert gateway.get(at(ME, "plan"), headers=his).json()["plan"] is not None
    assert gateway.get(at(ME, "progress"), headers=his).status_code == 200
    for method, end, body in (
        ("POST", "plan", {"minutes": 60}), ("PUT", "plan", {"items": []}), ("DELETE", "plan", None),
        ("PUT", "plan/ticks", {"drill": "x", "session": 1}), ("GET", "plan/shares", None),
        ("POST", "plan/shares", {"username": "x"}), ("DELETE", "plan/shares/x", None),
    ):  # fmt: skip
        assert gateway.request(method, at(ME, end), json=body, headers=his).status_code == 403, (method, end)
    assert gateway.delete(at(ME, "plan/shares/BEN_the_coach"), headers=mine).status_code == 204
    assert gateway.get(at(ME, "plan"), headers=his).status_code == 403


def test_the_catalogue_shows_what_drills_did_over_players(gateway):
    assert all(one["evidence"] is None for one in gateway.get("/api/v1/drills").json()["drills"])
    against = {"other": "b", "players": 9, "players_other": 8, "difference": 0.4, "low": 0.1, "high": 0.7}
    found = {"players": 17, "effect": 0.3, "low": 0.1, "high": 0.5, "experiments": [against]}
    coaching.replace_evidence(gateway.app.state.records, GAME, {"pop-flashes": found}, at=coach.NOW)
    drills = {one["name"]: one for one in gateway.get("/api/v1/drills").json()["drills"]}
    assert drills["pop-flashes"]["evidence"]["experiments"] == [against]
    assert drills["flash-timing"]["evidence"] is None
    other = gateway.get("/api/v1/rocket-league/drills").json()["drills"]
    assert other
    assert not {one["name"] for one in other} & set(drills)


@pytest.mark.parametrize("player", ["epic:14d2", "ps4:someone", "xbox:70cf", "switch:1"])
def test_who_cannot_be_linked_has_a_card_and_everywhere_the_same_reason_for_no_plan(gateway, mine, player):
    coach.keep(gateway.app.state.records, coach.card(player, skills=rocket_league.SKILLS, shown=("goals",)),
               game=rocket_league.GAME)  # fmt: skip
    at = f"/api/v1/rocket-league/players/{player}"
    assert gateway.get(f"{at}/card").status_code == 200
    for headers in ({}, mine):
        for method, end, body in (
            ("GET", "plan", None), ("GET", "progress", None), ("GET", "plan/shares", None), ("DELETE", "plan", None),
            ("POST", "plan", {"minutes": 60}), ("PUT", "plan", {"items": []}),
        ):  # fmt: skip
            answered = gateway.request(method, f"{at}/{end}", json=body, headers=headers)
            assert (answered.status_code, answered.json()["detail"]) == (403, NOT_LINKABLE)


@pytest.mark.parametrize("prefix", ["/api/v1/players", "/api/v1/rocket-league"])
def test_the_document_names_statuses_and_limits(prefix):
    player = f"{'/api/v1/players' if prefix.endswith('players') else '/api/v1/rocket-league/players'}/{{identifier}}"
    assert documented.statuses(prefix) == {
        f"POST {player}/plan": "201", f"DELETE {player}/plan": "204", f"POST {player}/plan/shares": "201",
        f"DELETE {player}/plan/shares/{{username}}": "204",
    }  # fmt: skip
    assert documented.limits("PlanWish") == {"minutes": (10_080, 15)}
    assert documented.limits("PlanEdit") == {"items": (20,)}
    assert documented.limits("ItemWish") == {"drill": (64,), "sessions": (21, 1)}
    assert documented.limits("Tick") == {"drill": (64,), "session": (21, 1)}
    assert documented.limits("ShareWish") == {"username": (64, 1)}
    assert documented.limits("SkillLine") == {"value_interval": (2, 2), "interval": (2, 2)}
