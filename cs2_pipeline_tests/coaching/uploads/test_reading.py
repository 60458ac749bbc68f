"""Reading uploads: good files get where the platform ingests from, all others into quarantine with a reason."""

import hashlib
import shutil
import sqlite3
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert

from cs2_pipeline.coaching.rocket_league import replays
from cs2_pipeline.coaching.uploads import reading
from cs2_pipeline.coaching.uploads.inbox import Inbox
from cs2_pipeline.coaching.uploads.kinds import ENDINGS, Kind, ending_of
from cs2_pipeline.limits import Limits
from cs2_pipeline.records import uploads
from cs2_pipeline.records.database import Records
from cs2_pipeline.records.tables import USERS
from cs2_pipeline.records.uploads import Quota, Received, State
from cs2_pipeline_tests.demodb.importers import made_exports as made

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLENTY = Quota(10**12, 10**12)
SHARED = Path(__file__).parents[3].parent / "shared" / "data"
REPLAY = SHARED / "rocket_league" / "replays"


class Desk:
    """A platform that files are sent to."""

    def __init__(self, folder):
        self.folder, self.database, self.said = folder, folder / "demos.sqlite", []
        self.records = Records(f"sqlite:///{folder / 'records.db'}")
        self.records.migrate()
        self.inbox = Inbox(str(folder / "inbox"))
        names = ("anna", "ben")
        people = [
            {"id": one, "username": one, "username_key": one, "is_admin": False, "created_at": NOW} for one in names
        ]
        with self.records.writing() as connection:
            connection.execute(insert(USERS), people)

    def send(self, name, content, *, played_on=None, who="anna"):
        """As the gateway does; returns the upload's id."""
        local = self.folder / "coming"
        local.write_bytes(content)
        ending = ending_of(name)
        place, digest = Inbox.new_place(ending), hashlib.sha256(content).hexdigest()
        self.inbox.put(local, place)
        file = Received(name, digest, ENDINGS[ending].value, len(content), place, played_on)
        return uploads.add(self.records, who, file, at=NOW, quota=PLENTY)[0].id

    def read(self, database="its own"):
        chosen = self.database if database == "its own" else database
        places = {"scratch": self.folder / "reading", "now": lambda: NOW}
        return reading.read_waiting(self.records, self.inbox, chosen, say=self.said.append, **places)

    def state(self, identifier, *, who="anna"):
        found = uploads.one(self.records, who, identifier)
        return found.state, found.reason

    def matches(self):
        with sqlite3.connect(self.database) as connection:
            return connection.execute('SELECT "MatchDate" FROM "Matches"').fetchall()


@pytest.fixture
def desk(tmp_path):
    found = Desk(tmp_path)
    yield found
    found.records.close()


def export(tmp_path, **changes):
    return made.write(tmp_path, made.match(**changes)).read_bytes()


def real_replay():
    pytest.importorskip("subtr_actor", reason="the replay parser is an extra")
    found = SHARED / "ballchasing" / "recent-ranked-doubles-2026-03-10.replay"
    if not found.exists():
        pytest.skip("the shared data are not here")
    return found.read_bytes()


def test_an_export_becomes_a_match_and_its_sender_is_told(desk, tmp_path):
    sent = desk.send("mine.json.gz", export(tmp_path))
    assert desk.read() == {"accepted": 1}
    assert desk.state(sent) == (State.ACCEPTED, "one new match")
    assert len(desk.matches()) == 1
    assert desk.read() == {}
    assert any("accepted" in line for line in desk.said)


def test_the_same_match_in_another_file_is_known(desk, tmp_path):
    sent = [
        desk.send("mine.json.gz", export(tmp_path)),
        desk.send("unpacked.json", made.write(tmp_path, made.match(), "unpacked.json").read_bytes()),
    ]
    assert desk.read() == {"accepted": 2}
    assert {desk.state(one)[1] for one in sent} == {"one new match", "1 known before"}
    assert len(desk.matches()) == 1


