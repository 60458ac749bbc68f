"""The table of commands with their options and help. Each calls the module that does the work."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cs2_pipeline import settings as settings_module
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.spec import ModelSpec, Serving
from cs2_pipeline.cli import fields

app = typer.Typer(
    name="cs2",
    help="Counter-Strike 2 machine learning with calibrated probabilities.",
    epilog="By default everything is kept in the folder .cs2; docs/settings.md lists the settings. "
    "Exit status: 0 success, 1 failure, 2 usage error.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
ingest = typer.Typer(
    help="Import data: demo files, exports of other programs, the public snapshot file.", no_args_is_help=True
)
models = typer.Typer(help="Registered models: list, show, promote, roll back.", no_args_is_help=True)
predict = typer.Typer(help="Query the running prediction service about a round or a player.", no_args_is_help=True)

NAMES = " or ".join(catalog.names())
keys = typer.Typer(help="API keys: create, list, revoke.", no_args_is_help=True)
users = typer.Typer(help="User accounts.", no_args_is_help=True)
uploads = typer.Typer(help="Recordings of an account: send, list, delete.", no_args_is_help=True)

START, DATA, MODELS, ACCESS = "Start here", "Data", "Models and predictions", "Access"


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(version("cs2-pipeline"))
        raise typer.Exit


def _examples(*commands: str) -> str:
    """The end of a command's help."""
    return "\n\n".join(("Example:" if len(commands) == 1 else "Examples:", *commands))


