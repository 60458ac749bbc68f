"""Where uploaded files wait: a folder or any address fsspec knows, the same for the gateway and the pipeline.

A file's name there is made up by us, so that nothing a sender writes is ever part of a path.
"""

import contextlib
import secrets
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import fsspec

FRESH: Final = timedelta(days=1)
"""What was put here longer ago, and is not known to the records, was left by a gateway that ended half-way."""


def clear_stale(folder: Path, *, now: datetime) -> None:
    """Remove folders below that a process which was killed left behind."""
    for left in folder.iterdir():
        if now - datetime.fromtimestamp(left.stat().st_mtime, UTC) > FRESH:
            shutil.rmtree(left, ignore_errors=True)


class Inbox:
    """The files at an address.

    Args:
        address: a path, or an address with a protocol.
    """

    def __init__(self, address: str) -> None:
        self._files, self._base = fsspec.core.url_to_fs(address)

    @staticmethod
    def new_place(ending: str) -> str:
        """A name that no other file has."""
        return f"{secrets.token_hex(16)}{ending}"

    def put(self, local: Path, place: str) -> None:
        """Move a local file here."""
        self._files.makedirs(self._base, exist_ok=True)
        if "file" in self._protocols():
            shutil.move(local, self._at(place))
            return
        self._files.put_file(str(local), self._at(place))
        local.unlink()

    def get(self, place: str, local: Path) -> None:
        """Copy a file of here to a local path.

        Raises:
            FileNotFoundError: it is not here.
        """
        self._files.get_file(self._at(place), str(local))

    def remove(self, place: str) -> None:
        """Delete a file; none there is as well."""
        with contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._at(place))

    def left_over(self, known: set[str], *, now: datetime) -> list[str]:
        """Files that are not among the known ones and not fresh."""
        if not self._files.exists(self._base):
            return []
        found = [str(name) for name in self._files.ls(self._base, detail=False)]
        places = [name.rpartition("/")[2] for name in found]
        return [one for one in places if one not in known and now - self._modified(one, now) > FRESH]

    def _modified(self, place: str, now: datetime) -> datetime:
        try:
            found: datetime = self._files.modified(self._at(place))
        except (FileNotFoundError, NotImplementedError):
            return now
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def _at(self, place: str) -> str:
        return f"{self._base.rstrip('/')}/{place}"

    def _protocols(self) -> tuple[Any, ...]:
        protocol = self._files.protocol
        return (protocol,) if isinstance(protocol, str) else tuple(protocol)
