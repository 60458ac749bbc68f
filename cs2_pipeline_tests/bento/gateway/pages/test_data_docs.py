"""The data docs over HTTP: what the pipeline wrote and nothing beside it, to those who may ask, without scripts."""

import pandas as pd
import pytest

from cs2_pipeline.datasets.expectations import publish
from cs2_pipeline_tests.bento.gateway.conftest import ELSEWHERE, open_gateway
from cs2_pipeline_tests.datasets.test_expectations import ROUNDS


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("docs")
    publish({"rounds": pd.DataFrame(ROUNDS)}, home / "data_docs")
    (home / "secret.txt").write_text("not for anybody")
    return home


def test_the_first_page_leads_to_the_result_of_each_table(home):
    with open_gateway(home) as client:
        first = client.get("/data-docs")
        assert first.url.path == "/data-docs/index.html"
        assert "rounds" in first.text and "passed" in first.text
        (result,) = [link for link in first.text.split('"') if link.startswith("validations/rounds/")]
        assert "ct_live_players" in client.get(f"/data-docs/{result}").text
        assert "script-src" not in first.headers["content-security-policy"]  # default-src 'none' holds for scripts
        assert "default-src 'none'" in first.headers["content-security-policy"]
        assert first.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "nothing.html", "validations", "a%00b", "x" * 300]
)
def test_nothing_but_files_of_the_data_docs_is_given(home, path):
    with open_gateway(home) as client:
        answer = client.get(f"/data-docs/{path}")
        assert answer.status_code == 404
        assert "not for anybody" not in answer.text
        assert path.startswith("../") or "they begin at /data-docs" in answer.json()["detail"]


def test_before_there_are_any_the_answer_says_what_makes_them(tmp_path):
    with open_gateway(tmp_path) as client:
        assert "the asset data_docs makes them" in client.get("/data-docs").json()["detail"]


def test_a_stranger_from_elsewhere_is_not_shown_the_data(home):
    with open_gateway(home, client=ELSEWHERE) as client:
        assert client.get("/data-docs/index.html").status_code == 401
