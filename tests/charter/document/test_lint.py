"""`charter lint` finds what is wrong, says where, and never fails in another way."""

import copy
import json
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from charter.document import Document
from charter.document import commands as openapi
from charter.document.changes import changes
from charter.document.checks import ERRORS
from charter.document.lint import lint
from charter.document.lint.rules import RULES
from charter.errors import Misconfigured, Refusal
from tests.charter.document.damage import SAMPLE, Edit, edited, line_of
from tests.data import DOCUMENT


@dataclass(frozen=True)
class Defect:
    """An edit or several, the rule that finds it, and the words on the line that it names."""

    edit: Edit | tuple[Edit, ...]
    rule: str
    words: str

    @property
    def edits(self) -> tuple[Edit, ...]:
        return self.edit if isinstance(self.edit, tuple) else (self.edit,)


SEEDED = {
    "an example that breaks a const": Defect(
        Edit("summary: Nothing there", "404", "405"), "example", "status: 405"
    ),
    "a link to no operation": Defect(
        Edit("            read:", "getBook", "getBooks"), "link", "getBooks"
    ),
    "a dangling reference": Defect(
        Edit("Only those of this kind.", "/Genre'", "/Genres'"), "reference", "/Genres'"
    ),
    "an undeclared tag": Defect(
        Edit("operationId: createBook", "[books]", "[tomes]"), "tag", "[tomes]"
    ),
    "a path parameter that is not in the path": Defect(
        Edit("paths:", "  /books/{book_id}:", "  /books/{id}:"),
        "path-parameter",
        "parameters/BookId'",
    ),
    "an unknown scope": Defect(
        Edit("Remove a book.", "books:write", "books:wrote"), "scope", "books:wrote"
    ),
    "an operationId used twice": Defect(
        Edit("    delete:", "deleteBook", "createBook # again"), "operation-id", "# again"
    ),
    "a misspelt field": Defect(
        Edit("List the books.", "description", "descripton"), "structure", "descripton"
    ),
    "a default out of range": Defect(
        Edit("How many at most.", "default: 20", "default: 200"), "default", "default: 200"
    ),
    "OpenAPI 3.0's nullable": Defect(
        Edit("            isbn:", "maxLength: 40", "nullable: true"),
        "unknown-keyword",
        "nullable: true",
    ),
    "a required property that is not defined": Defect(
        Edit("A book.\n", "[id, genre]", "[id, gender]"), "required", "[id, gender]"
    ),
}

