"""What equipment costs and what a kill with it pays. Prices and rewards in dollars, competitive mode.

Keys are the game's internal item names without the prefix ``weapon_`` (``ak47``, ``m4a1_silencer``). Other
spellings that occur in data (``m4a1s``, ``usps``, ``AK-47``) are mapped by `canonical`.
"""

import re
from typing import Final

PRICES: Final[dict[str, int]] = {
    # pistols
    "glock": 200, "usp_silencer": 200, "hkp2000": 200, "p250": 300, "elite": 300, "tec9": 500,
    "fiveseven": 500, "cz75a": 500, "deagle": 700, "revolver": 600,
    # submachine guns
    "mac10": 1050, "mp9": 1250, "mp7": 1500, "mp5sd": 1500, "ump45": 1200, "bizon": 1400, "p90": 2350,
    # shotguns and machine guns
    "nova": 1050, "sawedoff": 1100, "mag7": 1300, "xm1014": 2000, "m249": 5200, "negev": 1700,
    # rifles
    "galilar": 1800, "famas": 1950, "ak47": 2700, "m4a1": 2900, "m4a1_silencer": 2900, "sg556": 3000,
    "aug": 3300, "ssg08": 1700, "awp": 4750, "scar20": 5000, "g3sg1": 5000,
    # grenades and gear
    "hegrenade": 300, "flashbang": 200, "smokegrenade": 300, "incgrenade": 500, "molotov": 400,
    "decoy": 50, "taser": 200, "kevlar": 650, "helmet": 350, "defuser": 400,
    # free
    "knife": 0, "c4": 0,
}  # fmt: skip

_DEFAULT_KILL_REWARD: Final = 300
_KILL_REWARDS: Final[dict[str | None, int]] = {
    "knife": 1500, "awp": 100, "p90": 300, "cz75a": 100, "taser": 100,
    "mac10": 600, "mp9": 600, "mp7": 600, "mp5sd": 600, "ump45": 600, "bizon": 600,
    "nova": 900, "sawedoff": 900, "mag7": 900, "xm1014": 900,
}  # fmt: skip

_SPELLINGS: Final[dict[str, str]] = {
    "cz75auto": "cz75a", "m4a4": "m4a1", "m4a1s": "m4a1_silencer", "r8revolver": "revolver",
    "sg553": "sg556", "usps": "usp_silencer", "p2000": "hkp2000", "glock18": "glock",
    "incendiarygrenade": "incgrenade", "molotovgrenade": "molotov", "decoygrenade": "decoy",
    "inferno": "molotov", "duelberettas": "elite", "dualberettas": "elite", "deserteagle": "deagle",
    "usp_silencer_off": "usp_silencer", "m4a1_silencer_off": "m4a1_silencer", "mp5": "mp5sd",
    "zeus": "taser", "zeusx27": "taser", "ppbizon": "bizon", "defusekit": "defuser",
    "kevlarvest": "kevlar", "bayonet": "knife",
}  # fmt: skip

_CLASS_NAME: Final = re.compile(r"^\s*C(?=[A-Z])(?!Z)")
"""The first letter of a class name. No item's name begins with C and a capital, except the CZ75."""


def _bare(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.lower()).removeprefix("weapon")


_KEYS: Final = {_bare(spelling): key for spelling, key in [*((key, key) for key in PRICES), *_SPELLINGS.items()]}


def canonical(name: str) -> str | None:
    """The key of `PRICES` for a weapon name in any known spelling, or None when it is not known.

    Case, blanks, dashes, underscores and the prefix ``weapon_`` do not matter, nor the ``C`` before the game's class
    names (``CAK47``, ``CWeaponGlock``); every kind of knife is ``knife``.
    """
    bare = _bare(_CLASS_NAME.sub("", name))
    return _KEYS.get(bare) or ("knife" if bare.startswith("knife") or bare.endswith("knife") else None)


def price(name: str) -> int:
    """Price of an item in any known spelling.

    Raises:
        KeyError: the item is not known; the message names it.
    """
    key = canonical(name)
    if key is None:
        raise KeyError(f"unknown item {name!r}: add it to PRICES in cs2_pipeline/game/weapons.py")
    return PRICES[key]


def kill_reward(weapon: str | None) -> int:
    """What a kill with the weapon pays the killer; the usual reward for weapons not known."""
    return _KILL_REWARDS.get(canonical(weapon or ""), _DEFAULT_KILL_REWARD)


CHEAPEST_WITH_KEVLAR: Final = price("glock") + price("kevlar")
"""A player whose equipment is worth less than this wears no kevlar: with the free pistol it costs as much."""
