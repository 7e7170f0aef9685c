"""Values for examples: each is valid, the same in every run, and another one where asked for."""

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import jsonschema_rs
import pytest

from charter.mock.samples import Impossible, Values
from charter.runtime import Contract
from charter.runtime.judge import Judge
from charter.runtime.references import pointer
from charter.runtime.views import Direction
from tests.charter.command_line import each
from tests.data import ROOT, SPECS, content_of

STRING = {"type": "string"}
NODE = {"$ref": "#/components/schemas/Node"}
CAT = {"$ref": "#/components/schemas/Cat"}
DOG = {"$ref": "#/components/schemas/Dog"}

COMPONENTS = {
    "Node": {"type": "object", "required": ["v"], "properties": {"v": STRING, "next": NODE}},
    "Cat": {"type": "object", "required": ["kind"], "properties": {"kind": STRING, "m": STRING}},
    "Dog": {"type": "object", "required": ["kind", "b"], "properties": {"kind": STRING, "b": {}}},
    "Car": {"required": ["kind"], "properties": {"kind": STRING, "doors": {"type": "integer"}}},
    "Bike": {"required": ["kind"], "properties": {"kind": STRING, "gears": {"type": "integer"}}},
    "Tree": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
    "Map": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Map"}},
    "Wide": {
        "type": "object",
        "properties": {name: {"$ref": "#/components/schemas/Wide"} for name in "abcdefghij"},
    },
    "Chain": {
        "anyOf": [
            {"type": "null"},
            {
                "type": "object",
                "required": ["next"],
                "properties": {"next": {"$ref": "#/components/schemas/Chain"}},
            },
        ]
    },
    "Sum": {
        "oneOf": [
            {
                "type": "object",
                "required": ["left", "right"],
                "properties": {
                    "left": {"$ref": "#/components/schemas/Sum"},
                    "right": {"$ref": "#/components/schemas/Sum"},
                },
            },
            {"type": "number"},
        ]
    },
    "Endless": {
        "type": "object",
        "required": ["more"],
        "properties": {"more": {"$ref": "#/components/schemas/Endless"}},
    },
    "Vehicle": {
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": STRING},
        "discriminator": {
            "propertyName": "kind",
            "mapping": {"lorry": "#/components/schemas/Lorry"},
        },
    },
    "Lorry": {
        "allOf": [
            {"$ref": "#/components/schemas/Vehicle"},
            {"required": ["load"], "properties": {"load": {"type": "integer"}}},
        ]
    },
    "Tram": {
        "allOf": [
            {"$ref": "#/components/schemas/Vehicle"},
            {"properties": {"line": {"type": "integer"}}},
        ]
    },
}

