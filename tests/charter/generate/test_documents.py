"""Reading a document: what is refused, by file, line and column; and many files as one."""

import json
import os
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from charter.document import Document, DocumentError, dynamic, source
from charter.document.checks import check
from charter.errors import Refusal
from charter.generate import command

HEAD = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\n"
ONE = HEAD + "paths:\n  /a:\n    get:\n      operationId: getA\n      responses:\n"
GOOD = ONE + "        '200': {description: '-'}\n"


def operation(*lines: str) -> str:
    """A document of `GET /a` with more lines in the operation."""
    return GOOD + "".join(f"      {line}\n" for line in lines)


def schema(*lines: str) -> str:
    """A document with the schema `A`."""
    head = GOOD + "components:\n  schemas:\n    A:\n"
    return head + "".join(f"      {line}\n" for line in lines)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)

# text, the place where the fault stands, and what is said of it
REFUSED: list[tuple[str, str, str]] = [
    ("", "1:1", "The file is empty"),
    ("# nothing\n", "1:1", "The file is empty"),
    ("<!doctype html>\n<html></html>", "1:1", "This is HTML or XML"),
    ("- a\n", "1:1", "This is not an OpenAPI document"),
    ("just words\n", "1:1", "This is not an OpenAPI document"),
    ("title: t\n", "1:1", "This is not an OpenAPI document"),
    ("a: [1,\n", "2:1", "This is not YAML"),
    ("a: b: c\n", "1:5", "This is not YAML"),
    ("a: 1\nb: 2\na: 3\n", "3:1", "The member `a` is there twice"),
    ("a: !thing 1\n", "1:4", "The tag !thing means nothing in JSON"),
    ("a: .inf\n", "1:4", ".inf is not a JSON number"),
    ("? [1]\n: 2\n", "1:3", "A name can't be a list"),
    ("a: 1\n---\nb: 2\n", "2:1", "This is not YAML"),
    ("a: *b\n", "1:4", "This is not YAML"),
    ("a: &a [*a]\n", "1:4", "With its aliases this is larger"),
    (BOMB, "6:", "With its aliases this is larger"),
    ("a: " + "[" * 300 + "]" * 300, "1:", "nested deeper"),
    ("a: " + "[" * 100_000, "1:", "nested deeper"),
    (GOOD + "x-a: é\nx-b: a\0", "10:7", "the character U+0000 is not allowed. Correct it."),
    (GOOD + "x-a: 1e" + "9" * 99_999, "9:6", "1e" + "9" * 38 + " is not a JSON number: use one"),
    (GOOD + "x-a: " + "9" * 1001, "9:6", "A number of 1001 digits can't be judged"),
    (GOOD + "x-a: 0x" + "f" * 5000, "9:6", "A number of 5002 digits can't be judged"),
    ("swagger: '2.0'\n", "1:1", "This is Swagger 2.0: convert it"),
    (HEAD.replace("3.1.0", "3.10.0"), "1:1", "OpenAPI 3.10.0 is not supported"),
    ("openapi: 4.0.0\n", "1:1", "OpenAPI 4.0.0 is not supported"),
    (HEAD.replace("3.1.0", "3.1"), "1:1", "This is not valid OpenAPI"),
    (HEAD, "1:1", "`paths` is missing here: add it"),
    (HEAD + "paths: []\n", "3:1", "This is not valid OpenAPI: `paths` is not of type"),
    (HEAD + "paths: {a: {}}\n", "3:9", "`a` is no path, which begins with a slash"),
    (operation("parameters: {}"), "9:7", "`parameters` is not of type"),
    (operation("parameters: [a]"), "9:20", "entry 1 of `parameters` is not of type"),
    (operation("parameters: [{name: a, in: body}]"), "9:30", "`in` is not one of"),
    (GOOD.replace("get:", "GET:"), "5:5", "`GET` has no meaning here: did you mean"),
    (ONE + "        '2xx': {description: '-'}\n", "8:9", "`2xx` is no status like 200"),
    (ONE + "        '600': {description: '-'}\n", "8:9", "`600` is no status like 200"),
    (ONE.replace("responses:", "responses: {}"), "7:7", "not valid OpenAPI|no response"),
    (
        GOOD.replace("3.1.0", "3.0.3").replace("responses:", "x-responses:"),
        "5:5",
        "This is not valid OpenAPI",
    ),
    (GOOD + "  /b:\n    get:\n      operationId: getA\n      responses: {'200': {description: x}}",
     "11:7", "The operationId `getA` is also that of GET /a"),
    (GOOD.replace("/a:", "/a/{id}:"), "5:5",
     "The path parameter `id` of GET /a/{id} is not declared"),
    (operation("parameters:", "- {name: id, in: path, required: true, schema: {type: string}}"),
     "10:9", "The path parameter `id` is not in the path /a"),
    (GOOD.replace("/a:", "/{x}/{y}:")
     + "  /{y}/{x}: {get: {responses: {default: {description: x}}}}\n",
     "9:3", "GET /{y}/{x} is the same as GET /{x}/{y}"),
    (GOOD.replace("/a:", "'/a/{id':"), "4:3", "has an unbalanced brace"),
    (operation("security: [{key: []}]"), "9:19", "The security scheme `key` is not declared"),
    (schema("$ref: '#/components/schemas/B'"), "12:7", "leads nowhere"),
    (schema("$ref: nowhere.yaml"), "12:7", "names no file"),
    (schema("$ref: https://example.com/a.yaml"), "12:7", "leads to the network"),
    (schema("$ref: ../outside.yaml"), "12:7", "leaves the document's folder"),
    (schema("$ref: '#nowhere'"), "12:7", "leads nowhere"),
    (schema("$ref: '#/components/schemas/A'"), "12:7", "leads in a circle"),
    (schema("$ref: openapi.yaml#/components/schemas/A"), "12:7", "leads in a circle"),
    (schema("$ref: '#/components/schemas/%ff'"), "12:7", "leads nowhere"),
    (schema("$ref: '#/paths/-1'"), "12:7", "leads nowhere"),
    (schema("$ref: 'http://[::1'"), "12:7", "leads to the network"),
    (schema('$ref: "a\\0b.yaml"'), "12:7", "names no file"),
    (schema('$ref: "a\\nb.yaml"'), "12:7", "The reference a\\nb.yaml names no file"),
    (schema(f"$ref: {'a' * 5000}.yaml"), "12:7", "names no file"),
    (schema("$ref: '#/info'"), "12:7", "leads to what can't stand here"),
    (schema("$ref: '#/components/schemas'"), "12:7", "leads to what can't stand here"),
    (operation("parameters: [{$ref: '#/components/schemas/A'}]") + "components: {schemas: {A: {}}}",
     "9:21", "refer to one of components.parameters"),
    (operation("parameters: [{$ref: '#/info'}]"), "9:21", "refer to one of components.parameters"),
    (ONE + "        '200': {$ref: '#/info'}\n", "8:17", "refer to one of components.responses"),
    (HEAD + "paths: {/a: {$ref: '#/info/title'}}\n", "3:14", "one of components.pathItems"),
    (schema("allOf: [{$ref: '#/components/schemas/A'}]"), "11:5", "has itself as a part of"),
    (GOOD.replace("-'}", "-', content: {a/b: {examples: {e: {$ref: '#/components/examples/E'}}}}}"),
     "8:66", "The reference #/components/examples/E leads nowhere"),
    (schema("type: string", r"pattern: '\Aa'"), "13:7",
     r"ECMA-262 has no `\A` in patterns: write `^`"),
    (schema("patternProperties: {'a\\z': {}}"), "12:27", r"ECMA-262 has no `\z` in patterns"),
    (schema("$dynamicAnchor: a", "$defs: {b: {$dynamicAnchor: a}, c: {$dynamicRef: '#a'}}"),
     "13:19", "The anchor `a` is there twice: rename one."),
    (schema("multipleOf: 0"), "12:7", "This is not a valid JSON Schema: `multipleOf`"),
    (schema("uniqueItems: always"), "12:7", "This is not a valid JSON Schema: `uniqueItems`"),
    (schema("properties: {a: {type: []}}"), "12:24", "This is not a valid JSON Schema: `type`"),
    (schema("discriminator: {}"), "12:7", "`propertyName` is missing here: add it"),
    (schema("type: strin"), "12:7", "This is not a valid JSON Schema"),
    (schema("type: string", "pattern: '('"), "13:7", "Not an ECMA-262 regular expression"),
    (schema("type: string", r"pattern: '\S{900000}'"), "13:7", "The pattern counts beyond 20000"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "message"), REFUSED)
