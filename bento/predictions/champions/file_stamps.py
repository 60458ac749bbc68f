"""Tells whether files have changed, without reading them."""

from pathlib import Path

Note = tuple[int, int, int]
"""Inode, time of the last change and size: what tells one content of a file from another."""


def note_of(path: Path) -> Note | None:
    """A file's note, or None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def notes_in(folder: Path) -> dict[str, Note]:
    """The notes of a folder's files by name; empty where there is no folder."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return {}
    return {name: note for name in names if (note := note_of(folder / name)) is not None}
