"""The gateway's documents: the same API in either spelling, and answers as they are described."""

import jsonschema
import pytest
from pydantic.alias_generators import to_camel

from bento.gateway.http import openapi
from bento.gateway.http.wire import Wire
from cs2_pipeline_tests.bento.gateway import documented
from cs2_pipeline_tests.bento.gateway.conftest import open_gateway
from cs2_pipeline_tests.bento.gateway.routers.test_forecasts import OLD, SERIES, open_doors

CAMEL = {"Prefer": "spelling=camel"}


def wires(of=Wire):
    return {one for each in of.__subclasses__() for one in {each, *wires(each)}}


def fields(document):
    return {name: list(schema.get("properties", ())) for name, schema in document["components"]["schemas"].items()}


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    with open_gateway(tmp_path_factory.mktemp("documented")) as gateway:
        return gateway.get("/openapi.json").json(), gateway.get("/openapi.camel.json").json()


def test_both_documents_describe_the_same_fields_each_in_its_spelling(documents):
    snake, camel = documents
    assert snake["paths"].keys() == camel["paths"].keys()
    assert any("_" in name for names in fields(snake).values() for name in names)
    assert not any("_" in name for names in fields(camel).values() for name in names)
    for name, found in fields(camel).items():
        assert found == [to_camel(one) for one in fields(snake)[name]], name
        described = camel["components"]["schemas"][name]
        assert set(described.get("required", ())) <= set(found)


def test_the_api_is_described_and_pages_for_people_are_not(documents):
    beginnings = {path.split("/")[1] for path in documents[0]["paths"]}
    assert beginnings == {"api", "auth", "forecast", "health", "livez", "readyz"}
    told = {tag for path in documents[0]["paths"].values() for one in path.values() for tag in one["tags"]}
    assert told == {tag["name"] for tag in documents[0]["tags"]}


def test_every_list_comes_in_pages_of_fifty_unless_asked_for_other_ones(documents):
    lists = {
        path: {one["name"]: one["schema"] for one in operations["get"].get("parameters", ())}
        for path, operations in documents[0]["paths"].items()
        if "get" in operations
    }
    pages = {path: found for path, found in lists.items() if "limit" in found}
    assert len(pages) == 7, pages.keys()
    for path, found in pages.items():
        limit = found["limit"]
        assert (limit["default"], limit["minimum"], limit["maximum"]) == (50, 1, 500), path
        assert found["after"]["anyOf"][0]["maxLength"] == 1000, path


def test_the_document_says_how_much_a_query_may_hold_and_what_counts_where_nothing_is_said():
    queries = {
        f"{path.removeprefix('/api/v1/')} {one['name']}": one["schema"]
        for path, operations in documented.document()["paths"].items()
        for operation in operations.values()
        for one in operation.get("parameters", ())
        if one["in"] != "path" and one["name"] not in ("limit", "after")
    }
    limits = {name: tuple(documented._limits(schema)) for name, schema in queries.items()}
    assert {name: found for name, found in limits.items() if found} == {
        "forecasts team": (100,), "maps q": (100,), "teams q": (100,), "players q": (100,), "uploads name": (255, 1),
        "announcements/stream last-event-id": (200,), "announcements/stream after_seq": (2**62, 0),
        "forecasts/ledger/export after_seq": (2**62, 0), "sources/server-log best_of": (5, 1),
        "matches/{match_id}/maps/{map_id}/versions version": (2, 1),
    }  # fmt: skip
    defaults = {name: schema["default"] for name, schema in queries.items() if "default" in schema}
    assert {name: default for name, default in defaults.items() if default is not None} == {
        "forecasts/ledger/export after_seq": 0, "sources/server-log best_of": 1, "matches/{match_id}/rounds map_id": "",
        "matches/{match_id}/history map_id": "", "matches/{match_id}/history superseded": False,
    }  # fmt: skip


def test_a_schema_with_a_name_of_two_words_is_answered_in_both_spellings(documents):
    answered = {one.__name__ for one in wires()}
    for name, found in fields(documents[0]).items():
        assert name in answered or not any("_" in one for one in found), name


def test_the_camel_document_says_how_it_is_asked(documents):
    snake, camel = documents
    assert openapi._SNAKE in snake["info"]["description"]
    assert openapi._CAMEL in camel["info"]["description"]
    for path in camel["paths"].values():
        for operation in path.values():
            by_place = {(one["in"], one["name"]) for one in operation["parameters"]}
            assert ("header", "Prefer") in by_place
            assert not any(place == "query" and "_" in name for place, name in by_place)


def named(document, path, method):
    answer = document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
    return answer | {"components": document["components"]}


def camel(body):
    words = ((name.split("_"), value) for name, value in body.items())
    return {first + "".join(one.capitalize() for one in rest): value for (first, *rest), value in words}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/forecast/get_team1_win_probability", OLD),
        ("/api/v1/forecasts/series", SERIES | {"market_odds": [1.6, 2.4]}),
        ("/api/v1/forecasts", None),
        ("/api/v1/forecasts/scores", None),
        ("/api/v1/players", None),
        ("/health", None),
    ],
)
def test_an_answer_is_as_the_document_of_its_spelling_describes_it(gateway, documents, path, body):
    open_doors(gateway)
    gateway.post("/api/v1/forecasts/series", json=SERIES)
    for document, respelled, headers in zip(documents, (dict, camel), ({}, CAMEL), strict=True):
        if body is None:
            answered = gateway.get(path, headers=headers).json()
        else:
            answered = gateway.post(path, json=respelled(body), headers=headers).json()
        schema = named(document, path, "get" if body is None else "post")
        jsonschema.validate(answered, schema)
        assert all("_" not in name for name in answered) or document is documents[0]
