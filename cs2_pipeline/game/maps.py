"""The maps of competitive play and the number each has as a model input."""

from typing import Final

MAPS: Final = (
    "de_ancient",
    "de_anubis",
    "de_cache",
    "de_dust2",
    "de_inferno",
    "de_mirage",
    "de_nuke",
    "de_overpass",
    "de_train",
    "de_vertigo",
)
"""Known maps. New ones are added at the end: a map's place is its number in trained models."""

UNKNOWN_MAP: Final = 0
_INDEX: Final = {name: number for number, name in enumerate(MAPS, start=1)}


def map_index(name: str | None) -> int:
    """The number of a map as a model input; ``UNKNOWN_MAP`` for None and for maps not in `MAPS`."""
    return UNKNOWN_MAP if name is None else _INDEX.get(name, UNKNOWN_MAP)
