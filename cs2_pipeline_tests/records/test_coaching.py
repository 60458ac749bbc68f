"""Cards and plans in the records: replaced as a whole, kept with their history, and gone when deleted."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import event, func, insert, select

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
