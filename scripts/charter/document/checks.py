"""What can't be generated from or mocked: each rule is a function that yields what it finds.

`generate` and `mock` refuse a document by its first error; `charter lint` reports all of them.
What is for readers only, and asks nothing of the service, is listed in docs/documents.md.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any
from urllib.parse import quote

import jsonschema_rs
from jsonschema_rs import Draft202012Validator

from charter.document import Document, DocumentError
from charter.document.bundling import kind_of
from charter.document.model import Model, Operation, Path, Remark, mapping, remedy, sequence
from charter.document.structure import (
    JSON_SCHEMA,
    invalid_schema,
    official_schema_of,
    structure,
)
from charter.runtime import Contract, paths
from charter.runtime.judge import BASE, PATTERNS
from charter.runtime.normal import normal
from charter.runtime.patterns import strict
from charter.runtime.references import at, has, pointer, tokens, tokens_of
from charter.runtime.sequences import is_sequential
from charter.runtime.views import Direction
from charter.runtime.xml import Unserved, has_xml, unserved

DIALECTS = "https://spec.openapis.org/oas/3."
"""OpenAPI's own, which are JSON Schema 2020-12 and annotations."""
VERSION = re.compile(r"3\.[012](?![0-9])")
PLACES = frozenset({"cookie", "header", "path", "query"})

Rule = Callable[[Model], Iterable[Remark]]


def check(document: Document) -> None:
    """Raises DocumentError, with all errors."""
    found = [document.error(remark.path, remark.message) for _, remark in errors(Model(document))]
    if found:
        raise DocumentError.of(found)


def errors(model: Model) -> list[tuple[str, Remark]]:
    """Every error with the name of its rule."""
    if unsupported := list(version(model)):
        return [("version", remark) for remark in unsupported]
    malformed = list(structure(model))
    found = [("structure", remark) for remark in malformed]
    found += [(name, remark) for name, rule in ERRORS for remark in rule(model)]
    known = {remark.path for remark in malformed}
    found += [("schema", one) for one in invalid_schema(model) if one.path not in known]
    if not found:
        found += [("xml", remark) for remark in unsayable(model)]
    return found or [("schema", remark) for remark in uncompilable(model)]


def version(model: Model) -> Iterator[Remark]:
    declared = str(model.content["openapi"])
    if not VERSION.match(declared):
        message = f"OpenAPI {declared} is not supported: write the document in 3.0, 3.1 or 3.2."
        yield Remark(("openapi",), message)


# -- references -----------------------------------------------------------------------------------


def reference(model: Model) -> Iterator[Remark]:
    """References to nothing, in a circle, or to what can't stand in their place."""
    ending: set[str] = set()
    for path, node in model.keyworded:
        target = node.get("$ref")
        if not isinstance(target, str):
            continue
        where = (*path, "$ref")
        if not leads_somewhere(model, target):
            yield dangling(model, target, where)
        elif is_circular(model, target, ending):
            message = f"The reference {target} leads in a circle: write the object in one place."
            yield Remark(where, message)
        elif not fits(model, path, target):
            message = (
                f"The reference {target} leads to what can't stand here: refer to one of"
                f" components.{kind_of(tuple(map(str, path)))}, or to a similar object."
            )
            yield Remark(where, message)


def leads_somewhere(model: Model, target: str) -> bool:
    if target != "#" and not target.startswith("#/"):
        return False
    return has(model.content, tokens_of(target))


def dangling(model: Model, target: str, path: Path) -> Remark:
    """Says which name is wrong, if another one is close to it."""
    node: Any = model.content
    correction = "add what it names, or correct it."
    for token in tokens_of(target):
        if not has(node, [token]):
            correction = remedy(token, mapping(node), correction)
            break
        node = at(node, [token])
    return Remark(path, f"The reference {target} leads nowhere: {correction}")


