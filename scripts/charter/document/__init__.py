"""The hand-written document, of one file or many, with the line and column of everything in it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from charter.document.bundling import Bundle
from charter.document.overlays import Caution, overlaid
from charter.document.source import DocumentError, Place, load, nearest

__all__ = ["Document", "DocumentError", "Place"]


class Document:
    """A parsed document and where each of its nodes stands, by JSON Pointer tokens."""

    def __init__(self, file: Path, text: str | None = None, overlays: Sequence[Path] = ()) -> None:
        """Reads the file, unless its text is at hand, those that it refers to, and overlays.

        Raises DocumentError.
        """
        self.file = file
        source = load(file, text)
        self.text = source.text
        self.places = source.places
        self._check_root(source.content)
        bundle = Bundle(source)
        self.files = bundle.files
        self.places = bundle.places
        self.content: Any = bundle.content
        self.cautions: Sequence[Caution] = ()
        """What the overlays don't do, although their author may think so."""
        if overlays:
            self._lay_over(overlays)

    def _lay_over(self, overlays: Sequence[Path]) -> None:
        made = overlaid(self.content, self.places, self.file, overlays)
        self.content, self.places, self.cautions = made.content, made.places, made.cautions
        self.files = [*self.files, *overlays]
        self._check_root(self.content)

    def _check_root(self, content: Any) -> None:
        if isinstance(content, dict) and "swagger" in content:
            raise self.error(
                ("swagger",),
                f"This is Swagger {content['swagger']}: convert it to OpenAPI 3 first, for"
                " instance with `npx swagger2openapi`.",
            )
        if content is None:
            raise self.error((), "The file is empty: write an OpenAPI document.")
        if not isinstance(content, dict) or "openapi" not in content:
            raise self.error((), "This is not an OpenAPI document: `openapi: 3.1.0` is missing.")

    def place(self, tokens: Sequence[str | int]) -> Place:
        """Where a node stands, or the nearest one around it."""
        return nearest(self.places, tokens)

    def error(self, tokens: Sequence[str | int], message: str) -> DocumentError:
        return DocumentError(self.place(tokens), message)

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
