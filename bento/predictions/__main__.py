"""``python -m bento.predictions [--host ADDRESS] [--port PORT]``: the service in one process, as a container runs it.

With one worker this process is BentoML's worker, which is ready in about half the time of `bentoml serve`: that loads
BentoML in its supervisor first and in the worker again. Whoever started the process starts it again when it ends, as
container runtimes do. With more workers there must be a supervisor, so this becomes `bentoml serve`.
"""

import argparse
import gc
import os
import socket
import sys
from typing import Any, Final

gc.disable()  # until the application is started: nothing of what is imported is garbage, and looking takes a seventh

from _bentoml_impl.worker.service import main as worker  # noqa: E402

from bento.predictions.service import SETTINGS, CounterStrike  # noqa: E402

SERVICE: Final = "bento.predictions.service:CounterStrike"
BACKLOG: Final = 2048


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m bento.predictions", description="The prediction service.")
    parser.add_argument("--host", default=SETTINGS.host, help="default: CS2_HOST")
    parser.add_argument("--port", type=int, default=SETTINGS.service_port, help="default: CS2_SERVICE_PORT")
    chosen = parser.parse_args()
    if SETTINGS.service_workers > 1:
        supervised = [sys.executable, "-m", "bentoml", "serve", SERVICE]
        os.execv(sys.executable, [*supervised, "--host", chosen.host, "--port", str(chosen.port)])  # noqa: S606
    service: Any = CounterStrike
    service.inner.prepare()
    family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
    listening = socket.create_server((chosen.host, chosen.port), family=family, backlog=BACKLOG)
    worker([SERVICE, "--fd", str(listening.detach()), "--service-name", service.name, "--worker-id", "1"])


if __name__ == "__main__":
    main()
