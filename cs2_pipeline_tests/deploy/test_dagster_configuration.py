"""`deploy/dagster.yaml`, alone and with each launcher, is what Dagster accepts; the Helm values agree with it."""

import importlib
import importlib.util
import re
from pathlib import Path

import pytest
import yaml
from dagster._config import validate_config
from dagster._core.instance.config import dagster_instance_config

from cs2_pipeline_tests.deploy.compose import ROOT, services

DEPLOY = ROOT / "deploy"
LAUNCHERS = {path.stem: path for path in sorted((DEPLOY / "launchers").glob("*.yaml"))}


def dagster_yaml() -> dict:
    return yaml.safe_load((DEPLOY / "dagster.yaml").read_text())


def test_dagster_accepts_the_configuration() -> None:
    configuration, _ = dagster_instance_config(str(DEPLOY))
    assert configuration["telemetry"] == {"enabled": False}
    assert configuration["run_monitoring"]["enabled"] is True


@pytest.mark.parametrize("name", LAUNCHERS)
def test_a_launcher_is_added_without_replacing_anything(name: str, tmp_path: Path) -> None:
    launcher = yaml.safe_load(LAUNCHERS[name].read_text())
    assert set(launcher) == {"run_launcher"}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(dagster_yaml() | launcher))
    configuration, _ = dagster_instance_config(str(tmp_path))
    assert configuration["run_launcher"] == launcher["run_launcher"]


@pytest.mark.parametrize("name", LAUNCHERS)
def test_a_launcher_accepts_its_configuration(name: str) -> None:
    launcher = yaml.safe_load(LAUNCHERS[name].read_text())["run_launcher"]
    package = launcher["module"].split(".")[0]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    kind = getattr(importlib.import_module(launcher["module"]), launcher["class"])
    result = validate_config(kind.config_type(), launcher["config"])
    assert result.success, result.errors


def test_every_variable_of_the_configuration_is_in_the_environment_of_who_reads_it() -> None:
    text = (DEPLOY / "dagster.yaml").read_text() + (DEPLOY / "workspace.yaml").read_text()
    asked = {line.split("env:")[1].strip() for line in text.splitlines() if "env: " in line}
    image = {"DAGSTER_FILES"}
    for name in ("migrate", "code-location", "dagster-webserver", "dagster-daemon", "exporter"):
        assert asked - image <= set(services()[name]["environment"]), name


def test_the_chart_is_installed_in_the_version_of_dagster() -> None:
    constraints = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    for path in (DEPLOY / "helm" / "dagster.yaml", ROOT / "docs" / "operations.md"):
        assert f"--version {constraints['dagster']} " in path.read_text()


def test_the_chart_keeps_state_where_the_compose_file_does() -> None:
    values = yaml.safe_load((DEPLOY / "helm" / "dagster.yaml").read_text())
    storage = dagster_yaml()["storage"]["postgres"]["postgres_db"]
    assert values["postgresql"]["postgresqlScheme"] == storage["scheme"]
    assert "postgresqlPassword" not in values["postgresql"]
    assert values["telemetry"] == dagster_yaml()["telemetry"]


def test_the_chart_runs_as_the_compose_file_does() -> None:
    values = yaml.safe_load((DEPLOY / "helm" / "dagster.yaml").read_text())
    daemon, here = values["dagsterDaemon"], dagster_yaml()
    here["run_monitoring"].pop("start_timeout_seconds")  # a pod takes longer to start than a process
    assert values["concurrency"].pop("enabled") is True
    assert snake_case(values["concurrency"]) == here["concurrency"]
    assert snake_case(daemon["runRetries"]) == here["run_retries"]
    longest = values["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]["jobSpecConfig"][
        "activeDeadlineSeconds"
    ]
    assert snake_case(daemon["runMonitoring"]).items() >= here["run_monitoring"].items() - {
        ("max_runtime_seconds", longest)
    }
    assert values["retention"].pop("enabled") is True
    assert snake_case(values["retention"]) == here["retention"]
    assert values["migrate"] == {"enabled": True}


