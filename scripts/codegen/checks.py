"""Refuses, by name and place, what can't be generated: nothing of the document is lost in silence.

What is for readers only, and asks nothing of the service, is listed in `DOCUMENTATION_ONLY`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from scripts.codegen.document import Document, DocumentError, tokens_of
from scripts.codegen.names import snake, templated

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

DOCUMENTATION_ONLY = frozenset(
    {
        "callbacks",  # requests that the service would send; a service writes them by hand
        "deprecated",
        "description",
        "example",
        "examples",
        "externalDocs",
        "links",
        "servers",  # where the document's readers find the service; paths carry no prefix
        "summary",
        "webhooks",
        "xml",
    }
)

STYLES = {
    "query": {"form", "spaceDelimited", "pipeDelimited"},
    "cookie": {"form"},
    "path": {"simple"},
    "header": {"simple"},
}

JSON = re.compile(r"application/(?:[\w.!#$&^-]+\+)?json")
BODIES = "application/json, a media type that ends in +json, or application/x-www-form-urlencoded"


def check(document: Document) -> None:
    """Raises DocumentError for the first construct that can't be honoured."""
    for found in findings(document):
        raise found


def findings(document: Document) -> Iterator[DocumentError]:
    version = str(document.content["openapi"])
    if not version.startswith("3.1."):
        yield document.error(
            ("openapi",), f"OpenAPI {version} can't be generated from: write the document in 3.1."
        )
        return
    yield from references(document)
    yield from tags(document)
    seen: dict[str, str] = {}
    for path, item in document.content.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                yield from operation(document, path, method, seen)
    yield from shadows(document)


def references(document: Document) -> Iterator[DocumentError]:
    for path, node in document.walk():
        if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
            continue
        if {"example", "examples", "default", "const", "enum"} & set(map(str, path)) - {
            "components"
        }:
            continue
        reference = node["$ref"]
        where = (*path, "$ref")
        if not reference.startswith("#/"):
            yield document.error(
                where, f"The reference {reference} leaves the file: move what it names in here."
            )
        elif not is_there(document, reference):
            yield document.error(
                where, f"The reference {reference} leads nowhere: add what it names, or mend it."
            )


def is_there(document: Document, reference: str) -> bool:
    try:
        document.at(reference)
    except (KeyError, IndexError, ValueError, TypeError):
        return False
    return True


def tags(document: Document) -> Iterator[DocumentError]:
    seen: dict[str, str] = {}
    for index, tag in enumerate(document.content.get("tags", [])):
        name = snake(tag["name"])
        if name in seen:
            yield document.error(
                ("tags", index, "name"),
                f"The tags `{seen[name]}` and `{tag['name']}` have the same name in Python:"
                " rename one.",
            )
        seen[name] = tag["name"]


def operation(
    document: Document, path: str, method: str, seen: dict[str, str]
) -> Iterator[DocumentError]:
    place = ("paths", path, method)
    node = document.content["paths"][path][method]
    label = f"{method.upper()} {path}"
    name = node.get("operationId")
    if not name:
        yield document.error(place, f"{label} has no operationId: it names the service's method.")
        return
    if snake(name) in seen:
        yield document.error(
            (*place, "operationId"),
            f"The operationId `{name}` is that of {seen[snake(name)]}, too: rename one.",
        )
    seen[snake(name)] = label
    known = {tag["name"] for tag in document.content.get("tags", [])}
    if len(node.get("tags", [])) != 1 or node["tags"][0] not in known:
        yield document.error(
            (*place, "tags"),
            f"{label} needs exactly one tag of those under `tags`: it names the service.",
        )
    yield from path_parameters(document, path, place)
    for index, parameter in enumerate(node.get("parameters", [])):
        yield from parameter_findings(document, parameter, (*place, "parameters", index))
    for index, parameter in enumerate(document.content["paths"][path].get("parameters", [])):
        yield from parameter_findings(document, parameter, ("paths", path, "parameters", index))
    if "requestBody" in node:
        yield from body(document, node["requestBody"], (*place, "requestBody"))
    yield from responses(document, node, label, place)
    yield from security(document, node, label, place)


def shadows(document: Document) -> Iterator[DocumentError]:
    """A concrete path goes before a templated one; two routers can't settle that between them."""
    tag_of = {}
    for path, item in document.content.get("paths", {}).items():
        for method in METHODS:
            if method in item and item[method].get("tags"):
                tag_of[path, method] = item[method]["tags"][0]
    for (path, method), tag in tag_of.items():
        for (other, other_method), other_tag in tag_of.items():
            if method == other_method and tag != other_tag and is_shadowed(path, other):
                yield document.error(
                    ("paths", path, method, "tags"),
                    f"{method.upper()} {path} could be answered by {other}, which has another tag:"
                    " give both the same.",
                )


def is_shadowed(path: str, other: str) -> bool:
    """Whether the other path's templates match this one, where this one is concrete."""
    pairs = list(zip(path.split("/"), other.split("/"), strict=False))
    same_length = path.count("/") == other.count("/")
    matches = all(ours == theirs or theirs.startswith("{") for ours, theirs in pairs)
    return same_length and matches and templated(path) < templated(other)


