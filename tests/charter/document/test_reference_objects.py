"""References at every place where OpenAPI allows one: followed, bundled, or refused by place."""

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from charter.document import Document, DocumentError
from charter.document.checks import check
from charter.document.lint import lint
from charter.generate.generator import generate
from charter.mock.app import Mock
from charter.runtime.references import pointer, resolve
from tests.charter.document.reference_places import (
    PLACES,
    Place,
    at,
    document,
    put,
    with_reference,
)  # fmt: skip
from tests.charter.mock.requests import client_of, faults
from tests.data import ROOT

NOWHERE = r"leads nowhere|names no file|leaves the document's folder"
VERSIONS = ("3.0", "3.1", "3.2")
EVERYWHERE = [
    pytest.param(place, version, id=f"{place.name}, {version}")
    for place in PLACES
    for version in VERSIONS
    if version >= place.since
]
NEWER = [one for one in EVERYWHERE if one.values[1] != "3.0"]
SUMMARY = {"summary": "Said here.", "description": "Said here."}


def written(folder: Path, **files: Any) -> Path:
    for name, content in files.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return folder / "openapi.yaml"


def home(place: Place, version: str) -> tuple[str | int, ...]:
    """Where the target may stand in the same file; there is no such component before 3.1."""
    is_old_path = place.kind == "pathItems" and version == "3.0"
    return ("paths", "/target") if is_old_path else ("components", place.kind, "Target")


def inside(place: Place, version: str, links: int) -> dict[str, Any]:
    """The document with the target in it, behind some further references."""
    last = home(place, version)
    names = [(*last[:-1], f"{last[-1]}{number}") for number in range(links)] + [last]
    made = with_reference(place, version, f"#{pointer(*names[0])}")
    for here, following in pairwise(names):
        put(made, here, {"$ref": f"#{pointer(*following)}"})
    put(made, last, deepcopy(dict(place.target)))
    return made


def found(file: Path, place: Place) -> Any:
    """What stands at the place once the document is one file and references are followed."""
    read = Document(file)
    check(read)
    assert ".yaml" not in json.dumps(read.content)
    assert not [one for one in lint(read) if one.severity == "error" or one.rule == "link"]
    assert Mock(read.content).contract.operations
    return resolve(read.content, at(read.content, place.path))


@pytest.mark.parametrize("links", [0, 2], ids=["one", "a chain"])
@pytest.mark.parametrize(("place", "version"), EVERYWHERE)
def test_a_reference_in_one_file_is_followed(
    place: Place, version: str, links: int, tmp_path: Path
) -> None:
    file = written(tmp_path, openapi=inside(place, version, links))

    assert found(file, place) == place.target


@pytest.mark.parametrize("reference", ["parts.yaml#/Target", "whole.yaml", "chain.yaml#/First"])
@pytest.mark.parametrize(("place", "version"), EVERYWHERE)
def test_a_reference_to_another_file_is_followed(
    place: Place, version: str, reference: str, tmp_path: Path
) -> None:
    made = with_reference(place, version, reference)
    chain = {"First": {"$ref": "#/Second"}, "Second": {"$ref": "parts.yaml#/Target"}}
    target = deepcopy(dict(place.target))
    file = written(tmp_path, openapi=made, parts={"Target": target}, whole=target, chain=chain)

    assert found(file, place) == place.target


@pytest.mark.parametrize("reference", ["#", "parts.yaml#/Target"])
@pytest.mark.parametrize(("place", "version"), NEWER)
def test_a_reference_may_have_a_summary_and_a_description(
    place: Place, version: str, reference: str, tmp_path: Path
) -> None:
    made = inside(place, version, 0)
    node = at(made, place.path)
    node.update(SUMMARY if place.kind != "schemas" else {"description": "Said here."})
    if reference != "#":
        node["$ref"] = reference
    file = written(tmp_path, openapi=made, parts={"Target": deepcopy(dict(place.target))})

    there = found(file, place)
    assert {**there, **SUMMARY} == {**place.target, **SUMMARY}


