"""The table of models: what it names is there, and it is light enough for whoever reads it."""

import subprocess
import sys

import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.predictors import Predictor
from cs2_pipeline.artifact.spec import resolve

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
    assert spec.serving.contradictions(dict.fromkeys(known) | dict(spec.serving.example)) == []


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
