"""What a service says when it cannot answer: status, type, remedy and headers of each problem."""

import json

import pytest
from jsonschema import Draft202012Validator

from bento.http import problems
from bento.http.openapi import PROBLEM
from bento.http.problems import MAX_ERRORS, FieldError, Problem


@pytest.mark.parametrize(
    ("problem", "status", "kind", "told", "headers"),
    [
        (problems.not_json("why"), 400, "not-json", "why", {}),
        (problems.too_large(7), 413, "too-large", "at most 7 bytes", {}),
        (problems.too_slow(2.5), 408, "too-slow", "within 2.5 seconds", {}),
        (problems.wrong_encoding("gzip"), 415, "wrong-encoding", "'gzip'", {"accept-encoding": "identity"}),
        (problems.wrong_media_type("text/x"), 415, "wrong-media-type", "'text/x'", {"accept-post": "application/json"}),
        (problems.overloaded(), 429, "overloaded", "in a second", {"retry-after": "1"}),
        (problems.rate_limited(9), 429, "rate-limited", "in 9 s", {"retry-after": "9"}),
        (problems.no_model("round_predictor"), 503, "no-model", "no champion of round_predictor", {"retry-after": "5"}),
        (problems.no_model("m", "no graph"), 503, "no-model", "cannot be used: no graph", {"retry-after": "5"}),
        (problems.no_records(), 503, "no-records", "nothing was done", {"retry-after": "1"}),
        (problems.not_ready("m"), 503, "not-ready", "not loaded yet: m", {"retry-after": "1"}),
        (problems.not_reloaded(3.0), 503, "not-reloaded", "within 3 s", {"retry-after": "15"}),
        (problems.unauthorized("why"), 401, "unauthorized", "why", {"www-authenticate": "Bearer"}),
        (problems.forbidden("admin"), 403, "forbidden", "the scope admin", {}),
        (problems.closed(), 403, "closed", "without a token", {}),
        (problems.not_found(), 404, "not-found", "/openapi.json", {}),
        (problems.wrong_method("GET, POST"), 405, "wrong-method", "accepts GET, POST", {"allow": "GET, POST"}),
        (problems.internal("some id"), 500, "internal", "the id some id", {}),
    ],
)  # fmt: skip
def test_each_problem_says_what_to_do(problem, status, kind, told, headers):
    document = json.loads(problem.body())
    assert (problem.status, document["status"]) == (status, status)
    assert document["type"] == f"urn:cs2-pipeline:problem:{kind}"
    assert told in document["detail"] and document["title"]
    assert "errors" not in document
    assert {name.decode(): value.decode() for name, value in problem.headers} == headers
    assert problem.close == (status in (408, 413)), "only who still sends must go"


def test_a_used_up_day_is_told_from_a_rate():
    assert problems.rate_limited(9, daily=True).title != problems.rate_limited(9).title
    assert "daily quota" in problems.rate_limited(9, daily=True).title


def test_what_a_header_held_is_shown_short():
    for make in (problems.wrong_encoding, problems.wrong_media_type):
        detail = make("x" * 101).detail
        assert "x" * 100 in detail and "x" * 101 not in detail


@pytest.mark.parametrize(
    ("count", "detail"),
    [
        (1, "one field is wrong"),
        (2, "2 fields are wrong"),
        (MAX_ERRORS, "100 fields are wrong"),
        (MAX_ERRORS + 1, "101 fields are wrong; the first 100 are listed"),
    ],
)
def test_wrong_fields_are_counted_and_the_first_hundred_listed(count, detail):
    problem = problems.bad_values([FieldError(f"f{number}", "is wrong") for number in range(count)])
    document = json.loads(problem.body())
    assert (problem.status, document["detail"]) == (422, detail)
    assert [one["field"] for one in document["errors"]] == [f"f{n}" for n in range(min(count, 100))]


def test_one_problems_lists_are_not_anothers():
    first, second = (Problem(400, "a", "b", "c") for _ in range(2))
    first.errors.append(FieldError("x", "y"))
    assert second.errors == []


@pytest.mark.parametrize(("status", "described"), [(399, False), (400, True), (599, True), (600, False)])
def test_the_documented_problem_is_a_client_or_server_error(status, described):
    problem = {"type": "urn:x", "title": "t", "status": status, "detail": "d"}
    assert Draft202012Validator(PROBLEM).is_valid(problem) is described
