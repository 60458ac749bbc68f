"""The local processes: whatever ends the command, none of them is left."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

PROGRAM = """
import signal, sys
from pathlib import Path
from cs2_pipeline.cli import processes
from cs2_pipeline.settings import Settings
signal.signal(signal.SIGINT, signal.SIG_IGN)
sleeper = (
    "import os, pathlib, signal, sys, time; signal.signal(signal.SIGTERM, getattr(signal, sys.argv[2]));"
    "pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(3600)"
)
home, port = Path(sys.argv[1]), int(sys.argv[2])
processes.STOP_TIMEOUT = 0.5
command = (sys.executable, "-c", sleeper, str(home / "pid"), sys.argv[3])
program = processes.Program("sleeper", command, port, "CS2_SERVICE_PORT", "/")
with processes.running([program], Settings(home=home)):
    pass
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("child", ["SIG_DFL", "SIG_IGN"])
def test_a_signal_while_they_start_leaves_none_behind_not_even_one_that_ignores_it(tmp_path, number, child):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), str(port), child]
    run = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert run.poll() is None
        time.sleep(0.02)
    run.send_signal(number)
    assert run.wait(timeout=600) != 0
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
