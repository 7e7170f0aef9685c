"""What elements and attributes are called (XML 1.0 section 2.3, Namespaces in XML 1.0)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

START = (
    r"A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d"
    r"\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
LOCAL = re.compile(rf"[{START}][{START}\-.0-9\u00b7\u0300-\u036f\u203f\u2040]*")
"""A name without a prefix, an NCName."""

XSI = "http://www.w3.org/2001/XMLSchema-instance"
WELL_KNOWN = {"xml": "http://www.w3.org/XML/1998/namespace", "xsi": XSI}
"""The namespaces of prefixes that need no declaration in a document of OpenAPI."""

Bindings = tuple[tuple[str, str], ...]
"""The namespaces in force, by their prefixes; that of no prefix is the default one."""


class Unnameable(ValueError):
    """Something has no name in XML; says why, and what to do."""


@dataclass(frozen=True)
class Name:
    """What an element or attribute is called, where its namespaces are in force."""

    key: str
    """As the parser reports it: the namespace, a space, and the local name."""
    tag: str
    """As it is written, with the prefix."""
    declaration: str
    """The attribute that declares its namespace, if none around it does."""
    bindings: Bindings
    """The namespaces in force inside."""


def key_of(namespace: str, local: str) -> str:
    return f"{namespace} {local}" if namespace else local


def name_of(
    said: Mapping[str, str], inferred: str, bindings: Bindings, *, is_attribute: bool = False
) -> Name:
    """The name that an XML Object says, else the inferred one. Raises Unnameable.

    Without a prefix, an element is in the namespace of what is around it, unless it has one of its
    own; an attribute is in none.
    """
    around = dict(bindings)
    local = said.get("name") or inferred
    prefix, namespace = said.get("prefix") or "", said.get("namespace") or ""
    if not prefix and local.count(":") == 1:
        prefix, _, local = local.partition(":")
    for part in filter(None, (prefix, local)):
        if not LOCAL.fullmatch(part):
            raise Unnameable(f"`{part}` is no name in XML: give the schema an `xml.name`.")
    if prefix and not namespace:
        namespace = around.get(prefix) or WELL_KNOWN.get(prefix, "")
        if not namespace:
            raise Unnameable(f"the prefix `{prefix}` has no namespace: add `xml.namespace`.")
    if is_attribute and namespace and around.get(prefix) not in (None, namespace):
        prefix = ""  # another attribute may have it, or the element
    if is_attribute and namespace and not prefix:
        prefix = next((known for known, uri in bindings if known and uri == namespace), "")
        prefix = prefix or free_prefix(around)
    if not prefix and not namespace and not is_attribute:
        namespace = around.get("", "")
    tag = f"{prefix}:{local}" if prefix else local
    is_known = prefix == "xml" or around.get(prefix, "") == namespace
    if is_known or (is_attribute and not prefix):
        return Name(key_of(namespace, local), tag, "", bindings)
    declared = f"xmlns:{prefix}" if prefix else "xmlns"
    inside = tuple(sorted({**around, prefix: namespace}.items()))
    return Name(key_of(namespace, local), tag, f' {declared}="{quoted(namespace)}"', inside)


def free_prefix(taken: Mapping[str, str]) -> str:
    return next(made for number in range(1, 1000) if (made := f"ns{number}") not in taken)


ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
IN_ATTRIBUTES = ESCAPES | {'"': "&quot;", "\t": "&#9;", "\n": "&#10;"}
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that no XML document can hold, be it as a reference (XML 1.0 section 2.2)."""
PLAIN = str.maketrans(ESCAPES)
QUOTED = str.maketrans(IN_ATTRIBUTES)


def escaped(text: str) -> str:
    """Text between tags: a line end is kept as it is (XML 1.0 section 2.11)."""
    return text.translate(PLAIN)


def quoted(text: str) -> str:
    """Text between the quotes of an attribute, whose white space is kept (section 3.3.3)."""
    return text.translate(QUOTED)
