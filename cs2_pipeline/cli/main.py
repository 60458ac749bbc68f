"""The command `cs2`: the table of commands, and what happens to errors.

Commands import what they need when they run, so that `cs2 --help` answers at once.
"""

import sys

from cs2_pipeline.cli.commands import app
from cs2_pipeline.cli.console import err
from cs2_pipeline.cli.failures import explained


def main() -> None:
    """Run the command line; exit status 0 only on success, errors without a stack trace."""
    try:
        app()
    except KeyboardInterrupt:
        err.print("stopped")
        sys.exit(130)
    except Exception as error:  # the last resort: what is not known to be the user's to mend is shown in full
        message = explained(error)
        if message is None:
            raise
        err.print(f"[bold red]error:[/bold red] {message}", soft_wrap=True)
        sys.exit(1)
