"""`charter diff` names every change that clients notice, and how much it hurts."""

import csv
import json
import re
import subprocess
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from charter.document import Document, DocumentError
from charter.document import commands as openapi
from charter.document.changes import changes
from charter.document.changes.report import entries
from charter.document.findings import Finding, Severity
from charter.errors import Misconfigured
from tests.charter.command_line import each
from tests.charter.document import every_change
from tests.charter.document.damage import SAMPLE, Edit, edited, line_of
from tests.data import CHANGES, SPECS


@dataclass(frozen=True)
class Break:
    """Edits, the rules that they fall under, and what is said about them."""

    edits: tuple[Edit, ...]
    rules: tuple[str, ...]
    says: str


REAL = ("museum.yaml", "spotify.yaml", "box.json")


def one(after: str, old: str, new: str, rules: str | tuple[str, ...], says: str) -> Break:
    names = (rules,) if isinstance(rules, str) else rules
    return Break((Edit(after, old, new),), names, says)


BOOK_201 = "description: The new book.\n"
BOOK_CREATE = "    BookCreate:"
BOOK = "    Book:\n      description"
GENRE = "    Genre:"

BREAKING = {
    "an operation is removed": one("operationId: getBook\n      tags", "    delete:", "    x-gone:",
        "api-removed-without-deprecation", "DELETE /books/{book_id}: the operation is gone."),
    "an operationId is renamed": one("    delete:", "deleteBook", "removeBook",
        "api-operation-id-removed", "the operationId went from deleteBook to removeBook."),
    "a success gets another status": one("operationId: createBook", "'201'", "'200'",
        "response-success-status-removed", "POST /books: the response 201 is gone."),
    "a media type of a response is replaced": one(BOOK_201, "application/json", "application/xml",
        "response-media-type-removed", "POST /books response 201: application/json is gone."),
    "a media type of a request is replaced": one("requestBody:", "application/json", "text/csv",
        "request-body-media-type-removed", "POST /books request body: application/json is gone."),
    "a header of a response is removed": one("        '200':\n          description: The books.",
        "headers:", "x-headers:", "required-response-header-removed",
        "response 200 header X-Total: the header is gone."),
    "a header of a response becomes optional": one("X-Total:", "required: true", "required: false",
        "response-header-became-optional", "the header may now be missing."),
    "a header of a response changes its type": one("X-Total:", "type: integer", "type: string",
        "response-header-type-changed",
        "response 200 header X-Total: the type went from integer to string."),
    "a parameter is removed": one("  /books:", "- name: genre", "- name: kind",
        "request-parameter-removed", "GET /books query parameter genre: the parameter is gone."),
    "a parameter becomes required": one("- name: genre", "in: query",
        "in: query\n          required: true", "request-parameter-became-required",
        "the parameter became required."),
    "a required parameter is added": one("List the books.", "parameters:",
        "parameters:\n        - {name: q, in: query, required: true, schema: {type: string}}",
        "new-required-request-parameter",
        "GET /books query parameter q: a required parameter is new."),
    "a required header is added to all of a path": one("  /books/{book_id}:", "parameters:",
        "parameters:\n      - {name: X-Reason, in: header, required: true, schema: {type: string}}",
        "new-required-request-default-parameter-to-existing-path",
        "header parameter X-Reason (and 1 more): a required parameter is new."),
    "a parameter is written in another style": one("- name: genre", "in: query",
        "in: query\n          style: pipeDelimited", "request-parameter-style-changed",
        "another style."),
    "the type of a parameter is narrowed": one("    BookId:", "type: integer", "type: string",
        "request-parameter-type-changed",
        "path parameter book_id (and 1 more): the type went from integer to string."),
    "the default of a parameter changes": one("How many at most.", "default: 20", "default: 10",
        "request-parameter-default-value-changed", "the default went from 20 to 10."),
    "an upper bound of a request is lowered": one("How many at most.", "maximum: 100",
        "maximum: 50", "request-parameter-max-decreased", "maximum went from 100 to 50."),
    "a lower bound of a request is raised": one(BOOK_CREATE, "minLength: 1", "minLength: 2",
        "request-property-min-length-increased",
        "POST /books request body/title: minLength went from 1 to 2."),
    "an upper bound of a response is lifted": one("            isbn:", "maxLength: 40",
        "maxLength: 80", "response-property-max-length-increased",
        "/isbn (and 2 more): maxLength went from 40 to 80."),
    "a property of a request becomes required": one(BOOK_CREATE, "required: [title]",
        "required: [title, pages]", "request-property-became-required",
        "request body/pages: the property became required"),
    "a property of a request is removed": one(BOOK_CREATE, "        shelf:", "        rack:",
        ("request-property-removed", "response-optional-property-removed"),
        "POST /books request body/shelf: the property is gone."),
    "a property of a response is removed": one(BOOK, "            isbn:", "            code:",
        "response-optional-property-removed", "/isbn (and 2 more): the property is gone."),
    "a property of a response becomes optional": one(BOOK, "[id, genre]", "[id]",
        "response-property-became-optional",
        "/genre (and 2 more): the property may now be missing."),
    "a property of a response becomes nullable": one(BOOK, "type: integer",
        "type: [integer, 'null']", "response-property-became-nullable",
        "/*/id (and 2 more): it may be null now."),
    "a property of a request is no longer nullable": one(BOOK_CREATE, "[integer, 'null']",
        "integer", "request-property-became-not-nullable",
        "request body/pages: it may not be null any more."),
    "a value of a request is removed": one(GENRE, "[novel, essay]", "[novel]",
        ("request-parameter-enum-value-removed", "request-property-enum-value-removed"),
        '"essay" is not allowed any more.'),
    "a value of a response is added": one(GENRE, "[novel, essay]", "[novel, essay, poem]",
        "response-property-enum-value-added", '"poem" is allowed now.'),
    "a const of a response changes": one("    Problem:", "const: 404", "const: 410",
        "response-property-const-changed",
        "response 404/status (and 1 more): const went from 404 to 410."),
    "a format of a response changes": one("            isbn:", "format: uri", "format: uuid",
        "response-property-type-changed", 'format went from "uri" to "uuid".'),
    "a pattern of a request changes": one(BOOK_CREATE, "pattern: '^[^", "pattern: '^[^a",
        "request-property-pattern-changed", "request body/title: pattern went from"),
    "unknown properties are refused": one(BOOK_CREATE, "required:",
        "additionalProperties: false\n      required:",
        "request-body-additional-properties-forbidden",
        "POST /books request body: unknown properties are refused now."),
    "entries of a request must differ": one("- name: genre", "$ref: '#/components/schemas/Genre'",
        "type: string\n            uniqueItems: true\n            enum: [novel, essay]",
        "request-parameter-unique-items-added", "entries must differ now."),
    "an alternative of a request is removed": one("        shelf:", "            - type: boolean\n",
        "", "request-property-one-of-removed",
        "`oneOf` does not allow a schema in place any more."),
    "an alternative of a response is added": one("        shelf:", "            - type: boolean\n",
        "            - type: boolean\n            - type: array\n",
        "response-property-one-of-added",
        "`oneOf` allows a schema in place now."),
    "a public operation is secured by inheritance": one("Is it alive?", "      security: []\n", "",
        "api-security-added", "GET /livez: what was enough (nothing) is not any more."),
    "another scope is needed": one("Remove a book.", "'books:write'", "'books:write', 'books:read'",
        "api-security-scope-added",
        "what was enough (oauth2 and oauth2 books:write) is not any more."),
    "the global security is stricter": one("\nsecurity:", "['books:read']",
        "['books:read', 'books:write']", "api-global-security-scope-added",
        "GET /books (and 1 more): what was enough"),
    "a security scheme takes other credentials": one("    oauth2:\n      type", "oauth2",
        "openIdConnect", "api-security-component-type-changed",
        "security scheme oauth2: it takes another kind of credentials."),
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


def breaking(base: Document, revision: Document) -> list[Finding]:
    """All changes but the harmless ones, as lines of the newer document."""
    found = entries(base, revision, changes(base, revision))
    return [one.as_finding() for one in found if one.change.severity is not Severity.INFO]


def compared(base: str, revision: str) -> list[Finding]:
    return breaking(Document(Path("base.yaml"), base), Document(Path("openapi.yaml"), revision))


@pytest.mark.parametrize("what", BREAKING)
def test_a_change_that_breaks_clients_is_named(what: str) -> None:
    broken = BREAKING[what]

    found = compared(edited(), edited(*broken.edits))

    assert any(broken.says in one.message for one in found), found
    assert {one.rule for one in found} == set(broken.rules)


@pytest.mark.parametrize("what", HARMLESS)
def test_a_change_that_breaks_nobody_is_not_named(what: str) -> None:
    assert compared(edited(), edited(*HARMLESS[what])) == []


def test_the_severities_are_those_of_oasdiff() -> None:
    """Each of its rules is shown by a pair of documents; DISPUTED says where we disagree."""
    found: dict[str, set[str]] = {}
    for pair in every_change.pairs():
        older, newer = map(json.dumps, pair)
        base, revision = Document(Path("older.json"), older), Document(Path("newer.json"), newer)
        notices = (0, every_change.NOTICE) if "deprecated" in newer else (0,)
        for notice in notices:
            today = date.fromisoformat(every_change.TODAY)
            for one in changes(base, revision, today=today, notice=timedelta(notice)):
                found.setdefault(one.rule, set()).add(LEVELS[one.severity])

    expected = {row["id"]: {row["level"]} for row in rows("rules.tsv")}
    agreed = {rule for rule, levels in expected.items() if found.get(rule) == levels}

    assert expected.keys() - agreed == DISPUTED.keys()
    assert len(agreed) >= 0.95 * len(expected)


LEVELS = {Severity.ERROR: "ERR", Severity.WARNING: "WARN", Severity.INFO: "INFO"}

LOCKS_OUT = "a client that had what was enough is refused"
MORE_MAY_COME = "an answer that was never possible is possible now"
VERSIONS = "`--check-version` compares the versions, and says which one follows"

DISPUTED = {
    "api-global-security-added": LOCKS_OUT,
    "api-global-security-scope-added": LOCKS_OUT,
    "api-security-added": LOCKS_OUT,
    "api-security-component-type-changed": LOCKS_OUT,
    "api-security-scope-added": LOCKS_OUT,
    "api-operation-id-removed": "generated clients have a method of that name",
    "request-parameter-property-type-changed": "no worse in a parameter than in a body",
    "response-body-all-of-removed": MORE_MAY_COME,
    "response-body-any-of-added": MORE_MAY_COME,
    "response-property-all-of-removed": MORE_MAY_COME,
    "response-property-any-of-added": MORE_MAY_COME,
    "response-header-type-compatible": "a header has no media type",
    "response-mediatype-enum-value-removed": "it is called response-body-enum-value-removed",
    "api-major-version-not-bumped": VERSIONS,
    "api-version-decreased": VERSIONS,
    "api-version-not-bumped": VERSIONS,
}
"""Rules of oasdiff that judge otherwise than we do, and why."""


def rows(name: str) -> list[dict[str, str]]:
    with (CHANGES / name).open() as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


@pytest.mark.parametrize(
    "pair", rows("pairs.tsv"), ids=lambda pair: f"{pair['base']}-{pair['revision']}"
)
def test_oasdiffs_own_pairs_have_its_changes(pair: dict[str, str]) -> None:
    found = changes(Document(CHANGES / pair["base"]), Document(CHANGES / pair["revision"]))

    severities = {one.rule: LEVELS[one.severity] for one in found}
    levels = {row["id"]: row["level"] for row in rows("rules.tsv")}
    expected = [rule for rule in pair["ids of the changes (- none)"].split() if rule != "-"]
    for rule in expected:
        same_as_before = rule in SAME_PARTS and severities[rule] == "INFO"
        assert severities[rule] == levels[rule] or rule in DISPUTED or same_as_before


SAME_PARTS = ("request-body-all-of-removed", "request-property-all-of-removed")
"""In oasdiff's pair the part that is removed says the same as one that stays."""


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
        f"openapi.yaml:{found.line}:13: error: request-parameter-max-decreased:"
        " GET /books query parameter limit:"
        " maximum went from 100 to 50."
    )


