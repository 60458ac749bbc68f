"""The kinds of files that may be uploaded, told by their names alone: what a file really is its reader says."""

from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a file claims to be."""

    DEMO = "demo"
    EXPORT = "export"
    REPLAY = "replay"


ENDINGS: Final = {
    ".dem": Kind.DEMO,
    ".json": Kind.EXPORT,
    ".json.gz": Kind.EXPORT,
    ".zip": Kind.EXPORT,
    ".replay": Kind.REPLAY,
}
_TABLE: Final = ".csv"
_PACKED: Final = (".gz", ".zst", ".bz2", ".7z", ".rar", ".xz")
LONGEST_NAME: Final = 255


def ending_of(name: str) -> str | None:
    """The ending of a file's name that tells its kind; None where none does."""
    lower = name.lower()
    return next((ending for ending in sorted(ENDINGS, key=len, reverse=True) if lower.endswith(ending)), None)


def why_not(name: str) -> str:
    """Why a file of this name is not read, and what to send instead."""
    lower = name.lower()
    if lower.endswith(_TABLE):
        return "the tables of a match belong together: send them as one .zip"
    if lower.endswith(_PACKED):
        return "it is packed: unpack it first"
    return f"a file's name must end in {', '.join(ENDINGS)}"
