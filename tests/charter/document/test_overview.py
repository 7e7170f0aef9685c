"""What the overview says of a document, and of its changes since the last commit."""

from pathlib import Path

import pytest

from charter.document import DocumentError
from charter.document.excerpts import excerpt
from charter.document.overview import Overviews
from charter.document.overview_page import Overview, Row, render
from tests.charter.repositories import commit

DOCUMENT = """\
openapi: 3.1.0
info: {title: Books, version: 1.0.0}
tags: [{name: books, description: Books.}]
paths:
  /books:
    get:
      tags: [books]
      operationId: listBooks
      summary: List the books
      responses:
        '200':
          description: The books.
          content:
            application/json:
              schema: {type: array, items: {$ref: '#/components/schemas/Book'}}
  /books/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get:
      tags: [books]
      operationId: getBook
      summary: Show a book
      responses:
        '200':
          description: The book.
          content:
            application/json:
              schema: {$ref: '#/components/schemas/Book'}
    delete:
      tags: [books]
      operationId: deleteBook
      summary: Delete a book
      responses: {'204': {description: Gone.}}
components:
  schemas:
    Book: {type: object, required: [title], properties: {title: {type: string}}}
"""
NEW = """\
  /authors:
    get:
      operationId: listAuthors
      responses: {'200': {description: The authors.}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "openapi.yaml").write_text(DOCUMENT)
    commit(tmp_path)
    return tmp_path / "openapi.yaml"


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def row(overview: Overview, label: str) -> Row:
    return next(row for row in overview.rows if row.label == label)


def changes(overview: Overview) -> dict[str, str]:
    return {row.label: row.change for row in overview.rows if row.change}


def test_a_document_as_it_was_committed_has_no_changes(file: Path) -> None:
    overview = Overviews(file).current()

    assert [row.label for row in overview.rows] == [
        "GET /books",
        "GET /books/{id}",
        "DELETE /books/{id}",
    ]
    assert changes(overview) == {}
    assert overview.base.startswith("Compared with the last commit, ")


def test_operations_are_added_changed_and_removed(file: Path) -> None:
    edit(file, "paths:\n", f"paths:\n{NEW}")
    edit(file, "summary: Show a book", "summary: Show one book")
    text = file.read_text()
    start, end = text.index("    delete:"), text.index("components:")
    file.write_text(text[:start] + text[end:])

    overview = Overviews(file).current()

    assert changes(overview) == {
        "GET /authors": "added",
        "GET /books/{id}": "changed",
        "DELETE /books/{id}": "removed",
    }
    assert row(overview, "DELETE /books/{id}").is_breaking
    assert not row(overview, "GET /books/{id}").is_breaking


def test_a_schema_changes_the_operations_that_refer_to_it(file: Path) -> None:
    edit(file, "required: [title], ", "")

    overview = Overviews(file).current()

    assert changes(overview) == {"GET /books": "changed", "GET /books/{id}": "changed"}
    assert row(overview, "GET /books").is_breaking
    assert row(overview, "GET /books/{id}").is_breaking
    assert not row(overview, "DELETE /books/{id}").is_breaking


def test_what_is_deprecated_is_marked_with_its_dates(file: Path) -> None:
    dates = "deprecated: true\n      x-sunset: 2099-01-31\n      x-deprecated-since: 2026-06-01"
    edit(file, "summary: Show a book", f"summary: Show a book\n      {dates}")
    edit(file, "summary: Delete a book", "summary: Delete a book\n      deprecated: true")

    overview = Overviews(file).current()

    assert row(overview, "GET /books/{id}").deprecated == (
        "deprecated since 2026-06-01, until 2099-01-31"
    )
    assert row(overview, "DELETE /books/{id}").deprecated == "deprecated"
    assert row(overview, "GET /books").deprecated == ""
    assert "until 2099-01-31</span>" in render(overview)


def test_the_name_of_a_path_parameter_is_no_change_of_the_operation(file: Path) -> None:
    edit(file, "/books/{id}:", "/books/{book}:")
    edit(file, "{name: id, in: path", "{name: book, in: path")

    assert changes(Overviews(file).current()).keys() == {
        "GET /books/{book}",  # its parameter is called otherwise
        "DELETE /books/{book}",
    }


def test_a_finding_belongs_to_its_operation_and_shows_its_lines(file: Path) -> None:
    edit(file, "tags: [books]\n      operationId: getBook", "operationId: getBook")

    found = row(Overviews(file).current(), "GET /books/{id}").remarks

    assert "untagged" in [remark.rule for remark in found]
    remark = next(one for one in found if one.rule == "untagged")
    line = int(remark.place.split(":")[1])
    assert f"{line} |" in remark.excerpt
    assert "^" in remark.excerpt


def test_a_commit_takes_the_changes_away(file: Path) -> None:
    edit(file, "summary: Show a book", "summary: Show one book")
    overviews = Overviews(file)
    assert changes(overviews.current())

    commit(file.parent)

    assert not changes(overviews.current())


def test_a_broken_document_is_shown_as_it_was_last_good(file: Path) -> None:
    overviews = Overviews(file)
    good = overviews.current()
    edit(file, "info: {title: Books", "info: {title: Books, title: Books")

    broken = overviews.current()

    assert broken.rows == good.rows
    assert broken.broken is not None
    assert f"{file}:2:" in broken.broken.place
    assert "title" in broken.broken.message
    assert "^" in broken.broken.excerpt

    file.write_text(DOCUMENT)
    assert overviews.current().broken is None


def test_a_document_that_was_never_good_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "openapi.yaml").write_text("openapi: [")

    with pytest.raises(DocumentError, match=r"openapi.yaml:2:1: "):
        Overviews(tmp_path / "openapi.yaml").current()


def test_without_a_repository_the_overview_says_so(tmp_path: Path) -> None:
    (tmp_path / "openapi.yaml").write_text(DOCUMENT)

    overview = Overviews(tmp_path / "openapi.yaml").current()

    assert changes(overview) == {}
    assert "changes are not shown" in overview.base


def test_a_document_of_many_files_is_compared_with_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "openapi.yaml").write_text(
        DOCUMENT.replace("'#/components", "'book.yaml#/components")
    )
    (tmp_path / "book.yaml").write_text(DOCUMENT[DOCUMENT.index("components:") :])
    commit(tmp_path)
    edit(tmp_path / "book.yaml", "{type: string}", "{type: integer}")

    overview = Overviews(tmp_path / "openapi.yaml").current()

    assert changes(overview) == {"GET /books": "changed", "GET /books/{id}": "changed"}


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("a: 1\nb: 2\nc: 3\n", 4, "1 | a: 1\n2 | b: 2\n  |    ^\n3 | c: 3"),
        ("a: 1\n\tb: \x1b[31m\n", 2, "1 | a: 1\n2 | →b: ·[31m\n  |  ^"),
        (f"a\n{'x' * 300}b\n", 301, f"1 |\n2 | {'x' * 71}b\n  | {' ' * 71}^"),
    ],
)
def test_an_excerpt_points_at_the_column(
    tmp_path: Path, text: str, column: int, expected: str
) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(text)

    assert excerpt(file, 2, column) == expected


def test_there_is_no_excerpt_of_a_file_that_is_gone(tmp_path: Path) -> None:
    assert excerpt(tmp_path / "gone.yaml", 1, 1) == ""
