"""What the Dockerfiles build, as far as it can be seen without a container engine."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cs2_pipeline import NO_TELEMETRY
from cs2_pipeline_tests.deploy.compose import ROOT, image_environment

DOCKERFILES = {path.parent.name: path for path in sorted((ROOT / "deploy").glob("*/Dockerfile"))}
PIPELINE_ONLY = {"torch", "dagster", "dagster-webserver", "pandas", "great-expectations", "scikit-learn", "mlflow",
                 "scipy", "matplotlib", "pyodbc", "psycopg2-binary", "onnx"}  # fmt: skip

PIPELINE_EXTRAS = ("pipeline", "demos", "rocket-league", "sqlserver", "clickhouse")
SERVING_EXTRAS = ("serving", "redis", "clickhouse")
"""What the serving image installs; the compose file lets its services be given a Redis and a ClickHouse."""
SERVED = {
    "predictions": ["bento.predictions.__main__", "bento.predictions.service", "bento.predictions.prediction_log",
                    "bento.predictions.champions.follower"],
    "gateway": ["bento.gateway.__main__", "bento.gateway.service", "bento.gateway.app", "bento.gateway.consumer",
                "cs2_pipeline.cli.main", "cs2_pipeline.cli.keys", "cs2_pipeline.live.relay",
                "cs2_pipeline.live.channels", "cs2_pipeline.live.log.redis", "cs2_pipeline.live.history.clickhouse"],
    "pipeline": ["cs2_pipeline.definitions", "cs2_pipeline.defs.exporter", "cs2_pipeline.cli.main"],
}  # fmt: skip


def steps(dockerfile: Path) -> list[tuple[str, str]]:
    """Its instructions, one line each: word and rest. Comments and continuations are taken out."""
    lines = [line for line in dockerfile.read_text().splitlines() if line and not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in whole)]


def copied_from_the_clone(dockerfile: Path) -> list[str]:
    return [
        source
        for word, rest in steps(dockerfile)
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]


@pytest.mark.parametrize("role", DOCKERFILES)
def test_an_image_is_built_in_stages_from_pinned_versions_and_runs_as_nobody_special(role: str) -> None:
    found = steps(DOCKERFILES[role])
    assert [word for word, _ in found].count("FROM") == 2
    assert re.fullmatch(r"PYTHON_IMAGE=python:\d+\.\d+\.\d+-slim-\w+", dict(found[:1])["ARG"])
    installs = [rest for word, rest in found if word == "RUN" and "pip install" in rest]
    assert all("-c " in rest or "--no-deps" in rest for rest in installs)
    assert [rest for word, rest in found if word == "USER"] == ["10001:10001"]
    environment = image_environment(DOCKERFILES[role])
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true"} if role == "mlflow" else NO_TELEMETRY
    assert quiet.items() <= environment.items()


def test_all_images_are_built_from_the_same_python() -> None:
    assert len({steps(path)[0] for path in DOCKERFILES.values()}) == 1


def test_only_what_images_are_built_from_goes_to_the_builder() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {source for path in DOCKERFILES.values() for source in copied_from_the_clone(path)}
    assert let_in == copied
    assert all((ROOT / source).exists() for source in copied)


def test_hadolint_has_nothing_to_say() -> None:
    said = subprocess.run(["hadolint", *map(str, DOCKERFILES.values())], check=False, capture_output=True, text=True,
                          env={"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"})  # fmt: skip
    assert said.returncode == 0, said.stdout


def test_shellcheck_has_nothing_to_say() -> None:
    scripts = [*sorted((ROOT / "deploy").rglob("*.sh")), ROOT / ".ci" / "run"]
    said = subprocess.run(["shellcheck", *map(str, scripts)], check=False, capture_output=True, text=True,
                          env={"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"})  # fmt: skip
    assert said.returncode == 0, said.stdout


@pytest.mark.parametrize(("role", "extras"), [("pipeline", PIPELINE_EXTRAS), ("serving", SERVING_EXTRAS)])
def test_an_image_installs_what_its_services_can_be_told_to_use(role: str, extras: tuple[str, ...]) -> None:
    installs = [rest for word, rest in steps(DOCKERFILES[role]) if word == "RUN" and "pip install" in rest]
    assert f"'.[{','.join(extras)}]'" in installs[0]


def test_the_serving_installation_brings_nothing_of_the_pipelines() -> None:
    serving = installation("serving")
    assert {"bentoml", "onnxruntime", "mlflow-skinny"} <= serving
    assert serving & PIPELINE_ONLY == set()
    assert installation("pipeline") >= PIPELINE_ONLY


@pytest.mark.parametrize("role", SERVED)
def test_an_images_installation_is_enough_for_its_services(role: str) -> None:
    """The image brings nothing else, and neither does a worker of theirs import more later on."""
    brought = {"cs2-pipeline"}.union(*map(installation, PIPELINE_EXTRAS if role == "pipeline" else SERVING_EXTRAS))
    absent = sorted(
        module
        for module, packages in packages_distributions().items()
        if not {canonicalize_name(name) for name in packages} & brought
    )
    modules = SERVED[role]
    done = subprocess.run([sys.executable, "-c", ONLY_THOSE, *modules], input=json.dumps(absent), env=os.environ,
                          check=False, capture_output=True, text=True, cwd=ROOT, timeout=600)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


ONLY_THOSE = """
import importlib, json, sys
absent = set(json.load(sys.stdin))
class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"{name} is not in the serving installation", name=name)
sys.meta_path.insert(0, NotInstalled())
for module in sys.argv[1:]:
    importlib.import_module(module)
