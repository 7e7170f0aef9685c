"""The identities that a scaffolded service makes: each suits what the document says of them."""

from typing import Any

import pytest

from charter.project.scaffold.identities import Identities
from charter.project.scaffold.resources import NotPlain
from charter.runtime.judge import Judge
from charter.runtime.shapes import Shape


def identities(*schemas: Any) -> Identities:
    judge = Judge({})
    return Identities(judge, [Shape(judge, schema) for schema in schemas], "POST /x: id")


@pytest.mark.parametrize(
    ("schemas", "drawn"),
    [
        ([{}], "randbelow(2**53)"),
        ([{"minimum": -(2**31), "maximum": 2**31 - 1}], "randbelow(2**31)"),
        ([{"exclusiveMinimum": 0, "exclusiveMaximum": 2**31}], "1 + randbelow(2147483647)"),
        ([{"minimum": 100}, {"maximum": 2**30 + 99}], "100 + randbelow(2**30)"),
        ([{"anyOf": [{"maximum": 2**40 - 1}, {"type": "null"}]}], "randbelow(2**40)"),
    ],
)
def test_a_number_is_drawn_within_the_bounds_of_every_schema(
    schemas: list[Any], drawn: str
) -> None:
    assert identities(*schemas).drawn("int") == drawn


@pytest.mark.parametrize(
    ("schema", "counted"),
    [
        ({}, "Identity()"),
        ({"minimum": 0}, "Identity()"),
        ({"exclusiveMinimum": 999}, "Identity(start=1000)"),
    ],
)
def test_a_sequence_begins_within_the_bounds(schema: Any, counted: str) -> None:
    assert identities(schema).counted("int") == counted


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        ("int", {"minimum": 0, "maximum": 2**30 - 2}),
        ("int", {"maximum": -1}),
        ("int", {"multipleOf": 10}),
        ("int", {"enum": [1, 2, 3]}),
        ("str", {"maxLength": 20}),
        ("str", {"pattern": "^[a-z]+$"}),
        ("str", {"format": "email"}),
    ],
)
def test_an_identity_that_no_rule_makes_is_the_teams_to_write(hint: str, schema: Any) -> None:
    with pytest.raises(NotPlain, match=r"POST /x: id"):
        identities(schema).drawn(hint)


@pytest.mark.parametrize(
    ("hint", "drawn", "counted"),
    [
        ("str", "uuid4().hex", "default=lambda: uuid4().hex"),
        ("UUID", "uuid4()", "default=uuid4"),
    ],
)
def test_a_text_is_made_where_its_schema_admits_it(hint: str, drawn: str, counted: str) -> None:
    made = identities({"maxLength": 36, "pattern": "^[0-9a-f-]+$"})

    assert (made.drawn(hint), made.counted(hint)) == (drawn, counted)
