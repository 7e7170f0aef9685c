"""Many files as one document: what a reference to another file names is put into the first one."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from charter.document.dynamic import Templates, is_dynamic
from charter.document.resources import Resources, joined
from charter.document.source import DocumentError, Path_, Source, load, read
from charter.runtime.normal import DATA, NAMED, unique
from charter.runtime.references import at, has, objects, pointer, tokens_of

KINDS = {
    "callbacks": "callbacks",
    "content": "mediaTypes",
    "examples": "examples",
    "headers": "headers",
    "links": "links",
    "mediaTypes": "mediaTypes",
    "parameters": "parameters",
    "pathItems": "pathItems",
    "paths": "pathItems",
    "requestBodies": "requestBodies",
    "requestBody": "requestBodies",
    "responses": "responses",
    "securitySchemes": "securitySchemes",
    "webhooks": "pathItems",
}
"""Where in `components` what stands under a keyword belongs; schemas, under any other."""

HOLDERS = frozenset({"examples", "mediaTypes", "pathItems", "webhooks"})
"""Keywords whose members are names of such components, besides NAMED."""

NETWORK = re.compile(r"(?:https?|ftp):", re.IGNORECASE)


@dataclass(frozen=True)
class Target:
    """A node of a file."""

    file: Path
    tokens: Path_


class Bundle:
    """The document that all files together are. Raises DocumentError."""

    def __init__(self, root: Source) -> None:
        self.root = root
        self.folder = root.file.parent.resolve()
        self.sources = {root.file.resolve(): root}
        self.resources: dict[Path, Resources] = {}
        """Those of each file."""
        self.places = dict(root.places)
        self.content: Any = root.content
        self.references: dict[Target, str] = {}
        self.components: dict[str, dict[str, Any]] = {}
        self.texts: dict[Path, str] = {}
        """The files of examples that are neither YAML nor JSON."""
        self.located: dict[Target, Path_] = {}
        """Where in the bundle the parts of other files stand."""
        self.links: list[tuple[dict[str, Any], Source, Path_]] = []
        """Those that name an operation by a reference, with their places in their files."""
        self.fetching: list[Target] = []
        """The path items that are being put in the places of references."""
        self.unreadable: dict[Path, DocumentError] = {}
        self.faults: list[DocumentError] = []
        """What is wrong with references, which then stay as they are."""
        if isinstance(root.content, dict) and needs_bundling(root.content):
            self.content = self._bundled(root.content)
            if self.faults:
                raise DocumentError.of(self.faults)
            if is_dynamic(self.content):
                self.content = Templates(self.content, self.places).written_out()

    @property
    def files(self) -> list[Path]:
        """All files that the document is made of."""
        return [*(source.file for source in self.sources.values()), *map(shown, self.texts)]

    def _bundled(self, root: dict[str, Any]) -> dict[str, Any]:
        components = root.get("components")
        declared = components if isinstance(components, dict) else {}
        for kind, members in declared.items():
            if isinstance(members, dict):
                self.components[kind] = dict.fromkeys(members)
                self._reserve(kind, members)
        walker = Walker(self, self.root, (), ())
        content: dict[str, Any] = walker.node(root, ())
        for link, source, where in self.links:
            link["operationRef"] = self._operation(link["operationRef"], source, where)
        if self.components:
            made = content.setdefault("components", {})
            for kind, members in self.components.items():
                found = {name: child for name, child in members.items() if child is not None}
                if found:
                    made.setdefault(kind, {}).update(found)
        return content

    def _reserve(self, kind: str, members: Mapping[str, Any]) -> None:
        """A component that only refers to another file is what it refers to."""
        for name, node in members.items():
            if isinstance(node, dict) and is_external(node.get("$ref")) and len(node) == 1:
                where = ("components", kind, name)
                try:
                    target = self.target(node["$ref"], self.root, (*where, "$ref"))
                except DocumentError:
                    continue  # the walker meets it again
                if target.file != self.root.file.resolve():
                    self.references.setdefault(target, f"#{pointer(*where)}")

    def target(self, reference: str, source: Source, where: Path_) -> Target:
        """What a reference names. Raises DocumentError."""
        identified = self.identified(reference, source, where)
        if identified is not None:
            return identified
        address, _, fragment = reference.partition("#")
        if NETWORK.match(address):
            raise DocumentError(
                source.place(where),
                f"The reference {reference} leads to the network: download what it names to a file"
                " beside the document, and refer to that.",
            )
        file = source.file.resolve() if not address else self._file(address, source, where)
        found = self._source(file)
        tokens = tokens_of(f"#{fragment}") if fragment.startswith("/") else ()
        if fragment and not fragment.startswith("/"):
            tokens = self._resources(found).anchor(fragment, () if address else where) or ("#",)
        target = Target(file, tokens)
        if not has(found.content, tokens):
            raise DocumentError(
                source.place(where),
                f"The reference {reference} leads nowhere: add what it names, or correct it.",
            )
        return target

    def identified(self, reference: str, source: Source, where: Path_) -> Target | None:
        """What stands in a schema that an `$id` gives a URI, which is the base of its own."""
        address, _, fragment = reference.partition("#")
        uri = joined(self._resources(source).of(where).uri, address)
        for one in self.sources.values():
            resources = self._resources(one)
            if uri in resources.by_uri:
                start = resources.by_uri[uri].tokens
                tokens: Path_ | None = (*start, *tokens_of(f"#{fragment}"))
                if fragment and not fragment.startswith("/"):
                    tokens = resources.anchor(fragment, start)
                if tokens is not None and has(one.content, tokens):
                    return Target(one.file.resolve(), tokens)
        return None

    def _resources(self, source: Source) -> Resources:
        file = source.file.resolve()
        if file not in self.resources:
            made = self.resources[file] = Resources(source.content, source.file.resolve().as_uri())
            for where in made.repeated:
                message = f"The anchor `{at(source.content, where)}` is there twice: rename one."
                self.faults.append(DocumentError(source.place(where), message))
        return self.resources[file]

    def _file(self, address: str, source: Source, where: Path_) -> Path:
        """The file in the document's folder that an address names. Raises DocumentError."""
        file = resolved(source, address)
        reference = at(source.content, where)
        if not file.is_relative_to(self.folder):
            raise DocumentError(
                source.place(where),
                f"The reference {reference} leaves the document's folder: move the file into it.",
            )
        # Path.is_file raises for what no file can be called
        if file not in self.sources and not os.path.isfile(file):  # noqa: PTH113
            raise DocumentError(
                source.place(where),
                f"The reference {reference} names no file: create {shown(file)} or correct it.",
            )
        return file

    def _source(self, file: Path) -> Source:
        if file not in self.sources:
            self.sources[file] = self._load(file)
        return self.sources[file]

    def _load(self, file: Path) -> Source:
        """Reads a file once, even one that can't be read."""
        if file not in self.unreadable:
            try:
                return load(shown(file))
            except DocumentError as error:
                self.unreadable[file] = error
        raise self.unreadable[file]

    def reference(self, target: Target, kind: str) -> str:
        """Where the bundle has a node, which is put there unless it is already."""
        if target.file == self.root.file.resolve():
            return f"#{pointer(*target.tokens)}"
        if target not in self.references:
            members = self.components.setdefault(kind, {})
            name = free_name(target, members)
            where = ("components", kind, name)
            self.references[target] = f"#{pointer(*where)}"
            members[name] = {}  # so that nothing else takes the name
            members[name] = self.fetch(target, where)
        return self.references[target]

    def _operation(self, reference: str, source: Source, where: Path_) -> str:
        """Where the bundle has the operation of a link; that of another API stays as it was."""
        if NETWORK.match(reference):
            return reference
        try:
            target = self.target(reference, source, where)
        except DocumentError as fault:
            self.faults.append(fault)
            return reference
        if target.file == self.root.file.resolve():
            return f"#{pointer(*target.tokens)}"
        for length in range(len(target.tokens), -1, -1):
            around = self.located.get(Target(target.file, target.tokens[:length]))
            if around is not None:
                return f"#{pointer(*around, *target.tokens[length:])}"
        return reference

    def example(self, node: Mapping[str, Any], source: Source, where: Path_) -> dict[str, Any]:
        """An Example Object with what stands in the file of its `externalValue`.

        That is a value where the file is YAML or JSON, else a text. What lies on a server, and what
        is no text, is for readers only and stays. Raises DocumentError.
        """
        address = node["externalValue"]
        file = self._file(address, source, (*where, "externalValue"))
        kept = {name: child for name, child in node.items() if name != "externalValue"}
        try:
            text = self.texts[file] if file in self.texts else read(file)
        except DocumentError:
            return dict(node)
        if "dataValue" in node:  # OpenAPI 3.2: beside the value, the file is how it is sent
            self.texts[file] = text
            return {**kept, "serializedValue": text}
        if file.suffix in (".json", ".yaml", ".yml"):
            return {**kept, "value": self._source(file).content}
        self.texts[file] = text
        return {**kept, "value": text}

    def fetch(self, target: Target, where: Path_) -> Any:
        """A node of another file, as it stands in the bundle from now on."""
        self.located[target] = where
        source = self.sources[target.file]
        for path, place in source.places.items():
            if path[: len(target.tokens)] == target.tokens:
                self.places.setdefault((*where, *path[len(target.tokens) :]), place)
        return Walker(self, source, target.tokens, where).node(
            at(source.content, target.tokens), target.tokens
        )


