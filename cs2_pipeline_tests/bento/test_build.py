"""The service as a Bento: built from the repository, and served by its tag alone."""

import os
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path
from urllib.error import URLError

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_a_bento_needs_what_the_project_needs_to_serve() -> None:
    project = PROJECT["project"]
    packages = PROJECT["tool"]["bentoml"]["build"]["python"]["packages"]
    assert sorted(packages) == sorted([*project["dependencies"], *project["optional-dependencies"]["serving"]])


def bentoml(*arguments: str, home: Path, cwd: Path) -> "subprocess.Popen[str]":
    """BentoML's command with stores of its own and nothing of the repository on its path."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONPATH", "CS2_"))}
    environment |= {
        "BENTOML_HOME": str(home / "bentoml"), "BENTOML_DO_NOT_TRACK": "True", "CS2_HOME": str(home / "cs2"),
        "CS2_SERVICE_WORKERS": "1", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "bentoml", *arguments]
    return subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def answer(port: int, process: "subprocess.Popen[str]") -> int:
    """The status of /livez once the service answers; fails when the process has ended."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=5) as answered:
                return int(answered.status)
        except (URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(process.communicate()[0])


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.slow
def test_a_bento_is_built_and_served_by_its_tag(tmp_path: Path) -> None:
    built = bentoml("build", "--output", "tag", home=tmp_path, cwd=ROOT)
    said, _ = built.communicate()
    assert built.returncode == 0, said
    tag = said.split("__tag__:")[1].split()[0]
    assert tag.startswith("counter_strike:")
    source = tmp_path / "bentoml" / "bentos" / tag.replace(":", "/") / "src"
    assert not list(source.rglob("*_tests")), "a Bento carries no tests"
    port = free_port()
    served = bentoml("serve", tag, "--port", str(port), home=tmp_path, cwd=tmp_path)
    try:
        assert answer(port, served) == 200
    finally:
        served.terminate()
        served.communicate()
