"""The command `cs2`: the table of commands, and what happens to errors.

Commands import what they need when they run, so that `cs2 --help` answers at once.
"""

import os
import sys
from typing import Final

from cs2_pipeline.cli.commands import app
from cs2_pipeline.cli.console import CliError, err
from cs2_pipeline.cli.failures import explained

_INTERRUPTED: Final = 130
"""The exit status after Ctrl-C, as shells expect it."""


def main() -> None:
    """Run the command line; exit status 0 only on success, 2 for a wrong command line, errors without a stack trace."""
    # MLflow tells about its own tables otherwise, between our lines.
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    try:
        app()
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            err.print("stopped; the next run continues what is not finished")
        raise
    except Exception as error:  # the last resort: what is not known to be the user's to mend is shown in full
        message = explained(error)
        if message is None:
            raise
        err.print("error: ", style="bold red", end="")
        err.print(message)
        sys.exit(error.status if isinstance(error, CliError) else 1)
