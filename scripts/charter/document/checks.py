"""Refuses, by name and place, what can't be generated: nothing of the document is lost in silence.

What is for readers only, and asks nothing of the service, is listed in `DOCUMENTATION_ONLY`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from charter.document import Document, DocumentError
from charter.document.bundling import kind_of
from charter.runtime import Contract, paths
from charter.runtime.normal import DATA, METHODS, NAMED, path_items
from charter.runtime.references import pointer, tokens_of

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
VERSION = re.compile(r"3\.[012](?![0-9])")
OFFICIAL = Path(__file__).with_name("openapi")
"""The schemas of documents that the OpenAPI Initiative publishes."""
PATTERNS_APART = {"regex": lambda pattern: True}
"""The judge reads them in another way than the schema of documents: `runtime/patterns.py`."""
PLACES = frozenset({"cookie", "header", "path", "query"})
Place_ = tuple[str | int, ...]
Fault = tuple[Place_, str]
"""Where, and what to do about it."""


def check(document: Document) -> None:
    """Raises DocumentError for the first construct that can't be honoured."""
    for found in findings(document):
        raise found


def findings(document: Document) -> Iterator[DocumentError]:
    version = str(document.content["openapi"])
    if not VERSION.match(version):
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
    strayed = list(misplaced(document))
    yield from strayed
    if strayed:
        return
    yield from same_paths(document)
    yield from braces(document)
    seen: dict[str, str] = {}
    for path, item in path_items(document.content):
        yield from path_findings(document, path, item)
        for method in METHODS:
            if method in document.resolve(item):
                yield from operation(document, path, method, seen)
    yield from dialects(document)
    yield from dynamic_anchors(document)
    broken_schemas = list(schemas(document, version[:3]))
    yield from broken_schemas
    if not broken_schemas:
        yield from made_of_themselves(document)
        yield from invalid_schemas(document)


# -- the document as a whole ----------------------------------------------------------------------


def shape(document: Document) -> Iterator[DocumentError]:
    """What breaks OpenAPI's own schema of documents."""
    judge = official_schema(str(document.content["openapi"])[:3])
    faults = map(deepest, judge.iter_errors(document.content))
    yield from broken(document, faults, "This is no OpenAPI document")


def broken(document: Document, faults: Iterable[Fault], verdict: str) -> Iterator[DocumentError]:
    """The deepest one first: one around it is often no more than its echo."""
    for place, said in sorted(faults, key=depth, reverse=True):
        yield document.error(place, f"{verdict}: {said}")


def deepest(error: Any) -> Fault:
    return max(map(fault, [*inner(error), error]), key=depth)


def depth(found: Fault) -> tuple[int, bool]:
    """A member too many may be so only because what it belongs to is at fault elsewhere."""
    place, said = found
    return len(place), not said.endswith(SURPLUS)


def fault(error: Any) -> Fault:
    """Where it is and what to do about it."""
    place = tuple(error.instance_path)
    details = error.kind.as_dict()
    if details.get("unexpected"):
        name = details["unexpected"][0]
        return (*place, name), f"`{name}` {expected(place)}{SURPLUS}"
    if "property" in details:
        return place, f"`{details['property']}` is missing here: add it."
    said = error.message.removeprefix("the value").strip()
    return place, f"{called(place)} {said}. Mend it."


SURPLUS = ": mend its name, or remove it."


def expected(place: Place_) -> str:
    """What the members of an object have to be that has one too many."""
    match place[-1:]:
        case ("responses",):
            return "is no status like 200, no range like 2XX, and not `default`"
        case ("paths",):
            return "is no path, which begins with a slash"
    return "has no meaning here"


def called(place: Place_) -> str:
    """The words for what stands at a place."""
    if not place:
        return "the document"
    if isinstance(place[-1], int):
        return f"entry {place[-1] + 1} of {called(place[:-1])}"
    return f"`{place[-1]}`"


def inner(error: Any) -> Iterator[Any]:
    """The errors of the alternatives, none of which fits."""
    for alternative in error.kind.as_dict().get("context", ()):
        for found in alternative:
            yield found
            yield from inner(found)


@cache
def official_schema(version: str) -> Any:
    return jsonschema_rs.validator_for(
        official_document(version), mask="the value", formats=PATTERNS_APART
    )


@cache
def official_schema_of(kind: str, version: str) -> Any:
    """Of what stands in a member of `components`."""
    document = official_document(version)
    defined = "definitions" if version == "3.0" else "$defs"
    components = document[defined]["Components" if version == "3.0" else "components"]
    path_items = {"additionalProperties": {"$ref": "#/definitions/PathItem"}}  # 3.0 has none there
    held = components["properties"].get(kind, path_items)
    schema = {"$schema": document["$schema"], defined: document[defined], "properties": {"A": held}}
    return jsonschema_rs.validator_for(schema, formats=PATTERNS_APART)


