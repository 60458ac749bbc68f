"""`cs2 up`: the pages and the API, the Dagster UI, MLflow and the prediction service, until Ctrl-C."""

from contextlib import nullcontext
from typing import Final

from cs2_pipeline.cli import processes, runs
from cs2_pipeline.cli.console import note, out
from cs2_pipeline.settings import Settings

LIVE_MATCHES: Final = 4
"""Simulated matches that run where there is nothing else to watch."""


def run(settings: Settings, *, live: bool | None) -> None:
    """Run the platform's processes until interrupted; leaves none behind.

    Args:
        settings: the platform's.
        live: whether simulated matches run; None: where the demo database is the embedded one.
    """
    live = settings.database_url is None if live is None else live
    settings.home.mkdir(parents=True, exist_ok=True)
    with runs.instance(settings) as dagster:
        runs.end_killed(settings, dagster, quiet=False)
        runs.report_nothing_ingested(dagster)
    programs = [processes.dagster(settings), processes.service(settings), processes.gateway(settings)]
    if settings.mlflow_tracking_uri is None:
        programs.insert(0, processes.mlflow(settings))
    note("starting …")
    watched = ("live", "simulate", "--matches", str(LIVE_MATCHES))
    with (
        processes.running(programs, settings),
        processes.beside("live", watched, settings) if live else nullcontext(),
    ):
        for name, address in addresses(settings).items():
            out.print(f"{name:<12} {address}")
        out.print(f"logs         {settings.home / 'logs'}")
        out.print("Press Ctrl-C to stop.")
        processes.wait_until_interrupted()
        note("stopping …")
    note("stopped")


def addresses(settings: Settings) -> dict[str, str]:
    """What `cs2 up` shows in a browser, and where."""
    gateway = settings.address(settings.gateway_port)
    mlflow = f"{settings.address(settings.mlflow_port)}/#/experiments?workflowType=machine_learning"
    return {
        "pages": f"{gateway}  look here first",
        "API": f"{gateway}/docs",
        "Dagster": f"{settings.address(settings.dagster_port)}/asset-groups",
        **({"MLflow": mlflow} if settings.mlflow_tracking_uri is None else {}),
        "data docs": f"{gateway}/data-docs",
        "predictions": settings.address(settings.service_port),
    }
