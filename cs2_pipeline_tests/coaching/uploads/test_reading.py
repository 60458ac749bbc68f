"""Reading uploads: good files get where the platform ingests from, all others into quarantine with a reason."""

import hashlib
import os
import shutil
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from cs2_pipeline.coaching.rocket_league import replays
from cs2_pipeline.coaching.uploads import reading
from cs2_pipeline.coaching.uploads.inbox import Inbox
from cs2_pipeline.coaching.uploads.kinds import ENDINGS, Kind, ending_of
from cs2_pipeline.demodb.importers.exported import NO_DATE
from cs2_pipeline.demodb.importers.ingest import UNDATED, Outcome
from cs2_pipeline.limits import LimitError, Limits
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


def outcome(status, detail=""):
    return Outcome(Path("one.json"), status, detail)


@pytest.mark.parametrize(
    ("found", "state", "reason"),
    [
        ([], State.QUARANTINED, "the file holds no match"),
        ([outcome("refused", "no rounds"), outcome("refused", "no players")], State.QUARANTINED,
         "no rounds; no players"),
        ([outcome("imported", "its date is the file's")], State.ACCEPTED, "one new match; its date is the file's"),
        ([outcome("imported")], State.ACCEPTED, "one new match"),
        ([outcome("imported", "x"), outcome("imported", "y")], State.ACCEPTED, "2 new matches"),
        ([outcome("known", "there already")], State.ACCEPTED, "1 known before"),
        ([outcome("imported", "x"), outcome("known"), outcome("known"), outcome("refused", "no rounds")],
         State.ACCEPTED, "one new match, 2 known before, 1 not readable (no rounds)"),
        ([outcome("refused", f"{NO_DATE} in it")], State.QUARANTINED, f"{NO_DATE}: send it again with the day"),
        ([outcome("refused", f"{UNDATED} at all")], State.QUARANTINED, f"{UNDATED}: send it again with the day"),
    ],
)  # fmt: skip
def test_what_became_of_a_files_matches_is_told_in_words(monkeypatch, tmp_path, found, state, reason):
    asked = []
    for name in ("take_export", "take_demo"):
        monkeypatch.setattr(reading, name, lambda *what, of=name, **how: (asked.append((of, what, how)), found)[1])
    for kind in (Kind.EXPORT, Kind.DEMO):
        verdict = reading.read(tmp_path / "one", kind, tmp_path / "db", date(2026, 2, 1))
        assert (verdict.state, verdict.reason, verdict.body) == (state, reason, None)
    what = (tmp_path / "one", tmp_path / "db"), {"played_on": date(2026, 2, 1)}
    assert asked == [("take_export", *what), ("take_demo", *what)]


def test_a_reader_that_uses_up_its_limits_costs_its_file_alone(monkeypatch, tmp_path):
    def too_long(*_, **__):
        raise LimitError("reading it took more than 1 s")

    monkeypatch.setattr(reading, "take_demo", too_long)
    verdict = reading.read(tmp_path / "one.dem", Kind.DEMO, tmp_path / "db", None)
    assert (verdict.state, verdict.reason) == (State.QUARANTINED, "reading it took more than 1 s")


def test_a_game_of_bots_or_of_a_moment_is_no_game(monkeypatch, tmp_path):
    def game(seconds, platform="steam"):
        players = [{"id": {"platform": platform, "id": "1"}, "end_time": seconds,
                    "stats": {"core": {"goals": 1}}}]  # fmt: skip
        return {"id": "g", "date": "2026-03-10T18:55:49Z", "blue": {"players": players}, "orange": {"players": []}}

    for found, state, reason in (
        (game(300), State.ACCEPTED, "a game of 1 players"),
        (game(30), State.QUARANTINED, "nobody but bots played in it for a minute"),
        (game(300, ""), State.QUARANTINED, "nobody but bots played in it for a minute"),
    ):
        monkeypatch.setattr(replays, "read", lambda _, found=found: found)
        verdict = reading.read(tmp_path / "one.replay", Kind.REPLAY, None, None)
        assert (verdict.state, verdict.reason) == (state, reason)
        assert verdict.body == (found if state is State.ACCEPTED else None)


def test_a_reader_sees_a_copy_without_digits_in_its_name_that_is_gone_afterwards(desk, monkeypatch):
    desk.send("2026-01-01.json.gz", b"content", played_on=date(2026, 2, 1))
    seen = []

    def read(local, kind, database, played_on):
        seen.append((local, local.read_bytes(), kind, database, played_on))
        return reading.Verdict(State.QUARANTINED, f"{local} is wrong, and so is {local.name}: " + "x" * 600)

    monkeypatch.setattr(reading, "read", read)
    assert desk.read() == {"quarantined": 1}
    ((local, content, kind, database, played_on),) = seen
    assert (content, kind, database, played_on) == (b"content", Kind.EXPORT, desk.database, date(2026, 2, 1))
    assert not any(letter.isdigit() for letter in local.name) and local.name.endswith(".json.gz")
    assert len(local.name) == 16 + len(".json.gz") and not local.exists()
    assert list((desk.folder / "reading").iterdir()) == []
    digest = hashlib.sha256(b"content").hexdigest()
    reason = ("the file is wrong, and so is the file: " + "x" * 600)[:500]
    assert desk.said == [f"export {digest[:12]}: quarantined; {reason}"]


def test_twenty_files_are_read_in_one_go(desk, monkeypatch):
    monkeypatch.setattr(reading, "read", lambda *_: reading.Verdict(State.ACCEPTED, "read"))
    for number in range(21):
        desk.send(f"{number}.json", b"%d" % number)
    assert [desk.read(), desk.read(), desk.read()] == [{"accepted": 20}, {"accepted": 1}, {}]


def test_reading_is_begun_three_times_at_most(desk, monkeypatch):
    monkeypatch.setattr(reading, "read", lambda *_: 1 / 0)
    sent = desk.send("one.json", b"x")
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            desk.read()
    assert desk.read() == {"quarantined": 1}
    assert desk.state(sent) == (
        State.QUARANTINED, "reading it was begun 3 times and never came to an end: send it again later"
    )  # fmt: skip


def test_what_a_killed_reader_left_behind_is_removed_after_a_day(desk):
    for name, hours in (("old", 25), ("fresh", 23)):
        left = desk.folder / "reading" / name
        left.mkdir(parents=True)
        (left / "file").write_bytes(b"x")
        os.utime(left, ((NOW - timedelta(hours=hours)).timestamp(),) * 2)
    desk.read()
    assert [left.name for left in (desk.folder / "reading").iterdir()] == ["fresh"]


def test_files_that_nobody_knows_of_are_removed_after_a_day(desk):
    desk.send("mine.json", b"x")
    for name, hours in (("old.dem", 25), ("fresh.dem", 23)):
        (desk.folder / "inbox" / name).write_bytes(b"x")
        os.utime(desk.folder / "inbox" / name, ((NOW - timedelta(hours=hours)).timestamp(),) * 2)
    assert desk.read()["removed"] == 1
    assert {left.suffix for left in (desk.folder / "inbox").iterdir()} == {".json", ".dem"}
    assert (desk.folder / "inbox" / "fresh.dem").exists()
