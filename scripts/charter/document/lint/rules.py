"""What a good document keeps to. Each rule is a function that yields what it finds.

`generate` and `mock` work all the same; what they refuse is an error, and stands in `checks`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

import jsonschema_rs

from charter.document import checks
from charter.document.findings import Severity
from charter.document.lint import contradictions, deprecations
from charter.document.model import (
    ANY,
    FIELDS,
    Model,
    Node,
    Path,
    Remark,
    mapping,
    remedy,
    sequence,
)
from charter.document.structure import structure
from charter.runtime.normal import Upgrade
from charter.runtime.references import pointer, tokens_of
from charter.runtime.xml import is_xml

BASE = "urn:charter:linted"

CAMEL_CASE = re.compile(r"[a-z][a-zA-Z0-9]*")
APPLICATORS = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else"})

FORMER_KEYWORDS = {
    "nullable": "is of OpenAPI 3.0: write `type: [string, 'null']`, or an alternative of type null",
    "definitions": "is of an older JSON Schema: move it to components/schemas",
    "dependencies": "is of an older JSON Schema: write `dependentRequired` or `dependentSchemas`",
    "additionalItems": "is of an older JSON Schema: write `items` beside `prefixItems`",
}


def unknown_keyword(model: Model) -> Iterator[Remark]:
    """JSON Schema ignores a misspelt keyword, and so does the service."""
    for node in model.of("schema"):
        for name in node.value:
            is_known = name in FIELDS["schema"] or name.startswith("x-")
            if not is_known and not (name == "nullable" and model.version == "3.0"):
                yield Remark((*node.path, name), unknown(name))


def unknown(name: str) -> str:
    if name in FORMER_KEYWORDS:
        return f"`{name}` {FORMER_KEYWORDS[name]}."
    correction = remedy(name, FIELDS["schema"], "remove it, or let it begin with `x-`.")
    return f"A schema has no keyword `{name}`: {correction}"


def discriminator(model: Model) -> Iterator[Remark]:
    for node in model.of("discriminator"):
        for name, target in node.members("mapping").items():
            if str(target).startswith("#") and not checks.leads_somewhere(model, str(target)):
                yield checks.dangling(model, str(target), (*node.path, "mapping", name))


def operation_id(model: Model) -> Iterator[Remark]:
    for operation in model.operations:
        path = (*operation.node.path, "operationId")
        name = operation.node.value.get("operationId")
        if not isinstance(name, str) or not name:
            yield Remark(path, f"{operation.label} has no operationId: name it in camelCase.")
        elif not CAMEL_CASE.fullmatch(name):
            yield Remark(path, f"The operationId `{name}` is not camelCase: rename it.")


def tag(model: Model) -> Iterator[Remark]:
    declared = {str(node.value.get("name")): node for node in model.of("tag")}
    used = set()
    for operation in model.operations:
        names = operation.node.entries("tags")
        used |= set(map(str, names))
        for index, name in enumerate(names):
            if str(name) not in declared:
                path = (*operation.node.path, "tags", index)
                yield Remark(path, f"The tag `{name}` is not declared: add it to `tags`.")
    for name, node in declared.items():
        if name not in used:
            yield Remark(node.path, f"No operation has the tag `{name}`: remove it, or use it.")


def untagged(model: Model) -> Iterator[Remark]:
    for operation in model.operations:
        if not operation.node.entries("tags"):
            yield Remark(operation.node.path, f"{operation.label} has no tag: give it one.")


def trailing_slash(model: Model) -> Iterator[Remark]:
    for template, _ in model.items:
        if template != "/" and template.endswith("/"):
            yield Remark(("paths", template), f"{template} ends with a slash: remove it.")


def repeated_parameter(model: Model) -> Iterator[Remark]:
    for holder in model.of("operation", "path item"):
        seen = set()
        for index, _ in enumerate(holder.entries("parameters")):
            path = (*holder.path, "parameters", index)
            found = mapping(model.follow(path)[1])
            key = (str(found.get("in")), str(found.get("name")))
            if key in seen:
                yield Remark(path, f"The {key[0]} parameter `{key[1]}` is there twice: remove one.")
            seen.add(key)


def scope(model: Model) -> Iterator[Remark]:
    schemes = model.components("securitySchemes")
    for path, alternatives in dict(map(model.security, model.operations)).items():
        for index, alternative in enumerate(sequence(alternatives)):
            for name, scopes in mapping(alternative).items():
                if name in schemes:
                    yield from unknown_scopes(model, name, sequence(scopes), (*path, index, name))


def unknown_scopes(model: Model, name: str, scopes: list[Any], where: Path) -> Iterator[Remark]:
    _, scheme = model.follow(("components", "securitySchemes", name))
    if mapping(scheme).get("type") != "oauth2":
        return
    flows = mapping(mapping(scheme).get("flows"))
    declared = {scope for flow in flows.values() for scope in mapping(mapping(flow).get("scopes"))}
    for index, scope in enumerate(scopes):
        if str(scope) not in declared:
            correction = remedy(str(scope), declared, "declare it, or rename it.")
            message = f"No flow of `{name}` has the scope `{scope}`: {correction}"
            yield Remark((*where, index), message)


def link(model: Model) -> Iterator[Remark]:
    by_id = {str(found.node.value.get("operationId")): found for found in model.operations}
    for node in model.of("link"):
        if isinstance(node.value.get("operationRef"), str):
            if not checks.leads_somewhere(model, target := node.value["operationRef"]):
                yield checks.dangling(model, target, (*node.path, "operationRef"))
            continue
        name = str(node.value.get("operationId"))
        if name not in by_id:
            correction = remedy(name, by_id, "name one that there is.")
            message = f"The link leads to `{name}`, which is not an operationId: {correction}"
            yield Remark((*node.path, "operationId"), message)
            continue
        taken = model.parameters(by_id[name])
        names = {name for _, name in taken} | {f"{where}.{name}" for where, name in taken}
        for parameter in node.members("parameters"):
            if parameter not in names:
                message = f"`{name}` has no parameter `{parameter}`: rename it."
                yield Remark((*node.path, "parameters", parameter), message)


def example(model: Model) -> Iterator[Remark]:
    """An example that its schema refuses teaches what doesn't work."""
    judge = judge_of(model)
    for node in model.of("media type", "parameter", "header"):
        is_text = node.kind == "media type" and is_xml(str(node.path[-1]))
        for path in example_paths(model, node):
            if is_text and isinstance(model.at(path), str):
                continue  # the XML itself
            yield from disobeying(judge((*node.path, "schema")), model, path)
    for node in model.of("schema"):
        for index, _ in enumerate(node.entries("examples")):
            yield from disobeying(judge(node.path), model, (*node.path, "examples", index))
        if "example" in node.value:
            yield from disobeying(judge(node.path), model, (*node.path, "example"))


