"""Which players of some days have a SteamID64."""

from datetime import timedelta

from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.identities import steam_ids
from cs2_pipeline_tests.demodb.small_database import NOON, STEAM_IDS, SmallDatabase

DAY = NOON.date()


def found(small, tmp_path, day=DAY):
    with DemoDatabase(small.write(tmp_path / f"{day}.sqlite")) as db:
        return steam_ids(db, day, day)


def test_players_of_the_days_are_named_by_their_accounts_as_text(tmp_path):
    small = SmallDatabase()
    usual = small.row("Players", 1)
    small.add("Players", **usual | {"Id": 9, "SteamId": 76561198000000009})  # never played
    assert found(small, tmp_path).to_dict() == {player: str(account) for player, account in STEAM_IDS.items()}
    assert found(small, tmp_path, DAY + timedelta(days=1)).empty


def test_bots_and_players_without_an_account_are_left_out(tmp_path):
    small = SmallDatabase()
    small.row("Players", 1).update(IsBot=True)
    small.row("Players", 2).update(SteamId=0)
    assert set(found(small, tmp_path).index) == set(STEAM_IDS) - {1, 2}
