"""What in a newer document would break a client that was written for an older one.

Whether a change breaks depends on its direction: a request may only be asked for less, a response
may only promise more. Callbacks and webhooks, where the directions turn round, are not compared.
"""

import json
import re
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import zip_longest
from typing import Any

from charter.document import Document
from charter.document.findings import Finding, Severity
from charter.document.model import Model, Operation, Path, mapping, sequence

LOWER_BOUNDS = (
    "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains",
)  # fmt: skip
UPPER_BOUNDS = (
    "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains",
)  # fmt: skip
EXACT = ("pattern", "format", "multipleOf", "contentEncoding", "contentMediaType")

STYLES = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}

ABSENT: tuple[Path, Any] = ((), None)


class Direction(Enum):
    REQUEST = "request"
    RESPONSE = "response"


@dataclass(frozen=True)
class Change:
    """A change that breaks clients, where it stands in the newer document, and what it touches."""

    path: Path
    rule: str
    where: str
    message: str


def breaking(base: Document, revision: Document) -> list[Finding]:
    """From the top of the newer document to its end; a change that many share is said once."""
    touched: dict[tuple[Path, str, str], list[str]] = defaultdict(list)
    for change in changes(Model(base), Model(revision)):
        touched[change.path, change.rule, change.message].append(change.where)
    return sorted(
        Finding.at(revision.place(path), Severity.ERROR, rule, f"{together(places)}: {message}")
        for (path, rule, message), places in touched.items()
    )


def together(places: Sequence[str]) -> str:
    different = list(dict.fromkeys(places))
    more = f" (and {len(different) - 1} more)" if len(different) > 1 else ""
    return different[0] + more


def changes(base: Model, revision: Model) -> Iterator[Change]:
    newer = {(shape_of(found.template), found.method): found for found in revision.operations}
    for old in base.operations:
        new = newer.get((shape_of(old.template), old.method))
        if new is None:
            yield Change(old.node.path, "operation", old.label, "the operation is gone.")
        else:
            yield from Pair(base, revision, old, new).changes()


def shape_of(template: str) -> str:
    """A path without the names of its parameters, which no client sees."""
    return re.sub(r"\{[^{}]*\}", "{}", template)