def default(model: Model) -> Iterator[Remark]:
    judge = judge_of(model)
    for node in model.of("schema"):
        if "default" in node.value:
            yield from disobeying(judge(node.path), model, (*node.path, "default"))


def example_paths(model: Model, node: Node) -> Iterator[Path]:
    if "schema" not in node.value:
        return
    if "example" in node.value:
        yield (*node.path, "example")
    for name in node.members("examples"):
        path, value = model.follow((*node.path, "examples", name))
        if "value" in mapping(value):
            yield (*path, "value")


Validator = jsonschema_rs.Draft202012Validator


def judge_of(model: Model) -> Callable[[Path], Validator | None]:
    """Compiles the schema at a path; nothing where other rules have to be kept first."""
    content = dict(model.content)
    if model.version == "3.0" and not structure(model):
        content = Upgrade(content, old=True).node(content)
    registry = jsonschema_rs.Registry([(BASE, content)])

    @cache
    def judge(path: Path) -> Validator | None:
        try:
            return Validator(
                {"$ref": f"{BASE}#{quote(pointer(*path), safe='/~')}"},
                registry=registry,
                validate_formats=True,
            )
        except (jsonschema_rs.ReferencingError, jsonschema_rs.ValidationError, ValueError):
            return None

    return judge


def disobeying(validator: Validator | None, model: Model, path: Path) -> Iterator[Remark]:
    if validator is None:
        return
    for error in validator.iter_errors(model.at(path)):
        problem = f"The {path_word(path)} does not match its schema: {error.message}."
        message = f"{problem} Correct one of them."
        yield Remark((*path, *error.instance_path), message)


def path_word(path: Path) -> str:
    return "default" if path[-1] == "default" else "example"


def required(model: Model) -> Iterator[Remark]:
    """A required property that no schema describes can hold anything: it is often a misspelling."""
    for node in model.of("schema"):
        names = node.entries("required")
        if not names:
            continue
        known = set().union(*(properties(model, path, set()) for path in surroundings(node.path)))
        for index, name in enumerate(names):
            if ANY not in known and str(name) not in known:
                correction = remedy(str(name), known, "add it, or remove it here.")
                message = f"The required property `{name}` is not defined: {correction}"
                yield Remark((*node.path, "required", index), message)


def surroundings(path: Path) -> Iterator[Path]:
    """The schema itself and those that it is a part of by `allOf` and the like."""
    yield path
    while path:
        outer = path[:-2] if isinstance(path[-1], int) else path[:-1]
        if path[len(outer)] not in APPLICATORS:
            return
        path = outer
        yield path


def properties(model: Model, path: Path, seen: set[Path]) -> set[str]:
    """The properties that a schema describes; ANY where their names are open."""
    try:
        schema = mapping(model.at(path))
    except LookupError:
        return set()
    if path in seen:
        return set()
    seen.add(path)
    found = set(mapping(schema.get("properties")))
    if schema.get("patternProperties") or isinstance(schema.get("additionalProperties"), dict):
        found.add(ANY)
    if (target := model.target(schema)) is not None:
        found |= properties(model, target, seen)
    for keyword in ("allOf", "anyOf", "oneOf"):
        for index, _ in enumerate(sequence(schema.get(keyword))):
            found |= properties(model, (*path, keyword, index), seen)
    return found


