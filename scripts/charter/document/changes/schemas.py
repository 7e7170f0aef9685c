"""What differs between two schemas, whichever way the values travel.

A pair of schemas is compared once, however many ways lead to it: `Differences.between` remembers
what it found, and the schemas below. Whoever walks the pairs decides what each difference means.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from charter.document.changes.judgement import Effect
from charter.document.changes.lifecycle import LifeCycle
from charter.document.model import Model, Path, is_number, mapping, sequence, types_of

BOUNDS = {
    "minimum": "min", "exclusiveMinimum": "exclusive-min", "minLength": "min-length",
    "minItems": "min-items", "minProperties": "min-properties", "minContains": "min-contains",
    "maximum": "max", "exclusiveMaximum": "exclusive-max", "maxLength": "max-length",
    "maxItems": "max-items", "maxProperties": "max-properties", "maxContains": "max-contains",
}  # fmt: skip

# Keywords that allow fewer values by being there, and hold one schema or several.
APPLICATORS = {
    "if": "if", "then": "then", "else": "else", "not": "not", "contains": "contains",
    "propertyNames": "property-names", "contentSchema": "content-schema",
    "unevaluatedItems": "unevaluated-items", "unevaluatedProperties": "unevaluated-properties",
}  # fmt: skip
APPLICATOR_MAPS = {
    "dependentSchemas": "dependent-schema", "patternProperties": "pattern-property",
}  # fmt: skip
OPAQUE = ("if", "not", "unevaluatedItems", "unevaluatedProperties")
"""Applicators whose schemas are compared as text: what is below them may count the other way."""

TYPE_RULES = {
    Effect.WIDENS: "type-generalized",
    Effect.NARROWS: "type-specialized",
    Effect.REPLACES: "type-changed",
}

ANNOTATIONS = frozenset(
    {"title", "description", "default", "deprecated", "example", "examples", "externalDocs"}
)

WIDER_FORMATS = (("int32", "int64"), ("float", "double"))


@dataclass(frozen=True)
class Difference:
    """One keyword of two schemas: `max-length-increased`, and what it does to the values."""

    rule: str
    effect: Effect
    message: str
    old: Path
    new: Path


@dataclass(frozen=True)
class Property:
    """A property that is in one of the schemas only, or whose presence changed."""

    name: str
    change: str
    """`added`, `removed`, `became-required`, `became-optional`, or a change of mutability."""
    old: Path
    new: Path
    is_required: bool
    has_default: bool
    is_read_only: bool
    is_write_only: bool


ENTRY = "*"
"""The name of what is below a list, or of any further property."""


@dataclass(frozen=True)
class Below:
    """A pair of schemas that lies in another: a property, an entry, an alternative."""

    name: str | None
    """None for an alternative, which describes the same value as the schema that holds it."""
    old: Path
    new: Path


@dataclass
class Found:
    differences: list[Difference] = field(default_factory=list)
    properties: list[Property] = field(default_factory=list)
    below: list[Below] = field(default_factory=list)
    is_read_only: bool = False
    is_write_only: bool = False


@dataclass
class Shape:
    """What a schema asks for once its references and `allOf` are put together."""

    path: Path
    keywords: dict[str, tuple[Path, Any]] = field(default_factory=dict)
    properties: dict[str, Path] = field(default_factory=dict)
    required: dict[str, Path] = field(default_factory=dict)
    parts: dict[str, Path] = field(default_factory=dict)
    """The parts of `allOf`, by what they are."""

    def get(self, keyword: str) -> Any:
        return self.keywords[keyword][1] if keyword in self.keywords else None

    def place(self, keyword: str) -> Path:
        """Where the keyword stands, or the schema that lacks it."""
        return self.keywords[keyword][0] if keyword in self.keywords else self.path

    def is_true(self, keyword: str) -> bool:
        return self.get(keyword) is True

    @property
    def restricts(self) -> bool:
        """Whether there is more in it than what is said for people."""
        return bool(self.properties or self.required or self.keywords.keys() - ANNOTATIONS)


class Shapes:
    """The schemas of one document as shapes."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._known: dict[Path, Shape] = {}

    def of(self, path: Path) -> Shape:
        path = self.model.follow(path)[0]
        if path not in self._known:
            self._known[path] = shape = Shape(path)
            self._gather(path, shape, set())
        return self._known[path]

    def _gather(self, path: Path, shape: Shape, seen: set[Path]) -> None:
        """The parts first, so that the schema's own keywords have the last word."""
        if path in seen:
            return
        seen.add(path)
        schema = mapping(self.model.at(path))
        if (target := self.model.target(schema)) is not None:
            self._gather(target, shape, seen)
        parts = sequence(schema.get("allOf"))
        shape.parts.update(by_identity(parts, (*path, "allOf")))
        for index, _ in enumerate(parts):
            self._gather((*path, "allOf", index), shape, seen)
        for keyword, value in schema.items():
            if keyword not in ("$ref", "allOf", "properties", "required"):
                shape.keywords[keyword] = ((*path, keyword), value)
        for bound in ("minimum", "maximum"):
            exclusive = f"exclusive{bound.capitalize()}"
            if shape.is_true(exclusive):  # as OpenAPI 3.0 has it
                shape.keywords[exclusive] = shape.keywords.pop(bound, (path, None))
        for name in mapping(schema.get("properties")):
            shape.properties[name] = (*path, "properties", name)
        for index, name in enumerate(sequence(schema.get("required"))):
            shape.required[str(name)] = (*path, "required", index)

    def types(self, shape: Shape) -> frozenset[str]:
        """The JSON types that a schema or its alternatives name; an empty set means any type."""
        names: set[str] = set()
        seen: set[Path] = set()
        waiting = [shape]
        while waiting:
            part = waiting.pop()
            if part.path in seen:
                continue
            seen.add(part.path)
            choices = alternatives(part, "oneOf") or alternatives(part, "anyOf")
            if (declared := part.get("type")) is not None:
                names |= types_of(declared)
                if part.is_true("nullable"):
                    names.add("null")
            elif choices:
                waiting.extend(map(self.of, choices.values()))
            else:
                return frozenset()
        return frozenset(names)


