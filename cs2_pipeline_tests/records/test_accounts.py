"""Sessions: a refresh token is used once; used again, it ends the whole session for everybody."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from cs2_pipeline.records import accounts
from cs2_pipeline.records.accounts import SessionEndedError
from cs2_pipeline.records.tables import OPENID_NONCES, REFRESH_TOKENS, SESSIONS, USERS


@pytest.fixture
def anna(records):
    return accounts.register(records, "anna", "anna@example.org", "a long enough password")


@pytest.fixture
def opened(records, anna):
    return accounts.open_session(records, anna)


def change(records, table, **values):
    with records.writing() as connection:
        connection.execute(update(table).values(**values))


def revoked_for(records):
    with records.reading() as connection:
        return connection.execute(select(SESSIONS.c.revoked_reason)).scalar_one()


def test_an_unused_refresh_token_is_replaced_by_another_of_the_same_session(records, anna, opened):
    renewed = accounts.keep_alive(records, opened.refresh_token)
    assert (renewed.id, renewed.user) == (opened.id, anna)
    assert renewed.refresh_token != opened.refresh_token
    again = accounts.keep_alive(records, renewed.refresh_token)
    assert again.refresh_token not in (opened.refresh_token, renewed.refresh_token)
    assert accounts.session_user(records, opened.id) == anna
    assert revoked_for(records) is None


def test_a_refresh_token_used_twice_ends_the_session_also_for_who_used_it_first(records, opened):
    renewed = accounts.keep_alive(records, opened.refresh_token)
    with pytest.raises(SessionEndedError):
        accounts.keep_alive(records, opened.refresh_token)
    assert revoked_for(records) == accounts.REUSED
    assert accounts.session_user(records, opened.id) is None
    assert accounts.session_of(records, renewed.refresh_token) is None
    with pytest.raises(SessionEndedError):
        accounts.keep_alive(records, renewed.refresh_token)


def test_whose_an_unused_refresh_token_is_can_be_asked_without_using_it(records, anna, opened):
    assert accounts.session_of(records, opened.refresh_token) == (opened.id, anna)
    renewed = accounts.keep_alive(records, opened.refresh_token)
    assert accounts.session_of(records, opened.refresh_token) is None
    assert accounts.session_of(records, renewed.refresh_token) == (opened.id, anna)


def test_a_token_of_nobody_opens_nothing_and_ends_nothing(records, anna, opened):
    with pytest.raises(SessionEndedError):
        accounts.keep_alive(records, "made up")
    assert accounts.session_of(records, "made up") is None
    assert accounts.session_user(records, opened.id) == anna


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (SESSIONS, {"expires_at": datetime.now(UTC) - timedelta(seconds=1)}),
        (SESSIONS, {"revoked_at": datetime.now(UTC)}),
        (USERS, {"disabled_at": datetime.now(UTC)}),
    ],
)
def test_an_ended_session_is_not_kept_alive_and_its_token_is_not_spent(records, opened, table, values):
    change(records, table, **values)
    with pytest.raises(SessionEndedError):
        accounts.keep_alive(records, opened.refresh_token)
    assert accounts.session_user(records, opened.id) is None
    with records.reading() as connection:
        assert connection.execute(select(REFRESH_TOKENS.c.used_at)).scalars().all() == [None]


def test_the_end_of_one_session_leaves_the_others_open(records, anna, opened):
    other = accounts.open_session(records, anna)
    accounts.end_session(records, opened.id)
    assert accounts.session_user(records, opened.id) is None
    assert accounts.session_user(records, other.id) == anna
    assert accounts.keep_alive(records, other.refresh_token).id == other.id


def test_what_has_long_ended_is_not_kept_for_ever(records, anna, opened):
    long_ago = datetime.now(UTC) - timedelta(days=2)
    accounts.finish_steam(records, accounts.begin_steam(records, None), "an old nonce", "76561198000000001")
    change(records, OPENID_NONCES, seen_at=long_ago)
    change(records, SESSIONS, expires_at=long_ago)
    accounts.finish_steam(records, accounts.begin_steam(records, None), "a new nonce", "76561198000000001")
    later = accounts.open_session(records, anna)
    with records.reading() as connection:
        assert connection.execute(select(SESSIONS.c.id)).scalars().all() == [later.id]
        assert connection.execute(select(REFRESH_TOKENS.c.session_id)).scalars().all() == [later.id]
        assert connection.execute(select(OPENID_NONCES.c.nonce)).scalars().all() == ["a new nonce"]
    with pytest.raises(SessionEndedError):
        accounts.keep_alive(records, opened.refresh_token)


MOMENT = timedelta(microseconds=1)


@pytest.fixture
def at(monkeypatch):
    """Set the clock that accounts are kept by."""

    def set_to(now):
        class Clock(datetime):
            @classmethod
            def now(cls, tz=None):
                return now

        monkeypatch.setattr(accounts, "datetime", Clock)

    return set_to


def test_a_session_ends_at_the_moment_its_life_is_over(records, anna, at):
    began = datetime(2026, 1, 1, tzinfo=UTC)
    at(began)
    session = accounts.open_session(records, anna)
    at(began + timedelta(days=30) - MOMENT)
    assert accounts.session_user(records, session.id) == anna
    token = accounts.keep_alive(records, session.refresh_token).refresh_token
    at(began + timedelta(days=30))
    assert accounts.session_user(records, session.id) is None
    with pytest.raises(SessionEndedError):
        accounts.keep_alive(records, token)


@pytest.mark.parametrize("others", [0, 1], ids=["alone", "while another begins"])
@pytest.mark.parametrize(("late", "signs_in"), [(timedelta(0), True), (MOMENT, False)])
def test_whoever_comes_back_from_steam_later_than_allowed_is_not_signed_in(records, at, late, signs_in, others):
    began = datetime(2026, 1, 1, tzinfo=UTC)
    at(began)
    state = accounts.begin_steam(records, None)
    at(began + timedelta(minutes=10) + late)
    for _ in range(others):
        accounts.begin_steam(records, None)
    found = accounts.finish_steam(records, state, "a nonce", "76561198000000007")
    assert (found is not None) == signs_in
