"""The models' pages: evidence of each champion, decisions with reasons, and what they say where there is nothing."""

from cs2_pipeline_tests.bento.serving import get

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


def test_without_any_version_it_says_how_to_get_one(empty_site):
    text = get(f"{empty_site}/models", headers=HTML).text
    assert "no champion" in text
    assert "cs2 train round" in text
    assert "No version has earned it yet" in get(f"{empty_site}/models/round_predictor", headers=HTML).text
