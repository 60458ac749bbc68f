"""``python -m bento.gateway [--host ADDRESS] [--port PORT]``: the gateway as a container runs it, in one process."""

import argparse
import socket
from typing import Any, Final

from _bentoml_impl.worker.service import main as worker

from bento.gateway.service import SETTINGS, Gateway

SERVICE: Final = "bento.gateway.service:Gateway"
BACKLOG: Final = 2048


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m bento.gateway", description="The platform's API and pages.")
    parser.add_argument("--host", default=SETTINGS.host, help="default: CS2_HOST")
    parser.add_argument("--port", type=int, default=SETTINGS.gateway_port, help="default: CS2_GATEWAY_PORT")
    chosen = parser.parse_args()
    service: Any = Gateway
    family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
    listening = socket.create_server((chosen.host, chosen.port), family=family, backlog=BACKLOG)
    worker([SERVICE, "--fd", str(listening.detach()), "--service-name", service.name, "--worker-id", "1"])


if __name__ == "__main__":
    main()