def is_circular(model: Model, target: str, ending: set[str]) -> bool:
    """`ending` are the references that are known to end, to which the followed ones are added."""
    followed = set()
    while target not in ending:
        if target in followed:
            return True
        followed.add(target)
        node = at(model.content, tokens_of(target))
        following = mapping(node).get("$ref")
        if not isinstance(following, str) or not leads_somewhere(model, following):
            break
        target = following
    ending |= followed
    return False


def fits(model: Model, path: Path, target: str) -> bool:
    """Whether what a reference names may stand where it does."""
    kind = kind_of(tuple(map(str, path)))
    tokens = tokens_of(target)
    match tokens:
        case ("paths",) | ("components", _) | ("components",) | ("info" | "servers" | "tags", *_):
            return False
        case ("components", holder, _) if holder != kind:
            return False
        case ("paths" | "webhooks", _) if kind != "pathItems":
            return False
    # a target that refers on is validated in its own turn
    node = {"A": {"A": at(model.content, tokens)}}
    return bool(official_schema_of(kind, model.version).is_valid(node))


# -- paths and operations -------------------------------------------------------------------------


def path_template(model: Model) -> Iterator[Remark]:
    for template, item in model.items:
        path = ("paths", template)
        rest = paths.TEMPLATE.sub("", template)
        if "{" in rest or "}" in rest:
            message = f"The path {template} has an unbalanced brace: add the other one."
            yield Remark(path, message)
        names = paths.names(template)
        if twice := [name for name in names if names.count(name) > 1]:
            yield Remark(path, f"The path {template} has `{twice[0]}` twice: rename one.")
        for name in paths.names(template.partition("#")[2]):
            message = f"`{name}` is in the fragment of {template}, which no request has: remove it."
            yield Remark(path, message)
        for name, value in paths.query(template):
            if paths.names(name) or (paths.names(value) and not paths.TEMPLATE.fullmatch(value)):
                message = (
                    f"`{name}={value}` in the query of {template} can't be read: declare a"
                    " parameter in query."
                )
                yield Remark(path, message)
        if "additionalOperations" in item.value:
            message = "Methods outside of HTTP can't be routed: use one of HTTP's."
            yield Remark((*item.path, "additionalOperations"), message)


def same_path(model: Model) -> Iterator[Remark]:
    """Operations of one method whose paths differ only in the names of their parameters."""
    seen: dict[tuple[str, str], str] = {}
    for operation in model.operations:
        template, method = operation.template, operation.method
        other = seen.setdefault((method, paths.template_key(template)), template)
        if paths.address(other) != paths.address(template):
            message = f"{operation.label} is the same as {method.upper()} {other}: remove one."
            yield Remark(("paths", template), message)


def operation_id(model: Model) -> Iterator[Remark]:
    seen: dict[str, str] = {}
    for operation in model.operations:
        name = operation.node.value.get("operationId")
        if isinstance(name, str) and seen.setdefault(name, operation.label) != operation.label:
            message = f"The operationId `{name}` is also that of {seen[name]}: rename one."
            yield Remark((*operation.node.path, "operationId"), message)


def path_parameter(model: Model) -> Iterator[Remark]:
    for operation in model.operations:
        declared = model.parameters(operation)
        in_path = {name for where, name in declared if where == "path"}
        in_query = {name for where, name in declared if where == "query"}
        values = (value for _, value in paths.query(operation.template))
        queried = {name for value in values for name in paths.names(value)}
        written = set(paths.names(operation.template))
        for name in sorted(written - in_path - (queried & in_query)):
            message = f"The path parameter `{name}` of {operation.label} is not declared: add it."
            yield Remark(operation.node.path, message)
        for name in sorted(in_path - written):
            message = (
                f"The path parameter `{name}` is not in the path {operation.template}: rename or"
                " remove it, or correct the path."
            )
            yield Remark(path_of_use(model, operation, name), message)


