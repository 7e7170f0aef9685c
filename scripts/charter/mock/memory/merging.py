"""Merges the schemas of an `allOf` into one."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from itertools import zip_longest
from typing import Any

LEAST = frozenset({"exclusiveMinimum", "minimum", "minItems", "minLength", "minProperties"})
MOST = frozenset({"exclusiveMaximum", "maximum", "maxItems", "maxLength", "maxProperties"})
OWN = ("example", "examples", "default")
"""Annotations that hold values."""
BOTH = frozenset({"additionalProperties", "items", "propertyNames", "unevaluatedProperties"})
"""Keywords whose schema is for the same values, wherever they stand."""
BESIDE = frozenset({"format", "not", "pattern"})
"""Keywords that nothing but a second schema says twice."""
CONTAINED = frozenset({"contains", "maxContains", "minContains"})
AVOIDED = "x-avoided"
"""Names of members that only another alternative asks for."""


class Contradiction(Exception):
    """No value is valid for both schemas."""


def joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """One schema for the values that are valid for both. Raises Contradiction."""
    made = dict(first)
    beside: dict[str, Any] = {}
    if "contains" in first and "contains" in second:
        beside = {keyword: second[keyword] for keyword in second if keyword in CONTAINED}
        second = {keyword: second[keyword] for keyword in second if keyword not in CONTAINED}
    for keyword, value in second.items():
        if keyword not in made or made[keyword] == value:
            made[keyword] = value
        elif keyword in BESIDE:
            beside[keyword] = value
        else:
            made[keyword] = join(keyword, made[keyword], value)
    properties = joined_properties(first, second)
    if properties:
        made["properties"] = properties
    if beside:
        made["allOf"] = [*made.get("allOf", ()), beside]
    if "const" in made and "enum" in made:
        common_values([made["const"]], made["enum"])
    for side in (first, second):
        drop_partial(made, side)
    return made


def drop_partial(made: dict[str, Any], side: Mapping[str, Any]) -> None:
    """An example of one part of an object shows the others nothing of theirs."""
    if made.get("properties", {}).keys() <= side.get("properties", {}).keys():
        return
    for keyword in OWN:
        value = side.get(keyword)
        shown = value[0] if keyword == "examples" and isinstance(value, list) and value else value
        if isinstance(shown, Mapping) and made.get(keyword) == value:
            del made[keyword]


def joined_properties(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """What each declares; what it doesn't is additional to it."""
    made: dict[str, Any] = {}
    for name in [*first.get("properties", {}), *second.get("properties", {})]:
        said = [one for one in (of(first, name), of(second, name)) if one is not True]
        distinct = said[:1] if len(said) == 2 and said[0] == said[1] else said
        if False in said:
            made[name] = False
        else:
            made[name] = {"allOf": distinct} if len(distinct) == 2 else (distinct or [True])[0]
    return made


def of(schema: Mapping[str, Any], name: str) -> Any:
    properties = schema.get("properties", {})
    if name in properties:
        return properties[name]
    # which patterns a name matches is known when its value is made
    additional = True if "patternProperties" in schema else schema.get("additionalProperties", True)
    if not isinstance(additional, Mapping):
        return additional
    return {keyword: additional[keyword] for keyword in additional if keyword not in OWN} or True


def join(keyword: str, first: Any, second: Any) -> Any:
    """One value for a keyword that both schemas have. Raises Contradiction."""
    if keyword in LEAST:
        return max(first, second)
    if keyword in MOST:
        return min(first, second)
    if keyword in BOTH:
        return False if False in (first, second) else everything([first, second])
    rule = RULES.get(keyword)
    return second if rule is None else rule(first, second)


def each(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Schemas by name, where a name may be in both."""
    return {
        name: everything([part[name] for part in (first, second) if name in part])
        for name in {**first, **second}
    }


def dependents(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, list[str]]:
    return {name: names(first.get(name, ()), second.get(name, ())) for name in {**first, **second}}


def names(first: Iterable[str], second: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*first, *second]))


def prefixes(first: list[Any], second: list[Any]) -> list[Any]:
    return [everything(list(pair)) for pair in zip_longest(first, second, fillvalue=True)]


def together(first: list[Any], second: list[Any]) -> list[Any]:
    return [*first, *(part for part in second if part not in first)]


def common_values(first: list[Any], second: list[Any]) -> list[Any]:
    common = [value for value in first if any(same(value, other) for other in second)]
    if not common:
        raise Contradiction
    return common


def common_constant(first: Any, second: Any) -> Any:
    return common_values([first], [second])[0]


def everything(schemas: list[Any]) -> Any:
    parts = [schema for schema in schemas if schema is not True]
    return parts[0] if len(parts) == 1 else {"allOf": parts} if parts else True


def common_multiple(first: Any, second: Any) -> int | float:
    one, other = Fraction(str(first)), Fraction(str(second))
    numerator = math.lcm(one.numerator, other.numerator)
    multiple = Fraction(numerator, math.gcd(one.denominator, other.denominator))
    return int(multiple) if multiple.denominator == 1 else float(multiple)


def common_types(first: Any, second: Any) -> list[str]:
    one = [first] if isinstance(first, str) else list(first)
    other = [second] if isinstance(second, str) else list(second)
    common = [name for name in one if name in other or (name == "integer" and "number" in other)]
    if "number" in one and "integer" in other and "integer" not in common:
        common.append("integer")
    if not common:
        raise Contradiction
    return common


def canonical(value: Any) -> str:
    """The same for what JSON Schema takes for equal: 1 and 1.0, but not 1 and true."""
    if isinstance(value, Mapping):
        inner = {str(name): canonical(child) for name, child in value.items()}
        return json.dumps(inner, sort_keys=True)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value)


def same(first: Any, second: Any) -> bool:
    return canonical(first) == canonical(second)


RULES: Mapping[str, Callable[[Any, Any], Any]] = {
    "allOf": together,
    AVOIDED: names,
    "const": common_constant,
    "dependentRequired": dependents,
    "dependentSchemas": each,
    "enum": common_values,
    "multipleOf": common_multiple,
    "patternProperties": each,
    "prefixItems": prefixes,
    "required": names,
    "type": common_types,
}
