"""Fields of a request as options and assignments: each given once, numbers as numbers, every mistake named."""

import inspect

import pytest

from cs2_pipeline.cli import fields
from cs2_pipeline.cli.console import UsageError
from cs2_pipeline.game.state import ROUND_FIELDS

NOTHING = {field.name: None for field in ROUND_FIELDS}


def given(*assignments, **options):
    return fields.given(ROUND_FIELDS, NOTHING | options, assignments)


def test_values_come_by_option_and_by_assignment():
    assert given("t_alive=3", "map_name=de_nuke", ct_alive="4") == {"ct_alive": 4, "t_alive": 3, "map_name": "de_nuke"}
    assert given() == {}
    assert given("map_name=a=b") == {"map_name": "a=b"} and given("map_name=7") == {"map_name": "7"}


@pytest.mark.parametrize(("text", "value"), [("4", 4), ("4.0", 4), ("4.5", 4.5), ("-3", -3), ("1e3", 1_000)])
def test_whole_numbers_stay_whole(text, value):
    found = given(f"ct_money={text}")["ct_money"]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ("ct_alive=many", "ct_alive: must be a number, not 'many'"),
        ("ct_alve=4", "ct_alve: unknown field; did you mean ct_alive?"),
        ("CT_ALIVE=4", "CT_ALIVE: unknown field; did you mean ct_alive?"),
        ("zzz=4", "zzz: unknown field\n"),
        ("ct_alive", "'ct_alive': give fields as --option value or as name=value"),
    ],
)
def test_a_mistake_is_named(assignment, told):
    with pytest.raises(UsageError) as refused:
        given(assignment)
    assert told in str(refused.value) and refused.value.status == 2
    assert f"The fields are {', '.join(NOTHING)}." in str(refused.value)


def test_all_mistakes_are_named_at_once_and_a_field_is_given_once():
    with pytest.raises(UsageError) as refused:
        given("t_alive=x", "ct_alive=5", "frogs", ct_alive="4")
    for told in ("t_alive: must be", "ct_alive: given twice", "'frogs': give"):
        assert told in str(refused.value)


def test_a_command_has_an_option_for_each_field_with_its_limits():
    @fields.options(ROUND_FIELDS)
    def command(first: int, **_: str) -> None: ...

    parameters = inspect.signature(command).parameters
    assert list(parameters) == ["first", *NOTHING]
    of = {name: one.annotation.__metadata__[0] for name, one in parameters.items() if name != "first"}
    assert of["ct_alive"].help.endswith("(0 to 5)") and of["ct_money"].help.endswith("(0 to 80,000)")
    assert (of["ct_alive"].metavar, of["ct_money"].metavar, of["map_name"].metavar) == ("WHOLE", "NUMBER", "TEXT")
    assert of["ct_alive"].rich_help_panel == "Fields" != of["ct_health"].rich_help_panel