def path_parameters(
    document: Document, path: str, place: tuple[str, str, str]
) -> Iterator[DocumentError]:
    item = document.content["paths"][path]
    holders = [*item.get("parameters", []), *item[place[2]].get("parameters", [])]
    resolved = [document.resolve(parameter) for parameter in holders]
    declared = {node["name"] for node in resolved if node.get("in") == "path"}
    written = set(re.findall(r"\{([^}]*)\}", path))
    for name in sorted(written - declared):
        yield document.error(place, f"The path parameter `{name}` of {path} is not declared.")
    for name in sorted(declared - written):
        yield document.error(
            (*place, "parameters"), f"The path parameter `{name}` is not in the path {path}."
        )


def parameter_findings(
    document: Document, parameter: Any, place: tuple[str | int, ...]
) -> Iterator[DocumentError]:
    if "$ref" in parameter:
        place = tuple(tokens_of(parameter["$ref"]))
    node = document.resolve(parameter)
    name = node.get("name")
    if "content" in node or "schema" not in node:
        yield document.error(
            place, f"The parameter `{name}` can't be described by `content`: use `schema`."
        )
        return
    style = node.get("style")
    if style is not None and style not in STYLES[node["in"]]:
        yield document.error(
            (*place, "style"),
            f"The style `{style}` of the {node['in']} parameter `{name}` can't be read:"
            f" use {' or '.join(sorted(STYLES[node['in']]))}.",
        )
    if "object" in schema_types(document, node["schema"]):
        yield document.error(
            (*place, "schema"),
            f"The parameter `{name}` is an object, which can't be read from a {node['in']}:"
            " take a body, or one parameter for each property.",
        )


def schema_types(document: Document, schema: Any) -> set[str]:
    schema = document.resolve(schema)
    if not isinstance(schema, Mapping):
        return set()
    declared = schema.get("type", [])
    return {declared} if isinstance(declared, str) else set(declared)


def body(document: Document, node: Any, place: tuple[str | int, ...]) -> Iterator[DocumentError]:
    if "$ref" in node:
        place = tuple(tokens_of(node["$ref"]))
        node = document.resolve(node)
    content = node.get("content", {})
    if len(content) != 1:
        yield document.error(
            (*place, "content"),
            f"A body needs exactly one media type, this one has {len(content)}.",
        )
        return
    (media_type,) = content
    if media_type != "application/x-www-form-urlencoded" and not JSON.fullmatch(media_type):
        yield document.error(
            (*place, "content", media_type), f"A body of {media_type} can't be read: use {BODIES}."
        )
    if "schema" not in content[media_type]:
        yield document.error((*place, "content", media_type), "A body needs a `schema`.")


def responses(
    document: Document, node: Any, label: str, place: tuple[str, ...]
) -> Iterator[DocumentError]:
    declared = node.get("responses", {})
    for status, response in declared.items():
        if not re.fullmatch(r"[1-5][0-9]{2}", str(status)):
            yield document.error(
                (*place, "responses", str(status)),
                f"{label} declares `{status}`: name each status, so that each can be kept.",
            )
        content = document.resolve(response).get("content", {})
        if len(content) > 1:
            yield document.error(
                (*place, "responses", str(status)),
                f"{label} {status} has {len(content)} media types: one response has one.",
            )
    if not any(re.fullmatch(r"[23][0-9]{2}", str(status)) for status in declared):
        yield document.error(place, f"{label} declares no success: add a 2xx response.")


def security(
    document: Document, node: Any, label: str, place: tuple[str, ...]
) -> Iterator[DocumentError]:
    """All alternatives must ask for the same scopes of one bearer token: that is one question."""
    alternatives = node.get("security", document.content.get("security", []))
    where = (*place, "security") if "security" in node else ("security",)
    schemes = document.content.get("components", {}).get("securitySchemes", {})
    asked = set()
    for alternative in alternatives:
        if len(alternative) != 1:
            yield document.error(
                where, f"{label} asks for {len(alternative)} schemes at once: name one for each."
            )
            continue
        ((name, scopes),) = alternative.items()
        asked.add(frozenset(scopes))
        scheme = document.resolve(schemes.get(name))
        if scheme is None:
            yield document.error(where, f"The security scheme `{name}` is not declared.")
        elif not takes_a_bearer_token(scheme):
            yield document.error(
                where,
                f"The security scheme `{name}` is not oauth2, openIdConnect or http bearer,"
                " the ones that can be enforced.",
            )
    if len(asked) > 1:
        yield document.error(
            where, f"{label} asks each scheme for other scopes: name the same for all."
        )


def takes_a_bearer_token(scheme: Mapping[str, Any]) -> bool:
    if scheme["type"] == "http":
        return bool(scheme["scheme"].lower() == "bearer")
    return scheme["type"] in ("oauth2", "openIdConnect")
