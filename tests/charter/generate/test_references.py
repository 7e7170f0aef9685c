"""References into the document itself, wherever they lead, and components of any name."""

import ast
from pathlib import Path

import pytest

from charter.document.source import load
from charter.generate.generator import generate
from charter.runtime import InvalidRequest
from charter.runtime.normal import normal
from tests.charter.generate.requests import contract, request

DOCUMENT = """\
openapi: 3.0.3
info: {title: t, version: '1'}
paths:
  /a/{x}:
    parameters:
      - {name: x, in: path, required: true, schema: {type: integer, maximum: 3}}
    get:
      operationId: first
      parameters:
        - {name: limit, in: query, schema: {type: integer, maximum: 5}}
      responses: {'204': {description: Done.}}
  /b:
    get:
      operationId: second
      parameters:
        - $ref: '#/paths/~1a~1%7Bx%7D/get/parameters/0'
        - {name: y, in: query, schema: {$ref: '#/paths/~1a~1{x}/parameters/0/schema'}}
        - {$ref: '#/components/parameters/format'}
      responses:
        '200': {description: Anything at all., content: {application/json: {}}}
components:
  parameters:
    format: {name: f, in: query, schema: {$ref: '#/components/schemas/pattern'}}
  schemas:
    pattern:
      type: object
      additionalProperties: false
      properties: {required: {type: array, items: {type: string}}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "openapi.yaml"
    made.write_text(DOCUMENT)
    return made


@pytest.mark.parametrize(
    ("query", "wrong"),
    [("limit=6", "/limit"), ("y=4", "/y"), ("required=a&x=1", "/x")],
    ids=["an encoded one", "one into a path that isn't", "a component called as a keyword"],
)
async def test_what_a_reference_names_is_in_force(file: Path, query: str, wrong: str) -> None:
    reader = contract(load(file).content).reader("second")

    with pytest.raises(InvalidRequest) as refused:
        await reader.read(request(query=query))

    assert [fault.pointer for fault in refused.value.faults] == [wrong]


async def test_the_normal_form_of_the_normal_form_is_the_same(file: Path) -> None:
    once = normal(load(file).content)

    assert normal(once) == once


def test_the_types_of_what_references_name_are_those_of_python(file: Path) -> None:
    signatures = arguments(generate(file)["operations.py"])

    assert signatures == {
        "first": {"x": "int", "limit": "int | None"},
        "second": {"limit": "int | None", "y": "int | None", "f": "Pattern | None"},
    }


def test_what_is_part_of_a_schema_in_many_ways_is_taken_once(tmp_path: Path) -> None:
    """Thirty schemas, each of them twice the next one: there are a billion ways to the last."""
    both = (
        "{{allOf: [{{$ref: '#/components/schemas/B{0}'}}, {{$ref: '#/components/schemas/B{0}'}}]}}"
    )
    chain = [f"    B{number}: {both.format(number + 1)}" for number in range(30)]
    last = "    B30: {type: object, properties: {a: {type: string}}}"
    file = tmp_path / "openapi.yaml"
    file.write_text("\n".join(["openapi: 3.1.0", "info: {title: t, version: '1'}",
                               "components:", "  schemas:", *chain, last, ""]))  # fmt: skip

    schemas = generate(file)["schemas.py"]

    assert schemas.count("    a: str | None = None") == 31


def arguments(module: str) -> dict[str, dict[str, str]]:
    """The keyword arguments of every method with their types."""
    return {
        method.name: {
            found.arg: ast.unparse(found.annotation)
            for found in method.args.kwonlyargs
            if found.annotation is not None
        }
        for method in ast.walk(ast.parse(module))
        if isinstance(method, ast.AsyncFunctionDef)
    }