def test_one_account_does_not_hold_up_another_that_sends_while_files_are_read(desk, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MOST_AT_ONCE", 3)
    for number in range(5):
        desk.send(f"{number}.json", b"of anna %d" % number)
    late = []

    def read(local, kind, database, played_on):
        if not late:
            late.append(desk.send("late.json", b"of ben", who="ben"))
        return reading.Verdict(State.ACCEPTED, "read")

    monkeypatch.setattr(reading, "read", read)
    desk.read()
    assert desk.state(late[0], who="ben") == (State.ACCEPTED, "read")
    assert len(uploads.waiting(desk.records)) == 3


def test_a_match_without_a_day_waits_for_one(desk, tmp_path):
    content = export(tmp_path, date="")
    sent = desk.send("mine.json.gz", content)
    desk.read()
    state, reason = desk.state(sent)
    assert (state, "send it again with the day" in reason) == (State.QUARANTINED, True)
    assert desk.send("mine.json.gz", content, played_on=date(2026, 2, 1)) == sent
    desk.read()
    assert desk.state(sent) == (State.ACCEPTED, "one new match")


def test_a_demo_without_a_day_waits_for_one(desk):
    sent = desk.send("mine.dem", b"PBDEMS2\0")
    desk.read()
    assert "send it again with the day" in desk.state(sent)[1]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.dem", b"HL2DEMO\0" + bytes(99), "Global Offensive"),
        ("<script>alert(1)</script>.dem", b"<html>", "not a Counter-Strike 2 recording"),
        ("really-a-demo.replay", b"PBDEMS2\0" + bytes(1000), "Rocket League replay"),
        ("really-a-replay.dem", b"TAGame.Replay_Soccar_TA" + bytes(1000), "not a Counter-Strike 2 recording"),
        ("a.zip", b"PK\x03\x04 and so on", "zip"),
        ("a.json", b"{}", "export of cs-demo-analyzer"),
    ],
)
def test_what_is_something_else_is_quarantined_with_a_reason(desk, name, content, told):
    if name.endswith(".replay"):
        pytest.importorskip("subtr_actor", reason="the replay parser is an extra")
    sent = desk.send(name, content, played_on=date(2026, 2, 1))
    assert desk.read() == {"quarantined": 1}
    state, reason = desk.state(sent)
    assert state is State.QUARANTINED
    assert told in reason
    assert str(desk.folder) not in reason
    assert "/tmp" not in reason  # noqa: S108


def test_a_replay_becomes_a_game_and_one_cut_short_is_quarantined(desk):
    content = real_replay()
    whole, cut = desk.send("mine.replay", content), desk.send("cut.replay", content[: len(content) * 3 // 5])
    assert desk.read() == {"accepted": 1, "quarantined": 1}
    assert desk.state(whole) == (State.ACCEPTED, "a game of 4 players")
    assert desk.state(cut)[1].startswith("the file: ")
    (game,) = uploads.games(desk.records, Kind.REPLAY).values()
    assert game["team_size"] == 2


def test_a_replay_that_takes_too_long_is_quarantined_and_the_next_file_is_read(desk, tmp_path, monkeypatch):
    monkeypatch.setattr(reading.replays.read, "__kwdefaults__", {"limits": Limits(1, 2 * 2**30)})
    slow, good = desk.send("mine.replay", real_replay()), desk.send("mine.json.gz", export(tmp_path))
    desk.read()
    assert desk.state(slow)[0] is State.QUARANTINED
    assert "more than 1 s of computing" in desk.state(slow)[1]
    assert desk.state(good)[0] is State.ACCEPTED


def test_a_game_whose_document_makes_no_sense_is_quarantined(desk, monkeypatch):
    for document in ({"date": "never", "blue": {"players": []}, "orange": {"players": []}}, {"blue": {}}, {}):
        monkeypatch.setattr(replays, "read", lambda path, found=document: found)
        sent = desk.send("odd.replay", repr(document).encode())
        desk.read()
        assert desk.state(sent)[0] is State.QUARANTINED


def test_where_matches_come_from_elsewhere_demos_are_quarantined_and_it_is_said(desk, tmp_path):
    sent = desk.send("mine.json.gz", export(tmp_path))
    desk.read(database=None)
    assert desk.state(sent) == (State.QUARANTINED, reading.OTHER_DATABASE)


def test_a_file_that_is_gone_is_told(desk, tmp_path):
    sent = desk.send("mine.json.gz", export(tmp_path))
    shutil.rmtree(tmp_path / "inbox")
    desk.read()
    assert desk.state(sent) == (State.QUARANTINED, reading.GONE)


def test_a_file_that_ends_its_reader_is_given_up_and_the_others_are_read(desk, tmp_path, monkeypatch):
    deadly, good = desk.send("deadly.dem", b"PBDEMS2\0"), desk.send("mine.json.gz", export(tmp_path))

    class KilledError(BaseException):
        pass

    def die(*_, **__):
        raise KilledError

    monkeypatch.setattr(reading, "take_demo", die)
    for _ in range(reading.MOST_TRIES):
        with pytest.raises(KilledError):
            desk.read()
    desk.read()
    assert desk.state(deadly) == (State.QUARANTINED, reading.GAVE_UP)
    assert desk.state(good)[0] is State.ACCEPTED


def test_a_file_that_was_deleted_is_removed(desk, tmp_path):
    sent = desk.send("mine.json.gz", export(tmp_path))
    uploads.forget(desk.records, "anna", sent)
    assert desk.read() == {"removed": 1}
    assert list((tmp_path / "inbox").iterdir()) == []
