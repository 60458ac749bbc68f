"""The models' pages: evidence of each champion, decisions with reasons, and what they say where there is nothing."""

import re

import pytest

from cs2_pipeline_tests.bento.gateway.conftest import open_gateway
from cs2_pipeline_tests.bento.serving import free_port, get

HTML = {"Accept": "text/html"}


def test_each_model_has_its_card_and_the_champion_its_version(site):
    text = get(f"{site}/models", headers=HTML).text
    assert "champion: version 1" in text
    assert "round_predictor" in text
    assert "player_classifier" in text


def test_a_model_shows_where_it_comes_from_and_every_decision(site):
    text = get(f"{site}/models/round_predictor", headers=HTML).text
    assert "newest row" in text
    assert "promoted" in text
    assert "/#/models/round_predictor/versions/1" in text


def test_the_latest_look_stands_with_its_odds_and_an_alarm_that_rang_stays(site):
    text = get(f"{site}/models/round_predictor", headers=HTML).text
    for said in ("no surplus or lack of CT wins is sure", "1.25", "640", "since the match of 2026-01-10 12:00 UTC",
                 "An alarm rang for this version at 2026-01-11 05:30 UTC (drift)"):  # fmt: skip
        assert said in text, said
    assert "not monitored live" in get(f"{site}/models/player_classifier", headers=HTML).text


def test_a_champion_shows_its_evidence_as_it_was_logged(site):
    text = get(f"{site}/models/player_classifier", headers=HTML).text
    rows = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.findall(r"<tr>.*?</tr>", text, re.S)]
    assert {"Log loss 1.250", "Accuracy .612 .550 to .661"} <= set(rows), "with its interval where there is one"
    assert not any("875" in row for row in rows), "none but figures on matches it never saw"
    assert "0.1234 0.1501 0.1000 0.2100 1,500" in rows
    assert not any(row.startswith("0.9") for row in rows), "nothing was seen there"
    assert "map de_nuke 120 0.0123" in rows
    assert sum(row.startswith("map ") for row in rows) == 60, "of 61 slices"
    assert "part rows" in rows and "test 120" in rows, "the card's tables are tables"
    assert "<h1>What it is for</h1>" in text and "<script>alert" not in text
    assert "http://127.0.0.1:3000/runs/a1b2c3" in text
    assert "demo files" in text and "<code>0123456789ab</code>" in text
    listed = re.sub(r"<[^>]+>|\s+", " ", get(f"{site}/models", headers=HTML).text)
    assert " ".join(listed.split()).count("Accuracy .612 .550 to .661 Log loss") == 0
    assert "Log loss 1.250 –" in " ".join(listed.split())


def test_figures_of_a_look_are_named_in_words(site):
    text = re.sub(r"<[^>]+>|\s+", " ", get(f"{site}/models/round_predictor", headers=HTML).text)
    assert "live log loss .520 live ece .030 unseen maps .200" in " ".join(text.split())


def test_versions_are_listed_with_the_one_that_is_champion(site):
    (listed,) = get(f"{site}/api/v1/models/round_predictor/versions").json()
    assert (listed["version"], listed["champion"], listed["trained_at"]) == ("1", True, "2026-01-01T00:00:00+00:00")
    assert listed["promoted_at"]
    for path in ("/api/v1/models/nothing/versions", "/models/nothing"):
        refused = get(f"{site}{path}")
        assert (refused.status_code, "there are round_predictor, player" in refused.json()["detail"]) == (404, True)


def test_without_any_version_it_says_how_to_get_one(empty_site):
    text = get(f"{empty_site}/models", headers=HTML).text
    assert "no champion" in text
    assert "cs2 train round" in text
    assert "No version has earned it yet" in get(f"{empty_site}/models/round_predictor", headers=HTML).text


def test_while_mlflow_is_away_every_page_of_models_says_so(tmp_path):
    with open_gateway(tmp_path, mlflow_tracking_uri=f"http://127.0.0.1:{free_port()}") as gateway:
        for path in ("/models", "/models/round_predictor", "/api/v1/models/round_predictor/versions"):
            answered = gateway.get(path)
            problem = answered.json()
            assert (answered.status_code, problem["status"]) == (503, 503), path
            assert problem["type"] == "urn:cs2-pipeline:problem:registry-unreachable"
            assert problem["title"] == "MLflow does not answer" and "127.0.0.1" in problem["detail"]


def test_a_figure_has_an_interval_only_with_both_ends_and_a_link_only_where_something_is(site):
    text = get(f"{site}/models/player_classifier", headers=HTML).text
    rows = {" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.findall(r"<tr>.*?</tr>", text, re.S)}
    assert {"Brier score .200", "Calibration error .030"} <= rows
    assert "Dagster run" in text and "Dagster run" not in get(f"{site}/models/round_predictor", headers=HTML).text


@pytest.mark.parametrize("name", ["nothing", "round"])
def test_of_what_is_no_model_there_is_no_page(site, name):
    assert get(f"{site}/models/{name}", headers=HTML).status_code == 404
