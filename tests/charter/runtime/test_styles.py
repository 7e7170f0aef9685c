"""Every style of OpenAPI's table "Style Examples", read back into the value that it was made of."""

from typing import Any

import pytest

from charter.runtime.judge import Judge
from charter.runtime.parameters import ABSENT, Parameter, declare

STRING = {"type": "string"}
COLOURS = {"type": "array", "items": STRING}
NUMBERS = {"type": "array", "items": {"type": "integer"}}
RGB = {"type": "object", "properties": {key: {"type": "integer"} for key in "RGB"}}
CLOSED = RGB | {"additionalProperties": False}

BLUE = "blue"
LIST = ["blue", "black", "brown"]
MAPPING = {"R": 100, "G": 200, "B": 150}


def parameter(place: str, schema: Any, **more: Any) -> Parameter:
    node = {"name": "color", "in": place, "schema": schema, **more}
    return declare(Judge({"parameters": [node], "components": {}}), "/parameters/0")


TABLE = [
    # place, style, explode, schema, the request's names and texts, the value
    ("path", "matrix", False, STRING, {"color": [";color=blue"]}, BLUE),
    ("path", "matrix", False, STRING, {"color": [";color"]}, ""),
    ("path", "matrix", True, COLOURS, {"color": [";color=blue;color=black;color=brown"]}, LIST),
    ("path", "matrix", False, COLOURS, {"color": [";color=blue,black,brown"]}, LIST),
    ("path", "matrix", True, RGB, {"color": [";R=100;G=200;B=150"]}, MAPPING),
    ("path", "matrix", False, RGB, {"color": [";color=R,100,G,200,B,150"]}, MAPPING),
    ("path", "label", False, STRING, {"color": [".blue"]}, BLUE),
    ("path", "label", True, COLOURS, {"color": [".blue.black.brown"]}, LIST),
    ("path", "label", False, COLOURS, {"color": [".blue,black,brown"]}, LIST),
    ("path", "label", True, RGB, {"color": [".R=100.G=200.B=150"]}, MAPPING),
    ("path", "label", False, RGB, {"color": [".R,100,G,200,B,150"]}, MAPPING),
    ("path", "simple", False, STRING, {"color": ["blue"]}, BLUE),
    ("path", "simple", False, COLOURS, {"color": ["blue,black,brown"]}, LIST),
    ("path", "simple", True, COLOURS, {"color": ["blue,black,brown"]}, LIST),
    ("path", "simple", False, RGB, {"color": ["R,100,G,200,B,150"]}, MAPPING),
    ("path", "simple", True, RGB, {"color": ["R=100,G=200,B=150"]}, MAPPING),
    ("header", "simple", False, COLOURS, {"color": ["blue, black, brown"]}, LIST),
    ("header", "simple", False, COLOURS, {"color": ["blue", "black,brown"]}, LIST),
    ("header", "simple", True, RGB, {"color": ["R=100,G=200,B=150"]}, MAPPING),
    ("query", "form", True, STRING, {"color": ["blue"]}, BLUE),
    ("query", "form", True, STRING, {"color": [""]}, ""),
    ("query", "form", True, COLOURS, {"color": LIST}, LIST),
    ("query", "form", False, COLOURS, {"color": ["blue,black,brown"]}, LIST),
    ("query", "form", False, COLOURS, {"color": [""]}, []),
    ("query", "form", True, RGB, {"R": ["100"], "G": ["200"], "B": ["150"]}, MAPPING),
    ("query", "form", True, CLOSED, {"R": ["100"], "G": ["200"], "B": ["150"]}, MAPPING),
    ("query", "form", False, RGB, {"color": ["R,100,G,200,B,150"]}, MAPPING),
    ("query", "spaceDelimited", False, COLOURS, {"color": ["blue black brown"]}, LIST),
    ("query", "spaceDelimited", False, RGB, {"color": ["R 100 G 200 B 150"]}, MAPPING),
    ("query", "pipeDelimited", False, COLOURS, {"color": ["blue|black|brown"]}, LIST),
    ("query", "pipeDelimited", False, RGB, {"color": ["R|100|G|200|B|150"]}, MAPPING),
    ("query", "pipeDelimited", True, COLOURS, {"color": LIST}, LIST),
    ("query", "deepObject", True, RGB,
     {"color[R]": ["100"], "color[G]": ["200"], "color[B]": ["150"]}, MAPPING),
    ("query", "deepObject", True, {"type": "object", "properties": {"a": RGB, "b": NUMBERS}},
     {"color[a][R]": ["1"], "color[b][]": ["2", "3"]}, {"a": {"R": 1}, "b": [2, 3]}),
    ("cookie", "form", False, COLOURS, {"color": ["blue,black,brown"]}, LIST),
    ("cookie", "form", True, RGB, {"R": ["100"], "G": ["200"], "B": ["150"]}, MAPPING),
]  # fmt: skip