"""


def installation(extra: str) -> set[str]:
    """Names of all packages that the project with one of its extras brings, by the metadata of what is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = map(Requirement, [*project["dependencies"], *project["optional-dependencies"][extra]])
    found: set[str] = set()
    todo = [(one.name, frozenset(one.extras)) for one in asked if one.marker is None or one.marker.evaluate()]
    seen = set(todo)
    while todo:
        name, extras = todo.pop()
        found.add(canonicalize_name(name))
        for needed in required(name, extras):
            if needed not in seen:
                seen.add(needed)
                todo.append(needed)
    return found


def required(name: str, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    try:
        requirements = distribution(name).requires or []
    except PackageNotFoundError:  # asked for on other systems only
        return
    for line in requirements:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
            yield requirement.name, frozenset(requirement.extras)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("role", DOCKERFILES)
def test_the_steps_of_a_dockerfile_make_what_its_command_needs(role: str) -> None:
    """Its first stage is carried out in a folder that stands for the root; apt and users are the container's affair."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("the images hold Python 3.11")
    if role == "serving" and shutil.which("strip") is None:
        pytest.skip("the serving image is made with strip, of binutils")
    # pytest keeps its folders for a while: these are too large for that.
    with tempfile.TemporaryDirectory() as folder:
        carried_out(role, Path(folder))


def carried_out(role: str, folder: Path) -> None:
    root, context = folder / "root", folder / "context"
    context.mkdir()
    for source in copied_from_the_clone(DOCKERFILES[role]):
        (context / source).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, context / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, context / source)
    environment = first_stage(DOCKERFILES[role], context, root)

    (command,) = (json.loads(rest) for word, rest in steps(DOCKERFILES[role]) if word == "CMD")
    program = command[2].split()[0] if command[:2] == ["sh", "-c"] else command[0]
    assert shutil.which(program, path=environment["PATH"].split(os.pathsep)[0])
    subprocess.run([program, "--help"], check=True, env=environment, cwd=folder, capture_output=True)
    imports = {
        "serving": "import bento.predictions.service",
        "pipeline": "import cs2_pipeline.definitions, cs2_pipeline.defs.exporter, mssql_python, psycopg2",
        "mlflow": "import mlflow.server, psycopg2",
    }
    subprocess.run(["python", "-c", imports[role]], check=True, env=environment, cwd=folder)
    listing = "from importlib.metadata import distributions; print(*(one.name for one in distributions()))"
    listed = subprocess.run(["python", "-c", listing], check=True, env=environment, capture_output=True, text=True)
    names = {canonicalize_name(name) for name in listed.stdout.split()}
    assert role != "serving" or names & PIPELINE_ONLY == set()


def first_stage(dockerfile: Path, context: Path, root: Path) -> dict[str, str]:
    """Carry it out; the environment it ends with."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    place = root
    for word, rest in steps(dockerfile)[2:]:
        text = re.sub(r"(?<![\w.])/(opt|src)\b", rf"{root}/\1", rest)
        if word == "FROM":
            break
        if word == "WORKDIR":
            place = Path(text)
            place.mkdir(parents=True)
        elif word == "ENV":
            given = dict(one.split("=", 1) for one in text.split())
            environment |= {name: value.replace("$PATH", environment["PATH"]) for name, value in given.items()}
        elif word == "COPY":
            *sources, target = text.split()
            for source in sources:
                copy_into(context / source, place / target, whole=len(sources) == 1)
        elif word == "RUN" and not text.startswith("apt-get"):
            subprocess.run(["sh", "-ec", text], check=True, cwd=place if place.exists() else None, env=environment)
    return environment


def copy_into(source: Path, target: Path, *, whole: bool) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif whole and target.suffix:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    else:
        shutil.copy(source, target / source.name)
