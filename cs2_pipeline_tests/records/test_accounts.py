"""Sessions: a refresh token is used once; used again, it ends the whole session for everybody."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from cs2_pipeline.records import accounts, coaching, keys, webhooks
from cs2_pipeline.records.accounts import SessionEndedError, SteamTakenError
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


on_a_file = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
PASSWORD = "a long enough password"
HASHER = accounts._HASHER  # as it is before these tests begin, which hash cheaply


@on_a_file
def test_a_guess_at_an_unknown_name_or_one_without_a_password_costs_as_much_as_one_at_a_known_name(
    records, anna, monkeypatch
):
    back_from_steam(records, steam_id="76561198000000001")
    accounts.authenticate(records, "nobody", "made once")
    tried = []

    class Counting(PasswordHasher):
        def verify(self, hash, password):
            tried.append(password)
            return super().verify(hash, password)

    cheap = accounts._HASHER
    monkeypatch.setattr(accounts, "_HASHER", Counting(cheap.time_cost, cheap.memory_cost, cheap.parallelism))
    for name in ("anna", "nobody", "steam-76561198000000001"):
        assert accounts.authenticate(records, name, f"a guess at {name}") is None
    assert tried == ["a guess at anna", "a guess at nobody", "a guess at steam-76561198000000001"]


@on_a_file
def test_a_person_is_known_by_name_or_address_in_any_case_and_by_the_password_alone(records, anna):
    for name in ("anna", "ANNA", "anna@example.org", "Anna@Example.ORG"):
        assert accounts.authenticate(records, name, PASSWORD) == anna
    assert accounts.authenticate(records, "anna", "another password") is None
    assert accounts.authenticate(records, "nobody", PASSWORD) is None
    assert (anna.username, anna.email, anna.steam_id, anna.is_admin) == ("anna", "anna@example.org", None, False)
    assert accounts.named(records, "ANNA") == anna == accounts.user(records, anna.id)


@on_a_file
def test_a_name_and_an_address_are_somebodys_once_in_any_case(records, anna):
    assert accounts.register(records, "ANNA", "other@example.org", PASSWORD) is None
    assert accounts.register(records, "other", "ANNA@example.org", PASSWORD) is None
    other = accounts.register(records, "other", "other@example.org", PASSWORD, is_admin=True)
    assert other.is_admin and other.id != anna.id


@on_a_file
def test_a_disabled_account_is_nobodys(records, anna):
    change(records, USERS, disabled_at=datetime.now(UTC))
    assert accounts.authenticate(records, "anna", PASSWORD) is None
    assert accounts.named(records, "anna") is None and accounts.user(records, anna.id) is None


@on_a_file
def test_an_account_without_a_password_is_not_opened_by_one(records):
    accounts.finish_steam(records, accounts.begin_steam(records, None), "a nonce", "76561198000000001")
    assert accounts.authenticate(records, "steam-76561198000000001", "") is None


def test_a_guess_costs_64_mebibytes_three_times_over():
    """The second recommended choice of RFC 9106, section 4."""
    assert (HASHER.type.name, HASHER.time_cost, HASHER.memory_cost, HASHER.parallelism) == ("ID", 3, 2**16, 4)


@on_a_file
def test_a_password_hashed_as_was_usual_before_is_hashed_anew_when_it_is_told(records, anna, monkeypatch):
    def kept():
        with records.reading() as connection:
            return connection.execute(select(USERS.c.password_hash)).scalar_one()

    before = kept()
    assert accounts.authenticate(records, "anna", PASSWORD) and kept() == before
    stronger = PasswordHasher(time_cost=accounts._HASHER.time_cost + 1)
    monkeypatch.setattr(accounts, "_HASHER", stronger)
    assert accounts.authenticate(records, "anna", "wrong") is None and kept() == before
    assert accounts.authenticate(records, "anna", PASSWORD) == anna
    assert not stronger.check_needs_rehash(kept()) and stronger.verify(kept(), PASSWORD)


def back_from_steam(records, user_id=None, nonce="a nonce", steam_id="76561198000000001"):
    return accounts.finish_steam(records, accounts.begin_steam(records, user_id), nonce, steam_id)


@on_a_file
def test_a_way_to_steam_and_a_nonce_are_good_once(records):
    state = accounts.begin_steam(records, None)
    assert accounts.finish_steam(records, state, "one", "76561198000000001") is not None
    assert accounts.finish_steam(records, state, "two", "76561198000000001") is None
    assert accounts.finish_steam(records, "made up", "three", "76561198000000001") is None
    assert back_from_steam(records, nonce="one") is None


@on_a_file
def test_who_signs_in_through_steam_first_gets_an_account_named_after_the_steam_id_even_where_the_name_is_taken(
    records,
):
    steam_id, other = "76561198000000001", "76561198000000002"
    made = back_from_steam(records, steam_id=steam_id)
    assert (made.username, made.email, made.steam_id, made.is_admin) == (f"steam-{steam_id}", None, steam_id, False)
    squatter = accounts.register(records, f"Steam-{other}", "squatter@example.org", PASSWORD)
    second = back_from_steam(records, nonce="another", steam_id=other)
    assert second.id != squatter.id and second.steam_id == other
    assert second.username.startswith(f"steam-{other}-") and second.username != squatter.username


@on_a_file
def test_the_steam_account_of_who_is_disabled_signs_nobody_in(records):
    back_from_steam(records)
    change(records, USERS, disabled_at=datetime.now(UTC))
    assert back_from_steam(records, nonce="another") is None


@on_a_file
def test_a_steam_id_links_to_one_account_and_again_to_the_same(records, anna):
    assert back_from_steam(records, anna.id, "one").id == anna.id
    assert back_from_steam(records, anna.id, "two").steam_id == "76561198000000001"
    assert back_from_steam(records, None, "three").id == anna.id, "who signs in through it is anna"
    other = accounts.register(records, "other", "other@example.org", PASSWORD)
    with pytest.raises(SteamTakenError):
        back_from_steam(records, other.id, "four")
    assert accounts.user(records, other.id).steam_id is None


@on_a_file
def test_another_token_of_a_session_ends_with_it(records, opened):
    other = accounts.another_token(records, opened.id)
    assert other != opened.refresh_token
    assert accounts.session_of(records, other)[0] == opened.id == accounts.session_of(records, opened.refresh_token)[0]
    accounts.end_session(records, opened.id)
    assert accounts.session_of(records, other) is None and revoked_for(records) == "logout"


@on_a_file
def test_why_a_session_ended_is_kept(records, opened):
    accounts.keep_alive(records, opened.refresh_token)
    with pytest.raises(SessionEndedError):
        accounts.keep_alive(records, opened.refresh_token)
    accounts.end_session(records, opened.id)
    assert revoked_for(records) == accounts.REUSED


@on_a_file
def test_who_leaves_takes_all_that_is_the_own_and_nothing_of_others(records, anna):
    ben = accounts.register(records, "ben", "ben@example.org", PASSWORD)
    now = datetime.now(UTC)
    made = {}
    for who in (anna, ben):
        _, key = keys.create(records, f"of {who.username}", ["live:write"], user_id=who.id)
        webhooks.add(records, key.id, "https://example.org/hook", ["score"], at=now)
        coaching.begin_plan(records, "counterstrike", who.username, {"items": []}, at=now)
        made[who.username] = key.id
    coaching.share(records, "counterstrike", "ben", "anna")
    coaching.share(records, "counterstrike", "ben", "carl")
    session = accounts.open_session(records, ben)
    accounts.forget(records, anna, [("counterstrike", "anna")])
    assert accounts.user(records, anna.id) is None and accounts.authenticate(records, "anna", PASSWORD) is None
    assert accounts.session_user(records, session.id) == ben
    assert [plan.player_id for plan in coaching.every_plan(records, "counterstrike")] == ["ben"]
    assert coaching.shared_with(records, "counterstrike", "ben") == ["carl"]
    hers, his = sorted(keys.every(records), key=lambda key: key.id != made["anna"])
    assert (hers.name, hers.user_id) == ("of a deleted account", None) and hers.revoked_at is not None
    assert (his.name, his.user_id, his.revoked_at) == ("of ben", ben.id, None)
    assert webhooks.own(records, made["anna"]) == [] and len(webhooks.own(records, made["ben"])) == 1


@on_a_file
def test_a_key_that_was_revoked_before_its_account_went_keeps_its_day(records, anna):
    _, key = keys.create(records, "a bot", ["forecast"], user_id=anna.id)
    keys.revoke(records, key.id)
    (revoked,) = keys.every(records)
    accounts.forget(records, anna, [])
    (after,) = keys.every(records)
    assert after.revoked_at == revoked.revoked_at


@on_a_file
def test_a_nonce_is_refused_for_a_day(records, at):
    began = datetime(2026, 1, 1, tzinfo=UTC)
    for later, good in ((timedelta(0), True), (timedelta(days=1), False), (timedelta(days=1) + MOMENT, True)):
        at(began + later)
        assert (back_from_steam(records, nonce="the same") is not None) is good, later


@on_a_file
def test_tokens_are_random_text_of_256_bits(records, opened):
    for token in (
        opened.refresh_token,
        accounts.another_token(records, opened.id),
        accounts.begin_steam(records, None),
    ):
        assert len(base64.urlsafe_b64decode(token + "=")) == 32


@on_a_file
def test_a_session_and_an_account_are_of_the_moment_they_were_made(records, at):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    at(now)
    anna = accounts.register(records, "anna", "anna@example.org", PASSWORD)
    assert anna.created_at == now
    session = accounts.open_session(records, anna)
    with records.reading() as connection:
        found = connection.execute(select(SESSIONS.c.id, SESSIONS.c.created_at, SESSIONS.c.expires_at)).one()
    assert tuple(found) == (session.id, now, now + timedelta(days=30))
    for later, kept in ((timedelta(days=30) - MOMENT, [session.id]), (timedelta(days=30), [])):
        at(now + later)
        newest = accounts.open_session(records, anna).id
        accounts.end_session(records, newest)
        with records.reading() as connection:
            there = set(connection.execute(select(SESSIONS.c.id)).scalars())
        assert newest in there and [one for one in [session.id] if one in there] == kept