def path_of_use(model: Model, operation: Operation, name: str) -> Path:
    """Where the operation or its path names a path parameter, be it by reference."""
    for holder in (operation.node, operation.item):
        for index, _ in enumerate(holder.entries("parameters")):
            path = (*holder.path, "parameters", index)
            found = mapping(model.follow(path)[1])
            if found.get("name") == name and found.get("in") == "path":
                return path
    return operation.node.path


def parameter(model: Model) -> Iterator[Remark]:
    for operation in model.operations:
        for (where, name), (path, value) in model.parameters(operation).items():
            if isinstance(mapping(value).get("in"), str) and where not in PLACES:
                message = (
                    f"The parameter `{name}` in {where} can't be read: use one parameter in query"
                    " for each name."
                )
                yield Remark((*path, "in"), message)


def response(model: Model) -> Iterator[Remark]:
    for operation in model.operations:
        if operation.node.value.get("responses") == {}:
            message = f"{operation.label} declares no response: add one."
            yield Remark((*operation.node.path, "responses"), message)


def item_schema(model: Model) -> Iterator[Remark]:
    """Items of media types that are none of a sequence, or that nobody here takes apart."""
    for node in model.of("media type"):
        media_type = str(node.path[-1])
        for keyword in ("itemSchema", "itemEncoding", "prefixEncoding"):
            if keyword in node.value and not (
                keyword == "itemSchema" and is_sequential(media_type)
            ):
                message = (
                    f"`{keyword}` of {media_type} can't be served: use text/event-stream,"
                    " application/jsonl or application/json-seq, or write a `schema`."
                )
                yield Remark((*node.path, keyword), message)


def security(model: Model) -> Iterator[Remark]:
    schemes = model.components("securitySchemes")
    for path, alternatives in dict(map(model.security, model.operations)).items():
        for index, alternative in enumerate(sequence(alternatives)):
            for name in mapping(alternative):
                if name not in schemes:
                    message = (
                        f"The security scheme `{name}` is not declared: add it to"
                        " components.securitySchemes, or rename it."
                    )
                    yield Remark((*path, index, name), message)


# -- schemas --------------------------------------------------------------------------------------


def dialect(model: Model) -> Iterator[Remark]:
    for path, node in model.keyworded:
        for keyword in ("jsonSchemaDialect", "$schema"):
            declared = str(node.get(keyword, JSON_SCHEMA))
            if declared != JSON_SCHEMA and not declared.startswith(DIALECTS):
                message = f"Schemas of {declared} are not supported: write them in {JSON_SCHEMA}."
                yield Remark((*path, keyword), message)


def pattern(model: Model) -> Iterator[Remark]:
    """Patterns that aren't of ECMA-262, such as those with escapes of other kinds."""
    for path, node in model.keyworded:
        patterns = [((*path, "pattern"), node.get("pattern"))]
        patterns += [
            ((*path, "patternProperties", name), name)
            for name in mapping(node.get("patternProperties"))
        ]
        for where, text in patterns:
            if isinstance(text, str) and (message := fault_of_pattern(text)):
                yield Remark(where, message)


@cache
def fault_of_pattern(text: str) -> str:
    """Nothing if there is none."""
    for letter in re.findall(r"\\(.)", text, re.DOTALL):
        if letter.isascii() and letter.isalpha() and letter not in ESCAPES:
            ours = REMEDIES.get(letter, letter)
            return f"ECMA-262 has no `\\{letter}` in patterns: write `{ours}`."
    try:
        Draft202012Validator({"pattern": strict(text)}, pattern_options=PATTERNS)
    except ValueError:  # such as ValidationError
        if any(int(count) > MOST_REPEATS for count in re.findall(r"\{(?:\d+,)?(\d+)", text)):
            return f"The pattern counts beyond {MOST_REPEATS}, which takes too much: count less."
        return "Not an ECMA-262 regular expression. Correct the pattern."
    return ""


ESCAPES = "bBcdDfknpPrsStuvwWx"
"""The letters that have a meaning behind a backslash (ECMA-262, "Patterns")."""
MOST_REPEATS = 20_000
"""To which the judge's engine counts in the memory that it has (`runtime/judge.py`)."""
REMEDIES = {"A": "^", "h": r"[ \t]", "R": r"\r?\n", "z": "$", "Z": "$"}


