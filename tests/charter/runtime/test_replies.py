"""What a model looks like in an answer."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from charter.runtime.replies import encode, may_omit


class Whole(BaseModel):
    kind: Literal["whole"]
    names: list[Annotated[str, Field(max_length=9)]]
    note: str | None


class Partial(BaseModel):
    note: str | None = None


class Recursive(BaseModel):
    children: "list[Recursive]"


class Holder(BaseModel):
    members: dict[str, list[Whole | Partial]]


class Open(BaseModel):
    anything: Any


@pytest.mark.parametrize(
    ("model", "omits"),
    [(Whole, False), (Recursive, False), (Partial, True), (Holder, True), (Open, True)],
)
def test_a_member_may_be_absent_where_a_model_somewhere_inside_says_so(
    model: type[BaseModel], omits: bool
) -> None:
    assert may_omit(model) is omits


@pytest.mark.parametrize(
    ("body", "written"),
    [
        (Whole(kind="whole", names=[], note=None), b'{"kind":"whole","names":[],"note":null}'),
        (Partial(), b"{}"),
        (Holder(members={"a": [Partial()]}), b'{"members":{"a":[{}]}}'),
        (Open(anything=Partial()), b'{"anything":{}}'),
    ],
)
def test_what_was_not_said_is_not_sent(body: BaseModel, written: bytes) -> None:
    assert encode(body, "application/json") == written
