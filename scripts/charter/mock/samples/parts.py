"""Schemas without references, parts and alternatives: all the combinations that a schema allows.

`Parts.flat` searches depth first. The steps of one schema are, in this order: what `$ref` names,
the schema's own keywords, each part of `allOf`, one alternative of `oneOf`, one of `anyOf`. Each
step offers its variants in the order of the preference, and each variant is merged with those
before it; a contradiction ends that branch. The search is lazy: whoever asks for combinations
stops when one suits. It ends, because a reference is followed at most `DEEPEST_REFERENCE` times on
one way down.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any

import jsonschema_rs

from charter.mock.memory.merging import AVOIDED, OWN, Contradiction, joined
from charter.runtime.judge import BASE, Judge
from charter.runtime.references import absolute, place_of
from charter.runtime.views import Direction

Within = tuple[str, ...]
"""The references that led to a schema."""
Flat = tuple[dict[str, Any], Within]
Step = Callable[[Within], Iterator[Flat]]

DEEPEST_REFERENCE = 2
"""How often a schema may be part of itself in one value."""
TURNS = 3
"""Mistakes that each lead to the next alternative; after these, chance decides."""
NULL = {"type": "null"}
PROBES: tuple[Any, ...] = ("text", 0, [])
"""One value of each of three types; a schema that accepts all three is untyped."""
MOST_VALIDATORS = 1_000
"""Compiled schemas that are kept: compiling one takes longer than applying it."""
CONDITIONAL = ("if", "then", "else")
TAKEN_APART = frozenset({"$defs", "$ref", "allOf", "anyOf", "oneOf", *CONDITIONAL})


@dataclass
class Preference:
    """Which of the values that a schema leaves open comes first, at one place of a value."""

    mistakes: int
    """How often an earlier attempt was invalid here."""
    chance: Random | None
    """Decides at random; without it, the order of the document does."""

    def ordered(self, choices: list[Any]) -> list[Any]:
        """The preferred ones first, and null last."""
        if self.chance is not None:
            choices = self.chance.sample(choices, len(choices))
        elif choices:
            turn = max(self.mistakes - 1, 0) % len(choices)
            choices = choices[turn:] + choices[:turn]
        return sorted(choices, key=lambda one: one in (NULL, "null"))


class Parts:
    """Takes the schemas of a document apart, for one of its directions."""

    def __init__(self, judge: Judge, direction: Direction) -> None:
        self.judge = judge
        self.direction = direction
        self.validators: dict[str, jsonschema_rs.Draft202012Validator] = {}
        """By the schema, as Python writes it."""

    def flat(
        self, schema: Any, within: Within, preference: Preference, *, is_part: bool = False
    ) -> Iterator[Flat]:
        """Yields each combination of alternatives, merged, that holds no obvious contradiction.

        What one schema can't express stays in `allOf`: conditions, and second patterns.
        """
        if not isinstance(schema, Mapping):
            yield from () if schema is False else [({}, within)]
            return
        own = {keyword: schema[keyword] for keyword in schema if keyword not in TAKEN_APART}
        if "if" in schema:
            own["allOf"] = [{name: schema[name] for name in CONDITIONAL if name in schema}]
        everything = schema.get("allOf", [])
        # a lone part is the schema itself with a description, not what it inherits from
        is_part = is_part or "properties" in schema or len(everything) > 1

        def part(child: Any) -> Step:
            return lambda within: self.flat(child, within, preference, is_part=is_part)

        steps: list[Step] = []
        if isinstance(schema.get("$ref"), str):
            steps.append(lambda within: self._target(schema["$ref"], within, preference, is_part))
        steps.append(lambda within: iter([(own, within)]))
        steps += [part(flat) for flat in everything]
        for keyword in ("oneOf", "anyOf"):
            if schema.get(keyword):
                steps.append(self._alternatives(schema, keyword, preference))
        annotations = {keyword: schema[keyword] for keyword in OWN if keyword in schema}
        for flat, deeper in folded({}, within, steps, ()):
            yield flat | annotations, deeper

    def _target(
        self, reference: str, within: Within, preference: Preference, is_part: bool
    ) -> Iterator[Flat]:
        if not reference.startswith("#/"):
            yield {}, within  # an anchor: the judge knows what it says
            return
        if within.count(reference) >= DEEPEST_REFERENCE:
            return
        target = self.judge.at(place_of(reference))
        if not is_part and isinstance(target, Mapping):
            for heir in preference.ordered(self._heirs(target, reference)):
                yield from self.flat({"$ref": heir}, within, preference)
        for flat, deeper in self.flat(target, (*within, reference), preference, is_part=is_part):
            inherits = isinstance(target, Mapping) and "allOf" in target and not is_part
            chosen = self._discriminator_value(flat, reference, flat) if inherits else {}
            yield joined(flat, chosen), deeper

    def _alternatives(
        self, schema: Mapping[str, Any], keyword: str, preference: Preference
    ) -> Step:
        alternatives = list(schema[keyword])

        def step(within: Within) -> Iterator[Flat]:
            for chosen in preference.ordered(alternatives):
                reference = chosen.get("$ref", "") if isinstance(chosen, Mapping) else ""
                for flat, deeper in self.flat(chosen, within, preference):
                    made = joined(flat, self._discriminator_value(schema, reference, flat))
                    if preference.mistakes and keyword == "oneOf":
                        others = [other for other in alternatives if other is not chosen]
                        made[AVOIDED] = self._required_names(others)
                        if preference.mistakes >= TURNS and preference.mistakes % 2:
                            made = joined(made, self._refused_by(others, made, within))
                    yield made, deeper

        return step

    def _required_names(self, alternatives: list[Any]) -> list[str]:
        resolved = [self.judge.resolve(alternative) for alternative in alternatives]
        return [
            name for schema in resolved if isinstance(schema, Mapping)
            for name in schema.get("required", ())
        ]  # fmt: skip

    def _refused_by(
        self, alternatives: list[Any], chosen: Mapping[str, Any], within: Within
    ) -> dict[str, Any]:
        """Members that the other alternatives refuse, and that the chosen one doesn't declare.

        Where nothing is required, `{"bark": true}` is also a valid cat with a surplus member; a
        `bark` of `"text"` is a valid cat, and no valid dog.
        """
        members: dict[str, Any] = {}
        for alternative in alternatives:
            flat = next(self.flat(alternative, within, Preference(0, None)), ({}, within))
            refused = (
                (name, value)
                for name, schema in flat[0].get("properties", {}).items()
                if name not in chosen.get("properties", {})
                for value in PROBES
                if not self.admits(schema, value)
            )
            members.update({name: {"const": value} for name, value in islice(refused, 1)})
        return {"properties": members, "required": list(members)} if members else {}

    # -- discriminators ---------------------------------------------------------------------------

    def _discriminator_value(
        self, schema: Mapping[str, Any], reference: str, chosen: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The discriminating property, with the value for the chosen alternative."""
        discriminator = schema.get("discriminator")
        if not isinstance(discriminator, Mapping) or not reference:
            return {}
        schema_name = reference.rpartition("/")[2]
        mapping = discriminator.get("mapping", {})
        names = [key for key, target in mapping.items() if target in (reference, schema_name)]
        member = discriminator["propertyName"]
        declared = chosen.get("properties", {}).get(member, True)
        for name in names or [schema_name]:
            if self.admits(declared, name):
                return {"properties": {member: {"const": name}}, "required": [member]}
        return {}

    def _heirs(self, target: Mapping[str, Any], reference: str) -> list[str]:
        """The schemas in the discriminator's mapping that extend its schema by `allOf`."""
        discriminator = target.get("discriminator")
        if not isinstance(discriminator, Mapping) or target.keys() & {"anyOf", "oneOf"}:
            return []
        mapped = dict.fromkeys(discriminator.get("mapping", {}).values())
        return [heir for heir in mapped if heir != reference and self._inherits(heir, reference)]

    def _inherits(self, heir: str, reference: str) -> bool:
        if not heir.startswith("#/") or not self.judge.has(place_of(heir)):
            return False
        schema = self.judge.at(place_of(heir))
        parts = schema.get("allOf", ()) if isinstance(schema, Mapping) else ()
        named = [part["$ref"] for part in parts if isinstance(part, Mapping) and "$ref" in part]
        return reference in named

    # -- what the judge says ----------------------------------------------------------------------

    def admits(self, schema: Any, value: Any) -> bool:
        """Whether a schema, which need not stand in the document, accepts a value."""
        key = repr(schema)
        try:
            if key not in self.validators:
                if len(self.validators) >= MOST_VALIDATORS:
                    self.validators.clear()
                self.validators[key] = jsonschema_rs.Draft202012Validator(
                    absolute(schema, BASE),
                    registry=self.judge.registries[self.direction],
                    validate_formats=True,
                )
            return self.validators[key].is_valid(value)
        except ValueError:
            return False

    def is_hidden(self, schema: Any) -> bool:
        """Whether only the other direction sends this member (`readOnly`, `writeOnly`)."""
        seen: set[int] = set()
        while isinstance(schema, Mapping) and id(schema) not in seen:
            seen.add(id(schema))
            if schema.get(self.direction) is True:
                return True
            if any(self.is_hidden(part) for part in schema.get("allOf", ())):
                return True
            reference = schema.get("$ref", "")
            schema = self.judge.at(place_of(reference)) if reference.startswith("#/") else None
        return False


def folded(
    merged: dict[str, Any], within: Within, steps: list[Step], new: Within
) -> Iterator[Flat]:
    """Merges one variant of each step into one schema, depth first.

    Each step begins with the references of the whole: a base that two parts share is no recursion.
    """
    if not steps:
        yield merged, within + new
        return
    for part, deeper in steps[0](within):
        try:
            both = joined(merged, part)
        except Contradiction:
            continue
        others = tuple(one for one in deeper[len(within) :] if one not in new)
        yield from folded(both, within, steps[1:], new + others)
