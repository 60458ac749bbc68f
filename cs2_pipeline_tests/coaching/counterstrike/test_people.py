"""Who is who: one player under two names in two line-ups, bots, and somebody of three matches, from file to card."""

from datetime import date
from pathlib import Path

import pytest

from cs2_pipeline.coaching.counterstrike.observations import observations
from cs2_pipeline.coaching.counterstrike.skills import SKILLS
from cs2_pipeline.coaching.league import FEW_PEERS, league
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.plays import BOT, plays
from cs2_pipeline.demodb.importers.exports import ingest_exports
from cs2_pipeline_tests.demodb.importers import made_exports as made

WANDERER = made.steam_id(1)
DAY = date(2024, 3, 9)


def in_another_line_up(match):
    """The same match with the first player on the other team under another name, in the place of the sixth."""
    swapped = {made.steam_id(1): made.steam_id(6), made.steam_id(6): made.steam_id(1)}

    def changed(row):
        ids = {key: swapped.get(value, value) for key, value in row.items() if key.endswith(("SteamId", "steamId"))}
        names = {f"{key.removesuffix('SteamId')}Name": "renamed" for key, value in ids.items() if value == WANDERER}
        return row | ids | {key: name for key, name in names.items() if key in row}

    return {key: [changed(row) for row in rows] if isinstance(rows, list) else rows for key, rows in match.items()}


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What three matches show, in which a bot stands in for the tenth player."""
    folder: Path = tmp_path_factory.mktemp("people")
    bot = {"victimSteamId": 0, "victimName": "Yanni"}
    matches = [made.match(), in_another_line_up(made.match(checksum="2")), made.match(checksum="3")]
    for number, match in enumerate(matches):
        tenth = made.steam_id(10)
        match["kills"] = [row | bot if row["victimSteamId"] == tenth else row for row in match["kills"]]
        for part, key in (("playerEconomies", "steamId"), ("playersBuy", "playerSteamId")):
            match[part] = [row for row in match[part] if row[key] != tenth]
        made.write(folder, match, f"{number}.json")
    report = ingest_exports([folder], folder / "demos.sqlite")
    assert [one.status for one in report.outcomes] == ["imported"] * 3
    with DemoDatabase(f"sqlite:///{folder / 'demos.sqlite'}") as database:
        found = plays(database, DAY, DAY)
    return observations(found.rounds, found.people, found.kills, found.bombs)


def test_one_player_under_two_names_in_two_line_ups_is_one(seen):
    own = seen[(seen["player"] == str(WANDERER)) & (seen["skill"] == "survival")]
    assert own["match"].nunique() == 3
    assert own.groupby("match")["exposure"].sum().tolist() == [13.0] * 3
    people = seen.loc[~seen["player"].str.startswith(BOT), "player"]
    assert set(people) == {str(made.steam_id(number)) for number in range(1, 11)}


def test_a_bot_is_told_by_its_name_and_still_an_opponent(seen):
    assert seen["player"].str.startswith(BOT).any()
    killer = seen[(seen["player"] == str(made.steam_id(5))) & (seen["skill"] == "duels_won")]
    assert killer["total"].sum() > 0


def test_three_matches_among_few_have_a_card_that_claims_nothing(seen):
    card = league(seen[~seen["player"].str.startswith(BOT)], SKILLS).cards[str(WANDERER)]
    assert (card.matches, card.lines, card.weaknesses) == (3, (), ())
    assert FEW_PEERS in card.missing.values()
