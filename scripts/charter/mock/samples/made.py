"""One value, made by the rules of its schema: what is open is decided by taste, or by chance."""

import copy
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from random import Random
from typing import Any

from charter.mock.memory.merging import AVOIDED, OWN, Contradiction, canonical, everything
from charter.mock.samples.parts import TURNS, Parts, Taste, Within
from charter.mock.samples.quantities import numbers
from charter.mock.samples.texts import texts
from charter.runtime.parameters import JSON
from charter.runtime.parts import essence

Path = tuple[str | int, ...]
"""Where in the value, from its root."""

DEEPEST = 6
"""How far members that are not required are shown."""
LARGEST = 2_000
"""Parts of a value, after which it is given no member that is not required."""
COMBINATIONS = 12
"""Of alternatives, that are tried in one place."""
HOPELESS = 8
"""Mistakes in one place, after which a member that is not required is left out."""
TRIES = 40
"""For another element or name than those that are there."""


class Dead(Exception):
    """This way leads to no value; another one may."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path


class Exhausted(Dead):
    """No other way is left, either."""


class Maker:
    """One attempt, which avoids the mistakes of those before it."""

    def __init__(
        self,
        parts: Parts,
        seed: int | None,
        mistakes: Counter[Path],
        largest: int,
        *,
        leaves_out: bool = False,
    ) -> None:
        """`leaves_out` makes a value without the parts for which there is none."""
        self.parts = parts
        self.seed = seed
        self.mistakes = mistakes
        self.doubted = {path[:length] for path in mistakes for length in range(len(path) + 1)}
        self.again: Counter[Path] = Counter()
        self.largest = largest
        self.size = 0
        self.leaves_out = leaves_out

    def taste(self, path: Path) -> Taste:
        """The document's order first; what was wrong is made by chance at last, with all in it."""
        outer = sum(max(0, self.mistakes[path[:length]] - TURNS - 1) for length in range(len(path)))
        mistakes = self.mistakes[path] + outer
        again = sum(self.again[path[: length + 1]] for length in range(len(path)))
        is_first = not any(isinstance(token, int) and token for token in path)
        if self.seed is None and is_first and not again and mistakes <= TURNS:
            return Taste(mistakes, None)
        seed = f"{self.seed}|{path}|{mistakes}|{again}"
        return Taste(mistakes, Random(seed))

    def value(self, schema: Any, path: Path, within: Within) -> Any:
        """A value for a schema. Raises Dead."""
        self.size += 1
        if self.size > self.largest:
            raise Exhausted(path)
        taste = self.taste(path)
        deepest = path
        try:
            for found, deeper in islice(self.parts.flat(schema, within, taste), COMBINATIONS):
                try:
                    return self.settled(found, path, deeper, taste)
                except Exhausted:
                    raise
                except Dead as dead:
                    deepest = max(deepest, dead.path, key=len)
        except Contradiction:
            pass
        raise Dead(deepest)

    def settled(self, schema: dict[str, Any], path: Path, within: Within, taste: Taste) -> Any:
        """A value, and what the conditions ask for once it is known."""
        for example in self.examples(schema, path, within, taste):
            return example
        value = self.made(schema, path, within, taste)
        asked: list[Any] = []
        while more := [
            found
            for found in self.conditions(schema, value)
            if not any(found is known for known in asked)
        ]:
            asked += more
            both = schema | {"allOf": [*schema.get("allOf", ()), *more]}
            flat = next(self.parts.flat(both, within, taste), None)
            if flat is None:
                raise Dead(path)
            schema, within = flat
            value = self.made(schema, path, within, taste)
        return value

    def conditions(self, schema: Mapping[str, Any], value: Any) -> Iterator[Any]:
        for part in schema.get("allOf", ()):
            if "if" in part:
                branch = "then" if self.parts.may_be(part["if"], value) else "else"
                if part.get(branch, True) is not True:
                    yield part[branch]
        for name, dependent in schema.get("dependentSchemas", {}).items():
            if isinstance(value, dict) and name in value:
                yield dependent

    def examples(
        self, schema: Mapping[str, Any], path: Path, within: Within, taste: Taste
    ) -> Iterator[Any]:
        if self.seed is not None or taste.mistakes or path in self.doubted or self.again[path]:
            return
        found = [schema["example"]] if "example" in schema else []
        several = schema.get("examples")
        found += several if isinstance(several, list) else []
        # nothing is learned from an empty one
        found += [schema["default"]] if schema.get("default") not in (None, {}, []) else []
        if taste.chance is not None:
            found = taste.chance.sample(found, len(found))
        for example in found:
            is_sure = len(found) == 1 and isinstance(example, dict | list)
            if is_sure or self.parts.may_be(judged(schema), example):
                yield self.shown(example, schema, within)

    def shown(self, value: Any, schema: Any, within: Within) -> Any:
        """An example without the members that only the other side sends."""
        if not isinstance(value, dict | list):
            return copy.deepcopy(value)
        flat = next(self.parts.flat(schema, within, Taste(0, None)), ({}, within))
        if isinstance(value, list):
            return [self.shown(child, flat[0].get("items"), flat[1]) for child in value]
        members = flat[0].get("properties", {})
        return {
            name: self.shown(child, members.get(name) or {}, flat[1])
            for name, child in value.items()
            if not self.parts.is_hidden(members.get(name))
        }

    # -- by type ----------------------------------------------------------------------------------

    def made(self, schema: dict[str, Any], path: Path, within: Within, taste: Taste) -> Any:
        if "const" in schema:
            return copy.deepcopy(schema["const"])
        if "enum" in schema:
            return copy.deepcopy(self.first(schema, taste.ordered(list(schema["enum"])), path))
        name = next((token for token in reversed(path) if isinstance(token, str)), "")
        if path and isinstance(path[-1], int):
            name = singular(name)
        chance = taste.chance or (Random(str(path)) if taste.mistakes else None)
        match self.type_of(schema, taste):
            case "object":
                return self.object(schema, path, within, taste)
            case "array":
                return self.array(schema, path, within, taste)
            case "integer":
                return self.first(schema, numbers(schema, name, chance, whole=True), path)
            case "number":
                return self.first(schema, numbers(schema, name, chance, whole=False), path)
            case "boolean":
                return self.first(schema, taste.ordered([True, False]), path)
            case "null":
                return None
            case _:
                spelt = self.spelt(schema, path, within)
                return self.first(schema, chain(spelt, texts(schema, name, chance)), path)

    def spelt(self, schema: Mapping[str, Any], path: Path, within: Within) -> Iterator[str]:
        """What a text holds that is JSON itself."""
        media_type = schema.get("contentMediaType", "")
        if "contentSchema" in schema and JSON.fullmatch(essence(media_type)):
            yield json.dumps(self.value(schema["contentSchema"], path, within), ensure_ascii=False)

    def first(self, schema: Mapping[str, Any], candidates: Iterable[Any], path: Path) -> Any:
        """The first one that the schema admits. Raises Dead."""
        known = judged(schema)
        is_simple = known.keys() <= SIMPLE
        for candidate in candidates:
            if is_simple or self.parts.may_be(known, candidate):
                return candidate
        raise Dead(path)

    def type_of(self, schema: Mapping[str, Any], taste: Taste) -> str:
        declared = schema.get("type")
        if isinstance(declared, str):
            return declared
        denied = schema.get("not", {})
        without = denied.get("type", ()) if isinstance(denied, Mapping) else ()
        implied = [found for found, keywords in IMPLIED.items() if keywords & schema.keys()]
        if implied and taste.mistakes <= TURNS:
            open_to = implied[:1]
        else:
            open_to = TYPES if taste.mistakes or without else ["string"]
        possible = declared or open_to
        found = [one for one in possible if one != without and one not in as_list(without)]
        return str(taste.ordered(found or list(possible))[0])

    # -- objects ----------------------------------------------------------------------------------

    def object(
        self, schema: dict[str, Any], path: Path, within: Within, taste: Taste
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
                len(made) + missing < most and self.takes(name, schema, path, taste)
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
        """A member that may be left out."""
        try:
            made[name] = self.value(child, (*path, name), within)
        except Exhausted:
            raise
        except Dead:
            return

    def takes(self, name: str, schema: Mapping[str, Any], path: Path, taste: Taste) -> bool:
        if len(path) >= DEEPEST or self.size > LARGEST:
            return False
        if self.mistakes[*path, name] > HOPELESS:
            return False
        denied = schema.get("not")
        unwanted = denied.get("required", ()) if isinstance(denied, Mapping) else ()
        if taste.mistakes <= TURNS or taste.chance is None:
            return not taste.mistakes or name not in (*schema.get(AVOIDED, ()), *unwanted)
        return taste.chance.random() < (0.0, 0.3, 0.6)[taste.mistakes % 3]

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
        found = [
            patterns[pattern]
            for pattern in patterns
            if self.parts.may_be({"pattern": pattern}, name)
        ]
        if name in schema.get("properties", {}):
            found.append(schema["properties"][name])
        return everything(found) if found else additional(schema)

    def fill(
        self, schema: Mapping[str, Any], made: dict[str, Any], path: Path, within: Within
    ) -> None:
        """Members without a declaration: as many as there must be, and one to show of a map."""
        fewest = int(schema.get("minProperties", 0))
        open_ = [*schema.get("patternProperties", {}).values(), additional(schema)]
        is_map = not made and any(isinstance(found, Mapping) for found in open_)
        is_shown = is_map and len(path) < DEEPEST and self.size <= LARGEST
        is_shown = is_shown and schema.get("maxProperties", 1) > 0
        for number in range(max(fewest, int(is_shown)) + TRIES):
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
        self.again[place] += number
        try:
            named = self.value(everything([{"type": "string"}, naming, chosen]), place, within)
        except Exhausted:
            raise
        except Dead:
            return None
        finally:
            del self.again[place]
        return str(named)

    # -- arrays -----------------------------------------------------------------------------------

    def array(self, schema: dict[str, Any], path: Path, within: Within, taste: Taste) -> list[Any]:
        first = list(schema.get("prefixItems", ()))
        rest = schema.get("items", schema.get("unevaluatedItems", True))
        contained = list(self.contained(schema))
        fewest, most = int(schema.get("minItems", 0)), schema.get("maxItems", math.inf)
        is_shown = len(path) < DEEPEST and self.size <= LARGEST and taste.mistakes <= TURNS
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
            try:
                made.append(self.element(child, (*path, number), within, known))
            except Exhausted:
                raise
            except Dead:
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
        """What the elements keep that are not those that it must contain."""
        parts = [schema, *schema.get("allOf", ())]
        counted = [part["contains"] for part in parts if part.keys() >= {"contains", "maxContains"}]
        return everything([items, *({"not": found} for found in counted)])

    def element(self, child: Any, place: Path, within: Within, known: set[str] | None) -> Any:
        """One more, which is not among the known ones. Raises Dead."""
        if known is None:
            return self.value(child, place, within)
        for _ in range(TRIES):
            value = self.value(child, place, within)
            if canonical(value) not in known:
                known.add(canonical(value))
                return value
            self.again[place] += 1
        raise Dead(place)


UNJUDGED = frozenset(
    {AVOIDED, "allOf", "discriminator", "xml", "externalDocs", "dependentSchemas", *OWN}
)
SIMPLE = frozenset({
    "deprecated", "description", "exclusiveMaximum", "exclusiveMinimum", "maximum",
    "maxLength", "minimum", "minLength", "multipleOf", "readOnly", "title", "type", "writeOnly",
})  # fmt: skip
"""Keywords that the values that are tried keep anyway."""
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
"""The type that a schema without one speaks of."""


def judged(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What a value is judged by before its conditions are."""
    made = {name: schema[name] for name in schema if name not in UNJUDGED}
    if parts := [part for part in schema.get("allOf", ()) if "if" not in part]:
        made["allOf"] = parts
    return made


def as_list(found: Any) -> list[Any]:
    return list(found) if isinstance(found, list | tuple) else [found]


def additional(schema: Mapping[str, Any]) -> Any:
    return schema.get("additionalProperties", schema.get("unevaluatedProperties", True))


def singular(name: str) -> str:
    return name[:-1] if name.endswith("s") and not name.endswith(("ss", "us")) else name
