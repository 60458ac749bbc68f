"""`cs2 demo`: which stages run, in which order, with which models; the stages themselves have their own tests."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.cli import data, demo, forecast, predict, processes, training
from cs2_pipeline.cli.console import CliError
from cs2_pipeline.cli.runs import TooLittleDataError
from cs2_pipeline.defs import jobs
from cs2_pipeline.defs.assets import forecasts, impact
from cs2_pipeline.settings import Settings
from cs2_pipeline.training import known_truth

TRUTH = SimpleNamespace(rmse=0.01234, rows=1234, matches=12, training_matches=34)
TEAMS = [{"id": "few", "matches": 3}, {"id": "b", "matches": 9}, {"id": "a", "matches": 9}]


class Stages:
    """Stands in for the stages of the demo and writes down what was asked of them."""

    def __init__(self):
        self.champions = list(catalog.names())
        self.done, self.served, self.asked = [], None, []
        self.ledger = {"holds": True, "entries": 1}
        self.refusals = 0

    def ask(self, _settings, path, body=None):
        if path == forecast.SERIES:
            self.asked.append(body)
            if self.refusals:
                self.refusals -= 1
                raise CliError("no champion is fetched yet")
            return {"made": True}
        return {"items": TEAMS} if path.startswith("/api/v1/teams") else self.ledger

    @contextmanager
    def running(self, programs, settings):
        self.done.append(("running", *(program.name for program in programs)))
        self.served = settings.served_models
        yield

    def platform(self, _settings):
        return SimpleNamespace(models=SimpleNamespace(champion=lambda name: name if name in self.champions else None))


@pytest.fixture
def stages(monkeypatch):
    made = Stages()

    def note(what):
        return lambda *_, **__: made.done.append(what)

    monkeypatch.setattr(processes, "require_free_port", lambda program, _: made.done.append(("free", program.name)))
    monkeypatch.setattr(processes, "running", made.running)
    monkeypatch.setattr(processes, "answers", lambda _: True)
    monkeypatch.setattr(data, "simulate", lambda _, *, matches, **__: made.done.append(("simulate", matches)))
    monkeypatch.setattr(data, "ingest_exports", note("ingest"))
    monkeypatch.setattr(training, "extract_new", note("extract"))
    monkeypatch.setattr(demo, "run_job", lambda _, job, **__: made.done.append(job))
    monkeypatch.setattr(demo, "Platform", made.platform)
    monkeypatch.setattr(predict, "predict", lambda _, spec, *__, **___: made.done.append(("ask", spec.name)))
    monkeypatch.setattr(forecast, "ask", made.ask)
    monkeypatch.setattr(forecast, "show", note("show"))
    monkeypatch.setattr(known_truth, "measure", lambda **_: TRUTH)
    return made


FREE = [("free", "prediction service"), ("free", "gateway")]
RUNNING = ("running", "prediction service", "gateway")
SERVED = [spec.name for spec in catalog.served()]


def test_simulated_matches_go_through_every_stage(stages, tmp_path, capsys):
    demo.run(Settings(home=tmp_path), 12, [], None)
    assert stages.done == [
        *FREE, ("simulate", 12), "extract", jobs.TRAIN_ALL, impact.JOB, jobs.COACH, forecasts.JOB, RUNNING,
        *(("ask", name) for name in SERVED), "show",
    ]  # fmt: skip
    assert stages.served == ",".join(SERVED)
    assert stages.asked == [{"team1_id": "a", "team2_id": "b", "best_of": 3}], "those that played most"
    said = capsys.readouterr().out
    titles = [line for line in said.splitlines() if line[:1].isdigit()]
    assert titles == [
        "1  Demo database", "2  Extraction and validation", "3  Datasets, training, evaluation, promotion",
        "4  Known truth", "5  Predictions over HTTP", "6  Tonight's match",
    ]  # fmt: skip
    assert "root mean square error against the exact probability: 0.0123" in said
    assert "the ledger is intact: no entry (1 so far)" in said
    assert "`cs2 up` keeps it running. Then open:" in said and "  pages        http://" in said


def test_real_matches_are_served_with_the_models_there_are(stages, tmp_path, capsys):
    stages.champions = [catalog.ROUND.name]
    demo.run(Settings(home=tmp_path), 12, [tmp_path], None)
    assert stages.done == [
        *FREE, "ingest", "extract", jobs.TRAIN_ALL, impact.JOB, jobs.COACH, RUNNING, ("ask", catalog.ROUND.name),
    ]  # fmt: skip
    assert stages.served == catalog.ROUND.name
    said = capsys.readouterr().out
    assert "4  Predictions over HTTP" in said and "Known truth" not in said and "Tonight" not in said
    assert "player_classifier, match_forecaster: not promoted; `cs2 models list` shows" in said


def test_without_the_round_model_nothing_is_priced_by_it(stages, tmp_path, capsys):
    stages.champions = [catalog.MATCH.name]
    demo.run(Settings(home=tmp_path), 12, [tmp_path], None)
    assert impact.JOB not in stages.done and forecasts.JOB in stages.done
    assert "5  Tonight's match" in capsys.readouterr().out


def test_simulated_matches_that_leave_a_model_without_a_champion_are_an_error(stages, tmp_path):
    stages.champions = [catalog.ROUND.name]
    with pytest.raises(CliError, match="player_classifier and match_forecaster not promoted, so there is nothing"):
        demo.run(Settings(home=tmp_path), 12, [], None)
    assert RUNNING not in stages.done


def test_real_matches_without_any_champion_end_with_what_to_do_next(stages, tmp_path, capsys):
    stages.champions = []
    demo.run(Settings(home=tmp_path), 12, [tmp_path], None)
    assert RUNNING not in stages.done and jobs.COACH not in stages.done
    assert "there is no model to serve yet" in capsys.readouterr().out


def test_too_little_data_is_an_error_when_simulated_and_a_remark_when_real(stages, tmp_path, monkeypatch, capsys):
    def too_little(_settings, job, **_):
        stages.done.append(job)
        if job == jobs.TRAIN_ALL:
            raise TooLittleDataError({catalog.ROUND.dataset: "there are 2 matches"})

    monkeypatch.setattr(demo, "run_job", too_little)
    with pytest.raises(TooLittleDataError):
        demo.run(Settings(home=tmp_path), 2, [], None)
    demo.run(Settings(home=tmp_path), 2, [tmp_path], None)
    assert "✗ round_predictor could not be trained: there are 2 matches" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "said"),
    [({}, "re-using "), ({"database_url": "postgresql://x/y"}, "reading the server that CS2_DATABASE_URL names")],
)
def test_a_database_that_is_there_is_used(stages, tmp_path, capsys, settings, said):
    made = Settings(home=tmp_path, **settings)
    made.embedded_database.touch()
    demo.run(made, 12, [], None)
    assert not [what for what in stages.done if what[0] == "simulate"]
    assert said in capsys.readouterr().out


def test_a_forecast_is_asked_for_until_the_champion_is_fetched_but_not_for_ever(stages, tmp_path, monkeypatch):
    monkeypatch.setattr(demo.time, "sleep", lambda _: None)
    stages.refusals = 2
    demo.run(Settings(home=tmp_path), 12, [], None)
    assert len(stages.asked) == 3
    monkeypatch.setattr(demo, "READY_TIMEOUT", -1.0)
    stages.refusals = 9
    with pytest.raises(CliError, match="no champion is fetched yet"):
        demo.run(Settings(home=tmp_path), 12, [], None)


def test_a_damaged_ledger_is_an_error_that_names_the_entry(stages, tmp_path):
    stages.ledger = {"holds": False, "faults": [{"seq": 7, "what": "was changed"}]}
    with pytest.raises(CliError, match="the ledger is damaged: entry 7 was changed"):
        demo.run(Settings(home=tmp_path), 12, [], None)


def test_a_service_without_models_is_not_waited_for_for_ever(stages, tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "answers", lambda _: False)
    monkeypatch.setattr(demo, "READY_TIMEOUT", -1.0)
    with pytest.raises(CliError, match="the prediction service loaded no model within"):
        demo.run(Settings(home=tmp_path), 12, [], None)
