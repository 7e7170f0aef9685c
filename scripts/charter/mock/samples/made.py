"""One value, built from its schema.

Builds from the root down: an example of the schema, else a value of its type, whose members and
elements are built in the order of the document. At each place the combinations of alternatives
are tried in the order of the preference, at most `COMBINATIONS`; `Backtrack` says that one of them
has no value, and the next is tried. A place whose combinations all failed backtracks itself.
Optional members without a value are left out. The search ends with the first value, when the root
backtracks, or when `largest` parts have been built (`Exhausted`).

A value need not be valid: `samples/__init__.py` validates it, counts the mistakes by place, and
tries again with a `Maker` that avoids them.
"""

import copy
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, cycle, islice
from random import Random
from typing import Any

from charter.mock.memory.merging import AVOIDED, OWN, Contradiction, canonical, everything
from charter.mock.samples.parts import TURNS, Parts, Preference, Within
from charter.mock.samples.quantities import numbers
from charter.mock.samples.texts import texts
from charter.runtime.parameters import JSON
from charter.runtime.parts import essence

Path = tuple[str | int, ...]
"""Where in the value, from its root."""

DEEPEST = 6
"""Levels down to which optional members are built."""
LARGEST = 2_000
"""Parts of a value, after which optional members are left out."""
COMBINATIONS = 12
"""Combinations of alternatives that are tried at one place."""
HOPELESS = 8
"""Mistakes at one place, after which an optional member is left out."""
ENOUGH = 200
"""Elements of an array that are built; a longer one repeats them."""
LONGEST = 100_000
"""Elements that an array may have."""
LONGEST_TEXT = 1_000_000
"""Characters that a string may have to have."""
DISTINCT_ATTEMPTS = 40
"""Attempts to make a distinct array element or property name."""