OTHERS = {
    "a parameter in a place that can't be read": Defect(
        Edit("- name: genre", "in: query", "in: querystring"), "parameter", "querystring"
    ),
    "an operation without responses": Defect(
        Edit("summary: Is it alive?", "responses:", "responses: {} #\n      x-gone:"),
        "response",
        "responses: {}",
    ),
    "items of what is no sequence": Defect(
        (
            Edit("one line at a time.", "3.1.0", "3.2.0"),
            Edit("description: The book.", "schema:", "itemSchema: {}\n              schema:"),
        ),
        "item-schema",
        "itemSchema: {}",
    ),
    "another dialect": Defect(
        Edit("    Genre:", "type:", "$schema: http://json-schema.org/schema\n      type:"),
        "dialect",
        "json-schema.org",
    ),
    "a schema that XML can't say": Defect(
        Edit(
            "      requestBody:",
            "content:",
            "content:\n          text/xml: {schema: {type: object, properties: {a: {}}}}",
        ),
        "xml",
        "text/xml",
    ),
    "a schema that is its own part": Defect(
        Edit("    Genre:", "type: string", "allOf: [{$ref: '#/components/schemas/Genre'}]"),
        "all-of",
        "    Genre:",
    ),
    "a discriminator that names no schema": Defect(
        Edit(
            "        shelf:",
            "oneOf:",
            "discriminator: {propertyName: a, mapping: {b: '#/c'}}\n          oneOf:",
        ),
        "discriminator",
        "mapping",
    ),
    "an escape that ECMA-262 lacks": Defect(
        Edit("          maxLength: 200", "[^", r"\A[^"), "pattern", r"\A"
    ),
    "a missing summary": Defect(
        Edit("operationId: deleteBook", "      summary: Remove a book.\n", ""),
        "summary",
        "    delete:",
    ),
    "a missing description": Defect(
        Edit("    BookId:", "      description: Which book.\n", ""), "description", "    BookId:"
    ),
    "a missing example": Defect(
        Edit("Which book.", "      example: 7\n", ""), "missing-example", "    BookId:"
    ),
    "a component without examples": Defect(
        Edit("What kind of book it is.", "      examples: [novel]\n", ""),
        "missing-example",
        "    Genre:",
    ),
    "a media type without an example": Defect(
        Edit("  responses:\n    NotFound:", "examples:", "x-examples:"),
        "missing-example",
        "application/problem+json:",
    ),
    "a missing operationId": Defect(
        Edit("    delete:", "      operationId: deleteBook\n", ""), "operation-id", "    delete:"
    ),
    "an operationId in another case": Defect(
        Edit("    delete:", "deleteBook", "delete_book"), "operation-id", "delete_book"
    ),
    "a field of the wrong type": Defect(
        Edit("    delete:", "Remove a book.", "[Remove a book.]"), "structure", "[Remove a book.]"
    ),
    "a response without a description": Defect(
        Edit("    NotFound:", "description: There is no such book.", "x-note: none"),
        "description",
        "    NotFound:",
    ),
    "a keyword of the wrong type": Defect(
        Edit("    BookCreate:", "minLength: 1", "minLength: one"), "schema", "minLength: one"
    ),
    "an unknown type": Defect(
        Edit("    Genre:", "type: string", "type: text"), "schema", "type: text"
    ),
    "a path that can't be told from another": Defect(
        Edit("paths:", "  /livez:", "  /books/{number}:"), "path", "{number}"
    ),
    "a path that ends with a slash": Defect(
        Edit("paths:", "  /livez:", "  /livez/:"), "path", "/livez/"
    ),
    "a path parameter that is optional": Defect(
        Edit("    BookId:", "required: true", "required: false # !"), "structure", "# !"
    ),
    "a parameter that is there twice": Defect(
        Edit("  /books:", "- name: genre", "- name: limit # again"),
        "repeated-parameter",
        "# again",
    ),
    "an undeclared security scheme": Defect(
        Edit("Remove a book.", "oauth2:", "oauth:"), "security", "oauth:"
    ),
    "a link with an unknown parameter": Defect(
        Edit("            read:", "book_id:", "id:"), "link", "id: $response"
    ),
    "a component that nothing uses": Defect(
        Edit(
            "components:",
            "\n  examples:\n",
            "\n  examples:\n    Tome: {summary: A tome., value: 1}\n",
        ),
        "unused-component",
        "Tome:",
    ),
    "an error that is no problem document": Defect(
        Edit("  responses:\n    NotFound:", "application/problem+json", "application/json"),
        "problem",
        "    NotFound:",
    ),
    "a version that is not supported": Defect(
        Edit("openapi: ", "3.1.0", "4.0.0"), "version", "4.0.0"
    ),
    "a tag that nothing uses": Defect(
        Edit("readers.\ntags:\n", "", "  - name: authors\n    description: Who wrote.\n"),
        "tag",
        "name: authors",
    ),
    "bounds that no value keeps": Defect(
        Edit("    BookCreate:", "minLength: 1", "minLength: 300"), "impossible", "minLength: 300"
    ),
    "a value twice in an enum": Defect(
        Edit("    Genre:", "[novel, essay]", "[novel, novel]"), "impossible", "[novel, novel]"
    ),
    "a value of another type in an enum": Defect(
        Edit("    Genre:", "[novel, essay]", "[novel, essay, 7]"), "impossible", "essay, 7"
    ),
    "a const of another type": Defect(
        Edit("    Problem:", "const: 404", "const: gone"), "impossible", "const: gone"
    ),
    "a keyword of strings in an integer": Defect(
        Edit("    BookId:", "type: integer", "type: integer\n        maxLength: 9"),
        "misplaced-keyword",
        "maxLength: 9",
    ),
    "a body of a GET": Defect(
        Edit("List the books.", "parameters:",
             "requestBody: {content: {application/json: {}}}\n      parameters:"),
        "body", "requestBody: {content",
    ),
    "a body of a 204": Defect(
        Edit("operationId: deleteBook", "description: The book is gone.",
             "description: Gone.\n          content: {text/plain: {}}"),
        "body", "content: {text/plain",
    ),
    "a parameter that is a header of its own": Defect(
        Edit("  /books:", "- name: genre\n          in: query",
             "- name: accept\n          in: header"),
        "ignored-parameter", "name: accept",
    ),
    "a media type that is none": Defect(
        Edit("      requestBody:", "application/json", "json"), "media-type", " json:"
    ),
    "a variable of a server that is not declared": Defect(
        Edit("info:", "tags:", "servers:\n  - url: https://{where}.example\n"
             "    description: There.\ntags:"),
        "server", "{where}",
    ),
    "a server with a slash at its end": Defect(
        Edit("info:", "tags:", "servers:\n  - url: https://a.example/\n"
             "    description: There.\ntags:"),
        "server", "a.example/",
    ),
    "a tag that is declared twice": Defect(
        Edit("readers.\ntags:\n", "    description: What there is to read.\n",
             "    description: What there is.\n  - name: books # again\n    description: Again.\n"),
        "repeated-tag", "# again",
    ),
    "an example of an answer with what only requests have": Defect(
        (Edit("            isbn:", "maxLength: 40", "maxLength: 40\n              writeOnly: true"),
         Edit("  examples:\n    Book:", "      value:", "      value:\n        isbn: urn:isbn:1")),
        "mode", "        isbn: urn:isbn:1",
    ),
    "an example of a request with what only answers have": Defect(
        (
            Edit("    BookCreate:", "maxLength: 200", "maxLength: 200\n          readOnly: true"),
            Edit("A long one.\n                value:", "Middlemarch", "Middlemarch # sent"),
        ),
        "mode", "# sent",
    ),
    "a sunset that is no date": Defect(
        Edit("operationId: deleteBook", "tags:",
             "deprecated: true\n      x-sunset: soon\n      tags:"),
        "sunset", "x-sunset: soon",
    ),
    "a sunset of what is not deprecated": Defect(
        Edit("operationId: deleteBook", "tags:", "x-sunset: '2027-01-31'\n      tags:"),
        "sunset", "x-sunset: ",
    ),
    "a deprecation without a date": Defect(
        Edit("operationId: deleteBook", "tags:", "deprecated: true\n      tags:"),
        "no-sunset", "deprecated: true",
    ),
    "a deprecation that nobody knows the beginning of": Defect(
        Edit("operationId: deleteBook", "tags:", "deprecated: true\n      tags:"),
        "no-deprecation-date", "deprecated: true",
    ),
    "a deprecation after the sunset": Defect(
        Edit("operationId: deleteBook", "tags:", "deprecated: true\n      x-sunset: 2098-01-31\n"
             "      x-deprecated-since: 2098-02-01\n      tags:"),
        "sunset", "x-deprecated-since: ",
    ),
    "a sunset in the past": Defect(
        Edit("    Genre:", "type: string",
             "type: string\n      deprecated: true\n      x-sunset: 2020-01-31"),
        "past-sunset", "x-sunset: 2020",
    ),
    "a list of nothing": Defect(
        Edit("            isbn:", "type: string", "type: array #"), "untyped-array", "type: array #"
    ),
    "an operation without a tag": Defect(
        Edit("operationId: deleteBook", "      tags: [books]\n", ""), "untagged", "    delete:"
    ),
    "a default that no enum has": Defect(
        Edit("    Genre:", "type: string", "type: string\n      default: poem"),
        "default", "default: poem",
    ),
    "a link with a misspelt operation": Defect(
        Edit("            read:", "getBook", "getBok"), "link", "getBok"
    ),
    "an unknown status": Defect(
        Edit("  /livez:", "'204'", "'2000'"), "structure", "'2000'"
    ),
    "a path without a slash": Defect(
        Edit("paths:", "  /livez:", "  livez:"), "structure", "  livez:"
    ),
    "a missing title": Defect(
        Edit("info:", "  title: Library\n", ""), "structure", "info:"
    ),
    "a reference into nothing": Defect(
        Edit("  /livez:", "responses:", "responses:\n        '500': {$ref: '#/a'}"),
        "reference", "'#/a'",
    ),
}  # fmt: skip


