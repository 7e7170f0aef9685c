"""Numbers for examples: within bounds, of a step, or of what a name suggests."""

import math
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import chain
from random import Random
from typing import Any

SUGGESTED = {
    "age": 36,
    "amount": 19.95,
    "height": 1.75,
    "lat": 51.5,
    "latitude": 51.5,
    "limit": 20,
    "lon": -0.12,
    "longitude": -0.12,
    "month": 11,
    "port": 8080,
    "price": 19.95,
    "rating": 4.5,
    "total": 3,
    "year": 2026,
}
"""What the name of a member suggests, where its schema says nothing."""
SPREAD = 1000
"""How far numbers by chance are from the least one."""
TRIES = 40


def numbers(
    schema: Mapping[str, Any], name: str, random: Random | None, *, whole: bool
) -> Iterator[int | float]:
    """Numbers that keep the bounds and the steps of a schema, the best ones first."""
    bounds = Bounds(schema, whole=whole)
    word = re.split(r"[\W_]+|(?<=[a-z0-9])(?=[A-Z])", name)[-1].lower()
    usual = [Fraction(str(SUGGESTED[word]))] if word in SUGGESTED else []
    usual += [Fraction(1)] if whole else [Fraction(3, 2), Fraction(1)]
    likely = [*usual, *bounds.edges(), Fraction(0), Fraction(-1)]
    chance = random or Random(0)
    others = (bounds.by_chance(chance) for _ in range(TRIES))
    for number in chain(others, likely) if random is not None else chain(likely, others):
        stepped = bounds.stepped(number)
        if bounds.admit(stepped):
            yield int(stepped) if whole else written(stepped)


def written(number: Fraction) -> int | float:
    """As people write it: 5 for 5.0, which are the same number in JSON Schema."""
    return int(number) if number.denominator == 1 else float(number)


class Bounds:
    """What a schema says of a number, exactly."""

    def __init__(self, schema: Mapping[str, Any], *, whole: bool) -> None:
        self.low = exact(schema.get("minimum"))
        self.high = exact(schema.get("maximum"))
        self.above = exact(schema.get("exclusiveMinimum"))
        self.below = exact(schema.get("exclusiveMaximum"))
        self.steps = [Fraction(1)] if whole else []
        self.steps += [step for step in (exact(schema.get("multipleOf")),) if step]

    def admit(self, number: Fraction) -> bool:
        return (
            (self.low is None or number >= self.low)
            and (self.high is None or number <= self.high)
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
            and all((number / step).denominator == 1 for step in self.steps)
        )

    def edges(self) -> Iterator[Fraction]:
        """What is at the bounds, next to them, and between them."""
        least = self.least()
        most = [bound for bound in (self.high, self.below) if bound is not None]
        step = self.step() or Fraction(1)
        if least is not None and most:
            yield (least + min(most)) / 2
        for bound in [*([least] if least is not None else []), *most]:
            yield from (bound, bound + step, bound - step)

    def least(self) -> Fraction | None:
        bounds = [bound for bound in (self.low, self.above) if bound is not None]
        return max(bounds) if bounds else None

    def step(self) -> Fraction | None:
        """The least number that all steps divide."""
        if not self.steps:
            return None
        multiple = self.steps[0]
        for step in self.steps[1:]:
            numerator = math.lcm(multiple.numerator, step.numerator)
            multiple = Fraction(numerator, math.gcd(multiple.denominator, step.denominator))
        return multiple

    def stepped(self, number: Fraction) -> Fraction:
        """The next one of the steps, from the bound inwards."""
        step = self.step()
        if step is None:
            return number
        least = self.least()
        times = number / step
        rounded = Fraction(math.ceil(times)) * step
        if least is not None and rounded < least:
            return Fraction(math.ceil(least / step)) * step
        most = [bound for bound in (self.high, self.below) if bound is not None]
        return rounded if not most or rounded <= min(most) else Fraction(math.floor(times)) * step

    def by_chance(self, random: Random) -> Fraction:
        most = [bound for bound in (self.high, self.below) if bound is not None]
        least = self.least()
        if least is None:
            least = min(most) - SPREAD if most and min(most) < SPREAD else Fraction(1)
        step = self.step()
        high = min([*most, least + SPREAD * (step or 1)])
        if step is not None:
            first, last = math.ceil(least / step), math.floor(high / step)
            return step * random.randint(first, max(first, last))
        number = least + (high - least) * random.randint(0, 100_000) / 100_000
        rounded = Fraction(str(round(float(number), 2)))
        return rounded if self.admit(rounded) else number


def exact(number: Any) -> Fraction | None:
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    return Fraction(str(number))