@dataclass(frozen=True)
class Pair:
    """An operation as it was and as it is."""

    base: Model
    revision: Model
    old: Operation
    new: Operation

    def changes(self) -> Iterator[Change]:
        yield from self.name()
        yield from self.security()
        yield from self.parameters()
        yield from self.request_body()
        yield from self.responses()

    def change(self, path: Path, rule: str, message: str, where: str = "") -> Change:
        return Change(path, rule, f"{self.old.label} {where}".rstrip(), message)

    def name(self) -> Iterator[Change]:
        """Clients' methods and other documents' links have it."""
        was, now = (found.node.value.get("operationId") for found in (self.old, self.new))
        if was is not None and was != now:
            path = (*self.new.node.path, "operationId")
            yield self.change(path, "operation-id", f"the operationId went from {was} to {now}.")

    def security(self) -> Iterator[Change]:
        """Whoever was let in must be let in still; the global requirement is inherited."""
        path, _ = self.revision.security(self.new)
        now = requirements(self.revision, self.new)
        for was in requirements(self.base, self.old):
            if not any(alternative <= was for alternative in now):
                message = f"what was enough ({spoken(was)}) is not any more."
                yield self.change(path, "security", message)
        for name in sorted({name for was in requirements(self.base, self.old) for name, _ in was}):
            schemes = [credentials(model, name) for model in (self.base, self.revision)]
            if schemes[1] and schemes[0] != schemes[1]:
                where = ("components", "securitySchemes", name)
                message = f"the security scheme {name} takes another kind of credentials."
                yield self.change(where, "security", message)

    def parameters(self) -> Iterator[Change]:
        olds, news = self.base.parameters(self.old), self.revision.parameters(self.new)
        renamed = dict(zip_longest(*(re.findall(r"\{([^{}]*)\}", found.template)
                                     for found in (self.old, self.new))))  # fmt: skip
        newer = {known_as(where, name): found for (where, name), found in news.items()}
        for (where, name), old in olds.items():
            key = known_as(where, renamed.get(name, name) if where == "path" else name)
            label = f"{where} parameter {name}"
            if (new := newer.pop(key, None)) is None:
                path = (*self.new.node.path, "parameters")
                yield self.change(path, "parameter", "the parameter is gone.", label)
                continue
            yield from self.parameter(where, label, old, new)
        for (where, name), (path, value) in newer.items():
            if mapping(value).get("required") is True:
                label = f"{where} parameter {mapping(value).get('name', name)}"
                yield self.change(path, "parameter", "a required parameter is new.", label)

    def parameter(
        self, where: str, label: str, old: tuple[Path, Any], new: tuple[Path, Any]
    ) -> Iterator[Change]:
        was, now = mapping(old[1]), mapping(new[1])
        if now.get("required") is True and was.get("required") is not True:
            path = (*new[0], "required")
            yield self.change(path, "required", "the parameter became required.", label)
        if serialisation(where, was) != serialisation(where, now):
            yield self.change(new[0], "parameter", "it is written in another style.", label)
        if "schema" in was and "schema" in now:
            yield from self.schemas(
                Direction.REQUEST, label, (*old[0], "schema"), (*new[0], "schema")
            )
        yield from self.contents(Direction.REQUEST, label, old, new)

    def request_body(self) -> Iterator[Change]:
        old, new = (
            member(model, found.node.path, "requestBody")
            for model, found in ((self.base, self.old), (self.revision, self.new))
        )
        if new == ABSENT:
            if old != ABSENT:
                yield self.change(self.new.node.path, "request-body", "the request body is gone.")
            return
        if mapping(new[1]).get("required") is True and mapping(old[1]).get("required") is not True:
            yield self.change(new[0], "required", "a request body became required.")
        if old != ABSENT:
            yield from self.contents(Direction.REQUEST, "request body", old, new)

    def responses(self) -> Iterator[Change]:
        news = self.new.node.members("responses")
        for status in self.old.node.members("responses"):
            if status not in news:
                if status.startswith(("2", "3")):
                    path = (*self.new.node.path, "responses")
                    yield self.change(path, "response", f"the response {status} is gone.")
                continue
            old, new = (
                model.follow((*found.node.path, "responses", status))
                for model, found in ((self.base, self.old), (self.revision, self.new))
            )
            yield from self.contents(Direction.RESPONSE, f"response {status}", old, new)
            yield from self.headers(f"response {status}", old[0], new[0])

    def headers(self, label: str, old: Path, new: Path) -> Iterator[Change]:
        olds, news = (
            {name.lower(): (*path, "headers", name) for name in members(model, path, "headers")}
            for model, path in ((self.base, old), (self.revision, new))
        )
        for name in olds:
            where = f"{label} header {olds[name][-1]}"
            if name not in news:
                yield self.change((*new, "headers"), "header", "the header is gone.", where)
                continue
            (old_path, was), (new_path, now) = (
                self.base.follow(olds[name]),
                self.revision.follow(news[name]),
            )
            if mapping(was).get("required") is True and mapping(now).get("required") is not True:
                yield self.change(new_path, "header", "the header may now be missing.", where)
            if "schema" in mapping(was) and "schema" in mapping(now):
                yield from self.schemas(
                    Direction.RESPONSE, where, (*old_path, "schema"), (*new_path, "schema")
                )

    def contents(
        self, direction: Direction, label: str, old: tuple[Path, Any], new: tuple[Path, Any]
    ) -> Iterator[Change]:
        was, now = (mapping(mapping(found[1]).get("content")) for found in (old, new))
        for media_type, content in was.items():
            if media_type not in now:
                path = (*new[0], "content")
                yield self.change(path, "media-type", f"{media_type} is gone.", label)
            elif "schema" in mapping(content) and "schema" in mapping(now[media_type]):
                places = ((*found[0], "content", media_type, "schema") for found in (old, new))
                yield from self.schemas(direction, label, *places)

    def schemas(self, direction: Direction, label: str, old: Path, new: Path) -> Iterator[Change]:
        where = f"{self.old.label} {label}"
        yield from Comparison(self.base, self.revision, direction, where).schemas(old, new)


