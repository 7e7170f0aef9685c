"""Puts a part into somebody's document, with every comment and line of theirs left as it is."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from charter.document import Document
from charter.document.source import load

Json = Any
Block = yaml.CollectionNode

SHORT = 112
"""Characters of JSON in a list or an object that stands on one line."""


def joined(document: Document, part: Mapping[str, Any]) -> dict[str, str]:
    """The files of the new document, by their paths beside each other; the first is the root.

    The text stays as it is where new lines can stand between the old ones; else (JSON, and what is
    spread over files in other ways) it is written anew, in one file.
    """
    whole = with_part(document.content, part)
    inserted = insertion(document, part)
    if inserted is not None and load(document.file, inserted).content == whole:
        return {"openapi.yaml": inserted}
    return {"openapi.yaml": dumped(whole)}


def with_part(content: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    components = dict(content.get("components") or {})
    for kind, members in part["components"].items():
        components[kind] = {**(components.get(kind) or {}), **members}
    made = {
        **content,
        "paths": {**(content.get("paths") or {}), **part["paths"]},
        "components": components,
    }
    if "tags" in content:
        made["tags"] = [*content["tags"], *part["tags"]]
    return made


class Readable(yaml.SafeDumper):
    """Texts of several lines as such, no anchors, and what is short on one line."""

    def ignore_aliases(self, data: Json) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def mapping(dumper: yaml.SafeDumper, value: dict[str, Json]) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value, flow_style=is_short(value))


def sequence(dumper: yaml.SafeDumper, value: list[Json]) -> yaml.SequenceNode:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=is_short(value))


def is_short(value: Json) -> bool:
    """Whether it fits on a line with its name."""
    written = json.dumps(value, ensure_ascii=False)
    return len(written) <= SHORT and "\\n" not in written


Readable.add_representer(str, text)
Readable.add_representer(dict, mapping)
Readable.add_representer(list, sequence)


def dumped(node: Json) -> str:
    return yaml.dump(node, Dumper=Readable, sort_keys=False, allow_unicode=True, width=100)


# -- new lines between the old ones ---------------------------------------------------------------


def insertion(document: Document, part: Mapping[str, Any]) -> str | None:
    """The text with the part in it; None where there is no place for whole lines."""
    rows = document.text.splitlines(keepends=True)
    if len(document.files) > 1 or not rows[-1].endswith("\n"):
        return None
    root = yaml.compose(document.text, Loader=yaml.CSafeLoader)
    assert isinstance(root, Block)
    try:
        added = list(additions(root, part))
    except NoPlaceError:
        return None
    for number, lines in sorted(added, key=lambda entry: entry[0], reverse=True):
        rows.insert(number, lines)
    return "".join(rows)


class NoPlaceError(Exception):
    """A collection isn't written line by line."""


def additions(root: Block, part: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """The new lines, and the numbers of those before which they go. Raises NoPlaceError."""
    yield behind(block(root, "paths")), indented(part["paths"], column(root, "paths"))
    if child(root, "tags") is not None:
        yield behind(block(root, "tags")), indented(part["tags"], column(root, "tags"))
    if child(root, "components") is None:
        yield behind(root), dumped({"components": part["components"]})
        return
    components = block(root, "components")
    for kind, members in part["components"].items():
        if child(components, kind) is None:
            yield behind(components), indented({kind: members}, column(root, "components"))
        else:
            yield behind(block(components, kind)), indented(members, column(components, kind))


def child(node: Block, name: str) -> yaml.Node | None:
    return next((value for key, value in node.value if key.value == name), None)


def block(node: Block, name: str) -> Block:
    """A member that is written line by line."""
    found = child(node, name)
    if not isinstance(found, yaml.CollectionNode) or found.flow_style or not found.value:
        raise NoPlaceError
    return found


def column(node: Block, name: str) -> int:
    return int(block(node, name).start_mark.column)


def behind(node: yaml.Node) -> int:
    """The number of the line behind a node, comments not counted."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return behind(last[1] if isinstance(last, tuple) else last)
    end = node.end_mark
    line: int = end.line
    return line if end.column == 0 and line > node.start_mark.line else line + 1


def indented(node: Json, column: int) -> str:
    return "".join(
        f"{' ' * column}{row}" if row.strip() else row
        for row in dumped(node).splitlines(keepends=True)
    )
