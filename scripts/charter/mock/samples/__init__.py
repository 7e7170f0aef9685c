"""Values for examples: built from a schema, and validated against it before they are sent.

The search is a repair: build a value (`made.py`), validate it, count one mistake at each place
that is invalid, and build another value, which decides otherwise at these places. The first
attempt keeps to the document's order and examples; later ones go through the alternatives, then
decide at random. The search ends with the first valid value, or after `ATTEMPTS` values,
`MOST_BACKTRACKS` attempts without one, or `EFFORT` parts in all.
"""

import copy
from collections import Counter
from collections.abc import Iterator, Sequence
from operator import itemgetter
from random import Random
from typing import Any

import jsonschema_rs

from charter.mock.samples.made import Backtrack, Exhausted, Maker, Path
from charter.mock.samples.parts import Parts
from charter.runtime.judge import Judge
from charter.runtime.views import Direction

ATTEMPTS = 60
MOST_BACKTRACKS = 20
"""Attempts without a value, after which the schema is taken for contradictory."""
EFFORT = 20_000
"""Parts of values that are built in all attempts for one schema."""
PERSISTENT = 5
"""Mistakes at one place, after which its parent counts as a mistake, too."""


class Impossible(Exception):
    """No valid value was found for a schema."""

    def __init__(self, place: str, reason: str, nearest: Any = None) -> None:
        super().__init__(f"No value was found for the schema at #{place}: {reason}.")
        self.place = place
        self.reason = reason
        self.nearest = nearest
        """The value with the fewest violations, or None."""


class TooLarge(Impossible):
    """The values that a schema admits are too large to be made."""


class Values:
    """Makes values for the schemas of a document."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.parts = {direction: Parts(judge, direction) for direction in Direction}
        self.examples: dict[tuple[str, Direction], Any] = {}

    def example(self, place: str, direction: Direction) -> Any:
        """The same value each time: the schema's own example if it is valid. Raises Impossible."""
        key = (place, direction)
        if key not in self.examples:
            try:
                self.examples[key] = self._valid(place, direction, None)
            except Impossible as impossible:
                self.examples[key] = impossible
        known = self.examples[key]
        if isinstance(known, Impossible):
            raise type(known)(known.place, known.reason, copy.deepcopy(known.nearest))
        return copy.deepcopy(known)

    def dynamic(self, place: str, direction: Direction, random: Random) -> Any:
        """A random value. Raises Impossible."""
        return self._valid(place, direction, random.getrandbits(64))

    def _valid(self, place: str, direction: Direction, seed: int | None) -> Any:
        """The first valid value of the search. Raises Impossible."""
        try:
            validator = self.judge.validator(place, direction)
        except ValueError as error:
            said = str(error).partition("\n")[0]
            raise Impossible(place, f"it can't be judged, for {said}") from None
        mistakes: Counter[Path] = Counter()
        wrong: list[tuple[int, Any]] = []
        backtracks = effort = 0
        reason = "its parts contradict each other"
        kind = Impossible
        for _ in range(ATTEMPTS):
            maker = Maker(self.parts[direction], seed, mistakes, EFFORT - effort)
            try:
                value = maker.value(self.judge.at(place), (), ())
            except Exhausted:
                reason = "it would be too large, or take too long"
                kind = TooLarge if not wrong else Impossible
                break
            except (Backtrack, RecursionError) as backtrack:
                backtracks += 1
                if backtracks > MOST_BACKTRACKS:
                    break
                path = backtrack.path if isinstance(backtrack, Backtrack) else ()
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
        raise kind(place, reason, nearest)

    def _possible(self, place: str, direction: Direction) -> Any:
        """A value without the members that have no value, or None."""
        maker = Maker(self.parts[direction], None, Counter(), EFFORT, leaves_out=True)
        try:
            return maker.value(self.judge.at(place), (), ())
        except (Backtrack, RecursionError):
            return None


def mistaken(errors: Sequence[jsonschema_rs.ValidationError]) -> Iterator[Path]:
    """The places that are invalid; below alternatives, those of the closest one."""
    for error in errors:
        path = tuple(error.instance_path)
        branches = error.kind.as_dict().get("context", ())
        inside = [
            branch
            for branch in branches
            if all(len(inner.instance_path) > len(path) for inner in branch)
        ]
        if inside and all(branches):  # no alternative accepts it
            yield from mistaken(min(inside, key=len))
        else:
            yield path
