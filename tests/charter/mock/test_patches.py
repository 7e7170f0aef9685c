"""Patches are those of their standards."""

from typing import Any

import pytest

from charter.mock.memory.patches import Unpatchable, json_patch
from charter.runtime.patches import merge_patch


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [  # RFC 7396 appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_is_that_of_the_standard(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


def step(op: str, path: str, **more: Any) -> dict[str, Any]:
    return {"op": op, "path": path, **more}


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [  # RFC 6902 appendix A
        ({"a": 1}, [step("add", "/b", value=2)], {"a": 1, "b": 2}),
        ({"a": [1, 3]}, [step("add", "/a/1", value=2)], {"a": [1, 2, 3]}),
        ({"a": [1]}, [step("add", "/a/-", value=[2])], {"a": [1, [2]]}),
        ({"a": 1, "b": 2}, [step("remove", "/b")], {"a": 1}),
        ({"a": [1, 2, 3]}, [step("remove", "/a/1")], {"a": [1, 3]}),
        ({"a": 1}, [step("replace", "/a", value=2)], {"a": 2}),
        ({"a": [1, 2]}, [step("replace", "/a/0", value=0)], {"a": [0, 2]}),
        ({"a": {"x": 1}, "b": {}}, [step("move", "/b/y", **{"from": "/a/x"})],
         {"a": {}, "b": {"y": 1}}),
        ({"a": [1, 2, 3]}, [step("move", "/a/2", **{"from": "/a/0"})], {"a": [2, 3, 1]}),
        ({"a": [1]}, [step("copy", "/b", **{"from": "/a"}), step("add", "/b/-", value=2)],
         {"a": [1], "b": [1, 2]}),
        ({"a/b": 1, "~": 2}, [step("test", "/a~1b", value=1), step("test", "/~0", value=2.0)],
         {"a/b": 1, "~": 2}),
        ({"a": 1}, [step("add", "", value=[])], []),
        ({"a": 1}, [step("replace", "", value={})], {}),
        ({"a": 1}, [step("add", "/b", value=2, unknown=3)], {"a": 1, "b": 2}),
        ({"": 1}, [step("replace", "/", value=2)], {"": 2}),
        ({"a": 1}, [step("remove", "")], None),
    ],
)  # fmt: skip
def test_a_json_patch_is_that_of_the_standard(target: Any, patch: Any, result: Any) -> None:
    assert json_patch(target, patch) == result


@pytest.mark.parametrize(
    "patch",
    [
        step("test", "/a", value=True),
        step("remove", "/nothing"),
        step("replace", "/nothing", value=1),
        step("add", "/nothing/x", value=1),
        step("add", "/list/2", value=1),
        step("add", "/list/01", value=1),
        step("remove", "/list/-"),
        step("move", "/object/x/y", **{"from": "/object/x"}),
        step("add", "a", value=1),
        step("add", "/a/b", value=1),
        step("add", "/b"),
        step("grow", "/a", value=1),
        "no step",
    ],
)
def test_a_json_patch_that_does_not_fit_changes_nothing(patch: Any) -> None:
    target: Any = {"a": 1, "list": [1], "object": {"x": {}}}

    with pytest.raises(Unpatchable, match="Step 1"):
        json_patch(target, [step("add", "/b", value=1), patch])

    assert target == {"a": 1, "list": [1], "object": {"x": {}}}


def test_copies_of_copies_are_refused_before_they_fill_the_memory() -> None:
    doubling = [{"op": "copy", "from": "/a", "path": f"/a/{number}"} for number in range(40)]

    with pytest.raises(Unpatchable, match="writes more than 200000 values"):
        json_patch({"a": {}}, doubling)


def test_what_would_be_too_deep_to_be_judged_is_refused() -> None:
    deepening = [{"op": "add", "path": "/a" * depth, "value": {}} for depth in range(1, 400)]

    with pytest.raises(Unpatchable, match="Step 200 "):
        json_patch({}, deepening)