def official_document(version: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((OFFICIAL / f"{version}.json").read_bytes())
    return schema


def schemas(document: Document, version: str) -> Iterator[DocumentError]:
    """Schemas that break the schema of schemas; that of OpenAPI 3.0 knows them already."""
    if version == "3.0":
        return
    faults = map(deepest, schemas_of_documents(version).iter_errors(document.content))
    yield from broken(
        document,
        (found for found in faults if not is_harmless(document, *found)),
        "This is no JSON Schema",
    )


def is_harmless(document: Document, place: Place_, said: str) -> bool:
    """What well-known documents have, and what takes nothing from a schema: a name in `required`
    twice, examples that aren't a list, and keywords of former dialects that mean nothing now."""
    match place[-1:]:
        case ("exclusiveMinimum" | "exclusiveMaximum",):
            return isinstance(document.at(f"#{pointer(*place)}"), bool)
        case ("$recursiveAnchor" | "$recursiveRef" | "examples",):
            return True
    return TWICE in said


TWICE = "has non-unique elements"


@cache
def schemas_of_documents(version: str) -> Any:
    """OpenAPI's own schema, which leaves schemas to the dialect that is in force."""
    schema = official_document(version)
    schema["$defs"]["schema"] = {
        "$dynamicAnchor": "meta",
        "$ref": JSON_SCHEMA,
        "properties": {"discriminator": DISCRIMINATOR},
    }
    return jsonschema_rs.validator_for(schema, mask="the value", validate_formats=False)


DISCRIMINATOR = {
    "type": "object",
    "properties": {
        "propertyName": {"type": "string"},
        "mapping": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["propertyName"],
}


def misplaced(document: Document) -> Iterator[DocumentError]:
    """References to something else than what can stand in their places."""
    version = str(document.content["openapi"])[:3]
    for path, reference in declared_references(document.content, ()):
        kind = kind_of(tuple(map(str, path)))
        # a target that refers on is judged in its own turn
        node = {"A": {"A": document.at(reference)}}
        fits = can_be(kind, tokens_of(reference)) and official_schema_of(kind, version).is_valid(
            node
        )
        if not fits:
            yield document.error(
                (*path, "$ref"),
                f"The reference {reference} leads to what can't stand here: refer to one of"
                f" components.{kind}, or to its like.",
            )


def can_be(kind: str, tokens: tuple[str, ...]) -> bool:
    """Whether a pointer may lead to an object of a kind, by its first steps."""
    match tokens:
        case ["components", _] | ["components"] | ["info" | "servers" | "tags", *_]:
            return False
        case ["components", holder, _]:
            return holder == kind
        case ["paths" | "webhooks", _]:
            return kind == "pathItems"
    return tokens != ("paths",)


def made_of_themselves(document: Document) -> Iterator[DocumentError]:
    declared = document.content.get("components", {}).get("schemas", {})
    made_of = {name: set(parts(schema)) for name, schema in declared.items()}
    for name, direct in made_of.items():
        found, waiting = set(), list(direct)
        while waiting and name not in found:
            part = waiting.pop()
            if part not in found:
                found.add(part)
                waiting.extend(made_of.get(part, ()))
        if name in found:
            yield document.error(
                ("components", "schemas", name),
                f"The schema {name} is made of itself by `allOf`: remove it from there.",
            )


def parts(schema: Any) -> Iterator[str]:
    """The names of the schemas that `allOf` makes one of."""
    if not isinstance(schema, Mapping):
        return
    match tokens_of(schema.get("$ref", "")):
        case ["components", "schemas", name]:
            yield name
    for part in schema.get("allOf", []):
        yield from parts(part)


def references(document: Document) -> Iterator[DocumentError]:
    sound: set[str] = set()
    for path, reference in declared_references(document.content, ()):
        where = (*path, "$ref")
        if not is_there(document, reference):
            yield document.error(
                where, f"The reference {reference} leads nowhere: add what it names, or mend it."
            )
        elif leads_in_a_circle(document, reference, sound):
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


def leads_in_a_circle(document: Document, reference: str, sound: set[str]) -> bool:
    """`sound` are those that are known to end, to which this one is added if it does."""
    seen = set()
    node: Any = {"$ref": reference}
    while isinstance(node, dict) and isinstance(node.get("$ref"), str):
        if node["$ref"] in sound:
            break
        if node["$ref"] in seen:
            return True
        seen.add(node["$ref"])
        if not is_there(document, node["$ref"]):
            return False
        node = document.at(node["$ref"])
    sound |= seen
    return False


def is_there(document: Document, reference: str) -> bool:
    if reference != "#" and not reference.startswith("#/"):
        return False
    try:
        document.at(reference)
    except (LookupError, TypeError):
        return False
    return True


def same_paths(document: Document) -> Iterator[DocumentError]:
    """Operations of one method whose paths differ in the names of their templates alone."""
    seen: dict[tuple[str, str], str] = {}
    for path, item in path_items(document.content):
        for method in filter(document.resolve(item).__contains__, METHODS):
            other = seen.setdefault((method, paths.template_key(path)), path)
            if paths.address(other) != paths.address(path):
                yield document.error(
                    ("paths", path),
                    f"{method.upper()} {path} is the same as {method.upper()} {other}:"
                    " join the two.",
                )


def braces(document: Document) -> Iterator[DocumentError]:
    for path in document.content.get("paths", {}):
        rest = paths.TEMPLATE.sub("", path)
        if "{" in rest or "}" in rest:
            yield document.error(
                ("paths", path),
                f"The path {path} has a brace that is not closed, or not opened: mend it.",
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
        contract = Contract(document.content)
        for operation_id in contract.operations:
            contract.reader(operation_id)
        for name in contract.judge.document.get("components", {}).get("schemas", {}):
            contract.judge.validator(pointer("components", "schemas", name))
    except jsonschema_rs.ValidationError as error:
        message = f"This is no JSON Schema: {error.message}. Mend it."
        if error.kind.as_dict().get("format") == "regex":
            message = "The pattern is none of ECMA-262, or counts too far: mend it."
        yield document.error(error.instance_path, message)


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
