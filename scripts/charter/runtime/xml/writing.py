"""Writes a JSON value as XML, as its schema describes it."""

import json
from collections.abc import Callable
from typing import Any

from ..references import pointer
from .names import LOCAL, UNWRITABLE, XSI, escaped, key_of, quoted
from .plans import ENTRY, ROOT, Element, Items, Leaf, Member, Members, Scalar

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
NIL = f' xmlns:xsi="{XSI}" xsi:nil="true"'
Path = tuple[str | int, ...]


class Unwritable(ValueError):
    """No XML of this schema holds the value; says where, and what is wrong there."""

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(f"{pointer(*path)} {detail}".strip())
        self.pointer = pointer(*path)
        self.detail = detail


def write(root: Element, value: Any) -> bytes:
    """The document, in UTF-8. Raises Unwritable."""
    parts = [DECLARATION]
    Writer(parts.append).element(root, value, ())
    return "".join(parts).encode()


def write_anything(value: Any) -> bytes:
    """A document for a value without a schema: who reads it gets text. Raises Unwritable."""
    parts = [DECLARATION]
    Writer(parts.append).undescribed(ROOT, {ENTRY: value} if isinstance(value, list) else value, ())
    return "".join(parts).encode()


class Writer:
    def __init__(self, put: Callable[[str], None]) -> None:
        self.put = put

    def element(self, element: Element, value: Any, path: Path, tag: str = "") -> None:
        """The element of a value, called `tag` where the schema leaves its name open."""
        name = element.name
        tag, declaration = tag or name.tag, name.declaration
        if value is None:
            self.put(f"<{tag}{declaration}{NIL}/>")
            return
        match element.content:
            case Scalar() as scalar:
                self.put(f"<{tag}{declaration}>{escaped(spelled(scalar, value, path))}</{tag}>")
            case Members() as members:
                require(isinstance(value, dict), path, "is not an object")
                self.put(f"<{tag}{declaration}{members.declarations}")
                self.attributes(members, value, path)
                self.put(">")
                self.members(members, value, path)
                self.put(f"</{tag}>")
            case Items() as items:
                require(isinstance(value, list), path, "is not an array")
                self.put(f"<{tag}{declaration}>")
                for index, child in enumerate(value):
                    entry = items.at(index)
                    require(entry is not None, (*path, index), "is one entry too many")
                    self.element(entry or element, child, (*path, index))
                self.put(f"</{tag}>")

    def attributes(self, members: Members, value: dict[str, Any], path: Path) -> None:
        for leaf in members.attributes.values():
            child = value.get(leaf.property)
            if child is not None and leaf.name is not None:
                text = quoted(spelled(leaf.scalar, child, (*path, leaf.property)))
                self.put(f' {leaf.name.tag}="{text}"')

    def members(self, members: Members, value: dict[str, Any], path: Path) -> None:
        for name, child in value.items():
            where = (*path, name)
            match members.by_property.get(name):
                case Member() as member:
                    self.member(member, child, where)
                case Leaf(name=None) as leaf:
                    self.text(leaf, child, where)
                case None:
                    require(is_free(members, name), where, "has a name that XML can't hold here")
                    if members.others is not None:
                        self.member(members.others, child, where, name)
                    else:
                        self.undescribed(name, child, where)

    def member(self, member: Member, value: Any, path: Path, tag: str = "") -> None:
        if not member.is_list or (value is None and member.may_be_null):
            self.element(member.element, value, path, tag)
            return
        require(isinstance(value, list), path, "is not an array")
        for index, child in enumerate(value):
            self.element(member.element, child, (*path, index), tag)

    def text(self, leaf: Leaf, value: Any, path: Path) -> None:
        text = spelled(leaf.scalar, value, path)
        if leaf.is_cdata:
            inner = text.replace("]]>", "]]]]><![CDATA[>").replace("\r", "]]>&#13;<![CDATA[")
            self.put(f"<![CDATA[{inner}]]>")
        else:
            self.put(escaped(text))

    def undescribed(self, name: str, value: Any, path: Path) -> None:
        """A member that the schema admits and doesn't describe: who reads it gets text."""
        require(LOCAL.fullmatch(name) is not None, path, "has a name that XML can't hold")
        match value:
            case dict():
                self.put(f"<{name}>")
                for key, child in value.items():
                    self.undescribed(key, child, (*path, key))
                self.put(f"</{name}>")
            case list():
                for index, child in enumerate(value):
                    require(not isinstance(child, list), (*path, index), "is an array in an array")
                    self.undescribed(name, child, (*path, index))
            case None:
                self.put(f"<{name}{NIL}/>")
            case _:
                self.put(f"<{name}>{escaped(spelled(ANYTHING, value, path))}</{name}>")


ANYTHING = Scalar(frozenset({"string", "number", "boolean"}))


def spelled(scalar: Scalar, value: Any, path: Path) -> str:
    """The text of a scalar, in JSON's own grammar for what is no string."""
    match value:
        case str():
            require(UNWRITABLE.search(value) is None, path, "holds a character that XML can't hold")
            return value
        case float() if value.is_integer() and "number" not in scalar.types:
            return str(int(value))
        case bool() | int() | float():
            return json.dumps(value)
    raise Unwritable(path, "is neither text, a number, nor a boolean")


def is_free(members: Members, name: str) -> bool:
    """Whether an element of that name is none that the schema describes."""
    return (
        LOCAL.fullmatch(name) is not None
        and key_of(members.namespace, name) not in members.elements
    )


def require(is_writable: bool, path: Path, detail: str) -> None:
    if not is_writable:
        raise Unwritable(path, detail)
