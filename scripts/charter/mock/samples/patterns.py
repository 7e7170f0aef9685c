"""Strings that match a pattern: parses ECMA-262's regular expressions, and writes strings.

`Reader` parses a pattern into a tree of nodes by recursive descent. Each node knows the length of
the shortest string that it describes (`least`) and writes one string; a `Writer` carries the
number of characters that may still be spent beyond the shortest. There is no backtracking: a
choice takes an alternative that the budget allows, a repetition spends what is left of it.

`strings` searches by length: the usual one, the shortest, the longest, first with one kind of
characters and then with mixed ones, and after that `RANDOM_ATTEMPTS` random lengths, choices and
characters. It then ends. Lookaheads, lookbehinds and word boundaries are not followed, so that a
string may not match: the caller validates each of them.
"""

import string
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random

KINDS = (
    string.ascii_lowercase,
    string.ascii_uppercase,
    string.digits,
    "-_. /:,@#+=&%$!?*;~'\"()[]{}<>|^`\\",
)
"""Characters for examples, the more usual ones first."""
SEARCHED = 0x10000
"""The code point at which the search for characters of a class ends."""
MOST_CHARACTERS = 40
"""Of a class, among which one is chosen; also beyond the shortest string, without a limit."""
USUAL_EXTRA = 6
"""Characters beyond the shortest string, where no length is given."""
RANDOM_ATTEMPTS = 60


class UnsupportedPattern(Exception):
    """Not a regular expression of ECMA-262, or one that no string can be written from."""


@dataclass
class Writer:
    """The state of writing one string: at random, or the first choices without `random`."""

    random: Random | None
    extra: int
    """Characters that may still be spent beyond the shortest string."""
    is_mixed: bool = False
    """Whether the kinds of characters take turns."""
    groups: dict[str, str] = field(default_factory=dict)
    written: int = 0


class Node:
    least = 0
    """Length of the shortest string that it describes."""

    def write(self, writer: Writer) -> str:
        """Nothing, for nodes such as `\\b`."""
        return ""


Admits = Callable[[str], bool]


class Characters(Node):
    least = 1

    def __init__(self, admits: Admits, own: str = "") -> None:
        kinds = ["".join(filter(admits, kind)) for kind in KINDS]
        self.kinds = [kind for kind in kinds if kind] or [own or unusual(admits)]

    def write(self, writer: Writer) -> str:
        writer.written += 1
        if writer.random is not None:
            return writer.random.choice(writer.random.choice(self.kinds))
        number = writer.written - 1
        usual = self.kinds[number % len(self.kinds) if writer.is_mixed else 0]
        return usual[number % len(usual)]


class Literal(Node):
    least = 1

    def __init__(self, character: str) -> None:
        self.character = character

    def write(self, writer: Writer) -> str:
        writer.written += 1
        return self.character


class Edge(Node):
    def __init__(self, symbol: str) -> None:
        self.symbol = symbol


class Sequence(Node):
    def __init__(self, parts: list[Node]) -> None:
        self.parts = parts
        self.least = sum(part.least for part in parts)

    def write(self, writer: Writer) -> str:
        return "".join(part.write(writer) for part in self.parts)


class Choice(Node):
    def __init__(self, alternatives: list[Node]) -> None:
        self.alternatives = alternatives
        self.least = min(alternative.least for alternative in alternatives)

    def write(self, writer: Writer) -> str:
        within = [part for part in self.alternatives if part.least - self.least <= writer.extra]
        chosen = writer.random.choice(within) if writer.random is not None else within[0]
        writer.extra -= chosen.least - self.least
        return chosen.write(writer)


class Repeat(Node):
    def __init__(self, part: Node, fewest: int, most: int | None) -> None:
        self.part, self.fewest, self.most = part, fewest, most
        self.least = part.least * fewest

    def write(self, writer: Writer) -> str:
        size = max(self.part.least, 1)
        more = max(writer.extra, 0) // size
        if self.most is not None:
            more = min(more, self.most - self.fewest)
        if writer.random is not None and writer.random.random() < 0.5:
            more = writer.random.randint(0, more)
        writer.extra -= more * size
        return "".join(self.part.write(writer) for _ in range(self.fewest + more))


class Group(Node):
    def __init__(self, name: str, part: Node) -> None:
        self.name, self.part, self.least = name, part, part.least

    def write(self, writer: Writer) -> str:
        return writer.groups.setdefault(self.name, self.part.write(writer))


class Reference(Node):
    def __init__(self, name: str) -> None:
        self.name = name

    def write(self, writer: Writer) -> str:
        return writer.groups.get(self.name, "")


