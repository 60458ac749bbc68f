"""`cs2 player`: the card by SteamID or name, and who is not known named with what to do."""

import json
from contextlib import closing

import pytest

from cs2_pipeline.records import directories
from cs2_pipeline.records.database import open_records
from cs2_pipeline.records.directories import PLAYER, Entry
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.gateway import coach


@pytest.fixture
def carded(home):
    with closing(open_records(Settings())) as records:
        entries = [Entry(PLAYER, "7", "Some One", 9, coach.NOW), Entry(PLAYER, "8", "twin", 9, coach.NOW)]
        directories.replace(records, [*entries, Entry(PLAYER, "9", "Twin", 9, coach.NOW)])
        coach.keep(records, coach.card("7"))


def test_a_card_is_shown_by_steam_id_and_by_name(cs2, carded):
    by_id, by_name = cs2("player", "7", "--json"), cs2("player", "some one", "--json")
    assert by_id.status == by_name.status == 0
    assert json.loads(by_id.out) == json.loads(by_name.out)
    assert json.loads(by_id.out)["weaknesses"] == ["duels_won"]
    shown = cs2("player", "some one")
    assert "Duels won" in shown.out
    assert "Known weaknesses: Duels won" in shown.out


@pytest.mark.parametrize(
    ("name", "said"), [("nobody", "no player is called nobody"), ("TWIN", "8, 9"), ("8", "no card")]
)
def test_who_has_no_card_or_shares_a_name_is_told(cs2, carded, name, said):
    ended = cs2("player", name)
    assert ended.status == 1
    assert said in ended.err


def test_records_that_cannot_be_reached_are_told_without_a_stack_trace(cs2, monkeypatch):
    monkeypatch.setenv("CS2_RECORDS_URL", "postgresql://cs2:geheim@127.0.0.1:1/records")
    ended = cs2("player", "nobody")
    assert ended.status == 1
    assert ended.err.startswith("error: the records at") and "CS2_RECORDS_URL" in ended.err
    assert "geheim" not in ended.err


def test_a_card_is_a_line_for_each_skill_with_what_is_known_and_what_is_missing(cs2, home, wide):
    with closing(open_records(Settings())) as records:
        coach.keep(records, coach.card("7"), coach.card("8", weak=()))
    document = json.loads(cs2("player", "7", "--json").out)
    assert document["made_at"] == coach.NOW.isoformat()
    shown = cs2("player", "7").out
    for line in document["lines"]:
        (row,) = [row for row in shown.splitlines() if row.strip("│ ").startswith(line["title"])]
        cells = [cell.strip() for cell in row.strip("│").split("│")]
        low, high = line["interval"]
        needed = str(line["matches_needed"] or "–")
        assert cells[1:] == [f"{line['percentile']:.0%}", f"{low:.0%} to {high:.0%}", line["standing"], needed]
    assert "No weakness is known. More matches tell more." in cs2("player", "8").out


def test_a_name_is_shown_as_it_is_however_it_looks_and_a_part_of_it_is_no_name(cs2, home):
    with closing(open_records(Settings())) as records:
        directories.replace(records, [Entry(PLAYER, "7", "[de]clan :fire:", 9, coach.NOW),
                                      Entry(directories.TEAM, "8", "team", 9, coach.NOW)])  # fmt: skip
        coach.keep(records, coach.card("7"))
    assert cs2("player", "[DE]clan :fire:").out.strip().startswith("[de]clan :fire: (7)")
    for name in ("[de]", "team", "8"):
        assert f"no player is called {name}: " in cs2("player", name).err