def test_a_document_that_is_none_is_refused_by_its_place(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    place: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("openapi.yaml")
    file.write_text(text)

    with pytest.raises(DocumentError) as refused:
        command.run(document=file, out=tmp_path / "generated")

    said = str(refused.value)
    assert said.startswith(f"openapi.yaml:{place}"), said
    assert any(part in said for part in message.split("|")), said
    assert "\n" not in said
    assert not (tmp_path / "generated").exists()


FAULTY = """\
openapi: 3.1.0
info: {title: t, version: '1'}
paths:
  /a/{id}:
    get:
      operationId: a
      responses: {'200': {descripton: d}}
  /b:
    get:
      operationId: a
      responses: {'200': {$ref: '#/components/responses/No'}}
components: {schemas: {A: {type: string, pattern: '('}, B: {type: string, pattern: ')'}}}
"""


def faults_of(file: Path) -> list[str]:
    with pytest.raises(Refusal) as refused:
        check(Document(file))
    return refused.value.whole.splitlines()


def test_all_faults_are_said_at_once_and_causes_before_their_consequences(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(FAULTY)

    assert [line.partition("a.yaml:")[2] for line in faults_of(tmp_path / "a.yaml")] == [
        "7:27: This is not valid OpenAPI: `descripton` has no meaning here: did you mean"
        " `description`?",
        "7:19: This is not valid OpenAPI: `description` is missing here: add it.",
        "11:27: The reference #/components/responses/No leads nowhere: add what it names, or"
        " correct it.",
        "10:7: The operationId `a` is also that of GET /a/{id}: rename one.",
        "5:5: The path parameter `id` of GET /a/{id} is not declared: add it.",
        "12:42: Not an ECMA-262 regular expression. Correct the pattern.",
        "12:75: Not an ECMA-262 regular expression. Correct the pattern.",
    ]


def test_all_that_is_no_json_and_all_references_to_no_file_are_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: .nan\nb: !x 1\nc: 1\nc: 2\n? [1]\n: 3\n<<: 4\n")
    references = ("$ref: no.yaml", "allOf: [{$ref: '#none'}, {$ref: broken.yaml}]")
    (tmp_path / "b.yaml").write_text(schema(*references))
    (tmp_path / "broken.yaml").write_text("a: [")

    places = [line.partition("a.yaml:")[2][:3] for line in faults_of(tmp_path / "a.yaml")]
    said = faults_of(tmp_path / "b.yaml")

    assert places == ["1:4", "2:4", "4:1", "5:3", "7:5"]
    assert [word in line for word, line in zip(("no.yaml", "#none", "not YAML"), said, strict=True)]


def test_of_very_many_faults_the_first_are_said_and_the_others_counted(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [" + ".nan, " * 70 + "]")

    *shown, last = faults_of(tmp_path / "a.yaml")

    assert len(shown) == 50
    assert last == "20 more: correct these first."


def test_a_long_list_is_refused_before_all_of_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MOST_NODES", 1000)
    (tmp_path / "a.yaml").write_text("a:\n" + "- b\n" * 2000 + "- [broken\n")

    (said,) = faults_of(tmp_path / "a.yaml")

    assert "a.yaml:2:1: With its aliases this is larger than" in said
    assert "move parts into files of their own" in said


@pytest.mark.parametrize("link", ["$ref: '{}'", "allOf: [{{$ref: '{}'}}]"])
def test_a_long_chain_of_references_costs_little(tmp_path: Path, link: str) -> None:
    places = [f"#/components/schemas/A{number}" for number in range(1, 2001)]
    chain = [f"A{number}: {{{link.format(place)}}}" for number, place in enumerate(places)]
    schemas = ", ".join([*chain, "A2000: {type: string}"])
    (tmp_path / "a.yaml").write_text(f"{GOOD}components: {{schemas: {{{schemas}}}}}\n")
    began = process_time()

    check(Document(tmp_path / "a.yaml"))

    assert process_time() - began < 10


def test_templates_that_are_filled_in_with_ever_more_anchors_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamic, "MOST_COPIES", 3)
    uses = ", ".join(
        f"B{number}: {{$ref: '#/components/schemas/A', $defs: {{n: {{$dynamicAnchor: a}}}}}}"
        for number in range(9)
    )
    template = "{$dynamicRef: '#a', $defs: {n: {$dynamicAnchor: a}}}"
    head = f"{GOOD}components: {{schemas: "
    (tmp_path / "a.yaml").write_text(f"{head}{{A: {template}, {uses}}}}}\n")

    (said,) = faults_of(tmp_path / "a.yaml")

    assert "a.yaml:9:24: The templates with `$dynamicRef` are filled in" in said


def test_a_fault_in_a_file_of_one_line_is_placed_by_a_pointer_too(tmp_path: Path) -> None:
    one = (
        '{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/a": {"gt": {}}}}'
    )
    (tmp_path / "a.json").write_text(one)

    (said,) = faults_of(tmp_path / "a.json")

    assert "a.json:1:79: /paths/~1a/gt: This is not valid OpenAPI: `gt` has no meaning" in said


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0", "3.2.0"])
def test_a_pattern_of_the_web_is_none_to_refuse(tmp_path: Path, version: str) -> None:
    text = schema("type: string", r"pattern: '^{[\w-.]{2}}$'")
    file = tmp_path / "openapi.yaml"
    file.write_text(text.replace("3.1.0", version))

    check(Document(file))


def refusal(file: Path) -> str:
    with pytest.raises(Refusal) as refused:
        Document(file)
    return str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.yaml").endswith("no.yaml: There is no such file.")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "The file can't be read: Is a directory." in refusal(tmp_path)


def test_a_pipe_is_refused_unread(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")

    assert "This is a pipe or a device" in refusal(tmp_path / "a.yaml")


@pytest.mark.parametrize("content", [b"\xff\xfeo\x00", b"openapi: \xe9\n", b"\x00\x01\x02\xff"])
def test_what_is_no_utf_8_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.yaml").write_bytes(content)

    assert "save it as UTF-8" in refusal(tmp_path / "a.yaml")


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())

    assert Document(tmp_path / "a.yaml").content["openapi"] == "3.1.0"


def test_a_huge_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "LARGEST_FILE", 1_000_000)
    (tmp_path / "a.yaml").write_text(GOOD + "#" * 1_000_000)

    assert "larger than 1 MB" in refusal(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("on", "on"), ("y", "y"), ("12:30:45", "12:30:45"), ("1_000", "1_000"),
        ("2026-11-23", "2026-11-23"), ("0123", 123), ("0o17", 15), ("0x1F", 31), ("1e-05", 1e-05),
        ("-0.5", -0.5), ("true", True), ("False", False), ("~", None), ("null", None), ("", None),
        ("'5'", "5"), ("!!str x", "x"), ("12345678901234567890123", 12345678901234567890123),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(tmp_path: Path, text: str, value: Any) -> None:
    (tmp_path / "a.yaml").write_text(f"{GOOD}x-value: {text}\n")

    found = Document(tmp_path / "a.yaml").content["x-value"]

    assert (found, type(found)) == (value, type(value))


def test_aliases_and_merged_mappings_are_written_out(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        f"{GOOD}x-a: &a {{one: 1, two: 2}}\nx-b: {{<<: *a, two: 3}}\nx-c: *a\n200: number\n"
    )

    content = Document(tmp_path / "a.yaml").content

    assert content["x-b"] == {"one": 1, "two": 3}
    assert content["x-c"] == {"one": 1, "two": 2}
    assert content["200"] == "number"


@pytest.mark.parametrize("options", [{}, {"indent": "\t"}, {"ensure_ascii": False}])
@pytest.mark.parametrize("slash", ["/", "\\/"])
@pytest.mark.parametrize("before", ["", "\t\n "])
def test_json_is_read_as_json(tmp_path: Path, options: Any, slash: str, before: str) -> None:
    content = {
        "openapi": "3.1.0",
        "info": {"title": '\U0001f52d / é \\ud83d\\udd2d "\t', "version": "1"},
        "paths": {},
    }
    text = before + json.dumps(content, **options).replace("/", slash)
    (tmp_path / "a.json").write_text(text, encoding="utf-8")

    assert Document(tmp_path / "a.json").content == content


# -- many files -----------------------------------------------------------------------------------

FILES = {
    "openapi.yaml": """\
openapi: 3.1.0
info: {title: t, version: '1'}
paths:
  /pets:
    $ref: paths/pets.yaml
  /pets/{id}:
    $ref: 'paths/all.json#/pet~1{id}'
components:
  schemas:
    Pet:
      $ref: schemas/Pet.yaml
    Local: {type: string, $anchor: here}
    ByAnchor: {$ref: '#here'}
""",
    "paths/pets.yaml": """\
get:
  operationId: listPets
  parameters:
    - $ref: ../parameters.yaml#/limit
  responses:
    '200':
      description: '-'
      content:
        application/json:
          example: {$ref: not-a-reference.yaml}
          schema: {type: array, items: {$ref: ../schemas/Pet.yaml}}
    default: {$ref: ../responses.yaml#/Error}
""",
    "paths/all.json": json.dumps(
        {
            "pet/{id}": {
                "get": {
                    "operationId": "getPet",
                    "parameters": [{"$ref": "../parameters.yaml#/id"}],
                    "responses": {"default": {"$ref": "../responses.yaml#/Error"}},
                }
            }
        }
    ),
    "parameters.yaml": """\
limit: {name: limit, in: query, schema: {type: integer}}
id: {name: id, in: path, required: true, schema: {$ref: schemas/Pet.yaml#/properties/id}}
""",
    "responses.yaml": "Error: {description: '-'}\n",
    "schemas/Pet.yaml": """\
type: object
properties:
  id: {type: integer}
  $ref: {type: string}
  parent: {$ref: Pet.yaml}
  owner: {$ref: Owner.yaml}
discriminator: {propertyName: kind, mapping: {dog: Dog.yaml}}
""",
    "schemas/Owner.yaml": "properties:\n  pets: {type: array, items: {$ref: Pet.yaml}}\n",
    "schemas/Dog.yaml": "type: object\n",
}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return Path("openapi.yaml")


def test_many_files_are_one_document(files: Path) -> None:
    content = Document(files).content

    pets = content["paths"]["/pets"]["get"]
    assert pets["parameters"] == [{"$ref": "#/components/parameters/limit"}]
    assert pets["responses"]["default"] == {"$ref": "#/components/responses/Error"}
    shown = pets["responses"]["200"]["content"]["application/json"]
    assert shown["schema"]["items"] == {"$ref": "#/components/schemas/Pet"}
    assert shown["example"] == {"$ref": "not-a-reference.yaml"}
    assert content["paths"]["/pets/{id}"]["get"]["operationId"] == "getPet"
    schemas = content["components"]["schemas"]
    assert set(schemas) == {"Pet", "Local", "ByAnchor", "Owner", "Dog", "id"}
    assert schemas["Pet"]["properties"]["parent"] == {"$ref": "#/components/schemas/Pet"}
    assert schemas["Pet"]["properties"]["$ref"] == {"type": "string"}
    assert schemas["Pet"]["discriminator"]["mapping"] == {"dog": "#/components/schemas/Dog"}
    assert schemas["Owner"]["properties"]["pets"]["items"] == {"$ref": "#/components/schemas/Pet"}
    assert schemas["ByAnchor"] == {"$ref": "#/components/schemas/Local"}
    assert content == Document(files).content


@pytest.mark.parametrize("name", ["callbacks", "content", "headers", "parameters", "responses"])
def test_a_property_may_be_called_like_a_kind_of_component(files: Path, name: str) -> None:
    Path("schemas/Dog.yaml").write_text(f"properties:\n  {name}: {{$ref: Bone.yaml}}\n")
    Path("schemas/Bone.yaml").write_text("type: string\n")

    components = Document(files).content["components"]

    assert components["schemas"]["Bone"] == {"type": "string"}
    assert components["schemas"]["Dog"]["properties"][name]["$ref"] == "#/components/schemas/Bone"


def test_a_file_may_be_no_more_than_a_reference_to_another_one(files: Path) -> None:
    Path("schemas/Dog.yaml").write_text("$ref: Bone.yaml\n")
    Path("schemas/Bone.yaml").write_text("type: string\n")

    schemas = Document(files).content["components"]["schemas"]

    assert schemas["Dog"] == {"$ref": "#/components/schemas/Bone"}
    assert schemas["Bone"] == {"type": "string"}


def test_files_that_are_references_to_each_other_are_refused(files: Path, tmp_path: Path) -> None:
    Path("schemas/Dog.yaml").write_text("$ref: Bone.yaml\n")
    Path("schemas/Bone.yaml").write_text("$ref: Dog.yaml\n")

    with pytest.raises(DocumentError, match="leads in a circle"):
        command.run(document=files, out=tmp_path / "generated")


def test_links_that_lead_in_a_circle_are_no_files(files: Path) -> None:
    Path("schemas/Dog.yaml").unlink()
    Path("schemas/Dog.yaml").symlink_to("Dog.yaml")

    assert "names no file" in refusal(files)


def test_a_node_of_another_file_has_its_place_there(files: Path) -> None:
    document = Document(files)

    assert str(document.place(("components", "schemas", "Pet", "properties", "owner"))) == (
        "schemas/Pet.yaml:6:3"
    )
    assert str(document.place(("paths", "/pets", "get", "operationId"))) == "paths/pets.yaml:2:3"
    assert {str(file) for file in document.files} == FILES.keys()


def test_a_document_of_many_files_is_generated_from(files: Path, tmp_path: Path) -> None:
    assert command.run(document=files, out=tmp_path / "generated") == 0


def test_a_fault_is_found_in_the_file_where_it_stands(files: Path, tmp_path: Path) -> None:
    (tmp_path / "schemas" / "Owner.yaml").write_text("type: object\nminLength: -1\n")
    with pytest.raises(DocumentError, match=r"^schemas/Owner\.yaml:2:1: "):
        command.run(document=files, out=tmp_path / "generated")

    (tmp_path / "schemas" / "Owner.yaml").write_text("a: 1\nproperties: {b: {$ref: No.yaml}}\n")
    with pytest.raises(DocumentError, match=r"^schemas/Owner\.yaml:2:18: The reference No\.yaml"):
        command.run(document=files, out=tmp_path / "generated")


def test_what_a_document_says_in_vain_is_said_aloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    head = operation("requestBody: {content: {gzip: {}}}").replace("3.1.0", "3.0.3")
    schemas = "{A: {nullable: true}, B: {type: string, nullable: true, enum: [a]}}"
    Path("openapi.yaml").write_text(f"{head}components: {{schemas: {schemas}}}\n")

    assert command.run(document=Path("openapi.yaml"), out=tmp_path / "generated") == 0

    said = [line.split(" warning: ") for line in capsys.readouterr().err.splitlines()]
    assert [(place, message.partition(":")[0]) for place, message in said] == [
        ("openapi.yaml:9:31:", "`gzip` is no media type, so that nobody sends it"),
        ("openapi.yaml:10:28:", "`nullable` without `type` beside it says nothing"),
        ("openapi.yaml:10:63:", "`nullable` says nothing where `enum` lacks null"),
    ]