PATTERNS: dict[str, dict[str, Any]] = {
    "": {}, "^$": {}, "^": {"minLength": 3}, "\\.pdf$": {"minLength": 9, "maxLength": 9},
    "^[0-9a-f]{1024}$": {}, "^[a-z0-9]+(?:-[a-z0-9]+)*$": {"minLength": 40},
    "^(?=.*[A-Z])(?=.*\\d)(?=.*[^A-Za-z0-9]).{8,}$": {}, "^(?!admin)[a-z]{5}$": {},
    "^\\p{Lu}\\p{Ll}+$": {}, "^\\P{L}+$": {}, "^\\p{Script=Greek}{3}$": {},
    "^\\p{Sc}\\d+$": {},
    "^[\\p{L}\\p{N} .'-]{1,50}$": {"minLength": 5}, "^[\\u4e00-\\u9fa5]{2,4}$": {},
    "^\\u{41}\\x42\\cJ$": {}, "^(a|b)\\1$": {}, "^(?<year>\\d{4})-\\W\\S\\D$": {},
    "^(foo|barbaz)$": {"minLength": 4}, "^a$|^b{4}$": {"minLength": 4},
    "^https?://[^\\s/$.?#].[^\\s]*$": {}, "^\\$\\d+\\.\\d{2}$": {}, "^[^\\]]+\\]$": {},
    "^a+?b*?$": {"minLength": 6}, "^[\\s\\S]+$": {}, "\\bfoo\\b": {},
    "^2031-": {"format": "date"}, "^https://": {"format": "uri"},
    "\\.\\d{3}Z$": {"format": "date-time"}, "^[^@]+@[^@]+$": {"format": "email"},
}  # fmt: skip

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
    **{
        f"pattern {pattern}": {"type": "string", "pattern": pattern, **lengths}
        for pattern, lengths in PATTERNS.items()
    },
    "two patterns": {"allOf": [{"type": "string", "pattern": "^[a-z]"}, {"pattern": "\\d{3}$"}]},
    "not a pattern": {"type": "string", "not": {"pattern": "e"}},
    "long email": {"type": "string", "format": "email", "minLength": 30, "maxLength": 40},
    "short email": {"type": "string", "format": "email", "maxLength": 6},
    "short uri": {"type": "string", "format": "uri", "maxLength": 10},
    "long hostname": {"type": "string", "format": "hostname", "minLength": 100},
    "milliseconds": {"type": "string", "format": "date-time", "minLength": 24, "maxLength": 24},
    "long address": {"type": "string", "format": "ipv6", "minLength": 39},
    "two multiples": {"allOf": [{"type": "integer", "multipleOf": 4}, {"multipleOf": 6}],
                      "minimum": 1},
    "whole multiple": {"type": "integer", "multipleOf": 1.5, "minimum": 1},
    "tiny": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1e-9},
    "half bound": {"type": "integer", "maximum": -0.5},
    "large": {"type": "integer", "minimum": 2**53},
    "not a range": {"type": "integer", "not": {"minimum": 0}},
    "not a type": {"not": {"type": ["string", "object"]}},
    "not not": {"not": {"not": {"type": "integer"}}},
    "one of many": {"enum": [*range(100), "z"], "type": "string"},
    "all there are": {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 5},
                      "minItems": 5, "uniqueItems": True},
    "true is not one": {"type": "array", "items": {"enum": [1, True, 0, False]}, "minItems": 4,
                        "uniqueItems": True},
    "one that contains": {"type": "array", "items": {"type": "integer"}, "minItems": 4,
                          "contains": {"minimum": 5}, "maxContains": 1},
    "none that contains": {"type": "array", "contains": {"const": 1}, "minContains": 0,
                           "maxContains": 0, "minItems": 2},
    "contains after a tuple": {"type": "array", "prefixItems": [STRING], "contains": {"const": 7}},
    "contains two": {"type": "array", "allOf": [{"contains": {"const": 1}},
                                                {"contains": {"const": 2}}]},
    "items of two parts": {"minItems": 1, "allOf": [
        {"type": "array", "items": {"type": "object", "required": ["a"]}},
        {"items": {"required": ["b"], "properties": {"b": {"type": "integer"}}}},
    ]},
    "required by pattern": {"type": "object", "required": ["x-a", "b"],
                            "patternProperties": {"^x-": {"type": "integer"}, "^b": STRING},
                            "additionalProperties": False},
    "several patterns": {"type": "object", "minProperties": 4, "additionalProperties": False,
                         "patternProperties": {"^s_": STRING, "^i_": {"type": "integer"}}},
    "declared and matched": {"type": "object", "required": ["ab"],
                             "properties": {"ab": {"minimum": 5}},
                             "patternProperties": {"^a": {"type": "integer"}}},
    "known names": {"type": "object", "propertyNames": {"enum": ["a", "b"]}, "minProperties": 2},
    "names of a format": {"type": "object", "propertyNames": {"format": "uuid"},
                          "additionalProperties": {"type": "integer"}, "minProperties": 2},
    "unevaluated integers": {"type": "object", "properties": {"x": STRING}, "minProperties": 3,
                             "unevaluatedProperties": {"type": "integer"}},
    "closed part": {"allOf": [{"properties": {"a": STRING}, "additionalProperties": False},
                              {"type": "object", "properties": {"b": STRING}}]},
    "chain of dependents": {"type": "object", "properties": {"a": STRING},
                            "dependentRequired": {"a": ["b"], "b": ["c"]}},
    "dependent schema": {"type": "object", "properties": {"a": STRING, "b": STRING},
                         "required": ["a"],
                         "dependentSchemas": {"a": {"properties": {"b": False, "c": {"const": 1}},
                                                    "required": ["c"]}}},
    "one of three": {"type": "object", "properties": dict.fromkeys("abcdef", STRING), "allOf": [
        {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {"oneOf": [{"required": ["c"]}, {"required": ["d"]}]},
        {"oneOf": [{"required": ["e"]}, {"required": ["f"]}]},
    ]},
    "the last of one": {"oneOf": [{"type": "integer", "minimum": 5, "maximum": 1},
                                  {"allOf": [STRING, {"type": "integer"}]},
                                  {"type": "string", "format": "uuid"}]},
    "one of two that ask for nothing": {"oneOf": [
        {"type": "object", "properties": {"bark": {"type": "boolean"}}},
        {"type": "object", "properties": {"hunts": {"type": "boolean"}, "age": {}}},
    ]},
    "one of two that tell a kind, which any may be": {"oneOf": [
        {"$ref": "#/components/schemas/Car"}, {"$ref": "#/components/schemas/Bike"},
    ], "discriminator": {"propertyName": "kind"}},
    "a member that contradicts itself": {"type": "object", "required": ["b"], "properties": {
        "a": {"oneOf": [STRING, STRING]}, "b": STRING,
    }},
    "integers are numbers": {"oneOf": [{"type": "number"}, {"type": "integer"}]},
    "else": {"type": "integer", "if": {"minimum": 10}, "else": {"multipleOf": 7}},
    "condition of a string": {"type": "string", "if": {"pattern": "^x"}, "then": {"minLength": 10},
                              "else": {"maxLength": 2}},
    "condition that can't be met": {"type": "object", "properties": {"a": {"enum": ["x", "y"]}},
                                    "required": ["a"], "if": {"properties": {"a": {"const": "x"}}},
                                    "then": False},
    "several conditions": {"type": "object", "required": ["country"],
                           "properties": {"country": {"enum": ["US", "NL"]}}, "allOf": [
        {"if": {"properties": {"country": {"const": country}}},
         "then": {"required": ["zip"], "properties": {"zip": {"type": "string", "pattern": zip}}}}
        for country, zip in {"US": "^\\d{5}$", "NL": "^\\d{4}[A-Z]{2}$"}.items()  # noqa: A001
    ]},
    "a base of several parts": {"allOf": [{"allOf": [CAT, {"required": [n]}]} for n in "abc"]},
    "recursive map": {"$ref": "#/components/schemas/Map"},
    "recursive in all members": {"$ref": "#/components/schemas/Wide"},
    "recursive until null": {"$ref": "#/components/schemas/Chain"},
    "recursive alternative": {"$ref": "#/components/schemas/Sum"},
    "heir of a discriminator": {"$ref": "#/components/schemas/Tram"},
    "discriminator of heirs": {"$ref": "#/components/schemas/Vehicle"},
    "its example": {"type": "string", "example": "mine"},
    "its examples": {"type": "integer", "examples": [42]},
    "its default": {"type": "string", "default": "usual"},
    "an example that is invalid": {"type": "integer", "example": "five"},
    "a default that is none": {"type": "string", "default": None},
}  # fmt: skip