@app.callback()
def cs2(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Counter-Strike 2 machine learning with calibrated probabilities."""


_TRAINED = [*(spec.command for spec in catalog.MODELS), "all"]
Trained = StrEnum("Trained", _TRAINED)  # type: ignore[misc]  # mypy knows no enum made from a table
_ALL = Trained("all")

Json = Annotated[bool, typer.Option("--json", help="Print JSON only.")]


DEMO_MATCHES = 800
"""What both models need to earn promotion on simulated play."""


@app.command(
    rich_help_panel=START,
    epilog=_examples("cs2 demo", "CS2_HOME=/some/folder cs2 demo --matches 1600", "cs2 demo --exports exports/"),
)
def demo(
    matches: Annotated[
        int, typer.Option(min=1, help="Matches to simulate if there is no demo database yet.")
    ] = DEMO_MATCHES,
    exports: Annotated[
        list[Path] | None, typer.Option(help="Use real matches instead: files for `cs2 ingest exports`.")
    ] = None,
    date: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Date of exports that have none.")] = None,
) -> None:
    """Run everything once: data, checks, training, promotion, the service and two predictions."""
    from cs2_pipeline.cli.demo import run

    run(settings_module.load(), matches, exports or [], date.date() if date else None)


@app.command(rich_help_panel=START, epilog=_examples("cs2 up", "CS2_SERVICE_PORT=8001 cs2 up"))
def up(
    live: Annotated[
        bool | None,
        typer.Option(
            "--live/--no-live", help="Also run simulated live matches. Default: only with the embedded database."
        ),
    ] = None,
) -> None:
    """Run the website and API, the Dagster UI, MLflow and the prediction service until Ctrl-C."""
    from cs2_pipeline.cli.up import run

    run(settings_module.load(), live=live)


@app.command(rich_help_panel=START, epilog=_examples("cs2 doctor", "cs2 doctor --json"))
def doctor(json: Json = False) -> None:
    """Check every setting and connection, and say how to fix what is wrong."""
    from cs2_pipeline.cli.doctor import run

    run(settings_module.load(), as_json=json)


@app.command(
    rich_help_panel=DATA, epilog=_examples("cs2 simulate --matches 2000", "cs2 simulate --equal-skill --replace")
)
def simulate(  # noqa: PLR0917  # one argument for each option
    matches: Annotated[int, typer.Option(min=1, help="Number of matches.")] = DEMO_MATCHES,
    seed: Annotated[
        int | None, typer.Option(help="Random seed; the same seed gives the same database. Default: CS2_SEED.")
    ] = None,
    equal_skill: Annotated[
        bool,
        typer.Option(
            "--equal-skill",
            help="Make all players equally skilled and store the exact probabilities next to the database.",
        ),
    ] = False,
    like_real: Annotated[
        bool, typer.Option("--like-real", help="Pace, plants, sides and buys as in professional CS2.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing embedded database.")] = False,
    json: Json = False,
) -> None:
    """Fill the embedded demo database with simulated matches."""
    from cs2_pipeline.cli.data import say_what_is_next
    from cs2_pipeline.cli.data import simulate as run

    settings = settings_module.load()
    run(
        settings,
        matches=matches,
        seed=seed,
        equal_skill=equal_skill,
        like_real=like_real,
        replace=replace,
        as_json=json,
    )
    if not json:
        say_what_is_next(settings)


@ingest.command("snapshots", epilog=_examples("cs2 ingest snapshots csgo_round_snapshots.csv.gz"))
def ingest_snapshots(
    file: Annotated[Path, typer.Argument(help="csgo_round_snapshots.csv or .csv.gz")], json: Json = False
) -> None:
    """Import the public CS:GO round winner file: recover its matches and rounds, repair its labels."""
    from cs2_pipeline.cli.data import ingest_snapshots as run

    run(settings_module.load(), file, as_json=json)


@ingest.command(
    "series", epilog=_examples("cs2 ingest series series.csv.gz", "cs2 ingest series series.csv.gz --maps maps.csv.gz")
)
def ingest_series(
    file: Annotated[
        Path, typer.Argument(help="A .csv or .csv.gz with date, both teams and winner; line-ups if known.")
    ],
    maps: Annotated[
        Path | None, typer.Option(help="A .csv or .csv.gz of maps: date, both teams, and the rounds each won.")
    ] = None,
    json: Json = False,
) -> None:
    """Import a table of played series, for when you have results but no demos."""
    from cs2_pipeline.cli.data import ingest_series as run

    run(settings_module.load(), file, maps, as_json=json)


@ingest.command(
    "demos",
    epilog=_examples(
        "cs2 ingest demos recordings/",
        "cs2 ingest demos game.dem --date 2026-03-01",
        "cs2 ingest demos --failed --json",
    ),
)
def ingest_demos(  # noqa: PLR0917  # one argument for each option
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Demo files, folders of them, or folders of per-event Parquet files.")
    ] = None,
    date: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Date of matches whose recording has none in its name."),
    ] = None,
    file_times: Annotated[
        bool, typer.Option("--file-times", help="Take a file's modification time where no date is known.")
    ] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only show the quarantine list.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Try quarantined files again.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Demos to parse in parallel. Default: one per core.")
    ] = None,
    json: Json = False,
) -> None:
    """Parse CS2 demos into the embedded demo database, each exactly once."""
    from cs2_pipeline.cli.data import failed_demos
    from cs2_pipeline.cli.data import ingest_demos as run

    settings = settings_module.load()
    if failed:
        failed_demos(settings, as_json=json)
    else:
        run(
            settings,
            paths or [],
            played_on=date.date() if date else None,
            file_times=file_times,
            retry=retry,
            workers=workers,
            as_json=json,
        )


@ingest.command(
    "exports",
    epilog=_examples("cs2 ingest exports exports/", "cs2 ingest exports match.json.gz --date 2024-03-09"),
)
def ingest_exports(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="JSON from cs-demo-analyzer, CSV from CS Demo Manager, or zips and folders of them."),
    ] = None,
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Date of matches whose export has none.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only show the quarantine list.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Try quarantined files again.")] = False,
    json: Json = False,
) -> None:
    """Import matches exported by other programs into the embedded demo database, each exactly once."""
    from cs2_pipeline.cli.data import failed_demos
    from cs2_pipeline.cli.data import ingest_exports as run

    settings = settings_module.load()
    if failed:
        failed_demos(settings, as_json=json)
    else:
        run(settings, paths or [], played_on=date.date() if date else None, retry=retry, as_json=json)


@app.command(rich_help_panel=MODELS, epilog=_examples("cs2 train", "cs2 train round --published"))
def train(
    what: Annotated[Trained, typer.Argument(help="Model to train.")] = _ALL,
    published: Annotated[
        bool, typer.Option("--published", help="Train the round or match model on data ingested from a file.")
    ] = False,
    json: Json = False,
) -> None:
    """Extract new data, build the datasets, train, evaluate, and promote models that pass."""
    from cs2_pipeline.cli.training import run

    run(settings_module.load(), what.value, published=published, as_json=json)


@models.command("list", epilog=_examples("cs2 models list"))
def models_list(json: Json = False) -> None:
    """List all versions with their test figures, and the history of decisions."""
    from cs2_pipeline.cli.models import show_all

    show_all(settings_module.load(), as_json=json)


@models.command(
    "show", epilog=_examples("cs2 models show round_predictor", "cs2 models show player_classifier 2 --json")
)
def models_show(
    name: Annotated[str, typer.Argument(help=NAMES)],
    version: Annotated[str | None, typer.Argument(help="Version number. Default: the champion.")] = None,
    json: Json = False,
) -> None:
    """Show one version: its origin, its figures and the verdict on it."""
    from cs2_pipeline.cli.models import show

    show(settings_module.load(), name, version, as_json=json)


@models.command(
    "promote",
    epilog=_examples(
        "cs2 models promote round_predictor 3", "cs2 models promote round_predictor 2 --force --reason 'known good'"
    ),
)
def models_promote(
    name: Annotated[str, typer.Argument(help=NAMES)],
    version: Annotated[str, typer.Argument(help="Version number.")],
    force: Annotated[bool, typer.Option("--force", help="Promote even if the evaluation did not pass.")] = False,
    reason: Annotated[str, typer.Option(help="Why. Required with --force; kept in the history.")] = "",
) -> None:
    """Promote a version that passed its evaluation; with --force and a reason, any version."""
    from cs2_pipeline.cli.models import promote

    promote(settings_module.load(), name, version, force=force, reason=reason)


@models.command("rollback", epilog=_examples("cs2 models rollback round_predictor --reason 'odd on de_train'"))
def models_rollback(
    name: Annotated[str, typer.Argument(help=NAMES)],
    reason: Annotated[str, typer.Option(help="Why; kept in the history.")],
) -> None:
    """Return to the previous champion. The service picks it up by itself."""
    from cs2_pipeline.cli.models import rollback

    rollback(settings_module.load(), name, reason=reason)


Assignments = Annotated[
    list[str] | None,
    typer.Argument(
        help="The same fields as name=value, spelled as in a request.", metavar="NAME=VALUE", show_default=False
    ),
]


def _asking(spec: ModelSpec, serving: Serving) -> None:
    """Add the command that asks a model."""
    options = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in list(serving.example.items())[:3])

    @predict.command(
        spec.command, help=f"{serving.question}\n\n{_ASKS}", epilog=_examples(f"cs2 predict {spec.command} {options}")
    )
    @fields.options(serving.fields)
    def ask(assignments: Assignments = None, json: Json = False, **by_option: str | None) -> None:
        from cs2_pipeline.cli.predict import predict as run

        run(settings_module.load(), spec, by_option, assignments or [], as_json=json)


_ASKS = "Needs the prediction service, which `cs2 up` runs. Fields that are not given are as in the README's example."
for _spec in catalog.MODELS:
    if _spec.serving is not None:
        _asking(_spec, _spec.serving)


@keys.command(
    "create",
    epilog=_examples("cs2 keys create 'my bot' --scope forecast", "cs2 keys create feed --scope live:write --rate 500"),
)
def keys_create(  # noqa: PLR0917  # one argument for each option
    name: Annotated[str, typer.Argument(help="A name for the key, such as the program that uses it.")],
    scope: Annotated[
        list[str],
        typer.Option(help="What it allows: predict, forecast, live:read, live:write, upload, admin. Repeatable."),
    ],
    user: Annotated[str | None, typer.Option(help="The account the key acts for. Uploads need one.")] = None,
    rate: Annotated[float, typer.Option(help="Requests per second.")] = 100.0,
    daily_quota: Annotated[int | None, typer.Option(help="Requests per day. Default: no limit.")] = None,
    json: Json = False,
) -> None:
    """Create a key and show it, only this once. As soon as there is a key, every caller needs one."""
    from cs2_pipeline.cli.keys import create

    create(settings_module.load(), name, scope, username=user, rate=rate, daily_quota=daily_quota, as_json=json)


@keys.command("list", epilog=_examples("cs2 keys list"))
def keys_list(json: Json = False) -> None:
    """List all keys ever created with their scopes and limits, but not the keys themselves."""
    from cs2_pipeline.cli.keys import show

    show(settings_module.load(), as_json=json)


@keys.command("revoke", epilog=_examples("cs2 keys revoke 1f2e3d4c"))
def keys_revoke(identifier: Annotated[str, typer.Argument(help="The key's id, as `cs2 keys list` shows it.")]) -> None:
    """Revoke a key."""
    from cs2_pipeline.cli.keys import revoke

    revoke(settings_module.load(), identifier)


@users.command("create-admin", epilog=_examples("cs2 users create-admin anna anna@example.org"))
def users_create_admin(
    username: Annotated[str, typer.Argument(help="User name to sign in with.")],
    email: Annotated[str, typer.Argument(help="E-mail address.")],
) -> None:
    """Create an administrator account; prompts for the password, or reads it from standard input."""
    from cs2_pipeline.cli.keys import create_admin

    create_admin(settings_module.load(), username, email)


@app.command("player", rich_help_panel=START, epilog=_examples("cs2 player 'a name'", "cs2 player 76561198000000001"))
def show_player(
    name: Annotated[str, typer.Argument(help="SteamID, or the player's name.")], json: Json = False
) -> None:
    """Show a player's skill card: percentiles among peers with intervals, known weaknesses, what is not known."""
    from cs2_pipeline.cli.player import show

    show(settings_module.load(), name, as_json=json)


@app.command("match", rich_help_panel=START, epilog=_examples("cs2 match 1", "cs2 match --list", "cs2 match 1 --json"))
def show_match(
    match: Annotated[str | None, typer.Argument(help="Id of a live match, or of one in the demo database.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the newest live matches.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Number of matches to list.")] = 20,
    json: Json = False,
) -> None:
    """Plot a match's win probability and what moved it."""
    from cs2_pipeline.cli import match as matches

    if listed or match is None:
        matches.listed(settings_module.load(), limit=limit, as_json=json)
    else:
        matches.show(settings_module.load(), match, as_json=json)


live = typer.Typer(help="Live matches: simulate, replay, verify, consume.", no_args_is_help=True)
dead_letters = typer.Typer(help="Live events that could not be processed.", no_args_is_help=True)
live.add_typer(dead_letters, name="dead-letters")
Speed = Annotated[
    float, typer.Option(min=0, help="1: as played; 10: ten times as fast; 0: as fast as the gateway accepts.")
]
Gateway = Annotated[str | None, typer.Option("--url", help="Address of the gateway. Default: the one on this machine.")]


As = Annotated[
    str | None,
    typer.Option(
        "--user", help="The account; its password is asked for, or read from standard input. Default: CS2_API_KEY's."
    ),
]


@uploads.command(
    "send",
    epilog=_examples(
        "cs2 uploads send match.dem --user anna", "CS2_API_KEY=… cs2 uploads send *.dem --date 2026-03-01 --json"
    ),
)
def uploads_send(  # noqa: PLR0917  # one argument for each option
    files: Annotated[
        list[Path], typer.Argument(help="Demos (.dem), exports (.json, .json.gz, .zip), replays (.replay).")
    ],
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="UTC day of matches whose file does not say it.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the files were read.")] = True,
    user: As = None,
    url: Gateway = None,
    json: Json = False,
) -> None:
    """Send recordings of your matches to the gateway; says of each whether it was kept, known or quarantined, and why.

    Exit status 1 if a file was not taken or is in quarantine.
    """
    from cs2_pipeline.cli.uploads import send

    day = date.date() if date else None
    send(settings_module.load(), files, username=user, url=url, played_on=day, wait=wait, as_json=json)


