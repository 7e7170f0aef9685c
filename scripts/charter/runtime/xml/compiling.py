"""Compiles schemas to plans (OpenAPI 3.2 "XML Object", which says more clearly what 3.0 says).

The schemas that apply to one value (`$ref`, `allOf`, `anyOf`, `oneOf`, `then`, `else`) are taken
together: they describe one element, and the judge says afterwards which of them holds. That is
unambiguous as long as they agree on how each property is written; where they don't, or where two
values would be the same XML, the schema is Unsayable.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..references import at, place_of, pointer, tokens
from ..shapes import COMBINING, CONDITIONAL, implied_types
from .names import Bindings, Name, Unnameable, name_of
from .plans import ENTRY, ROOT, Element, Items, Leaf, Member, Members, Scalar

MOST_ELEMENTS = 5000
"""Of one body. Each set of alternatives that meets in a property makes one, which may be two to the
power of the number of schemas."""

Places = tuple[str, ...]
Elements = dict[tuple[Places, Name], Element]


class Unsayable(Exception):
    """A schema whose values XML can't hold; says where, why, and what to do."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place
        self.message = message


@dataclass(frozen=True)
class Part:
    """One of the schemas that apply to a value."""

    place: str
    schema: Mapping[str, Any]
    is_certain: bool
    """Whether it applies to every value, and is no alternative."""


class Schema:
    """All parts of the schema of a value."""

    def __init__(self, document: Mapping[str, Any], places: Places) -> None:
        self.document = document
        self.places = places
        self.parts = list(parts(document, places))
        types = {name for part in self.parts for name in types_of(part.schema)}
        self.types = frozenset(types - {"null"})
        self.may_be_null = "null" in types

    @property
    def place(self) -> str:
        return self.places[0]

    @property
    def is_text(self) -> bool:
        """Whether it is text, or anything at all, so that it may be any XML."""
        return self.types <= {"string"}

    @property
    def properties(self) -> dict[str, Places]:
        found: dict[str, Places] = {}
        for part in self.parts:
            for name, schema in part.schema.get("properties", {}).items():
                if schema is not False:
                    place = f"{part.place}/properties{pointer(name)}"
                    found[name] = (*found.get(name, ()), place)
        return found

    @property
    def others(self) -> Places:
        """The schemas of members that are not named, where there are any that say something."""
        return tuple(
            place
            for part in self.parts
            for place, schema in (
                (f"{part.place}/additionalProperties", part.schema.get("additionalProperties")),
                *(
                    (f"{part.place}/patternProperties{pointer(name)}", schema)
                    for name, schema in part.schema.get("patternProperties", {}).items()
                ),
            )
            if isinstance(schema, Mapping) or schema is True
        )

    @property
    def required(self) -> frozenset[str]:
        return frozenset(
            name
            for part in self.parts
            if part.is_certain
            for name in part.schema.get("required", ())
        )

    @property
    def certain(self) -> frozenset[str]:
        """The properties that are declared for every value."""
        return frozenset(
            name
            for part in self.parts
            if part.is_certain
            for name in part.schema.get("properties", {})
        )

    @property
    def items(self) -> Places:
        return tuple(f"{part.place}/items" for part in self.parts if has_schema(part, "items"))

    @property
    def first(self) -> list[Places]:
        """The schemas of the first entries, which have positions."""
        found: list[Places] = []
        for part in self.parts:
            for index in range(len(part.schema.get("prefixItems", ()))):
                found += [()] if index == len(found) else []
                found[index] = (*found[index], f"{part.place}/prefixItems/{index}")
        return found


def has_schema(part: Part, keyword: str) -> bool:
    return keyword in part.schema and part.schema[keyword] is not False


def types_of(schema: Mapping[str, Any]) -> set[str]:
    declared = schema.get("type", ())
    types = {declared} if isinstance(declared, str) else set(declared)
    return types or set(implied_types(schema))


def parts(document: Mapping[str, Any], places: Places) -> Iterator[Part]:
    """Every schema that applies to a value, the nearest first; ends, for none comes twice."""
    waiting = [(place, True) for place in places]
    seen: set[str] = set()
    while waiting:
        place, is_certain = waiting.pop(0)
        schema = at(document, tokens(place))
        if not isinstance(schema, Mapping) or place in seen:
            continue
        seen.add(place)
        yield Part(place, schema, is_certain)
        if isinstance(schema.get("$ref"), str):
            waiting.append((place_of(schema["$ref"]), is_certain))
        for keyword in COMBINING:
            holds = is_certain and keyword == "allOf"
            waiting += [
                (f"{place}/{keyword}/{index}", holds)
                for index in range(len(schema.get(keyword, ())))
            ]
        waiting += [(f"{place}/{keyword}", False) for keyword in CONDITIONAL if keyword in schema]


