"""Rules about what is valid by the letter, and yet says nothing or the opposite of something."""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from charter.document.model import Model, Path, Remark, is_number, mapping, sequence, types_of

LIMITS = (
    ("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"),
    ("minProperties", "maxProperties"), ("minContains", "maxContains"),
)  # fmt: skip
KEYWORDS_OF = {
    "string": ("minLength", "maxLength", "pattern", "contentEncoding", "contentMediaType"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"),
    "object": (
        "properties", "required", "additionalProperties", "patternProperties", "propertyNames",
        "minProperties", "maxProperties", "dependentRequired",
    ),
}  # fmt: skip
JSON_TYPES = {
    "string": str, "boolean": bool, "array": list, "object": dict, "null": type(None),
}  # fmt: skip
MEDIA_TYPE = re.compile(r"[\w.+*!#$&^-]+/[\w.+*!#$&^-]+(\s*;.*)?")


def impossible(model: Model) -> Iterator[Remark]:
    """Schemas that no value satisfies."""
    for node in model.of("schema"):
        for low, high in LIMITS:
            least, most = node.value.get(low), node.value.get(high)
            if is_number(least) and is_number(most) and least > most:
                message = f"{low} {least} is above {high} {most}: no value fits. Correct one."
                yield Remark((*node.path, low), message)
        allowed = node.entries("enum")
        for index, value in enumerate(allowed):
            if value in allowed[:index]:
                message = f"The value {value!r} is in `enum` twice: remove one."
                yield Remark((*node.path, "enum", index), message)
            elif not is_of_type(model, node.value, value):
                message = f"The value {value!r} in `enum` is not of the type: correct one of them."
                yield Remark((*node.path, "enum", index), message)
        if "const" in node.value and not is_of_type(model, node.value, node.value["const"]):
            yield Remark((*node.path, "const"), "`const` is not of the type: correct one of them.")


def misplaced_keyword(model: Model) -> Iterator[Remark]:
    """Keywords that say nothing about values of the schema's type."""
    for node in model.of("schema"):
        types = types_of(node.value.get("type"))
        if not types:
            continue
        types = {"number" if name == "integer" else name for name in types}
        for name, keywords in KEYWORDS_OF.items():
            for keyword in keywords:
                if name not in types and keyword in node.value:
                    what = " or ".join(sorted(types))
                    message = f"`{keyword}` says nothing about a {what}: remove it, or the type."
                    yield Remark((*node.path, keyword), message)


def is_of_type(model: Model, schema: Any, value: Any) -> bool:
    types = types_of(mapping(schema).get("type"))
    if not types or (value is None and mapping(schema).get("nullable") is True):
        return True
    return any(
        is_number(value) if name in ("number", "integer") else isinstance(value, JSON_TYPES[name])
        for name in types
        if name in JSON_TYPES or name in ("number", "integer")
    )


def untyped_array(model: Model) -> Iterator[Remark]:
    for node in model.of("schema"):
        described = node.value.keys() & {"items", "prefixItems", "contains", "enum", "const"}
        if (
            types_of(node.value.get("type")) == {"array"}
            and not described
            and not node.entries("allOf")
        ):
            yield Remark((*node.path, "type"), "The list says nothing of its entries: add `items`.")


def ignored_sibling(model: Model) -> Iterator[Remark]:
    """OpenAPI 3.0 ignores what stands beside a `$ref`."""
    if model.version != "3.0":
        return
    for path, node in model.keyworded:
        if isinstance(node.get("$ref"), str):
            for name in node:
                if name != "$ref" and not name.startswith("x-"):
                    message = f"OpenAPI 3.0 ignores `{name}` beside `$ref`: use `allOf`, or 3.1."
                    yield Remark((*path, name), message)


def nullable(model: Model) -> Iterator[Remark]:
    """`nullable` where OpenAPI 3.0 gives it no effect (3.0.4, "Schema Object")."""
    if model.version != "3.0":
        return
    for node in model.of("schema"):
        if node.value.get("nullable") is not True or "$ref" in node.value:
            continue
        where = (*node.path, "nullable")
        if not isinstance(node.value.get("type"), str):
            yield Remark(where, "`nullable` without `type` beside it says nothing: add the type.")
        elif "enum" in node.value and None not in node.entries("enum"):
            yield Remark(where, "`nullable` says nothing where `enum` lacks null: add it there.")


def body(model: Model) -> Iterator[Remark]:
    """Bodies where HTTP gives them no meaning (RFC 9110, sections 9.3 and 15)."""
    for operation in model.operations:
        if operation.method in ("get", "head", "trace") and "requestBody" in operation.node.value:
            message = f"A body of {operation.method.upper()} has no meaning: use parameters."
            yield Remark((*operation.node.path, "requestBody"), message)
        for status in operation.node.members("responses"):
            path, response = model.follow((*operation.node.path, "responses", status))
            if re.fullmatch(r"1..|204|205|304", status) and mapping(response).get("content"):
                yield Remark((*path, "content"), f"A {status} has no body: remove `content`.")


def ignored_parameter(model: Model) -> Iterator[Remark]:
    """Headers that are described in another place."""
    for node in model.of("parameter"):
        name = str(node.value.get("name"))
        remedies = {
            "accept": "the media types of the responses say it",
            "content-type": "the media types of the request body say it",
            "authorization": "declare a security scheme",
        }
        if node.value.get("in") == "header" and name.lower() in remedies:
            message = f"A header parameter `{name}` is ignored: {remedies[name.lower()]}."
            yield Remark((*node.path, "name"), message)


def media_type(model: Model) -> Iterator[Remark]:
    for node in model.of("request body", "response"):
        for name in node.members("content"):
            if not MEDIA_TYPE.fullmatch(name):
                message = (
                    f"`{name}` is no media type, so that nobody sends it: write for example"
                    " application/json."
                )
                yield Remark((*node.path, "content", name), message)


def server(model: Model) -> Iterator[Remark]:
    for node in model.of("server"):
        url = str(node.value.get("url", ""))
        used = set(re.findall(r"\{([^{}]*)\}", url))
        declared = node.members("variables")
        for name in sorted(used - declared.keys()):
            message = f"The variable `{name}` of the server is not declared: add it to `variables`."
            yield Remark((*node.path, "url"), message)
        for name in declared.keys() - used:
            message = f"The URL of the server has no `{name}`: remove the variable."
            yield Remark((*node.path, "variables", name), message)
        if url.endswith("/") and url != "/":
            message = "The server's URL ends with a slash, and paths begin with one: remove it."
            yield Remark((*node.path, "url"), message)


def repeated_tag(model: Model) -> Iterator[Remark]:
    names = [(node, str(node.value.get("name"))) for node in model.of("tag")]
    for (_, first), (node, second) in combinations(names, 2):
        if first == second:
            yield Remark((*node.path, "name"), f"The tag `{first}` is there twice: remove one.")


def mode(model: Model) -> Iterator[Remark]:
    """Examples with members that are never sent in their direction."""
    for operation in model.operations:
        yield from wrong_members(model, (*operation.node.path, "requestBody"), "readOnly")
        for status in operation.node.members("responses"):
            yield from wrong_members(
                model, (*operation.node.path, "responses", status), "writeOnly"
            )


def wrong_members(model: Model, path: Path, flag: str) -> Iterator[Remark]:
    try:
        path, value = model.follow(path)
    except LookupError:
        return
    for name, content in mapping(mapping(value).get("content")).items():
        where = (*path, "content", name)
        flagged = members_with(model, (*where, "schema"), flag, set())
        examples = [((*where, "example"), mapping(content).get("example"))]
        for key in mapping(mapping(content).get("examples")):
            place, example = model.follow((*where, "examples", key))
            examples.append(((*place, "value"), mapping(example).get("value")))
        for place, example in examples:
            for member in flagged & mapping(example).keys():
                direction = "request" if flag == "readOnly" else "response"
                message = f"`{member}` is {flag}, so that no {direction} has it: remove it here."
                yield Remark((*place, member), message)


def members_with(model: Model, path: Path, flag: str, seen: set[Path]) -> set[str]:
    """The properties of an object that have a flag."""
    try:
        path, schema = model.follow(path)
    except LookupError:
        return set()
    if path in seen:
        return set()
    seen.add(path)
    found = {
        name
        for name in mapping(mapping(schema).get("properties"))
        if mapping(model.follow((*path, "properties", name))[1]).get(flag) is True
    }
    for index, _ in enumerate(sequence(mapping(schema).get("allOf"))):
        found |= members_with(model, (*path, "allOf", index), flag, seen)
    return found