def problem(model: Model) -> Iterator[Remark]:
    """Errors are problem documents (RFC 9457)."""
    for operation in model.operations:
        for status in operation.node.members("responses"):
            path, response = model.follow((*operation.node.path, "responses", status))
            content = mapping(mapping(response).get("content"))
            if re.fullmatch("[45].*", str(status)) and "application/problem+json" not in content:
                message = (
                    f"{operation.label} answers {status} without application/problem+json: add it."
                )
                yield Remark(path, message)


def description(model: Model) -> Iterator[Remark]:
    named = {("components", kind) for kind in ("schemas", "securitySchemes", "links")}
    for node in model.of("info", "tag", "parameter", "header", "response", "link", "server"):
        yield from missing(node, "description", "say what it is for")
    for node in model.of("schema", "security scheme"):
        if node.path[:2] in named and len(node.path) == 3:
            yield from missing(node, "description", "say what it is for")
    for node in model.of("flow"):
        for scope, text in node.members("scopes").items():
            if not text:
                message = f"The scope `{scope}` has no description: say what it allows."
                yield Remark((*node.path, "scopes", scope), message)


def summary(model: Model) -> Iterator[Remark]:
    for operation in model.operations:
        if not str(operation.node.value.get("summary") or "").strip():
            message = f"{operation.label} has no summary: say in one line what it does."
            yield Remark(operation.node.path, message)
    for node in model.of("example"):
        yield from missing(node, "summary", "say in one line what it shows")


def missing(node: Node, field: str, request: str) -> Iterator[Remark]:
    if not str(node.value.get(field) or "").strip():
        yield Remark(node.path, f"{naming(node)} has no {field}: {request}.")


def naming(node: Node) -> str:
    name = node.value.get("name", node.path[-1] if node.path else "")
    is_named = isinstance(name, str) and name != node.kind
    return f"The {node.kind} `{name}`" if is_named else f"The {node.kind}"


def lacks_example(model: Model) -> Iterator[Remark]:
    for node in model.of("media type", "parameter", "header"):
        if "schema" in node.value and not node.value.keys() & {"example", "examples"}:
            yield Remark(node.path, f"{naming(node)} has no example: give it one.")
    for node in model.of("schema"):
        component = node.path[:2] == ("components", "schemas") and len(node.path) == 3
        if component and not node.value.keys() & {"example", "examples"}:
            yield Remark(node.path, f"{naming(node)} has no example: give it `examples`.")


def unused_component(model: Model) -> Iterator[Remark]:
    used = Counter(used_components(model))
    for section, components in mapping(model.content.get("components")).items():
        for name in mapping(components):
            path = ("components", str(section), str(name))
            if path not in used:
                yield Remark(path, f"Nothing refers to `{name}`: remove it, or use it.")


def overlay(model: Model) -> Iterator[Remark]:
    """What the overlays of the document don't do."""
    for caution in model.document.cautions:
        yield Remark((), caution.message, place=caution.place)


def used_components(model: Model) -> Iterator[Path]:
    for node in model.nodes:
        if isinstance(node.value.get("$ref"), str):
            yield tuple(tokens_of(node.value["$ref"])[:3])
        if node.kind == "discriminator":
            for target in node.members("mapping").values():
                yield tuple(tokens_of(str(target))[:3])
    for operation in model.operations:
        for alternative in sequence(model.security(operation)[1]):
            for name in mapping(alternative):
                yield ("components", "securitySchemes", name)


@dataclass(frozen=True)
class Rule:
    """A rule, how severe a violation is, and what finds the violations."""

    name: str
    severity: Severity
    find: Callable[[Model], Iterator[Remark]]


OF_SOUND_DOCUMENTS = frozenset({"xml"})
"""Rules that ask for a document without errors."""

RULES = tuple(
    Rule(name, severity, find)
    for severity, rules in (
        (Severity.WARNING, {
            "unknown-keyword": unknown_keyword,
            "discriminator": discriminator,
            "tag": tag,
            "repeated-parameter": repeated_parameter,
            "scope": scope,
            "link": link,
            "example": example,
            "default": default,
            "required": required,
            "path": trailing_slash,
            "impossible": contradictions.impossible,
            "misplaced-keyword": contradictions.misplaced_keyword,
            "ignored-sibling": contradictions.ignored_sibling,
            "ignored-nullable": contradictions.nullable,
            "body": contradictions.body,
            "ignored-parameter": contradictions.ignored_parameter,
            "media-type": contradictions.media_type,
            "server": contradictions.server,
            "repeated-tag": contradictions.repeated_tag,
            "mode": contradictions.mode,
            "xml": checks.left_out,
            "sunset": deprecations.sunset,
            "overlay": overlay,
            "past-sunset": deprecations.past_sunset,
            "no-sunset": deprecations.no_sunset,
        }),
        (Severity.INFO, {
            "operation-id": operation_id,
            "problem": problem,
            "description": description,
            "summary": summary,
            "missing-example": lacks_example,
            "unused-component": unused_component,
            "untagged": untagged,
            "untyped-array": contradictions.untyped_array,
            "no-deprecation-date": deprecations.no_deprecation_date,
        }),
    )
    for name, find in rules.items()
)  # fmt: skip
