"""Reads XML into the JSON value that a schema describes (XML 1.0, Namespaces in XML 1.0).

A document type declaration is refused where it begins, and with it every entity and all that lies
outside of the document: nothing expands, and nothing is fetched. Elements and attributes are
counted while they are parsed, and names of namespaces, which the parser repeats with each of them,
have a bound, so that the time is in proportion to the length.
"""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from math import inf
from typing import Any
from xml.parsers import expat

from ..explain import MOST_FAULTS
from ..faults import Fault
from ..references import pointer
from ..scalars import DEEPEST, TooManyValues
from .names import XSI, key_of
from .plans import SPACE, Element, Items, Member, Members, Scalar

MOST_NODES = 15_000
"""Elements and attributes of a document. Reading them takes some 25 ms."""
MOST_ATTRIBUTES = 1000
"""Of one element: the parser reports it with all of them, which can't be stopped half-way."""
FLOOD = re.compile(
    rb"<[^\s<>/!?=\"']++(?:\s++[^\s<>/=\"']++\s*+=\s*+(?:\"[^\"<]*+\"|'[^'<]*+')){%d}"
    % MOST_ATTRIBUTES
)
"""A tag of as many attributes. Linear, because no tag holds `<`, and nothing is tried twice."""
LONGEST_NAMESPACE = 300
NIL = key_of(XSI, "nil")
IGNORED = (f"{XSI} ", "http://www.w3.org/XML/1998/namespace ")
"""Namespaces of attributes that say something to readers of any XML, and nothing to the schema."""
ENCODINGS = {"utf-8": ("utf-8", "utf8", "us-ascii"), "utf-16": ("utf-16", "utf-16le", "utf-16be")}
"""By the encoding of a document, what it may say of itself."""


class Frame:
    """An element that is open."""

    __slots__ = (
        "content", "is_nil", "member", "namespace", "section", "text", "token", "value",
    )  # fmt: skip

    def __init__(
        self,
        content: Any,
        token: str | int | None,
        member: Member | None = None,
        namespace: str = "",
    ) -> None:
        self.content = content
        """What stands in it; None for what the schema doesn't describe."""
        self.token = token
        """What it is in the value around it; None for the root, or for what is left out."""
        self.member = member
        self.namespace = namespace
        """The default one around what the schema doesn't describe."""
        self.value: Any = EMPTY[type(content)]()
        self.text: list[str] = []
        self.section: bool | None = None
        """Whether a CDATA section is open that holds all of the text; None before the first."""
        self.is_nil = False


EMPTY: dict[type, Any] = {Items: list, Members: dict, Scalar: lambda: None, type(None): dict}


def decoded(body: bytes) -> tuple[bytes, str]:
    """The document as UTF-8, and the encoding in which it came.

    That is UTF-8, or UTF-16 with a byte order mark, which every processor reads (XML 1.0 section
    4.3.3). Raises ValueError for anything else.
    """
    if body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return body.decode("utf-16").encode(), "utf-16"
    return body.removeprefix(BOM_UTF8), "utf-8"


