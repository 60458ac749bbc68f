"""Cards and plans in the records: replaced as a whole, kept with their history, and gone when deleted."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, func, insert, select
from sqlalchemy.exc import IntegrityError

from cs2_pipeline.records import coaching
from cs2_pipeline.records.tables import PLAN_PROGRESS, PLAN_SHARES, PLAN_TICKS, PLANS

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GAME = "counterstrike"


def test_cards_are_replaced_as_a_whole_and_by_game(records):
    coaching.replace_cards(records, GAME, {"a": {"lines": []}, "b": {"lines": []}}, at=NOW)
    coaching.replace_cards(records, "rocket_league", {"a": {"lines": [1]}}, at=NOW)
    coaching.replace_cards(records, GAME, {"a": {"lines": [2]}}, at=NOW)
    assert coaching.card(records, GAME, "a") == {"lines": [2], "made_at": NOW, "name": None}
    assert coaching.card(records, GAME, "b") is None
    assert coaching.card(records, "rocket_league", "a")["lines"] == [1]


def test_a_new_plan_ends_the_one_before_and_both_are_kept(records):
    first = coaching.begin_plan(records, GAME, "a", {"items": []}, at=NOW)
    later = NOW + timedelta(days=7)
    second = coaching.begin_plan(records, GAME, "a", {"items": []}, at=later)
    coaching.begin_plan(records, GAME, "b", {"items": []}, at=NOW)
    newest, oldest = coaching.plans(records, GAME, "a")
    assert (newest.id, newest.ended_at) == (second, None)
    assert (oldest.id, oldest.ended_at) == (first, later)
    assert {plan.player_id for plan in coaching.followed(records, GAME)} == {"a", "b"}


def at_once(what, count=8):
    """Call ``what(n)`` in so many threads that begin together; the results."""
    ready = threading.Barrier(count)

    def one(n):
        ready.wait()
        return what(n)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


def test_a_player_follows_one_plan_however_many_are_begun_at_once(records):
    begun = at_once(lambda n: coaching.begin_plan(records, GAME, "a", {"items": [n]}, at=NOW))
    kept = coaching.plans(records, GAME, "a")
    assert {plan.id for plan in kept} == set(begun)
    assert sum(plan.ended_at is None for plan in kept) == 1


def test_edits_made_at_once_are_all_in_the_history(records):
    plan = coaching.begin_plan(records, GAME, "a", {"items": ["first"], "minutes": 5}, at=NOW)
    at_once(lambda n: coaching.edit_plan(records, plan, [{"n": n}], minutes=n, at=NOW))
    (kept,) = coaching.plans(records, GAME, "a")
    seen = [edit["items"][0] for edit in kept.body["edits"]] + kept.body["items"]
    assert seen[0] == "first" and sorted(one["n"] for one in seen[1:]) == list(range(8))


def test_a_session_ticked_off_twice_at_once_is_one_tick(records):
    plan = coaching.begin_plan(records, GAME, "a", {"items": []}, at=NOW)
    at_once(lambda _: coaching.tick(records, plan, "drill", 1, done=True, at=NOW))
    assert coaching.plans(records, GAME, "a")[0].ticks == {"drill": (1,)}


def test_a_deleted_plan_is_not_brought_back_by_an_edit_or_a_tick(records):
    plan = coaching.begin_plan(records, GAME, "a", {"items": []}, at=NOW)
    coaching.forget_plans(records, GAME, "a")
    coaching.edit_plan(records, plan, [], minutes=0, at=NOW)
    coaching.tick(records, plan, "drill", 1, done=True, at=NOW)
    assert coaching.plans(records, GAME, "a") == []


def test_progress_is_the_latest_look(records):
    plan = coaching.begin_plan(records, GAME, "a", {"items": []}, at=NOW)
    coaching.note_progress(records, [(plan, "aim", {"answer": "not known yet"})], at=NOW)
    coaching.note_progress(records, [(plan, "aim", {"answer": "helped"}), ("gone", "aim", {})], at=NOW)
    (kept,) = coaching.plans(records, GAME, "a")
    assert kept.progress["aim"]["answer"] == "helped"


def test_deleted_means_deleted(records):
    plan = coaching.begin_plan(records, GAME, "a", {"items": []}, at=NOW)
    coaching.note_progress(records, [(plan, "aim", {})], at=NOW)
    coaching.tick(records, plan, "drill", 1, done=True, at=NOW)
    coaching.share(records, GAME, "a", "ben")
    coaching.begin_plan(records, GAME, "a", {"items": []}, at=NOW)
    other = coaching.begin_plan(records, GAME, "b", {"items": []}, at=NOW)
    assert coaching.forget_plans(records, GAME, "a") == 2
    assert coaching.plans(records, GAME, "a") == []
    with records.reading() as connection:
        assert connection.execute(select(PLANS.c.id)).scalars().all() == [other]
        for table in (PLAN_PROGRESS, PLAN_TICKS, PLAN_SHARES):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0


def test_plans_are_read_with_as_few_values_however_many_there_are(records):
    """A database takes no more than 32,766 (SQLite) or 65,535 (Postgres) values in a statement."""
    count = 300
    with records.writing() as connection:
        connection.execute(
            insert(PLANS),
            [{"id": f"{n}", "game": GAME, "player_id": f"{n}", "made_at": NOW, "body": "{}"} for n in range(count)],
        )
    coaching.note_progress(records, [(f"{n}", "aim", {"n": n}) for n in range(count)], at=NOW)
    coaching.tick(records, "7", "drill", 2, done=True, at=NOW)
    coaching.tick(records, "7", "drill", 1, done=True, at=NOW)
    sent = []

    def note(_connection, _cursor, _statement, parameters, _context, _many):
        sent.append(len(parameters))

    event.listen(records.engine, "before_cursor_execute", note)
    try:
        found = {plan.id: plan for plan in coaching.every_plan(records, GAME)}
        assert {plan.id for plan in coaching.followed(records, GAME)} == set(found)
    finally:
        event.remove(records.engine, "before_cursor_execute", note)
    assert sent and max(sent) < 5
    assert [found[f"{n}"].progress["aim"]["n"] for n in range(count)] == list(range(count))
    assert found["7"].ticks == {"drill": (1, 2)} and found["8"].ticks == {}


on_a_file = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


@on_a_file
def test_cards_are_found_by_a_part_of_the_id_or_name_in_any_case(records):
    cards = {player: {"player": player} for player in ("7", "17", "8", "9")}
    names = {"7": "Löwe", "8": "50% Aim", "17": "seven"}
    coaching.replace_cards(records, GAME, cards, at=NOW, names=names)
    coaching.replace_cards(records, "rocket_league", {"7": {"player": "7"}}, at=NOW)

    def found(text, limit=9):
        return [(one["player"], one["name"]) for one in coaching.find_cards(records, GAME, text, limit=limit)]

    assert found("7") == [("17", "seven"), ("7", "Löwe")] and found("7", limit=1) == [("17", "seven")]
    assert found("SEV") == [("17", "seven")] and found("aim") == [("8", "50% Aim")]
    assert found("%") == [("8", "50% Aim")] and found("_") == [], "they stand for themselves"
    assert coaching.card(records, GAME, "7")["name"] == "Löwe" and coaching.card(records, GAME, "9")["name"] is None


@on_a_file
def test_an_edited_plan_keeps_what_it_was(records):
    plan = coaching.begin_plan(records, GAME, "a", {"items": [1], "minutes": 60}, at=NOW)
    other = coaching.begin_plan(records, GAME, "b", {"items": [9], "minutes": 90}, at=NOW)
    for items, minutes in (([2], 30), ([3], 15)):
        coaching.edit_plan(records, plan, items, minutes=minutes, at=NOW + timedelta(minutes=minutes))
    (kept,) = coaching.plans(records, GAME, "a")
    assert (kept.body["items"], kept.body["minutes"]) == ([3], 15)
    assert kept.body["edits"] == [
        {"until": (NOW + timedelta(minutes=30)).isoformat(), "items": [1], "minutes": 60},
        {"until": (NOW + timedelta(minutes=15)).isoformat(), "items": [2], "minutes": 30},
    ]
    assert coaching.plans(records, GAME, "b")[0].body == {"items": [9], "minutes": 90} and other


@on_a_file
def test_sessions_are_ticked_and_unticked_each_for_itself(records):
    plan = coaching.begin_plan(records, GAME, "a", {"items": []}, at=NOW)
    other = coaching.begin_plan(records, GAME, "b", {"items": []}, at=NOW)
    for where, drill, session in ((plan, "x", 2), (plan, "x", 1), (plan, "x", 1), (plan, "y", 1), (other, "x", 3)):
        coaching.tick(records, where, drill, session, done=True, at=NOW)

    def ticks(player):
        return coaching.plans(records, GAME, player)[0].ticks

    assert ticks("a") == {"x": (1, 2), "y": (1,)} and ticks("b") == {"x": (3,)}
    coaching.tick(records, plan, "x", 1, done=False, at=NOW)
    assert ticks("a") == {"x": (2,), "y": (1,)}


@on_a_file
def test_who_may_see_the_plans_is_told_once_in_any_case_and_may_be_taken_back(records):
    for name in ("Ben", "BEN", "anna"):
        coaching.share(records, GAME, "a", name)
    coaching.share(records, GAME, "b", "carl")
    assert coaching.shared_with(records, GAME, "a") == ["anna", "ben"]
    coaching.unshare(records, GAME, "a", "BeN")
    coaching.unshare(records, GAME, "a", "nobody")
    assert coaching.shared_with(records, GAME, "a") == ["anna"] and coaching.shared_with(records, GAME, "b") == ["carl"]
    assert coaching.shared_with(records, "rocket_league", "a") == []


@on_a_file
def test_evidence_is_replaced_by_game(records):
    coaching.replace_evidence(records, GAME, {"x": {"effect": 0.1}, "y": {"effect": 0.2}}, at=NOW)
    coaching.replace_evidence(records, "rocket_league", {"x": {"effect": 0.3}}, at=NOW)
    coaching.replace_evidence(records, GAME, {"x": {"effect": 0.4}}, at=NOW + timedelta(days=1))
    assert coaching.evidence(records, GAME) == {"x": {"effect": 0.4, "made_at": NOW + timedelta(days=1)}}
    assert coaching.evidence(records, "rocket_league")["x"]["effect"] == 0.3
    coaching.replace_evidence(records, GAME, {}, at=NOW)
    assert coaching.evidence(records, GAME) == {}


@on_a_file
def test_plans_are_of_their_game_the_newest_first_and_followed_until_the_next(records):
    for number, (game, player) in enumerate([(GAME, "a"), (GAME, "b"), ("rocket_league", "a"), (GAME, "a")]):
        coaching.begin_plan(records, game, player, {"n": number}, at=NOW + timedelta(days=number))
    assert [one.body["n"] for one in coaching.every_plan(records, GAME)] == [3, 1, 0]
    assert [one.body["n"] for one in coaching.followed(records, GAME)] == [3, 1]
    assert [one.body["n"] for one in coaching.plans(records, "rocket_league", "a")] == [2]


@on_a_file
def test_each_skills_progress_stands_for_itself_with_its_day(records):
    plan = coaching.begin_plan(records, GAME, "a", {"items": []}, at=NOW)
    coaching.note_progress(records, [(plan, "aim", {"n": 1}), (plan, "trades", {"n": 2})], at=NOW)
    coaching.note_progress(records, [(plan, "aim", {"n": 3})], at=NOW + timedelta(days=1))
    (kept,) = coaching.plans(records, GAME, "a")
    assert kept.progress == {
        "aim": {"n": 3, "looked_at": NOW + timedelta(days=1)}, "trades": {"n": 2, "looked_at": NOW}
    }  # fmt: skip


@on_a_file
def test_a_plan_that_cannot_be_kept_is_said_to_be_none_after_twenty_tries(records, monkeypatch):
    kept = coaching.begin_plan(records, GAME, "a", {"items": []}, at=NOW)
    tried = []

    def note(connection):
        tried.append(connection)

    monkeypatch.setattr(coaching.secrets, "token_hex", lambda _: kept)  # an id that is taken already
    event.listen(records.engine, "rollback", note)
    with pytest.raises(IntegrityError):
        coaching.begin_plan(records, GAME, "b", {"items": []}, at=NOW)
    event.remove(records.engine, "rollback", note)
    assert len(tried) == 20
    assert [plan.id for plan in coaching.every_plan(records, GAME)] == [kept]


@on_a_file
def test_a_plan_is_told_with_all_that_is_kept_of_it(records):
    plan = coaching.begin_plan(records, GAME, "a", {"items": [1]}, at=NOW)
    coaching.note_progress(records, [(plan, "aim", {"n": 1})], at=NOW)
    coaching.tick(records, plan, "drill", 1, done=True, at=NOW)
    assert coaching.plans(records, GAME, "a") == [
        coaching.StoredPlan(
            plan, GAME, "a", NOW, None, {"items": [1]}, {"aim": {"n": 1, "looked_at": NOW}}, {"drill": (1,)}
        )
    ]


@on_a_file
def test_nothing_is_shared_or_forgotten_of_another_game(records):
    coaching.begin_plan(records, "rocket_league", "a", {"items": []}, at=NOW)
    coaching.share(records, "rocket_league", "a", "ben")
    assert coaching.forget_plans(records, GAME, "a") == 0
    assert len(coaching.plans(records, "rocket_league", "a")) == 1
    assert coaching.shared_with(records, "rocket_league", "a") == ["ben"]


@on_a_file
def test_no_cards_are_the_cards_of_a_game_whose_players_are_gone(records):
    coaching.replace_cards(records, GAME, {"a": {}}, at=NOW, names={"a": "Anna"})
    assert coaching.card(records, GAME, "a") == {"made_at": NOW, "name": "Anna"}
    coaching.replace_cards(records, GAME, {}, at=NOW)
    assert coaching.card(records, GAME, "a") is None