@dataclass(frozen=True)
class Walker:
    """Copies a part of a file into the bundle, and rewrites its references."""

    bundle: Bundle
    source: Source
    start: Path_
    where: Path_

    def node(self, node: Any, path: Path_, *, named: bool = False) -> Any:
        if isinstance(node, list):
            return [self.node(child, (*path, str(i))) for i, child in enumerate(node)]
        if not isinstance(node, dict):
            return node
        if not named and isinstance(node.get("$ref"), str):
            return self._reference(node, path)
        if not named and is_file(node.get("externalValue")):
            return self._example(node, path)
        made = {name: self._member(name, child, path, named) for name, child in node.items()}
        if not named and isinstance(node.get("operationRef"), str):
            self.bundle.links.append((made, self.source, (*path, "operationRef")))
        if not named and isinstance(node.get("$dynamicRef"), str):
            made["$dynamicRef"] = self._followed(node["$dynamicRef"], (*path, "$dynamicRef"))
        mapping = made.get("mapping")
        if not named and isinstance(mapping, dict) and "propertyName" in made:
            made["mapping"] = {
                k: self._mapped(v, (*path, "mapping", k)) for k, v in mapping.items()
            }
        return made

    def _member(self, name: str, child: Any, path: Path_, named: bool) -> Any:
        where = (*path, name)
        if named:
            return self.node(child, where)
        if name == "examples" and isinstance(child, dict):
            return {
                key: self.node(example, (*where, key)) if leads_on(example) else example
                for key, example in child.items()
            }
        if name in DATA or name.startswith("x-"):
            return child
        return self.node(child, where, named=is_named(name, child))

    def _example(self, node: dict[str, Any], path: Path_) -> dict[str, Any]:
        try:
            return self.bundle.example(node, self.source, path)
        except DocumentError as fault:
            self.bundle.faults.append(fault)
            return node

    def _reference(self, node: dict[str, Any], path: Path_) -> Any:
        reference = node["$ref"]
        siblings = {
            name: self.node(child, (*path, name)) for name, child in node.items() if name != "$ref"
        }
        here = self.source is self.bundle.root
        if here and (reference == "#" or reference.startswith("#/")):
            identified = self.bundle.identified(reference, self.source, path)
            if identified is not None:
                reference = f"#{pointer(*identified.tokens)}"
            return {"$ref": reference, **siblings}
        try:
            target = self.bundle.target(reference, self.source, (*path, "$ref"))
        except DocumentError as fault:
            self.bundle.faults.append(fault)
            return node
        where = (*self.where, *path[len(self.start) :])
        if kind_of(where) == "pathItems":  # which have no name in `components` before OpenAPI 3.1
            return {**self._path_item(target, where, path), **siblings}
        kept = self.bundle.references.get(target)
        if here and kept == f"#{pointer(*path)}":
            return self.bundle.fetch(target, path)
        return {"$ref": self.bundle.reference(target, kind_of(where)), **siblings}

    def _path_item(self, target: Target, where: Path_, path: Path_) -> dict[str, Any]:
        """What stands there, in the place of the reference; one in a circle stays."""
        if target in self.bundle.fetching:
            message = "This reference leads in a circle: write the object in one place."
            place = self.source.place((*path, "$ref"))
            self.bundle.faults.append(DocumentError(place, message))
            return {}
        self.bundle.fetching.append(target)
        made = self.bundle.fetch(target, where)
        self.bundle.fetching.pop()
        return made if isinstance(made, dict) else {}

    def _mapped(self, value: Any, path: Path_) -> Any:
        """A mapping names schemas by references, or by their names alone."""
        if not isinstance(value, str) or (not is_external(value) and "#" not in value):
            return value
        if self.source is self.bundle.root and value.startswith("#/"):
            return value
        return self._followed(value, path)

    def _followed(self, reference: str, path: Path_) -> str:
        """A reference to a schema as it is in the bundle; where it leads nowhere, as it was."""
        try:
            return self.bundle.reference(
                self.bundle.target(reference, self.source, path), "schemas"
            )
        except DocumentError as fault:
            self.bundle.faults.append(fault)
            return reference


