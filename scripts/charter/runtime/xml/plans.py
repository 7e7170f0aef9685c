"""How the values of a schema stand in XML: the plan that reading and writing follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Union

from ..scalars import read
from .names import Name

SPACE = " \t\r\n"
"""White space (XML 1.0 section 2.3)."""


ROOT = "root"
"""What we call the root of a document where its schema leaves that open."""
ENTRY = "item"
"""What we call an entry of an array where its schema leaves that open."""


@dataclass(frozen=True)
class Scalar:
    """Text that spells a string, a number or a boolean."""

    types: frozenset[str]
    """Its JSON types without null, which no text spells."""

    def value(self, text: str) -> object:
        """What the text spells; it stays text where it spells none of the types."""
        return text if "string" in self.types else read(text.strip(SPACE), self.types)


@dataclass(frozen=True)
class Leaf:
    """A property that is an attribute, or the text of its element."""

    property: str
    scalar: Scalar
    name: Name | None = None
    """Of an attribute."""
    is_cdata: bool = False
    is_required: bool = False
    """Whether an empty text is an empty string; else the property is absent then."""


@dataclass(eq=False)
class Element:
    """A value that is an element. Schemas may be recursive, and so may plans."""

    name: Name
    takes_any_name: bool = False
    """Whether the document leaves open what it is called: `name` is what we write then."""
    content: Union["Scalar", "Members", "Items"] = field(default=Scalar(frozenset()), repr=False)


@dataclass(frozen=True)
class Member:
    """A property that is an element, or one element for each entry of an array."""

    property: str
    element: Element
    is_list: bool = False
    may_be_null: bool = False
    """Whether the array may be null, which a single null element says."""


@dataclass(eq=False)
class Members:
    """The content of an object."""

    elements: Mapping[str, Member]
    """By the key of the name."""
    attributes: Mapping[str, Leaf]
    """By the key of the name."""
    declarations: str
    """Of the namespaces of attributes."""
    text: Leaf | None
    by_property: Mapping[str, Member | Leaf]
    others: Member | None
    """How members are written whose names the schema leaves open, if it types them."""
    namespace: str
    """The default one inside: of members whose names the schema leaves open."""
    absent: Mapping[str, tuple[()] | None]
    """What the absence of a property means: an empty array, or null (OpenAPI 3.2 "XML Object")."""


@dataclass(eq=False)
class Items:
    """The content of an array with an element around it."""

    first: Sequence[Element]
    each: Element | None
    """None where there may be no more than the first ones."""

    def at(self, index: int) -> Element | None:
        return self.first[index] if index < len(self.first) else self.each
