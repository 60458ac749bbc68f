"""SteamIDs in their forms."""

import pytest

from cs2_pipeline.live.steam import steam_id


@pytest.mark.parametrize("written", ["STEAM_1:1:36968273", "[U:1:73936547]", "76561198034202275"])
def test_every_form_of_an_id_is_the_same_player(written) -> None:
    assert steam_id(written) == "76561198034202275"


@pytest.mark.parametrize("written", ["Dean", "?", "BOT", "STEAM_1:2:3", "765611980342022750"])
def test_what_is_no_steam_id_is_none(written) -> None:
    assert steam_id(written) is None


@pytest.mark.parametrize(
    ("written", "number"),
    [("STEAM_0:0:0", 0), ("STEAM_5:0:7", 14), ("STEAM_0:1:7", 15), ("[U:1:0]", 0), ("[U:1:15]", 15)],
)
def test_an_account_has_its_number_above_the_first_of_all_accounts(written, number) -> None:
    """Valve: the number of an account of the public universe, above 0x0110000100000000."""
    assert steam_id(written) == str(0x0110000100000000 + number)