def test_a_schema_that_holds_itself_is_compared_once() -> None:
    tree = Edit("        shelf:", "type: integer", "$ref: '#/components/schemas/BookCreate'")
    longer = Edit("    BookCreate:", "maxLength: 200", "maxLength: 100")

    found = compared(edited(tree), edited(tree, longer))

    assert {one.rule for one in found} == {"request-property-max-length-decreased"}


def test_alternatives_that_hold_themselves_come_to_an_end() -> None:
    loop = Edit("        shelf:", "type: integer", "$ref: '#/components/schemas/Shelf'")
    itself = "    Shelf:\n      anyOf:\n        - $ref: '#/components/schemas/Shelf'\n    Genre:"
    text = edited(loop, Edit("  schemas:\n", "    Genre:", itself))

    assert compared(text, text) == []
    assert {one.rule for one in compared(text, edited())} == {
        "request-property-type-specialized",
        "response-property-any-of-restriction-removed",
    }


@pytest.mark.parametrize("file", each(*(SPECS / name for name in REAL)))
def test_a_real_document_does_not_break_itself(file: Path) -> None:
    document = Document(file)

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
    assert openapi.diff(older, SAMPLE, fails_from="never") == 0
    assert openapi.diff(SAMPLE, older) == 0
    assert openapi.diff(SAMPLE, older, fails_from="info") == 1
    with pytest.raises(Misconfigured, match=r"absent.yaml: There is no such file\.$"):
        openapi.diff(tmp_path / "absent.yaml", SAMPLE)
    with pytest.raises(Misconfigured, match="mian is neither a file nor a revision"):
        openapi.diff("mian", SAMPLE)

    error = capsys.readouterr().err
    assert "Nothing changed for clients since" in error
    assert f"1 breaking change, 0 that may break, 0 harmless since {older}." in error