@pytest.mark.parametrize("reference", ["#/components/nowhere", "parts.yaml#/Nowhere", "gone.yaml"])
@pytest.mark.parametrize(("place", "version"), EVERYWHERE)
def test_a_reference_that_leads_nowhere_is_refused_by_its_place(
    place: Place, version: str, reference: str, tmp_path: Path
) -> None:
    file = written(
        tmp_path, openapi=with_reference(place, version, reference), parts={"Target": {}}
    )

    refused_at_the_reference(file, reference, NOWHERE)


@pytest.mark.parametrize(("place", "version"), EVERYWHERE)
def test_a_reference_in_a_circle_is_refused_by_its_place(
    place: Place, version: str, tmp_path: Path
) -> None:
    made = inside(place, version, 1)
    last = home(place, version)
    holder = at(made, last[:-1])
    holder[last[-1]] = {"$ref": f"#{pointer(*last[:-1], f'{last[-1]}0')}"}

    refused_at_the_reference(written(tmp_path, openapi=made), "#", "in a circle")


@pytest.mark.parametrize(("place", "version"), EVERYWHERE)
def test_a_circle_of_files_is_refused_by_its_place(
    place: Place, version: str, tmp_path: Path
) -> None:
    made = with_reference(place, version, "one.yaml#/A")
    file = written(
        tmp_path,
        openapi=made,
        one={"A": {"$ref": "two.yaml#/B"}},
        two={"B": {"$ref": "one.yaml#/A"}},
    )

    refused_at_the_reference(file, "", "in a circle")


def refused_at_the_reference(file: Path, reference: str, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason) as refused:
        check(Document(file))

    place = refused.value.place
    line = (file.parent / place.file.name).read_text().splitlines()[place.line - 1]
    assert re.search(rf"\$ref.*{re.escape(reference)}", line), str(refused.value)


def test_the_page_names_every_place() -> None:
    page = (ROOT / "docs" / "documents.md").read_text()
    rows = re.findall(r"^\| (3\.\d) \| (.+) \|$", page, re.MULTILINE)

    assert [(since, name) for since, names in rows for name in names.split(", ")] == sorted(
        ((place.since, place.name) for place in PLACES), key=lambda one: one[0]
    )


# -- what is referred to is in force --------------------------------------------------------------


@pytest.mark.parametrize(("place", "version"), EVERYWHERE)
async def test_the_mock_follows_it(place: Place, version: str, tmp_path: Path) -> None:
    made = with_reference(place, version, "parts.yaml#/Target")
    file = written(tmp_path, openapi=made, parts={"Target": deepcopy(dict(place.target))})
    read = Document(file)
    headers = {"Authorization": "Bearer t"}

    mock = Mock(read.content)
    async with client_of(mock) as client:
        shown = await client.get("/a", headers=headers)
        too_many = await client.get("/a", params={"limit": 6}, headers=headers)
        refused = await client.post("/a", json={"n": "three"}, headers=headers)
        taken = await client.post("/a", json={"n": 3}, headers=headers)

    (get,) = [one for one in mock.contract.operations.values() if one.id == "read"]
    assert not faults(mock.contract, get, shown)
    assert place.name != "an example of a body" or shown.json() == {"n": 3}
    assert isinstance(shown.json()["n"], int)
    assert (refused.status_code, taken.status_code) == (422, 204)
    # without the parameter, `limit` is unknown; with it, it is too large, unless it has no maximum
    assert too_many.status_code == (200 if place.name == "an example of a parameter" else 422)


TOGETHER = (
    "a parameter of an operation", "a parameter of a path", "a request body", "a response",
    "a callback of an operation", "a path", "a webhook", "a component of securitySchemes",
    "a component of mediaTypes",
)  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_code_is_generated_of_it(version: str, tmp_path: Path) -> None:
    made = document(version)
    places = [one for one in PLACES if one.name in TOGETHER and version >= one.since]
    for place in places:
        put(made, place.path, {"$ref": f"parts.yaml#/{place.kind}"})
    if version == "3.2":
        content = {"$ref": "#/components/mediaTypes/Here"}
        made["paths"]["/c"] = {"get": {"operationId": "c", "responses": {"200": {
            "description": "-", "content": {"application/json": content}}}}}  # fmt: skip
    parts = {place.kind: deepcopy(dict(place.target)) for place in places}

    written_code = generate(written(tmp_path, openapi=made, parts=parts))["operations.py"]

    assert "limit: int | None" in written_code
    assert "body: " in written_code
    assert ("async def c(self) -> C" in written_code) is (version == "3.2")


