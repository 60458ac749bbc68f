"""What the compose file promises."""

import ast
import os
import re
import shutil
import subprocess
from pathlib import Path

import grimp
import pytest
import yaml

from cs2_pipeline import settings as settings_module
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.deploy.compose import COMPOSE, ROOT, SECRETS, services

OPTIONAL = {"sqlserver"}
"""Microsoft's image writes to its root file system."""
FIXED_IN_CONTAINERS = {"home", "host", "dagster_port", "mlflow_port", "service_port", "gateway_port", "api_key"}
"""Settings that a container decides itself; the ports are those it is published on, the key is for whoever asks."""


def published(service: dict) -> list[str]:
    return [str(port) for port in service.get("ports", [])]


@pytest.mark.parametrize("name", services())
def test_a_container_runs_as_a_user_of_its_own_with_nothing_it_does_not_need(name: str) -> None:
    service = services()[name]
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert "privileged" not in service
    assert "docker.sock" not in str(service.get("volumes"))
    if name not in OPTIONAL:
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", services())
def test_a_port_is_published_on_this_machine_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in published(services()[name]))


def test_only_what_people_and_clients_use_is_published_unasked() -> None:
    open_ports = {name for name, service in services().items() if published(service) and "profiles" not in service}
    assert open_ports == {"dagster-webserver", "mlflow", "predictions", "gateway", "prometheus", "grafana"}


@pytest.mark.parametrize("name", services())
def test_a_long_running_service_tells_whether_it_is_well(name: str) -> None:
    service = services()[name]
    runs_on = service["restart"] != "no"
    assert ("healthcheck" in service) == runs_on


@pytest.mark.parametrize("name", services())
def test_an_image_has_a_version(name: str) -> None:
    tag = services()[name]["image"].rsplit(":", 1)[1]
    assert tag != "latest"
    assert tag == "local" or re.search(r"\d", tag)


def test_what_a_service_waits_for_can_become_true() -> None:
    known = services()
    for service in known.values():
        for other, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in known[other]
            else:
                assert known[other]["restart"] == "no"


def test_no_secret_stands_in_a_file_and_a_missing_one_stops_compose() -> None:
    for line in COMPOSE.read_text().splitlines():
        name, _, value = line.strip().partition(":")
        if re.search(r"PASSWORD|TOKEN|KEYS|WEBHOOK|DATABASE_URL|STORE_URI", name):
            assert not value or "${" in value, line
    for name in SECRETS:
        assert re.search(rf"^{name}=$", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)
        with pytest.raises(AssertionError, match=name):
            services({key: value for key, value in SECRETS.items() if key != name})


