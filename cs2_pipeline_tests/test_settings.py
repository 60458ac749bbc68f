"""Settings come from the environment, and wrong ones are told without giving secrets away."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from cs2_pipeline import settings
from cs2_pipeline.settings import Settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("CS2_")]:
        monkeypatch.delenv(name)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CS2_SERVICE_PORT", "CS2_DATABASE_URL", "CS2_HOME", "CS2_TRAINING_DAYS"):
        monkeypatch.setenv(name, "")
    found = settings.load()
    assert (found.service_port, found.database_url, str(found.home), found.training_days) == (8000, None, ".cs2", None)


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CS2_SEED", "1.5")
    monkeypatch.setenv("CS2_RELOAD_INTERVAL", "0")
    with pytest.raises(settings.SettingsError, match=r"CS2_SEED is '1.5'; .*CS2_RELOAD_INTERVAL is '0'"):
        settings.load()


def test_the_value_of_a_wrong_secret_is_not_shown() -> None:
    with pytest.raises(ValidationError) as wrong:
        Settings(admin_token=["hunter2"])  # type: ignore[arg-type]
    said = settings.explained(wrong.value)
    assert said.startswith("CS2_ADMIN_TOKEN is (hidden); expected: secret text")
    assert "hunter2" not in said


def test_printing_settings_shows_no_secret() -> None:
    found = Settings(database_url=SecretStr("mssql://u:hunter2@host/db"), api_keys=SecretStr("hunter2"))
    assert "hunter2" not in f"{found!r} {found}"


WHOLE_FROM_1 = (
    "upload_max_bytes", "upload_quota_bytes", "uploads_total_bytes", "live_key_matches", "retrain_after_rounds",
    "training_days", "service_workers", "max_body_bytes", "max_in_flight", "prediction_log_max_bytes",
)  # fmt: skip
ABOVE_NOUGHT = ("live_key_rate", "snapshot_interval", "reload_interval", "body_timeout", "api_key_rate")
PORTS = ("dagster_port", "mlflow_port", "service_port", "gateway_port")


@pytest.mark.parametrize("name", [*WHOLE_FROM_1, *ABOVE_NOUGHT, *PORTS])
def test_what_counts_or_lasts_is_more_than_nothing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    variable, least = f"CS2_{name.upper()}", 0.001 if name in ABOVE_NOUGHT else 1
    monkeypatch.setenv(variable, str(least))
    assert getattr(settings.load(), name) == least
    for wrong in ("0", "-1", "many"):
        monkeypatch.setenv(variable, wrong)
        with pytest.raises(settings.SettingsError, match=f"{variable} is '{wrong}'; expected"):
            settings.load()


@pytest.mark.parametrize("name", PORTS)
def test_a_port_is_at_most_65535(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"CS2_{name.upper()}", "65535")
    assert getattr(settings.load(), name) == 65_535
    monkeypatch.setenv(f"CS2_{name.upper()}", "65536")
    with pytest.raises(settings.SettingsError, match=name.upper()):
        settings.load()


def test_with_nothing_set_everything_is_a_file_in_the_home(tmp_path: Path) -> None:
    found = Settings(home=tmp_path)
    assert found.resolved_database_url() == f"sqlite:///{tmp_path / 'demos.sqlite'}"
    assert found.resolved_records_url() == f"sqlite:///{tmp_path / 'records.db'}"
    assert found.resolved_tracking_uri() == f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert found.resolved_data_url() == str(tmp_path / "data")
    assert found.resolved_uploads_url() == str(tmp_path / "uploads")
    assert (found.data_docs_folder, found.prediction_log_folder) == (tmp_path / "data_docs", tmp_path / "predictions")
    assert not found.has_records()
    (tmp_path / "records.db").touch()
    assert found.has_records()


def test_what_is_set_is_taken_instead(tmp_path: Path) -> None:
    secret = SecretStr("postgresql://u:p@host/name")
    found = Settings(
        home=tmp_path, database_url=secret, records_url=secret, mlflow_tracking_uri=secret, data_url="s3://data",
        uploads_url="s3://uploads", data_docs=tmp_path / "docs",
    )  # fmt: skip
    addresses = {found.resolved_database_url(), found.resolved_records_url(), found.resolved_tracking_uri()}
    assert addresses == {secret.get_secret_value()}
    assert (found.resolved_data_url(), found.resolved_uploads_url()) == ("s3://data", "s3://uploads")
    assert (found.data_docs_folder, found.has_records()) == (tmp_path / "docs", True)


def test_champions_of_different_stores_are_never_mixed(tmp_path: Path) -> None:
    one, other = (Settings(home=tmp_path, mlflow_tracking_uri=SecretStr(f"http://host{number}")) for number in (1, 2))
    again = Settings(home=tmp_path, mlflow_tracking_uri=SecretStr("http://host1"))
    assert one.champion_cache == again.champion_cache != other.champion_cache
    assert one.champion_cache.parent == tmp_path / "champions"
    assert "host1" not in str(one.champion_cache)


def test_a_home_that_is_a_file_or_lies_in_one_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for home in (tmp_path / "file", tmp_path / "file" / "home"):
        monkeypatch.setenv("CS2_HOME", str(home))
        with pytest.raises(settings.SettingsError, match=f"CS2_HOME is .*{tmp_path / 'file'} is a file"):
            settings.load()
    monkeypatch.setenv("CS2_HOME", str(tmp_path / "to" / "be" / "made"))
    assert settings.load().home == tmp_path / "to" / "be" / "made"


def test_models_served_may_be_written_with_blanks_and_empty_places() -> None:
    assert Settings(served_models=" a, b ,,").served_model_names() == ("a", "b")
    assert Settings().served_model_names() == ("round_predictor", "player_classifier")


def test_addresses_are_those_of_the_host_that_is_listened_on() -> None:
    assert Settings(host="10.0.0.1").address(8080) == "http://10.0.0.1:8080"


def test_without_being_told_so_nothing_is_open_logged_or_sent() -> None:
    found = Settings()
    assert (found.host, found.cors_origins, found.ballchasing_players) == ("127.0.0.1", "", "")
    assert not found.prediction_log and not found.webhooks_to_private
    secrets = ("admin_token", "api_keys", "webhook_url", "live_webhooks", "event_webhooks", "gsi_token")
    assert {getattr(found, name) for name in secrets} == {None}
