"""What is wrong with a value is told of small ones wholly and of large ones truly."""

from time import thread_time
from typing import Any

import jsonschema_rs
import pytest

from charter.runtime import Fault
from charter.runtime.explain import LARGEST_ANSWER, MOST_FAULTS, UNEXPLAINED, faults, first
from charter.runtime.faults import LONGEST_TEXT
from charter.runtime.judge import MASK


def found(schema: dict[str, Any], value: Any) -> dict[str, str]:
    """What is wrong by its pointer."""
    validator = jsonschema_rs.Draft202012Validator(schema, mask=MASK)
    return {fault.pointer: fault.detail for fault in faults(validator, value, "body")}


def test_a_small_value_is_explained_whole() -> None:
    schema = {"required": ["a"], "properties": {"b": {"type": "string"}}}

    assert found(schema, {"b": 1}) == {"/a": "is required", "/b": 'is not of type "string"'}


@pytest.mark.parametrize("at", [0, 1, 4_999, 8_191, 9_999])
def test_the_one_wrong_element_of_a_long_list_is_found(at: int) -> None:
    schema = {"properties": {"list": {"items": {"properties": {"n": {"type": "integer"}}}}}}
    value = {"name": "x", "list": [{"n": number} for number in range(10_000)], "last": 1}
    value["list"][at]["n"] = "wrong"  # type: ignore[index]

    assert found(schema, value) == {f"/list/{at}/n": 'is not of type "integer"'}


def test_the_one_wrong_element_in_lists_of_lists_is_found() -> None:
    schema = {"items": {"items": {"type": "integer"}}}
    value: list[list[Any]] = [list(range(200)) for _ in range(50)]
    value[31][127] = "wrong"

    assert found(schema, value) == {"/31/127": 'is not of type "integer"'}


@pytest.mark.parametrize(
    ("schema", "value", "detail"),
    [
        ({"maxItems": 10}, [1] * 5_000, "has more than 10 items"),
        ({"uniqueItems": True}, [1] * 5_000, "has non-unique elements"),
        ({"type": "object"}, [1] * 5_000, 'is not of type "object"'),
        ({"maxProperties": 3}, {str(n): n for n in range(5_000)}, "has more than 3 properties"),
    ],
)
def test_a_list_or_an_object_may_be_wrong_as_a_whole(
    schema: dict[str, Any], value: Any, detail: str
) -> None:
    assert found(schema, value) == {"": detail}


@pytest.mark.parametrize(
    "schema",
    [
        {"maxItems": 4_000},
        {"contains": {"const": "x"}},
        {"prefixItems": [True] * 4_999 + [{"type": "string"}]},
        {"anyOf": [{"items": {"type": "string"}}, {"items": {"type": "null"}}]},
        {"if": {"minItems": 4_000}, "then": {"items": {"const": 2}}},
    ],
)
def test_what_only_the_whole_value_breaks_is_not_blamed_on_a_part_of_it(
    schema: dict[str, Any],
) -> None:
    value = {"list": [1] * 5_000}

    assert found({"properties": {"list": schema}}, value) == {"/list": UNEXPLAINED}


def test_members_that_an_excerpt_leaves_out_are_not_called_missing() -> None:
    schema = {"required": ["last"], "properties": {"0": {"type": "string"}}}
    value = {str(number): number for number in range(5_000)} | {"last": 1}

    assert found(schema, value) == {"/0": 'is not of type "string"'}


def test_half_a_million_mistakes_in_each_of_thirty_alternatives_cost_little() -> None:
    schema = {"anyOf": [{"items": {"type": "string"}}] * 30}
    value = [1] * 500_000
    begun = thread_time()

    found(schema, value)

    assert thread_time() - begun < 0.5


def test_an_answer_is_short_whatever_the_names_are() -> None:
    told = first(Fault("body", f"/{n}" + "é" * 100_000, "x" * 100_000) for n in range(1_000))

    assert 3 < len(told) <= MOST_FAULTS
    assert sum(len(str(fault.as_json())) for fault in told) < LARGEST_ANSWER
    assert all(len(fault.pointer) == LONGEST_TEXT for fault in told)


def test_a_pointer_is_not_cut_in_the_middle_of_an_escape() -> None:
    names = ("a" * before + "~1" * 400 for before in (0, 1))

    assert not any(Fault("body", f"/{name}", "").pointer.endswith("~…") for name in names)