# -- references that are no Reference Objects -----------------------------------------------------


def with_discriminator(mapping: Mapping[str, str], *kinds: str) -> dict[str, Any]:
    made = document("3.1")
    schema = {
        "oneOf": [{"$ref": kind} for kind in kinds],
        "discriminator": {"propertyName": "kind", "mapping": dict(mapping)},
    }
    put(made, MAPPING[:-2], schema)
    return made


def pet(kind: str, **more: Any) -> dict[str, Any]:
    properties = {"kind": {"const": kind}, **more}
    return {"type": "object", "required": list(properties), "properties": properties}


@pytest.mark.parametrize(
    ("cat", "dog"),
    [
        ("cat.yaml", "dog.yaml"),
        ("pets.yaml#/cat", "pets.yaml#/dog"),
        ("./cat.yaml", "pets.yaml#/dog"),
        ("#/components/schemas/Cat", "dog.yaml"),
        ("Cat", "dog.yaml"),
    ],
)
async def test_a_mapping_means_the_same_schema_once_the_files_are_one(
    cat: str, dog: str, tmp_path: Path
) -> None:
    """A body is refused by the schema that its kind names, and only by that."""
    cats, dogs = pet("cat", lives={"type": "integer"}), pet("dog", barks={"type": "boolean"})
    named = "#/components/schemas/Cat" if cat == "Cat" else cat
    made = with_discriminator({"cat": cat, "dog": dog}, named, dog)
    put(made, ("components", "schemas", "Cat"), cats)
    pets = {"cat": cats, "dog": dogs}
    read = Document(written(tmp_path, openapi=made, cat=cats, dog=dogs, pets=pets))
    check(read)

    mapping = at(read.content, MAPPING)
    async with client_of(Mock(read.content)) as client:
        taken = await client.post("/a", json={"kind": "dog", "barks": True})
        refused = await client.post("/a", json={"kind": "cat", "barks": True})

    schemas = read.content["components"]["schemas"]
    assert [schemas[target.split("/")[-1]] for target in mapping.values()] == [cats, dogs]
    assert ".yaml" not in json.dumps(read.content)
    assert taken.status_code == 204
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/lives"]


MAPPING = (
    "paths", "/a", "post", "requestBody", "content", "application/json", "schema", "discriminator",
    "mapping",
)  # fmt: skip


@pytest.mark.parametrize("target", ["gone.yaml", "pets.yaml#/gone"])
def test_a_mapping_that_leads_nowhere_is_refused_by_its_place(target: str, tmp_path: Path) -> None:
    made = with_discriminator({"cat": target}, "pets.yaml#/cat")
    file = written(tmp_path, openapi=made, pets={"cat": pet("cat")})

    with pytest.raises(DocumentError, match=NOWHERE) as refused:
        check(Document(file))

    assert f"cat: {target}" in file.read_text().splitlines()[refused.value.place.line - 1]


LINK_PATH = ("paths", "/a", "get", "responses", "200", "links", "next")


def test_a_link_to_an_operation_in_another_file_leads_to_it_in_the_bundle(tmp_path: Path) -> None:
    made = document("3.1")
    made["paths"]["/b/c"] = {"$ref": "parts/paths.yaml#/b"}
    put(made, LINK_PATH, {"operationRef": "parts/paths.yaml#/b/get"})
    operation = {
        "responses": {"200": {"description": "-", "links": {"self": {"operationRef": "#/b/get"}}}}
    }
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "paths.yaml").write_text(yaml.safe_dump({"b": {"get": operation}}))

    read = Document(written(tmp_path, openapi=made))
    check(read)

    where = "#/paths/~1b~1c/get"
    there = at(read.content, ("paths", "/b/c", "get", "responses", "200", "links", "self"))
    assert at(read.content, LINK_PATH)["operationRef"] == there["operationRef"] == where
    assert not [one for one in lint(read) if one.rule == "link"]