def found_in(text: str, folder: Path) -> list[tuple[str, int]]:
    file = folder / "openapi.yaml"
    file.write_text(text)
    return [(finding.rule, finding.line) for finding in lint(Document(file))]


@pytest.mark.parametrize("what", SEEDED | OTHERS)
def test_a_defect_is_found_on_its_line(what: str, tmp_path: Path) -> None:
    defect = (SEEDED | OTHERS)[what]
    text = edited(*defect.edits)

    found = found_in(text, tmp_path)

    assert (defect.rule, line_of(text, defect.words)) in found


@pytest.mark.parametrize("what", SEEDED)
def test_nothing_else_is_said_about_a_seeded_defect(what: str, tmp_path: Path) -> None:
    defect = SEEDED[what]
    # an example lacks what is required by mistake
    expected = {defect.rule, "example"} if defect.rule == "required" else {defect.rule}

    found = found_in(edited(*defect.edits), tmp_path)

    assert {rule for rule, _ in found} == expected


def test_all_eleven_are_found_at_once(tmp_path: Path) -> None:
    text = edited(*(edit for defect in SEEDED.values() for edit in defect.edits))

    found = found_in(text, tmp_path)

    for defect in SEEDED.values():
        assert (defect.rule, line_of(text, defect.words)) in found


