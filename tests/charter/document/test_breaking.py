"""`charter diff` names every change that breaks clients, and no other."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from charter.document import Document
from charter.document import commands as openapi
from charter.document.breaking import breaking
from charter.document.findings import Finding
from charter.errors import Misconfigured
from tests.charter.document.damage import SAMPLE, Edit, edited, line_of
from tests.data import SPECS


@dataclass(frozen=True)
class Break:
    """Edits, the rule that they fall under, and what is said about them."""

    edits: tuple[Edit, ...]
    rule: str
    says: str


REAL = ("museum.yaml", "spotify.yaml", "box.json")


def one(after: str, old: str, new: str, rule: str, says: str) -> Break:
    return Break((Edit(after, old, new),), rule, says)


BOOK_201 = "description: The new book.\n"
BOOK_CREATE = "    BookCreate:"
BOOK = "    Book:\n      description"
GENRE = "    Genre:"

BREAKING = {
    "an operation is removed": one("operationId: getBook\n      tags", "    delete:", "    x-gone:",
        "operation", "DELETE /books/{book_id}: the operation is gone."),
    "an operationId is renamed": one("    delete:", "deleteBook", "removeBook",
        "operation-id", "the operationId went from deleteBook to removeBook."),
    "a success gets another status": one("operationId: createBook", "'201'", "'200'",
        "response", "POST /books: the response 201 is gone."),
    "a media type of a response is replaced": one(BOOK_201, "application/json", "application/xml",
        "media-type", "POST /books response 201: application/json is gone."),
    "a media type of a request is replaced": one("requestBody:", "application/json", "text/csv",
        "media-type", "POST /books request body: application/json is gone."),
    "a header of a response is removed": one("        '200':\n          description: The books.",
        "headers:", "x-headers:", "header", "response 200 header X-Total: the header is gone."),
    "a header of a response becomes optional": one("X-Total:", "required: true", "required: false",
        "header", "the header may now be missing."),
    "a header of a response changes its type": one("X-Total:", "type: integer", "type: string",
        "type", "response 200 header X-Total: the type went from integer to string."),
    "a parameter is removed": one("  /books:", "- name: genre", "- name: kind",
        "parameter", "GET /books query parameter genre: the parameter is gone."),
    "a parameter becomes required": one("- name: genre", "in: query",
        "in: query\n          required: true", "required", "the parameter became required."),
    "a required parameter is added": one("List the books.", "parameters:",
        "parameters:\n        - {name: q, in: query, required: true, schema: {type: string}}",
        "parameter", "GET /books query parameter q: a required parameter is new."),
    "a required header is added to all of a path": one("  /books/{book_id}:", "parameters:",
        "parameters:\n      - {name: X-Reason, in: header, required: true, schema: {type: string}}",
        "parameter", "header parameter X-Reason (and 1 more): a required parameter is new."),
    "a parameter is written in another style": one("- name: genre", "in: query",
        "in: query\n          style: pipeDelimited", "parameter", "another style."),
    "the type of a parameter is narrowed": one("    BookId:", "type: integer", "type: string",
        "type", "path parameter book_id (and 1 more): the type went from integer to string."),
    "the default of a parameter changes": one("How many at most.", "default: 20", "default: 10",
        "default", "the default went from 20 to 10."),
    "an upper bound of a request is lowered": one("How many at most.", "maximum: 100",
        "maximum: 50", "bounds", "maximum went from 100 to 50."),
    "a lower bound of a request is raised": one(BOOK_CREATE, "minLength: 1", "minLength: 2",
        "bounds", "POST /books request body/title: minLength went from 1 to 2."),
    "an upper bound of a response is lifted": one("            isbn:", "maxLength: 40",
        "maxLength: 80", "bounds", "/isbn (and 2 more): maxLength went from 40 to 80."),
    "a property of a request becomes required": one(BOOK_CREATE, "required: [title]",
        "required: [title, pages]", "required", "request body/pages: the property became required"),
    "a property of a request is removed": one(BOOK_CREATE, "        shelf:", "        rack:",
        "property", "POST /books request body/shelf: the property is gone."),
    "a property of a response is removed": one(BOOK, "            isbn:", "            code:",
        "property", "/isbn (and 2 more): the property is gone."),
    "a property of a response becomes optional": one(BOOK, "[id, genre]", "[id]",
        "required", "/genre (and 2 more): the property may now be missing."),
    "a property of a response becomes nullable": one(BOOK, "type: integer",
        "type: [integer, 'null']", "type", "the type went from integer to integer or null."),
    "a property of a request is no longer nullable": one(BOOK_CREATE, "[integer, 'null']",
        "integer", "type", "request body/pages: the type went from integer or null to integer."),
    "a value of a request is removed": one(GENRE, "[novel, essay]", "[novel]",
        "enum", '"essay" may not be sent any more.'),
    "a value of a response is added": one(GENRE, "[novel, essay]", "[novel, essay, poem]",
        "enum", '"poem" may come now.'),
    "a const of a response changes": one("    Problem:", "const: 404", "const: 410",
        "enum", "response 404/status (and 1 more): 410 may come now."),
    "a format of a response changes": one("            isbn:", "format: uri", "format: uuid",
        "format", 'format went from "uri" to "uuid".'),
    "a pattern of a request changes": one(BOOK_CREATE, "pattern: '^[^", "pattern: '^[^a",
        "pattern", "/title (and 3 more): pattern went from"),
    "unknown properties are refused": one(BOOK_CREATE, "required:",
        "additionalProperties: false\n      required:", "additionalProperties",
        "POST /books request body: unknown properties are refused now."),
    "entries of a request must differ": one("- name: genre", "$ref: '#/components/schemas/Genre'",
        "type: string\n            uniqueItems: true\n            enum: [novel, essay]",
        "uniqueItems", "entries must differ now."),
    "an alternative of a request is removed": one("        shelf:", "            - type: boolean\n",
        "", "oneOf", "oneOf went from 3 to 2 alternatives."),
    "an alternative of a response is added": one("        shelf:", "            - type: boolean\n",
        "            - type: boolean\n            - type: array\n", "oneOf",
        "oneOf went from 3 to 4 alternatives."),
    "a public operation is secured by inheritance": one("Is it alive?", "      security: []\n", "",
        "security", "GET /livez: what was enough (nothing) is not any more."),
    "another scope is needed": one("Remove a book.", "'books:write'", "'books:write', 'books:read'",
        "security", "what was enough (oauth2 and oauth2 books:write) is not any more."),
    "the global security is stricter": one("\nsecurity:", "['books:read']",
        "['books:read', 'books:write']", "security", "GET /books (and 1 more): what was enough"),
    "a security scheme takes other credentials": one("    oauth2:\n      type", "oauth2",
        "openIdConnect", "security", "oauth2 takes another kind of credentials."),
}  # fmt: skip

HARMLESS = {
    "nothing": (),
    "descriptions": (Edit("    BookId:", "Which book.", "Which of the books."),),
    "a path parameter has another name": (
        Edit("paths:", "/books/{book_id}", "/books/{number}"),
        Edit("parameters:\n    BookId:", "name: book_id", "name: number"),
    ),
    "an operation is added": (Edit("  /books/{book_id}:", "    get:",
        "    head:\n      operationId: peek\n      responses: {}\n    get:"),),
    "an optional parameter is added": (Edit("List the books.", "parameters:",
        "parameters:\n        - {name: q, in: query, schema: {type: string}}"),),
    "an optional parameter is added to a path": (Edit("  /books/{book_id}:",
        "parameters:", "parameters:\n      - {name: a, in: query, schema: {type: string}}"),),
    "a property is added": (Edit("            isbn:", "maxLength: 40",
        "maxLength: 40\n            shelfmark:\n              type: string"),),
    "a request takes more": (Edit("How many at most.", "maximum: 100", "maximum: 1000"),),
    "a request takes more types": (Edit("    BookId:", "integer", "[integer, string]"),),
    "an integer of a request becomes a number": (Edit("    BookId:", "integer", "number"),),
    "a response promises more": (Edit("            isbn:", "maxLength: 40", "maxLength: 20"),),
    "a property of a response becomes required": (Edit(BOOK, "[id, genre]", "[id, genre, isbn]"),),
    "a schema is written in place": (Edit("- name: genre", "$ref: '#/components/schemas/Genre'",
        "{type: string, enum: [essay, novel]}"),),
    "a schema is split by allOf": (Edit(BOOK_CREATE, "      required: [title]\n",
        "      allOf:\n        - required: [title]\n"),),
    "alternatives change places": (Edit("        shelf:",
        "            - type: integer\n            - type: string\n              format: uuid\n",
        "            - type: string\n              format: uuid\n            - type: integer\n"),),
    "an error is added": (Edit("description: The book is gone.\n", "  /livez:",
        "        '409':\n          $ref: '#/components/responses/NotFound'\n  /livez:"),),
    "an error is removed": (Edit("operationId: getBook\n      tags", "        '404':",
        "        x-none:"),),
    "security is loosened": (Edit("Remove a book.", "- oauth2: ['books:write']",
        "- oauth2: ['books:write']\n        - oauth2: []"),),
    "a header of a response is added": (Edit("          headers:", "            X-Total:",
        "            X-Time: {schema: {type: string}}\n            X-Total:"),),
    "a header is written in another case": (Edit("          headers:", "X-Total", "x-total"),),
    "the inherited security is written out": (Edit("Fetch a book.", "\n",
        "\n      security:\n        - oauth2: ['books:read']\n"),),
}  # fmt: skip


def compared(base: str, revision: str) -> list[Finding]:
    return breaking(Document(Path("base.yaml"), base), Document(Path("openapi.yaml"), revision))


@pytest.mark.parametrize("what", BREAKING)
def test_a_change_that_breaks_clients_is_named(what: str) -> None:
    broken = BREAKING[what]

    found = compared(edited(), edited(*broken.edits))

    assert any(one.rule == broken.rule and broken.says in one.message for one in found), found
    assert {one.rule for one in found} == {broken.rule}


@pytest.mark.parametrize("what", HARMLESS)
def test_a_change_that_breaks_nobody_is_not_named(what: str) -> None:
    assert compared(edited(), edited(*HARMLESS[what])) == []


@pytest.mark.parametrize(
    "what",
    [
        "a parameter becomes required",
        "a property of a request becomes required",
        "a value of a request is removed",
        "an upper bound of a request is lowered",
        "unknown properties are refused",
        "a public operation is secured by inheritance",
    ],
)
def test_what_breaks_in_one_direction_is_harmless_in_the_other(what: str) -> None:
    found = compared(edited(*BREAKING[what].edits), edited())

    assert [one for one in found if "request" in one.message or "parameter" in one.message] == []


def test_a_body_that_becomes_required_breaks_clients() -> None:
    optional = Edit("      requestBody:", "required: true", "required: false")

    (found,) = compared(edited(optional), edited())

    assert found.message == "POST /books: a request body became required."
    assert compared(edited(), edited(optional)) == []


def test_the_line_is_that_of_the_newer_document() -> None:
    revision = edited(Edit("How many at most.", "maximum: 100", "maximum: 50"))

    (found,) = compared(edited(), revision)

    assert found.line == line_of(revision, "maximum: 50")
    assert found.as_text() == (
        f"openapi.yaml:{found.line}:13: error: bounds: GET /books query parameter limit:"
        " maximum went from 100 to 50."
    )


def test_a_schema_that_holds_itself_is_compared_once() -> None:
    tree = Edit("        shelf:", "type: integer", "$ref: '#/components/schemas/BookCreate'")
    longer = Edit("    BookCreate:", "maxLength: 200", "maxLength: 100")

    found = compared(edited(tree), edited(tree, longer))

    assert [one.rule for one in found] == ["bounds"]


def test_alternatives_that_hold_themselves_come_to_an_end() -> None:
    loop = Edit("        shelf:", "type: integer", "$ref: '#/components/schemas/Shelf'")
    itself = "    Shelf:\n      anyOf:\n        - $ref: '#/components/schemas/Shelf'\n    Genre:"
    text = edited(loop, Edit("  schemas:\n", "    Genre:", itself))

    assert compared(text, text) == []
    assert [one.rule for one in compared(text, edited())] == ["type"]


@pytest.mark.parametrize("name", REAL)
def test_a_real_document_does_not_break_itself(name: str) -> None:
    document = Document(SPECS / name)

    assert breaking(document, document) == []


@pytest.mark.parametrize("keyword", ["properties", "oneOf"])
def test_schemas_that_many_ways_lead_to_are_compared_once(keyword: str, tmp_path: Path) -> None:
    levels = 40

    def text(type_: str) -> str:
        schemas: dict[str, Any] = {f"Level{levels}": {"type": type_}}
        for level in range(levels):
            below = {"$ref": f"#/components/schemas/Level{level + 1}"}
            twice: Any = {"a": below, "b": below}
            if keyword == "oneOf":
                twice = [below, {"title": "the other", **below}]
            schemas[f"Level{level}"] = {keyword: twice}
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/Level0"}}}
        operation = {"responses": {"200": {"description": "-", "content": content}}}
        return json.dumps(
            {
                "openapi": "3.1.0",
                "info": {"title": "t", "version": "1"},
                "paths": {"/a": {"get": operation}},
                "components": {"schemas": schemas},
            }
        )

    older, newer = (Document(tmp_path / "a.json", text(type_)) for type_ in ("string", "integer"))

    (found,) = breaking(older, newer)

    assert found.message.endswith("the type went from string to integer.")


def test_every_operation_that_a_shared_change_touches_is_counted() -> None:
    longer = Edit("            isbn:", "maxLength: 40", "maxLength: 80")

    (found,) = compared(edited(), edited(longer))

    assert found.message.startswith("GET /books response 200/*/isbn (and 2 more): ")


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    older = tmp_path / "older.yaml"
    older.write_text(edited(Edit("            isbn:", "maxLength: 40", "maxLength: 20")))

    assert openapi.diff(SAMPLE, SAMPLE) == 0
    assert openapi.diff(older, SAMPLE) == 1
    with pytest.raises(Misconfigured, match=r"absent.yaml:1:1: There is no such file\.$"):
        openapi.diff(tmp_path / "absent.yaml", SAMPLE)

    error = capsys.readouterr().err
    assert "Nothing breaks." in error
    assert f"1 breaking change since {older}." in error


def test_a_revision_of_the_repository_can_be_the_base(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git = ("git", "-C", str(tmp_path), "-c", "user.name=A", "-c", "user.email=a@example.com")
    document = tmp_path / "openapi" / "openapi.yaml"
    document.parent.mkdir()
    document.write_text(edited())
    for arguments in (("init", "-q"), ("add", "."), ("commit", "-qm", "One.")):
        subprocess.run([*git, *arguments], check=True)
    document.write_text(edited(Edit("            isbn:", "maxLength: 40", "maxLength: 80")))

    assert openapi.diff("git:HEAD", document) == 1
    for revision in ("nowhere", "--help"):
        with pytest.raises(Misconfigured, match=f"git has no openapi.yaml at `{revision}`"):
            openapi.diff(f"git:{revision}", document)

    error = capsys.readouterr().err
    assert "1 breaking change since git:HEAD." in error
