"""Names in the document as names in Python: readable, and the same on every run."""

import builtins
import keyword
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from unicodedata import normalize

from charter.runtime.normal import operations
from charter.runtime.normal import unique as told_apart
from charter.runtime.references import resolve

RESERVED_ARGUMENTS = frozenset({"self", "principal"})


def snake(name: str) -> str:
    """`listItems`, `If-Match` and `HTTPStatus` as `list_items`, `if_match` and `http_status`."""
    words = re.sub(r"\W+", "_", ascii_of(name).replace("ETag", "Etag"), flags=re.ASCII)
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", words)
    words = re.sub(r"_+", "_", words).strip("_").lower() or "unnamed"
    if words[0].isdigit():
        words = f"n{words}"
    taken = keyword.iskeyword(words) or words in RESERVED_ARGUMENTS
    return f"{words}_" if taken else words


def ascii_of(name: str) -> str:
    """Accents go; letters of other scripts are written as their code points."""
    plain = (
        char
        for char in normalize("NFKD", name.replace("ß", "ss"))
        if not "\u0300" <= char <= "\u036f"
    )
    return "".join(
        char if char.isascii() or not char.isalnum() else f"_u{ord(char):x}_" for char in plain
    )


def method(name: str) -> str:
    """The name of a method, which must not hide what its signature says: `list` as `list_`."""
    made = snake(name)
    return f"{made}_" if hasattr(builtins, made) else made


def pascal(name: str) -> str:
    """`listItems` as `ListItems`."""
    return "".join(word[:1].upper() + word[1:] for word in snake(name).split("_"))


def constant(name: str) -> str:
    """`items:read` as `ITEMS_READ`."""
    return snake(name).rstrip("_").upper()


def unique(
    names: Iterable[str], called: Callable[[str], str], taken: Iterable[str] = ()
) -> dict[str, str]:
    """What each name is called; the second of two that are called the same ends in `_2`."""
    used = set(taken)
    chosen: dict[str, str] = {}
    for name in names:
        chosen[name] = numbered(called(name), used)
        used.add(chosen[name])
    return chosen


def numbered(name: str, taken: Collection[str], joined: str = "_") -> str:
    """The name, or with the first number from 2 on that makes it another one."""
    if name not in taken:
        return name
    stem = name.rstrip("_")
    return told_apart(stem, {*taken, stem}, joined)


IMPORTED = frozenset(
    {
        "Annotated", "Any", "AsyncIterator", "Authenticate", "Awaitable", "AwareDatetime",
        "BaseModel", "Callable", "ClassVar", "Dict", "Enum", "Field", "Identify", "IntEnum", "List",
        "Literal", "Mapping", "Model", "None", "Optional", "Principal", "Protocol", "Reply",
        "RootModel", "Scope", "Sequence", "Set", "StrEnum", "Stream", "Streaming", "Tuple", "Type",
        "True", "False", "UUID", "Union",
    }
)  # fmt: skip
"""Names that the generated modules import; no class of the document may hide them."""
CLASS = re.compile(r"[A-Z][A-Za-z0-9]*")


def class_name(name: str) -> str:
    made = name if CLASS.fullmatch(name) else pascal(name)
    return f"{made}Model" if made in IMPORTED else made


@dataclass(frozen=True)
class Names:
    """What everything in a document (in its normal form) is called in Python."""

    methods: Mapping[str, str]
    """Of services, by operationId; no two of one tag are the same."""
    operations: Mapping[str, str]
    """How the classes of an operation begin, by operationId."""
    modules: Mapping[str, str]
    """Of routers, and arguments of `build`, by tag."""
    protocols: Mapping[str, str]
    """By tag."""
    schemas: Mapping[str, str]
    """Classes, by the name of the component."""
    scopes: Mapping[str, str]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        by_tag: dict[str, list[str]] = {}
        for _, _, node in operations(document):
            by_tag.setdefault(node["tags"][0], []).append(node["operationId"])
        ids = [name for names in by_tag.values() for name in names]
        schemas = unique(document.get("components", {}).get("schemas", {}), class_name)
        modules = unique(by_tag, snake, taken=("contract", "authenticate", "identify", "router"))
        return cls(
            methods={k: v for names in by_tag.values() for k, v in unique(names, method).items()},
            operations=unique(ids, pascal),
            modules=modules,
            protocols=unique(by_tag, lambda tag: f"{pascal(tag)}Operations", schemas.values()),
            schemas=schemas,
            scopes=unique(declared_scopes(document), constant),
        )


def declared_scopes(document: Mapping[str, Any]) -> dict[str, str]:
    """The scopes of all OAuth 2 flows, with what they are for, and others that operations name."""
    schemes = document.get("components", {}).get("securitySchemes", {}).values()
    flows = [
        flow
        for scheme in schemes
        for flow in resolve(document, scheme).get("flows", {}).values()
        if isinstance(flow, Mapping)
    ]
    asked = [
        name
        for _, _, node in operations(document)
        for alternative in node["security"]
        for names in alternative.values()
        for name in names
    ]
    declared = {name: text for flow in flows for name, text in flow.get("scopes", {}).items()}
    return declared | {name: "" for name in asked if name not in declared}