@dataclass(frozen=True)
class Saying:
    """What the XML Objects of a schema say, and the component that it is."""

    members: Mapping[str, Any]
    component: str = ""

    @property
    def node_type(self) -> str:
        """As OpenAPI 3.2 names it; empty where it is the default."""
        if said := self.members.get("nodeType"):
            return str(said)
        if self.members.get("attribute") is True:
            return "attribute"
        return "element" if self.members.get("wrapped") is True else ""


def saying(document: Mapping[str, Any], place: str) -> Saying:
    """Of a schema, of what it is made of, and of what it refers to; the nearest one counts.

    A part of an `allOf` that is referred to names only what has no other part: a base says nothing
    of what is derived from it.
    """
    members: dict[str, Any] = {}
    component = ""
    seen: set[str] = set()
    ignores = str(document["openapi"]).startswith("3.2")
    while place and place not in seen:
        seen.add(place)
        schema = at(document, tokens(place))
        if not isinstance(schema, Mapping):
            break
        match tokens(place):
            case ("components", "schemas", name):
                component = component or name
        inline = [part for part in schema.get("allOf", ()) if isinstance(part, Mapping)]
        for said in (schema, *(part for part in reversed(inline) if "$ref" not in part)):
            xml = said.get("xml", {})
            # from 3.2 on, what only refers is no node unless it says so
            if not (ignores and "$ref" in said and "nodeType" not in xml):
                members = {**xml, **members}
        place = sole(schema, place)
    return Saying(members, component)


def sole(schema: Mapping[str, Any], place: str) -> str:
    """Where the one schema stands that a schema is another name of; empty if there is none."""
    if isinstance(schema.get("$ref"), str):
        return place_of(schema["$ref"])
    for keyword in COMBINING:
        kept = [
            f"{place}/{keyword}/{index}"
            for index, part in enumerate(schema.get(keyword, ()))
            if isinstance(part, Mapping) and part.get("type") != "null" and "xml" not in part
        ]
        if len(kept) == 1:
            return kept[0]
    return ""


