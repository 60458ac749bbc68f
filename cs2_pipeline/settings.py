"""Every setting of the platform, typed, read from the environment when asked for.

One variable each, prefix ``CS2_``. With none set, everything lives in one folder (``.cs2``). Secrets are
``SecretStr``: printing settings never shows them. `load` reads the environment anew; nothing here is read at import.
An empty variable counts as not set: container files hand on empty ones.
"""

import hashlib
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cs2_pipeline.artifact import catalog
from cs2_pipeline.settings_kinds import kind

Port = Annotated[int, Field(ge=1, le=65535)]


class SettingsError(Exception):
    """Settings are wrong; the message names each, its value (never a secret's) and what is expected."""


class Settings(BaseSettings):
    """The settings. Field names in upper case with the prefix are the environment variables."""

    model_config = SettingsConfigDict(env_prefix="CS2_", extra="ignore", env_ignore_empty=True)

    home: Path = Field(Path(".cs2"), description="folder of everything the platform keeps locally")
    database_url: SecretStr | None = Field(
        None, description="demo database: SQLAlchemy URL, mssql:// address or ODBC string; default: SQLite in the home"
    )
    exports_url: str | None = Field(
        None, description="folder watched for exports of other programs: a path or any fsspec address; default: none"
    )
    uploads_url: str | None = Field(
        None,
        description="where uploaded files are kept: a folder or any fsspec address, the same for the gateway and the "
        "pipeline; default: uploads/ in the home",
    )
    upload_max_bytes: int = Field(2**30, gt=0, description="largest file that may be uploaded")
    upload_quota_bytes: int = Field(5 * 2**30, gt=0, description="bytes of uploaded files kept for one account")
    uploads_total_bytes: int = Field(100 * 2**30, gt=0, description="bytes of uploaded files kept for all accounts")
    records_url: SecretStr | None = Field(
        None,
        description="the platform's own records: postgresql://user:password@host/name; default: SQLite in the home",
    )
    redis_url: SecretStr | None = Field(
        None, description="log of live events and fan-out: redis://host:6379; default: a SQLite file in the home"
    )
    event_store_url: SecretStr | None = Field(
        None,
        description="history of live events: clickhouse://user:password@host/name; default: a SQLite file in the home",
    )
    live_webhooks: SecretStr | None = Field(
        None, description="webhook URLs that get live updates, comma-separated; signed with CS2_EVENT_SECRET"
    )
    webhooks_to_private: bool = Field(False, description="live webhooks may be addresses of private networks")
    live_key_rate: float = Field(2_000.0, gt=0, description="live events per second that an API key may send")
    live_key_matches: int = Field(500, gt=0, description="live matches that an API key may begin per day")
    gsi_token: SecretStr | None = Field(
        None, description="token that game clients send with Game State Integration; default: an API key is required"
    )
    mlflow_tracking_uri: SecretStr | None = Field(
        None, description="MLflow server or store; default: SQLite in the home"
    )
    data_url: str | None = Field(
        None, description="where extracted tables are kept: a folder or any fsspec address; default: data/ in the home"
    )
    data_docs: Path | None = Field(
        None, description="folder of the data docs, which the pipeline writes and the gateway shows; "
        "default: data_docs in the home"
    )  # fmt: skip
    first_day: date = Field(
        date(2023, 9, 27),
        description="first day of the daily partitions (default: the first match of the embedded demo database; "
        "without one, CS2's release)",
    )
    snapshot_interval: float = Field(10.0, gt=0, description="seconds between two snapshots of a round")
    retrain_after_rounds: int = Field(
        500, gt=0, description="new rounds since the last training that start the next one"
    )
    training_days: int | None = Field(
        None,
        gt=0,
        description="number of newest match days the round model learns from, older ones are dropped; default: all",
    )
    webhook_url: SecretStr | None = Field(
        None, description="where failures are reported, in the format of Slack's incoming webhooks; default: the log"
    )
    seed: int = Field(0, description="random seed of training, resampling and the simulator")
    host: str = Field("127.0.0.1", description="address that local processes listen on")
    dagster_port: Port = Field(3000, description="port of the Dagster UI")
    mlflow_port: Port = Field(5000, description="port of the MLflow UI")
    service_port: Port = Field(8000, description="port of the prediction service")
    event_webhooks: SecretStr | None = Field(
        None, description="webhook URLs notified of forecasts and promotions, comma-separated"
    )
    event_secret: SecretStr | None = Field(None, description="secret that signs notifications to webhooks (HMAC)")
    public_url: str | None = Field(None, description="public address of the platform, such as https://cs2.example.org")
    steam_openid_url: str = Field(
        "https://steamcommunity.com/openid/login", description="OpenID provider for signing in through Steam"
    )
    ballchasing_key: SecretStr | None = Field(
        None, description="API key for ballchasing.com, the source of Rocket League games; default: no games are read"
    )
    ballchasing_players: str = Field(
        "",
        description="Rocket League players whose games are read, comma-separated: steam:7656…, epic:…, ps4:…, xbox:…",
    )
    ballchasing_url: str = Field("https://ballchasing.com/api", description="address of ballchasing.com's API")
    gateway_port: Port = Field(8080, description="port of the platform's API and pages")

    service_workers: int = Field(1, ge=1, description="worker processes of the prediction service")
    served_models: str = Field(
        default_factory=lambda: ",".join(spec.name for spec in catalog.served()),
        description="registered models to serve, comma-separated",
    )
    reload_interval: float = Field(5.0, gt=0, description="seconds between checks of MLflow's champion aliases")
    max_body_bytes: int = Field(8 * 2**20, gt=0, description="largest request body the services accept")
    body_timeout: float = Field(10.0, gt=0, description="seconds a client may take to send a request's body")
    max_in_flight: int = Field(
        512, gt=0, description="requests in progress per worker; further ones are answered with 429"
    )
    admin_token: SecretStr | None = Field(None, description="opens the admin routes; without it they are closed")
    api_keys: SecretStr | None = Field(
        None, description="SHA-256 hex digests of keys that open everything but the admin routes, comma-separated"
    )
    api_key: SecretStr | None = Field(None, description="key that `cs2` sends to a service that requires one")
    api_key_rate: float = Field(1000.0, gt=0, description="requests per second for each API key")
    cors_origins: str = Field("", description="origins whose pages may call the services, comma-separated, or *")
    prediction_log: bool = Field(False, description="log every prediction as Parquet")
    prediction_log_max_bytes: int = Field(2**30, gt=0, description="disk space for the prediction log, in bytes")

    @field_validator("home")
    @classmethod
    def _can_be_a_folder(cls, home: Path) -> Path:
        nearest = next(path for path in (home.absolute(), *home.absolute().parents) if path.exists())
        if not nearest.is_dir():
            raise ValueError(f"{nearest} is a file")
        return home

    @property
    def embedded_database(self) -> Path:
        """The SQLite demo database used when no server is named."""
        return self.home / "demos.sqlite"

    def resolved_uploads_url(self) -> str:
        """Where uploaded files are."""
        return self.uploads_url or str((self.home / "uploads").resolve())

    def resolved_database_url(self) -> str:
        """The demo database's address. May hold a password: never print it."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.embedded_database.resolve()}"

    def resolved_records_url(self) -> str:
        """The address of the platform's own records. May hold a password: never print it."""
        if self.records_url is not None:
            return self.records_url.get_secret_value()
        return f"sqlite:///{(self.home / 'records.db').resolve()}"

    def has_records(self) -> bool:
        """Whether there are records that somebody else made: a server that was named, or the file in the home."""
        return self.records_url is not None or (self.home / "records.db").exists()

    def resolved_tracking_uri(self) -> str:
        """MLflow's address. May hold a password: never print it."""
        if self.mlflow_tracking_uri is not None:
            return self.mlflow_tracking_uri.get_secret_value()
        return f"sqlite:///{(self.home / 'mlflow.db').resolve()}"

    def served_model_names(self) -> tuple[str, ...]:
        """The registered models the service answers with."""
        return tuple(name.strip() for name in self.served_models.split(",") if name.strip())

    @property
    def champion_cache(self) -> Path:
        """Where the service keeps the champions it fetched: one folder per MLflow, never mixed."""
        store = hashlib.sha256(self.resolved_tracking_uri().encode()).hexdigest()[:12]
        return self.home / "champions" / store

    @property
    def prediction_log_folder(self) -> Path:
        """Where the service keeps its predictions, when told to."""
        return self.home / "predictions"

    @property
    def data_docs_folder(self) -> Path:
        """Where the data docs are: the pipeline writes them, the gateway shows them."""
        return self.data_docs or self.home / "data_docs"

    def address(self, port: int) -> str:
        """Where a browser on this machine finds what listens on a port."""
        return f"http://{self.host}:{port}"

    def resolved_data_url(self) -> str:
        """The base address of stored tables."""
        return self.data_url or str((self.home / "data").resolve())


def load() -> Settings:
    """The settings as the environment has them now.

    Raises:
        SettingsError: some are wrong.
    """
    try:
        return Settings()  # type: ignore[call-arg]  # every field has a default
    except ValidationError as error:
        # Not chained: pydantic's text would show the values of secrets.
        raise SettingsError(explained(error)) from None


def explained(error: ValidationError) -> str:
    """A sentence for each wrong setting: its variable, its value unless secret, and what is expected."""
    sentences = []
    for one in error.errors():
        name = str(one["loc"][0])
        field = Settings.model_fields[name]
        expected = kind(field)
        value = "(hidden)" if "secret" in expected else repr(str(one["input"]))
        reason = f"; {one['ctx']['error']}" if one["type"] == "value_error" else ""
        sentences.append(f"CS2_{name.upper()} is {value}; expected: {expected} ({field.description}){reason}")
    return "; ".join(sentences)
