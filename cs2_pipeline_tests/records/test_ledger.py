"""The chain: whatever is done to it afterwards is found and named; writers at once do not fork it."""

import hashlib
import json
import threading
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from cs2_pipeline.records import ledger
from cs2_pipeline.records.database import Records
from cs2_pipeline.records.ledger import Draft, Head

AT = datetime(2026, 1, 18, 12, tzinfo=UTC)


def draft(probability=0.61, **changes):
    content = {"probability": probability, "model_version": "3", "team1_id": "t1", "team2_id": "t2"}
    about = {"team1_id": "t1", "team2_id": "t2", "model_version": "3", "probability": probability, "at": AT}
    return Draft("map", content, **(about | changes))


def write(records, *drafts):
    with records.writing() as connection:
        return ledger.append(connection, drafts)


@pytest.fixture
def chain(records):
    """Five entries in two transactions."""
    write(records, *(draft(0.1 * k) for k in range(1, 4)))
    write(records, draft(0.4), draft(0.5))
    return records


def spoil(records, statement, **values):
    with records.writing() as connection:
        connection.execute(text(statement), values)


def found(records, published=()):
    return [(fault.seq, fault.what) for fault in ledger.verify(records, published)]


def test_an_untouched_chain_holds(chain):
    assert found(chain) == []
    assert [entry.seq for entry in ledger.entries(chain)] == [1, 2, 3, 4, 5]
    last = list(ledger.entries(chain))[-1]
    assert ledger.head(chain) == Head(5, last.hash)


def test_an_empty_ledger_holds(records):
    assert found(records) == []
    assert ledger.head(records) == Head(0, ledger.GENESIS)


def test_every_entry_holds_the_hash_of_the_one_before(chain):
    previous = ledger.GENESIS
    for entry in ledger.entries(chain):
        assert entry.content["previous"] == previous
        assert hashlib.sha256(entry.body.encode()).hexdigest() == entry.hash
        previous = entry.hash


def test_an_entry_has_the_time_its_draft_names_and_else_that_of_its_making(records):
    before = datetime.now(UTC)
    unnamed = Draft("map", {})
    after = datetime.now(UTC)
    assert before <= unnamed.at <= after
    assert draft().at == AT
    first, second = write(records, draft(), unnamed)
    assert (first.at, second.at) == (AT, unnamed.at)
    assert [entry.at for entry in ledger.entries(records)] == [AT, unnamed.at]


def test_the_same_draft_twice_is_one_entry(records):
    one = draft()
    (first,) = write(records, one)
    again, other = write(records, one, draft())
    assert again == first
    assert other.seq == 2
    assert found(records) == []


def test_a_changed_body_is_named(chain):
    body = list(ledger.entries(chain))[2].body.replace('"probability":0.3', '"probability":0.9')
    spoil(chain, "UPDATE ledger SET body = :body WHERE seq = 3", body=body)
    assert found(chain) == [(3, "was changed: its hash is not that of its body")]


def test_a_changed_column_is_named(chain):
    spoil(chain, "UPDATE ledger SET probability = 0.9 WHERE seq = 2")
    assert found(chain) == [(2, "was changed beside its body: probability")]


def test_an_emptied_column_is_named(chain):
    spoil(chain, "UPDATE ledger SET team1_id = NULL WHERE seq = 3")
    assert found(chain) == [(3, "was changed beside its body: team1_id")]


def test_what_is_written_while_the_chain_is_walked_is_no_fault(chain, url, monkeypatch):
    other, look = Records(url), ledger._fault

    def meanwhile(row, previous):
        write(other, draft(0.7))
        return look(row, previous)

    monkeypatch.setattr(ledger, "_fault", meanwhile)
    assert found(chain) == []
    other.close()


def test_a_changed_body_with_a_new_hash_breaks_the_chain_behind_it(chain):
    body = list(ledger.entries(chain))[2].body.replace("0.3", "0.9")
    spoil(
        chain,
        "UPDATE ledger SET body = :body, hash = :hash, probability = 0.9 WHERE seq = 3",
        body=body,
        hash=ledger.digest(body),
    )
    assert found(chain)[0][0] == 4
    assert "replaced" in found(chain)[0][1]


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_a_removed_entry_is_named(chain, seq):
    spoil(chain, "DELETE FROM ledger WHERE seq = :seq", seq=seq)
    assert found(chain)[0] == (seq, f"entry {seq} was removed")


def test_entries_that_changed_places_are_named(chain):
    spoil(chain, "UPDATE ledger SET seq = 99 WHERE seq = 2")
    spoil(chain, "UPDATE ledger SET seq = 2 WHERE seq = 4")
    spoil(chain, "UPDATE ledger SET seq = 4 WHERE seq = 99")
    faults = dict(found(chain))
    assert faults[2] == "was reordered: it was written as entry 4"
    assert faults[4] == "was reordered: it was written as entry 2"


def test_a_chain_rewritten_with_new_hashes_is_caught_by_a_published_head(chain):
    published = ledger.head(chain)
    honest = list(ledger.entries(chain))
    spoil(chain, "DELETE FROM ledger")
    spoil(chain, "UPDATE ledger_head SET seq = 0, hash = :hash", hash=ledger.GENESIS)
    write(chain, *(draft(0.99) for _ in honest))
    assert found(chain) == []
    assert found(chain, [published]) == [(5, "is not the entry whose hash was published")]


