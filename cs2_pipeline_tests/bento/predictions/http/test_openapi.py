"""The OpenAPI document tells the truth, and the page that shows it needs nothing from elsewhere."""

import re
import shutil
import subprocess
import sys

import jsonschema
import pytest

from bento.predictions.http.openapi import document
from bento.predictions.http.requests import camel
from cs2_pipeline.game.player import PLAYER_FIELDS
from cs2_pipeline.game.state import ROUND_FIELDS
from cs2_pipeline_tests.bento.serving import PLAYER, ROUND

# A state that cannot exist is within the schema and yet refused: the document says so, JSON Schema cannot.
CONFIGURATION = """\
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "422"]

[checks.negative_data_rejection]
expected-statuses = ["4xx"]
"""


def test_schemathesis_finds_nothing(server, tmp_path):
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text(CONFIGURATION)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration), "run"]
    options = ["--max-examples", "15", "--phases", "examples,coverage,fuzzing", "--checks", "all", "--no-color"]
    options += ["--seed", "1", "--request-timeout", "600"]
    run = [*command, f"{server.url}/openapi.json", *options]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr


@pytest.mark.parametrize(("name", "fields"), [("Round", ROUND_FIELDS), ("Player", PLAYER_FIELDS)])
def test_the_document_has_every_field_of_the_table(name, fields):
    schema = document()["components"]["schemas"][name]
    for field in fields:
        described = schema["properties"][field.name]
        assert described["description"] == field.meaning
        assert (field.name in schema["required"]) == field.required
        if not field.text:
            assert (described["minimum"], described["maximum"]) == (field.low, field.high)


def test_what_is_described_in_one_spelling_holds_in_the_other(server):
    components = server.get("/openapi.json").json["components"]
    assert not [name for name in components["schemas"] if "camel" in name.lower()]
    snake = server.post("/predict/round", ROUND).json
    described = components["schemas"]["RoundAnswer"]
    assert snake.keys() == set(described["required"]) == described["properties"].keys() - {"ignored_inputs"}
    answer = server.post("/predict/round", {camel(name): value for name, value in ROUND.items()}).json
    assert answer == {camel(name): value for name, value in snake.items()}


def test_every_operation_is_in_a_described_group_and_no_error_is_described_twice():
    described = document()
    operations = [one for methods in described["paths"].values() for one in methods.values()]
    groups = {group["name"]: group["description"] for group in described["tags"]}
    assert {tag for one in operations for tag in one["tags"]} == set(groups)
    assert all(groups.values())
    written_out = [
        response["description"]
        for one in operations
        for code, response in one["responses"].items()
        if code >= "400" and "$ref" not in response
    ]
    assert len(written_out) == len(set(written_out)) == 3, written_out  # of /admin/reload, which is like nothing else


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        ("/predict/round", ROUND, "RoundAnswer"),
        ("/predict/rounds", {"states": [ROUND]}, "RoundAnswers"),
        ("/classify/player", PLAYER, "PlayerAnswer"),
        ("/classify/player", PLAYER | {"total_rounds": 40}, "PlayerAnswer"),
        ("/predict/round", {}, "Problem"),
    ],
)
def test_answers_are_as_the_document_says(server, path, body, answer):
    components = server.get("/openapi.json").json["components"]
    schema = {"$ref": f"#/components/schemas/{answer}", "components": components}
    jsonschema.validate(server.post(path, body).json, schema)


def test_the_page_takes_everything_from_the_service(server):
    page = server.get("/").body.decode()
    links = re.findall(r'(?:src|href)="([^"]+)"', page) + re.findall(r'url: "([^"]+)"', page)
    assert len(links) == 4
    for link in links:
        if not link.startswith("data:"):
            assert server.get(f"/{link}").status == 200


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no browser: apt-get install chromium")
def test_the_page_shows_every_path_in_a_browser(server):
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=30000", "--dump-dom"]
    done = subprocess.run([*command, f"{server.url}/"], capture_output=True, text=True, check=True, timeout=600)
    for path in document()["paths"]:
        assert f'data-path="{path}"' in done.stdout
