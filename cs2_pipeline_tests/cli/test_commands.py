"""The table of commands: what is typed reaches the work as it was meant, and what is not typed is the default."""

import datetime
import importlib
import sys
from pathlib import Path

import pytest
import typer

from cs2_pipeline.artifact import catalog
from cs2_pipeline.cli.commands import app
from cs2_pipeline.settings import Settings

DAY = datetime.date(2026, 3, 1)
SIMULATE = {"seed": None, "equal_skill": False, "like_real": False, "replace": False, "as_json": False}
DEMOS = {"played_on": None, "file_times": False, "retry": False, "workers": None, "as_json": False}
FORECAST = {"best_of": 3, "maps": [], "score": None, "as_json": False}
SEND = {"username": None, "url": None, "played_on": None, "wait": True, "as_json": False}
GIVEN = "given.json"


def call(line, work, *arguments, **named):
    return pytest.param(line.split(), work, arguments, named, id=line)


REACHED = [
    call("demo", "demo.run", 800, [], None),
    call("demo --matches 3 --exports x --date 2026-03-01", "demo.run", 3, [Path("x")], DAY),
    call("up", "up.run", live=None),
    call("up --live", "up.run", live=True),
    call("up --no-live", "up.run", live=False),
    call("doctor", "doctor.run", as_json=False),
    call("doctor --json", "doctor.run", as_json=True),
    call("simulate", "data.simulate", **SIMULATE | {"matches": 800}),
    call("simulate --equal-skill --seed 7", "data.simulate", **SIMULATE | {"matches": 800, "seed": 7,
                                                                           "equal_skill": True}),
    call("simulate --matches 9 --like-real --replace --json", "data.simulate", **SIMULATE | {
        "matches": 9, "like_real": True, "replace": True, "as_json": True}),
    call("ingest snapshots x.csv", "data.ingest_snapshots", Path("x.csv"), as_json=False),
    call("ingest snapshots x.csv --json", "data.ingest_snapshots", Path("x.csv"), as_json=True),
    call("ingest series x.csv", "data.ingest_series", Path("x.csv"), None, as_json=False),
    call("ingest series x.csv --maps m.csv --json", "data.ingest_series", Path("x.csv"), Path("m.csv"), as_json=True),
    call("ingest demos", "data.ingest_demos", [], **DEMOS),
    call("ingest demos a b", "data.ingest_demos", [Path("a"), Path("b")], **DEMOS),
    call("ingest demos a --date 2026-03-01 --retry --workers 2 --json", "data.ingest_demos", [Path("a")],
         **DEMOS | {"played_on": DAY, "retry": True, "workers": 2, "as_json": True}),
    call("ingest demos a --file-times", "data.ingest_demos", [Path("a")], **DEMOS | {"file_times": True}),
    call("ingest demos --failed", "data.failed_demos", as_json=False),
    call("ingest exports", "data.ingest_exports", [], played_on=None, retry=False, as_json=False),
    call("ingest exports a --date 2026-03-01 --retry --json", "data.ingest_exports", [Path("a")],
         played_on=DAY, retry=True, as_json=True),
    call("ingest exports --failed --json", "data.failed_demos", as_json=True),
    call("train", "training.run", "all", published=False, as_json=False),
    call("train round --published --json", "training.run", "round", published=True, as_json=True),
    call("models list", "models.show_all", as_json=False),
    call("models show x", "models.show", "x", None, as_json=False),
    call("models show x 2 --json", "models.show", "x", "2", as_json=True),
    call("models promote x 2", "models.promote", "x", "2", force=False, reason=""),
    call("models promote x 2 --force --reason so", "models.promote", "x", "2", force=True, reason="so"),
    call("models rollback x --reason so", "models.rollback", "x", reason="so"),
    call("keys create x --scope predict", "keys.create", "x", ["predict"], username=None, rate=100.0,
         daily_quota=None, as_json=False),
    call("keys create x --scope upload --scope admin --user u --rate 2.5 --daily-quota 9 --json", "keys.create", "x",
         ["upload", "admin"], username="u", rate=2.5, daily_quota=9, as_json=True),
    call("keys list", "keys.show", as_json=False),
    call("keys revoke x", "keys.revoke", "x"),
    call("users create-admin x y", "keys.create_admin", "x", "y"),
    call("player x", "player.show", "x", as_json=False),
    call("match", "match.listed", limit=20, as_json=False),
    call("match 1", "match.show", "1", as_json=False),
    call("match 1 --list --limit 3", "match.listed", limit=3, as_json=False),
    call("uploads send a b", "uploads.send", [Path("a"), Path("b")], **SEND),
    call("uploads send a --no-wait --json --user u --url v --date 2026-03-01", "uploads.send", [Path("a")],
         username="u", url="v", played_on=DAY, wait=False, as_json=True),
    call("uploads list", "uploads.show", username=None, url=None, as_json=False),
    call("uploads delete a b --user u", "uploads.delete", ["a", "b"], username="u", url=None),
    call("live simulate", "live_matches.simulated", matches=4, speed=1.0, url=None),
    call("live simulate --matches 2 --speed 0 --url v", "live_matches.simulated", matches=2, speed=0.0, url="v"),
    call("live replay 1", "live_matches.replayed", "1", speed=1.0, url=None),
    call("live verify x", "live.verified", "x", as_json=False),
    call("live consume", "live.consume", 9102),
    call("live dead-letters list", "live.letters", limit=100, as_json=False),
    call("live dead-letters show x", "live.letter", "x"),
    call("live dead-letters retry x", "live.retry", "x", None),
    call("live dead-letters retry x given.json", "live.retry", "x", Path(GIVEN)),
    call("forecast --team a --team b", "forecast.run", ["a", "b"], **FORECAST),
    call("forecast --team a --team b --best-of 5 --map x --map y --score 1:0 --json", "forecast.run", ["a", "b"],
         best_of=5, maps=["x", "y"], score="1:0", as_json=True),
]  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to stand in, with a file."""
    monkeypatch.chdir(tmp_path)
    Path(GIVEN).touch()


@pytest.mark.parametrize(("typed", "work", "arguments", "named"), REACHED)
def test_what_is_typed_reaches_the_work(cs2, monkeypatch, here, typed, work, arguments, named):  # noqa: PLR0917
    module, name = work.split(".")
    calls = []
    monkeypatch.setattr(
        importlib.import_module(f"cs2_pipeline.cli.{module}"),
        name,
        lambda *args, **kwargs: calls.append((args, kwargs)),
    )
    ended = cs2(*typed)
    assert ended.status == 0, ended.err
    (((settings, *reached), reached_by_name),) = calls
    assert isinstance(settings, Settings)
    assert (tuple(reached), reached_by_name) == (arguments, named)


@pytest.mark.parametrize("spec", [spec for spec in catalog.MODELS if spec.serving], ids=lambda spec: spec.name)
def test_fields_reach_the_model_that_is_asked(cs2, monkeypatch, spec):
    from cs2_pipeline.cli import predict

    calls = []
    monkeypatch.setattr(predict, "predict", lambda *args, **kwargs: calls.append((args, kwargs)))
    field = spec.serving.fields[0].name
    for typed in ([], [f"{field}=1"], [f"--{field.replace('_', '-')}", "2", "--json"]):
        assert cs2("predict", spec.command, *typed).status == 0
    assert [args[1] for args, _ in calls] == [spec] * 3
    assert [args[3] for args, _ in calls] == [[], [f"{field}=1"], []]
    assert [args[2][field] for args, _ in calls] == [None, None, "2"]
    assert [kwargs["as_json"] for _, kwargs in calls] == [False, False, True]


@pytest.mark.parametrize(("typed", "said"), [([], True), (["--json"], False)])
def test_who_filled_the_database_is_told_what_is_next_unless_a_script_reads(cs2, monkeypatch, typed, said):
    from cs2_pipeline.cli import data

    monkeypatch.setattr(data, "simulate", lambda *_, **__: None)
    assert ("next: `cs2 train`" in cs2("simulate", *typed).out) is said


def groups(group, path=()):
    yield path
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from groups(command, (*path, name))


@pytest.mark.parametrize("path", list(groups(typer.main.get_command(app))), ids=" ".join)
def test_a_group_alone_shows_its_commands(cs2, path):
    ended = cs2(*path)
    assert "Usage: " in ended.out + ended.err
    assert "Missing command" not in ended.err


def test_there_are_no_options_but_the_platforms(cs2):
    out = cs2("--help").out
    assert "--version" in out
    assert "completion" not in out


def test_a_defect_is_shown_with_its_trace_and_without_the_values_of_variables(cs2, monkeypatch, capsys):
    from cs2_pipeline.cli import doctor

    def broken(_settings, *, as_json):
        secret = "hunter2"
        raise ZeroDivisionError(f"{len(secret)} of {as_json}")

    monkeypatch.setattr(doctor, "run", broken)
    with pytest.raises(ZeroDivisionError) as defect:
        cs2("doctor")
    sys.excepthook(defect.type, defect.value, defect.tb)
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback") and "ZeroDivisionError: 7 of False" in shown
    assert "╭" not in shown and "'hunter2'" not in shown