class Differences:
    """Compares the schemas of two documents, pair by pair."""

    def __init__(self, base: Model, revision: Model, life_cycle: LifeCycle) -> None:
        self.olds = Shapes(base)
        self.news = Shapes(revision)
        self.life_cycle = life_cycle
        self._known: dict[tuple[Path, Path], Found] = {}

    def between(self, old_path: Path, new_path: Path) -> tuple[tuple[Path, Path], Found]:
        """What differs, and the pair's places once references are followed."""
        old, new = self.olds.of(old_path), self.news.of(new_path)
        pair = (old.path, new.path)
        if pair not in self._known:
            self._known[pair] = Pair(self, old, new).found()
        return pair, self._known[pair]


@dataclass(frozen=True)
class Pair:
    """A schema as it was and as it is."""

    among: Differences
    old: Shape
    new: Shape

    def found(self) -> Found:
        found = Found(
            is_read_only=self.old.is_true("readOnly") and self.new.is_true("readOnly"),
            is_write_only=self.old.is_true("writeOnly") and self.new.is_true("writeOnly"),
            properties=list(self.properties()),
            below=list(self.below()),
        )
        for compare in (
            self.types, self.format, self.constant, self.values, self.bounds, self.pattern,
            self.others, self.default, self.openness, self.applicators, self.entries,
            self.dependencies, self.discriminator, self.alternatives, self.stages,
        ):  # fmt: skip
            found.differences.extend(compare())
        found.differences.extend(self.parts(found))
        return found

    def difference(self, rule: str, effect: Effect, message: str, keyword: str = "") -> Difference:
        return Difference(rule, effect, message, self.old.place(keyword), self.new.place(keyword))

    def turned(self, noun: str, keyword: str, has: bool, added: str, removed: str) -> Difference:
        """A restriction that is new, or gone, and what is said of either."""
        if has:
            return self.difference(f"{noun}-added", Effect.NARROWS, added, keyword)
        return self.difference(f"{noun}-removed", Effect.WIDENS, removed, keyword)

    def values_of(self, keyword: str) -> tuple[Any, Any]:
        return self.old.get(keyword), self.new.get(keyword)

    # -- what one value may be ---------------------------------------------------------------------

    def types(self) -> Iterator[Difference]:
        if any(alternatives(one, "oneOf") or alternatives(one, "anyOf")
               for one in (self.old, self.new)) and "type" not in self.new.keywords:  # fmt: skip
            return  # the alternatives are compared one by one
        was, now = self.among.olds.types(self.old), self.among.news.types(self.new)
        if "null" in now - was and was:
            yield self.difference("became-nullable", Effect.WIDENS, "it may be null now.", "type")
        elif "null" in was - now and now:
            yield self.difference(
                "became-not-nullable", Effect.NARROWS, "it may not be null any more.", "type"
            )
        was, now = was - {"null"}, now - {"null"}
        if was == now:
            return
        effect = effect_of(allowed(was), allowed(now))
        rule = TYPE_RULES[effect]
        if max(len(was), len(now)) > 1 and effect is not Effect.REPLACES:
            rule = "list-of-types-" + ("widened" if effect is Effect.WIDENS else "narrowed")
        message = f"the type went from {listed(was)} to {listed(now)}."
        yield self.difference(rule, effect, message, "type")

    def format(self) -> Iterator[Difference]:
        was, now = self.values_of("format")
        if was == now or self.among.olds.types(self.old) != self.among.news.types(self.new):
            return
        if now is None or (was, now) in WIDER_FORMATS:
            effect = Effect.WIDENS
        elif was is None or (now, was) in WIDER_FORMATS:
            effect = Effect.NARROWS
        else:
            effect = Effect.REPLACES
        yield self.difference(TYPE_RULES[effect], effect, went("format", was, now), "format")

    def constant(self) -> Iterator[Difference]:
        had, has = ("const" in one.keywords for one in (self.old, self.new))
        was, now = self.values_of("const")
        if had != has:
            yield self.turned(
                "const", "const", has,
                f"it is always {as_json(now)} now.", f"it is not always {as_json(was)} any more.",
            )  # fmt: skip
        elif was != now:
            yield self.difference(
                "const-changed", Effect.REPLACES, went("const", was, now), "const"
            )

    def values(self) -> Iterator[Difference]:
        for keyword in ("enum", "x-extensible-enum"):
            was, now = self.values_of(keyword)
            if was is None and isinstance(now, list):
                if keyword == "enum" and "const" not in self.old.keywords:
                    message = f"only {listed(now)} are allowed now."
                    yield self.difference("became-enum", Effect.NARROWS, message, keyword)
            elif isinstance(was, list) and now is None:
                if "const" not in self.new.keywords:
                    message = f"any value is allowed, not only {listed(was)}."
                    yield self.difference(f"{keyword}-removed", Effect.WIDENS, message, keyword)
            elif isinstance(was, list) and isinstance(now, list):
                known, newer = set(map(as_json, was)), set(map(as_json, now))
                if removed := [value for value in was if as_json(value) not in newer]:
                    yield self.difference(
                        f"{keyword}-value-removed", Effect.NARROWS,
                        f"{listed(removed)} is not allowed any more.", keyword,
                    )  # fmt: skip
                if added := [value for value in now if as_json(value) not in known]:
                    yield self.difference(
                        f"{keyword}-value-added", Effect.WIDENS,
                        f"{listed(added)} is allowed now.", keyword,
                    )  # fmt: skip

    def bounds(self) -> Iterator[Difference]:
        for keyword, noun in BOUNDS.items():
            was, now = self.values_of(keyword)
            if was == now or not any(map(is_number, (was, now))):
                continue
            if not is_number(was):
                action, effect = "set", Effect.NARROWS
            elif not is_number(now):
                action, effect = "unset", Effect.WIDENS
            else:
                action = "increased" if now > was else "decreased"
                widens = (now > was) == noun.removeprefix("exclusive-").startswith("max")
                effect = Effect.WIDENS if widens else Effect.NARROWS
            yield self.difference(f"{noun}-{action}", effect, went(keyword, was, now), keyword)

    def pattern(self) -> Iterator[Difference]:
        was, now = (pattern or None for pattern in self.values_of("pattern"))  # "" fits anything
        if was == now:
            return
        if was is None:
            rule, effect = "pattern-added", Effect.NARROWS
        elif now is None:
            rule, effect = "pattern-removed", Effect.WIDENS
        elif now in (".*", "^.*$"):
            rule, effect = "pattern-generalized", Effect.WIDENS
        else:
            rule, effect = "pattern-changed", Effect.REPLACES
        yield self.difference(rule, effect, went("pattern", was, now), "pattern")

    def others(self) -> Iterator[Difference]:
        for keyword, noun in (
            ("multipleOf", "multiple-of"),
            ("contentEncoding", "content-encoding"),
            ("contentMediaType", "content-media-type"),
        ):
            was, now = self.values_of(keyword)
            if was != now:
                yield self.difference(
                    f"{noun}-changed", Effect.REPLACES, went(keyword, was, now), keyword
                )
        was, now = self.old.is_true("uniqueItems"), self.new.is_true("uniqueItems")
        if was != now:
            yield self.turned(
                "unique-items", "uniqueItems", now,
                "entries must differ now.", "entries may come twice now.",
            )  # fmt: skip

    def default(self) -> Iterator[Difference]:
        had, has = ("default" in one.keywords for one in (self.old, self.new))
        was, now = self.values_of("default")
        if (had, was) != (has, now):
            action = "changed" if had and has else "added" if has else "removed"
            yield self.difference(
                f"default-value-{action}", Effect.KEEPS,
                f"the default went from {as_json(was) if had else 'nothing'} to"
                f" {as_json(now) if has else 'nothing'}.", "default",
            )  # fmt: skip

    # -- objects and lists -------------------------------------------------------------------------

    def properties(self) -> Iterator[Property]:
        for name in self.old.properties.keys() | self.new.properties.keys():
            if name not in self.new.properties:
                yield self.property(name, "removed", self.old, self.among.olds)
            elif name not in self.old.properties:
                yield self.property(name, "added", self.new, self.among.news)
            else:
                was, now = name in self.old.required, name in self.new.required
                if was != now:
                    change = "became-required" if now else "became-optional"
                    yield self.property(name, change, self.new, self.among.news)
                yield from self.mutability(name)
        known = self.old.properties.keys() | self.new.properties.keys()
        for name in self.new.required.keys() - self.old.required.keys() - known:
            yield Property(
                name, "became-required", self.old.path, self.new.required[name],
                is_required=True, has_default=False, is_read_only=False, is_write_only=False,
            )  # fmt: skip

    def property(self, name: str, change: str, holder: Shape, shapes: Shapes) -> Property:
        described = shapes.of(holder.properties[name])
        return Property(
            name,
            change,
            self.old.properties.get(name, self.old.path),
            self.new.required.get(name, self.new.properties.get(name, self.new.path))
            if change == "became-required"
            else self.new.properties.get(name, self.new.path),
            is_required=name in holder.required,
            has_default="default" in described.keywords,
            is_read_only=described.is_true("readOnly"),
            is_write_only=described.is_true("writeOnly"),
        )

    def mutability(self, name: str) -> Iterator[Property]:
        old = self.among.olds.of(self.old.properties[name])
        new = self.among.news.of(self.new.properties[name])
        for keyword, noun in (("readOnly", "read-only"), ("writeOnly", "write-only")):
            was, now = old.is_true(keyword), new.is_true(keyword)
            if was != now:
                change = f"became-{noun}" if now else f"became-not-{noun}"
                yield self.property(name, change, self.new, self.among.news)

    def openness(self) -> Iterator[Difference]:
        was, now = self.values_of("additionalProperties")
        closed, closes = (self.is_closed(one) for one in (self.old, self.new))
        if closes and not closed:
            yield self.difference(
                "additional-properties-forbidden", Effect.NARROWS,
                "unknown properties are refused now.", "additionalProperties",
            )  # fmt: skip
        elif closed and not closes:
            yield self.difference(
                "additional-properties-allowed", Effect.WIDENS,
                "unknown properties are allowed now.", "additionalProperties",
            )  # fmt: skip
        elif is_schema(now) and not is_schema(was) and not closed:
            yield self.difference(
                "additional-properties-described", Effect.NARROWS,
                "further properties have a schema now.", "additionalProperties",
            )  # fmt: skip

    @staticmethod
    def is_closed(shape: Shape) -> bool:
        return shape.get("additionalProperties") is False

    def applicators(self) -> Iterator[Difference]:
        for keyword, noun in APPLICATORS.items():
            had, has = (is_restriction(one, keyword) for one in (self.old, self.new))
            if had != has:
                yield self.presence(noun, keyword, has)
            elif (
                has
                and keyword in OPAQUE
                and identity(self.old.get(keyword)) != identity(self.new.get(keyword))
            ):
                yield self.difference(
                    f"{noun}-changed", Effect.REPLACES, f"`{keyword}` is another schema.", keyword
                )
        for keyword, noun in APPLICATOR_MAPS.items():
            was, now = (mapping(one.get(keyword)) for one in (self.old, self.new))
            for name in [*(was.keys() - now.keys()), *(now.keys() - was.keys())]:
                yield self.presence(noun, keyword, name in now, f" for `{name}`")

    def presence(self, noun: str, keyword: str, has: bool, whose: str = "") -> Difference:
        what = f"`{keyword}`{whose}"
        return self.turned(
            noun, keyword, has,
            f"{what} restricts it now.", f"{what} does not restrict it any more.",
        )  # fmt: skip

    def entries(self) -> Iterator[Difference]:
        """A tuple that grows is longer than a client expects; one that shrinks, than it may be."""
        was, now = (len(sequence(one.get("prefixItems"))) for one in (self.old, self.new))
        if was != now:
            action, effect = ("added", Effect.WIDENS) if now > was else ("removed", Effect.NARROWS)
            message = f"the first {now} entries have schemas of their own, not {was}."
            yield self.difference(f"prefix-items-{action}", effect, message, "prefixItems")

    def dependencies(self) -> Iterator[Difference]:
        was, now = (mapping(one.get("dependentRequired")) for one in (self.old, self.new))
        for name in sorted(was.keys() | now.keys()):
            older, newer = (set(map(str, sequence(one.get(name)))) for one in (was, now))
            if older == newer:
                continue
            message = f"`{name}` requires {listed(frozenset(newer))} beside it."
            if name not in was:
                rule, effect = "added", Effect.NARROWS
            elif name not in now:
                rule, effect = "removed", Effect.WIDENS
            else:
                rule, effect = "changed", Effect.REPLACES
            yield self.difference(
                f"dependent-required-{rule}", effect, message, "dependentRequired"
            )

    def discriminator(self) -> Iterator[Difference]:
        was, now = self.values_of("discriminator")
        if not was and not now:
            return
        if not was or not now:
            action, word = ("added", "is new") if now else ("removed", "is gone")
            message = f"the discriminator {word}."
            yield self.difference(f"discriminator-{action}", Effect.KEEPS, message, "discriminator")
            return
        names = [mapping(one).get("propertyName") for one in (was, now)]
        if names[0] != names[1]:
            yield self.difference(
                "discriminator-property-name-changed", Effect.KEEPS,
                went("the discriminator's property", *names), "discriminator",
            )  # fmt: skip
        older, newer = (mapping(mapping(one).get("mapping")) for one in (was, now))
        for name in sorted(older.keys() | newer.keys()):
            if older.get(name) == newer.get(name):
                continue
            action = "deleted" if name not in newer else "changed" if name in older else "added"
            message = went(f"what {as_json(name)} stands for", older.get(name), newer.get(name))
            yield self.difference(
                f"discriminator-mapping-{action}", Effect.KEEPS, message, "discriminator"
            )

    # -- parts and alternatives --------------------------------------------------------------------

    def parts(self, found: Found) -> Iterator[Difference]:
        """Parts that came or went. What they say is compared with the whole: a part that says
        nothing new restricts nothing."""
        pairing = paired(self.old.parts, self.new.parts)
        narrowed = {"added", "became-required"} & {one.change for one in found.properties}
        widened = {"removed", "became-optional"} & {one.change for one in found.properties}
        effects = {one.effect for one in found.differences}
        for names, parts, shapes, action, effect, matters in (
            (pairing.added, self.new.parts, self.among.news, "added", Effect.NARROWS, narrowed),
            (pairing.removed, self.old.parts, self.among.olds, "removed", Effect.WIDENS, widened),
        ):
            for name in names:
                restricts = shapes.of(parts[name]).restricts
                changes = bool(matters) or bool(effects & {effect, Effect.REPLACES})
                yield Difference(
                    f"all-of-{action}" + ("" if restricts else "-annotation-only"),
                    effect if restricts and changes else Effect.KEEPS,
                    f"`allOf` has {called(name)} {'now' if action == 'added' else 'no longer'}.",
                    parts[name] if action == "removed" else self.old.path,
                    parts[name] if action == "added" else self.new.path,
                )

    def alternatives(self) -> Iterator[Difference]:
        for keyword, noun in (("oneOf", "one-of"), ("anyOf", "any-of")):
            was, now = alternatives(self.old, keyword), alternatives(self.new, keyword)
            if now and not was and keyword == "oneOf" and self.is_wrapped(now):
                yield self.difference(
                    "wrapped-in-one-of", Effect.REPLACES,
                    "it is one of several alternatives now.", keyword,
                )  # fmt: skip
                continue
            if not was and not now:
                continue
            if not was or not now:
                yield self.presence(f"{noun}-restriction", keyword, bool(now))
                continue
            pairing = paired(was, now)
            for name in pairing.added:
                yield self.difference(
                    f"{noun}-added", Effect.WIDENS, f"`{keyword}` allows {called(name)} now.",
                    keyword,
                )  # fmt: skip
            for name in pairing.removed:
                yield self.difference(
                    f"{noun}-removed", Effect.NARROWS,
                    f"`{keyword}` does not allow {called(name)} any more.", keyword,
                )  # fmt: skip

    def is_wrapped(self, now: Mapping[str, Path]) -> bool:
        """Whether the older schema is one of the alternatives of the newer one."""
        own = as_json(self.among.olds.model.at(self.old.path))
        return any(
            as_json(self.among.news.model.at(self.among.news.of(path).path)) == own
            for path in now.values()
        )

    def stages(self) -> Iterator[Difference]:
        for rule, effect, message in self.among.life_cycle.of_schemas(
            {name: value for name, (_, value) in self.old.keywords.items()},
            {name: value for name, (_, value) in self.new.keywords.items()},
        ):
            yield self.difference(rule, effect, message, "deprecated")

    # -- the pairs below ---------------------------------------------------------------------------

    def below(self) -> Iterator[Below]:
        for name, path in self.old.properties.items():
            if name in self.new.properties:
                yield Below(name, path, self.new.properties[name])
        for keyword in ("items", "additionalProperties", *(set(APPLICATORS) - set(OPAQUE))):
            if all(isinstance(one.get(keyword), Mapping) for one in (self.old, self.new)):
                yield Below(ENTRY, self.old.place(keyword), self.new.place(keyword))
        for keyword in APPLICATOR_MAPS:
            yield from self.named(keyword, *map(mapping, self.values_of(keyword)))
        shared = min(len(sequence(value)) for value in self.values_of("prefixItems"))
        yield from self.named("prefixItems", range(shared), range(shared))
        for keyword in ("oneOf", "anyOf"):
            yield from self.choices(keyword)

    def named(
        self, keyword: str, was: Collection[str | int], now: Collection[str | int]
    ) -> Iterator[Below]:
        """The members of a keyword that both schemas have."""
        for name in was:
            if name in now:
                yield Below(
                    str(name), (*self.old.place(keyword), name), (*self.new.place(keyword), name)
                )

    def choices(self, keyword: str) -> Iterator[Below]:
        was, now = alternatives(self.old, keyword), alternatives(self.new, keyword)
        for old, new in paired(was, now).pairs:
            yield Below(None, was[old], now[new])


