"""One file of a document: YAML or JSON, read as JSON's own types, with the place of everything."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from charter.errors import Misconfigured, Refusal
from charter.runtime.references import pointer

LARGEST_FILE = 20_000_000
"""Bytes. The largest documents that anybody publishes have 12 million."""
MOST_NODES = 1_000_000
"""After aliases are written out, which may stand for billions of nodes in a few lines."""
TOO_LARGE = (
    f"With its aliases this is larger than {MOST_NODES} nodes: move parts into files of their own,"
    " or write fewer aliases."
)
DEEPEST = 200
TOO_DEEP = f"This is nested deeper than {DEEPEST} levels: move the inner ones into `components`."
MOST_SHOWN = 40
"""Characters of a number that are quoted."""
MOST_DIGITS = 1000
"""Of a number, which is more than anybody can count."""

# the scalars of YAML 1.2's core schema (section 10.3.2), which are those of JSON
NULL = re.compile(r"(?:~|null|Null|NULL|)")
INTEGER = re.compile(r"[-+]?[0-9]+")
OCTAL = re.compile(r"0o[0-7]+")
HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
ANY_INTEGER = re.compile(f"{INTEGER.pattern}|{OCTAL.pattern}|{HEXADECIMAL.pattern}")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
TRUE = re.compile(r"true|True|TRUE")
FALSE = re.compile(r"false|False|FALSE")

STRING = "tag:yaml.org,2002:str"
COLLECTIONS = frozenset({"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})
MERGE = "<<"

Path_ = tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """A position in a file, counted from one as editors do."""

    file: Path
    line: int
    column: int
    tokens: tuple[str, ...] = ()
    """Those of the JSON Pointer, in JSON of one line, whose columns tell a reader little."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def telling(self, message: str) -> str:
        """A message that says where in the line it is about."""
        return f"{pointer(*self.tokens)}: {message}" if self.tokens else message


class DocumentError(Refusal):
    """The document can't be worked with; says where, why, and what to do."""

    def __init__(self, place: Place, message: str, others: "Sequence[DocumentError]" = ()) -> None:
        """`others` are further faults, from the causes to their consequences."""
        super().__init__(one_line(f"{place}: {place.telling(message)}"))
        self.place = place
        self.message = message
        self.others = tuple(others)

    @classmethod
    def of(cls, errors: "Sequence[DocumentError]") -> "DocumentError":
        """All faults as one, which is the first of them."""
        every = {str(error): error for one in errors for error in (one, *one.others)}
        first, *others = every.values()
        return cls(first.place, first.message, others)

    @property
    def whole(self) -> str:
        shown = [str(self), *map(str, self.others[: MOST_FAULTS - 1])]
        left = len(self.others) + 1 - MOST_FAULTS
        more = [f"{left} more: correct these first."] if left > 0 else []
        return "\n".join([*shown, *more])


MOST_FAULTS = 50
"""Of a document, that are said at once."""


class NoDocument(Misconfigured):
    """No document can be read from the file that is named."""

    def __init__(self, file: Path, message: str) -> None:
        super().__init__(one_line(f"{url_of(file) or file}: {message}"))
        self.place = Place(file, 1, 1)


Unreadable = DocumentError | NoDocument
UNREADABLE = (DocumentError, NoDocument)
"""Why there is no document to work with, as long as somebody edits it."""


