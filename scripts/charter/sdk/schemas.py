"""Schemas of a document in its normal form as types of a client.

A component is defined once, under its own name; an object that stands inline is defined under the
name of the place where it was met first. What types can't say (bounds, patterns, conditions) stays
to the service.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from charter.generate.names import numbered
from charter.runtime.references import at, place_of, pointer, tokens
from charter.sdk.types import (
    Alias,
    Array,
    Discriminator,
    Field,
    Kind,
    Literal,
    Map,
    Model,
    Named,
    Type,
    Union,
    union,
)
from charter.sdk.words import class_name, pascal

COMPONENTS = "/components/schemas"
FORMATS = {
    "binary": Kind.BINARY,
    "date": Kind.DATE,
    "date-time": Kind.DATE_TIME,
    "uuid": Kind.UUID,
}
SIMPLE = {
    "boolean": Kind.BOOLEAN,
    "integer": Kind.INTEGER,
    "null": Kind.NULL,
    "number": Kind.NUMBER,
}
OBJECT = frozenset({"additionalProperties", "patternProperties", "properties"})
TYPED = OBJECT | {"type", "$ref", "const", "enum", "allOf", "oneOf", "anyOf", "items"}
"""Keywords that say of which type a value is."""
Schema = Mapping[str, Any]


class Schemas:
    """Defines types while it reads schemas. `taken` are class names that can't be used."""

    def __init__(self, document: Mapping[str, Any], taken: frozenset[str]) -> None:
        self.document = document
        self.taken = {name.lower() for name in taken}
        self.definitions: dict[str, Model | Alias] = {}
        self.names: dict[str, str] = {}
        """Of definitions, by the JSON Pointer of their schemas."""
        components = document.get("components", {}).get("schemas")
        components = components if isinstance(components, Mapping) else {}
        for component in components:
            self.names[COMPONENTS + pointer(component)] = self._name(class_name(component))
        for component in components:
            self._define(COMPONENTS + pointer(component))

    def _name(self, wanted: str) -> str:
        """The name, or one like it that isn't taken; names that differ in case alone are one."""
        lower = numbered(wanted.lower(), self.taken, "")
        self.taken.add(lower)
        return wanted + lower[len(wanted) :]

    def _define(self, place: str) -> None:
        name, schema = self.names[place], at(self.document, tokens(place))
        made = self.type(schema, name, name)
        if not (isinstance(made, Named) and made.name == name):
            self.definitions[name] = Alias(name, made, description(schema))

    # -- any schema -------------------------------------------------------------------------------

    def type(self, schema: Any, hint: str, defined: str = "") -> Type:
        """The type of a schema.

        `hint` names what has to be defined for it. With `defined`, an object gets that very name.
        """
        if not isinstance(schema, Mapping):
            return Kind.ANY
        if isinstance(schema.get("$ref"), str):
            return self._referred(schema["$ref"], hint)
        if "const" in schema or isinstance(schema.get("enum"), list):
            return literal(schema.get("enum", [schema.get("const")]))
        if isinstance(schema.get("type"), list):
            return self._one_of_types(schema, hint, defined)
        if schema.get("allOf"):
            return self._all_of(schema, hint, defined)
        for keyword in ("oneOf", "anyOf"):
            if schema.get(keyword):
                return self._one_of(schema, keyword, hint, defined)
        return self._plain(schema, hint, defined)

    def _referred(self, reference: str, hint: str) -> Type:
        place = place_of(reference)
        if place not in self.names:
            last = tokens(place)[-1]
            self.names[place] = self._name(hint if last in ("schema", "items") else pascal(last))
            self._define(place)
        return Named(self.names[place])

    def _one_of_types(self, schema: Schema, hint: str, defined: str) -> Type:
        types = [name for name in schema["type"] if name != "null"]
        name = defined if len(types) == 1 and "null" not in schema["type"] else ""
        members = [self.type({**schema, "type": one}, hint, name) for one in types]
        nulls = [Kind.NULL] if "null" in schema["type"] else []
        return union(*members, *nulls)

    def _plain(self, schema: Schema, hint: str, defined: str) -> Type:
        declared = schema.get("type")
        if declared in SIMPLE:
            return SIMPLE[declared]
        if declared == "string":
            return FORMATS.get(str(schema.get("format")), Kind.STRING)
        if declared == "array" or (declared is None and schema.keys() & {"items", "prefixItems"}):
            return Array(self._element(schema, hint))
        if declared == "object" or (declared is None and schema.keys() & OBJECT):
            return self._object(schema, hint, defined)
        return Kind.ANY

    def _element(self, schema: Schema, hint: str) -> Type:
        parts = [*schema.get("prefixItems", ())]
        if "items" in schema or not parts:
            parts.append(schema.get("items", True))
        return union(*(self.type(part, f"{hint}Item") for part in parts if part is not False))

    # -- objects ----------------------------------------------------------------------------------

    def _object(self, schema: Schema, hint: str, defined: str) -> Type:
        rest = self._rest(schema, hint)
        if not schema.get("properties"):
            return Map(Kind.ANY if rest is None else rest)
        name = defined or self._name(hint)
        self.definitions[name] = Model(name, (), None)  # its place, in the order of the document
        fields = tuple(self._fields(schema, name))
        self.definitions[name] = Model(name, fields, rest, description(schema))
        return Named(name)

    def _rest(self, schema: Schema, hint: str) -> Type | None:
        """What further members are, where the document says it: silence is no promise of them."""
        further = [*schema.get("patternProperties", {}).values()]
        if schema.get("additionalProperties", False) is not False:
            further.append(schema["additionalProperties"])
        return union(*(self.type(one, f"{hint}Value") for one in further)) if further else None

    def _fields(self, schema: Schema, owner: str) -> Iterator[Field]:
        required = schema.get("required", ())
        for name, member in schema["properties"].items():
            if member is False:
                continue
            yield Field(
                name=name,
                type=self.type(member, f"{owner}{pascal(name)}"),
                # what one side alone sends can't be required of whoever uses the class for both
                is_required=name in required and not self._is(member, "readOnly", "writeOnly"),
                description=description(member),
                is_deprecated=self._is(member, "deprecated"),
                is_read_only=self._is(member, "readOnly"),
            )

    def _is(self, schema: Any, *marks: str) -> bool:
        """Whether a schema, or one that it refers to, bears one of the marks."""
        return any(
            isinstance(each, Mapping) and each.get(mark) is True
            for each in self._chain(schema)
            for mark in marks
        )

    def _chain(self, schema: Any) -> Iterator[Any]:
        """A schema and those that its references lead to, one after the other."""
        seen: set[int] = set()
        while isinstance(schema, Mapping) and id(schema) not in seen:
            seen.add(id(schema))
            yield schema
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                return
            schema = at(self.document, tokens(place_of(reference)))

    # -- combinations -----------------------------------------------------------------------------

    def _all_of(self, schema: Schema, hint: str, defined: str) -> Type:
        """One object with the members of all parts, where they are objects; else the first part
        that has a type."""
        own = {name: child for name, child in schema.items() if name != "allOf"}
        parts = schema["allOf"]
        if len(parts) == 1 and not own.keys() & (OBJECT | {"oneOf", "anyOf", "required"}):
            return self.type(parts[0], hint, defined)
        merged = self.merged(schema)
        if merged.get("properties"):
            return self.type(merged, hint, defined)
        types = (self.type(part, hint) for part in [*parts, own])
        return next((type_ for type_ in types if type_ is not Kind.ANY), Kind.ANY)

    def merged(self, schema: Schema, seen: frozenset[int] = frozenset()) -> dict[str, Any]:
        """A schema with the members of all that its `allOf` and its reference lead to."""
        if id(schema) in seen:
            return {}
        seen |= {id(schema)}
        made: dict[str, Any] = {}
        parts = [*schema.get("allOf", ())]
        if isinstance(schema.get("$ref"), str):
            parts.append(at(self.document, tokens(place_of(schema["$ref"]))))
        for part in parts:
            if isinstance(part, Mapping):
                combine(made, self.merged(part, seen))
        combine(made, {k: v for k, v in schema.items() if k not in ("allOf", "$ref")})
        return made

    def _one_of(self, schema: Schema, keyword: str, hint: str, defined: str) -> Type:
        base = {name: child for name, child in schema.items() if name != keyword}
        variants = [one for one in schema[keyword] if one is not False]
        if not any(map(self._says_a_type, variants)):  # they only say which members are required
            return self.type(base, hint, defined)
        if base.get("properties"):
            variants = [self.merged({"allOf": [base, one]}) for one in variants]
            return union(*(self.type(one, f"{hint}Option") for one in variants))
        members = [self.type(one, f"{hint}Option") for one in variants]
        discriminator = self._discriminator(schema, variants)
        if discriminator is not None:
            plain = tuple(one for one in dict.fromkeys(members) if one is not Kind.NULL)
            tagged = Union(plain, discriminator)
            return union(tagged, Kind.NULL) if Kind.NULL in members else tagged
        return union(*members)

    def _says_a_type(self, schema: Any) -> bool:
        return isinstance(schema, Mapping) and bool(schema.keys() & TYPED)

    def _discriminator(self, schema: Schema, variants: Sequence[Any]) -> Discriminator | None:
        """What the document maps, else the names of the components (OpenAPI 3.1 "Discriminator
        Object")."""
        declared = schema.get("discriminator")
        if not isinstance(declared, Mapping) or not isinstance(declared.get("propertyName"), str):
            return None
        mapping = declared.get("mapping", {})
        places = [place_of(one["$ref"]) for one in variants if isinstance(one.get("$ref"), str)]
        values = {tokens(place)[-1]: place for place in places}
        for value, target in mapping.items():
            values[value] = place_of(target) if "#" in target else values.get(target, target)
        known = {value: self.names[place] for value, place in values.items() if place in self.names}
        mapped = {name for value, name in known.items() if value in mapping}
        kept = (one for one in known.items() if one[0] in mapping or one[1] not in mapped)
        return Discriminator(declared["propertyName"], tuple(kept)) if known else None