def strings(
    pattern: str, shortest: int, longest: int | None, random: Random | None
) -> Iterator[str]:
    """Strings of these lengths that may match. Raises UnsupportedPattern."""
    tree = read(pattern)
    most = max(tree.least, shortest) + MOST_CHARACTERS if longest is None else longest
    usual = min(max(shortest, tree.least + USUAL_EXTRA), most)
    if random is None:
        yield from fitting(tree, [usual, tree.least, most], shortest, longest, None)
        yield from fitting(tree, [usual, most], shortest, longest, None, is_mixed=True)
        random = Random(0)
    lengths = [random.randint(min(shortest, most), most) for _ in range(RANDOM_ATTEMPTS)]
    yield from fitting(tree, lengths, shortest, longest, random)


def fitting(
    tree: Node,
    lengths: list[int],
    shortest: int,
    longest: int | None,
    random: Random | None,
    *,
    is_mixed: bool = False,
) -> Iterator[str]:
    for length in lengths:
        made = tree.write(Writer(random, max(length - tree.least, 0), is_mixed))
        if len(made) >= shortest and (longest is None or len(made) <= longest):
            yield made


@lru_cache(maxsize=10_000)
def read(pattern: str) -> Node:
    """The tree of a pattern, with letters before and after it where it has no anchors.

    Raises UnsupportedPattern.
    """
    reader = Reader(pattern)
    alternatives = reader.alternatives()
    if not reader.is_at_end():
        raise UnsupportedPattern(pattern)
    return Choice([padded(alternative) for alternative in alternatives])


def padded(alternative: Node) -> Node:
    """A pattern may match anywhere in a string, but for its anchors."""
    padding = Repeat(Characters(str.isalpha), 0, None)
    before = [] if is_at_edge(alternative, 0) else [padding]
    after = [] if is_at_edge(alternative, -1) else [padding]
    return Sequence([*before, alternative, *after])


def is_at_edge(node: Node, end: int) -> bool:
    match node:
        case Edge():
            return node.symbol == ("^" if end == 0 else "$")
        case Sequence():
            return bool(node.parts) and is_at_edge(node.parts[end], end)
        case Group():
            return is_at_edge(node.part, end)
        case Choice():
            return all(is_at_edge(alternative, end) for alternative in node.alternatives)
    return False


