"""Names of a document as identifiers: split into words, then joined as a language joins them."""

import re
from collections.abc import Iterable
from unicodedata import normalize

WORD = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+")


def words(name: str) -> list[str]:
    """`listItems`, `If-Match` and `HTTPStatus` as lists of words in lower case.

    Accents go; letters of other scripts are written as their code points. A name without a letter
    or a digit is `unnamed`.
    """
    plain = "".join(
        char if char.isascii() or not char.isalnum() else f" u{ord(char):x} "
        for char in normalize("NFKD", name.replace("ETag", "Etag"))
        if not "\u0300" <= char <= "\u036f"
    )
    signed = re.sub(r"^-(?=\w)", "minus ", plain)
    return [word.lower() for word in WORD.findall(signed)] or ["unnamed"]


def snake(name: str) -> str:
    return identifier("_".join(words(name)))


def pascal(name: str) -> str:
    return identifier("".join(word.capitalize() for word in words(name)), "N")


def camel(name: str) -> str:
    first, *rest = words(name)
    return identifier(first + "".join(word.capitalize() for word in rest))


def identifier(name: str, prefix: str = "n") -> str:
    """The name itself, or behind a letter where it begins with a digit."""
    return f"{prefix}{name}" if name[0].isdigit() else name


CLASS = re.compile(r"[A-Z][A-Za-z0-9]*")


def class_name(name: str) -> str:
    """A name that is a class name already stays as the document has it."""
    return name if CLASS.fullmatch(name) else pascal(name)


def shortened(operation_id: str, tag: str) -> str:
    """An operation's name without the noun of its tag: `createItem` of `items` is `create`."""
    said, nouns = words(operation_id), {singular(word) for word in words(tag)}
    kept = [word for word in said[1:] if singular(word) not in nouns]
    return " ".join([said[0], *kept])


def singular(word: str) -> str:
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def method_names(operation_ids: Iterable[str], tag: str) -> dict[str, str]:
    """A name in words for each operation of a tag: the short one, unless two would share it."""
    ids = list(operation_ids)
    short = {name: shortened(name, tag) for name in ids}
    counts = list(short.values())
    return {name: short[name] if counts.count(short[name]) == 1 else name for name in ids}
