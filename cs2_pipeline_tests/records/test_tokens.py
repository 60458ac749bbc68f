"""Access tokens are believed by every gateway on the same records, and keys are read anew only where that can help."""

import secrets
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from sqlalchemy import event, select, update

from cs2_pipeline.records import tokens
from cs2_pipeline.records.tables import SIGNING_KEYS
from cs2_pipeline.records.tokens import Claims, Signer, TokenError

WHO = Claims("somebody", "a session")


def issued(signer):
    return signer.issue(WHO.user_id, WHO.session_id)


@pytest.fixture
def reads(records):
    """The statements that ask for signing keys."""
    asked = []

    def note(connection, cursor, statement, *_):
        if statement.startswith("SELECT") and "signing_keys" in statement:
            asked.append(statement)

    event.listen(records.engine, "before_cursor_execute", note)
    yield asked
    event.remove(records.engine, "before_cursor_execute", note)


def test_a_token_says_what_it_was_issued_for_and_signing_needs_one_key(records, reads):
    signer = Signer(records)
    first, second = issued(signer), issued(signer)
    assert signer.read(first) == signer.read(second) == WHO
    assert {jwt.get_unverified_header(one)["kid"] for one in (first, second)} == set(signer._keys)
    before = len(reads)
    assert Signer(records).read(first) == WHO
    assert len(reads) == before + 1


def test_a_key_that_another_gateway_made_later_is_found(records, reads, monkeypatch):
    """One that has read its keys looks again for a key it does not know, though not for every such token."""
    one, other = Signer(records), Signer(records)
    former = issued(one)
    assert other.read(former) == WHO
    with records.writing() as connection:
        connection.execute(update(SIGNING_KEYS).values(created_at=datetime.now(UTC) - tokens.KEY_LIFE))
    renewed = issued(Signer(records))
    assert jwt.get_unverified_header(renewed)["kid"] != jwt.get_unverified_header(former)["kid"]

    asked = len(reads)
    monkeypatch.setattr(tokens, "REREAD_SECONDS", 3600.0)
    with pytest.raises(TokenError, match="not signed here"):
        other.read(renewed)
    assert len(reads) == asked
    monkeypatch.setattr(tokens, "REREAD_SECONDS", -1.0)
    assert other.read(renewed) == WHO
    assert len(reads) == asked + 1


def test_known_keys_are_not_read_anew_for_every_token(records, reads, monkeypatch):
    monkeypatch.setattr(tokens, "REREAD_SECONDS", -1.0)
    signer = Signer(records)
    token = issued(signer)
    asked = len(reads)
    assert [signer.read(token) for _ in range(3)] == [WHO] * 3
    assert len(reads) == asked


def test_a_key_signs_for_its_life_and_is_believed_as_long_as_its_last_token_lives(records):
    signer = Signer(records)
    token = issued(signer)
    kid = jwt.get_unverified_header(token)["kid"]

    def aged(by):
        with records.writing() as connection:
            connection.execute(update(SIGNING_KEYS).where(SIGNING_KEYS.c.id == kid).values(
                created_at=datetime.now(UTC) - by))  # fmt: skip
        return Signer(records)

    second = timedelta(seconds=1)
    assert aged(tokens.KEY_LIFE + tokens.TOKEN_LIFE - 60 * second).read(token) == WHO
    assert jwt.get_unverified_header(issued(aged(tokens.KEY_LIFE - 60 * second)))["kid"] == kid
    assert jwt.get_unverified_header(issued(aged(tokens.KEY_LIFE + second)))["kid"] != kid
    with pytest.raises(TokenError, match="not signed here, or too long ago"):
        aged(tokens.KEY_LIFE + tokens.TOKEN_LIFE + second).read(token)


def test_to_the_moment_a_key_signs_for_less_than_its_life_and_is_believed_for_less_than_its_last_token(
    records, monkeypatch
):
    made = datetime(2026, 1, 1, tzinfo=UTC)

    def at(moment):
        class Clock(datetime):
            @classmethod
            def now(cls, tz=None):
                return moment

        monkeypatch.setattr(tokens, "datetime", Clock)
        return Signer(records)

    def signs(moment):
        return at(moment)._signing_key().id

    moment = timedelta(microseconds=1)
    first = signs(made)
    assert signs(made + timedelta(days=30) - moment) == first
    second = signs(made + timedelta(days=30))
    assert second != first
    end = made + timedelta(days=30) + timedelta(minutes=15)
    assert at(end - moment)._key(first) is not None
    assert at(end)._key(first) is None