def requirements(model: Model, operation: Operation) -> list[frozenset[tuple[str, str]]]:
    """The alternatives, each as pairs of scheme and scope; an empty one lets everyone in."""
    alternatives = sequence(model.security(operation)[1])
    return [
        frozenset(
            (name, str(scope))
            for name, scopes in mapping(alternative).items()
            for scope in ("", *sequence(scopes))
        )
        for alternative in alternatives
    ] or [frozenset()]


def spoken(requirement: frozenset[tuple[str, str]]) -> str:
    words = [f"{name} {scope}".rstrip() for name, scope in sorted(requirement)]
    return " and ".join(words) or "nothing"


def credentials(model: Model, name: str) -> tuple[Any, ...] | None:
    """What a client has to send for a scheme."""
    try:
        _, scheme = model.follow(("components", "securitySchemes", name))
    except LookupError:
        return None
    return tuple(mapping(scheme).get(key) for key in ("type", "scheme", "in", "name"))


def known_as(where: str, name: str) -> tuple[str, str]:
    """Headers have no case (RFC 9110 section 5.1)."""
    return where, name.lower() if where == "header" else name


def serialisation(where: str, parameter: Mapping[str, Any]) -> tuple[str, bool]:
    style = parameter.get("style", STYLES.get(where, ""))
    return str(style), bool(parameter.get("explode", style == "form"))


def member(model: Model, path: Path, name: str) -> tuple[Path, Any]:
    if name not in mapping(model.at(path)):
        return ABSENT
    return model.follow((*path, name))


def members(model: Model, path: Path, name: str) -> Mapping[str, Any]:
    return mapping(mapping(model.at(path)).get(name))


@dataclass
class Shape:
    """What a schema asks for once its references and `allOf` are put together."""

    path: Path
    keywords: dict[str, tuple[Path, Any]] = field(default_factory=dict)
    properties: dict[str, Path] = field(default_factory=dict)
    required: dict[str, Path] = field(default_factory=dict)

    def get(self, keyword: str) -> Any:
        return self.keywords.get(keyword, ABSENT)[1]

    def place(self, keyword: str) -> Path:
        """Where the keyword stands, or the schema that lacks it."""
        return self.keywords[keyword][0] if keyword in self.keywords else self.path


def shape(model: Model, path: Path) -> Shape:
    found = Shape(model.follow(path)[0])
    gather(model, path, found, set())
    return found


def gather(model: Model, path: Path, found: Shape, seen: set[Path]) -> None:
    """The parts first, so that the schema's own keywords have the last word."""
    if path in seen:
        return
    seen.add(path)
    schema = mapping(model.at(path))
    if (target := model.target(schema)) is not None:
        gather(model, target, found, seen)
    for index, _ in enumerate(sequence(schema.get("allOf"))):
        gather(model, (*path, "allOf", index), found, seen)
    for keyword, value in schema.items():
        if keyword not in ("$ref", "allOf", "properties", "required"):
            found.keywords[keyword] = ((*path, keyword), value)
    for name in mapping(schema.get("properties")):
        found.properties[name] = (*path, "properties", name)
    for index, name in enumerate(sequence(schema.get("required"))):
        found.required[str(name)] = (*path, "required", index)