def test_every_rule_has_a_defect() -> None:
    rules = {"structure", "schema", "version", *(rule.name for rule in RULES)}
    rules |= {name for name, _ in ERRORS}
    # of 3.0 alone, and of overlays: docs/lint.md has examples
    rules -= {"ignored-nullable", "ignored-sibling", "overlay"}

    assert {defect.rule for defect in (SEEDED | OTHERS).values()} == rules


def test_the_sample_and_the_document_are_clean(capsys: pytest.CaptureFixture[str]) -> None:
    assert (openapi.lint(SAMPLE), openapi.lint(DOCUMENT)) == (0, 0), capsys.readouterr().out


def test_findings_are_printed_as_lines_that_an_editor_follows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.yaml").write_text(edited(*SEEDED["a default out of range"].edits))

    assert openapi.lint(Path("broken.yaml")) == 0
    assert openapi.lint(Path("broken.yaml"), fails_from="warning") == 1

    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith(
        "broken.yaml:27:13: warning: default: The default does not match its schema: 200"
    )
    assert printed[0].endswith("Correct one of them.")
    assert printed[1:3] == ["    27 |             default: 200", "       |             ^"]


@pytest.mark.parametrize("form", ["json", "sarif", "junit"])
def test_findings_are_printed_for_programs(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.yaml").write_text(edited(*SEEDED["a default out of range"].edits))

    openapi.lint(Path("broken.yaml"), form)

    printed = capsys.readouterr().out
    if form == "json":
        (finding,) = json.loads(printed)
        found = finding["rule"], finding["severity"], finding["line"]
    elif form == "sarif":
        (result,) = json.loads(printed)["runs"][0]["results"]
        region = result["locations"][0]["physicalLocation"]["region"]
        found = result["ruleId"], result["level"], region["startLine"]
    else:
        (case,) = ElementTree.fromstring(printed)  # noqa: S314 - our own
        (failure,) = case
        line = int(str(case.get("name")).split(":")[1])
        found = str(case.get("classname")), str(failure.get("type")), line
    assert found == ("default", "warning", 27)


def test_findings_are_printed_as_notes_for_github(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a,b.yaml").write_text(edited(*OTHERS["an unknown type"].edits))

    openapi.lint(Path("a,b.yaml"), "github")

    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("::error file=a%2Cb.yaml,line=")
    assert ",title=schema::" in first


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("openapi: 3.1.0\ninfo: [\n", ":3:1: This is not YAML"),
        ('{\n "openapi": "3.1.0"\n "info": {}\n}', ":3:2: This is not JSON: Expecting ','"),
        ("openapi: 3.1.0\ninfo:\n  title: x\n  title: y\n", ":4:3: The member `title` is there"),
        ("- a list\n", ":1:1: This is not an OpenAPI document"),
        ("", ":1:1: The file is empty"),
        ("openapi: 3.1.0\ninfo:\n  $ref: no.yaml\n", ":3:3: The reference no.yaml names no file"),
        (None, "openapi.yaml: There is no such file."),
    ],
)  # fmt: skip
def test_an_unreadable_document_is_refused_in_one_sentence(
    text: str | None, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "openapi.yaml"
    if text is not None:
        file.write_text(text)

    with pytest.raises(Refusal) as refused:
        openapi.lint(file)

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == (2 if text is None else 1)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("opnapi.yaml", "There is no such file: is it openapi.yaml?"),
        ("https://example.com/api/v1.json", "`curl -fsSLo openapi.yaml https://example.com/api/v1"),
    ],
)
def test_what_may_be_meant_by_a_name_is_said(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "openapi.yaml").write_text(SAMPLE.read_text())

    with pytest.raises(Misconfigured, match=re.escape(said)):
        openapi.lint(tmp_path / name)


