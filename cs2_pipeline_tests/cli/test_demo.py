"""`cs2 demo`: which stages run, in which order, with which models; the stages themselves have their own tests."""

import re
from contextlib import contextmanager
from datetime import date
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
        self.configured, self.measured = {}, None

    def ask(self, _settings, path, body=None):
        if path == forecast.SERIES:
            self.asked.append(body)
            if self.refusals:
                self.refusals -= 1
                raise CliError("no champion is fetched yet")
            return {"made": True}
        return {"items": TEAMS} if path.startswith("/api/v1/teams") else self.ledger

    def told(self, what):
        return lambda _settings, *values, **named: self.done.append((what, *values, named))

    def run_job(self, _settings, job, **named):
        self.done.append(job)
        self.configured[job] = named

    def predict(self, _settings, spec, *values, **named):
        self.done.append(("ask", spec.name))
        assert (values, named) == (({}, ()), {"as_json": False}), "the example, as people read it"

    def measure(self, **named):
        self.measured = named
        return TRUTH

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
    monkeypatch.setattr(data, "simulate", made.told("simulate"))
    monkeypatch.setattr(data, "ingest_exports", made.told("ingest"))
    monkeypatch.setattr(training, "extract_new", note("extract"))
    monkeypatch.setattr(demo, "run_job", made.run_job)
    monkeypatch.setattr(demo, "Platform", made.platform)
    monkeypatch.setattr(predict, "predict", made.predict)
    monkeypatch.setattr(forecast, "ask", made.ask)
    monkeypatch.setattr(forecast, "show", note("show"))
    monkeypatch.setattr(known_truth, "measure", made.measure)
    return made


DAY = date(2024, 3, 9)
FREE = [("free", "prediction service"), ("free", "gateway")]
RUNNING = ("running", "prediction service", "gateway")
SERVED = [spec.name for spec in catalog.served()]


def test_simulated_matches_go_through_every_stage(stages, tmp_path, capsys):
    demo.run(Settings(home=tmp_path, seed=7), 12, [], None)
    simulated = {"matches": 12, "seed": None, "equal_skill": False, "replace": False}
    assert stages.done == [
        *FREE, ("simulate", simulated), "extract", jobs.TRAIN_ALL, impact.JOB, jobs.COACH, forecasts.JOB, RUNNING,
        *(("ask", name) for name in SERVED), "show",
    ]  # fmt: skip
    from_database = {"config": {"source": "DATABASE"}}
    assert stages.configured == {
        jobs.TRAIN_ALL: {"config": {"ops": {"round_dataset": from_database, "match_dataset": from_database}}},
        impact.JOB: {}, jobs.COACH: {}, forecasts.JOB: {},
    }  # fmt: skip
    assert stages.measured == {"matches": known_truth.DEMO_MATCHES, "seed": 7}
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
    (seconds,) = re.findall(r"  done in (\d+) s; `cs2 up` keeps it running\. Then open:\n  pages        http://", said)
    assert int(seconds) < 3600
    assert "(test part: 1,234 states of 12 matches, trained on 34)" in said


def test_real_matches_are_served_with_the_models_there_are(stages, tmp_path, capsys):
    stages.champions = [catalog.ROUND.name]
    demo.run(Settings(home=tmp_path), 12, [tmp_path], DAY)
    assert stages.done == [
        *FREE, ("ingest", [tmp_path], {"played_on": DAY, "retry": False}), "extract",
        jobs.TRAIN_ALL, impact.JOB, jobs.COACH, RUNNING, ("ask", catalog.ROUND.name),
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
    said = capsys.readouterr().out.splitlines()
    (at,) = [number for number, line in enumerate(said) if line.startswith("  there is no model to serve yet")]
    assert f"  the matches are in {tmp_path / 'demos.sqlite'}, and in the tables" in said[at + 1]
    assert "`cs2 ingest exports PATH…`, then `cs2 train`" in said[at + 2]
    assert "`cs2 ingest snapshots FILE`, `cs2 ingest series FILE`" in said[at + 3]
    (seconds,) = re.fullmatch(r"  done in (\d+) s", said[at + 4]).groups()
    assert int(seconds) < 3600 and len(said) == at + 5


def test_too_little_data_is_an_error_when_simulated_and_a_remark_when_real(stages, tmp_path, monkeypatch, capsys):
    def too_little(_settings, job, **_):
        stages.done.append(job)
        if job == jobs.TRAIN_ALL:
            raise TooLittleDataError({
                catalog.MATCH.dataset: "there is 1 series", catalog.ROUND.dataset: "there are 2 matches",
                catalog.ROUND.name: "and 3 rounds",
            })  # fmt: skip

    monkeypatch.setattr(demo, "run_job", too_little)
    with pytest.raises(TooLittleDataError):
        demo.run(Settings(home=tmp_path), 2, [], None)
    demo.run(Settings(home=tmp_path), 2, [tmp_path], None)
    assert [line for line in capsys.readouterr().out.splitlines() if "✗" in line] == [
        "  ✗ round_predictor could not be trained: there are 2 matches",
        "  ✗ round_predictor could not be trained: and 3 rounds",
        "  ✗ match_forecaster could not be trained: there is 1 series",
    ]


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
    monkeypatch.setattr(demo, "READY_TIMEOUT", -3600.0)
    stages.refusals = 9
    with pytest.raises(CliError, match="no champion is fetched yet"):
        demo.run(Settings(home=tmp_path), 12, [], None)


def test_a_damaged_ledger_is_an_error_that_names_the_entry(stages, tmp_path):
    stages.ledger = {"holds": False, "faults": [{"seq": 7, "what": "was changed"}]}
    with pytest.raises(CliError, match="the ledger is damaged: entry 7 was changed"):
        demo.run(Settings(home=tmp_path), 12, [], None)


def test_a_service_without_models_is_not_waited_for_for_ever(stages, tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "answers", lambda _: False)
    monkeypatch.setattr(demo, "READY_TIMEOUT", -3600.0)
    with pytest.raises(CliError, match="the prediction service loaded no model within"):
        demo.run(Settings(home=tmp_path), 12, [], None)


def test_models_are_asked_when_the_service_has_loaded_them(stages, tmp_path, monkeypatch):
    asked, answers = [], iter([False, False, True])
    monkeypatch.setattr(demo.time, "sleep", lambda _: stages.done.append("pause"))
    monkeypatch.setattr(processes, "answers", lambda url: asked.append(url) or next(answers))
    demo.run(Settings(home=tmp_path, service_port=8001), 12, [], None)
    assert asked == ["http://127.0.0.1:8001/readyz"] * 3
    at = stages.done.index(RUNNING)
    assert stages.done[at + 1 : at + 4] == ["pause", "pause", ("ask", SERVED[0])]
