"""The help of every command: what it does, with an example; and the statuses it ends with."""

import signal
import subprocess
import sys
import time

import pytest
import typer

from cs2_pipeline.cli.commands import app


def commands(group, path=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield pytest.param((*path, name), command, id=" ".join((*path, name)))


@pytest.mark.parametrize(("path", "command"), list(commands(typer.main.get_command(app))))
def test_a_command_says_what_it_does_with_an_example(cs2, path, command):
    ended = cs2(*path, "--help")
    assert ended.status == 0
    assert "Example" in ended.out
    title, *examples = command.epilog.split("\n\n")
    assert title == ("Example:" if len(examples) == 1 else "Examples:")
    assert all(f"cs2 {' '.join(path)}" in example for example in examples)
    assert examples[0] == min(examples, key=len), "the simplest comes first"


def test_the_commands_are_shown_in_groups(cs2):
    out = cs2("--help").out
    found = [out.index(title) for title in ("Start here", " demo ", "Data ", " ingest ", "Models and", " predict ")]
    assert found == sorted(found)


def test_the_version_is_told(cs2):
    ended = cs2("--version")
    assert ended.status == 0
    assert ended.out.strip()[0].isdigit()


def test_help_needs_no_library_of_the_pipeline():
    code = "import sys, cs2_pipeline.cli.commands; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"dagster", "mlflow", "pandas", "numpy", "torch"} & set(loaded)


def test_an_interrupt_ends_without_a_trace_and_with_a_status(home):
    run = subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
         "import sys; sys.argv = ['cs2', 'simulate', '--matches', '100000'];"
         "from cs2_pipeline.cli.main import main; print('begun', flush=True); main()"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    run.stdout.readline()
    while not home.exists() and run.poll() is None:
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=600)
    assert run.returncode == 130
    assert "stopped" in said
    assert "Traceback" not in said
    assert not (home / "demos.sqlite").exists()