def is_named(keyword: str, node: Any) -> bool:
    """Whether the members of a node are names; the `parameters` of a path are a list."""
    return keyword in NAMED and isinstance(node, dict)


def leads_on(example: Any) -> bool:
    """Whether an example stands elsewhere: behind a reference, or in a file of its own."""
    return isinstance(example, dict) and (
        isinstance(example.get("$ref"), str) or is_file(example.get("externalValue"))
    )


def is_file(address: Any) -> bool:
    """Whether the address of an example names a file, and no place on a server."""
    return isinstance(address, str) and not (NETWORK.match(address) or address.startswith("/"))


def needs_bundling(node: Any) -> bool:
    """Whether any reference is more than a pointer into the same file."""
    return any(map(leads_out, objects(node)))


def leads_out(node: Mapping[str, Any]) -> bool:
    reference, mapping = node.get("$ref"), node.get("mapping")
    return (
        (isinstance(reference, str) and not reference.startswith("#/"))
        or any(isinstance(node.get(name), str) for name in ("$dynamicRef", "$id"))
        or is_file(node.get("externalValue"))
        or is_external(node.get("operationRef"))
        or (isinstance(mapping, dict) and any(map(is_external, mapping.values())))
    )


def is_external(reference: Any) -> bool:
    """Whether it names a file: by its ending, or a folder; a name alone is that of a schema."""
    if not isinstance(reference, str):
        return False
    address = reference.partition("#")[0]
    return bool(address) and ("/" in address or "." in address)


def kind_of(path: Path_) -> str:
    """The kind of component that stands at a path of the bundle."""
    keyword, is_name = "", False
    for token in path:
        if is_name:
            is_name = False
        elif keyword == "callbacks":  # behind its name, a callback has an expression for each path
            keyword = "paths"
        else:
            keyword, is_name = token, token in NAMED or token in HOLDERS
    return KINDS.get(keyword, "schemas")


def free_name(target: Target, taken: Mapping[str, Any]) -> str:
    wanted = target.tokens[-1] if target.tokens else target.file.stem
    wanted = "".join(char if char.isalnum() or char in "._-" else "_" for char in wanted)
    return unique(wanted, taken, "_")


def resolved(source: Source, address: str) -> Path:
    return Path(os.path.realpath(source.file.parent / unquote(address).replace("\0", "%00")))


def shown(file: Path) -> Path:
    """The file as the person who started us would write it."""
    relative = Path(os.path.relpath(file))
    return file if relative.parts[:1] == ("..",) else relative
