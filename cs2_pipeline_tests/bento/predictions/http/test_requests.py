"""What a body may hold, and how everything wrong with it is named."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bento.http.problems import Problem
from bento.predictions.http import requests
from bento.predictions.http.batches import chunks
from bento.predictions.http.requests import CAMEL, MAX_BATCH, MAX_COMMAS, MAX_LISTS, SNAKE, Form, camel, form_of, parse
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.spec import serving_of
from cs2_pipeline.game.player import PLAYER_FIELDS
from cs2_pipeline.game.state import ROUND_FIELDS, Field
from cs2_pipeline_tests.bento.serving import PLAYER, ROUND

ROUND_FORM, PLAYER_FORM = (form_of(serving_of(spec)) for spec in (catalog.ROUND, catalog.PLAYER))

FULL_ROUND = ROUND | {
    "map_name": "de_mirage", "ct_health": 350, "t_health": 210, "ct_armor": 300, "t_armor": 200, "ct_helmets": 3,
    "t_helmets": 2, "ct_defuse_kits": 1,
}  # fmt: skip


def errors_of(form, document):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(Problem) as caught:
        form.read_one(body)
    return caught.value


def in_camel(document):
    return {camel(name): value for name, value in document.items()}


def number_in(field):
    if field.text:
        return st.text("de_mirage \u00e9", max_size=20)
    if field.integer:
        return st.integers(int(field.low), int(field.high))
    return st.floats(field.low, field.high)


rounds = st.fixed_dictionaries(
    {field.name: number_in(field) for field in ROUND_FIELDS if field.required},
    optional={field.name: st.none() | number_in(field) for field in ROUND_FIELDS if not field.required},
)
players = st.fixed_dictionaries(
    {field.name: number_in(field) for field in PLAYER_FIELDS if field.required},
    optional={field.name: st.none() | number_in(field) for field in PLAYER_FIELDS if not field.required},
)


@pytest.mark.parametrize("document", [ROUND, FULL_ROUND])
def test_a_round_reads_the_same_in_both_spellings(document):
    snake, style = ROUND_FORM.read_one(json.dumps(document).encode())
    assert style is SNAKE
    assert snake == {field.name: None for field in ROUND_FIELDS} | {"match_id": None, "round_id": None} | document
    assert ROUND_FORM.read_one(json.dumps(in_camel(document)).encode()) == (snake, CAMEL)


@pytest.mark.parametrize("spell", [str, camel])
def test_the_usual_body_is_read_at_once_also_with_a_single_item(spell, monkeypatch):
    monkeypatch.setattr(requests, "parse", None)  # what reads slowly
    for form, item in ((ROUND_FORM, ROUND), (PLAYER_FORM, PLAYER)):
        spelled = {spell(name): value for name, value in item.items()}
        decoded, style = form.read_many(json.dumps({form.many: [spelled]}).encode())
        assert (len(decoded), style) == (1, CAMEL if spell is camel else SNAKE)
        assert form.read_one(json.dumps(spelled).encode())[1] is style


def test_a_name_of_one_word_does_not_tell_the_spelling():
    fields = (Field("kills", 0, 9, "kills", integer=True), Field("map_name", 0, 0, "map", text=True, required=False))
    form = Form(fields, lambda _: (), many="games")
    for body, style in ((b'{"games":[{"kills":3}]}', SNAKE), (b'{"games":[{"kills":3,"mapName":"x"}]}', CAMEL)):
        decoded, told = form.read_many(body)
        assert (decoded[0].kills, told) == (3, style)
    assert form.known == {}


def test_a_player_reads_the_same_in_both_spellings():
    snake, style = PLAYER_FORM.read_one(json.dumps(PLAYER).encode())
    assert (snake, style) == (PLAYER, SNAKE)
    assert PLAYER_FORM.read_one(json.dumps(in_camel(PLAYER)).encode()) == (snake, CAMEL)


@pytest.mark.parametrize(("form", "documents"), [(ROUND_FORM, rounds), (PLAYER_FORM, players)])
def test_the_fast_and_the_slow_reading_agree(form, documents):
    @given(documents)
    def agree(document):
        body = json.dumps(document).encode()
        try:
            fast = form.read_one(body)
        except Problem as problem:
            with pytest.raises(Problem) as caught:
                form._read_one_slowly(body)
            assert sorted(caught.value.errors, key=str) == sorted(problem.errors, key=str)
        else:
            assert form._read_one_slowly(body) == fast

    agree()


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_any_value_for_a_field_is_read_or_refused_by_name(value):
    try:
        ROUND_FORM.read_one(json.dumps(ROUND | {"ct_money": value}).encode())
    except Problem as problem:
        assert (problem.status, [error.field for error in problem.errors]) == (422, ["ct_money"])
    else:
        assert isinstance(value, float)
        assert 0 <= value <= 80_000


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_politely(body):
    problem = errors_of(ROUND_FORM, body)
    assert problem.status in (400, 422)
    assert json.loads(problem.body())["status"] == problem.status


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"ct_alive": 6}, "ct_alive", "must be from 0 to 5, not 6"),
        ({"ct_alive": 4.5}, "ct_alive", "must be a whole number, not 4.5"),
        ({"ct_alive": "4"}, "ct_alive", "must be a number, not text"),
        ({"ct_alive": True}, "ct_alive", "must be a number, not true or false"),
        ({"bomb_planted": False}, "bomb_planted", "must be a number, not true or false"),
        ({"ct_money": float("nan")}, "ct_money", "must be a finite number"),
        ({"ct_money": float("-inf")}, "ct_money", "must be a finite number"),
        ({"ct_money": 10**400}, "ct_money", "must be a finite number"),
        ({"ct_money": None}, "ct_money", "must not be null"),
        ({"t_money": -1}, "t_money", "must be from 0 to 80000, not -1"),
        ({"map_name": 7}, "map_name", "must be text, not a number"),
        ({"map_name": "x" * 101}, "map_name", "must have at most 100 characters, not 101"),
        ({"match_id": 7}, "match_id", "must be text, not a number"),
        ({"ct_helth": 100}, "ct_helth", "unknown field; did you mean ct_health?"),
        ({"tAlive": 3}, "tAlive", "this body is snake_case: write t_alive"),
        ({"ct_health": 401}, "ct_health", "401 is more than 4 living players can have"),
        ({"bomb_planted": 1}, "time_remaining", "a planted bomb explodes within 45 s"),
        ({"ct_alive": 0, "t_alive": 0}, "ct_alive", "nobody is alive on either side and no bomb is planted"),
    ],
)
def test_what_is_wrong_is_said_with_the_field(change, field, message):
    problem = errors_of(ROUND_FORM, ROUND | change)
    assert [(error.field, error.message) for error in problem.errors] == [(field, message)]


def test_all_wrong_fields_are_named_at_once_in_the_spelling_of_the_request():
    document = in_camel(ROUND) | {"ctAlive": 9, "timeRemaining": "soon", "frogs": 1}
    del document["tScore"]
    fields = [error.field for error in errors_of(ROUND_FORM, document).errors]
    assert fields == ["ctAlive", "frogs", "tScore", "timeRemaining"]


def test_a_field_name_that_utf8_cannot_hold_can_be_answered():
    problem = errors_of(ROUND_FORM, json.dumps(ROUND)[:-1].encode() + b', "\\ud800": 1}')
    assert json.loads(problem.body())["errors"][0]["message"] == "unknown field"


@pytest.mark.parametrize("name", ["map_name", "match_id"])
def test_half_a_surrogate_pair_is_no_text(name):
    problem = errors_of(ROUND_FORM, json.dumps(ROUND)[:-1].encode() + b', "%s": "a\\ud800"}' % name.encode())
    assert [error.field for error in problem.errors] == [name]
    values, _ = ROUND_FORM.read_one(json.dumps(ROUND)[:-1].encode() + b', "%s": "\\ud83d\\ude00"}' % name.encode())
    assert values[name] == "😀"


def test_unknown_fields_beyond_those_listed_are_only_counted():
    many = {f"ct_aliv{number}": 1 for number in range(5000)}
    for problem in (errors_of(ROUND_FORM, ROUND | many), batch_problem(many)):
        messages = [error.message for error in problem.errors]
        assert "4900 more unknown fields" in messages
        assert len(messages) < 110


def test_a_whole_number_may_be_written_with_a_point():
    values, _ = ROUND_FORM.read_one(json.dumps(ROUND | {"ct_alive": 4.0}).encode())
    assert values["ct_alive"] == 4
    assert isinstance(values["ct_alive"], int)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 10_000, b"\xff", b'{"a":1}x', b"\xef\xbb\xbf{}"])
def test_what_is_not_json_is_400(body):
    assert errors_of(ROUND_FORM, body).status == 400


@pytest.mark.parametrize("body", [b"null", b"7", b'"x"', b"[]", b"{}"])
def test_json_of_another_shape_is_422(body):
    assert errors_of(ROUND_FORM, body).status == 422


def batch_problem(document):
    body = json.dumps(document).encode()
    read = ROUND_FORM.read_many(body)
    assert read is None or ROUND_FORM.values(read[0]) is None
    with pytest.raises(Problem) as caught:
        list(ROUND_FORM.read_many_slowly(parse(body)))
    return caught.value


def test_errors_in_a_batch_say_which_state():
    problem = batch_problem({"states": [ROUND, ROUND | {"ct_alive": 6}, 5, ROUND | {"t_health": 301}]})
    assert [error.field for error in problem.errors] == ["states[1].ct_alive", "states[2]", "states[3].t_health"]


def test_a_batch_is_spelled_as_its_first_item_whatever_that_is():
    unusual = ROUND | {"ct_alive": 4.0}
    for first, style in ((unusual, SNAKE), (in_camel(unusual), CAMEL)):
        ((rows, told),) = ROUND_FORM.read_many_slowly({"states": [first]})
        assert (rows[0]["ct_alive"], told) == (4, style)
        wrong = batch_problem({"states": [first, in_camel(ROUND) if style is SNAKE else ROUND]})
        assert {one.field.partition(".")[0] for one in wrong.errors} == {"states[1]"}
    problem = batch_problem({"states": [5, in_camel(ROUND)]})
    assert problem.errors[0].field == "states[0]" and "must be an object, not a number" in problem.errors[0].message


@pytest.mark.parametrize(
    ("document", "errors"),
    [
        ({}, [("states", "missing")]),
        ({"states": []}, [("states", "must hold 1 to 10000 items, not 0")]),
        ({"states": {}}, [("states", "must be a list, not an object")]),
        ({"states": None}, [("states", "must be a list, not null")]),
        ({"states": [ROUND], "state": 1}, [("state", "unknown field")]),
        ({"players": []}, [("players", "unknown field"), ("states", "missing")]),
        ([ROUND], [("", "must be an object with the list 'states'")]),
    ],
)
def test_a_batch_of_another_shape_is_refused(document, errors):
    problem = batch_problem(document)
    assert (problem.status, [(one.field, one.message) for one in problem.errors]) == (422, errors)


def test_a_field_that_is_not_there_is_missing():
    without = {name: value for name, value in ROUND.items() if name != "ct_alive"}
    assert [(one.field, one.message) for one in errors_of(ROUND_FORM, without).errors] == [("ct_alive", "missing")]


def test_a_batch_has_a_largest_size():
    problem = batch_problem({"states": [ROUND] * (MAX_BATCH + 1)})
    assert problem.errors[0].message == "must hold 1 to 10000 items, not 10001"


def test_no_more_than_a_hundred_errors_are_listed_and_the_rest_counted():
    document = json.loads(batch_problem({"states": [ROUND | {"ct_alive": 6}] * 500}).body())
    assert len(document["errors"]) == 100
    assert document["detail"] == "500 fields are wrong; the first 100 are listed"


@pytest.mark.parametrize(("each", "looked_up"), [(40, 120), (50, 100)])
def test_why_fields_are_unknown_is_looked_up_only_for_those_listed(monkeypatch, each, looked_up):
    asked = []
    monkeypatch.setattr(ROUND_FORM, "_unknown", lambda name, _: asked.append(name) or "unknown field")
    item = ROUND | {f"ct_aliv{number}": 1 for number in range(each)}
    problem = batch_problem({"states": [item] * 500})
    assert problem.detail == f"{500 * each} fields are wrong; the first 100 are listed"
    assert len(asked) == looked_up, "those of the item that holds the hundredth are the last to be listed"


def test_an_unusual_but_right_batch_is_read():
    body = json.dumps({"states": [in_camel(ROUND) | {"ctAlive": 4.0}] * 250}).encode()
    assert ROUND_FORM.read_many(body) is None
    rows, style = next(result for result in ROUND_FORM.read_many_slowly(parse(body)) if result is not None)
    assert (len(rows), style, rows[0]["ct_alive"]) == (250, CAMEL, 4)


@pytest.mark.parametrize("mark", [b"[", b"{", b"[{"], ids=["lists", "objects", "both"])
def test_so_many_lists_and_objects_are_parsed_and_no_more(mark):
    within = json.dumps("".join(mark.decode() for _ in range(MAX_LISTS // len(mark)))).encode()
    assert parse(within) == json.loads(within)
    with pytest.raises(Problem) as refused:
        parse(within[:-1] + mark + b'"')
    assert refused.value.status == 400 and "than a batch can" in refused.value.detail
    assert MAX_LISTS == 20_000, "an object and a list for each item of the largest batch"


def test_so_many_commas_are_parsed_and_no_more():
    within = json.dumps("," * MAX_COMMAS).encode()
    assert parse(within) == "," * MAX_COMMAS and MAX_COMMAS == 400_000
    with pytest.raises(Problem):
        parse(within[:-1] + b',"')


def test_the_largest_batch_is_read_slowly_too_and_others_get_their_turn():
    document = {"states": [in_camel(ROUND) | {"ctAlive": 4.0}] * MAX_BATCH}
    *turns, (rows, _) = ROUND_FORM.read_many_slowly(document)
    assert len(rows) == MAX_BATCH and turns == [None] * 100
    few = {"states": document["states"][:99]}
    assert len(list(ROUND_FORM.read_many_slowly(few))) == 1


@pytest.mark.parametrize(("digits", "kind"), [("9" * 19, int), ("9" * 20, float), ("9" * 5000, float)])
def test_numbers_of_any_length_are_read_without_much_work(digits, kind):
    assert type(parse(digits.encode())) is kind


@pytest.mark.parametrize(
    ("body", "told"),
    [(b'{"a": }', "at line 1, column 7"), (b'{"a":\n x}', "at line 2, column 2"), (b'{"a": "\xff"}', "at byte 7")],
)
def test_where_a_body_stops_being_json_is_said(body, told):
    with pytest.raises(Problem) as refused:
        parse(body)
    assert told in refused.value.detail


@pytest.mark.parametrize("name", ["map_name", "match_id", "round_id"])
def test_a_text_has_a_hundred_characters_at_most(name):
    for unusual in ({}, {"ct_alive": 4.0}):
        values, _ = ROUND_FORM.read_one(json.dumps(ROUND | unusual | {name: "x" * 100}).encode())
        assert values[name] == "x" * 100
        problem = errors_of(ROUND_FORM, ROUND | unusual | {name: "x" * 101})
        assert [error.field for error in problem.errors] == [name]


@pytest.mark.parametrize("field", [one for one in ROUND_FIELDS if not one.text], ids=lambda one: one.name)
def test_a_number_is_read_up_to_its_limits(field):
    step = 1 if field.integer else 0.5
    for value, right in ((field.low, True), (field.high, True), (field.low - step, False), (field.high + step, False)):
        for unusual in (ROUND, ROUND | {"match_id": None, "ct_alive": float(ROUND["ct_alive"])}):
            document = unusual | {field.name: value}
            try:
                ROUND_FORM.read_one(json.dumps(document).encode())
                wrong = []
            except Problem as problem:
                wrong = [one for one in problem.errors if "must be from" in one.message]
            assert (not wrong) is right, document


@pytest.mark.parametrize("form", [ROUND_FORM, PLAYER_FORM])
def test_an_item_that_contradicts_itself_is_refused_in_a_batch_as_alone(form):
    impossible = ROUND | {"ct_health": 401} if form is ROUND_FORM else PLAYER | {"total_clutches": 41}
    alone = errors_of(form, impossible).errors
    right = ROUND if form is ROUND_FORM else PLAYER
    body = json.dumps({form.many: [right, impossible]}).encode()
    with pytest.raises(Problem) as fast:
        asyncio.run(anext(chunks(form, body)))
    assert [one.field for one in fast.value.errors] == [f"{form.many}[1].{one.field}" for one in alone]
    with pytest.raises(Problem) as refused:
        list(form.read_many_slowly({form.many: [right, impossible]}))
    assert [one.field for one in refused.value.errors] == [f"{form.many}[1].{one.field}" for one in alone]


def test_texts_that_the_models_do_not_know_are_counted():
    maps = ("de_mirage", "de_nowhere", None, "de_nowhere")
    assert ROUND_FORM.unknown({"map_name": maps}) == {"map_name": 2}
    assert ROUND_FORM.unknown({"map_name": ("de_mirage", None)}) == {}
    assert PLAYER_FORM.unknown({}) == {}


def test_the_spelling_with_more_known_names_is_the_bodys_and_snake_case_of_equals():
    mixed = {"ctAlive": 4, "tAlive": 3, "ct_money": 1, "frogs": 1}
    problem = errors_of(ROUND_FORM, mixed)
    assert ("ct_money", "this body is camelCase: write ctMoney") in [(e.field, e.message) for e in problem.errors]
    problem = errors_of(ROUND_FORM, {"ctAlive": 4, "ct_money": 1})
    assert ("ctAlive", "this body is snake_case: write ct_alive") in [(e.field, e.message) for e in problem.errors]
