"""Values for examples: each is valid, the same in every run, and another one where asked for."""

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from generated.runtime import Contract
from generated.runtime.judge import Judge
from generated.runtime.views import Direction
from scripts.codegen.document import Document
from scripts.mock.values import Impossible, Values

ROOT = Path(__file__).parents[2]
SPECS = ROOT.parent / "shared" / "data" / "specs"

STRING = {"type": "string"}
NODE = {"$ref": "#/components/schemas/Node"}
CAT = {"$ref": "#/components/schemas/Cat"}
DOG = {"$ref": "#/components/schemas/Dog"}

COMPONENTS = {
    "Node": {"type": "object", "required": ["v"], "properties": {"v": STRING, "next": NODE}},
    "Cat": {"type": "object", "required": ["kind"], "properties": {"kind": STRING, "m": STRING}},
    "Dog": {"type": "object", "required": ["kind", "b"], "properties": {"kind": STRING, "b": {}}},
    "Tree": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
}

SCHEMAS: dict[str, Any] = {
    "anything": {},
    "true": True,
    "const": {"const": [1, {"a": None}]},
    "enum": {"enum": [None, "a", 1]},
    "null": {"type": "null"},
    "types": {"type": ["null", "integer"]},
    "no type": {"properties": {"a": {"minimum": 7}}},
    "lengths": {"type": "string", "minLength": 30, "maxLength": 31},
    "pattern": {"type": "string", "pattern": "^[A-Z]{3}-\\d{4}$"},
    "pattern anywhere": {"type": "string", "pattern": "b+c", "minLength": 8},
    "pattern and length": {"type": "string", "pattern": "^\\w+$", "minLength": 12, "maxLength": 12},
    "pattern of other letters": {"type": "string", "pattern": "^\\p{L}+$"},
    **{
        f"format {name}": {"type": "string", "format": name}
        for name in ("uuid", "date", "date-time", "time", "duration", "email", "hostname", "ipv4",
                     "ipv6", "uri", "uri-reference", "iri", "json-pointer", "regex", "uri-template")
    },
    "bounds": {"type": "integer", "minimum": 10, "maximum": 11},
    "exclusive bounds": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.1},
    "negative": {"type": "integer", "exclusiveMaximum": 0},
    "multiple": {"type": "integer", "multipleOf": 7, "minimum": 100},
    "decimal multiple": {"type": "number", "multipleOf": 0.01, "minimum": 0.995},
    "items": {"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": True},
    "few items": {"type": "array", "items": STRING, "maxItems": 0},
    "tuple": {"type": "array", "prefixItems": [STRING, {"type": "integer"}], "items": False},
    "contains": {"type": "array", "contains": {"const": 5}, "minContains": 2},
    "unique words": {"type": "array", "items": STRING, "minItems": 4, "uniqueItems": True},
    "required": {"type": "object", "required": ["a", "b"], "properties": {"a": STRING}},
    "closed": {"type": "object", "properties": {"a": STRING}, "additionalProperties": False},
    "map": {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2},
    "pattern names": {"type": "object", "patternProperties": {"^x-": {"type": "integer"}},
                      "additionalProperties": False, "minProperties": 1},
    "names": {"type": "object", "propertyNames": {"pattern": "^[a-z]{5}$"}, "minProperties": 2},
    "few members": {"type": "object", "properties": {"a": {}, "b": {}, "c": {}},
                    "maxProperties": 1},
    "dependent": {"type": "object", "properties": {"a": STRING, "b": STRING},
                  "dependentRequired": {"a": ["b", "c"]}},
    "unevaluated": {"allOf": [{"properties": {"a": STRING}}], "properties": {"b": STRING},
                    "unevaluatedProperties": False},
    "all of": {"allOf": [{"type": "integer", "minimum": 5}, {"maximum": 6}]},
    "all of members": {"allOf": [{"properties": {"a": {"minLength": 2}}, "required": ["a"]},
                                 {"properties": {"a": {"type": "string", "maxLength": 2}}}]},
    "one of": {"oneOf": [{"type": "integer", "multipleOf": 3},
                         {"type": "integer", "multipleOf": 5}]},
    "any of": {"anyOf": [{"type": "null"}, {"type": "string", "minLength": 3}]},
    "not": {"type": "string", "not": {"const": "text"}, "enum": ["text", "other"]},
    "not both": {"type": "object", "properties": {"a": STRING, "b": STRING},
                 "not": {"required": ["a", "b"]}},
    "if": {"properties": {"a": {"enum": [1, 2]}}, "required": ["a"],
           "if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]}},
    "reference": {"$ref": "#/components/schemas/Cat", "required": ["m"]},
    "recursive": NODE,
    "recursive array": {"$ref": "#/components/schemas/Tree"},
    "discriminator": {"oneOf": [DOG, CAT], "discriminator": {"propertyName": "kind"}},
    "mapping": {"oneOf": [{"allOf": [CAT, {"properties": {"kind": {"const": "cat"}}}]}, DOG],
                "discriminator": {"propertyName": "kind",
                                  "mapping": {"cat": "#/components/schemas/Cat", "dog": "Dog"}}},
    "its example": {"type": "string", "example": "mine"},
    "its examples": {"type": "integer", "examples": [42]},
    "its default": {"type": "string", "default": "usual"},
    "an example that is invalid": {"type": "integer", "example": "five"},
    "a default that is none": {"type": "string", "default": None},
}  # fmt: skip


