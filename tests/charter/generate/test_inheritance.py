"""What `allOf` requires, and what may be null, stands in the classes as it does in the document."""

import re
from pathlib import Path

import pytest

from charter.generate.generator import generate

DOCUMENT = """\
openapi: 3.1.0
info: {title: Books, version: '1'}
tags: [{name: books}]
paths:
  /books:
    get:
      operationId: getBook
      tags: [books]
      responses:
        '200':
          description: A book.
          content: {application/json: {schema: {$ref: '#/components/schemas/Edition'}}}
components:
  schemas:
    Author: {type: object, properties: {name: {type: string}}}
    Book:
      type: [object, 'null']
      required: [pages]
      properties:
        title: {type: string}
        author: {$ref: '#/components/schemas/Author'}
        cover: {type: object, properties: {colour: {type: string}}}
        kinds: {type: array, items: {type: object, properties: {kind: {type: string}}}}
    Edition:
      type: object
      allOf:
      - $ref: '#/components/schemas/Book'
      - type: object
        properties: {pages: {type: integer}, year: {type: integer}, format: {type: string}}
      required: [author, cover, kinds, title, year]
    Reprint:
      allOf: [{$ref: '#/components/schemas/Edition'}]
      required: [cover, format, title]
    Shelf:
      type: object
      properties: {first: {$ref: '#/components/schemas/Book'}}
"""


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The body of each class, by its first line."""
    document: Path = tmp_path_factory.mktemp("document") / "books.yaml"
    document.write_text(DOCUMENT)
    found = re.findall(
        r"^class (.+?):\n(.*?)\n(?=\n|\Z)", generate(document)["schemas.py"], re.S | re.M
    )
    return {
        head: "".join(f"{line.strip()}\n" for line in body.splitlines()) for head, body in found
    }


def test_what_any_part_requires_is_required_where_it_is_declared(classes: dict[str, str]) -> None:
    edition = classes["Edition(Book)"].splitlines()

    assert {"pages: int", "year: int", "format: str | None = None"} <= set(edition)


def test_what_a_base_leaves_open_is_required_with_the_type_of_the_base(
    classes: dict[str, str],
) -> None:
    edition = classes["Edition(Book)"].splitlines()

    assert {"title: str", "author: Author", "cover: Cover", "kinds: list[Kind]"} <= set(edition)
    assert classes["Book(Model)"].splitlines() == [
        "title: str | None = None",
        "author: Author | None = None",
        "cover: Cover | None = None",
        "kinds: list[Kind] | None = None",
    ]


def test_what_a_base_requires_is_not_declared_again(classes: dict[str, str]) -> None:
    assert classes["Reprint(Edition)"] == "format: str\n"


def test_a_class_derives_from_one_that_may_be_null_elsewhere(classes: dict[str, str]) -> None:
    assert "Edition(Book)" in classes
    assert classes["Shelf(Model)"] == "first: Book | None = None\n"
