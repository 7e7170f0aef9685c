"""Schemas that are named by `$id` and anchors, and templates that `$dynamicRef` fills in."""

from pathlib import Path
from typing import Any

import pytest

from charter.document import Document
from charter.document.checks import check
from charter.generate.generator import generate
from charter.runtime.judge import Judge
from charter.runtime.normal import normal
from tests.data import CASES

HEAD = """\
openapi: 3.1.1
info: {title: t, version: '1'}
paths:
  /x:
    post:
      operationId: send
      requestBody: {required: true, content: {application/json: {schema: {$ref: SCHEMA}}}}
      responses: {'204': {description: Done.}}
components:
  schemas:
"""
# JSON Schema 2020-12 core, sections 8.2.3.2 and C
TREE = """\
    Tree:
      $id: https://example.com/tree
      $dynamicAnchor: node
      type: object
      properties:
        data: true
        children: {type: array, items: {$dynamicRef: '#node'}}
    StrictTree:
      $id: https://example.com/strict-tree
      $dynamicAnchor: node
      $ref: tree
      unevaluatedProperties: false
"""
IDENTIFIED = """\
    Person:
      $id: https://example.com/person
      type: object
      properties:
        name: {$ref: '#/$defs/name'}
        age: {$ref: '#age'}
        home: {$ref: place}
        title: {$ref: '#/components/schemas/Title'}
      $defs:
        name: {type: string}
        years: {$anchor: age, type: integer}
    Place: {$id: https://example.com/place, type: boolean}
    Title: {type: string, maxLength: 3}
"""


def judged(file: Path, value: Any) -> bool:
    """Whether the schema of the request's body admits a value."""
    document = Document(file)
    check(document)
    judge = Judge(normal(document.content))
    media_type = "/paths/~1x/post/requestBody/content/application~1json"
    return judge.validator(f"{media_type}/schema").is_valid(value)


@pytest.mark.parametrize(
    ("case", "right", "wrong"),
    [
        ("p02-dynamicref", {"items": ["a"]}, {"items": [1]}),
        ("p06-id-embedded", 1, "a"),
        ("q12-template-3.1.1", [1], ["a"]),
    ],
)
def test_what_a_schema_is_called_by_is_followed(case: str, right: Any, wrong: Any) -> None:
    file = CASES / case / "openapi.yaml"

    assert judged(file, right)
    assert not judged(file, wrong)


@pytest.mark.parametrize(
    ("schema", "value", "admitted"),
    [
        ("tree", {"children": [{"daat": 1}]}, True),
        ("strict-tree", {"children": [{"daat": 1}]}, False),
        ("strict-tree", {"children": [{"data": 1, "children": [{"data": 2}]}]}, True),
        ("strict-tree", {"children": [{"children": [{"daat": 1}]}]}, False),
    ],
)
def test_a_tree_is_as_strict_as_the_schema_that_extends_it(
    tmp_path: Path, schema: str, value: Any, admitted: bool
) -> None:
    file = tmp_path / "openapi.yaml"
    file.write_text(HEAD.replace("SCHEMA", f"'https://example.com/{schema}'") + TREE)

    assert judged(file, value) == admitted


@pytest.mark.parametrize(
    ("value", "admitted"),
    [
        ({"name": "Ada", "age": 36, "home": True, "title": "Ms"}, True),
        ({"name": 1}, False),
        ({"age": "old"}, False),
        ({"home": "here"}, False),
        ({"title": "Countess"}, False),
    ],
)
def test_a_uri_is_the_base_of_the_references_below_it(
    tmp_path: Path, value: Any, admitted: bool
) -> None:
    file = tmp_path / "openapi.yaml"
    file.write_text(HEAD.replace("SCHEMA", "'https://example.com/person'") + IDENTIFIED)

    assert judged(file, value) == admitted


def test_schemas_of_other_files_may_be_templates(tmp_path: Path) -> None:
    text = (CASES / "q12-template-3.1.1" / "openapi.yaml").read_text()
    paths, _, schemas = text.partition("components:\n  schemas:\n")
    (tmp_path / "openapi.yaml").write_text(
        paths.replace("#/components/schemas/NumberPage", "schemas.yaml#/NumberPage")
    )
    (tmp_path / "schemas.yaml").write_text(
        "\n".join(line.removeprefix("    ") for line in schemas.splitlines())
    )

    assert judged(tmp_path / "openapi.yaml", [1])
    assert not judged(tmp_path / "openapi.yaml", ["a"])


def test_a_template_is_of_the_type_that_it_is_filled_in_with() -> None:
    files = generate(CASES / "q12-template-3.1.1" / "openapi.yaml")

    assert "class SRequest(RootModel[list[float]]):" in files["schemas.py"]


def test_the_published_document_needs_no_dynamic_scope() -> None:
    content = Document(CASES / "q12-template-3.1.1" / "openapi.yaml").content

    assert "$dynamic" not in str(content)
    assert "$id" not in str(content)