def judge(schemas: dict[str, Any]) -> Judge:
    return Judge({"openapi": "3.1.0", "x": schemas, "components": {"schemas": COMPONENTS}})


def place(name: str) -> str:
    return f"/x{pointer(name)}"


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


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({"type": "integer", "examples": ["five", 5]}, 5),
        ({"type": "integer", "minimum": 3, "default": 1}, 3),
        ({"properties": {"a": {"type": "integer", "example": "x"}, "b": {"example": "kept"}}},
         {"a": 1, "b": "kept"}),
        ({"required": ["a", "b"], "properties": {"a": STRING, "b": {"example": "kept"}},
          "example": {"a": "lost"}}, {"a": "text", "b": "kept"}),
        ({"allOf": [{"properties": {"a": STRING}, "example": {"a": "part"}},
                    {"properties": {"b": {"type": "integer"}}}]}, {"a": "text", "b": 1}),
        ({"properties": {"a": {"const": 1}}, "additionalProperties": {"example": "other"}},
         {"a": 1}),
        ({"type": "array", "items": {"example": "red"}, "minItems": 2}, ["red", "red"]),
    ],
)  # fmt: skip
def test_an_example_that_is_wrong_spoils_no_other(schema: Any, example: Any) -> None:
    assert Values(judge({"one": schema})).example("/x/one", Direction.RESPONSE) == example


