"""The hand-written document, with the line and column of everything in it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Place:
    """A position in a file, counted from one as editors do."""

    file: Path
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class DocumentError(Exception):
    """The document can't be generated from; says where, why, and what to do."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place


class StrictLoader(yaml.CSafeLoader):
    """YAML as JSON has it: no dates, no `yes` for true, no member twice."""


# YAML 1.1 reads 2026-11-23 as a date; the JSON that OpenAPI means has strings there
StrictLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool")
    ]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


class Document:
    """A parsed document and where each of its nodes stands, by JSON Pointer tokens."""

    def __init__(self, file: Path, text: str | None = None) -> None:
        """Reads the file, unless its text is at hand. Raises DocumentError."""
        self.file = file
        self.text = read(file) if text is None else text
        try:
            loader = StrictLoader(self.text)
            start = yaml.Mark(str(file), 0, 0, 0, None, 0)
            nothing = yaml.ScalarNode("tag:yaml.org,2002:null", "", start, start)
            root = loader.get_single_node() or nothing
            self.places: dict[tuple[str, ...], Place] = {}
            self._note(root, ())
            self.content: Any = plain(root, loader)
        except yaml.MarkedYAMLError as error:
            raise self._syntax_error(error) from None
        except (yaml.YAMLError, RecursionError) as error:
            raise DocumentError(Place(file, 1, 1), f"This is not YAML: {error}") from None
        if not isinstance(self.content, dict) or "openapi" not in self.content:
            raise DocumentError(
                Place(file, 1, 1), "This is no OpenAPI document: `openapi: 3.1.0` is missing."
            )

    def place(self, tokens: Sequence[str | int]) -> Place:
        """Where a node stands, or the nearest one around it."""
        path = tuple(map(str, tokens))
        while path not in self.places:
            path = path[:-1]
        return self.places[path]

    def error(self, tokens: Sequence[str | int], message: str) -> DocumentError:
        return DocumentError(self.place(tokens), message)

    def resolve(self, node: Any) -> Any:
        """What a node is once its references are followed."""
        while isinstance(node, Mapping) and isinstance(node.get("$ref"), str):
            node = self.at(node["$ref"])
        return node

    def at(self, reference: str) -> Any:
        node = self.content
        for token in tokens_of(reference):
            node = node[int(token)] if isinstance(node, list) else node[token]
        return node

    def walk(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """Every node with its path."""
        waiting: list[tuple[tuple[str | int, ...], Any]] = [((), self.content)]
        while waiting:
            path, node = waiting.pop()
            yield path, node
            if isinstance(node, dict):
                waiting.extend(((*path, name), child) for name, child in node.items())
            elif isinstance(node, list):
                waiting.extend(((*path, index), child) for index, child in enumerate(node))

    def _note(self, node: yaml.Node, path: tuple[str, ...]) -> None:
        mark = node.start_mark
        self.places.setdefault(path, Place(self.file, mark.line + 1, mark.column + 1))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                name = (*path, str(key.value))
                if name in self.places:
                    message = f"The member `{key.value}` is there twice: remove one."
                    here = Place(self.file, key.start_mark.line + 1, key.start_mark.column + 1)
                    raise DocumentError(here, message)
                self.places[name] = Place(
                    self.file, key.start_mark.line + 1, key.start_mark.column + 1
                )
                self._note(value, name)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._note(value, (*path, str(index)))

    def _syntax_error(self, error: yaml.MarkedYAMLError) -> DocumentError:
        mark = error.problem_mark or error.context_mark
        place = Place(self.file, mark.line + 1, mark.column + 1) if mark else Place(self.file, 1, 1)
        return DocumentError(place, f"This is not YAML: {error.problem or error.context}.")


def read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DocumentError(Place(file, 1, 1), "There is no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(Place(file, 1, 1), f"The file can't be read: {error}.") from None


def plain(node: yaml.Node, loader: yaml.CSafeLoader) -> Any:
    """JSON's own types; `true` and `false` are the only booleans."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): plain(value, loader) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [plain(value, loader) for value in node.value]
    if isinstance(node, yaml.ScalarNode) and not node.style and node.value in ("true", "false"):
        return bool(node.value == "true")
    return loader.construct_object(node, deep=True)


def tokens_of(reference: str) -> list[str]:
    """The tokens of a JSON Pointer in a fragment (RFC 6901 section 6)."""
    fragment = reference.partition("#")[2]
    return [token.replace("~1", "/").replace("~0", "~") for token in fragment.split("/")[1:]]