@pytest.mark.parametrize(("place", "style", "explode", "schema", "values", "expected"), TABLE)
def test_a_style_is_read(
    place: str,
    style: str,
    explode: bool,
    schema: Any,
    values: dict[str, list[str]],
    expected: Any,
) -> None:
    assert parameter(place, schema, style=style, explode=explode).read(values) == expected


@pytest.mark.parametrize("place", ["path", "query", "header", "cookie"])
def test_a_style_has_the_defaults_of_its_place(place: str) -> None:
    found = parameter(place, STRING).style

    assert (found.style, found.explode) == {
        "path": ("simple", False),
        "header": ("simple", False),
        "query": ("form", True),
        "cookie": ("form", True),
    }[place]


@pytest.mark.parametrize("schema", [STRING, COLOURS, RGB, CLOSED])
@pytest.mark.parametrize("style", ["form", "deepObject", "pipeDelimited"])
def test_what_is_not_there_is_absent(schema: Any, style: str) -> None:
    assert parameter("query", schema, style=style).read({}) is ABSENT


BROKEN = [
    ("path", "matrix", False, STRING, {"color": ["blue"]}),
    ("path", "matrix", False, STRING, {"color": [";colour=blue"]}),
    ("path", "label", False, STRING, {"color": ["blue"]}),
    ("path", "simple", False, RGB, {"color": ["R,100,G"]}),
    ("path", "simple", True, RGB, {"color": ["R,100"]}),
    ("path", "simple", False, RGB, {"color": ["R,1,R,2"]}),
    ("query", "form", True, STRING, {"color": ["blue", "black"]}),
    ("query", "form", False, COLOURS, {"color": ["blue", "black"]}),
    ("query", "form", True, RGB, {"R": ["1", "2"]}),
    ("query", "deepObject", True, RGB, {"color[R": ["1"]}),
    ("query", "deepObject", True, RGB, {"color[R]": ["1", "2"]}),
    ("query", "deepObject", True, RGB, {"color[R]": ["1"], "color[R][x]": ["1"]}),
]


@pytest.mark.parametrize(("place", "style", "explode", "schema", "values"), BROKEN)
def test_what_is_not_of_the_style_is_refused(
    place: str, style: str, explode: bool, schema: Any, values: dict[str, list[str]]
) -> None:
    with pytest.raises(ValueError, match=r"is |has "):
        parameter(place, schema, style=style, explode=explode).read(values)


SCALARS = [
    ({"type": "integer"}, "5", 5),
    ({"type": "integer"}, "5.0", "5.0"),
    ({"type": "number"}, "5.5", 5.5),
    ({"type": "boolean"}, "true", True),
    ({"type": ["integer", "null"]}, "null", None),
    ({"type": ["integer", "null"]}, "", None),
    ({"type": ["string", "null"]}, "null", "null"),
    ({"enum": [1, 2]}, "2", 2),
    ({"const": False}, "false", False),
    ({"oneOf": [{"type": "integer"}, {"type": "boolean"}]}, "true", True),
    ({"anyOf": [{"$ref": "#/components/schemas/Id"}]}, "7", 7),
    ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, "7", 7),
    ({"type": ["string", "array"], "items": {"type": "integer"}}, "7", [7]),
    ({"type": ["string", "array"], "items": {"type": "integer"}}, "x", "x"),
    ({}, "7", "7"),
    (True, "7", "7"),
]


@pytest.mark.parametrize(("schema", "text", "expected"), SCALARS)
def test_a_text_is_the_value_that_its_schema_lets_it_be(
    schema: Any, text: str, expected: Any
) -> None:
    node = {"name": "color", "in": "query", "schema": schema}
    components = {"schemas": {"Id": {"type": "integer"}}}
    judge = Judge({"parameters": [node], "components": components})

    value = declare(judge, "/parameters/0").read({"color": [text]})

    assert (value, type(value)) == (expected, type(expected))


def test_a_parameter_described_by_content_is_json() -> None:
    node = {
        "name": "color",
        "in": "query",
        "content": {"application/json": {"schema": RGB}},
    }
    found = declare(Judge({"parameters": [node]}), "/parameters/0")

    assert found.read({"color": ['{"R": 100}']}) == {"R": 100}
    with pytest.raises(ValueError, match="is not well-formed JSON"):
        found.read({"color": ["{"]})
