"""Refuses, by name and place, what can't be generated: nothing of the document is lost in silence.

What is for readers only, and asks nothing of the service, is listed in `DOCUMENTATION_ONLY`.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema_rs

from scripts.codegen.document import Document, DocumentError, tokens_of
from scripts.codegen.runtime import Contract, ResponseBroken, paths
from scripts.codegen.runtime.judge import pointer
from scripts.codegen.runtime.normal import DATA, METHODS, NAMED, path_items

DOCUMENTATION_ONLY = frozenset(
    {
        "$comment",
        "$id",  # references are into the document
        "$vocabulary",
        "allowEmptyValue",
        "allowReserved",  # how a client may write a value; every way is read
        "bearerFormat",
        "callbacks",  # requests that the service would send; a service writes them by hand
        "contentEncoding",
        "contentMediaType",
        "contentSchema",
        "deprecated",
        "description",
        "double",  # formats, like those that nobody has registered
        "example",
        "examples",
        "externalDocs",
        "float",
        "flows",  # where a client gets a token; its scopes stand in the requirements
        "info",
        "links",
        "openIdConnectUrl",
        "password",
        "servers",  # where the document's readers find the service; paths carry no prefix
        "summary",
        "title",
        "webhooks",
        "xml",
    }
)
JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
DIALECTS = "https://spec.openapis.org/oas/3."
"""OpenAPI's own, which are JSON Schema 2020-12 and annotations."""
VERSIONS = ("3.0", "3.1", "3.2")
OFFICIAL = "resources/schemas"
"""Where openapi-spec-validator keeps the schemas of documents; the rest of it is slow to import."""
PLACES = frozenset({"cookie", "header", "path", "query"})


def check(document: Document) -> None:
    """Raises DocumentError for the first construct that can't be honoured."""
    for found in findings(document):
        raise found


def findings(document: Document) -> Iterator[DocumentError]:
    version = str(document.content["openapi"])
    if version[:3] not in VERSIONS:
        yield document.error(
            ("openapi",),
            f"OpenAPI {version} can't be generated from: write the document in 3.0, 3.1 or 3.2.",
        )
        return
    misshapen = list(shape(document))
    yield from misshapen
    if misshapen:
        return
    dangling = list(references(document))
    yield from dangling
    if dangling:
        return
    yield from same_paths(document)
    seen: dict[str, str] = {}
    for path, item in path_items(document.content):
        yield from path_findings(document, path, item)
        for method in METHODS:
            if method in document.resolve(item):
                yield from operation(document, path, method, seen)
    yield from dialects(document)
    yield from dynamic_anchors(document)
    yield from invalid_schemas(document)


# -- the document as a whole ----------------------------------------------------------------------


def shape(document: Document) -> Iterator[DocumentError]:
    """What breaks OpenAPI's own schema of documents."""
    for error in official_schema(str(document.content["openapi"])[:3]).iter_errors(
        document.content
    ):
        deepest = max([error, *inner(error)], key=lambda found: len(found.instance_path))
        message = deepest.message.removeprefix("the value").strip()
        yield document.error(
            deepest.instance_path, f"This is no OpenAPI document: what stands here {message}."
        )


def inner(error: Any) -> Iterator[Any]:
    """The errors of the alternatives, none of which fits."""
    for alternative in error.kind.as_dict().get("context", ()):
        for found in alternative:
            yield found
            yield from inner(found)


@cache
def official_schema(version: str) -> Any:
    return jsonschema_rs.validator_for(official_document(version), mask="the value")


def official_document(version: str) -> dict[str, Any]:
    package = find_spec("openapi_spec_validator")
    (folder,) = (package.submodule_search_locations if package else None) or [""]
    file = Path(folder) / OFFICIAL / f"v{version}" / "schema.json"
    schema: dict[str, Any] = json.loads(file.read_bytes())
    return schema


