"""Values for examples: made to a schema, and judged by it before anybody sees them."""

import copy
import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from random import Random
from typing import Any

from generated.runtime.judge import Judge
from generated.runtime.shapes import type_of
from generated.runtime.views import Direction
from scripts.mock.texts import text

ATTEMPTS = 40
DEEPEST = 6
"""How far members that are not required are shown."""
DEEPEST_OF_ALL = 40


class Impossible(Exception):
    """No value was found that the schema admits."""

    def __init__(self, place: str) -> None:
        super().__init__(f"No value was found for the schema at #{place}.")


class Dead(Exception):
    """This way leads to no value; another one may."""


class Values:
    """Makes values for the schemas of a document."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.examples: dict[tuple[str, Direction], Any] = {}

    def example(self, place: str, direction: Direction) -> Any:
        """The same each time: the schema's own example where it is valid. Raises Impossible."""
        key = (place, direction)
        if key not in self.examples:
            self.examples[key] = self._first_valid(place, direction, None)
        return copy.deepcopy(self.examples[key])

    def dynamic(self, place: str, direction: Direction, random: Random) -> Any:
        """Another one each time. Raises Impossible."""
        return self._first_valid(place, direction, random)

    def _first_valid(self, place: str, direction: Direction, random: Random | None) -> Any:
        validator = self.judge.validator(place, direction)
        for attempt in range(ATTEMPTS):
            # the first attempt takes the first of all alternatives, and every member
            choices = random if random is not None else Random(attempt) if attempt else None
            maker = Maker(self.judge, direction, choices, random is not None, attempt)
            try:
                value = maker.value(self.judge.at(place), "", 0, ())
            except (Dead, RecursionError):
                continue
            try:
                if validator.is_valid(value):
                    return value
            except ValueError:
                continue
        raise Impossible(place)