class Reader:
    """Builds the value of one document while it is parsed."""

    def __init__(
        self, root: Element, violations: list[Fault], most_nodes: float = MOST_NODES
    ) -> None:
        self.root = root
        self.violations = violations
        self.frames: list[Frame] = []
        self.left = most_nodes
        self.value: Any = None
        self.encoding = ""

    def read(self, body: bytes) -> Any:
        """The value; appends what no value says to the violations.

        Raises ValueError, of which TooManyValues is one, or RecursionError.
        """
        document, self.encoding = decoded(body)
        is_bounded = self.left < inf and document.count(b"=") >= MOST_ATTRIBUTES
        if is_bounded and FLOOD.search(document):
            raise TooManyValues
        # an encoding that is given overrides what the document says of itself
        parser = expat.ParserCreate("utf-8", " ")
        parser.buffer_text = True
        parser.buffer_size = 2**16
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartCdataSectionHandler = self._start_cdata
        parser.EndCdataSectionHandler = self._end_cdata
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartNamespaceDeclHandler = self._namespace
        parser.XmlDeclHandler = self._declaration
        try:
            parser.Parse(document, True)
        except expat.ExpatError as error:
            raise ValueError(str(error)) from None
        return self.value

    # -- what the parser reports ------------------------------------------------------------------

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.left -= 1 + len(attributes)
        if self.left < 0:
            raise TooManyValues
        if len(self.frames) >= DEEPEST:
            raise RecursionError
        frame = self._child(name) if self.frames else self._root(name)
        self.frames.append(frame)
        if attributes:
            self._attributes(frame, attributes)

    def _end(self, name: str) -> None:
        frame = self.frames[-1]
        value = self._finished(frame)
        self.frames.pop()
        if self.frames:
            self._attach(self.frames[-1], frame, value)
        else:
            self.value = value

    def _characters(self, text: str) -> None:
        frame = self.frames[-1]
        content = frame.content
        is_text = type(content) is not Items and (type(content) is not Members or content.text)
        if is_text and frame.section is not False:
            frame.text.append(text)
        elif is_text and not text.strip(SPACE):
            # a section can't hold a carriage return; one beside it is a reference, and meant
            frame.text.append("\r" * text.count("\r"))
        elif text.strip(SPACE):
            self._fault("holds text where it can hold elements alone")

    def _start_cdata(self) -> None:
        """White space around a section is no part of a node that is one."""
        frame = self.frames[-1]
        leaf = frame.content.text if type(frame.content) is Members else None
        if leaf is not None and leaf.is_cdata:
            if frame.section is None and not "".join(frame.text).strip(SPACE):
                frame.text.clear()
            frame.section = True

    def _end_cdata(self) -> None:
        frame = self.frames[-1]
        if frame.section:
            frame.section = False

    def _doctype(self, *_: object) -> None:
        raise ValueError("a document type declaration is not allowed")

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        self.left -= 1
        if self.left < 0:
            raise TooManyValues
        if uri is not None and len(uri) > LONGEST_NAMESPACE:
            raise ValueError("the name of a namespace is too long")

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.lower() not in ENCODINGS[self.encoding]:
            raise ValueError("the document is not in the encoding that it declares")

    # -- elements ---------------------------------------------------------------------------------

    def _root(self, name: str) -> Frame:
        root = self.root
        if name != root.name.key and not root.takes_any_name:
            self._fault(f"is not the element {root.name.tag}")
        return Frame(root.content, None)

    def _child(self, name: str) -> Frame:
        parent = self.frames[-1]
        content = parent.content
        if type(content) is Members:
            member = content.elements.get(name)
            if member is not None:
                return Frame(member.element.content, member.property, member)
            return self._other(content, name)
        if type(content) is Items:
            return self._entry(content, name, len(parent.value))
        if type(content) is Scalar:
            self._fault("holds an element where it can hold text alone")
            return Frame(None, None)
        return Frame(None, known(name, parent.namespace), None, parent.namespace)

    def _entry(self, items: Items, name: str, index: int) -> Frame:
        element = items.at(index)
        if element is not None and element.name.key == name:
            return Frame(element.content, index)
        expected = (
            "one element too many" if element is None else f"not the element {element.name.tag}"
        )
        self._fault(f"is {expected}", index)
        return Frame(None, index)

    def _other(self, members: Members, name: str) -> Frame:
        """A member that the schema doesn't name."""
        token = known(name, members.namespace)
        if token in members.by_property:
            self._fault("is not written in this way in XML", token)
            return Frame(None, None)
        if members.others is not None:
            return Frame(members.others.element.content, token, members.others)
        return Frame(None, token, None, members.namespace)

    def _attributes(self, frame: Frame, attributes: dict[str, str]) -> None:
        frame.is_nil = attributes.pop(NIL, "").strip(SPACE) in ("true", "1")
        known = frame.content.attributes if type(frame.content) is Members else {}
        for name, text in attributes.items():
            leaf = known.get(name)
            if leaf is not None:
                frame.value[leaf.property] = leaf.scalar.value(text)
            elif name.startswith(IGNORED):
                continue
            elif type(frame.value) is dict:
                frame.value[f"@{clark(name)}"] = text
            else:
                self._fault(f"has the attribute {clark(name)}, which is not declared")

    def _finished(self, frame: Frame) -> Any:
        content, text = frame.content, "".join(frame.text)
        if frame.is_nil:
            if frame.value or text.strip(SPACE):
                self._fault("is null and holds something")
            return None
        if type(content) is Scalar:
            return content.value(text)
        if type(content) is Members:
            complete(frame.value, content, text)
        elif content is None and text.strip(SPACE):
            if frame.value:
                self._fault("holds text beside its elements or attributes")
            return text
        return frame.value if frame.value or content is not None else text

    def _attach(self, parent: Frame, frame: Frame, value: Any) -> None:
        token, member = frame.token, frame.member
        if token is None:
            return
        held = parent.value
        if type(held) is list:
            held.append(value)
        elif member is not None and member.is_list:
            self._append(held, member, token, value)
        elif token not in held:
            held[token] = value
        elif parent.content is None or member is None:
            if (
                type(held[token]) is not list
            ):  # which no element is that the schema doesn't describe
                held[token] = [held[token]]
            held[token].append(value)
        else:
            self._fault("is repeated", token)

    def _append(self, held: dict[Any, Any], member: Member, token: Any, value: Any) -> None:
        if value is None and member.may_be_null and token not in held:
            held[token] = None
        elif held.setdefault(token, []) is None:
            self._fault("is null and has an entry", token)
        else:
            held[token].append(value)

    def _fault(self, detail: str, *path: str | int) -> None:
        if len(self.violations) < MOST_FAULTS:
            where = pointer(*self._path(), *path)
            self.violations.append(Fault("body", where, detail, "xml"))

    def _path(self) -> Iterator[str | int]:
        """Where the innermost open element stands in the value."""
        held: Any = None
        for frame in self.frames:
            if frame.token is not None:
                yield frame.token
                if frame.member is not None and frame.member.is_list:
                    yield len(held.get(frame.token) or ())
            held = frame.value


def complete(value: dict[str, Any], content: Members, text: str) -> None:
    """Add the text, and what the absence of an element or attribute means."""
    leaf = content.text
    if leaf is not None and (text or leaf.is_required):
        value[leaf.property] = leaf.scalar.value(text)
    for name, meant in content.absent.items():
        if name not in value:
            value[name] = None if meant is None else []


def known(name: str, namespace: str) -> str:
    """The name of a member that the schema doesn't name; a local one in the default namespace."""
    around, _, local = name.rpartition(" ")
    return local if around == namespace else clark(name)


def clark(name: str) -> str:
    """The name of what the schema doesn't name: with the namespace in braces, if it has one."""
    namespace, _, local = name.rpartition(" ")
    return f"{{{namespace}}}{local}" if namespace else local