@dataclass(frozen=True)
class Comparison:
    """Compares schemas that say the same thing in two documents."""

    base: Model
    revision: Model
    direction: Direction
    where: str
    compared: set[tuple[Path, Path]] = field(default_factory=set)
    """Each pair is compared once, however many ways lead to it."""

    @property
    def asks(self) -> bool:
        """Whether clients have to obey the schema; else they rely on it."""
        return self.direction is Direction.REQUEST

    def schemas(self, old_path: Path, new_path: Path) -> Iterator[Change]:
        old, new = shape(self.base, old_path), shape(self.revision, new_path)
        if (old.path, new.path) in self.compared:
            return
        self.compared.add((old.path, new.path))
        for compare in (
            self.types, self.values, self.bounds, self.exact, self.uniqueness, self.defaults,
            self.required, self.openness, self.properties, self.items, self.alternatives,
        ):  # fmt: skip
            yield from compare(old, new)

    def change(self, path: Path, rule: str, message: str) -> Change:
        return Change(path, rule, self.where, message)

    def below(self, name: str) -> "Comparison":
        return replace(self, where=f"{self.where}/{name}")

    def types(self, old: Shape, new: Shape) -> Iterator[Change]:
        if any(choices(old, keyword) and choices(new, keyword) for keyword in ("oneOf", "anyOf")):
            return  # the alternatives are compared one by one
        was, now = types(self.base, old), types(self.revision, new)
        narrowed = bool(now) and (not was or not was <= now)
        widened = bool(was) and (not now or not now <= was)
        if narrowed if self.asks else widened:
            message = f"the type went from {listed(was)} to {listed(now)}."
            yield self.change(new.place("type"), "type", message)

    def values(self, old: Shape, new: Shape) -> Iterator[Change]:
        was, now = values(old), values(new)
        place = new.place("const" if "const" in new.keywords else "enum")
        if self.asks and now is not None:
            lost = None if was is None else [value for value in was if value not in now]
            if lost is None:
                yield self.change(place, "enum", f"only {listed(now)} may be sent now.")
            elif lost:
                yield self.change(place, "enum", f"{listed(lost)} may not be sent any more.")
        if not self.asks and was is not None:
            if now is None:
                yield self.change(place, "enum", f"any value may come, not only {listed(was)}.")
            elif added := [value for value in now if value not in was]:
                yield self.change(place, "enum", f"{listed(added)} may come now.")

    def bounds(self, old: Shape, new: Shape) -> Iterator[Change]:
        for keyword in (*LOWER_BOUNDS, *UPPER_BOUNDS):
            was, now = old.get(keyword), new.get(keyword)
            narrow, wide = (now, was) if self.asks else (was, now)
            if is_number(narrow) and (not is_number(wide) or tighter(keyword, narrow, wide)):
                message = f"{keyword} went from {as_json(was)} to {as_json(now)}."
                yield self.change(new.place(keyword), "bounds", message)

    def exact(self, old: Shape, new: Shape) -> Iterator[Change]:
        for keyword in EXACT:
            was, now = old.get(keyword), new.get(keyword)
            if was != now and (now if self.asks else was) is not None:
                message = f"{keyword} went from {as_json(was)} to {as_json(now)}."
                yield self.change(new.place(keyword), keyword, message)

    def uniqueness(self, old: Shape, new: Shape) -> Iterator[Change]:
        was, now = old.get("uniqueItems") is True, new.get("uniqueItems") is True
        if was != now and now is self.asks:
            message = "entries must differ now." if now else "entries may come twice now."
            yield self.change(new.place("uniqueItems"), "uniqueItems", message)

    def defaults(self, old: Shape, new: Shape) -> Iterator[Change]:
        """A client that leaves something out counts on what it means."""
        was, now = old.get("default"), new.get("default")
        if self.asks and "default" in old.keywords and was != now:
            message = f"the default went from {as_json(was)} to {as_json(now)}."
            yield self.change(new.place("default"), "default", message)

    def required(self, old: Shape, new: Shape) -> Iterator[Change]:
        if self.asks:
            for name in new.required.keys() - old.required.keys():
                yield self.below(name).change(
                    new.required[name], "required", "the property became required."
                )
        else:
            for name in (old.required.keys() - new.required.keys()) & new.properties.keys():
                yield self.below(name).change(
                    new.properties[name], "required", "the property may now be missing."
                )

    def openness(self, old: Shape, new: Shape) -> Iterator[Change]:
        for keyword in ("additionalProperties", "unevaluatedProperties"):
            if self.asks and new.get(keyword) is False and old.get(keyword) is not False:
                yield self.change(
                    new.place(keyword), keyword, "unknown properties are refused now."
                )

    def properties(self, old: Shape, new: Shape) -> Iterator[Change]:
        for name, path in old.properties.items():
            if name in new.properties:
                yield from self.below(name).schemas(path, new.properties[name])
            else:
                yield self.below(name).change(new.path, "property", "the property is gone.")

    def items(self, old: Shape, new: Shape) -> Iterator[Change]:
        for keyword in ("items", "additionalProperties"):
            if isinstance(old.get(keyword), Mapping) and isinstance(new.get(keyword), Mapping):
                yield from self.below("*").schemas(old.place(keyword), new.place(keyword))

    def alternatives(self, old: Shape, new: Shape) -> Iterator[Change]:
        for keyword in ("oneOf", "anyOf"):
            was, now = choices(old, keyword), choices(new, keyword)
            if not was or not now:
                continue
            if len(now) < len(was) if self.asks else len(now) > len(was):
                message = f"{keyword} went from {len(was)} to {len(now)} alternatives."
                yield self.change(new.place(keyword), keyword, message)
            else:
                for old_path, new_path in matched(was, now):
                    yield from self.schemas(old_path, new_path)


