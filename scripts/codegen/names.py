"""Names in the document as names in Python: readable, and the same on every run."""

import keyword
import re


def snake(name: str) -> str:
    """`listItems`, `If-Match` and `HTTPStatus` as `list_items`, `if_match` and `http_status`."""
    words = re.sub(r"\W+", "_", name.replace("ETag", "Etag"))
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", words)
    words = re.sub(r"_+", "_", words).strip("_").lower() or "unnamed"
    if words[0].isdigit():
        words = f"n{words}"
    return f"{words}_" if keyword.iskeyword(words) or words in ("self", "principal") else words


def pascal(name: str) -> str:
    """`listItems` as `ListItems`."""
    return "".join(word[:1].upper() + word[1:] for word in snake(name).split("_"))


def templated(path: str) -> list[bool]:
    """Which parts of a path are templates; paths sort by it as they are to be matched."""
    return [part.startswith("{") for part in path.split("/")]


def constant(name: str) -> str:
    """`items:read` as `ITEMS_READ`."""
    return snake(name).rstrip("_").upper()
