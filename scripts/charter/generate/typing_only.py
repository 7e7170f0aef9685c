"""A copy of the document that says of its schemas only what Python types can say.

The document itself judges each request; constraints in the models would judge it again, and
otherwise: Pydantic's e-mail addresses, integers and lengths are not JSON Schema's. Names are those
of Python here, so that the generators have none to make up.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

from charter.generate.names import Names
from charter.runtime.judge import BASE, Judge
from charter.runtime.normal import DATA, DECLARED, METHODS, NAMED
from charter.runtime.parameters import JSON
from charter.runtime.parts import essence
from charter.runtime.references import absolute, pointer, rebuilt, references, resolve
from charter.runtime.sequences import EVENTS, is_sequence
from charter.runtime.shapes import Shape
from charter.runtime.views import either

CONSTRAINTS = frozenset(
    {
        "contains", "dependentRequired", "dependentSchemas", "discriminator", "else",
        "exclusiveMaximum", "exclusiveMinimum", "if", "maxContains", "maxItems", "maxLength",
        "maxProperties", "maximum", "minContains", "minItems", "minLength", "minProperties",
        "minimum", "multipleOf", "not", "pattern", "propertyNames", "then", "unevaluatedItems",
        "unevaluatedProperties", "uniqueItems",
    }
)  # fmt: skip
ANNOTATIONS = frozenset(
    {
        "$comment", "contentEncoding", "contentMediaType", "contentSchema", "example", "examples",
        "externalDocs", "nullable", "xml",
    }
)  # fmt: skip
TYPING_FORMATS = frozenset({"binary", "date", "date-time", "uuid"})
SCHEMAS = "#/components/schemas/"
COMPONENT = re.compile(r"#/components/[^/]+/[^/]+")


def typing_only(document: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """The typing copy of a document in its normal form."""
    stripped: dict[str, Any] = Renamed(names).of(strip(with_items(either(document))))
    stripped = inline(Simplified(stripped).of(stripped))
    stripped["info"] = {"title": "-", "version": "-"}
    stripped["tags"] = [{"name": module} for module in names.modules.values()]
    for unused in ("webhooks", "security", "servers", "externalDocs"):
        stripped.pop(unused, None)
    stripped["paths"] = {keyed(path): item for path, item in stripped.get("paths", {}).items()}
    for item in stripped["paths"].values():
        if "query" in item:  # which the generators do not know: `RecordingParser` calls it back
            item[next(method for method in METHODS if method not in item)] = item.pop("query")
        for method in METHODS:
            if method in item:
                operation = item[method]
                for unused in ("callbacks", "security", "servers"):
                    operation.pop(unused, None)
                operation["operationId"] = names.operations[operation["operationId"]]
                operation["tags"] = [names.modules[operation["tags"][0]]]
    return stripped


def with_items(document: dict[str, Any]) -> dict[str, Any]:
    """With the schema of an item where that of a whole sequence would stand, in place."""
    sequences = {id(content): (media_type, content) for media_type, content in streamed(document)}
    for _, content in sequences.values():
        content["schema"] = content.pop("itemSchema")
    events = [one["schema"] for name, one in sequences.values() if essence(name) == EVENTS]
    if events:
        type_data(document, events)
    return document


def streamed(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The Media Type Object of each sequence, with its media type."""
    if isinstance(node, list):
        for child in node:
            yield from streamed(child)
    elif isinstance(node, dict):
        contents = node.get("content")
        for media_type, content in contents.items() if isinstance(contents, dict) else ():
            if isinstance(content, dict) and is_sequence(media_type, content):
                yield media_type, content
        for name, child in node.items():
            if name not in DATA:
                yield from streamed(child)


def type_data(document: dict[str, Any], events: list[Any]) -> None:
    """Give the data of events the type of the JSON that they hold.

    The data stay text where the JSON may be a string, because a service could not say which of
    both it means, and where the schema is also that of something else than an event.
    """
    judge = Judge(document)
    parts = list({id(part): part for part in Shape(judge, *events).parts}.values())
    uses = Counter(part["$ref"] for part in parts if is_reference(part))
    described = {name: child for name, child in document.items() if name != "webhooks"}
    shared = [
        id(resolve(document, {"$ref": reference}))
        for reference, count in Counter(references(described)).items()
        if reference in uses and count > uses[reference]
    ]
    for part in parts:
        members = members_of(part)
        data = members.get("data")
        if not isinstance(data, dict) or id(part) in shared or "contentSchema" not in data:
            continue
        types = Shape(judge, data["contentSchema"]).types
        if JSON.fullmatch(str(data.get("contentMediaType"))) and types and "string" not in types:
            part["properties"]["data"] = data["contentSchema"]


def keyed(path: str) -> str:
    """The path without what would cut it off in a reference."""
    return path.replace("?", "/_query_/").replace("#", "/_fragment_/")