def test_a_token_of_a_key_of_somebody_elses_is_not_believed(records):
    signer = Signer(records)
    kid = jwt.get_unverified_header(issued(signer))["kid"]
    claims = {"iss": tokens.ISSUER, "sub": "x", "sid": "y", "iat": datetime.now(UTC),
              "exp": datetime.now(UTC) + timedelta(minutes=1)}  # fmt: skip
    for header in ({"kid": kid}, {"kid": "unknown"}, {}):
        forged = jwt.encode(claims, secrets.token_hex(32), tokens.ALGORITHM, headers=header)
        with pytest.raises(TokenError):
            signer.read(forged)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_of_several_keys_that_may_sign_the_newest_does(records):
    now = datetime.now(UTC)
    with records.writing() as connection:
        for name, hours in (("older", 2), ("newest", 1), ("oldest", 3)):
            row = {"id": name, "secret": "s" * 64, "created_at": now - timedelta(hours=hours)}
            connection.execute(SIGNING_KEYS.insert(), row)
    assert jwt.get_unverified_header(issued(Signer(records)))["kid"] == "newest"


on_a_file = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


@on_a_file
def test_a_token_lives_for_a_quarter_of_an_hour_and_is_signed_with_256_bits(records):
    """As RFC 7518, section 3.2, wants of a key for HS256."""
    token = issued(Signer(records))
    with records.reading() as connection:
        (secret,) = connection.execute(select(SIGNING_KEYS.c.secret)).scalars()
    claims = jwt.decode(token, secret, ["HS256"])
    assert claims["exp"] - claims["iat"] == 15 * 60
    assert (claims["iss"], claims["sub"], claims["sid"]) == ("cs2-pipeline", WHO.user_id, WHO.session_id)
    assert len(bytes.fromhex(secret)) == 32


@on_a_file
def test_an_expired_token_is_told_from_one_of_somebody_else(records, monkeypatch):
    signer = Signer(records)
    monkeypatch.setattr(tokens, "TOKEN_LIFE", timedelta(seconds=-1))
    with pytest.raises(TokenError, match="/auth/refresh"):
        signer.read(issued(signer))
    with pytest.raises(TokenError, match="not a token of this platform"):
        signer.read("nonsense")


@on_a_file
def test_a_new_key_removes_those_whose_tokens_have_all_expired(records, monkeypatch):
    now = datetime(2026, 3, 1, tzinfo=UTC)
    believed = timedelta(days=30, minutes=15)
    with records.writing() as connection:
        for name, age in (("gone", believed + timedelta(microseconds=1)), ("kept", believed)):
            connection.execute(SIGNING_KEYS.insert(), {"id": name, "secret": "s" * 64, "created_at": now - age})

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return now

    monkeypatch.setattr(tokens, "datetime", Clock)
    issued(Signer(records))
    with records.reading() as connection:
        names = set(connection.execute(select(SIGNING_KEYS.c.id)).scalars())
    assert len(names) == 2 and "kept" in names and "gone" not in names


@on_a_file
def test_a_token_that_lacks_a_claim_is_not_believed(records):
    signer = Signer(records)
    kid = jwt.get_unverified_header(issued(signer))["kid"]
    secret = signer._keys[kid].secret
    now = datetime.now(UTC)
    whole = {"iss": tokens.ISSUER, "sub": "x", "sid": "y", "iat": now, "exp": now + timedelta(minutes=1)}
    assert signer.read(jwt.encode(whole, secret, "HS256", headers={"kid": kid})) == Claims("x", "y")
    for gone in whole:
        lacking = {name: value for name, value in whole.items() if name != gone}
        with pytest.raises(TokenError):
            signer.read(jwt.encode(lacking, secret, "HS256", headers={"kid": kid}))
