"""Adds lines to files that the team owns; all other lines stay, byte for byte."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from charter.errors import Refusal

FIX = ("check", "--fix-only", "--select", "I,F401")
"""Sorts imports, and removes the unused ones."""
FORMAT = ("format",)
NAME = "impl/services/scaffolded.py"
"""A path to which ruff applies the settings of the project."""


def parsed(file: Path) -> ast.Module:
    """A module of the project. Raises Refusal where it is missing or isn't Python."""
    name = os.path.relpath(file)
    try:
        return ast.parse(file.read_text())
    except FileNotFoundError:
        raise Refusal(f"{name} is missing: restore it, as by `git restore {name}`.") from None
    except SyntaxError as error:
        raise Refusal(f"{name}:{error.lineno}: {error.msg}: correct this Python first.") from None


def formatted(text: str, *, with_imports: bool = False) -> str:
    """A text of Python as the project formats it; its imports put in order if so asked."""
    return ruff(FORMAT, ruff(FIX, text) if with_imports else text)


def tidied(before: str, after: str) -> str:
    """`after`, as ruff wants it in each respect in which it had nothing to change in `before`.

    So a file that was in order stays so, and in another one no line of the team's changes.
    """
    for command in (FIX, FORMAT):
        if ruff(command, before) == before:
            after = ruff(command, after)
    return after


def ruff(command: Iterable[str], text: str) -> str:
    program = [str(Path(sys.executable).with_name("ruff")), *command]
    done = subprocess.run(
        [*program, "--quiet", "--stdin-filename", NAME, "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def inserted(text: str, at: int, lines: Iterable[str]) -> str:
    """The text with lines before the one of index `at`."""
    rows = text.splitlines(keepends=True)
    if rows and not rows[-1].endswith("\n"):
        rows[-1] += "\n"
    rows[at:at] = [f"{line}\n" for line in lines]
    return "".join(rows)


def replaced(text: str, node: ast.stmt | ast.keyword, lines: Iterable[str]) -> str:
    rows = text.splitlines(keepends=True)
    rows[first_line(node) : node.end_lineno] = [f"{line}\n" for line in lines]
    return "".join(rows)


def first_line(node: ast.stmt | ast.keyword) -> int:
    """The index of its first line, decorators included."""
    decorators = getattr(node, "decorator_list", [])
    return int(min([node.lineno, *(one.lineno for one in decorators)])) - 1


def source(text: str, node: ast.stmt) -> str:
    return "".join(text.splitlines(keepends=True)[first_line(node) : node.end_lineno])


def with_imports(text: str, wanted: Iterable[str]) -> str:
    """The names that `from` statements import and the text doesn't yet, behind its imports."""
    tree = ast.parse(text)
    there = imported(tree)
    lines = [
        f"from {module} import {name}"
        for line in wanted
        for name, module in imported(ast.parse(line)).items()
        if there.get(name) != module
    ]
    at = [int(n.end_lineno or 0) for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    return inserted(text, at[-1] if at else 0, lines)


def imported(tree: ast.Module) -> dict[str, str]:
    """The module of each name that `from` statements import."""
    return {
        alias.name: str(node.module)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def used_of(text: str, wanted: Iterable[str]) -> list[str]:
    """The import of each name that a text uses, of some `from` statements."""
    used = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    return [
        f"from {module} import {name}"
        for line in wanted
        for name, module in imported(ast.parse(line)).items()
        if name in used
    ]
