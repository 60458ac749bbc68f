"""SteamIDs in their forms."""

import pytest

from cs2_pipeline.live.steam import steam_id


@pytest.mark.parametrize("written", ["STEAM_1:1:36968273", "[U:1:73936547]", "76561198034202275"])
def test_every_form_of_an_id_is_the_same_player(written) -> None:
    assert steam_id(written) == "76561198034202275"


@pytest.mark.parametrize("written", ["Dean", "?", "BOT", "STEAM_1:2:3", "765611980342022750"])
def test_what_is_no_steam_id_is_none(written) -> None:
    assert steam_id(written) is None