@uploads.command("list", epilog=_examples("cs2 uploads list --user anna"))
def uploads_list(user: As = None, url: Gateway = None, json: Json = False) -> None:
    """List your uploads with what became of each, the newest first."""
    from cs2_pipeline.cli.uploads import show

    show(settings_module.load(), username=user, url=url, as_json=json)


@uploads.command("delete", epilog=_examples("cs2 uploads delete 1f2e3d4c5b6a --user anna"))
def uploads_delete(
    identifiers: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids, as `cs2 uploads list` shows them.")],
    user: As = None,
    url: Gateway = None,
) -> None:
    """Delete uploads and their files. Matches that were read from them stay: they belong to everybody who played."""
    from cs2_pipeline.cli.uploads import delete

    delete(settings_module.load(), identifiers, username=user, url=url)


@live.command("simulate", epilog=_examples("cs2 live simulate", "cs2 live simulate --matches 100 --speed 10"))
def live_simulate(
    matches: Annotated[int, typer.Option(min=1, max=1000, help="Number of simultaneous matches.")] = 4,
    speed: Speed = 1.0,
    url: Gateway = None,
) -> None:
    """Send simulated matches to the running gateway, as if they were being played now."""
    from cs2_pipeline.cli.live_matches import simulated

    simulated(settings_module.load(), matches=matches, speed=speed, url=url)


