"""`cs2 up`: the platform API, the Dagster UI, MLflow and the prediction service, until Ctrl-C."""

from cs2_pipeline.cli import processes, runs
from cs2_pipeline.cli.console import note, out
from cs2_pipeline.settings import Settings


def run(settings: Settings) -> None:
    """Run the platform's processes until interrupted; leaves none behind."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with runs.instance(settings) as dagster:
        runs.end_killed(settings, dagster, quiet=False)
    programs = [processes.dagster(settings), processes.service(settings), processes.gateway(settings)]
    if settings.mlflow_tracking_uri is None:
        programs.insert(0, processes.mlflow(settings))
    note("starting …")
    with processes.running(programs, settings):
        out.print(f"platform     http://{settings.host}:{settings.gateway_port}/docs")
        out.print(f"Dagster      http://{settings.host}:{settings.dagster_port}/asset-groups")
        if settings.mlflow_tracking_uri is None:
            out.print(f"MLflow       http://{settings.host}:{settings.mlflow_port}/#/models")
        out.print(f"predictions  http://{settings.host}:{settings.service_port}")
        out.print(f"logs         {settings.home / 'logs'}")
        out.print("Ctrl-C stops them all.")
        processes.wait_until_interrupted()
        note("stopping …")
    note("stopped")
