"""`cs2 match`: the curve of a recorded match in the terminal, priced by the champion where there is one."""

import json
import re
import shutil
import sqlite3
from contextlib import closing

import pytest

from cs2_pipeline.artifact.cache import ArtifactError, Cache
from cs2_pipeline.cli import match
from cs2_pipeline.demodb.importers.exports import ingest_exports
from cs2_pipeline.live import runtime
from cs2_pipeline.live.story import Swing
from cs2_pipeline.registry import champion
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.demodb.importers import made_exports
from cs2_pipeline_tests.live.conftest import Bench, champions  # noqa: F401
from cs2_pipeline_tests.live.made import play, uid


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A demo database with a match of 13 rounds, all won by Team A, and one without any round."""
    folder = tmp_path_factory.mktemp("recorded")
    for number, one in enumerate(
        (made_exports.match(), made_exports.match(checksum="c0", date="2024-03-10T18:00:00Z"))
    ):
        made_exports.write(folder, one, f"{number}.json")
    ingest_exports([folder], folder / "demos.sqlite")
    with closing(sqlite3.connect(folder / "demos.sqlite")) as connection, connection:
        connection.execute('UPDATE "Rounds" SET "WinnerTeam" = NULL WHERE "MatchId" = 2')
    return folder / "demos.sqlite"


@pytest.fixture
def database(home, recorded):
    home.mkdir()
    shutil.copy(recorded, home / "demos.sqlite")
    return home


def drawn(ended):
    """By round, the price after it."""
    return {int(number): int(p) for number, p in re.findall(r"^ *(\d+) [█░]{30} +(\d+) %", ended.out, re.M)}


def test_a_recorded_match_is_drawn_round_by_round_and_ends_where_the_map_ended(cs2, database, monkeypatch):
    monkeypatch.setattr(champion.ModelStore, "champion", lambda *_: None)
    shown = cs2("match", "1")
    assert shown.status == 0
    assert shown.err == "priced by the score alone: no version of the round model was promoted yet\n"
    assert shown.out.startswith("P(Team A wins the map), round by round; ")
    prices = drawn(shown)
    assert list(prices) == list(range(1, 14))
    assert prices[13] == 100 and sorted(prices.values()) == list(prices.values()), "each round takes them nearer"
    document = json.loads(cs2("match", "1", "--json").out)
    assert (document["match"], document["teams"], len(document["rounds"])) == ("1", ["Team A", "Team B"], 13)
    assert document["rounds"][-1]["after"] == 1.0
    assert document["rounds"][0]["swing"] is None or set(document["rounds"][0]["swing"]) >= {"change", "words"}


def test_a_match_without_a_round_that_anybody_won_has_no_curve(cs2, database):
    ended = cs2("match", "2")
    assert ended.status == 1
    assert "match 2 has no completely recorded round, so it has no curve." in ended.err


def test_where_there_is_a_champion_it_prices_every_moment(cs2, database, champions, monkeypatch):  # noqa: F811
    version = Cache(champions).current("round_predictor")
    monkeypatch.setattr(champion.ModelStore, "champion", lambda _, name: version if name == "round_predictor" else None)
    monkeypatch.setattr(champion.ModelStore, "fetch", lambda _, one: Cache(champions).load(one))
    shown = cs2("match", "1")
    assert (shown.status, shown.err) == (0, "")
    swings = shown.out.splitlines()[shown.out.splitlines().index("the biggest swings") + 1 :]
    assert len(swings) == 5
    monkeypatch.setattr(
        champion.ModelStore, "fetch", lambda *_: (_ for _ in ()).throw(ArtifactError("a [broken] file"))
    )
    assert cs2("match", "1").err == "priced by the score alone: a [broken] file\n"


def test_without_live_matches_the_list_says_how_to_get_some(cs2, home):
    home.mkdir()
    shown = cs2("match", "--list")
    assert shown.status == 0
    assert "cs2 live simulate" in shown.out
    assert json.loads(cs2("match", "--list", "--json").out) == []


def test_an_unknown_live_match_is_said_to_be_unknown(cs2, home):
    home.mkdir()
    shown = cs2("match", "0b5c8f0e-2f6c-5d43-9c38-0d6ee2a1f3f5")
    assert shown.status == 1
    assert "cs2 match --list" in shown.err


def test_a_round_is_drawn_where_its_map_has_a_price_with_the_swing_that_moved_it_most_either_way():
    """Of a map that is not played to 13 there is no price, before its first round no round; a round may come late."""
    prices = [(0, 0.5), (3, 0.3), (1, 0.6), (1, 0.7), (2, None), (3, 0.4), (3, None)]
    rows = [{"round_no": number, "map_p": p} for number, p in prices]
    swings = [Swing(f"{change}", number, "kill", "", None, None, change)
              for number, change in ((1, 0.02), (1, -0.1), (1, 0.05), (2, 0.3))]  # fmt: skip
    assert match._rounds(rows, swings) == [
        {"round": 1, "after": 0.7, "swing": swings[1]}, {"round": 3, "after": 0.4, "swing": None},
    ]  # fmt: skip


@pytest.fixture
def feed(home, champions):  # noqa: F811
    """Two live matches in the history of the home: one that ended, and one without names that has only begun."""
    folder = runtime.folder(Settings())
    folder.mkdir(parents=True)
    bench = Bench(folder, champions)
    bench.send(play(3, rounds=3))
    begun = [event for event in play(4, match="two", rounds=1) if event["type"] != "match_start"][:4]
    bench.send([{**event, "seq_no": number} for number, event in enumerate(begun, 1)])
    bench.consume()
    return bench


def test_live_matches_are_listed_with_their_teams_state_and_score(cs2, feed):
    lines = cs2("match", "--list").out.splitlines()
    of = {line.split()[0]: line for line in lines[:-1]}
    assert set(of) == {uid("one"), uid("two")}
    when = r"20\d\d-\d\d-\d\d \d\d:\d\d"
    line = rf"\S+  {when}  finished  Löwen ☻ – Blue  de_mirage [0-3]:[0-3]"
    assert re.fullmatch(line, of[uid("one")]), of[uid("one")]
    assert "  live      Team A – Team B" in of[uid("two")]
    assert lines[-1] == "  to show a match of the demo database, give its Id: cs2 match 1"
    assert len(cs2("match", "--list", "--limit", "1").out.splitlines()) == 2
    first, _ = json.loads(cs2("match", "--list", "--json").out)
    assert set(first) == {"match_id", "status", "team_a_name", "team_b_name"}


def test_a_live_match_is_drawn_with_the_swing_that_moved_each_round_most(cs2, feed):
    shown = cs2("match", uid("one"))
    assert shown.status == 0, shown.err
    lines = shown.out.splitlines()
    assert lines[0] == "P(Löwen ☻ wins the map), round by round; the bar is the price after the round"
    document = json.loads(cs2("match", uid("one"), "--json").out)
    assert document["teams"] == ["Löwen ☻", "Blue"] and document["match"] == uid("one")
    assert [one["round"] for one in document["rounds"]] == [1, 2, 3]
    for line, one in zip(lines[1:4], document["rounds"], strict=True):
        swing = one["swing"]
        bar = line.split()[1]
        assert len(bar) == 30 and bar.count("█") == round(30 * one["after"])
        assert line.endswith(f"{100 * one['after']:>3.0f} %  {100 * swing['change']:+.0f}: {swing['words']}")
    assert lines[4] == "the biggest swings"
    sizes = [abs(float(re.search(r"([+-][\d.]+) points", line)[1])) for line in lines[5:]]
    assert len(sizes) == 5 and sizes == sorted(sizes, reverse=True)
    assert max(abs(100 * one["swing"]["change"]) for one in document["rounds"]) == pytest.approx(sizes[0], abs=0.051)