def one_line(text: str) -> str:
    """Text with what could end a line, or move a terminal's cursor, written as an escape."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


class Loader(yaml.CSafeLoader):
    """Composes nodes and gives plain scalars no type: YAML 1.1 reads `no` and 12:30 as others do
    not."""

    def __init__(self, file: Path, text: str) -> None:
        super().__init__(text)
        self.file = file
        self.depth = 0
        self.nodes = 0

    def descend_resolver(self, current_node: yaml.Node | None, current_index: Any) -> None:
        """Is called before each node, which is composed by recursion in C: that knows no limit."""
        self.depth += 1
        self.nodes += 1
        if current_node is not None and self.nodes > MOST_NODES:
            raise DocumentError(place_of(self.file, current_node), TOO_LARGE)
        if current_node is not None and self.depth > DEEPEST + 1:
            raise DocumentError(place_of(self.file, current_node), TOO_DEEP)

    def ascend_resolver(self) -> None:
        self.depth -= 1


Loader.yaml_implicit_resolvers = {}


@dataclass
class Source:
    """A file that was read."""

    file: Path
    text: str
    content: Any
    places: dict[Path_, Place] = field(repr=False)
    """By the tokens of a JSON Pointer."""

    def place(self, tokens: Sequence[str | int]) -> Place:
        return nearest(self.places, tokens)


def nearest(places: Mapping[Path_, Place], tokens: Sequence[str | int]) -> Place:
    """Where a node stands, or the nearest one around it."""
    path = tuple(map(str, tokens))
    while path not in places:
        path = path[:-1]
    return places[path]


def load(file: Path, text: str | None = None) -> Source:
    """Reads a file, unless its text is at hand. Raises DocumentError and NoDocument."""
    text = read(file) if text is None else text
    first = Place(file, 1, 1)
    if text.lstrip().startswith("<"):
        raise DocumentError(first, "This is HTML or XML: save the document itself, YAML or JSON.")
    is_one_line = text.lstrip().startswith("{") and "\n" not in text.strip()
    reader = Reader(file, is_one_line=is_one_line)
    try:
        loader = Loader(file, yaml_of(text))
        root = loader.get_single_node()
        content = None
        if root is not None:
            reader.measure(root)
            content = reader.node(root, ())
        if reader.faults:
            raise DocumentError.of(reader.faults)
    except yaml.YAMLError as error:
        raise syntax_error(file, text, error) from None
    except RecursionError:
        raise DocumentError(first, TOO_DEEP) from None
    reader.places.setdefault((), first)
    return Source(file, text, content, reader.places)


def syntax_error(file: Path, text: str, error: yaml.YAMLError) -> DocumentError:
    """What is wrong, in the terms of JSON where that is what the file holds."""
    if file.suffix == ".json" or BEGINS_LIKE_JSON.match(text):
        try:
            json.loads(text)
        except json.JSONDecodeError as fault:
            place = Place(file, fault.lineno, fault.colno)
            return DocumentError(place, f"This is not JSON: {fault.msg}. Correct it.")
    place = Place(file, 1, 1)
    problem: object = error
    if isinstance(error, yaml.reader.ReaderError):
        before = text.encode()[: error.position].decode(errors="replace")
        place = Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        problem = f"the character U+{int(error.character):04X} is not allowed"
    if isinstance(error, yaml.MarkedYAMLError):
        problem = error.problem or error.context
        if mark := error.problem_mark or error.context_mark:
            place = Place(file, mark.line + 1, mark.column + 1)
    return DocumentError(place, f"This is not YAML: {' '.join(str(problem).split())}. Correct it.")


BEGINS_LIKE_JSON = re.compile(r'\s*\{\s*"')
ESCAPE = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|(/)|.)", re.DOTALL
)


def yaml_of(text: str) -> str:
    """JSON as YAML reads it, which has no pairs of surrogates and no tab before a document.

    Any other text stays as it is.
    """
    start = len(text) - len(text.lstrip())
    if text[start : start + 1] != "{":
        return text

    def unescaped(match: re.Match[str]) -> str:
        high, low, slash = match.groups()
        if high is None:
            return slash or match[0]
        return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00)

    return text[:start].replace("\t", " ") + ESCAPE.sub(unescaped, text[start:])


def absence_of(file: Path) -> str:
    """What is wrong with a name that no file has, and what may be meant."""
    if (address := url_of(file)) is not None:
        return (
            f"A document is a file: fetch it with `curl -fsSLo openapi.yaml {address}`, and name"
            " openapi.yaml."
        )
    beside = [one.name for one in file.parent.iterdir()] if file.parent.is_dir() else []
    close = get_close_matches(file.name, beside, n=1, cutoff=0.75)
    return f"There is no such file: is it {close[0]}?" if close else "There is no such file."


def url_of(file: Path) -> str | None:
    """The address that was taken for a path, in which one of two slashes is lost."""
    found = re.search(r"(?:^|/)(https?):/([^/].*)$", file.as_posix())
    return f"{found[1]}://{found[2]}" if found else None


def read(file: Path) -> str:
    first = Place(file, 1, 1)
    try:
        if file.stat().st_size > LARGEST_FILE:
            megabytes = LARGEST_FILE // 1_000_000
            raise DocumentError(
                first, f"The file is larger than {megabytes} MB: split it, and refer to its parts."
            )
        if not file.is_file() and not file.is_dir():
            raise NoDocument(file, "This is a pipe or a device: save the document to a file.")
        content = file.read_bytes()
    except FileNotFoundError:
        raise NoDocument(file, absence_of(file)) from None
    except OSError as error:
        raise NoDocument(file, f"The file can't be read: {error.strerror}.") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(
            first, f"The file is not UTF-8 from byte {error.start} on: save it as UTF-8."
        ) from None


class Reader:
    """Builds JSON's own types from YAML's nodes, and notes where each of them stands."""

    def __init__(self, file: Path, *, is_one_line: bool) -> None:
        self.file = file
        self.is_one_line = is_one_line
        self.places: dict[Path_, Place] = {}
        self.sizes: dict[int, int] = {}
        self.faults: list[DocumentError] = []

    def measure(self, node: yaml.Node) -> int:
        """How many nodes there are once all aliases are written out.

        Raises DocumentError for too many, and for an alias inside of what it stands for.
        """
        if id(node) not in self.sizes:
            self.sizes[id(node)] = MOST_NODES  # of an alias to what is being measured
            children = node.value if not isinstance(node, yaml.ScalarNode) else ()
            pairs = isinstance(node, yaml.MappingNode)
            inner = [part for pair in children for part in pair] if pairs else children
            self.sizes[id(node)] = 1 + sum(map(self.measure, inner))
        if self.sizes[id(node)] > MOST_NODES:
            raise self.error(node, (), TOO_LARGE)
        return self.sizes[id(node)]

    def node(self, node: yaml.Node, path: Path_) -> Any:
        """The value of a node; what is wrong with it is kept in `faults`, and None in its place.

        Raises DocumentError where nothing more can be read.
        """
        if len(path) > DEEPEST:
            raise self.error(node, path, TOO_DEEP)
        self.places.setdefault(path, self.place(node, path))
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, path)
        if node.tag not in COLLECTIONS:
            return self.fault(node, path, f"The tag {node.tag} means nothing in JSON: remove it.")
        if isinstance(node, yaml.SequenceNode):
            return [self.node(child, (*path, str(i))) for i, child in enumerate(node.value)]
        return self.mapping(node, path)

    def mapping(self, node: yaml.Node, path: Path_) -> dict[str, Any]:
        made: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.fault(key, path, "A name can't be a list or a mapping: write it as text.")
                continue
            name = str(key.value)
            if name == MERGE and not key.style:
                merged = self.merge(value, path) | merged
                continue
            if name in made:
                self.fault(key, (*path, name), f"The member `{name}` is there twice: remove one.")
                continue
            self.places[*path, name] = self.place(key, (*path, name))
            made[name] = self.node(value, (*path, name))
        return merged | made if merged else made

    def merge(self, node: yaml.Node, path: Path_) -> dict[str, Any]:
        """What `<<` brings in: the members of a mapping, or of several, the first one wins."""
        if isinstance(node, yaml.SequenceNode):
            parts = [self.merge(part, path) for part in node.value]
            return {name: child for part in reversed(parts) for name, child in part.items()}
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, path, "What `<<` merges is not a mapping.")
            return {}
        return self.mapping(node, path)

    def scalar(self, node: yaml.ScalarNode, path: Path_) -> Any:
        text: str = node.value
        if node.style or node.tag != STRING:
            if node.tag not in (STRING, "!"):
                message = f"The tag {node.tag} means nothing in JSON: remove it."
                return self.fault(node, path, message)
            return text
        if NULL.fullmatch(text):
            return None
        if TRUE.fullmatch(text) or FALSE.fullmatch(text):
            return bool(TRUE.fullmatch(text))
        if ANY_INTEGER.fullmatch(text):
            return self.integer(node, path)
        if FLOAT.fullmatch(text) and isfinite(float(text)):
            return float(text)
        if NOT_FINITE.fullmatch(text) or FLOAT.fullmatch(text):
            message = f"{text[:MOST_SHOWN]} is not a JSON number: use one, or quote it."
            return self.fault(node, path, message)
        return text

    def integer(self, node: yaml.ScalarNode, path: Path_) -> int | None:
        text: str = node.value
        if len(text) > MOST_DIGITS:
            self.fault(node, path, f"A number of {len(text)} digits can't be judged: quote it.")
            return None
        if OCTAL.fullmatch(text):
            return int(text[2:], 8)
        return int(text, 16 if HEXADECIMAL.fullmatch(text) else 10)

    def place(self, node: yaml.Node, path: Path_) -> Place:
        return place_of(self.file, node, path if self.is_one_line else ())

    def fault(self, node: yaml.Node, path: Path_, message: str) -> None:
        self.faults.append(self.error(node, path, message))

    def error(self, node: yaml.Node, path: Path_, message: str) -> DocumentError:
        return DocumentError(self.place(node, path), message)


def place_of(file: Path, node: yaml.Node, tokens: Path_ = ()) -> Place:
    return Place(file, node.start_mark.line + 1, node.start_mark.column + 1, tokens)
