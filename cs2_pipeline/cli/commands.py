"""The table of commands with their options and help. Each hands on to the module that does the work."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cs2_pipeline import settings as settings_module

app = typer.Typer(
    name="cs2",
    help="Counter-Strike 2 machine learning whose probabilities can be trusted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
ingest = typer.Typer(help="Bring data in: demo files, or the public snapshot file.", no_args_is_help=True)
models = typer.Typer(help="Registered models: list, show, promote, roll back.", no_args_is_help=True)
predict = typer.Typer(help="Ask the prediction service.", no_args_is_help=True)
app.add_typer(ingest, name="ingest")
app.add_typer(models, name="models")
app.add_typer(predict, name="predict")

Json = Annotated[bool, typer.Option("--json", help="Answer with JSON and nothing else.")]


class Trained(StrEnum):
    """What to train."""

    ROUND = "round"
    PLAYER = "player"
    ALL = "all"


@app.command()
def demo(
    matches: Annotated[int, typer.Option(min=1, help="Matches to simulate when there is no demo database yet.")] = 800,
) -> None:
    """Run everything once: data, checks, training, promotion, the service, two predictions."""
    from cs2_pipeline.cli.demo import run

    run(settings_module.load(), matches)


@app.command()
def up() -> None:
    """Keep the Dagster UI, MLflow and the prediction service running until Ctrl-C."""
    from cs2_pipeline.cli.up import run

    run(settings_module.load())


@app.command()
def simulate(
    matches: Annotated[int, typer.Option(min=1, help="How many matches.")] = 400,
    seed: Annotated[int | None, typer.Option(help="Same seed, same database. Default: CS2_SEED.")] = None,
    equal_skill: Annotated[
        bool,
        typer.Option("--equal-skill", help="Players of equal skill, and the exact probabilities beside the database."),
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the embedded database if there is one.")] = False,
    json: Json = False,
) -> None:
    """Fill the embedded demo database with simulated matches."""
    from cs2_pipeline.cli.data import simulate as run

    run(settings_module.load(), matches=matches, seed=seed, equal_skill=equal_skill, replace=replace, as_json=json)


@ingest.command("snapshots")
def ingest_snapshots(
    file: Annotated[Path, typer.Argument(help="csgo_round_snapshots.csv or .csv.gz")], json: Json = False
) -> None:
    """Read the public CS:GO round winner file: recover its matches and rounds, repair its labels."""
    from cs2_pipeline.cli.data import ingest_snapshots as run

    run(settings_module.load(), file, as_json=json)


@ingest.command("demos")
def ingest_demos(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Demo files, folders of them, or folders of per-event Parquet files.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Show the quarantine list and do nothing else.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Try quarantined files again.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Demos parsed at a time. Default: one per core.")] = None,
    json: Json = False,
) -> None:
    """Parse CS2 demos into the embedded demo database, each exactly once."""
    from cs2_pipeline.cli.data import failed_demos
    from cs2_pipeline.cli.data import ingest_demos as run

    settings = settings_module.load()
    if failed:
        failed_demos(settings, as_json=json)
    else:
        run(settings, paths or [], retry=retry, workers=workers, as_json=json)


@app.command()
def train(
    what: Annotated[Trained, typer.Argument(help="Which model.")] = Trained.ALL,
    published: Annotated[
        bool, typer.Option("--published", help="Train the round model on ingested snapshots, not on the demo database.")
    ] = False,
    json: Json = False,
) -> None:
    """Extract what is new, build the datasets, train, evaluate and promote what earned it."""
    from cs2_pipeline.cli.training import run

    run(settings_module.load(), what.value, published=published, as_json=json)


@models.command("list")
def models_list(json: Json = False) -> None:
    """All versions with their test figures, and the history of decisions."""
    from cs2_pipeline.cli.models import show_all

    show_all(settings_module.load(), as_json=json)


@models.command("show")
def models_show(
    name: Annotated[str, typer.Argument(help="round_predictor or player_classifier")],
    version: Annotated[str | None, typer.Argument(help="Version number. Default: the champion.")] = None,
    json: Json = False,
) -> None:
    """One version: where it came from, its figures, the verdict on it."""
    from cs2_pipeline.cli.models import show

    show(settings_module.load(), name, version, as_json=json)


@models.command("promote")
def models_promote(
    name: Annotated[str, typer.Argument(help="round_predictor or player_classifier")],
    version: Annotated[str, typer.Argument(help="Version number.")],
    force: Annotated[bool, typer.Option("--force", help="Promote although the evidence does not ask for it.")] = False,
    reason: Annotated[str, typer.Option(help="Why. Required with --force; kept in the history.")] = "",
) -> None:
    """Promote a version that earned it; with --force and a reason, any version."""
    from cs2_pipeline.cli.models import promote

    promote(settings_module.load(), name, version, force=force, reason=reason)


@models.command("rollback")
def models_rollback(
    name: Annotated[str, typer.Argument(help="round_predictor or player_classifier")],
    reason: Annotated[str, typer.Option(help="Why; kept in the history.")],
) -> None:
    """Return to the previous champion. The service follows by itself."""
    from cs2_pipeline.cli.models import rollback

    rollback(settings_module.load(), name, reason=reason)


@predict.command("round")
def predict_round(
    state: Annotated[
        list[str] | None,
        typer.Argument(help="Fields as name=value, such as ct_alive=4; the others keep the example's."),
    ] = None,
    json: Json = False,
) -> None:
    """Who wins the round from here?"""
    from cs2_pipeline.cli.predict import predict_round as run

    run(settings_module.load(), state or [], as_json=json)


@app.command()
def doctor(json: Json = False) -> None:
    """Check every setting and connection, and say what to do about what is wrong."""
    from cs2_pipeline.cli.doctor import run

    run(settings_module.load(), as_json=json)
