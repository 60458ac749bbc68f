"""SteamIDs in the forms in which sources write them."""

import re
from typing import Final

_STEAM: Final = re.compile(r"^STEAM_[0-5]:([01]):(\d+)$")
_STEAM_3: Final = re.compile(r"^\[U:1:(\d+)\]$")
_STEAM_64: Final = re.compile(r"^7656\d{13}$")
_BASE: Final = 76561197960265728


def steam_id(player: str) -> str | None:
    """A player's SteamID64; None where the id is none."""
    if _STEAM_64.match(player):
        return player
    if found := _STEAM.match(player):
        return str(_BASE + 2 * int(found[2]) + int(found[1]))
    found = _STEAM_3.match(player)
    return str(_BASE + int(found[1])) if found else None
