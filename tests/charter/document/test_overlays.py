"""Overlays do to a document what their specification says, and every node keeps its place."""

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from charter.document import Document, DocumentError, overlays
from charter.document.lint import Configuration, lint
from charter.document.overlays import read
from charter.document.revisions import at_revision, base_document
from charter.document.source import load
from charter.errors import Refusal
from tests.charter.command_line import charter_here
from tests.charter.repositories import commit
from tests.data import OVERLAYS

SETS = sorted((OVERLAYS / "compliant-sets").iterdir())
PASS, FAIL = (sorted((OVERLAYS / "tests" / "v1.1" / name).iterdir()) for name in ("pass", "fail"))

DOCUMENT = """\
openapi: 3.1.0
info: {title: Library, version: 1.0.0}
paths:
  /books:
    get:
      operationId: listBooks
      tags: [books, old]
      responses: {'200': {description: The books.}}
  /loans:
    get:
      operationId: listLoans
      x-internal: true
      responses: {'200': {description: The loans.}}
"""
HEAD = """\
overlay: 1.1.0
info: {title: Public, version: 1.0.0}
actions:
"""
PUBLIC = """\
- target: $.paths.*[?@.x-internal == true]
  remove: true
- target: $.paths[?length(@) == 0]
  remove: true
- target: $.info
  update:
    title: Public library
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "openapi.yaml").write_text(DOCUMENT)
    return tmp_path


def overlay(folder: Path, actions: str, name: str = "public.overlay.yaml") -> Path:
    file = folder / name
    file.write_text(f"{HEAD}{actions}")
    return file


def laid_over(folder: Path, actions: str) -> Document:
    return Document(folder / "openapi.yaml", overlays=[overlay(folder, actions)])


def complaint(folder: Path, actions: str) -> str:
    with pytest.raises(DocumentError) as caught:
        laid_over(folder, actions)
    return str(caught.value).removeprefix(f"{folder}/")


def books(document: Document) -> Any:
    return document.content["paths"]["/books"]["get"]


def line_of(document: Document, *path: str | int) -> tuple[str, int]:
    place = document.place(path)
    return place.file.name, place.line


# -- the specification ----------------------------------------------------------------------------


@pytest.mark.parametrize("folder", SETS, ids=lambda folder: folder.name)
def test_the_sets_of_the_specification_come_out(folder: Path) -> None:
    made = Document(folder / "openapi.yaml", overlays=[folder / "overlay.yaml"])

    assert made.content == load(folder / "output.yaml").content


@pytest.mark.parametrize("file", PASS, ids=lambda file: file.name)
def test_what_the_specification_takes_is_taken(file: Path) -> None:
    assert read(file).actions


@pytest.mark.parametrize("file", FAIL, ids=lambda file: file.name)
def test_what_the_specification_refuses_is_refused_on_its_line(file: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        read(file)

    assert caught.value.place.file == file
    assert str(caught.value).endswith(".")


UPDATED = [
    ("$.info", "{title: New, contact: {name: A}}", {"title": "New", "contact": {"name": "A"}}),
    ("$.paths['/books'].get.tags", "new", ["books", "old", "new"]),
    ("$.paths['/books'].get.tags", "[a, b]", ["books", "old", "a", "b"]),
    ("$.paths['/books'].get.tags", "{a: 1}", ["books", "old", {"a": 1}]),
    ("$.paths['/books'].get.tags[?@ == 'old']", "new", "new"),
    ("$.paths['/books'].get", "{tags: [new]}", {"tags": ["books", "old", "new"]}),
    ("$.info['title','title']", "New", "New"),
    ("$.info", "{title: null}", {"title": None}),
]


@pytest.mark.parametrize(("target", "update", "expected"), UPDATED)
def test_an_update_is_merged(folder: Path, target: str, update: str, expected: Any) -> None:
    made = laid_over(folder, f"- target: {target}\n  update: {update}\n")

    path = target.removeprefix("$.").replace("['/books']", "./books").partition("[")[0].split(".")
    found: Any = made.content
    for step in path:
        found = found[step]
    match expected:
        case dict():
            assert {name: found[name] for name in expected} == expected
        case list():
            assert found == expected
        case _:
            assert expected in (found if isinstance(found, list) else found.values())


def test_removing_an_entry_leaves_the_others(folder: Path) -> None:
    made = laid_over(folder, "- target: $.paths['/books'].get.tags[0,1,0]\n  remove: true\n")

    assert books(made)["tags"] == []


def test_what_is_in_something_that_goes_goes_with_it(folder: Path) -> None:
    made = laid_over(folder, "- target: $..[?@.get || @.description]\n  remove: true\n")

    assert made.content["paths"] == {}


def test_an_action_sees_what_the_one_before_has_done(folder: Path) -> None:
    made = laid_over(
        folder,
        "- {target: $.info, update: {x-audience: {a: [1]}}}\n"
        "- {target: $.info.x-audience, copy: $.info.x-audience}\n"
        "- {target: $.info.x-audience, update: {b: 2}}\n",
    )

    assert made.content["info"]["x-audience"] == {"a": [1, 1], "b": 2}


def test_what_was_copied_is_no_alias(folder: Path) -> None:
    made = laid_over(
        folder,
        "- {target: $.paths, update: {/books/all: {}}}\n"
        "- {target: '$.paths[''/books/all'']', copy: '$.paths[''/books'']'}\n"
        "- {target: '$.paths[''/books/all''].get', update: {tags: [all]}}\n",
    )

    assert books(made)["tags"] == ["books", "old"]
    assert made.content["paths"]["/books/all"]["get"]["tags"] == ["books", "old", "all"]


# -- places ---------------------------------------------------------------------------------------


def test_every_node_keeps_its_place(folder: Path) -> None:
    made = laid_over(
        folder,
        "- target: $.paths['/books'].get.tags[0]\n  remove: true\n"
        "- target: $.paths['/books'].get\n  update:\n    tags: [new]\n    summary: The books\n",
    )

    assert line_of(made, "paths", "/books", "get", "tags", 0) == ("openapi.yaml", 7)
    assert made.place(("paths", "/books", "get", "tags", 0)).column == 21
    assert line_of(made, "paths", "/books", "get", "tags", 1) == ("public.overlay.yaml", 8)
    assert line_of(made, "paths", "/books", "get", "summary") == ("public.overlay.yaml", 9)
    assert line_of(made, "paths", "/books", "get") == ("openapi.yaml", 5)
    assert [file.name for file in made.files] == ["openapi.yaml", "public.overlay.yaml"]


def test_a_finding_in_what_an_overlay_wrote_names_the_overlay(folder: Path) -> None:
    made = laid_over(folder, "- target: $.paths['/books'].get\n  update: {sumary: Books}\n")

    (found,) = [finding for finding in lint(made) if "sumary" in finding.message]

    assert (Path(found.file).name, found.line) == ("public.overlay.yaml", 5)


def test_an_overlay_reaches_what_stands_in_another_file(folder: Path) -> None:
    (folder / "schemas.yaml").write_text("Book:\n  type: object\n  x-internal: true\n")
    text = DOCUMENT + "components: {schemas: {Book: {$ref: schemas.yaml#/Book}}}\n"
    (folder / "openapi.yaml").write_text(text)

    made = laid_over(folder, "- {target: $..x-internal, remove: true}\n")

    assert made.content["components"]["schemas"]["Book"] == {"type": "object"}
    assert line_of(made, "components", "schemas", "Book", "type") == ("schemas.yaml", 2)


# -- mistakes -------------------------------------------------------------------------------------

MISTAKES = {
    "- {target: $.info, update: 1}": "public.overlay.yaml:4:20: This is a value, and what it is",
    "- {target: $.info, update: {title: {}}}": "overlay.yaml:4:29: This is an object, and what",
    "- {target: $.openapi, update: [1]}": "overlay.yaml:4:23: This is a list, and what it is",
    "- {target: '$.info[?@]', update: {}}": "overlay.yaml:4:26: This is an object, and what it",
    "- {target: $.*, update: {}}": "overlay.yaml:4:4: `$.*` selects a value and an object: select",
    "- {target: $, remove: true}": "overlay.yaml:4:4: The whole document can't be removed.",
    "- {target: $.info, copy: $.openapi}": "overlay.yaml:4:20: This is a value, and what it is",
    "- {target: $.info, copy: $.nothing}": "overlay.yaml:4:20: `$.nothing` selects 0 nodes: `copy`",
    "- {target: $.info, copy: $.*}": "overlay.yaml:4:20: `$.*` selects 3 nodes: `copy` takes one.",
    "- {target: '$.paths['}": "overlay.yaml:4:4: `$.paths[` is no JSONPath (unexpected end",
    "- {target: paths}": "overlay.yaml:4:4: `paths` is no JSONPath: begin with the document, `$`.",
    "- {target: $, update: {}, copy: $}": "overlay.yaml:4:27: `copy` and `update` rule each other",
    "- {target: $.info, update: {a: {$ref: b.yaml}}}": "overlay.yaml:4:33: An overlay can't refer",
    "- {target: $.openapi, remove: true}": "openapi.yaml:1:1: This is not an OpenAPI document",
}


@pytest.mark.parametrize("actions", MISTAKES)
def test_a_mistake_is_named_on_its_line(folder: Path, actions: str) -> None:
    assert MISTAKES[actions] in complaint(folder, f"{actions}\n")


def test_copy_is_of_version_1_1(folder: Path) -> None:
    file = overlay(folder, "- {target: $.info, copy: $.info}\n")
    file.write_text(file.read_text().replace("1.1.0", "1.0.0", 1))

    with pytest.raises(DocumentError, match=r":4:20: `copy` is new in 1.1: write `overlay: 1.1.0`"):
        read(file)


def test_a_bomb_is_refused_before_it_fills_the_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    growing = "- {target: $.info, update: {x-a: [1]}}\n"
    growing += "".join(
        f"- {{target: $.info.x-a, copy: $.info.x-a, x-step: {n}}}\n" for n in range(60)
    )
    with monkeypatch.context() as context:
        context.setattr(overlays, "MOST_NODES", 10_000)
        assert ": This adds more than 10000 nodes" in complaint(folder, growing)

    deepening = "- {target: $.info, update: {x-a: {}}}\n" + "".join(
        f"- {{target: $.info.x-a, copy: $.info, x-step: {n}}}\n" for n in range(250)
    )
    assert "nested deeper than 200 levels" in complaint(folder, deepening)


@pytest.mark.parametrize("action", ["{target: $.info}", "{target: $.info, remove: false}"])
def test_an_action_that_says_no_change_is_a_warning(action: str, folder: Path) -> None:
    made = laid_over(folder, f"- {action}\n")

    assert made.content == load(folder / "openapi.yaml").content
    (caution,) = made.cautions
    assert caution.message.startswith("The action changes nothing")
    assert (caution.place.file.name, caution.place.line) == ("public.overlay.yaml", 4)


def test_what_selects_nothing_is_a_warning(folder: Path) -> None:
    made = laid_over(folder, "- {target: $.paths.boks, remove: true}\n")

    assert made.content == load(folder / "openapi.yaml").content
    (found,) = [finding for finding in lint(made) if finding.rule == "overlay"]
    assert (Path(found.file).name, found.line, found.severity) == (
        "public.overlay.yaml", 4, "warning",
    )  # fmt: skip
    off = Configuration.of({"rules": {"overlay": "off"}})
    assert "overlay" not in {finding.rule for finding in lint(made, off)}


@pytest.mark.parametrize(
    ("extends", "is_meant"),
    [("openapi.yaml", True), ("./openapi.yaml", True), ("other.yaml", False),
     ("https://example.com/openapi.yaml", True)],
)  # fmt: skip
def test_an_overlay_of_another_document_is_a_warning(
    folder: Path, extends: str, is_meant: bool
) -> None:
    file = overlay(folder, "- {target: $.info, update: {x-a: 1}}\n")
    file.write_text(file.read_text().replace("actions:", f"extends: {extends}\nactions:"))

    made = Document(folder / "openapi.yaml", overlays=[file])

    assert not made.cautions if is_meant else "names other.yaml" in made.cautions[0].message


def test_a_missing_overlay_is_named(folder: Path) -> None:
    with pytest.raises(Refusal, match=r"none.yaml: There is no such file"):
        Document(folder / "openapi.yaml", overlays=[folder / "none.yaml"])


# -- revisions ------------------------------------------------------------------------------------


def test_a_revision_has_its_own_overlays(folder: Path) -> None:
    view = overlay(folder, PUBLIC)
    commit(folder)
    overlay(folder, "- {target: $.paths, remove: true}\n")

    older = at_revision(folder / "openapi.yaml", "HEAD", [view])

    assert older.content["paths"].keys() == {"/books"}
    assert str(older.place(("info", "title"))) == "HEAD:public.overlay.yaml:10:5"


def test_a_view_that_is_new_changes_nothing(folder: Path) -> None:
    commit(folder)
    view = overlay(folder, PUBLIC)

    older = base_document("HEAD", folder / "openapi.yaml", [view])

    assert older.content == Document(folder / "openapi.yaml", overlays=[view]).content


# -- the command line -----------------------------------------------------------------------------


def test_verbs_take_overlays(folder: Path) -> None:
    overlay(folder, PUBLIC)
    overlay(folder, "- {target: $.info, update: {title: Ours}}\n", "ours.yaml")
    views = ("--overlay", "public.overlay.yaml", "--overlay", "ours.yaml")

    bundled = charter_here(folder, "bundle", "openapi.yaml", *views)

    content = json.loads(bundled.stdout)
    assert content["info"]["title"] == "Ours"
    assert content["paths"].keys() == {"/books"}
    shown = charter_here(folder, "show", "openapi.yaml", *views).stdout
    assert "listBooks" in shown
    assert "listLoans" not in shown
    assert "listLoans" not in charter_here(folder, "status", "openapi.yaml", *views).stdout
    assert charter_here(folder, "lint", "openapi.yaml", *views).returncode == 0
    broken = charter_here(folder, "diff", "openapi.yaml", "openapi.yaml", *views)
    assert "Nothing changed" in broken.stderr


def test_extends_names_the_document(folder: Path) -> None:
    file = overlay(folder, PUBLIC)
    file.write_text(file.read_text().replace("actions:", "extends: openapi.yaml\nactions:"))

    bundled = charter_here(folder, "bundle", "--overlay", "public.overlay.yaml")

    assert json.loads(bundled.stdout)["info"]["title"] == "Public library"
    assert bundled.stderr == ""


def test_a_bad_overlay_is_one_sentence(folder: Path) -> None:
    overlay(folder, "- {target: 1}\n")

    done = charter_here(folder, "bundle", "openapi.yaml", "--overlay", "public.overlay.yaml")

    assert done.returncode == 1
    assert done.stderr == (
        "charter: public.overlay.yaml:4:4: `target` has to be text: put it in quotes.\n"
    )


# -- components that a view doesn't use ------------------------------------------------------------

INTERNAL = """\
openapi: 3.1.0
info: {title: Library, version: 1.0.0}
paths:
  /books:
    get:
      operationId: listBooks
      security: [{token: []}]
      responses: {'200': {$ref: '#/components/responses/Books'}}
  /audits:
    get:
      operationId: listAudits
      x-internal: true
      security: [{certificate: []}]
      parameters: [{$ref: '#/components/parameters/Since'}]
      responses:
        '200':
          description: The audits.
          content:
            application/json:
              schema:
                type: array
                items: {$ref: '#/components/schemas/Audit'}