def test_a_tail_that_was_cut_off_is_caught_by_a_published_head(chain):
    published = ledger.head(chain)
    entry = list(ledger.entries(chain))[3]
    spoil(chain, "DELETE FROM ledger WHERE seq = 5")
    spoil(chain, "UPDATE ledger_head SET seq = 4, hash = :hash", hash=entry.hash)
    assert found(chain) == []
    assert found(chain, [published]) == [(5, "was published and is not there")]


def test_writers_at_once_do_not_fork_the_chain(url, records):
    """Each with connections of its own, as gateways of their own have."""
    failures = []

    def run():
        own = Records(url)
        try:
            for _ in range(10):
                write(own, draft(), draft())
        except Exception as error:
            failures.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert found(records) == []
    assert ledger.head(records).seq == 80


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_canonical_json_reads_back_and_is_written_the_same_again(document):
    written = ledger.canonical(document)
    assert json.loads(written) == document
    assert ledger.canonical(json.loads(written)) == written
    assert ledger.canonical(dict(reversed(document.items()))) == written


def test_a_number_that_is_none_is_never_written(records):
    with pytest.raises(ValueError, match="JSON compliant"):
        write(records, draft(float("nan")))
    assert ledger.head(records).seq == 0


# On a file alone: what follows is the chain's logic, not the database's.
on_a_file = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


@on_a_file
def test_entries_are_read_between_two_places_and_page_by_page(chain, monkeypatch):
    def seqs(**how):
        return [entry.seq for entry in ledger.entries(chain, **how)]

    for page in (1, 2, 5, 1000):
        monkeypatch.setattr(ledger, "PAGE", page)
        assert seqs() == [1, 2, 3, 4, 5]
        assert seqs(after=2) == [3, 4, 5] and seqs(until=4) == [1, 2, 3, 4]
        assert seqs(after=1, until=3) == [2, 3] and seqs(after=5) == [] == seqs(until=0)


@on_a_file
def test_an_entry_is_found_by_its_id_and_exported_as_hash_and_body(chain):
    third = list(ledger.entries(chain))[2]
    assert ledger.find(chain, third.id) == third and ledger.find(chain, "nobody") is None
    hashed, _, body = third.line().partition(" ")
    assert hashlib.sha256(body.removesuffix("\n").encode()).hexdigest() == hashed == third.hash
    assert body.endswith("}\n") and json.loads(body)["seq"] == 3


@on_a_file
def test_an_entry_holds_what_its_draft_says_and_its_own_place(records):
    one = draft(0.25)
    (entry,) = write(records, one)
    assert entry.content == {
        "probability": 0.25, "model_version": "3", "team1_id": "t1", "team2_id": "t2", "seq": 1, "kind": "map",
        "previous": "0" * 64, "id": one.id, "at": "2026-01-18T12:00:00.000000Z",
    }  # fmt: skip
    assert entry.body == json.dumps(entry.content, sort_keys=True, separators=(",", ":"))


@on_a_file
def test_a_draft_that_comes_twice_in_one_writing_is_one_entry(records):
    one = draft()
    first, again, other = write(records, one, one, draft())
    assert first == again and other.seq == 2 and ledger.head(records).seq == 2


@on_a_file
@pytest.mark.parametrize(
    ("column", "value"),
    [("id", "x"), ("kind", "series"), ("at", "2026-01-18T12:00:00.000001Z"), ("team1_id", "t9"), ("team2_id", "t9"),
     ("model_version", "4"), ("probability", 0.9)],
)  # fmt: skip
def test_every_column_beside_the_body_is_compared_with_it(chain, column, value):
    spoil(chain, f"UPDATE ledger SET {column} = :value WHERE seq = 3", value=value)  # noqa: S608  named above
    assert found(chain) == [(3, f"was changed beside its body: {column}")]


@on_a_file
@pytest.mark.parametrize(
    ("gone", "told"), [((2, 3), "entries 2 to 3 were removed"), ((2, 4), "entries 2 to 4 were removed")]
)
def test_several_removed_entries_are_named_together(chain, gone, told):
    spoil(chain, "DELETE FROM ledger WHERE seq BETWEEN :first AND :last", first=gone[0], last=gone[1])
    assert found(chain) == [(2, told)]


@on_a_file
def test_a_cut_tail_is_named_from_its_first_entry(chain):
    spoil(chain, "DELETE FROM ledger WHERE seq > 3")
    assert found(chain) == [(4, "entries 4 to 5 were removed")]


@on_a_file
@pytest.mark.parametrize("change", ["seq = 4", "hash = 'x'"])
def test_a_head_that_is_not_the_newest_entry_is_a_fault(chain, change):
    spoil(chain, f"UPDATE ledger_head SET {change}")  # noqa: S608  named above
    assert found(chain) == [(5, "the head is not the newest entry")]


@on_a_file
def test_each_published_head_is_looked_for(chain):
    whole = list(ledger.entries(chain))
    honest = [Head(entry.seq, entry.hash) for entry in whole]
    assert found(chain, honest) == [] == found(chain, [honest[1], honest[4]])
    assert found(chain, [honest[0], Head(3, "x"), honest[4]]) == [(3, "is not the entry whose hash was published")]
    assert found(chain, [Head(9, "y"), Head(6, "x")]) == [
        (6, "was published and is not there"), (9, "was published and is not there")
    ]  # fmt: skip


@on_a_file
def test_a_removed_entry_whose_head_was_published_is_named_once(chain):
    honest = [Head(entry.seq, entry.hash) for entry in ledger.entries(chain)]
    spoil(chain, "DELETE FROM ledger WHERE seq = 3")
    assert found(chain, honest) == [(3, "entry 3 was removed")]