def references(document: Document) -> Iterator[DocumentError]:
    for path, reference in declared_references(document.content, ()):
        where = (*path, "$ref")
        if not is_there(document, reference):
            yield document.error(
                where, f"The reference {reference} leads nowhere: add what it names, or mend it."
            )
        elif leads_in_a_circle(document, reference):
            yield document.error(
                where, f"The reference {reference} leads in a circle: say what is meant somewhere."
            )


def declared_references(
    node: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every reference and where it stands."""
    for where, found in objects(node, path):
        if isinstance(found.get("$ref"), str):
            yield where, found["$ref"]


def objects(
    node: Any, path: tuple[str | int, ...] = (), *, named: bool = False
) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    """Every object that has keywords; what looks like one in an example is none."""
    if isinstance(node, list):
        for index, child in enumerate(node):
            yield from objects(child, (*path, index))
    if not isinstance(node, dict):
        return
    if not named:
        yield path, node
    for name, child in node.items():
        if named or not (name in DATA or name.startswith("x-")):
            inner = not named and name in NAMED and isinstance(child, dict)
            yield from objects(child, (*path, name), named=inner)


def leads_in_a_circle(document: Document, reference: str) -> bool:
    seen = set()
    node: Any = {"$ref": reference}
    while isinstance(node, dict) and isinstance(node.get("$ref"), str):
        if node["$ref"] in seen:
            return True
        seen.add(node["$ref"])
        if not is_there(document, node["$ref"]):
            return False
        node = document.at(node["$ref"])
    return False


def is_there(document: Document, reference: str) -> bool:
    if reference != "#" and not reference.startswith("#/"):
        return False
    try:
        document.at(reference)
    except (KeyError, IndexError, ValueError, TypeError):
        return False
    return True


def same_paths(document: Document) -> Iterator[DocumentError]:
    """Operations of one method whose paths differ in the names of their templates alone."""
    seen: dict[tuple[str, str], str] = {}
    for path, item in path_items(document.content):
        for method in filter(document.resolve(item).__contains__, METHODS):
            other = seen.setdefault((method, paths.untold(path)), path)
            if paths.address(other) != paths.address(path):
                yield document.error(
                    ("paths", path),
                    f"{method.upper()} {path} is the same as {method.upper()} {other}:"
                    " join the two.",
                )


def dialects(document: Document) -> Iterator[DocumentError]:
    for path, node in objects(document.content):
        for keyword in ("jsonSchemaDialect", "$schema"):
            dialect = node.get(keyword, JSON_SCHEMA)
            if dialect != JSON_SCHEMA and not str(dialect).startswith(DIALECTS):
                yield document.error(
                    (*path, keyword),
                    f"Schemas of {dialect} can't be judged: write them in {JSON_SCHEMA}.",
                )


def dynamic_anchors(document: Document) -> Iterator[DocumentError]:
    seen = set()
    for path, node in objects(document.content):
        name = node.get("$dynamicAnchor")
        if name is not None and name in seen:
            yield document.error(
                (*path, "$dynamicAnchor"),
                f"The dynamic anchor `{name}` is there twice, and only one can be followed:"
                " rename one, and refer to it by its name.",
            )
        seen.add(name)


def invalid_schemas(document: Document) -> Iterator[DocumentError]:
    """The first schema that can't judge: a keyword of the wrong type, a pattern that is none."""
    try:
        contract = Contract(document.content, body_limit=0, checked_share=0, broken=ignore)
        for operation_id in contract.operations:
            contract.reader(operation_id)
        for name in contract.judge.document.get("components", {}).get("schemas", {}):
            contract.judge.validator(pointer("components", "schemas", name))
    except jsonschema_rs.ValidationError as error:
        yield document.error(
            error.instance_path, f"This is no JSON Schema: {error.message}. Mend it."
        )


def ignore(broken: ResponseBroken) -> None:
    """Nothing is answered while a document is checked."""


# -- paths and operations -------------------------------------------------------------------------


def path_findings(document: Document, path: str, item: Any) -> Iterator[DocumentError]:
    yield from queries(document, path)
    if "additionalOperations" in document.resolve(item):
        yield document.error(
            ("paths", path, "additionalOperations"),
            "Methods of one's own can't be routed: use those of HTTP.",
        )
    twice = [name for name in paths.names(path) if paths.names(path).count(name) > 1]
    if twice:
        yield document.error(
            ("paths", path), f"The path {path} has `{twice[0]}` twice: rename one."
        )


def queries(document: Document, path: str) -> Iterator[DocumentError]:
    """What no request can show, or what nobody could take out of its query."""
    for name in paths.names(path.partition("#")[2]):
        yield document.error(
            ("paths", path),
            f"The path {path} has `{name}` in its fragment, which no request carries: remove it.",
        )
    for name, value in paths.query(path):
        if paths.names(name) or (paths.names(value) and not paths.TEMPLATE.fullmatch(value)):
            yield document.error(
                ("paths", path),
                f"The path {path} has `{name}={value}` in its query, which can't be read:"
                " declare a parameter in query.",
            )


def operation(
    document: Document, path: str, method: str, seen: dict[str, str]
) -> Iterator[DocumentError]:
    place = ("paths", path, method)
    item = document.resolve(document.content["paths"][path])
    node = item[method]
    label = f"{method.upper()} {path}"
    name = node.get("operationId")
    if name is not None:
        if name in seen:
            yield document.error(
                (*place, "operationId"),
                f"The operationId `{name}` is that of {seen[name]}, too: rename one.",
            )
        seen[name] = label
    yield from path_parameters(document, path, item, place)
    for index, parameter in enumerate(node.get("parameters", [])):
        yield from parameter_findings(document, parameter, (*place, "parameters", index))
    for index, parameter in enumerate(item.get("parameters", [])):
        yield from parameter_findings(document, parameter, ("paths", path, "parameters", index))
    if node.get("responses", {"default": {}}) == {}:
        yield document.error(
            (*place, "responses"), f"{label} declares no response: say how it answers."
        )
    yield from security(document, node, label, place)


def path_parameters(
    document: Document, path: str, item: Any, place: tuple[str, str, str]
) -> Iterator[DocumentError]:
    holders = [*item.get("parameters", []), *item[place[2]].get("parameters", [])]
    resolved = [document.resolve(parameter) for parameter in holders]
    declared = {node["name"] for node in resolved if node.get("in") == "path"}
    queried = {node["name"] for node in resolved if node.get("in") == "query"}
    in_query = {name for _, value in paths.query(path) for name in paths.names(value)}
    written = set(paths.names(path)) - (in_query & queried)
    for name in sorted(written - declared):
        yield document.error(
            place, f"The path parameter `{name}` of {path} is not declared: add it."
        )
    for name in sorted(declared - written):
        yield document.error(
            (*place, "parameters"),
            f"The path parameter `{name}` is not in the path {path}: remove it, or mend the path.",
        )


def parameter_findings(
    document: Document, parameter: Any, place: tuple[str | int, ...]
) -> Iterator[DocumentError]:
    if "$ref" in parameter:
        place = tuple(tokens_of(parameter["$ref"]))
    node = document.resolve(parameter)
    if node["in"] not in PLACES:
        yield document.error(
            (*place, "in"),
            f"The parameter `{node['name']}` in {node['in']} can't be read: use one parameter"
            " in query for each name.",
        )


def security(
    document: Document, node: Any, label: str, place: tuple[str, ...]
) -> Iterator[DocumentError]:
    alternatives = node.get("security", document.content.get("security", []))
    where = (*place, "security") if "security" in node else ("security",)
    schemes = document.content.get("components", {}).get("securitySchemes", {})
    for alternative in alternatives:
        for name in alternative:
            scheme = document.resolve(schemes.get(name))
            if scheme is None:
                yield document.error(
                    where,
                    f"{label} asks for the security scheme `{name}`, which is not declared:"
                    " add it to components.securitySchemes.",
                )