class Compiler:
    """Makes the plans of one document; raises Unsayable for what can't have one."""

    def __init__(self, document: Mapping[str, Any], elements: Elements | None = None) -> None:
        """The document is in its normal form; `elements` are those that are known already."""
        self.document = document
        self.elements: Elements = {} if elements is None else elements
        self._empty: list[tuple[Element, Schema]] = []
        """Those whose content is still to be found: a chain of schemas may be long."""
        self._schemas: dict[Places, Schema] = {}
        self._sayings: dict[str, Saying] = {}

    def root(self, place: str) -> Element | None:
        """The plan of a body; None where it is described as text, so that it may be any XML."""
        schema = self.schema((place,))
        said = self.saying(place)
        named = str(said.members.get("name", "")) or said.component
        is_file = any(part.schema.get("format") == "binary" for part in schema.parts)
        if not schema.types or (schema.is_text and (not named or is_file)):
            return None
        if said.node_type not in ("", "element"):
            raise Unsayable(
                place, f"a body can't be of `nodeType: {said.node_type}` in XML: remove it."
            )
        name = self._named(place, said.members, named or ROOT, ())
        element = Element(name, takes_any_name=not named)
        known = set(self.elements)
        try:
            element.content = self._content(schema, element, is_root=True)
            while self._empty:
                if len(self.elements) - len(known) > MOST_ELEMENTS:
                    raise Unsayable(
                        place, f"its alternatives make more than {MOST_ELEMENTS} elements of"
                        " different content in XML: describe each property in one of them."
                    )  # fmt: skip
                inner, its = self._empty.pop()
                inner.content = self._content(its, inner)
        except Unsayable:
            self._empty.clear()
            for key in self.elements.keys() - known:
                del self.elements[key]
            raise
        return element

    # -- elements ---------------------------------------------------------------------------------

    def element(self, places: Places, inferred: str, bindings: Bindings) -> Element:
        said = self._agreed(places)
        if said.node_type in ("attribute", "text", "cdata"):
            raise Unsayable(
                places[0], f"this can't be of `nodeType: {said.node_type}` in XML, for only"
                " properties can: remove it."
            )  # fmt: skip
        name = self._named(places[0], said.members, inferred, bindings)
        key = (places, name)
        if key not in self.elements:
            element = self.elements[key] = Element(name)
            self._empty.append((element, self.schema(places)))
        return self.elements[key]

    def _content(
        self, schema: Schema, element: Element, *, is_root: bool = False
    ) -> Scalar | Members | Items:
        kind = kind_of(schema)
        if kind == "array":
            return self._items(schema, element, is_root=is_root)
        return self._members(schema, element.name) if kind == "object" else Scalar(schema.types)

    def _items(self, schema: Schema, element: Element, *, is_root: bool) -> Items:
        """The entries are called as the element around them, unless they have names of their own
        (those of a body that of their component)."""
        bindings, local = element.name.bindings, element.name.key.rpartition(" ")[2]
        inferred = "" if is_root else local

        def entry(places: Places) -> Element:
            named = inferred or self.saying(places[0]).component
            self._require_one_node(places)
            return self.element(
                places, named or (ENTRY if element.takes_any_name else local), bindings
            )

        first = [entry(places) for places in schema.first]
        if not schema.items and not first:
            raise Unsayable(
                schema.place, "an array of anything can't be read from XML: describe its `items`."
            )
        return Items(first, entry(schema.items) if schema.items else None)

    def _require_one_node(self, places: Places) -> None:
        """Raises Unsayable for an array in an array that has no element of its own."""
        is_array = "array" in self.schema(places).types
        if is_array and self._agreed(places).node_type != "element":
            raise Unsayable(
                places[0],
                "an array in an array needs an element of its own in XML: add `xml.wrapped`.",
            )

    # -- objects ----------------------------------------------------------------------------------

    def _members(self, schema: Schema, name: Name) -> Members:
        bindings, declarations, required = name.bindings, "", schema.required
        by_property: dict[str, Member | Leaf] = {}
        for property_, places in self._attributes_first(schema):
            node = self._property(property_, places, bindings, property_ in required)
            by_property[property_] = node
            if isinstance(node, Leaf) and node.name is not None:
                declarations += node.name.declaration
                bindings = node.name.bindings
        nodes = list(by_property.values())
        members = {one: one.element.name for one in nodes if isinstance(one, Member)}
        attributes = {one: one.name for one in nodes if isinstance(one, Leaf) and one.name}
        return Members(
            elements=self._by_key(schema, members),
            attributes=self._by_key(schema, attributes),
            declarations=declarations,
            text=text_of(schema, nodes),
            by_property=by_property,
            others=self._others(schema, bindings),
            namespace=dict(bindings).get("", ""),
            absent=dict(self._absent(schema, nodes)),
        )

    def _absent(
        self, schema: Schema, nodes: Sequence[Member | Leaf]
    ) -> Iterator[tuple[str, tuple[()] | None]]:
        """What the absence of a required list, or of an attribute that may be null, means."""
        required, certain, places = schema.required, schema.certain, schema.properties
        for node in nodes:
            name = node.property
            if isinstance(node, Member) and node.is_list and name in required:
                yield name, ()
            is_attribute = isinstance(node, Leaf) and node.name is not None
            if is_attribute and name in certain and self.schema(places[name]).may_be_null:
                yield name, None

    def _attributes_first(self, schema: Schema) -> list[tuple[str, Places]]:
        """The properties; elements are in the namespaces that attributes declare."""
        return sorted(
            schema.properties.items(), key=lambda one: self._agreed(one[1]).node_type != "attribute"
        )

    def _property(
        self, property_: str, places: Places, bindings: Bindings, is_required: bool
    ) -> Member | Leaf:
        said, schema = self._agreed(places), self.schema(places)
        kind = kind_of(schema)
        if said.node_type in ("attribute", "text", "cdata"):
            return self._leaf(property_, schema, said, bindings, is_required)
        if said.node_type == "none" and kind != "array":
            raise Unsayable(
                schema.place, f"`{property_}` is no node (`nodeType: none`) and no array, so that"
                " its parts can't be told from those around it: remove `xml.nodeType`."
            )  # fmt: skip
        if kind != "array" or said.node_type == "element":
            return Member(property_, self.element(places, property_, bindings))
        if schema.first or not schema.items:
            raise Unsayable(
                schema.place, f"the entries of `{property_}` can't be told apart in XML: add"
                " `xml.wrapped`, and describe them in `items`."
            )  # fmt: skip
        self._require_one_node(schema.items)
        if schema.may_be_null and self.schema(schema.items).may_be_null:
            raise Unsayable(
                schema.place, f"`{property_}` and its entries may be null, which is the same in"
                " XML: add `xml.wrapped`."
            )  # fmt: skip
        entry = self.element(schema.items, property_, bindings)
        return Member(property_, entry, is_list=True, may_be_null=schema.may_be_null)

    def _leaf(
        self, property_: str, schema: Schema, said: Saying, bindings: Bindings, is_required: bool
    ) -> Leaf:
        node = said.node_type
        if kind_of(schema) != "scalar":
            raise Unsayable(
                schema.place,
                f"`{property_}` is no single value, and can't be of `nodeType: {node}` in XML: make"
                " it an element.",
            )
        scalar = Scalar(schema.types)
        if node == "attribute":
            try:
                name = name_of(said.members, property_, bindings, is_attribute=True)
            except Unnameable as error:
                raise Unsayable(schema.place, str(error)) from None
            return Leaf(property_, scalar, name)
        if schema.may_be_null:
            raise Unsayable(
                schema.place,
                f"`{property_}` is text that may be null, which XML can't tell from empty text:"
                " make it an element.",
            )
        return Leaf(property_, scalar, None, node == "cdata", is_required and schema.is_text)

    def _others(self, schema: Schema, bindings: Bindings) -> Member | None:
        places = schema.others
        described = tuple(
            place for place in places if at(self.document, tokens(place)) not in ({}, True)
        )
        if not described:
            if places and not schema.properties:
                raise Unsayable(
                    places[0],
                    "members of any type can't be read from XML: describe them in"
                    " `additionalProperties`.",
                )
            return None
        values = self.schema(described)
        is_list = kind_of(values) == "array" and self._agreed(described).node_type != "element"
        if is_list and (not values.items or values.may_be_null):
            raise Unsayable(
                described[0], "these arrays can't be told apart in XML: add `xml.wrapped`."
            )
        if is_list:
            self._require_one_node(values.items)
        element = self.element(values.items if is_list else described, ENTRY, bindings)
        return Member("", element, is_list)

    def _by_key(self, schema: Schema, names: Mapping[Any, Name]) -> dict[str, Any]:
        """The properties by the keys of their names. Raises Unsayable for two of one name."""
        found: dict[str, Any] = {}
        for node, name in names.items():
            if other := found.get(name.key):
                raise Unsayable(
                    schema.properties[node.property][0],
                    f"`{node.property}` and `{other.property}` have one name in XML: give one of"
                    " them another `xml.name`.",
                )
            found[name.key] = node
        return found

    # -- schemas, and what their XML Objects say --------------------------------------------------

    def schema(self, places: Places) -> Schema:
        if places not in self._schemas:
            self._schemas[places] = Schema(self.document, places)
        return self._schemas[places]

    def saying(self, place: str) -> Saying:
        if place not in self._sayings:
            self._sayings[place] = saying(self.document, place)
        return self._sayings[place]

    def _agreed(self, places: Places) -> Saying:
        """What all of the schemas say that describe one property in different alternatives."""
        said = [self.saying(place) for place in places]
        for place, other in zip(places[1:], said[1:], strict=True):
            if other.members != said[0].members and other.members and said[0].members:
                raise Unsayable(
                    place, "the alternatives write this differently in XML: give it the same `xml`"
                    " in all of them."
                )  # fmt: skip
        return next((one for one in said if one.members), said[0])

    def _named(
        self, place: str, said: Mapping[str, Any], inferred: str, bindings: Bindings
    ) -> Name:
        try:
            return name_of(said, inferred, bindings)
        except Unnameable as error:
            raise Unsayable(place, str(error)) from None