def test_what_has_its_place_as_its_only_name_is_named_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "openapi.yaml"
    file.write_text("openapi: 3.1.0\ninfo: {title: Library, version: '1'}\npaths: {}\n")

    openapi.lint(file)

    assert "The info has no description" in capsys.readouterr().out


def test_no_malformed_document_makes_the_lint_fail(tmp_path: Path) -> None:
    """Everything in the sample, replaced by what should not be there; nor does the diff fail."""
    whole = Document(SAMPLE)
    draw = random.Random(1)  # noqa: S311 - a choice of test cases
    paths = [path for path, _ in whole.walk() if path]
    for path in paths:
        damaged = copy.deepcopy(whole.content)
        put(damaged, path, draw.choice(MISPLACED))
        document = Document(tmp_path / "openapi.yaml", json.dumps(damaged))
        lint(document)
        changes(whole, document)
        changes(document, whole)


MISPLACED: tuple[Any, ...] = (
    None,
    True,
    7,
    "text",
    [],
    [7],
    {},
    {"$ref": 7},
    {"$ref": "#/x"},
    {"x": [None]},
)


def put(content: Any, path: tuple[str | int, ...], value: Any) -> None:
    for token in path[:-1]:
        content = content[token]
    content[path[-1]] = value


def test_the_operations_are_listed_with_their_scopes(capsys: pytest.CaptureFixture[str]) -> None:
    assert openapi.show(SAMPLE) == 0

    assert capsys.readouterr().out.splitlines() == [
        "GET     /books            listBooks    books:read",
        "POST    /books            createBook   books:write",
        "GET     /books/{book_id}  getBook      books:read",
        "DELETE  /books/{book_id}  deleteBook   books:write",
        "GET     /livez            getLiveness  public",
    ]


def test_the_document_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert openapi.bundle(SAMPLE) == 0

    assert json.loads(capsys.readouterr().out) == Document(SAMPLE).content