def strip(node: Any, names: bool = False) -> Any:
    if isinstance(node, list):
        return [strip(child) for child in node]
    if not isinstance(node, Mapping):
        return node
    made = {
        name: child
        if not names and name in DATA
        else strip(child, names=not names and name in NAMED)
        for name, child in node.items()
        if names or not is_constraint(name, child)
    }
    if not names and isinstance(made.get("description"), str):
        made["description"] = made["description"].strip()  # a block of YAML ends with an empty line
    if not names and isinstance(made.get("properties"), dict):
        made["properties"] = {name: literal(child) for name, child in made["properties"].items()}
    return made | {"format": "binary"} if not names and is_file(node) else made


def literal(schema: Any) -> Any:
    """A member that has one value alone is a Literal of that, and no enumeration."""
    if isinstance(schema, dict) and isinstance(schema.get("enum"), list):
        values = schema["enum"]
        if len(values) == 1 and isinstance(values[0], str) and "x-enum-varnames" not in schema:
            rest = {name: child for name, child in schema.items() if name != "enum"}
            return {**rest, "const": values[0]}
    return schema


def is_file(schema: Mapping[str, Any]) -> bool:
    """Whether a string is the bytes of something, as OpenAPI 3.1 writes `format: binary`."""
    media_type = schema.get("contentMediaType")
    if not isinstance(media_type, str) or schema.get("type") != "string":
        return False
    is_text = media_type.startswith("text/") or JSON.fullmatch(media_type) is not None
    return not is_text and schema.get("contentEncoding", "binary") == "binary"


def is_constraint(name: str, value: Any) -> bool:
    if name == "format":
        return value not in TYPING_FORMATS
    if name == "default" and value is None:
        return True  # so it is without one
    if name == "const":
        return isinstance(value, list | Mapping)
    if name.startswith("x-"):
        return name not in ("x-enum-varnames", DECLARED)
    # `additionalProperties: false` forbids, a schema there types
    forbids = name == "additionalProperties" and value is False
    return forbids or name in CONSTRAINTS or name in ANNOTATIONS


class Renamed:
    """Gives the named schemas the names of their classes."""

    def __init__(self, names: Names) -> None:
        self.references = {
            f"#{pointer('components', 'schemas', name)}": f"{SCHEMAS}{class_name}"
            for name, class_name in names.schemas.items()
        }
        self.names = names

    def of(self, document: dict[str, Any]) -> dict[str, Any]:
        renamed: dict[str, Any] = rebuilt(document, self._referring)
        schemas = renamed.get("components", {}).get("schemas")
        if schemas is not None:
            renamed["components"]["schemas"] = {
                self.names.schemas[name]: schema for name, schema in schemas.items()
            }
        return renamed

    def _referring(self, node: dict[str, Any]) -> dict[str, Any]:
        reference = node.get("$ref")
        if isinstance(reference, str):
            component = COMPONENT.match(reference)
            whole = component[0] if component else ""
            rest = reference.removeprefix(whole)
            node["$ref"] = self.references.get(whole, whole) + unquote(rest)
        return node