def test_every_variable_of_the_compose_file_is_explained_in_the_example() -> None:
    asked = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text()))
    explained = set(re.findall(r"^#? ?(\w+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    assert asked <= explained


READERS = {
    "code-location": ("cs2_pipeline.definitions",),
    "exporter": ("cs2_pipeline.defs.exporter",),
    "predictions": ("bento.predictions.__main__", "bento.predictions.service", "bento.predictions.champions.follower"),
    "gateway": ("bento.gateway.__main__", "bento.gateway.service", "bento.gateway.app"),
    "consumer": ("bento.gateway.consumer",),
}
"""The modules that a service's command runs; what they import it may run too."""
LIVE = {"redis_url", "live_webhooks", "webhooks_to_private", "event_secret"}
NOT_ITS_AFFAIR = {
    "code-location": LIVE | {"data_docs"},
    "exporter": LIVE | {"data_docs"},
    "predictions": {"records_url"},
    "gateway": {"served_models"},
    "consumer": {"served_models", "api_keys", "api_key_rate", "admin_token"},
}
"""Settings read in modules that a service imports and in code that it does not run: prices of live events are the
gateway's and the consumers', keys of the records open the gateway alone."""


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("cs2_pipeline", "bento", cache_dir=None)


def read_by(modules: set[str]) -> set[str]:
    """The settings that modules read, directly or by a method of the settings."""
    (described,) = (node for node in ast.parse(Path(settings_module.__file__).read_text()).body
                    if isinstance(node, ast.ClassDef) and node.name == "Settings")  # fmt: skip
    methods = {node.name: read(node, {"self"}) for node in described.body if isinstance(node, ast.FunctionDef)}
    found: set[str] = set()
    todo = {name for one in modules for name in read(parsed(one), {"settings", "chosen", "load"})}
    while todo:
        name = todo.pop()
        if name in Settings.model_fields:
            found.add(name)
        else:
            todo |= methods.get(name, set())
    return found


def read(tree: ast.AST, owners: set[str]) -> set[str]:
    """Names of the attributes of `owners`, which are names, attributes or what a function of that name gives."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            of = node.value.func if isinstance(node.value, ast.Call) else node.value
            if (of.id if isinstance(of, ast.Name) else getattr(of, "attr", "")).strip("_") in owners:
                found.add(node.attr)
    return found


def parsed(module: str) -> ast.AST:
    place = ROOT / Path(*module.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return ast.parse(file.read_text() if file.exists() else "")


@pytest.mark.parametrize("name", READERS)
def test_every_setting_reaches_each_container_that_reads_it(name: str, imports: grimp.ImportGraph) -> None:
    modules = set(READERS[name]).union(*map(imports.find_upstream_modules, READERS[name]))
    # The command line is run in a container now and then; what it reads the service reads too.
    modules = {one for one in modules if not one.startswith("cs2_pipeline.cli")} - {settings_module.__name__}
    needed = read_by(modules) - FIXED_IN_CONTAINERS
    handed_on = {key[4:].lower() for key in services()[name]["environment"] if key.startswith("CS2_")}
    assert len(needed) >= 5, "the settings that it reads were not found"
    assert needed - handed_on - NOT_ITS_AFFAIR[name] == set(), "hand it on in docker-compose.yml"
    assert needed & handed_on & NOT_ITS_AFFAIR[name] == set()


def test_every_setting_is_read_in_a_container_and_none_handed_on_is_unknown() -> None:
    handed_on = {key for name in READERS for key in services()[name]["environment"] if key.startswith("CS2_")}
    known = {f"CS2_{name.upper()}" for name in Settings.model_fields}
    assert handed_on <= known
    assert known - handed_on == {f"CS2_{name.upper()}" for name in FIXED_IN_CONTAINERS}


def test_a_run_in_a_container_of_its_own_gets_every_setting_that_the_code_location_has() -> None:
    launcher = yaml.safe_load((ROOT / "deploy" / "launchers" / "docker.yaml").read_text())["run_launcher"]
    fixed = {"OMP_NUM_THREADS", "DAGSTER_CODE_HOST"}  # of the code location's own server
    assert set(launcher["config"]["env_vars"]) == set(services()["code-location"]["environment"]) - fixed


def test_make_env_makes_up_every_password_and_lets_containers_read_their_files(tmp_path: Path) -> None:
    for name in ("Makefile", ".env.example"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "deploy" / "postgres", tmp_path / "deploy" / "postgres")
    script = tmp_path / "deploy" / "postgres" / "init.sh"
    script.chmod(0o600)
    subprocess.run(["make", "env"], cwd=tmp_path, check=True, capture_output=True)
    written = (tmp_path / ".env").read_text()
    passwords = dict(re.findall(r"^(\w+_PASSWORD)=(\w+)$", written, flags=re.MULTILINE))
    assert set(passwords) == set(SECRETS)
    assert len(set(passwords.values())) == len(passwords)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert script.stat().st_mode & 0o044 == 0o044

    subprocess.run(["make", "env"], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / ".env").read_text() == written, "an existing .env is kept"


def test_the_guide_stops_everything_that_uses_the_databases_before_a_restore() -> None:
    (stopped,) = re.findall(
        r"^    docker compose stop (.*)$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE
    )
    using = {name for name, service in services().items() if "storage" in service.get("networks", [])}
    assert set(stopped.split()) == using - {"postgres", "migrate", "backup"}


def test_the_service_is_not_given_the_secrets_of_the_pipeline() -> None:
    assert not {"CS2_DATABASE_URL", "DAGSTER_POSTGRES_PASSWORD"} & set(services()["predictions"]["environment"])
    assert "storage" not in services()["predictions"]["networks"]


def test_compose_accepts_the_file(tmp_path: Path) -> None:
    command = next((command for command in (["docker", "compose"], ["docker-compose"]) if _runs(command)), None)
    if command is None:
        pytest.skip("neither docker compose nor docker-compose is installed")
    (tmp_path / ".env").write_text("".join(f"{key}={value}\n" for key, value in SECRETS.items()))
    # Compose 2 leaves out the services of profiles that are not named.
    profiles = sorted({name for service in services().values() for name in service.get("profiles", [])})
    options = ["-f", str(COMPOSE), "--env-file", str(tmp_path / ".env"), *(f"--profile={name}" for name in profiles)]
    done = subprocess.run([*command, *options, "config"], check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) == set(services())


def _runs(command: list[str]) -> bool:
    if shutil.which(command[0]) is None:
        return False
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run([*command, "version"], check=False, env=environment, capture_output=True).returncode == 0
