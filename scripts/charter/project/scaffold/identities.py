"""How a service makes the identity of a row where no client sends it.

What it makes has to suit every schema of the identity: that of the body, of the answer and of the
parameter in the path.
"""

from collections.abc import Iterable, Iterator
from math import ceil, floor
from typing import Any

from charter.project.scaffold.resources import NotPlain
from charter.runtime.judge import Judge
from charter.runtime.shapes import Shape
from charter.runtime.views import Direction

KEYWORDS = (
    "const", "enum", "exclusiveMaximum", "exclusiveMinimum", "format", "maxLength", "maximum",
    "minLength", "minimum", "multipleOf", "pattern",
)  # fmt: skip
"""What a schema may say of a number or a text without referring to another schema."""
SAMPLES = {
    "UUID": ("00000000-0000-4000-8000-000000000000",),
    "str": ("0" * 32, "f" * 32, "0123456789abcdef" * 2),
}
"""What `uuid4()` and its `hex` may be."""
EXACT = 2**53
"""Every JSON reader has the whole numbers below (RFC 8259, section 6)."""
FEWEST = 2**30
"""Numbers to draw from: of a million rows, one in a thousand would meet another's number."""


class Identities:
    """Expressions for new identities. Their methods raise NotPlain, where none suits."""

    def __init__(self, judge: Judge, shapes: Iterable[Shape], words: str) -> None:
        """`words` names the member and where it is declared."""
        self.parts = [part for shape in shapes for part in shape.parts]
        self.words = words
        schemas = [{key: part[key] for key in KEYWORDS if key in part} for part in self.parts]
        self.validator = judge.compiled({"allOf": [{}, *schemas]}, Direction.RESPONSE)

    def counted(self, hint: str) -> str:
        """An argument of the column, where no client sends one."""
        if hint != "int":
            self.require(SAMPLES[hint])
            return "default=uuid4" if hint == "UUID" else "default=lambda: uuid4().hex"
        least = self.range(1).start
        self.require((least, least + 1))
        return "Identity()" if least == 1 else f"Identity(start={least})"

    def drawn(self, hint: str) -> str:
        """An expression, where some clients send one: a sequence would come to theirs."""
        if hint != "int":
            self.require(SAMPLES[hint])
            return "uuid4()" if hint == "UUID" else "uuid4().hex"
        numbers = self.range(0)
        if len(numbers) < FEWEST:
            raise NotPlain(
                f"{self.words} may be left out, and its schema admits too few numbers to draw one"
                " that no other row has"
            )
        self.require((numbers[0], numbers[1], numbers[-1]))
        drawn = f"randbelow({power(len(numbers))})"
        return f"{numbers[0]} + {drawn}" if numbers[0] else drawn

    def range(self, least: int) -> range:
        """The numbers from `least` on that the bounds admit."""
        lower = [ceil(one) for one in self.values("minimum")]
        lower += [floor(one) + 1 for one in self.values("exclusiveMinimum")]
        upper = [floor(one) + 1 for one in self.values("maximum")]
        upper += [ceil(one) for one in self.values("exclusiveMaximum")]
        return range(max([least, *lower]), min([EXACT, *upper]))

    def values(self, keyword: str) -> Iterator[int | float]:
        return (part[keyword] for part in self.parts if type(part.get(keyword)) in (int, float))

    def require(self, samples: Iterable[Any]) -> None:
        if not all(map(self.validator.is_valid, samples)):
            raise NotPlain(f"no rule makes {self.words} as its schema wants it")


def power(number: int) -> str:
    exponent = number.bit_length() - 1
    return f"2**{exponent}" if number == 2**exponent else str(number)
