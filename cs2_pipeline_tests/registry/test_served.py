"""MLflow's loader answers what the service answers, and refuses what it refuses, naming the request and the field."""

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
    ],
)
def test_a_request_that_cannot_be_is_refused(tmp_path, change, told):
    round_artifact(tmp_path)
    example = dict(ROUND.serving.example)
    with pytest.raises(ValueError, match=told):
        Served(tmp_path).predict([example, example | change])
