"""Values for examples: made to a schema, and judged by it before anybody sees them."""

import copy
from collections import Counter
from collections.abc import Iterator, Sequence
from operator import itemgetter
from random import Random
from typing import Any

import jsonschema_rs

from charter.mock.samples.made import Dead, Exhausted, Maker, Path
from charter.mock.samples.parts import Parts
from charter.runtime.judge import Judge
from charter.runtime.views import Direction

ATTEMPTS = 60
DEAD_ENDS = 20
"""Attempts that may end before there is a value, until the schema is taken for contradictory."""
EFFORT = 20_000
"""Parts of values that are made, in all attempts for a schema."""
PERSISTENT = 5
"""Mistakes in one place, after which what it is part of is made anew, too."""


class Impossible(Exception):
    """No value was found that the schema admits."""

    def __init__(self, place: str, reason: str, nearest: Any = None) -> None:
        super().__init__(f"No value was found for the schema at #{place}: {reason}.")
        self.place = place
        self.reason = reason
        self.nearest = nearest
        """What comes closest; None where nothing does."""


class Values:
    """Makes values for the schemas of a document."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.parts = {direction: Parts(judge, direction) for direction in Direction}
        self.examples: dict[tuple[str, Direction], Any] = {}

    def example(self, place: str, direction: Direction) -> Any:
        """The same each time: the schema's own example where it is valid. Raises Impossible."""
        key = (place, direction)
        if key not in self.examples:
            try:
                self.examples[key] = self._valid(place, direction, None)
            except Impossible as impossible:
                self.examples[key] = impossible
        found = self.examples[key]
        if isinstance(found, Impossible):
            raise Impossible(found.place, found.reason, copy.deepcopy(found.nearest))
        return copy.deepcopy(found)

    def dynamic(self, place: str, direction: Direction, random: Random) -> Any:
        """Another one each time. Raises Impossible."""
        return self._valid(place, direction, random.getrandbits(64))

    def _valid(self, place: str, direction: Direction, seed: int | None) -> Any:
        """Makes values, and makes anew what is wrong in them."""
        try:
            validator = self.judge.validator(place, direction)
        except ValueError as error:
            said = str(error).partition("\n")[0]
            raise Impossible(place, f"it can't be judged, for {said}") from None
        mistakes: Counter[Path] = Counter()
        wrong: list[tuple[int, Any]] = []
        ends = effort = 0
        reason = "its parts contradict each other"
        for _ in range(ATTEMPTS):
            maker = Maker(self.parts[direction], seed, mistakes, EFFORT - effort)
            try:
                value = maker.value(self.judge.at(place), (), ())
            except Exhausted:
                reason = "it would be too large, or take too long"
                break
            except (Dead, RecursionError) as dead:
                ends += 1
                if ends > DEAD_ENDS:
                    break
                path = dead.path if isinstance(dead, Dead) else ()
                mistakes.update(path[:length] for length in range(len(path) + 1))
                continue
            finally:
                effort += maker.size
            errors = list(validator.iter_errors(value))
            if not errors:
                return value
            wrong.append((len(errors), value))
            reason = "what was tried " + errors[0].message.removeprefix("the value ")
            for path in set(mistaken(errors)):
                mistakes[path] += 1
                if mistakes[path] % PERSISTENT == 0:
                    mistakes[path[:-1]] += 1
        nearest = min(wrong, key=itemgetter(0))[1] if wrong else self._possible(place, direction)
        raise Impossible(place, reason, nearest)

    def _possible(self, place: str, direction: Direction) -> Any:
        """A value without what contradicts itself; None where all of it does."""
        maker = Maker(self.parts[direction], None, Counter(), EFFORT, leaves_out=True)
        try:
            return maker.value(self.judge.at(place), (), ())
        except (Dead, RecursionError):
            return None


def mistaken(errors: Sequence[jsonschema_rs.ValidationError]) -> Iterator[Path]:
    """Where a value is wrong; for alternatives, what is wrong in the one that it comes close to."""
    for error in errors:
        path = tuple(error.instance_path)
        branches = error.kind.as_dict().get("context", ())
        inside = [
            branch
            for branch in branches
            if all(len(inner.instance_path) > len(path) for inner in branch)
        ]
        if inside and all(branches):  # none of them admits it
            yield from mistaken(min(inside, key=len))
        else:
            yield path
