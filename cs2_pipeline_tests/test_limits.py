"""A process with limits ends when it takes more computing, memory or time, and says which."""

import signal
import sys

import pytest

from cs2_pipeline.limits import LimitError, Limits

MEMORY = 2**30


def module(tmp_path, monkeypatch, work):
    """A module that limits itself and then works."""
    (tmp_path / "limited_work.py").write_text(
        f"import sys, time\nfrom cs2_pipeline.limits import limit_myself\nrest = limit_myself(sys.argv[1:])\n{work}\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{':'.join(filter(None, sys.path))}")
    return "limited_work"


def test_what_stays_within_the_limits_answers(tmp_path, monkeypatch):
    said = "import resource as r\nprint(rest, *map(r.getrlimit, (r.RLIMIT_CPU, r.RLIMIT_AS, r.RLIMIT_CORE)))"
    done = Limits(60, MEMORY).run(module(tmp_path, monkeypatch, said), "a", "b")
    # A second after its signal the system ends what goes on; nothing of what was read is left on the disk.
    assert done.stdout.decode().strip() == f"['a', 'b'] (60, 61) ({MEMORY}, {MEMORY}) (0, 0)"
    assert Limits(60, MEMORY).patience == 600


def test_too_much_computing_ends_it(tmp_path, monkeypatch):
    with pytest.raises(LimitError, match="more than 1 s of computing"):
        Limits(1, MEMORY, patience=300).run(module(tmp_path, monkeypatch, "while True: pass"))


def test_too_much_computing_is_told_also_where_its_signal_is_ignored(tmp_path, monkeypatch):
    before = signal.signal(signal.SIGXCPU, signal.SIG_IGN)  # what a child inherits
    try:
        with pytest.raises(LimitError, match="more than 1 s of computing"):
            Limits(1, MEMORY, patience=300).run(module(tmp_path, monkeypatch, "while True: pass"))
    finally:
        signal.signal(signal.SIGXCPU, before)


def test_a_process_killed_from_outside_is_not_blamed_for_its_computing(tmp_path, monkeypatch):
    killed = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(LimitError, match="was killed, perhaps because the machine ran out of memory"):
        Limits(60, MEMORY).run(module(tmp_path, monkeypatch, killed))


def test_too_much_memory_ends_it(tmp_path, monkeypatch):
    with pytest.raises(LimitError, match="more than 1024 MiB of memory"):
        Limits(60, MEMORY).run(module(tmp_path, monkeypatch, "bytearray(2**31)"))


def test_waiting_too_long_ends_it(tmp_path, monkeypatch):
    with pytest.raises(LimitError, match=r"more than 0\.5 s and was stopped"):
        Limits(60, MEMORY, patience=0.5).run(module(tmp_path, monkeypatch, "time.sleep(600)"))


def test_what_fails_otherwise_is_for_the_caller_to_tell(tmp_path, monkeypatch):
    done = Limits(60, MEMORY).run(module(tmp_path, monkeypatch, "sys.exit('broken')"))
    assert (done.returncode, done.stderr.decode().strip()) == (1, "broken")


@pytest.mark.parametrize(
    ("status", "said", "told"),
    [
        (-signal.SIGXCPU, b"", "more than 9 s of computing"),
        (-signal.SIGKILL, b"MemoryError", "was killed, perhaps because the machine ran out of memory"),
        (-signal.SIGTERM, b"", ""),
        (signal.SIGKILL, b"", ""),
        (1, b"MemoryError", "more than 1024 MiB of memory"),
        (134, b"memory allocation of 9 bytes failed", "more than 1024 MiB of memory"),
        (-signal.SIGABRT, b"terminate called: std::bad_alloc", "more than 1024 MiB of memory"),
        (0, b"MemoryError was caught", ""),
        (1, b"broken", ""),
    ],
)
def test_the_limit_that_ended_a_process_is_told_from_its_status_and_last_words(status, said, told):
    found = Limits(9, MEMORY).broken(status, said)
    assert (told in found) and bool(found) == bool(told)