@pytest.mark.parametrize(
    ("name", "example"),
    [
        ("discriminator", {"kind": "Cat", "m": "text"}),
        ("mapping", {"kind": "cat", "m": "text"}),
        ("heir of a discriminator", {"kind": "Tram", "line": 1}),
        ("discriminator of heirs", {"kind": "lorry", "load": 1}),
    ],
)
def test_the_discriminator_tells_which_schema_it_is(name: str, example: Any) -> None:
    assert Values(judge(SCHEMAS)).example(place(name), Direction.RESPONSE) == example


def test_names_tell_what_is_plausible() -> None:
    members: dict[str, Any] = {
        "city": STRING,
        "billingCity": STRING,
        "price": {"type": "number"},
        "tags": {"type": "array", "items": STRING},
        "postcode": {"type": "string", "pattern": "^[A-Z]{2}$"},
    }
    values = Values(judge({"all": {"type": "object", "properties": members}}))

    assert values.example("/x/all", Direction.RESPONSE) == {
        "city": "London",
        "billingCity": "London",
        "price": 19.95,
        "tags": ["brass"],
        "postcode": "AB",
    }


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


def test_an_example_shows_nothing_that_the_other_side_sends() -> None:
    user = {
        "properties": {
            "id": {"type": "string", "readOnly": True},
            "password": {"type": "string", "writeOnly": True},
            "friends": {"type": "array", "items": {"properties": {"id": {"readOnly": True}}}},
        },
        "example": {"id": "1", "password": "secret", "friends": [{"id": "2", "name": "Ada"}]},
    }
    values = Values(judge({"user": user}))

    assert values.example("/x/user", Direction.REQUEST) == {
        "password": "secret",
        "friends": [{"name": "Ada"}],
    }
    assert values.example("/x/user", Direction.RESPONSE) == {
        "id": "1",
        "friends": [{"id": "2", "name": "Ada"}],
    }


def test_an_example_may_hold_lists_of_which_nothing_is_said() -> None:
    line = [[4.5, 51.9], [4.6, 52.0]]
    schema = {
        "type": "object",
        "properties": {"line": {"type": "array"}},
        "example": {"line": line},
    }

    example = Values(judge({"one": schema})).example("/x/one", Direction.RESPONSE)

    assert example == {"line": line}