def types(model: Model, schema: Shape) -> frozenset[str]:
    """The JSON types that a schema or its alternatives name; an empty set means any type."""
    names: set[str] = set()
    seen: set[Path] = set()
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if part.path in seen:
            continue
        seen.add(part.path)
        declared = part.get("type")
        alternatives = choices(part, "oneOf") or choices(part, "anyOf")
        if declared is not None:
            names |= {declared} if isinstance(declared, str) else set(map(str, sequence(declared)))
        elif alternatives:
            waiting.extend(shape(model, path) for path in alternatives.values())
        else:
            return frozenset()
    return frozenset(names | {"integer"} if "number" in names else names)


def values(schema: Shape) -> list[Any] | None:
    if "const" in schema.keywords:
        return [schema.get("const")]
    return sequence(schema.get("enum")) if "enum" in schema.keywords else None


def choices(schema: Shape, keyword: str) -> dict[tuple[Hashable, int], Path]:
    """The places of the alternatives, by what they are: their order means nothing."""
    found: dict[tuple[Hashable, int], Path] = {}
    for index, part in enumerate(sequence(schema.get(keyword))):
        name = json.dumps(part, sort_keys=True, default=str)
        twins = sum(1 for known, _ in found if known == name)
        found[name, twins] = (*schema.place(keyword), index)
    return found


def matched(
    was: Mapping[tuple[Hashable, int], Path], now: Mapping[tuple[Hashable, int], Path]
) -> Iterator[tuple[Path, Path]]:
    """Alternatives that are written alike, then the rest in their order."""
    yield from ((was[key], now[key]) for key in was if key in now)
    old = [path for key, path in was.items() if key not in now]
    new = [path for key, path in now.items() if key not in was]
    yield from zip(old, new, strict=False)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def tighter(keyword: str, one: float, other: float) -> bool:
    return one > other if keyword in LOWER_BOUNDS else one < other


def as_json(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, default=str)


def listed(found: Sequence[Any] | frozenset[str]) -> str:
    if isinstance(found, frozenset):
        return " or ".join(sorted(found)) or "any"
    return ", ".join(as_json(value) for value in found) or "nothing"