class Reader:
    """A descent through ECMA-262's grammar of patterns, with its Annex B."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.position = 0
        self.groups = 0

    def is_at_end(self) -> bool:
        return self.position >= len(self.pattern)

    def takes(self, expected: str) -> bool:
        if self.pattern.startswith(expected, self.position):
            self.position += len(expected)
            return True
        return False

    def take(self) -> str:
        if self.is_at_end():
            raise UnsupportedPattern(self.pattern)
        self.position += 1
        return self.pattern[self.position - 1]

    def until(self, end: str) -> str:
        text, separator, _ = self.pattern[self.position :].partition(end)
        if not separator:
            raise UnsupportedPattern(self.pattern)
        self.position += len(text) + len(end)
        return text

    def alternatives(self) -> list[Node]:
        branches = [self.sequence()]
        while self.takes("|"):
            branches.append(self.sequence())
        return branches

    def sequence(self) -> Node:
        parts: list[Node] = []
        while not self.is_at_end() and self.pattern[self.position] not in "|)":
            parts.append(self.repeated(self.atom()))
        return Sequence(parts)

    def repeated(self, part: Node) -> Node:
        fewest, most = self.quantifier()
        if (fewest, most) == (1, 1):
            return part
        self.takes("?")  # a lazy one describes the same strings
        return Repeat(part, fewest, most)

    def quantifier(self) -> tuple[int, int | None]:
        for symbol, bounds in {"*": (0, None), "+": (1, None), "?": (0, 1)}.items():
            if self.takes(symbol):
                return bounds
        if self.takes("{"):
            fewest, comma, most = self.pattern[self.position :].partition("}")[0].partition(",")
            if fewest.isdigit() and (not most or most.isdigit()):
                self.until("}")
                return int(fewest), int(most) if most else None if comma else int(fewest)
            self.position -= 1  # a brace that stands for itself
        return 1, 1

    def atom(self) -> Node:
        character = self.take()
        match character:
            case "^" | "$":
                return Edge(character)
            case ".":
                return Characters(lambda one: one not in "\n\r\u2028\u2029")
            case "(":
                return self.group()
            case "[":
                return self.set_of_characters()
            case "\\":
                return self.escaped()
        return Literal(character)

    def group(self) -> Node:
        name = None
        ignored = any(self.takes(start) for start in ("?=", "?!", "?<=", "?<!"))
        if not ignored and self.takes("?<"):
            name = self.until(">")
        elif not ignored and self.takes("?"):
            flags = self.take()
            while flags[-1] not in ":)":
                flags += self.take()
            if flags.endswith(")"):
                return Node()
            name = ""
        if name is None and not ignored:
            self.groups += 1
            name = str(self.groups)
        part = Choice(self.alternatives())
        if not self.takes(")"):
            raise UnsupportedPattern(self.pattern)
        if ignored:
            return Node()
        return Group(name, part) if name else part

    def escaped(self) -> Node:
        if self.takes("b") or self.takes("B"):
            return Node()
        if self.takes("k<"):
            return Reference(self.until(">"))
        if self.pattern[self.position : self.position + 1] in tuple("123456789"):
            return Reference(self.take())
        meaning = self.escape()
        return Literal(meaning) if isinstance(meaning, str) else Characters(meaning)

    def escape(self) -> str | Admits:
        """The character that is meant, or what tells whether it is one of the class."""
        character = self.take()
        if character in CLASSES:
            return CLASSES[character]
        if character in "pP" and self.takes("{"):
            return has_property(self.until("}"), wanted=character == "p")
        match character:
            case "c":
                return chr(ord(self.take()) % 32)
            case "x":
                return self.code(self.take() + self.take())
            case "u" if self.takes("{"):
                return self.code(self.until("}"))
            case "u":
                return self.code("".join(self.take() for _ in range(4)))
        return CONTROLS.get(character, character)

    def code(self, digits: str) -> str:
        try:
            return chr(int(digits, 16))
        except (ValueError, OverflowError):
            raise UnsupportedPattern(self.pattern) from None

    def set_of_characters(self) -> Node:
        negated = self.takes("^")
        classes: list[Admits] = []
        ranges: list[tuple[str, str]] = []
        while not self.takes("]"):
            first = self.member()
            if not isinstance(first, str):
                classes.append(first)
                continue
            last = self.end_of_range()
            ranges.append((first, first))
            if isinstance(last, str):
                ranges[-1] = (first, last)
            elif last is not None:
                classes.append(last)
                ranges.append(("-", "-"))

        def admits(character: str) -> bool:
            within = any(first <= character <= last for first, last in ranges)
            return (within or any(is_member(character) for is_member in classes)) != negated

        if negated:
            return Characters(admits)
        return Characters(admits, "".join(few(first, last) for first, last in ranges))

    def end_of_range(self) -> str | Admits | None:
        if self.pattern.startswith("-]", self.position) or not self.takes("-"):
            return None
        return self.member()

    def member(self) -> str | Admits:
        character = self.take()
        if character != "\\":
            return character
        return "\b" if self.takes("b") else self.escape()


def few(first: str, last: str) -> str:
    return "".join(map(chr, range(ord(first), min(ord(last), ord(first) + MOST_CHARACTERS) + 1)))


@lru_cache(maxsize=1000)
def unusual(admits: Admits) -> str:
    """The first characters of a class without usual ones. Raises UnsupportedPattern."""
    characters = ""
    for code in range(SEARCHED):
        if admits(chr(code)) and not 0xD800 <= code <= 0xDFFF:
            characters += chr(code)
            if len(characters) >= MOST_CHARACTERS:
                break
    if not characters:
        raise UnsupportedPattern("no character is of this class")
    return characters


def is_word(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "_")


def is_digit(character: str) -> bool:
    return character.isascii() and character.isdigit()


CLASSES: dict[str, Admits] = {
    "d": is_digit,
    "D": lambda character: not is_digit(character),
    "s": str.isspace,
    "S": lambda character: not character.isspace(),
    "w": is_word,
    "W": lambda character: not is_word(character),
}
CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
CATEGORIES = {
    "Letter": "L",
    "Lowercase_Letter": "Ll",
    "Uppercase_Letter": "Lu",
    "Mark": "M",
    "Number": "N",
    "Decimal_Number": "Nd",
    "Punctuation": "P",
    "Separator": "Z",
    "Space_Separator": "Zs",
    "Symbol": "S",
    "Currency_Symbol": "Sc",
}
PROPERTIES: dict[str, Admits] = {
    "Alphabetic": str.isalpha,
    "Any": lambda _: True,
    "ASCII": str.isascii,
    "Lowercase": str.islower,
    "Uppercase": str.isupper,
    "White_Space": str.isspace,
}


def has_property(declared: str, *, wanted: bool) -> Admits:
    """Of Unicode: a general category, a script, or one of the usual properties."""
    name, _, value = declared.rpartition("=")
    if name in ("Script", "sc", "Script_Extensions", "scx"):
        return lambda character: is_of_script(character, value) == wanted
    if value in PROPERTIES:
        return lambda character: PROPERTIES[value](character) == wanted
    category = CATEGORIES.get(value, value)
    return lambda character: unicodedata.category(character).startswith(category) == wanted


def is_of_script(character: str, script: str) -> bool:
    """Unicode's names of letters begin with their script."""
    is_named = unicodedata.name(character, "").startswith(script.upper() + " ")
    return is_named and character.isalpha()