@live.command("replay", epilog=_examples("cs2 live replay 1", "cs2 live replay match.json.gz --speed 20"))
def live_replay(
    match: Annotated[
        str, typer.Argument(help="A match's Id in the demo database, or a .dem file, an export, a folder of events.")
    ],
    speed: Speed = 1.0,
    url: Gateway = None,
) -> None:
    """Send a recorded match to the running gateway, as if it were being played now."""
    from cs2_pipeline.cli.live_matches import replayed

    replayed(settings_module.load(), match, speed=speed, url=url)


@live.command("verify", epilog=_examples("cs2 live verify 0b5c8f0e-2f6c-5d43-9c38-0d6ee2a1f3f5"))
def live_verify(match: Annotated[str, typer.Argument(help="A live match's id.")], json: Json = False) -> None:
    """Recompute a match from its events, also shuffled and repeated: state and prices must not change."""
    from cs2_pipeline.cli.live import verified

    verified(settings_module.load(), match, as_json=json)


@live.command("consume", epilog=_examples("CS2_REDIS_URL=redis://localhost cs2 live consume"))
def live_consume(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of /readyz and /metrics.")] = 9102,
) -> None:
    """Price live matches in a separate process, next to the gateway, until Ctrl-C."""
    from cs2_pipeline.cli.live import consume

    consume(settings_module.load(), port)


