"""Dagster's resources: one for each outside system, and the platform that they make up.

What each says can be read and set in the Dagster UI, for a code location or for a run. They hold addresses and
options only; `PlatformResource` builds the plain objects that assets work with (`defs.platform.Platform`). An address
that came from the environment is given as an `EnvVar`: the UI shows the variable's name, never its value.
"""

import os
from typing import Any, Final

import dagster as dg
from pydantic import Field, SecretStr

from cs2_pipeline.defs.io import TableIOManager
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.settings import Settings


class DemoDatabaseResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The demo database that is extracted from. It is only read."""

    url: str | None = Field(None, description="SQLAlchemy URL, mssql:// address or ODBC string; default: SQLite")


class MLflowResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """MLflow: runs, registered versions and the aliases of champions."""

    tracking_uri: str | None = Field(None, description="server or store; default: SQLite in the home")


class DataStoreResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where extracted tables, training tables and verdicts are kept."""

    url: str | None = Field(None, description="a folder or any fsspec address; default: data/ in the home")


class RecordsResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The platform's own records: accounts, the ledger of forecasts, directories."""

    url: str | None = Field(None, description="postgresql://user:password@host/name; default: SQLite in the home")


class EventStoreResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The history of live events, which finished matches are read from."""

    url: str | None = Field(None, description="clickhouse://user:password@host/name; default: SQLite in the home")


class WebhookResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where failures and quarantines are told."""

    url: str | None = Field(None, description="URL in the format of Slack's incoming webhooks; default: the log")


class BallchasingResource(dg.ConfigurableResource[None]):
    """The site that Rocket League games are read from; without a key nothing is asked for."""

    key: str | None = Field(None, description="key of the site's API")
    players: str = Field("", description="players whose games are read, comma-separated")
    address: str = Field(description="address of the site's API")


class PlatformResource(dg.ConfigurableResource[Platform]):
    """The platform that assets, checks and sensors work on: the outside systems, and how it learns."""

    demo_database: dg.ResourceDependency[DemoDatabaseResource]
    mlflow: dg.ResourceDependency[MLflowResource]
    data_store: dg.ResourceDependency[DataStoreResource]
    records: dg.ResourceDependency[RecordsResource]
    event_store: dg.ResourceDependency[EventStoreResource]
    webhook: dg.ResourceDependency[WebhookResource]
    ballchasing: dg.ResourceDependency[BallchasingResource]
    home: str = Field(description="folder of everything kept locally")
    exports_url: str | None = Field(None, description="folder watched for exports of other programs")
    first_day: str = Field(description="first day that is extracted")
    snapshot_interval: float = Field(description="seconds between two snapshots of a round")
    retrain_after_rounds: int = Field(description="new rounds since the last training that start the next one")
    training_days: int | None = Field(None, description="newest match days the round model learns from; default: all")
    seed: int = Field(description="seed of training and resampling")

    def create_resource(self, _context: dg.InitResourceContext) -> Platform:
        """The plain object; nothing is opened yet."""
        given = {
            "database_url": self.demo_database.url,
            "mlflow_tracking_uri": self.mlflow.tracking_uri,
            "data_url": self.data_store.url,
            "records_url": self.records.url,
            "event_store_url": self.event_store.url,
            "webhook_url": self.webhook.url,
            "ballchasing_key": self.ballchasing.key,
            "ballchasing_players": self.ballchasing.players,
            "ballchasing_url": self.ballchasing.address,
        }
        return Platform(Settings.model_validate(given | {name: getattr(self, name) for name in _OPTIONS}))


_OPTIONS: Final = (
    "home",
    "exports_url",
    "first_day",
    "snapshot_interval",
    "retrain_after_rounds",
    "training_days",
    "seed",
)
"""The settings that are options of the platform's resource, by the same names."""


class TableIOManagerResource(dg.ConfigurableIOManagerFactory[TableIOManager]):
    """Keeps the values of assets in the data store: tables as Parquet, documents as JSON."""

    platform: dg.ResourceDependency[Platform]

    def create_io_manager(self, _context: dg.InitResourceContext) -> TableIOManager:
        """The manager over the platform's tables."""
        return TableIOManager(self.platform.tables)


def build(settings: Settings) -> dict[str, Any]:
    """All resources for the given settings, by key. Each may be set anew for a run; what builds on it follows."""
    systems = {
        "demo_database": DemoDatabaseResource.configure_at_launch(url=_given(settings, "database_url")),
        "mlflow": MLflowResource.configure_at_launch(tracking_uri=_given(settings, "mlflow_tracking_uri")),
        "data_store": DataStoreResource.configure_at_launch(url=settings.data_url),
        "records": RecordsResource.configure_at_launch(url=_given(settings, "records_url")),
        "event_store": EventStoreResource.configure_at_launch(url=_given(settings, "event_store_url")),
        "webhook": WebhookResource.configure_at_launch(url=_given(settings, "webhook_url")),
        "ballchasing": BallchasingResource.configure_at_launch(
            key=_given(settings, "ballchasing_key"),
            players=settings.ballchasing_players,
            address=settings.ballchasing_url,
        ),
    }
    options = {name: getattr(settings, name) for name in _OPTIONS}
    options |= {"home": str(settings.home), "first_day": settings.first_day.isoformat()}
    platform = PlatformResource.configure_at_launch(**systems, **options)
    return {**systems, "platform": platform, "io_manager": TableIOManagerResource(platform=platform)}  # type: ignore[arg-type]  # the resource that makes one


def _given(settings: Settings, name: str) -> str | None:
    """An address as a resource holds it: the variable's name where it came from the environment."""
    secret: SecretStr | None = getattr(settings, name)
    if secret is None:
        return None
    variable = f"CS2_{name.upper()}"
    in_environment = os.environ.get(variable) == secret.get_secret_value()
    return dg.EnvVar(variable) if in_environment else secret.get_secret_value()
