"""The table of models: what it names is there, and it is light enough for whoever reads it."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.predictors import Predictor
from cs2_pipeline.artifact.spec import resolve, serving_of
from cs2_pipeline.game.contradictions import broken
from cs2_pipeline.game.player import TIERS, complete, tier_of
from cs2_pipeline_tests.bento.serving import PLAYER

PATHS = [(spec.name, path) for spec in catalog.MODELS for path in (spec.fit, spec.audit, spec.judge)]
PATHS += [(spec.name, spec.monitored.look) for spec in catalog.MODELS if spec.monitored is not None]


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, path in PATHS if path is not None])
def test_what_an_entry_names_can_be_called(name, path):
    assert callable(resolve(path))


@pytest.mark.parametrize("spec", catalog.served(), ids=[spec.name for spec in catalog.served()])
def test_what_is_served_has_a_predictor_and_an_example_that_its_own_form_takes(spec):
    assert issubclass(resolve(spec.serving.predictor), Predictor)
    known = {field.name: field for field in spec.serving.fields}
    assert set(spec.serving.example) == {field.name for field in spec.serving.fields if field.required}
    assert all(known[name].low <= value <= known[name].high for name, value in spec.serving.example.items())
    assert broken(spec.serving.rules(dict.fromkeys(known) | dict(spec.serving.example))) == []


def test_names_words_and_paths_tell_the_models_apart():
    for what in (
        [spec.name for spec in catalog.MODELS],
        [spec.command for spec in catalog.MODELS],
        [path for spec in catalog.served() for path in (spec.serving.one, spec.serving.many)],
    ):
        assert len(set(what)) == len(what)


def test_a_path_to_nothing_says_so():
    with pytest.raises(ImportError, match="no 'oracle'"):
        resolve("cs2_pipeline.artifact.catalog:oracle")


def test_reading_the_table_imports_nothing_but_the_game():
    code = "import sys; from cs2_pipeline.artifact import catalog; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "onnxruntime", "pandas", "torch", "mlflow", "dagster"} & set(loaded)


def test_what_a_candidate_must_show_is_as_the_documentation_says():
    """As docs/evaluation.md and docs/forecasting.md name it; a looser one lets a worse model through unseen."""
    need = {
        spec.command: (
            spec.requirements.max_ece, spec.requirements.allow_ece_floor, spec.requirements.max_gap,
            spec.requirements.min_slice_size, spec.requirements.harm_margin, spec.requirements.baseline_margin,
            spec.requirements.unit,
        )
        for spec in catalog.MODELS
    }  # fmt: skip
    assert need == {
        "round": (0.02, False, 0.02, 500, 0.0, 0.0, "rounds"),
        "player": (0.02, True, 0.02, 500, 0.0, 0.0, "players"),
        "match": (0.02, True, 0.05, 200, 0.0, 0.02, "matches"),
    }


def test_only_players_are_parted_by_who_they_are_and_not_by_time():
    assert [spec.command for spec in catalog.MODELS if not spec.split_by_time] == ["player"]


def test_which_models_are_served_and_watched():
    assert [spec.command for spec in catalog.served()] == ["round", "player"]
    watched = {spec.command: spec.monitored for spec in catalog.MODELS if spec.monitored}
    assert {command: (one.alarms, one.dates_changes) for command, one in watched.items()} == {
        "round": (("calibration", "drift"), True),
        "match": (("calibration",), False),
    }


def test_the_names_derived_from_an_entry_follow_one_pattern():
    spec = catalog.spec_of("round_predictor")
    assert (spec.job, spec.promotion, spec.monitoring, spec.changes) == (
        "train_round", "round_predictor_promotion", "round_monitoring", "round_play_changes",
    )  # fmt: skip


def test_who_asks_for_a_model_that_is_not_there_is_told_which_are():
    with pytest.raises(KeyError, match="the models are round_predictor, player_classifier, match_forecaster"):
        catalog.spec_of("oracle")
    with pytest.raises(KeyError, match="match_forecaster is not answered"):
        serving_of(catalog.MATCH)


def numbers_of(schema):
    """The bounds of every number in an answer's schema, by where it stands."""
    if isinstance(schema, dict):
        if "minimum" in schema or "maximum" in schema:
            yield schema["minimum"], schema["maximum"]
        for part in schema.values():
            yield from numbers_of(part)


def test_answers_are_probabilities_and_the_likelier_sides_is_at_least_a_half():
    rounds, players = (dict(spec.serving.answer) for spec in catalog.served())
    assert set(numbers_of(rounds.pop("confidence"))) == {(0.5, 1)}
    assert list(numbers_of(rounds)) == [(0, 1)] * 3
    assert set(numbers_of(players)) == {(0, 1)}
    assert len(list(numbers_of(players))) == 1 + len(TIERS)
    interval = rounds["ct_win_interval"]
    assert (interval["type"], interval["minItems"], interval["maxItems"]) == ("array", 2, 2)


def test_the_example_of_a_round_is_the_one_that_the_documentation_shows():
    text = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
    shown = re.search(r"/predict/round -H .*? -d '(\{.*?\})'", text, re.DOTALL)
    assert json.loads(shown[1]) == catalog.ROUND.serving.example


def test_the_example_of_a_player_is_one_record_of_an_advanced_player():
    example = catalog.PLAYER.serving.example
    assert tier_of(example["avg_kills"] / example["avg_deaths"]) == TIERS.index("Advanced")
    assert example["total_clutches"] / example["total_clutch_attempts"] == 0.3
    assert 60 < example["avg_damage"] / 22 < 100, "damage of a match of some 22 rounds"
    assert PLAYER | example == PLAYER, "the one that clients are shown, with what follows from it"
    assert {name: round(value, 2) for name, value in complete(example).items() if name != "adr"} == {
        name: value for name, value in PLAYER.items() if name != "adr"
    }


def test_an_entry_is_itself_alone_whatever_it_holds():
    copy = replace(catalog.ROUND)
    assert len({*catalog.MODELS, copy}) == 4
    assert len({spec.serving for spec in catalog.served()} | {replace(copy.serving)}) == 3
