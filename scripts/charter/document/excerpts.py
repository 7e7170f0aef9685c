"""The lines around a place in a file, with a caret below the column."""

from collections.abc import Sequence
from pathlib import Path

AROUND = 1
"""Lines before and after."""
WIDTH = 96
"""Characters of a line; of a longer one, those around the column."""


def excerpt(file: Path | str, line: int, column: int) -> str:
    """Empty where the file can't be read, or has no such line."""
    return excerpt_of(lines_of(file), line, column)


def lines_of(file: Path | str) -> list[str]:
    try:
        return Path(file).read_text(errors="replace").splitlines()
    except OSError:
        return []


def excerpt_of(lines: Sequence[str], line: int, column: int, *, around: int = AROUND) -> str:
    """The same from a file that has been read."""
    if not 0 < line <= len(lines):
        return ""
    start = max(0, column - WIDTH * 3 // 4)
    numbers = range(max(1, line - around), min(len(lines), line + around) + 1)
    gutter = len(str(numbers[-1]))
    shown = []
    for number in numbers:
        shown.append(f"{number:>{gutter}} | {visible(lines[number - 1][start : start + WIDTH])}")
        if number == line:
            shown.append(f"{' ' * gutter} | {' ' * (column - 1 - start)}^")
    return "\n".join(row.rstrip() for row in shown)


def visible(text: str) -> str:
    """A tab as an arrow, which is one column as the caret counts; nothing that moves a cursor."""
    return "".join(char if char.isprintable() else {"\t": "→"}.get(char, "·") for char in text)