def own_part(model: Model) -> Iterator[Remark]:
    declared = model.components("schemas")
    direct = circling({name: set(parts(schema)) for name, schema in declared.items()})
    for name in direct:
        seen: set[str] = set()
        waiting = list(direct[name])
        while waiting and name not in seen:
            part = waiting.pop()
            if part not in seen:
                seen.add(part)
                waiting.extend(direct[part])
        if name in seen:
            message = f"The schema `{name}` has itself as a part of its `allOf`: remove that part."
            yield Remark(("components", "schemas", name), message)


def circling(direct: dict[str, set[str]]) -> dict[str, set[str]]:
    """Those from which a circle is reached: what has no parts is taken away, again and again."""
    wholes: dict[str, set[str]] = {}
    for name, found in direct.items():
        for part in found:
            wholes.setdefault(part, set()).add(name)
    left = {name: len(found & direct.keys()) for name, found in direct.items()}
    waiting = [name for name, number in left.items() if number == 0]
    while waiting:
        part = waiting.pop()
        del left[part]
        for whole in wholes.get(part, ()):
            left[whole] -= 1
            if left[whole] == 0:
                waiting.append(whole)
    return {name: direct[name] & left.keys() for name in left}


def parts(schema: Any) -> Iterator[str]:
    """The names of the schemas that a schema is made of, by `allOf`."""
    target = mapping(schema).get("$ref")
    match tokens_of(target) if isinstance(target, str) else ():
        case ("components", "schemas", name):
            yield name
    for part in sequence(mapping(schema).get("allOf")):
        yield from parts(part)


def uncompilable(model: Model) -> Iterator[Remark]:
    """The first schema that can't be compiled, in a document without other errors."""
    try:
        contract = Contract(model.content)
        for operation in contract.operations.values():
            contract.reader(operation.id)
            for content in operation.contents:
                _ = content.validator  # compiled, where the service waits until it is needed
        names = mapping(mapping(contract.judge.document.get("components")).get("schemas"))
        places = (quote(pointer("components", "schemas", name), safe="/~") for name in names)
        # all at once: what one refers to is compiled once
        every = [True, *({"$ref": f"{BASE}#{place}"} for place in places)]
        contract.judge.compiled({"allOf": every}, Direction.REQUEST)
    except jsonschema_rs.ValidationError as error:
        message = f"This is not a valid JSON Schema: {error.message}. Correct it."
        yield Remark(tuple(error.instance_path), message)


# -- XML ------------------------------------------------------------------------------------------


def not_in_xml(model: Model) -> Iterator[Unserved]:
    """Bodies in XML that their schemas can't be said in."""
    return unserved(normal(model.content)) if has_xml(model.content) else iter(())


def unsayable(model: Model) -> Iterator[Remark]:
    """Those that have no other media type."""
    for one in not_in_xml(model):
        if one.is_alone:
            yield Remark(tokens(one.reason.place), f"{one.media_type}: {one.reason.message}")


def left_out(model: Model) -> Iterator[Remark]:
    """Those that have another one, in a document without errors: that alone is served."""
    for one in not_in_xml(model):
        if not one.is_alone:
            message = (
                f"{one.media_type} is left out here, and answered with 415 or 406:"
                f" {one.reason.message}"
            )
            yield Remark(tokens(one.reason.place), message)


ERRORS: tuple[tuple[str, Rule], ...] = (
    ("reference", reference),
    ("path", path_template),
    ("path", same_path),
    ("operation-id", operation_id),
    ("path-parameter", path_parameter),
    ("parameter", parameter),
    ("response", response),
    ("item-schema", item_schema),
    ("security", security),
    ("dialect", dialect),
    ("all-of", own_part),
    ("pattern", pattern),
)
"""In this order, between those of structure and of schemas."""