class Backtrack(Exception):
    """No value satisfies this branch; try the next one."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path


class Exhausted(Backtrack):
    """The attempt has reached its limit: end it, whatever branches are left."""


class Maker:
    """One attempt to build a value, which avoids the mistakes of earlier ones."""

    def __init__(
        self,
        parts: Parts,
        seed: int | None,
        mistakes: Counter[Path],
        largest: int,
        *,
        leaves_out: bool = False,
    ) -> None:
        """`leaves_out` leaves out required members that have no value, too."""
        self.parts = parts
        self.seed = seed
        self.mistakes = mistakes
        self.suspect = {path[:length] for path in mistakes for length in range(len(path) + 1)}
        self.retries: Counter[Path] = Counter()
        self.largest = largest
        self.size = 0
        self.leaves_out = leaves_out

    def preference(self, path: Path) -> Preference:
        """The document's order first; after repeated mistakes, chance for all below."""
        outer = sum(max(0, self.mistakes[path[:length]] - TURNS - 1) for length in range(len(path)))
        mistakes = self.mistakes[path] + outer
        retries = sum(self.retries[path[: length + 1]] for length in range(len(path)))
        is_first = not any(isinstance(token, int) and token for token in path)
        if self.seed is None and is_first and not retries and mistakes <= TURNS:
            return Preference(mistakes, None)
        seed = f"{self.seed}|{path}|{mistakes}|{retries}"
        return Preference(mistakes, Random(seed))

    def value(self, schema: Any, path: Path, within: Within) -> Any:
        """A value for a schema. Raises Backtrack."""
        self.size += 1
        if self.size > self.largest:
            raise Exhausted(path)
        preference = self.preference(path)
        deepest = path
        try:
            for flat, deeper in islice(self.parts.flat(schema, within, preference), COMBINATIONS):
                try:
                    return self.settled(flat, path, deeper, preference)
                except Exhausted:
                    raise
                except Backtrack as backtrack:
                    deepest = max(deepest, backtrack.path, key=len)
        except Contradiction:
            pass
        raise Backtrack(deepest)

    def settled(
        self, schema: dict[str, Any], path: Path, within: Within, preference: Preference
    ) -> Any:
        """A value that also satisfies the conditions (`if`, `dependentSchemas`) that apply."""
        for example in self.examples(schema, path, within, preference):
            return example
        value = self.made(schema, path, within, preference)
        asked: list[Any] = []
        while more := [
            condition
            for condition in self.conditions(schema, value)
            if not any(condition is known for known in asked)
        ]:
            asked += more
            both = schema | {"allOf": [*schema.get("allOf", ()), *more]}
            flat = next(self.parts.flat(both, within, preference), None)
            if flat is None:
                raise Backtrack(path)
            schema, within = flat
            value = self.made(schema, path, within, preference)
        return value

    def conditions(self, schema: Mapping[str, Any], value: Any) -> Iterator[Any]:
        for part in schema.get("allOf", ()):
            if "if" in part:
                branch = "then" if self.parts.admits(part["if"], value) else "else"
                if part.get(branch, True) is not True:
                    yield part[branch]
        for name, dependent in schema.get("dependentSchemas", {}).items():
            if isinstance(value, dict) and name in value:
                yield dependent

    def examples(
        self, schema: Mapping[str, Any], path: Path, within: Within, preference: Preference
    ) -> Iterator[Any]:
        if (
            self.seed is not None
            or preference.mistakes
            or path in self.suspect
            or self.retries[path]
        ):
            return
        examples = [schema["example"]] if "example" in schema else []
        several = schema.get("examples")
        examples += several if isinstance(several, list) else []
        # an empty default shows nothing
        examples += [schema["default"]] if schema.get("default") not in (None, {}, []) else []
        if preference.chance is not None:
            examples = preference.chance.sample(examples, len(examples))
        for example in examples:
            is_sure = len(examples) == 1 and isinstance(example, dict | list)
            if is_sure or self.parts.admits(judged(schema), example):
                yield self.shown(example, schema, within)

    def shown(self, value: Any, schema: Any, within: Within) -> Any:
        """An example without the members that only the other direction sends."""
        if not isinstance(value, dict | list):
            return copy.deepcopy(value)
        flat = next(self.parts.flat(schema, within, Preference(0, None)), ({}, within))
        if isinstance(value, list):
            return [self.shown(child, flat[0].get("items"), flat[1]) for child in value]
        members = flat[0].get("properties", {})
        return {
            name: self.shown(child, members.get(name) or {}, flat[1])
            for name, child in value.items()
            if not self.parts.is_hidden(members.get(name))
        }

    # -- by type ----------------------------------------------------------------------------------

    def made(
        self, schema: dict[str, Any], path: Path, within: Within, preference: Preference
    ) -> Any:
        if "const" in schema:
            return copy.deepcopy(schema["const"])
        if "enum" in schema:
            return copy.deepcopy(self.first(schema, preference.ordered(list(schema["enum"])), path))
        name = next((token for token in reversed(path) if isinstance(token, str)), "")
        if path and isinstance(path[-1], int):
            name = singular(name)
        chance = preference.chance or (Random(str(path)) if preference.mistakes else None)
        match self.type_of(schema, preference):
            case "object":
                return self.object(schema, path, within, preference)
            case "array":
                return self.array(schema, path, within, preference)
            case "integer":
                return self.first(schema, numbers(schema, name, chance, whole=True), path)
            case "number":
                return self.first(schema, numbers(schema, name, chance, whole=False), path)
            case "boolean":
                return self.first(schema, preference.ordered([True, False]), path)
            case "null":
                return None
            case _:
                spelt = self.spelt(schema, path, within)
                return self.first(schema, chain(spelt, texts(schema, name, chance)), path)

    def spelt(self, schema: Mapping[str, Any], path: Path, within: Within) -> Iterator[str]:
        """The text of a string whose content is JSON (`contentSchema`). Raises Exhausted."""
        if schema.get("minLength", 0) > LONGEST_TEXT:
            raise Exhausted(path)
        media_type = schema.get("contentMediaType", "")
        if "contentSchema" in schema and JSON.fullmatch(essence(media_type)):
            yield json.dumps(self.value(schema["contentSchema"], path, within), ensure_ascii=False)

    def first(self, schema: Mapping[str, Any], candidates: Iterable[Any], path: Path) -> Any:
        """The first candidate that the schema accepts. Raises Backtrack."""
        known = judged(schema)
        is_simple = known.keys() <= SIMPLE
        for candidate in candidates:
            if is_simple or self.parts.admits(known, candidate):
                return candidate
        raise Backtrack(path)

    def type_of(self, schema: Mapping[str, Any], preference: Preference) -> str:
        declared = schema.get("type")
        if isinstance(declared, str):
            return declared
        denied = schema.get("not", {})
        without = denied.get("type", ()) if isinstance(denied, Mapping) else ()
        implied = [found for found, keywords in IMPLIED.items() if keywords & schema.keys()]
        if implied and preference.mistakes <= TURNS:
            open_to = implied[:1]
        else:
            open_to = TYPES if preference.mistakes or without else ["string"]
        possible = declared or open_to
        found = [one for one in possible if one != without and one not in as_list(without)]
        return str(preference.ordered(found or list(possible))[0])

    # -- objects ----------------------------------------------------------------------------------

    def object(
        self, schema: dict[str, Any], path: Path, within: Within, preference: Preference
    ) -> dict[str, Any]:
        required = [name for name in schema.get("required", ()) if isinstance(name, str)]
        declared = list(schema.get("properties", {}))
        most = schema.get("maxProperties", math.inf)
        fewest = int(schema.get("minProperties", 0))
        made: dict[str, Any] = {}
        left_out: list[str] = []
        missing = sum(not self.parts.is_hidden(self.member(schema, name)) for name in required)
        for name in dict.fromkeys([*declared, *required]):
            child = self.member(schema, name)
            if self.parts.is_hidden(child):
                continue
            if name in required and not self.leaves_out:
                made[name] = self.value(child, (*path, name), within)
                missing -= 1
            elif name in required or (
                len(made) + missing < most and self.takes(name, schema, path, preference)
            ):
                self.add(made, name, child, path, within)
            else:
                left_out.append(name)
        for name in left_out:
            if len(made) < fewest:
                self.add(made, name, self.member(schema, name), path, within)
        self.add_dependents(schema, made, path, within)
        self.fill(schema, made, path, within)
        return made

    def add(self, made: dict[str, Any], name: str, child: Any, path: Path, within: Within) -> None:
        """Add an optional member, unless it has no value."""
        try:
            made[name] = self.value(child, (*path, name), within)
        except Exhausted:
            raise
        except Backtrack:
            return

    def takes(
        self, name: str, schema: Mapping[str, Any], path: Path, preference: Preference
    ) -> bool:
        if len(path) >= DEEPEST or self.size > LARGEST:
            return False
        if self.mistakes[*path, name] > HOPELESS:
            return False
        denied = schema.get("not")
        unwanted = denied.get("required", ()) if isinstance(denied, Mapping) else ()
        if preference.mistakes <= TURNS or preference.chance is None:
            return not preference.mistakes or name not in (*schema.get(AVOIDED, ()), *unwanted)
        return preference.chance.random() < (0.0, 0.3, 0.6)[preference.mistakes % 3]

    def add_dependents(
        self, schema: Mapping[str, Any], made: dict[str, Any], path: Path, within: Within
    ) -> None:
        dependents = schema.get("dependentRequired", {})
        while missing := [
            other for name in dependents if name in made for other in dependents[name]
            if other not in made
        ]:  # fmt: skip
            for name in missing:
                made[name] = self.value(self.member(schema, name), (*path, name), within)

    def member(self, schema: Mapping[str, Any], name: str) -> Any:
        """The schema of a member, declared or not."""
        patterns = schema.get("patternProperties", {})
        schemas = [
            patterns[pattern]
            for pattern in patterns
            if self.parts.admits({"pattern": pattern}, name)
        ]
        if name in schema.get("properties", {}):
            schemas.append(schema["properties"][name])
        return everything(schemas) if schemas else additional(schema)

    def fill(
        self, schema: Mapping[str, Any], made: dict[str, Any], path: Path, within: Within
    ) -> None:
        """Add undeclared members: as many as `minProperties` asks for, and one to show a map."""
        fewest = int(schema.get("minProperties", 0))
        open_ = [*schema.get("patternProperties", {}).values(), additional(schema)]
        is_map = not made and any(isinstance(part, Mapping) for part in open_)
        is_shown = is_map and len(path) < DEEPEST and self.size <= LARGEST
        is_shown = is_shown and schema.get("maxProperties", 1) > 0
        for number in range(max(fewest, int(is_shown)) + DISTINCT_ATTEMPTS):
            if len(made) >= max(fewest, int(is_shown)):
                return
            name = self.new_name(schema, number, path, within)
            if name is None:
                return
            if name not in made and name not in schema.get("properties", {}):
                self.add(made, name, self.member(schema, name), path, within)

    def new_name(
        self, schema: Mapping[str, Any], number: int, path: Path, within: Within
    ) -> str | None:
        naming = schema.get("propertyNames", True)
        patterns = list(schema.get("patternProperties", {}))
        if naming is True and (not patterns or additional(schema) is not False):
            return f"member{number + 1}"
        chosen = {"pattern": patterns[number % len(patterns)]} if patterns else True
        if isinstance(naming, Mapping) and "$ref" not in naming and naming.get("enum"):
            values = naming["enum"]
            return str(values[number]) if number < len(values) else None
        place = (*path, f"member{number + 1}")
        self.retries[place] += number
        try:
            named = self.value(everything([{"type": "string"}, naming, chosen]), place, within)
        except Exhausted:
            raise
        except Backtrack:
            return None
        finally:
            del self.retries[place]
        return str(named)

    # -- arrays -----------------------------------------------------------------------------------

    def array(
        self, schema: dict[str, Any], path: Path, within: Within, preference: Preference
    ) -> list[Any]:
        first = list(schema.get("prefixItems", ()))
        rest = schema.get("items", schema.get("unevaluatedItems", True))
        contained = list(self.contained(schema))
        fewest, most = int(schema.get("minItems", 0)), schema.get("maxItems", math.inf)
        is_shown = len(path) < DEEPEST and self.size <= LARGEST and preference.mistakes <= TURNS
        wanted = len(first) if first and is_shown else int(is_shown and rest is not False)
        wanted = min(max(wanted, fewest, len(first) * bool(contained) + len(contained)), most)
        others = self.without_too_many(schema, rest)
        made: list[Any] = []
        known: set[str] | None = set() if schema.get("uniqueItems") else None
        while len(made) < wanted:
            number = len(made)
            is_contained = len(first) <= number < len(first) + len(contained)
            if number < len(first):
                child = first[number]
            elif is_contained:
                items = schema.get("items", True)
                child = everything([items, contained[number - len(first)]])
            else:
                child = others
            one_of_many = number - len(first) - len(contained)
            if one_of_many >= ENOUGH and known is None:
                if wanted > LONGEST:
                    raise Exhausted(path)
                several = made[-one_of_many:]
                made += islice(cycle(several), wanted - number)
                break
            try:
                made.append(self.element(child, (*path, number), within, known))
            except Exhausted:
                raise
            except Backtrack:
                if (number < fewest or is_contained) and not self.leaves_out:
                    raise
                break
        return made

    def contained(self, schema: Mapping[str, Any]) -> Iterator[Any]:
        """A schema for each element that the array must contain."""
        for part in [schema, *schema.get("allOf", ())]:
            if "contains" in part:
                yield from [part["contains"]] * int(part.get("minContains", 1))

    def without_too_many(self, schema: Mapping[str, Any], items: Any) -> Any:
        """The schema of all other elements, which don't match a `contains` that has a maximum."""
        parts = [schema, *schema.get("allOf", ())]
        counted = [part["contains"] for part in parts if part.keys() >= {"contains", "maxContains"}]
        return everything([items, *({"not": contains} for contains in counted)])

    def element(self, child: Any, place: Path, within: Within, known: set[str] | None) -> Any:
        """One more element; with `uniqueItems`, none of the `known` ones. Raises Backtrack."""
        if known is None:
            return self.value(child, place, within)
        for _ in range(DISTINCT_ATTEMPTS):
            value = self.value(child, place, within)
            if canonical(value) not in known:
                known.add(canonical(value))
                return value
            self.retries[place] += 1
        raise Backtrack(place)


