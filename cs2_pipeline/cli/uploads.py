"""`cs2 uploads`: send recordings to the gateway from the shell, see what became of them, delete them."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from getpass import getpass
from pathlib import Path
from typing import Any, Final, Self

import httpx
from rich.progress import BarColumn, DownloadColumn, TextColumn

from cs2_pipeline.cli import refusals
from cs2_pipeline.cli.console import CliError, UsageError, answer, err, note, progress
from cs2_pipeline.coaching.uploads.kinds import ending_of, why_not
from cs2_pipeline.settings import Settings

ADDRESS: Final = "/api/v1/uploads"
BLOCK: Final = 2**18
POLL_SECONDS: Final = 2.0
PAGE: Final = 100
WAITING: Final = "waiting"
ACCEPTED: Final = "accepted"
REFUSED: Final = "refused"
"""The state of a file that the gateway did not take, beside those it tells."""
_WHO: Final = (
    "uploads belong to an account: give --user NAME, or set CS2_API_KEY to a key that acts for one "
    "(cs2 keys create NAME --scope upload --user ACCOUNT)"
)

Item = dict[str, Any]


class RefusedError(CliError):
    """The gateway does not take one file; others may be taken."""


class Client:
    """The gateway's uploads, of one account.

    Args:
        address: of the gateway.
        headers: who asks.
    """

    def __init__(self, address: str, headers: Mapping[str, str]) -> None:
        patience = httpx.Timeout(30, read=600, write=600)
        self._http = httpx.Client(base_url=address, headers=dict(headers), timeout=patience, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def sign_in(self, username: str, password: str) -> None:
        """Sign in; from then on the account's.

        Raises:
            CliError: the name or the password is wrong.
        """
        self._use(self.ask("POST", "/auth/login", json={"username": username, "password": password}))

    def sign_out(self) -> None:
        """End the session."""
        self.ask("POST", "/auth/logout")

    def send(self, file: Path, played_on: date | None, told: Callable[[int], None]) -> tuple[Item, bool]:
        """Send a file; the upload, and whether it is new to the platform.

        Args:
            file: which.
            played_on: the UTC day of the match, where the file does not say it.
            told: called with the bytes sent after each block.

        Raises:
            RefusedError: it is too large, of no known kind, or cannot be read.
            CliError: the gateway takes nothing from this account now.
        """
        if ending_of(file.name) is None:
            raise RefusedError(f"{file.name}: {why_not(file.name)}")
        try:
            size = file.stat().st_size
            opened = file.open("rb")
        except OSError as error:
            raise RefusedError(f"{file}: {error.strerror}") from error
        with opened:
            limits = self.ask("GET", f"{ADDRESS}/limits")
            if size > limits["file_bytes"]:
                raise RefusedError(f"{file.name}: {size:,} bytes; the gateway takes at most {limits['file_bytes']:,}")
            query = {"name": file.name} | ({"played_on": played_on.isoformat()} if played_on else {})
            length = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
            answered = self._request("POST", ADDRESS, params=query, headers=length, content=_blocks(opened, told))
        if answered.status_code in (413, 415, 422):
            raise RefusedError(f"{file.name}: {refusals.told(answered.status_code, answered.content)}")
        return _document(answered), answered.status_code == 201

    def settled(self, item: Item) -> Item:
        """The upload once the file was read, however long that takes."""
        while item["state"] == WAITING:
            time.sleep(POLL_SECONDS)
            item = self.ask("GET", f"{ADDRESS}/{item['id']}")
        return item

    def every(self) -> list[Item]:
        """All uploads of the account, the newest first."""
        found: list[Item] = []
        after: str | None = None
        while True:
            page = self.ask("GET", ADDRESS, params={"limit": PAGE} | ({"after": after} if after else {}))
            found += page["items"]
            if (after := page["next"]) is None:
                return found

    def delete(self, identifier: str) -> None:
        """Delete an upload."""
        self.ask("DELETE", f"{ADDRESS}/{identifier}")

    def ask(self, method: str, path: str, **request: Any) -> Any:
        """What the gateway answers.

        Raises:
            CliError: it does not run, or refuses; the message is its own.
        """
        answered = self._request(method, path, **request)
        if answered.status_code == 401 and "Authorization" in self._http.headers:  # the token has run out
            del self._http.headers["Authorization"]
            self._use(self.ask("POST", "/auth/refresh"))
            answered = self._request(method, path, **request)
        return _document(answered)

    def _use(self, opened: Mapping[str, Any]) -> None:
        self._http.headers["Authorization"] = f"Bearer {opened['access_token']}"

    def _request(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            at = self._http.base_url
            raise CliError(f"no gateway responds at {at}: start it with `cs2 up`, or give --url ({error})") from error
        except httpx.TransportError as error:
            raise CliError(f"the connection to the gateway broke off: {error or type(error).__name__}") from error


def send(
    settings: Settings, files: Sequence[Path], *, username: str | None, url: str | None, played_on: date | None,
    wait: bool, as_json: bool,
) -> None:  # fmt: skip
    """Send files one after the other, and say what became of each.

    Raises:
        CliError: a file was not taken, or is in quarantine; the others were sent all the same. Or the gateway went
            away while it read them: what is known by then is told first.
    """
    found: list[Item] = []
    lost: CliError | None = None
    with _signed_in(settings, username, url) as client:
        for file in files:
            try:
                with _progress(file) as told:
                    item, new = client.send(file, played_on, told)
            except RefusedError as error:
                item, new = _refused(file, error), True
            except CliError as error:
                if not found:
                    raise
                found.append(_refused(file, error) | {"known": False})
                break  # what was sent before is still told
            found.append(item | {"known": not new})
        if wait and any(one["state"] == WAITING for one in found):
            err.print("waiting until it is read; Ctrl-C leaves it in the queue (cs2 uploads list)", style="dim")
            lost = _settle(client, found)
    if as_json:
        answer({"uploads": found})
    else:
        for item in found:
            note(verdict(item))
    if lost is not None:
        raise lost
    good = sum(one["state"] in (ACCEPTED, WAITING) for one in found)
    if good < len(files):
        raise CliError(f"{len(files) - good} of {len(files)} files not taken")


def _settle(client: Client, found: list[Item]) -> CliError | None:
    """Wait until what was sent is read, and put that into `found`; returns the error that ended the waiting."""
    try:
        for place, one in enumerate(found):
            if one["state"] == WAITING:
                found[place] = one | client.settled(one)
    except CliError as error:
        return error
    return None


def _refused(file: Path, error: Exception) -> Item:
    return {"name": file.name, "state": REFUSED, "reason": str(error)}


def verdict(item: Mapping[str, Any]) -> str:
    """What became of a file, in a line."""
    if item["state"] == REFUSED:
        return f"not taken: {item['reason']}"
    known = "sent before; " if item.get("known") else ""
    words = {WAITING: "kept; it waits to be read", ACCEPTED: "kept", "quarantined": "in quarantine"}
    reason = f": {item['reason']}" if item["reason"] else ""
    return f"{item['name']}: {known}{words[item['state']]}{reason} ({item['id']})"


def show(settings: Settings, *, username: str | None, url: str | None, as_json: bool) -> None:
    """List the uploads of an account."""
    with _signed_in(settings, username, url) as client:
        found = client.every()
    if as_json:
        answer({"uploads": found})
        return
    for one in found:  # a line each and not a table: ids are to be copied
        sent = one["at"][:16].replace("T", " ")
        reason = f": {one['reason']}" if one["reason"] else ""
        note(f"{one['id']}  {sent}  {one['name']} ({one['kind']}, {one['size']:,} bytes)  {one['state']}{reason}")


def delete(settings: Settings, identifiers: Sequence[str], *, username: str | None, url: str | None) -> None:
    """Delete uploads."""
    with _signed_in(settings, username, url) as client:
        for identifier in identifiers:
            client.delete(identifier)
            note(f"{identifier} is deleted; matches that were read from it stay")


@contextmanager
def _signed_in(settings: Settings, username: str | None, url: str | None) -> Iterator[Client]:
    """A client of the account that is meant: by name and password, or by the key of the settings.

    Raises:
        UsageError: neither is given.
    """
    key = settings.api_key.get_secret_value() if settings.api_key is not None else None
    if username is None and key is None:
        raise UsageError(_WHO)
    headers = {"X-API-Key": key} if key is not None and username is None else {}
    with Client(url or f"http://{settings.host}:{settings.gateway_port}", headers) as client:
        if username is None:
            yield client
            return
        asked = sys.stdin.isatty()
        client.sign_in(username, getpass("password: ") if asked else sys.stdin.readline().rstrip("\n"))
        try:
            yield client
        finally:
            client.sign_out()


@contextmanager
def _progress(file: Path) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
    with progress(*columns) as bar:
        size = file.stat().st_size if file.is_file() else None
        task = bar.add_task(file.name, total=size)
        yield lambda sent: bar.update(task, advance=sent)


def _blocks(opened: Any, told: Callable[[int], None]) -> Iterator[bytes]:
    while block := opened.read(BLOCK):
        yield block
        told(len(block))


def _document(answered: httpx.Response) -> Any:
    if answered.status_code >= 400:
        raise CliError(refusals.told(answered.status_code, answered.content))
    return answered.json() if answered.content else None