def test_an_example_is_the_callers_own() -> None:
    values = Values(judge({"one": {"type": "object", "example": {"a": []}}}))

    values.example("/x/one", Direction.RESPONSE)["a"].append("changed")

    assert values.example("/x/one", Direction.RESPONSE) == {"a": []}


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"type": "integer", "minimum": 2, "maximum": 1},
        {"type": "object", "required": ["a"], "properties": {"a": False}},
        {"type": "string", "pattern": "^[a-z]+$", "not": {"pattern": "^[a-z]"}},
        {"type": "array", "items": {"type": "boolean"}, "minItems": 3, "uniqueItems": True},
        {"$ref": "#/components/schemas/Endless"},
        {"type": "string", "pattern": "["},
    ],
)
def test_a_schema_that_contradicts_itself_has_no_value(schema: Any) -> None:
    with pytest.raises(Impossible, match="#/x/none"):
        Values(judge({"none": schema})).example("/x/none", Direction.RESPONSE)


INTEGER = {"type": "integer"}


@pytest.mark.parametrize(
    ("schema", "nearest"),
    [
        ({"type": "object", "properties": {"a": INTEGER}, "required": ["b"],
          "additionalProperties": False}, {"a": 1}),
        ({"type": "object", "properties": {"a": INTEGER, "b": {**INTEGER, "enum": ["0 (None)"]}},
          "required": ["a", "b"]}, {"a": 1}),
        ({"oneOf": [{"properties": {"a": INTEGER}}, {"properties": {"a": INTEGER}}]}, {"a": 1}),
        ({"type": "array", "items": {"allOf": [STRING, INTEGER]}, "minItems": 1}, []),
        ({"allOf": [STRING, INTEGER]}, None),
    ],
)  # fmt: skip
def test_what_comes_closest_to_a_contradiction_is_known(schema: Any, nearest: Any) -> None:
    with pytest.raises(Impossible) as raised:
        Values(judge({"none": schema})).example("/x/none", Direction.RESPONSE)

    assert raised.value.nearest == nearest


def test_a_schema_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = {"type": "string", "pattern": "^[a-z]{3}$"}
    several = {"type": "array", "items": schema, "minItems": 50}
    made = Values(judge({"Several": several}))
    compile_, compiled = jsonschema_rs.Draft202012Validator, []

    def counted(schema: Any, **options: Any) -> Any:
        compiled.append(schema)
        return compile_(schema, **options)

    monkeypatch.setattr(jsonschema_rs, "Draft202012Validator", counted)
    made.example(place("Several"), Direction.RESPONSE)

    assert len(compiled) < 5


def test_what_leads_nowhere_ends_soon() -> None:
    """Each of the alternatives is tried with each of those that it needs: 2 ** 20 ways."""
    schemas: dict[str, Any] = {"20": False}
    for number in range(20):
        below = {"$ref": f"#/x/{number + 1}"}
        schemas[str(number)] = {
            "oneOf": [{"required": [name], "properties": {name: below}} for name in "ab"]
        }

    with pytest.raises(Impossible, match="too large, or take too long"):
        Values(judge(schemas)).example("/x/0", Direction.RESPONSE)


def test_examples_are_the_same_in_every_process() -> None:
    program = (
        "import json; from tests.charter.mock.test_values import *;"
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


REAL = sorted(path for path in SPECS.glob("*") if path.suffix != ".tsv" and "20" not in path.name)


@pytest.mark.parametrize("file", each(*REAL))
def test_every_body_of_a_real_document_has_an_example(file: Path) -> None:
    contract = Contract(content_of(file), body_limit=1, check_rate=1, on_violation=print)
    values, random = Values(contract.judge), Random(1)  # noqa: S311 - the same in every run
    for operation in contract.operations.values():
        places = [(content.schema_place, Direction.RESPONSE) for content in operation.contents]
        if (body := contract.reader(operation.id).body) is not None:
            where = operation.place + "/requestBody"
            if (file.name, where) in CONTRADICTIONS:
                continue
            places += [(found.schema_place, Direction.REQUEST) for found in body.contents.values()]
        for schema_place, direction in places:
            if schema_place is not None:
                values.example(schema_place, direction)
                values.dynamic(schema_place, direction, random)