def test_the_chart_probes_the_webserver_where_it_listens_and_writes_where_a_pod_may() -> None:
    values = yaml.safe_load((DEPLOY / "helm" / "dagster.yaml").read_text())
    webserver = values["dagsterWebserver"]
    assert webserver["service"]["port"] == webserver["readinessProbe"]["httpGet"]["port"] > 1024
    (location,) = values["dagster-user-deployments"]["deployments"]
    mounted = {mount["mountPath"] for mount in location["volumeMounts"]}
    written = values["additionalInstanceConfig"]["local_artifact_storage"]["config"]["base_dir"]
    assert str(Path(written).parent) in mounted
    assert location["env"]["CS2_HOME"] in mounted


def test_what_the_chart_adds_is_what_dagster_accepts(tmp_path: Path) -> None:
    values = yaml.safe_load((DEPLOY / "helm" / "dagster.yaml").read_text())
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(values["additionalInstanceConfig"]))
    configuration, _ = dagster_instance_config(str(tmp_path))
    assert configuration == values["additionalInstanceConfig"]


def test_the_exporter_reads_the_instance_the_chart_writes() -> None:
    deployment, _ = yaml.safe_load_all((DEPLOY / "helm" / "exporter.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["command"] == services()["exporter"]["command"]
    given = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert set(given) == {name for name in services()["migrate"]["environment"] if name != "DAGSTER_CODE_HOST"}
    postgres = yaml.safe_load((DEPLOY / "helm" / "dagster.yaml").read_text())["postgresql"]
    assert given["DAGSTER_POSTGRES_HOST"] == postgres["postgresqlHost"]
    assert given["DAGSTER_POSTGRES_USER"] == postgres["postgresqlUsername"]
    assert given["DAGSTER_POSTGRES_DB"] == postgres["postgresqlDatabase"]
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {"/var/lib/cs2", "/var/lib/dagster", "/tmp"} <= mounted  # noqa: S108  the root file system is read-only


def snake_case(values: object) -> object:
    """The chart's keys as Dagster's own configuration spells them."""
    if not isinstance(values, dict):
        return values
    return {re.sub(r"([A-Z])", r"_\1", key).lower(): snake_case(value) for key, value in values.items()}


@pytest.mark.parametrize("name", ["predictions", "gateway", "consumer"])
def test_a_manifest_gives_the_probes_the_service_answers(name: str) -> None:
    deployment, *_ = yaml.safe_load_all((DEPLOY / "helm" / f"{name}.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("name", ["predictions", "gateway", "consumer", "exporter"])
def test_a_manifest_mounts_what_it_declares_and_declares_the_claims_it_names(name: str) -> None:
    documents = list(yaml.safe_load_all((DEPLOY / "helm" / f"{name}.yaml").read_text()))
    pod = documents[0]["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert set(volumes) == {mount["name"] for one in pod["containers"] for mount in one["volumeMounts"]}
    claimed = {one["persistentVolumeClaim"]["claimName"] for one in volumes.values() if "persistentVolumeClaim" in one}
    assert claimed == {one["metadata"]["name"] for one in documents if one["kind"] == "PersistentVolumeClaim"}


def test_what_a_gateway_writes_to_its_home_outlives_its_pod() -> None:
    """The log and history of live play and people's uploads are there, unless the secret names other places."""
    deployment, *_ = yaml.safe_load_all((DEPLOY / "helm" / "gateway.yaml").read_text())
    pod = deployment["spec"]["template"]["spec"]
    (home,) = (mount["name"] for mount in pod["containers"][0]["volumeMounts"] if mount["mountPath"] == "/var/lib/cs2")
    assert "persistentVolumeClaim" in next(one for one in pod["volumes"] if one["name"] == home)
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