components:
  responses:
    Books:
      description: The books.
      content: {application/json: {schema: {$ref: '#/components/schemas/Book'}}}
  parameters:
    Since: {name: since, in: query, schema: {type: string}}
  securitySchemes:
    token: {type: http, scheme: bearer}
    certificate: {type: mutualTLS}
  schemas:
    Book:
      discriminator: {propertyName: kind, mapping: {atlas: '#/components/schemas/Atlas'}}
      properties: {kind: {type: string}, next: {$ref: '#/components/schemas/Book'}}
    Atlas: {allOf: [{$ref: '#/components/schemas/Book'}]}
    Novel: {allOf: [{$ref: '#/components/schemas/Book'}]}
    Audit: {properties: {by: {$ref: '#/components/schemas/Clerk'}}}
    Clerk:
      properties:
        chief: {$ref: '#/components/schemas/Clerk'}
        seat: {$ref: '#/components/schemas/Seat'}
    Seat: {type: string}
    Draft: {properties: {seat: {$ref: '#/components/schemas/Seat'}}}
"""


def test_components_that_a_view_no_longer_uses_are_no_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "openapi.yaml").write_text(INTERNAL)

    made = laid_over(tmp_path, PUBLIC).content

    assert list(made["paths"]) == ["/books"]
    assert {section: list(named) for section, named in made["components"].items()} == {
        "responses": ["Books"],
        "securitySchemes": ["token"],
        "schemas": ["Book", "Atlas", "Novel", "Seat", "Draft"],  # nothing used Draft before
    }


FAMILY = """\
openapi: 3.2.0
info: {title: Pets, version: 1.0.0}
paths:
  PATHS
  /internal:
    get: {x-internal: true, security: [{o: []}], LION}
