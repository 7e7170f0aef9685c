"""An error says in the declared shape what a problem document says."""

import json
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from charter.runtime import Contract

SAID = {
    "type": "about:blank",
    "title": "Not Found",
    "status": 404,
    "detail": "There is no such pet.",
    "errors": [{"in": "path", "pointer": "/id", "detail": "is unknown"}],
}
PROBLEM = "application/problem+json"


def contract(content: dict[str, Any]) -> Contract:
    """Of one operation, whose 404 has this content."""
    responses = {
        "200": {"description": "It."},
        "404": {"description": "No.", "content": content},
    }
    operation = {"operationId": "show", "responses": responses}
    info = {"title": "Pets", "version": "1"}
    return Contract({"openapi": "3.1.0", "info": info, "paths": {"/pet": {"get": operation}}})


def problem(status: int = 404) -> Response:
    return JSONResponse(SAID, status, {"Retry-After": "1"}, PROBLEM)


def restated(schema: Any, media_type: str = "application/json") -> Response:
    return contract({media_type: {"schema": schema}}).error("show", problem())


def an_object(required: list[str], **properties: Any) -> dict[str, Any]:
    closed = {"additionalProperties": False, "properties": properties}
    return {"type": "object", "required": required, **closed}


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
DETAIL = SAID["detail"]


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        (TEXT, DETAIL),
        (an_object(["code"], code=NUMBER, message=TEXT), {"code": 404}),
        (an_object([], code=NUMBER, message=TEXT), {"code": 404, "message": DETAIL}),
        (an_object(["title"], title=TEXT, more=TEXT), {"title": "Not Found"}),
        (an_object(["ok"], ok={"type": "boolean"}, more={"const": 1}), {"ok": False}),
        (
            an_object(["errors"], errors=an_object(["a"], a={"type": "array", "items": TEXT})),
            {"errors": {"a": [DETAIL]}},
        ),
        ({"type": "array", "items": an_object(["m"], m=TEXT)}, [{"m": DETAIL}]),
        (an_object([], kind={"enum": ["lost"]}, see={"type": "string", "format": "uri"}),
         {"kind": "lost", "see": "about:blank"}),
        ({"allOf": [an_object(["a"], a=TEXT, b=TEXT), {"required": ["b"]}]},
         {"a": DETAIL, "b": DETAIL}),
    ],
)  # fmt: skip
def test_a_declared_shape_is_filled(schema: Any, body: Any) -> None:
    response = restated(schema)

    assert json.loads(bytes(response.body)) == body
    assert response.headers["content-type"] == "application/json"
    assert response.headers["content-length"] == str(len(response.body))
    assert (response.status_code, response.headers["retry-after"]) == (404, "1")


def test_an_optional_member_that_can_not_be_filled_is_left_out() -> None:
    date = {"type": "string", "format": "date"}

    response = restated(an_object(["message"], message=TEXT, since=date))

    assert json.loads(bytes(response.body)) == {"message": DETAIL}


def test_a_text_is_the_detail() -> None:
    response = restated(TEXT, "text/plain")

    assert bytes(response.body).decode() == DETAIL
    assert response.headers["content-type"].startswith("text/plain")


def test_a_time_is_now() -> None:
    (time,) = json.loads(bytes(restated({"type": "array", "items": {"format": "date-time"}}).body))

    assert time.endswith("+00:00")


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"type": "string", "pattern": "^E[0-9]+$"},
        {"$ref": "#/paths/~1pet/get/responses/404/content/application~1json/schema/$defs/a",
         "$defs": {"a": an_object(["a"], a={"$ref": "#/paths/~1pet/get/responses/404/content"
                                            "/application~1json/schema/$defs/a"})}},
    ],
)  # fmt: skip
def test_what_nothing_can_fill_leaves_the_problem(schema: Any) -> None:
    response = restated(schema)

    assert response.headers["content-type"] == PROBLEM
    assert json.loads(bytes(response.body)) == SAID


@pytest.mark.parametrize(
    "content",
    [
        {},
        {PROBLEM: {"schema": {"type": "object", "required": ["detail"]}}},
        {"application/json": {"schema": TEXT}, "application/*": {}},
    ],
)
def test_a_problem_that_fits_is_sent_as_it_is(content: dict[str, Any]) -> None:
    given = problem()

    assert contract(content).error("show", given) is given


def test_a_problem_of_another_shape_is_restated_as_a_problem() -> None:
    response = restated(an_object(["type"], type=TEXT, title=TEXT), PROBLEM)

    assert response.headers["content-type"] == PROBLEM
    assert json.loads(bytes(response.body)) == {"title": "Not Found", "type": "about:blank"}


def test_a_header_that_is_there_twice_stays_so() -> None:
    given = problem()
    given.headers.append("WWW-Authenticate", "Bearer")
    given.headers.append("WWW-Authenticate", "Basic")

    response = contract({"application/json": {"schema": TEXT}}).error("show", given)

    assert response.headers.getlist("www-authenticate") == ["Bearer", "Basic"]


def test_other_responses_are_not_touched() -> None:
    typed = contract({"application/json": {"schema": TEXT}})
    plain = PlainTextResponse("no", 404)
    undeclared = problem(410)

    assert typed.error("show", plain) is plain
    assert typed.error("show", undeclared) is undeclared
    assert typed.error(None, undeclared) is undeclared