@pytest.mark.parametrize("reference", ["gone.yaml#/a/get", "parts.yaml#/gone/get"])
def test_a_link_that_leads_nowhere_is_refused_by_its_place(reference: str, tmp_path: Path) -> None:
    made = document("3.1")
    put(made, LINK_PATH, {"operationRef": reference})
    file = written(tmp_path, openapi=made, parts={"a": {}})

    with pytest.raises(DocumentError, match=NOWHERE) as refused:
        check(Document(file))

    assert reference in file.read_text().splitlines()[refused.value.place.line - 1]


EXAMPLES = ("paths", "/a", "get", "responses", "200", "content", "application/json", "examples")


@pytest.mark.parametrize("holder", ["openapi", "examples/all"])
async def test_the_file_of_an_example_is_answered(holder: str, tmp_path: Path) -> None:
    """It is named from the file in which the example stands."""
    made = document("3.1")
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "three.json").write_text('{"n": 3}')
    if holder == "openapi":
        put(made, (*EXAMPLES, "three"), {"externalValue": "examples/three.json"})
    else:
        put(made, (*EXAMPLES, "three"), {"$ref": "examples/all.yaml#/three"})
        example = {"three": {"externalValue": "./three.json"}}
        (tmp_path / "examples" / "all.yaml").write_text(yaml.safe_dump(example))
    read = Document(written(tmp_path, openapi=made))
    check(read)

    async with client_of(Mock(read.content)) as client:
        answer = await client.get("/a")

    assert answer.json() == {"n": 3}
    assert "three.json" not in json.dumps(read.content)
    assert any(file.name == "three.json" for file in read.files)
    assert not [one for one in lint(read) if one.rule == "example"]


def test_an_example_in_a_file_is_linted_at_its_place(tmp_path: Path) -> None:
    made = document("3.1")
    (tmp_path / "bad.json").write_text('{"n": "three"}')
    put(made, (*EXAMPLES, "bad"), {"externalValue": "bad.json"})

    found = lint(Document(written(tmp_path, openapi=made)))
    (one,) = [one for one in found if one.rule == "example"]

    assert "does not match its schema" in one.message


@pytest.mark.parametrize("address", ["https://example.com/a.json", "/examples/a.json"])
def test_an_example_on_a_server_is_for_readers(address: str, tmp_path: Path) -> None:
    made = document("3.1")
    put(made, (*EXAMPLES, "one"), {"externalValue": address})
    read = Document(written(tmp_path, openapi=made))
    check(read)

    assert at(read.content, (*EXAMPLES, "one")) == {"externalValue": address}


@pytest.mark.parametrize("address", ["gone.json", "../outside.json"])
def test_an_example_in_a_file_that_is_not_there_is_refused_by_its_place(
    address: str, tmp_path: Path
) -> None:
    made = document("3.1")
    put(made, (*EXAMPLES, "one"), {"externalValue": address})
    file = written(tmp_path, openapi=made)

    with pytest.raises(DocumentError, match=NOWHERE) as refused:
        check(Document(file))

    assert address in file.read_text().splitlines()[refused.value.place.line - 1]


async def test_an_xml_example_in_a_file_is_answered_as_it_is(tmp_path: Path) -> None:
    made = document("3.2")
    (tmp_path / "three.xml").write_text("<thing>\n  <n>3</n>\n</thing>\n")
    schema = {"type": "object", "xml": {"name": "thing"}, "properties": {"n": {"type": "integer"}}}
    content = {"schema": schema, "examples": {"three": {"externalValue": "three.xml"}}}
    put(made, (*EXAMPLES[:-2], "application/xml"), content)
    read = Document(written(tmp_path, openapi=made))
    check(read)

    async with client_of(Mock(read.content)) as client:
        answer = await client.get("/a", headers={"Accept": "application/xml"})

    assert answer.text == "<thing>\n  <n>3</n>\n</thing>\n"
    assert "charter-note" not in answer.headers