UNJUDGED = frozenset(
    {AVOIDED, "allOf", "discriminator", "xml", "externalDocs", "dependentSchemas", *OWN}
)
SIMPLE = frozenset({
    "deprecated", "description", "exclusiveMaximum", "exclusiveMinimum", "maximum",
    "maxLength", "minimum", "minLength", "multipleOf", "readOnly", "title", "type", "writeOnly",
})  # fmt: skip
"""Keywords that every candidate satisfies by construction."""
TYPES = ["string", "integer", "number", "boolean", "object", "array", "null"]
IMPLIED = {
    "object": {
        "additionalProperties", "dependentRequired", "dependentSchemas", "maxProperties",
        "minProperties", "patternProperties", "properties", "propertyNames", "required",
        "unevaluatedProperties",
    },
    "array": {"contains", "items", "maxItems", "minItems", "prefixItems", "uniqueItems"},
    "string": {"contentEncoding", "format", "maxLength", "minLength", "pattern"},
    "number": {"exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"},
}  # fmt: skip
"""The type that keywords imply where `type` is missing."""


def judged(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords that a value is validated against before its conditions are."""
    made = {name: schema[name] for name in schema if name not in UNJUDGED}
    if parts := [part for part in schema.get("allOf", ()) if "if" not in part]:
        made["allOf"] = parts
    return made


def as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def additional(schema: Mapping[str, Any]) -> Any:
    return schema.get("additionalProperties", schema.get("unevaluatedProperties", True))


def singular(name: str) -> str:
    return name[:-1] if name.endswith("s") and not name.endswith(("ss", "us")) else name
