"""MLflow's loader answers what the service answers, and refuses what it refuses, naming the request and the field."""

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.artifact.catalog import ROUND
from cs2_pipeline.registry.served import Served
from cs2_pipeline_tests.tiny_models import round_artifact


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ct_alive": 2.7}, "request 1: ct_alive: must be a whole number, not 2.7"),
        ({"ct_alive": "four"}, "request 1: ct_alive: must be a number, not 'four'"),
        ({"ct_alive": 9}, "request 1: ct_alive: must be from 0 to 5, not 9"),
        ({"ct_alive": None}, "request 1: ct_alive: missing"),
        ({"ct_alife": 4}, "request 1: ct_alife: unknown field"),
        ({"ct_alive": b"4"}, "request 1: ct_alive: must be a number, not b'4'"),
        ({"ct_alive": "x" * 60}, f"request 1: ct_alive: must be a number, not '{'x' * 50}'$"),
        ({"ct_alive": -1}, "request 1: ct_alive: must be from 0 to 5, not -1"),
        ({"time_remaining": 180.5}, "request 1: time_remaining: must be from 0 to 180, not 180.5"),
    ],
)
def test_a_request_that_cannot_be_is_refused(tmp_path, change, told):
    round_artifact(tmp_path)
    example = dict(ROUND.serving.example)
    with pytest.raises(ValueError, match=told):
        Served(tmp_path).predict([example, example | change])


def requests_of(folder, **columns):
    """A table of two requests, the second the example as it is."""
    example = dict(ROUND.serving.example)
    frame = pd.DataFrame([example, example])
    for name, (value, other) in columns.items():
        frame[name] = [value, other]
    round_artifact(folder)
    return frame, Served(folder).predict


def test_a_table_and_a_list_are_answered_alike_request_by_request(tmp_path):
    frame, predict = requests_of(tmp_path, ct_alive=(5, 2), t_alive=(1, 2))
    answers = predict(frame)
    assert answers == predict(frame.to_dict("records"))
    assert [answer["ct_win_probability"] for answer in answers] == [
        pytest.approx(1 / (1 + np.exp(-3.2)), abs=1e-6), 0.5,
    ]  # fmt: skip
    assert predict([]) == []
    assert predict(frame.iloc[:0]) == []


def test_an_optional_value_that_is_not_given_is_none_however_that_is_written(tmp_path):
    frame, predict = requests_of(tmp_path, ct_health=(None, 150.0), map_name=(np.nan, "de_nuke"))
    plain = predict(frame.drop(columns=["ct_health", "map_name"]))
    assert predict(frame) == plain, "the tiny model reads neither"
    with pytest.raises(ValueError, match="request 1: t_health: must be a number, not '90'"):
        predict([*frame.iloc[:1].to_dict("records"), frame.iloc[1].to_dict() | {"t_health": "90"}])


@pytest.mark.parametrize("edge", [0, 5])
def test_the_bounds_of_a_field_are_within_it(tmp_path, edge):
    frame, predict = requests_of(tmp_path, ct_alive=(edge, edge))
    assert len(predict(frame)) == 2


def test_what_contradicts_itself_is_refused_after_what_is_wrong_by_itself(tmp_path):
    frame, predict = requests_of(tmp_path, bomb_planted=(1, 0), time_remaining=(100.0, 100.0))
    with pytest.raises(ValueError, match=r"^request 0: time_remaining: "):
        predict(frame)
    with pytest.raises(ValueError, match=r"^request 0: ct_alive: must be from 0 to 5, not 6$"):
        predict(frame.assign(ct_alive=6))


def test_all_that_is_wrong_with_a_request_is_told_at_once(tmp_path):
    frame, predict = requests_of(tmp_path, ct_alive=(7, 3), t_money=(np.nan, 1.0), speed=(1, 1))
    with pytest.raises(
        ValueError, match=r"speed: unknown field; .*ct_alive: must be from 0 to 5, not 7; .*t_money: missing"
    ):
        predict(frame[["ct_alive", "t_money", "speed", *frame.columns.difference(["ct_alive", "t_money", "speed"])]])


def test_the_callers_own_ids_may_come_along_and_whole_numbers_may_be_written_as_fractions(tmp_path):
    frame, predict = requests_of(tmp_path, ct_alive=(5.0, 2.0))
    assert predict(frame.assign(match_id="m1", round_id=7)) == predict(frame.astype({"ct_alive": int}))


def test_an_answer_names_the_inputs_that_the_model_ignores(tmp_path):
    round_artifact(tmp_path, ignored=["map_name"])
    example = dict(ROUND.serving.example)
    named, plain = Served(tmp_path).predict([example | {"map_name": "de_nuke"}, example])
    assert named == plain | {"ignored_inputs": ["map_name"]}
