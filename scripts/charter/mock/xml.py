"""Examples as XML: values of a schema, texts that are XML already, and what has no schema."""

from typing import Any
from xml.parsers import expat

from charter.runtime.replies import ContentSpec
from charter.runtime.xml import write, write_anything
from charter.runtime.xml.plans import Scalar


def written(value: Any, content: ContentSpec) -> bytes:
    """The body for an example. Raises Unwritable for a value that XML can't hold."""
    if isinstance(value, str) and not is_string(content) and is_well_formed(value):
        return value.encode()
    return write_anything(value) if content.root is None else write(content.root, value)


def is_string(content: ContentSpec) -> bool:
    """Whether a text is a value of the schema, and no XML."""
    return content.root is not None and isinstance(content.root.content, Scalar)


def is_well_formed(text: str) -> bool:
    try:
        expat.ParserCreate("utf-8").Parse(text.encode(), True)
    except (expat.ExpatError, UnicodeEncodeError):
        return False
    return True
