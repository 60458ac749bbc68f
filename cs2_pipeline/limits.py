"""Limits of a process that reads a stranger's file: so much computing, memory and time, and no more."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass


class LimitError(Exception):
    """A process came to an end without an answer; the message says why."""


@dataclass(frozen=True)
class Limits:
    """What a process may use.

    Attributes:
        seconds: of computing, over all its threads.
        memory: bytes of address space.
        patience: seconds of wall time; many more than of computing, since a machine may be busy.
    """

    seconds: int
    memory: int
    patience: float = 600.0

    def arguments(self) -> list[str]:
        """For the command line of the process that is to be limited; `limit_myself` reads them there."""
        return [str(self.seconds), str(self.memory)]

    def run(self, module: str, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
        """Run a module of ours in a process of its own, which gets the limits first (`arguments`), then the rest.

        Raises:
            LimitError: it used up a limit, or was killed.
        """
        command = [sys.executable, "-m", module, *self.arguments(), *arguments]
        try:
            done = subprocess.run(  # noqa: S603  # our own module
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=self.patience, check=False
            )
        except subprocess.TimeoutExpired:
            raise LimitError(f"reading it took more than {self.patience:g} s and was stopped") from None
        if reason := self.broken(done.returncode, done.stderr):
            raise LimitError(reason)
        return done

    def broken(self, status: int, said: bytes) -> str:
        """Why a process was ended before it was done, in words; empty where it ended by itself or crashed."""
        if status == -signal.SIGXCPU:
            return f"reading it took more than {self.seconds} s of computing and was stopped"
        if status == -signal.SIGKILL:  # by the system or a person: no limit of ours sends it first
            return "the process that read it was killed, perhaps because the machine ran out of memory: try it again"
        if status != 0 and (b"MemoryError" in said or b"memory allocation" in said or b"bad_alloc" in said):
            return f"reading it takes more than {self.memory // 2**20} MiB of memory"
        return ""


def limit_myself(arguments: Sequence[str]) -> Sequence[str]:
    """Limit this process to what the first arguments say; returns the others."""
    import resource  # noqa: PLC0415  POSIX only, as the limits are

    seconds, memory = int(arguments[0]), int(arguments[1])
    # A process that inherited ignoring it would be killed a second later, for no reason told.
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return arguments[2:]
