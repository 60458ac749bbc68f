"""Whether a table's features are what a request can carry."""

import pytest

from cs2_pipeline.datasets.leakage.requests import unrequestable
from cs2_pipeline.game.state import ROUND_FIELDS
from cs2_pipeline_tests.datasets.leakage.tables import audited

NAMES = frozenset(field.name for field in ROUND_FIELDS)


def found(rows=1_000, **columns):
    table = {"match_id": range(rows), "round_id": range(rows), "ct_wins": 0, "ct_alive": 5, "t_alive": [3] * rows}
    return unrequestable(audited(table | columns, fields=ROUND_FIELDS, requested=NAMES))


def changed(value, count, rows=1_000, usual=3.0):
    return [value] * count + [usual] * (rows - count)


def test_a_table_of_fields_within_their_bounds_passes():
    one = found(ct_health=[float("nan")] * 1_000, map_name="de_nuke")
    assert (one.check, one.severity) == ("g", "pass")
    assert one.sentence == "All 4 features are fields of a request; 0 values are out of bounds."
    assert set(one.numbers.values()) == {0.0}


@pytest.mark.parametrize("edge", [0.0, 5.0])
def test_the_bounds_themselves_are_within(edge):
    assert found(t_alive=changed(edge, 500)).severity == "pass"


@pytest.mark.parametrize("value", [-1.0, 6.0])
@pytest.mark.parametrize(("count", "severity"), [(1, "note"), (10, "note"), (11, "fail")])
def test_one_value_of_a_hundred_may_lie_outside_and_is_noted(value, count, severity):
    one = found(t_alive=changed(value, count))
    assert (one.severity, one.numbers["values out of bounds"]) == (severity, count)
    assert (f"{count} values are outside what a request may hold" in one.sentence) == (severity == "fail")


def test_a_required_value_that_is_missing_refuses_and_an_optional_one_does_not():
    one = found(t_alive=changed(float("nan"), 2))
    assert (one.severity, one.numbers["required values missing"]) == ("fail", 2)
    assert one.sentence == "Not as requests are: 2 values of required fields are missing."


def test_what_no_request_carries_is_named_beside_what_else_is_wrong():
    one = found(duration=90.0, t_alive=changed(float("nan"), 1))
    assert one.sentence == (
        "Not as requests are: no request carries duration; 1 values of required fields are missing."
    )
    assert one.numbers["features no request has"] == 1