def judge(schemas: dict[str, Any]) -> Judge:
    return Judge({"openapi": "3.1.0", "x": schemas, "components": {"schemas": COMPONENTS}})


def place(name: str) -> str:
    return f"/x/{name}"


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_example_is_valid(name: str) -> None:
    found = judge(SCHEMAS)

    example = Values(found).example(place(name), Direction.RESPONSE)

    assert found.validator(place(name)).is_valid(example), example


@pytest.mark.parametrize("name", SCHEMAS)
def test_values_made_anew_are_valid(name: str) -> None:
    found = judge(SCHEMAS)
    values, random = Values(found), Random(1)  # noqa: S311 - the same in every run

    made = [values.dynamic(place(name), Direction.RESPONSE, random) for _ in range(10)]

    assert all(found.validator(place(name)).is_valid(value) for value in made), made


def test_values_made_anew_differ() -> None:
    values, random = Values(judge(SCHEMAS)), Random(1)  # noqa: S311 - the same in every run

    made = {values.dynamic(place("format uuid"), Direction.RESPONSE, random) for _ in range(10)}

    assert len(made) == 10


@pytest.mark.parametrize(
    ("name", "example"),
    [("its example", "mine"), ("its examples", 42), ("its default", "usual")],
)
def test_a_schema_of_its_own_example_shows_that(name: str, example: Any) -> None:
    assert Values(judge(SCHEMAS)).example(place(name), Direction.RESPONSE) == example


def test_all_members_are_shown() -> None:
    members = {"a": STRING, "b": {"type": "object", "properties": {"c": STRING}}}
    values = Values(judge({"all": {"type": "object", "properties": members}}))

    assert values.example("/x/all", Direction.RESPONSE) == {"a": "text", "b": {"c": "text"}}


def test_each_side_is_shown_what_it_sends() -> None:
    members = {
        "id": {"type": "string", "readOnly": True},
        "password": {"type": "string", "writeOnly": True},
    }
    values = Values(judge({"user": {"type": "object", "properties": members}}))

    assert values.example("/x/user", Direction.RESPONSE).keys() == {"id"}
    assert values.example("/x/user", Direction.REQUEST).keys() == {"password"}


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"type": "integer", "minimum": 2, "maximum": 1},
        {"type": "object", "required": ["a"], "properties": {"a": False}},
    ],
)
def test_a_schema_that_contradicts_itself_has_no_value(schema: Any) -> None:
    with pytest.raises(Impossible, match="#/x/none"):
        Values(judge({"none": schema})).example("/x/none", Direction.RESPONSE)


def test_examples_are_the_same_in_every_process() -> None:
    program = (
        "import json; from tests.mock.test_values import *;"
        "values = Values(judge(SCHEMAS));"
        "print(json.dumps([values.example(place(n), Direction.RESPONSE) for n in SCHEMAS]))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(printed) == 1
    assert len(json.loads(printed.pop())) == len(SCHEMAS)


CONTRADICTIONS = {
    ("readme31-schema-types.yaml", "/paths/~1anything~1quirks~1polymorphism/put/requestBody"),
    ("readme31-schema-types.yaml", "/paths/~1anything~1quirks~1polymorphism/patch/requestBody"),
}
"""allOf of a string and an integer."""


@pytest.mark.skipif(not SPECS.is_dir(), reason=f"the real documents are not at {SPECS}")
@pytest.mark.parametrize(
    "name",
    sorted(path.name for path in SPECS.glob("*") if path.suffix != ".tsv" and "20" not in path.name)
    if SPECS.is_dir()
    else [],
)
def test_every_body_of_a_real_document_has_an_example(name: str) -> None:
    document = Document(SPECS / name)
    contract = Contract(document.content, body_limit=1, checked_share=1, broken=print)
    values = Values(contract.judge)
    for operation in contract.operations.values():
        promises = [*operation.promises.values(), *operation.ranges.values()]
        places = [
            (content.schema_place, Direction.RESPONSE)
            for promise in promises
            for content in promise.contents.values()
        ]
        if (body := contract.reader(operation.id).body) is not None:
            where = operation.place + "/requestBody"
            if (name, where) in CONTRADICTIONS:
                continue
            places += [(found.schema_place, Direction.REQUEST) for found in body.contents.values()]
        for schema_place, direction in places:
            if schema_place is not None:
                values.example(schema_place, direction)