def is_schema(value: Any) -> bool:
    return isinstance(value, Mapping)


def is_restriction(shape: Shape, keyword: str) -> bool:
    value = shape.get(keyword)
    return value is False or isinstance(value, Mapping)


def alternatives(schema: Shape, keyword: str) -> dict[str, Path]:
    """The places of the alternatives, by what they are: their order means nothing."""
    return by_identity(sequence(schema.get(keyword)), schema.place(keyword))


def by_identity(parts: Sequence[Any], place: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for index, part in enumerate(parts):
        name = identity(part)
        while name in found:
            name += " "  # a twin
        found[name] = (*place, index)
    return found


@dataclass(frozen=True)
class Pairing:
    """Which part of an older list is which of a newer one."""

    pairs: list[tuple[str, str]]
    removed: list[str]
    added: list[str]


def paired(was: Mapping[str, Path], now: Mapping[str, Path]) -> Pairing:
    """First the parts that are written alike, then those without a name in their order; if as many
    are left on both sides, these are the same ones, renamed."""
    pairs = [(key, key) for key in was if key in now]
    removed, added = [key for key in was if key not in now], [key for key in now if key not in was]
    unnamed = list(zip(*(filter(is_unnamed, keys) for keys in (removed, added)), strict=False))
    removed = [key for key in removed if key not in {old for old, _ in unnamed}]
    added = [key for key in added if key not in {new for _, new in unnamed}]
    pairs += unnamed
    if len(removed) == len(added):
        pairs += zip(removed, added, strict=True)
        removed, added = [], []
    return Pairing(pairs, removed, added)


def is_unnamed(identity: str) -> bool:
    return not identity.startswith("#/")


def identity(part: Any) -> str:
    """What makes a schema in a list the same as one in another: its name, or all of it."""
    reference = mapping(part).get("$ref")
    return reference if isinstance(reference, str) else as_json(part)


def called(identity: str) -> str:
    return identity.rpartition("/")[2] if identity.startswith("#/") else "a schema in place"


def allowed(types: frozenset[str]) -> frozenset[str] | None:
    """None stands for any type."""
    if not types:
        return None
    return types | {"integer"} if "number" in types else types


def effect_of(was: frozenset[str] | None, now: frozenset[str] | None) -> Effect:
    if now is None or (was is not None and was <= now):
        return Effect.WIDENS
    if was is None or now <= was:
        return Effect.NARROWS
    return Effect.REPLACES


def went(what: str, was: Any, now: Any) -> str:
    return f"{what} went from {as_json(was)} to {as_json(now)}."


def as_json(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, sort_keys=True, default=str)


def listed(found: Sequence[Any] | frozenset[str]) -> str:
    if isinstance(found, frozenset):
        return " or ".join(sorted(found)) or "any"
    return ", ".join(as_json(value) for value in found) or "nothing"