@dead_letters.command("list", epilog=_examples("cs2 live dead-letters list --json"))
def dead_letters_list(
    limit: Annotated[int, typer.Option(min=1, help="Number of events, newest first.")] = 100, json: Json = False
) -> None:
    """List the newest events that could not be processed, with the reason."""
    from cs2_pipeline.cli.live import letters

    letters(settings_module.load(), limit=limit, as_json=json)


@dead_letters.command("show", epilog=_examples("cs2 live dead-letters show 3f1c > fixed.json"))
def dead_letters_show(identifier: Annotated[str, typer.Argument(help="Id of the dead letter.")]) -> None:
    """Print an event that could not be processed, as it was sent."""
    from cs2_pipeline.cli.live import letter

    letter(settings_module.load(), identifier)


@dead_letters.command("retry", epilog=_examples("cs2 live dead-letters retry 3f1c fixed.json"))
def dead_letters_retry(
    identifier: Annotated[str, typer.Argument(help="Id of the dead letter.")],
    corrected: Annotated[Path | None, typer.Argument(exists=True, dir_okay=False, help="The corrected event.")] = None,
) -> None:
    """Submit an event again, unchanged or corrected."""
    from cs2_pipeline.cli.live import retry

    retry(settings_module.load(), identifier, corrected)


app.add_typer(live, name="live", rich_help_panel=MODELS)


@app.command(
    rich_help_panel=MODELS,
    epilog=_examples(
        "cs2 forecast --team 'Northern Lights' --team Lotus --best-of 3",
        "cs2 forecast --team 1f2e3d --team Lotus --map de_nuke --best-of 1",
    ),
)
def forecast(
    team: Annotated[list[str], typer.Option(help="A team's name or id. Give it twice.")],
    best_of: Annotated[int, typer.Option(help="Best of 1, 3 or 5 maps.")] = 3,
    map: Annotated[list[str] | None, typer.Option(help="A map already chosen, in playing order. Repeatable.")] = None,
    score: Annotated[str | None, typer.Option(help="Maps won so far, such as 1:0.")] = None,
    json: Json = False,
) -> None:
    """Forecast the winner of a series. Needs the gateway, which `cs2 up` runs; every answer is kept in the ledger."""
    from cs2_pipeline.cli.forecast import run

    run(settings_module.load(), team, best_of=best_of, maps=map or [], score=score, as_json=json)


app.add_typer(ingest, name="ingest", rich_help_panel=DATA)
app.add_typer(uploads, name="uploads", rich_help_panel=DATA)
app.add_typer(models, name="models", rich_help_panel=MODELS)
app.add_typer(predict, name="predict", rich_help_panel=MODELS)
app.add_typer(keys, name="keys", rich_help_panel=ACCESS)
app.add_typer(users, name="users", rich_help_panel=ACCESS)
