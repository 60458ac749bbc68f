"""What the gateway says when it refuses a request."""

import json

import pytest

from cs2_pipeline.cli import refusals


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"title": "No", "detail": "why", "errors": []}, "No: why"),
        ({"title": "No", "detail": "why"}, "No: why"),
        ({"errors": [{"field": "a", "message": "is wrong"}, {"field": "b", "message": "too"}]}, "a is wrong; b too"),
        ({"title": "No"}, "the gateway answers 418"),
        (["No"], "the gateway answers 418"),
        ({"errors": ["No"]}, "the gateway answers 418"),
        ("<html>", "the gateway answers 418"),
    ],
)
def test_a_refusal_is_told_in_the_gateways_words_where_it_has_some(answer, told):
    content = answer if isinstance(answer, str) else json.dumps(answer)
    assert refusals.told(418, content.encode()) == told
