"""Settings come from the environment, and wrong ones are told without giving secrets away."""

import pytest
from pydantic import SecretStr, ValidationError

from cs2_pipeline import settings
from cs2_pipeline.settings import Settings


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