class Maker:
    """One attempt: `choices` picks among alternatives, and None takes the first ones."""

    def __init__(
        self,
        judge: Judge,
        direction: Direction,
        choices: Random | None,
        varied: bool,
        attempt: int,
    ) -> None:
        self.judge = judge
        self.direction = direction
        self.choices = choices
        self.varied = choices if varied else None
        # its own examples may be the fault; the last attempts ask for no more than must be
        self.takes_examples = not varied and attempt < 2
        self.share_of_members = 1.0 if attempt == 0 else 0.0 if attempt % 3 == 1 else 0.6

    def value(self, schema: Any, name: str, depth: int, within: tuple[str, ...]) -> Any:
        """A value for a schema; `within` are the references that led here. Raises Dead."""
        if schema is False or depth > DEEPEST_OF_ALL:
            raise Dead
        if not isinstance(schema, Mapping):
            return "text"
        merged, within = self.merged(schema, within)
        for example in self._examples(merged):
            return copy.deepcopy(example)
        if "const" in merged:
            return merged["const"]
        if merged.get("enum"):
            return self.one_of(merged["enum"])
        return self.typed(merged, name, depth, within)

    def _examples(self, schema: Mapping[str, Any]) -> Iterator[Any]:
        if not self.takes_examples:
            return
        if "example" in schema:
            yield schema["example"]
        examples = schema.get("examples")
        if isinstance(examples, list):
            yield from examples
        if "default" in schema and schema["default"] is not None:
            yield schema["default"]

    def one_of(self, values: Any) -> Any:
        return self.choices.choice(list(values)) if self.choices else next(iter(values))

    # -- what a schema is made of -----------------------------------------------------------------

    def merged(
        self, schema: Mapping[str, Any], within: tuple[str, ...]
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """With its references and parts, and one of its alternatives, in one schema."""
        parts = dict(schema)
        reference = parts.pop("$ref", None)
        found: dict[str, Any] = {}
        if isinstance(reference, str):
            if within.count(reference) > 2:
                raise Dead
            within = (*within, reference)
            target = self.judge.at(reference.removeprefix("#"))
            found, within = self._part(target, within)
        everything = parts.pop("allOf", [])
        one, some = parts.pop("oneOf", None), parts.pop("anyOf", None)
        found = joined(found, parts)
        for part in everything:
            inner, within = self._part(part, within)
            found = joined(found, inner)
        for alternatives in (one, some):
            if alternatives:
                found, within = self._alternative(alternatives, found, within)
        if isinstance(found.get("then"), Mapping) and self.choices is None:
            inner, within = self._part(found.pop("then"), within)
            condition, within = self._part(found.pop("if", {}), within)
            found = joined(joined(found, condition), inner)
        return found, within

    def _part(self, part: Any, within: tuple[str, ...]) -> tuple[dict[str, Any], tuple[str, ...]]:
        if part is False:
            raise Dead
        return self.merged(part, within) if isinstance(part, Mapping) else ({}, within)

    def _alternative(
        self, alternatives: Any, found: dict[str, Any], within: tuple[str, ...]
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        chosen = self.one_of([part for part in alternatives if part != {"type": "null"}] or [{}])
        inner, within = self._part(chosen, within)
        discriminator = found.get("discriminator")
        if isinstance(discriminator, Mapping) and isinstance(chosen, Mapping):
            told = self._discriminated(discriminator, chosen.get("$ref", ""), inner)
            inner = joined(inner, told)
        return joined(found, inner), within

    def _discriminated(
        self, discriminator: Mapping[str, Any], reference: str, chosen: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The member that tells the alternatives apart, with the value of the chosen one."""
        schema_name = reference.rpartition("/")[2]
        mapping = discriminator.get("mapping", {})
        names = [key for key, target in mapping.items() if target in (reference, schema_name)]
        member = discriminator["propertyName"]
        declared, _ = self._part(chosen.get("properties", {}).get(member, {}), ())
        if not schema_name or (not names and declared.keys() & {"const", "enum"}):
            return {}
        value = names[0] if names else schema_name
        return {"properties": {member: {"const": value}}, "required": [member]}

    def is_hidden(self, schema: Any) -> bool:
        """Whether only the other side sends a member."""
        seen: set[int] = set()
        while isinstance(schema, Mapping) and id(schema) not in seen:
            seen.add(id(schema))
            if schema.get(self.direction) is True:
                return True
            if any(self.is_hidden(part) for part in schema.get("allOf", ())):
                return True
            reference = schema.get("$ref")
            schema = self.judge.at(reference[1:]) if isinstance(reference, str) else None
        return False

    # -- by type ----------------------------------------------------------------------------------

    def typed(self, schema: dict[str, Any], name: str, depth: int, within: tuple[str, ...]) -> Any:
        match self.type_of(schema):
            case "object":
                return self.object(schema, depth, within)
            case "array":
                return self.array(schema, name, depth, within)
            case "integer":
                return self.number(schema, whole=True)
            case "number":
                return self.number(schema, whole=False)
            case "boolean":
                return self.one_of([True, False])
            case "null":
                return None
            case _:
                return text(schema, name, self.varied)

    def type_of(self, schema: Mapping[str, Any]) -> str:
        declared = schema.get("type")
        if isinstance(declared, str):
            return declared
        if isinstance(declared, list) and declared:
            return str(self.one_of([found for found in declared if found != "null"] or ["null"]))
        for found, keywords in IMPLIED.items():
            if keywords & schema.keys():
                return found
        return "string" if "examples" not in schema else type_of(schema["examples"])

    def object(self, schema: dict[str, Any], depth: int, within: tuple[str, ...]) -> dict[str, Any]:
        members: dict[str, Any] = schema.get("properties", {})
        required = [name for name in schema.get("required", ()) if isinstance(name, str)]
        most = schema.get("maxProperties", math.inf)
        made: dict[str, Any] = {}
        for name in [*members, *(name for name in required if name not in members)]:
            child = members.get(name, self.additional(schema, name))
            if self.is_hidden(child):
                continue
            must = name in required
            if not must and (len(made) >= most or not self.takes_member(depth)):
                continue
            try:
                made[name] = self.value(child, name, depth + 1, within)
            except Dead:
                if must:
                    raise
        for name, needed in schema.get("dependentRequired", {}).items():
            for other in needed if name in made else ():
                if other not in made:
                    child = members.get(other, self.additional(schema, other))
                    made[other] = self.value(child, other, depth + 1, within)
        self.fill(schema, made, depth, within)
        return made

    def takes_member(self, depth: int) -> bool:
        if depth >= DEEPEST:
            return False
        if self.choices is None or self.share_of_members >= 1:
            return True
        return self.choices.random() < self.share_of_members

    def fill(
        self, schema: dict[str, Any], made: dict[str, Any], depth: int, within: tuple[str, ...]
    ) -> None:
        """Members without a declaration, where there must be more than are declared."""
        fewest = int(schema.get("minProperties", 0))
        open_ = schema.get("additionalProperties")
        shows_one = not made and isinstance(open_, Mapping) and depth < DEEPEST
        names = schema.get("propertyNames", {})
        for number in range(max(fewest, int(shows_one)) * 3):
            if len(made) >= max(fewest, int(shows_one)):
                return
            patterns = list(schema.get("patternProperties", {}))
            naming = {"pattern": patterns[0]} if patterns else names
            if isinstance(naming, Mapping) and naming:
                found, _ = self.merged(naming, within)
                name = text(found, "name", Random(number) if number else self.varied)
            else:
                name = f"member{number + 1}"
            made[name] = self.value(self.additional(schema, name), name, depth + 1, within)

    def additional(self, schema: Mapping[str, Any], name: str) -> Any:
        for child in schema.get("patternProperties", {}).values():
            return child
        found = schema.get("additionalProperties", True)
        return "-" if found is True else found

    def array(
        self, schema: dict[str, Any], name: str, depth: int, within: tuple[str, ...]
    ) -> list[Any]:
        first = list(schema.get("prefixItems", ()))
        items = schema.get("items", True)
        fewest = int(schema.get("minItems", 0))
        most = schema.get("maxItems", math.inf)
        wanted = max(fewest, len(first) if self.takes_member(depth) else 0)
        if not first and items is not False and depth < DEEPEST and self.takes_member(depth):
            wanted = max(wanted, 1)
        if "contains" in schema:
            wanted = max(wanted, int(schema.get("minContains", 1)))
        made: list[Any] = []
        tries = 0
        while len(made) < min(wanted, most) and tries < wanted * 10:
            tries += 1
            child = first[len(made)] if len(made) < len(first) else items
            if "contains" in schema and len(made) >= len(first):
                child = schema["contains"]
            try:
                value = self.element(child, singular(name), depth, within, tries)
            except Dead:
                if fewest:
                    raise
                break
            if not schema.get("uniqueItems") or value not in made:
                made.append(value)
        return made

    def element(
        self, schema: Any, name: str, depth: int, within: tuple[str, ...], number: int
    ) -> Any:
        """The first one like any value; the others differ, in case they must."""
        if number == 1 or self.choices is not None:
            return self.value(schema, name, depth + 1, within)
        varied = Maker(self.judge, self.direction, Random(number), True, 2)
        return varied.value(schema, name, depth + 1, within)

    def number(self, schema: Mapping[str, Any], *, whole: bool) -> int | float:
        low, high = limits(schema, whole)
        step = schema.get("multipleOf")
        if step:
            return multiple(Decimal(str(step)), low, high, whole)
        wanted: float = 1 if whole else 1.5
        if self.varied is not None:
            wanted = self.varied.randrange(1, 1000)
        wanted = min(max(wanted, low), high)
        return int(wanted) if whole else wanted


IMPLIED = {
    "object": {"additionalProperties", "properties", "required", "minProperties"},
    "array": {"contains", "items", "minItems", "prefixItems"},
    "number": {"exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"},
}
"""The type that a schema without one speaks of."""


def limits(schema: Mapping[str, Any], whole: bool) -> tuple[float, float]:
    low: float = schema.get("minimum", -math.inf)
    high: float = schema.get("maximum", math.inf)
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if above is not None:
        least = math.floor(above) + 1 if whole else above + gap(above, below)
        low = max(low, least)
    if below is not None:
        most = math.ceil(below) - 1 if whole else below - gap(below, above)
        high = min(high, most)
    return (
        (math.ceil(low), math.floor(high)) if whole and math.isfinite(low + high) else (low, high)
    )


def gap(bound: float, other: float | None) -> float:
    """How far a number stays from a bound that it must not reach."""
    return min(1.0, abs(other - bound) / 2) if other is not None else 1.0


def multiple(step: Decimal, low: float, high: float, whole: bool) -> int | float:
    factor = Decimal(1)
    if math.isfinite(low):
        factor = (Decimal(str(low)) / step).to_integral_value("ROUND_CEILING")
    elif math.isfinite(high):
        factor = min(factor, (Decimal(str(high)) / step).to_integral_value("ROUND_FLOOR"))
    found = factor * step
    return int(found) if whole or found == found.to_integral_value() else float(found)


def joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Two schemas that a value must both keep, as one: where both say something, the narrower."""
    made = dict(first)
    for keyword, value in second.items():
        made[keyword] = join(keyword, made[keyword], value) if keyword in made else value
    return made


def join(keyword: str, first: Any, second: Any) -> Any:
    match keyword:
        case "properties" | "patternProperties":
            both = {
                name: {"allOf": [first[name], second[name]]}
                for name in first.keys() & second.keys()
                if first[name] != second[name]
            }
            return {**first, **second, **both}
        case "required":
            return list(dict.fromkeys([*first, *second]))
        case "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties":
            return max(first, second)
        case "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties":
            return min(first, second)
        case "enum":
            return [value for value in first if value in second]
        case "type":
            return common_types(first, second)
        case _:
            return second


def common_types(first: Any, second: Any) -> Any:
    one = [first] if isinstance(first, str) else list(first)
    other = [second] if isinstance(second, str) else list(second)
    return [found for found in one if found in other] or second


def singular(name: str) -> str:
    return name[:-1] if name.endswith("s") else name
