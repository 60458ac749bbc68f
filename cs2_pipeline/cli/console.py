"""What a user reads: output, progress and errors of the command line.

Text is shown as it is, without markup and without breaking lines: names of players and files may hold anything.
"""

import json
from typing import Any

from rich.console import Console
from rich.progress import Progress, ProgressColumn

out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
"""Results. Machine-readable answers go through `answer`."""
err = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
"""Errors and remarks."""


class CliError(Exception):
    """Something the user must fix; the message says what and how. Printed without a stack trace.

    Attributes:
        status: the exit status it ends with.
    """

    status = 1


class UsageError(CliError):
    """The command line itself is wrong."""

    status = 2


def answer(document: Any) -> None:
    """Print a document as JSON and nothing else, for scripts."""
    print(json.dumps(document, indent=2, default=str))


def stage(title: str) -> None:
    """Announce a stage of long work."""
    out.print(f"\n{title}", style="bold")


def note(text: str) -> None:
    """A line about what happened within a stage."""
    out.print(f"  {text}")


def progress(*columns: ProgressColumn) -> Progress:
    """A bar for long work: only on a terminal, and gone when the work is done."""
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