def text_of(schema: Schema, nodes: Sequence[Member | Leaf]) -> Leaf | None:
    """The property that is the text of the element. Raises Unsayable where it can't be told."""
    texts = [node for node in nodes if isinstance(node, Leaf) and node.name is None]
    holds_elements = bool(schema.others) or any(isinstance(node, Member) for node in nodes)
    if len(texts) > 1 or (texts and holds_elements):
        raise Unsayable(
            schema.properties[texts[-1].property][0],
            f"`{texts[-1].property}` is the text of an element that holds more than attributes:"
            " make it an element.",
        )
    return texts[0] if texts else None


def kind_of(schema: Schema) -> str:
    """Whether it is an object, an array or a scalar. Raises Unsayable where that isn't one."""
    types = schema.types
    if not types and not schema.may_be_null:
        raise Unsayable(
            schema.place, "a value of any type can't be read from XML, which is text: add a `type`."
        )
    compound = types & {"object", "array"}
    if compound and len(types) > 1:
        raise Unsayable(
            schema.place, f"{' or '.join(sorted(types))}: XML can't tell these apart; choose one."
        )
    if "string" in types and len(types) > 1:
        raise Unsayable(
            schema.place,
            f"{' or '.join(sorted(types))}: XML is text, and can't tell these apart; choose one.",
        )
    return next(iter(compound), "scalar")
