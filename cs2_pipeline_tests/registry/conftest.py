"""An MLflow store for the tests of a file, empty when they begin."""

import shutil

import pytest


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def uri(root, empty_store):
    return f"sqlite:///{shutil.copy(empty_store, root)}"
