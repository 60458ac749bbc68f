"""Random numbers addressed by place instead of drawn in order.

A number is a hash of (key, place): whatever else is simulated beside it, in whatever order or batch, a match
always gets the same ones. That is what makes a database grown day by day equal to one made at once. The hash
is SplitMix64 (Steele, Lea & Flood 2014), vectorised.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Floats = NDArray[np.float64]

_GAMMA: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_UNIT: Final = 2.0**-52


def _mix(value: Keys) -> Keys:
    value = (value ^ (value >> np.uint64(30))) * _FIRST
    value = (value ^ (value >> np.uint64(27))) * _SECOND
    return value ^ (value >> np.uint64(31))


def key(*parts: int) -> int:
    """One key from a path of whole numbers, such as (seed, purpose, day)."""
    state = np.zeros(1, dtype=np.uint64)
    for part in parts:
        state = _mix((state ^ np.uint64(part & 0xFFFF_FFFF_FFFF_FFFF)) + _GAMMA)
    return int(state[0])


def keys(parent: Keys | int, places: NDArray[np.int64] | int) -> Keys:
    """Keys one level below `parent`; the two broadcast."""
    base = np.atleast_1d(np.asarray(parent, dtype=np.uint64))
    return _mix((base ^ np.asarray(places).astype(np.uint64)) + _GAMMA)


def uniform(key: Keys, place: NDArray[np.int64] | int) -> Floats:
    """Uniform numbers in (0, 1), one for each key and place (they broadcast)."""
    bits = _mix(key + np.asarray(place + 1).astype(np.uint64) * _GAMMA)
    return ((bits >> np.uint64(12)).astype(np.float64) + 0.5) * _UNIT