GIT = ("-c", "user.name=A", "-c", "user.email=a@example.com")


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    """A document in a repository of git."""
    document = tmp_path / "openapi" / "openapi.yaml"
    document.parent.mkdir()
    document.write_text(edited())
    for arguments in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-qm", "One.")):
        subprocess.run(["git", "-C", str(tmp_path), *GIT, *arguments], check=True)
    return document


LONGER = Edit("            isbn:", "maxLength: 40", "maxLength: 80")


def test_a_revision_of_the_repository_can_be_the_base(
    committed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed.write_text(edited(LONGER))

    assert openapi.diff("git:HEAD", committed) == 1
    assert openapi.diff("main", committed) == 1
    for revision in ("nowhere", "--help"):
        with pytest.raises(Misconfigured, match=f"git has no openapi.yaml at `{revision}`"):
            openapi.diff(f"git:{revision}", committed)

    error = capsys.readouterr().err
    assert "1 breaking change, 0 that may break, 0 harmless since git:HEAD." in error


def test_the_files_of_a_revision_are_those_of_that_revision(
    committed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = committed.with_name("genre.yaml")
    genre = "    Genre:\n      $ref: genre.yaml\n    Rest:"
    committed.write_text(edited(Edit("  schemas:\n", "    Genre:", genre)))
    part.write_text("type: string\nenum: [novel, essay]\n")
    folder = str(committed.parent.parent)
    subprocess.run(["git", "-C", folder, "add", "."], check=True)
    subprocess.run(["git", "-C", folder, *GIT, "commit", "-qm", "Split."], check=True)
    part.write_text("type: string\nenum: [novel]\n")

    assert openapi.diff("git:HEAD", committed, "json") == 1

    places = {one["rule"]: one["old"] for one in json.loads(capsys.readouterr().out)}
    assert places["request-parameter-enum-value-removed"] == {
        "file": "HEAD:openapi/genre.yaml",
        "line": 2,
        "column": 1,
    }


def test_a_change_that_the_team_agreed_to_is_not_named(
    committed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed.write_text(edited(LONGER))
    accepted = committed.with_name(openapi.ACCEPTED)
    accepted.write_text(
        "- rule: response-property-max-length-increased\n  operation: GET /books\n"
        "  where: '*/isbn'\n  reason: Nobody stores it.\n"
        "- {rule: endpoint-added, reason: None any more.}\n"
    )

    assert openapi.diff("git:HEAD", committed) == 1
    accepted.write_text(accepted.read_text().replace("GET /books", "'*'"))
    assert openapi.diff("git:HEAD", committed) == 0

    captured = capsys.readouterr()
    assert "3 changes accepted." in captured.err
    assert ":5:3: `endpoint-added` covers no change any more: remove it." in captured.err


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- {rule: endpoint-added}", ":1:3: `reason` is missing"),
        ("- {rule: a, reason: b, who: c}", ":1:24: `who` means nothing here"),
        ("- {rule: a, reason: ''}", ":1:13: `reason` has to be a text."),
        ("rule: a", ":1:1: Write a list of changes"),
    ],
)
def test_agreements_say_what_is_meant_and_why(
    text: str, complaint: str, committed: Path, tmp_path: Path
) -> None:
    file = tmp_path / "accepted.yaml"
    file.write_text(text)

    with pytest.raises(DocumentError, match=re.escape(complaint)):
        openapi.diff("git:HEAD", committed, accepted=file)


@pytest.mark.parametrize(
    ("edit", "version", "least"),
    [
        (LONGER, "1.4.2", "2.0.0"),
        (LONGER, "0.4.2", "0.5.0"),
        (Edit("            isbn:", "maxLength: 40", "maxLength: 20"), "1.4.2", "1.5.0"),
        (Edit("    BookId:", "Which book.", "Which of the books."), "1.4.2", "1.4.3"),
    ],
)
def test_the_version_grows_by_what_changed(
    edit: Edit, version: str, least: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def saved(name: str, number: str, *edits: Edit) -> Path:
        file = tmp_path / f"{name}.yaml"
        file.write_text(edited(*edits, Edit("info:", "version: 1.0.0", f"version: {number}")))
        return file

    def check(newer: Path) -> int:
        return openapi.diff(older, newer, fails_from="never", check_version=True)

    older = saved("older", version)

    assert check(older) == 0
    assert check(saved("same", version, edit)) == 1
    assert f"needs {least} or higher." in capsys.readouterr().err
    assert check(saved("newer", least, edit)) == 0


def test_the_version_is_judged_beside_what_breaks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older, newer = tmp_path / "older.yaml", tmp_path / "newer.yaml"
    older.write_text(edited())
    newer.write_text(edited(LONGER))

    assert openapi.diff(older, newer, check_version=True) == 1
    assert " or higher." in capsys.readouterr().err


def test_every_form_says_the_same(committed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    committed.write_text(edited(LONGER))

    def printed(form: str) -> str:
        openapi.diff("git:HEAD", committed, form)
        return capsys.readouterr().out

    rule, message = "response-property-max-length-increased", "maxLength went from 40 to 80."
    (change,) = json.loads(printed("json"))
    assert (change["rule"], change["severity"], change["direction"]) == (rule, "error", "response")
    assert change["new"]["line"] == line_of(committed.read_text(), "maxLength: 80")
    assert len(change["where"]) == 3
    (run,) = json.loads(printed("sarif"))["runs"]
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == (rule, "error")
    assert message in result["message"]["text"]
    assert printed("markdown").startswith(
        "### Breaking\n\n- **GET /books response 200/*/isbn (and 2"
    )
    assert printed("github").startswith("::error file=")
    assert printed("text").strip().endswith(message)


def test_diamonds_of_schemas_take_no_longer_than_their_size(tmp_path: Path) -> None:
    def text(levels: int, type_: str) -> str:
        schemas: dict[str, Any] = {f"Level{levels}": {"type": type_}}
        for level in range(levels):
            below = {"$ref": f"#/components/schemas/Level{level + 1}"}
            twice = {"allOf": [below, {"anyOf": [below, {"items": below}]}]}
            schemas[f"Level{level}"] = twice | {"properties": {"a": below, "b": {"oneOf": [below]}}}
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/Level0"}}}
        made = every_change.document(
            {"responses": {"200": {"description": "-", "content": content}}}
        )
        made["components"]["schemas"] = schemas
        return json.dumps(made)

    def seconds(levels: int) -> float:
        older, newer = (
            Document(tmp_path / "a.json", text(levels, type_)) for type_ in ("string", "integer")
        )
        began = time.process_time()
        assert changes(older, newer)
        return time.process_time() - began

    seconds(10)
    assert seconds(40) < 40 * seconds(10)  # twice as many levels twice would be 16 times at most
