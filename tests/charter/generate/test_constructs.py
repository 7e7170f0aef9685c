"""What each construct of a document becomes in Python."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from charter.generate.generator import Files, generate
from charter.generate.names import method, pascal, snake, unique
from tests.data import CASES

OBJECT = {"type": "object", "properties": {"x": {"type": "integer"}}}
JSON = {"application/json": {"schema": OBJECT}}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    responses = {
        "200": {"description": "-", "content": JSON},
        "4XX": {"description": "-", "content": JSON},
        "503": {"description": "-", "content": {"application/problem+json": {"schema": OBJECT}}},
        "default": {"description": "-"},
    }
    number = {"name": "x-y", "in": "path", "required": True, "schema": {"type": "integer"}}
    bodies = {
        "multipart/form-data": {"schema": OBJECT},
        "application/xml": {"schema": OBJECT},
        "text/plain": {"schema": {"type": "string"}},
    }
    several = {
        "description": "-",
        "headers": {
            "X-List": {"required": True, "schema": {"type": "array", "items": {"type": "string"}}},
            "Status": {"schema": {"type": "integer"}},
        },
        "content": JSON | {"text/plain": {"schema": {"type": "string"}}},
    }
    document: dict[str, Any] = {
        "openapi": "3.2.0",
        "info": {"title": "t", "version": "1"},
        "paths": {
            "/a/{x-y}": {
                "parameters": [number],
                "query": {"operationId": "list", "responses": responses},
                "get": {
                    "operationId": "class",
                    "security": [{}, {"key": []}, {"oauth": ["read", "write"]}],
                    "responses": responses,
                },
            },
            "/a/mine": {
                "get": {
                    "tags": ["Other Tag!"],
                    "responses": {"200": {"description": "-", "content": {"image/*": {}}}},
                }
            },
            "/b": {
                "post": {
                    "parameters": [
                        {"name": "body", "in": "query", "schema": {"type": "string"}},
                        {"name": "id", "in": "query", "required": True, "schema": {}},
                        {"name": "id", "in": "header", "schema": {"type": "string"}},
                    ],
                    "requestBody": {"content": bodies},
                    "responses": {"201": several},
                }
            },
        },
        "components": {
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "query", "name": "key"},
                "oauth": {
                    "type": "oauth2",
                    "flows": {
                        "password": {"tokenUrl": "/t", "scopes": {"read": "R.", "write": "W."}}
                    },
                },
            }
        },
    }
    file = tmp_path_factory.mktemp("constructs") / "openapi.json"
    file.write_text(json.dumps(document))
    return generate(file)


@pytest.mark.parametrize(
    ("file", "code"),
    [
        # a name that is Python's own; everybody may call; a range that is no problem is returned
        ("operations.py", "async def class_(self, principal: Principal | None, *, x_y: int)"),
        ("operations.py", "-> ClassResponse200 | Class4XX:"),
        # a method that hides what its signature says
        ("operations.py", "async def list_(self, *, x_y: int)"),
        # no operationId, and a tag that is no name
        ("operations.py", "class OtherTagOperations(Protocol):"),
        ("operations.py", "async def get_a_mine(self) -> GetAMine200:"),
        # of a range, the service names the media type that it sends
        ("responses.py", "body: bytes\n    media_type: str\n"),
        # one name in two places, one that is the body's, and a schema that says nothing
        ("operations.py", "body_query: str | None, id: Any, id_header: str | None,"),
        # what the runtime can't read is bytes
        ("operations.py", "body: PostBRequest | str | None"),
        # several media types, and headers of every type
        ("responses.py", "body: PostBResponse201 | str"),
        ("responses.py", "x_list: list[str]\n"),
        ("responses.py", "status_: int | None = None"),
        ("responses.py", '    ] = "application/json"'),
        # a range leaves the status to the service
        ("responses.py", "    status: int\n"),
        # routes: names of Python, methods that FastAPI has no decorator for
        ("routers/a.py", '@router.get("/a/{x_y}", operation_id="class"'),
        ("routers/a.py", '"/a/{x_y}", methods=["QUERY"], operation_id="list"'),
        ("routers/a.py", 'Security(identify, scopes=["read", "write"])'),
        ("api.py", "other_tag: Callable[..., Awaitable[OtherTagOperations]],"),
        ("api.py", "identify: Identify,"),
        ("security.py", 'READ = "read"\n    """R."""'),
    ],
)
def test_a_construct_is_python(files: Files, file: str, code: str) -> None:
    assert " ".join(code.split()) in " ".join(files[file].split()), files[file]


@pytest.mark.parametrize(
    ("name", "python"),
    [
        ("listItems", "list_items"),
        ("If-Match", "if_match"),
        ("HTTPStatus", "http_status"),
        ("ETag", "etag"),
        ("class", "class_"),
        ("self", "self_"),
        ("1-Click", "n1_click"),
        ("$filter", "filter"),
        ("größe", "grosse"),
        ("naïve", "naive"),
        ("价格", "u4ef7_u683c"),
        ("---", "unnamed"),
        ("", "unnamed"),
        ("a.b/c", "a_b_c"),
    ],
)
def test_a_name_is_readable_python(name: str, python: str) -> None:
    assert snake(name) == python
    assert python.isidentifier()


def test_names_that_are_the_same_in_python_stay_apart() -> None:
    assert unique(["get-item", "getItem", "get_item"], snake) == {
        "get-item": "get_item",
        "getItem": "get_item_2",
        "get_item": "get_item_3",
    }
    assert unique(["list", "List"], method) == {"list": "list_", "List": "list_2"}
    assert pascal("1-click app") == "N1ClickApp"


def test_members_called_like_pydantics_methods_warn_of_nothing(tmp_path: Path) -> None:
    for name, content in generate(CASES / "16-shadowing-names" / "openapi.yaml").items():
        file = tmp_path / "generated" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    command = [sys.executable, "-W", "error", "-c", "import generated.schemas"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