def combine(made: dict[str, Any], part: Schema) -> None:
    """Add a part of an `allOf`: members and requirements add up, of all else the last says it."""
    for name, child in part.items():
        if name == "properties":
            properties = made.setdefault("properties", {})
            for member, schema in child.items():
                properties[member] = narrowed(properties.get(member), schema)
        elif name == "required" and isinstance(child, list):
            made["required"] = list(dict.fromkeys([*made.get("required", ()), *child]))
        else:
            made[name] = child


def narrowed(before: Any, after: Any) -> Any:
    """The member that two parts declare: the later one, unless it only annotates the earlier."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return after
    return after if after.keys() & TYPED else {**before, **after}


def literal(values: Sequence[Any]) -> Type:
    """The type of listed values: those of text, whole numbers and truth by themselves."""
    listed = tuple(value for value in values if isinstance(value, str | int) or value is None)
    if len(listed) < len(values):
        return Kind.NUMBER if all(isinstance(v, int | float) for v in values) else Kind.ANY
    known = [Literal((value,)) for value in listed if value is not None]
    nulls = [Kind.NULL] if None in listed else []
    return union(*known, *nulls) if known or nulls else Kind.ANY


def description(schema: Any) -> str:
    if not isinstance(schema, Mapping):
        return ""
    return str(schema.get("description") or schema.get("title") or "").strip()