class Simplified:
    """What Python's types can't say as JSON Schema does: mypy would refuse the models."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.registry = jsonschema_rs.Registry([(BASE, dict(document))])

    def of(self, node: Any, *, named: bool = False) -> Any:
        if isinstance(node, list):
            return [self.of(child) for child in node]
        if not isinstance(node, dict):
            return node
        if named:
            return {name: self.of(child) for name, child in node.items()}
        if "default" in node and not self._admits(node, node["default"]):
            node = {name: child for name, child in node.items() if name != "default"}
        if isinstance(node.get("allOf"), list):
            node = self._flat(node) if self._overrides(node) else self._required_in_place(node)
        return {name: self.of(child, named=name in NAMED) for name, child in node.items()}

    def _admits(self, schema: Mapping[str, Any], default: Any) -> bool:
        """Whether a default keeps to its own schema: a model would refuse another one."""
        try:
            return jsonschema_rs.Draft202012Validator(
                absolute(schema, BASE), registry=self.registry, validate_formats=True
            ).is_valid(default)
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError):
            return False

    def _overrides(self, schema: Mapping[str, Any]) -> bool:
        """Whether two of the parts declare the same member: a class can't narrow its base's."""
        seen: set[str] = set()
        for _, part in self._parts(schema):
            members = members_of(part)
            if seen & members.keys():
                return True
            seen |= members.keys()
        return False

    def _flat(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """One object with the members of all parts; the last declaration of each stands."""
        parts = [part for _, part in self._parts(schema)]
        properties = {name: child for part in parts for name, child in members_of(part).items()}
        kept = {name: child for name, child in schema.items() if name in ("title", "description")}
        required = list(dict.fromkeys(name for part in parts for name in part.get("required", ())))
        return {**kept, "type": "object", "properties": properties, "required": required}

    def _required_in_place(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The schema with each name of `required` beside the declaration of that member.

        The generator looks for it nowhere else. A member that only this schema requires, and a
        base declares, is declared again, by a reference to the declaration of the base.
        """
        declared_anywhere = self._declared(schema)
        required = self._required(schema)
        redeclared: dict[str, Any] = {}
        for base in filter(is_reference, schema["allOf"]):
            declared = self._declared(base)
            required -= declared.keys() & self._required(base)
            redeclared |= {
                name: {"$ref": place} for name, place in declared.items() if name in required
            }

        def in_place(part: Any) -> Any:
            if not isinstance(part, Mapping) or is_reference(part):
                return part
            undeclared = set(part.get("required", ())) - declared_anywhere.keys()
            names = [*(required & members_of(part).keys()), *undeclared]
            made = {name: child for name, child in part.items() if name != "required"}
            if isinstance(part.get("allOf"), list):
                made["allOf"] = [in_place(inner) for inner in part["allOf"]]
            return made | ({"required": sorted(names)} if names else {})

        whole = {**schema, "properties": {**members_of(schema), **redeclared}}
        made: dict[str, Any] = in_place(whole if redeclared else schema)
        return made

    def _required(self, schema: Any) -> set[str]:
        return {name for _, part in self._parts(schema) for name in part.get("required", ())}

    def _declared(self, schema: Any) -> dict[str, str]:
        """References to the members that a schema has, all parts of it included."""
        return {
            name: child["$ref"] if is_reference(child) else f"{place}/properties{pointer(name)}"
            for place, part in self._parts(schema)
            for name, child in members_of(part).items()
        }

    def _parts(
        self, schema: Any, place: str = "", seen: set[int] | None = None
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """All that `allOf` makes a schema of, and where it stands; the schema itself is last.

        The parts of a part that was there already are left out: a schema may be part of itself.
        """
        seen = set() if seen is None else seen
        if is_reference(schema):
            place = schema["$ref"]
        schema = resolve(self.document, schema)
        if not isinstance(schema, Mapping):
            return
        if id(schema) not in seen:
            seen.add(id(schema))
            for index, part in enumerate(schema.get("allOf", ())):
                yield from self._parts(part, f"{place}/allOf/{index}", seen)
        yield place, schema


def is_reference(node: Any) -> bool:
    return isinstance(node, Mapping) and isinstance(node.get("$ref"), str)


def members_of(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    members = schema.get("properties")
    return members if isinstance(members, dict) else {}


def inline(document: Any) -> Any:
    """Write out where they are used the named schemas that are no classes in Python.

    `Email` is a `str` and `Tags` a `list[str]`: a class around each would only get in the way.
    """
    schemas: dict[str, Any] = document.get("components", {}).get("schemas", {})
    plain = {f"{SCHEMAS}{name}": node for name, node in schemas.items() if not is_class(node)}
    plain |= elsewhere(document)
    recursive = {reference for reference in plain if reaches(reference, plain)}
    plain = {name: node for name, node in plain.items() if name not in recursive}

    def written_out(node: Any) -> Any:
        if isinstance(node, list):
            return [written_out(child) for child in node]
        if not isinstance(node, dict):
            return node
        reference = node.get("$ref")
        if isinstance(reference, str) and reference in plain:
            target = plain[reference]
            siblings = {name: child for name, child in node.items() if name != "$ref"}
            return written_out({**target, **siblings} if isinstance(target, dict) else siblings)
        return {name: written_out(child) for name, child in node.items()}

    result = written_out(document)
    for reference in plain:
        if COMPONENT.fullmatch(reference):
            del result["components"]["schemas"][reference.rpartition("/")[2]]
    return result


def elsewhere(document: Any) -> dict[str, Any]:
    """The targets of references that are neither a component nor a class."""
    targets: dict[str, Any] = {}
    for reference in references(document):
        if COMPONENT.fullmatch(reference):
            continue
        target = resolve(document, {"$ref": reference})
        if reference.startswith("#/components/") or DECLARED in reference or not is_class(target):
            targets[reference] = target
    return targets


def reaches(reference: str, plain: Mapping[str, Any]) -> bool:
    """Whether a schema is part of itself."""
    waiting = [plain[reference]]
    seen: set[str] = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            target = node.get("$ref")
            if target == reference:
                return True
            if isinstance(target, str) and target in plain and target not in seen:
                seen.add(target)
                waiting.append(plain[target])
            waiting.extend(node.values())
    return False


def is_class(schema: Any) -> bool:
    """Whether a schema becomes a class: an object, an enumeration, a choice."""
    if not isinstance(schema, Mapping):
        return False
    shapes = {"allOf", "anyOf", "enum", "oneOf", "properties"}
    return bool(shapes & schema.keys()) or schema.get("type") == "object"
