"""One service for all tests that only ask it something."""

import shutil

import pytest

from cs2_pipeline_tests.bento.serving import Home, serving


@pytest.fixture(scope="session")
def new_home(empty_store):
    """Makes homes with an empty MLflow store."""

    def make(path):
        shutil.copy(empty_store, path)
        return Home(path)

    return make


@pytest.fixture(scope="session")
def served_home(new_home, tmp_path_factory):
    home = new_home(tmp_path_factory.mktemp("served"))
    home.promote(home.register_round())
    home.promote(home.register_player())
    return home


@pytest.fixture(scope="session")
def server(served_home):
    with serving(served_home.path, admin_token="sesame") as running:
        yield running


@pytest.fixture
def home(new_home, tmp_path):
    """A home with nothing registered."""
    return new_home(tmp_path)
