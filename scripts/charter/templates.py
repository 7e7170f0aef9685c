"""Templates of Jinja, for pages and for code."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def templates(
    folder: Path, *, html: bool = False, keep_trailing_newline: bool = False
) -> Environment:
    """Those of a folder: a name that they don't get is an error, their tags leave no empty lines.

    Values are escaped in `html` alone.
    """
    return Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=keep_trailing_newline,
        autoescape=html,  # noqa: S701 - code must not be escaped
    )