components:
  securitySchemes:
    o: {type: http, scheme: bearer}
  schemas:
    Pet: {BASE}
    Cat: {allOf: [{$ref: '#/components/schemas/Pet'}]}
    Lion: {allOf: [{allOf: [{$ref: '#/components/schemas/Cat'}]}]}
"""


def family(folder: Path, names: Collection[str], base: str = "", security: str = "") -> Any:
    """The components of a view in which an operation answers each of the named schemas."""

    def answer(name: str) -> str:
        content = f"{{application/json: {{schema: {{$ref: '#/components/schemas/{name}'}}}}}}"
        return f"responses: {{'200': {{description: A., content: {content}}}}}"

    paths = [f"/{name}: {{get: {{{security} {answer(name)}}}}}" for name in names]
    text = FAMILY.replace("PATHS", "\n  ".join(paths)).replace("BASE", base)
    (folder / "openapi.yaml").write_text(text.replace("LION", answer("Lion")))
    return laid_over(folder, PUBLIC).content["components"]


@pytest.mark.parametrize("names", [("Pet", "Cat"), ("Cat", "Pet"), ("Pet",), ("Cat",)])
@pytest.mark.parametrize("base", ["NAMED", "allOf: [{type: object}, {NAMED}]"])
def test_a_view_keeps_all_that_a_discriminator_tells_apart(
    names: tuple[str, ...], base: str, tmp_path: Path
) -> None:
    kept = family(tmp_path, names, base.replace("NAMED", "discriminator: {propertyName: kind}"))

    assert list(kept["schemas"]) == ["Pet", "Cat", "Lion"]


def test_a_view_drops_what_no_discriminator_tells_apart(tmp_path: Path) -> None:
    assert list(family(tmp_path, ["Cat"], "type: object")["schemas"]) == ["Pet", "Cat"]


def test_a_view_keeps_a_security_scheme_that_is_named_by_its_uri(tmp_path: Path) -> None:
    security = "security: [{'#/components/securitySchemes/o': []}],"

    assert "securitySchemes" in family(tmp_path, ["Cat"], security=security)
    assert "securitySchemes" not in family(tmp_path, ["Cat"])


def test_no_component_is_left_of_a_view_that_uses_none(tmp_path: Path) -> None:
    (tmp_path / "openapi.yaml").write_text(INTERNAL)
    removals = ["$.paths[*]", "$.components.schemas.Draft"]
    actions = "".join(f"- {{target: '{one}', remove: true}}\n" for one in removals)

    assert "components" not in laid_over(tmp_path, actions).content


def test_an_overlay_that_leaves_all_uses_leaves_all_components(tmp_path: Path) -> None:
    (tmp_path / "openapi.yaml").write_text(INTERNAL)

    made = laid_over(tmp_path, "- {target: $.info, update: {title: Ours}}\n").content

    assert made["components"] == load(tmp_path / "openapi.yaml").content["components"]


def test_an_internal_schema_is_in_nothing_that_is_made_of_a_view(tmp_path: Path) -> None:
    (tmp_path / "openapi.yaml").write_text(INTERNAL)
    overlay(tmp_path, PUBLIC)
    view = ("openapi.yaml", "--overlay", "public.overlay.yaml")

    bundled = charter_here(tmp_path, "bundle", *view)
    charter_here(tmp_path, "sdk", "typescript", *view, "--no-build", "--out", "clients")

    written = [bundled.stdout, *(one.read_text() for one in tmp_path.glob("clients/**/*.ts"))]
    assert len(written) > 3
    assert not [text for text in written if re.search("Audit|Clerk|certificate", text)]


# -- a project ------------------------------------------------------------------------------------


@pytest.fixture
def project(folder: Path) -> Path:
    settings = '[tool.charter]\ndocument = "openapi.yaml"\noverlays = ["public.overlay.yaml"]\n'
    (folder / "pyproject.toml").write_text(settings)
    (folder / "other.yaml").write_text(DOCUMENT)
    (folder / "inner").mkdir()
    overlay(folder, PUBLIC)
    overlay(folder, "- {target: $.info, update: {x-view: ours}}\n", "ours.yaml")
    return folder


@pytest.mark.parametrize(
    ("place", "arguments", "expected"),
    [
        (".", (), {"title": "Public library"}),
        ("inner", (), {"title": "Public library"}),
        ("inner", ("../openapi.yaml",), {"title": "Public library"}),
        (".", ("--overlay", "ours.yaml"), {"title": "Public library", "x-view": "ours"}),
        (".", ("other.yaml",), {"title": "Library"}),
        (".", ("other.yaml", "--overlay", "ours.yaml"), {"title": "Library", "x-view": "ours"}),
    ],
)
def test_the_overlays_of_a_project_belong_to_its_document(
    project: Path, place: str, arguments: tuple[str, ...], expected: dict[str, str]
) -> None:
    bundled = charter_here(project / place, "bundle", *arguments)

    assert json.loads(bundled.stdout)["info"] == {"version": "1.0.0", **expected}


@pytest.mark.parametrize("written", ['"public.overlay.yaml"', "[1]"])
def test_a_mistake_in_the_settings_is_named(project: Path, written: str) -> None:
    (project / "pyproject.toml").write_text(f"[tool.charter]\noverlays = {written}\n")

    done = charter_here(project, "bundle")

    assert done.returncode == 2
    assert "is no list of files: write overlays = [" in done.stderr
