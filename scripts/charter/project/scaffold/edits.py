"""New lines in files of the team's: what stands there stays, byte for byte."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Sequence

RUFF = (sys.executable, "-m", "ruff")
OURS = ("charter", "generated", "impl")


def formatted(text: str, *, fixed: bool = False) -> str:
    """A text of Python as the project formats it; `fixed`: its imports sorted, unused ones out."""
    commands = [["format", "--quiet", "-"]]
    if fixed:
        commands.insert(0, ["check", "--quiet", "--fix-only", "--select", "I,F401", "-"])
    for command in commands:
        where = ["--stdin-filename", "impl/services/scaffolded.py"]
        done = subprocess.run(
            [*RUFF, *command, *where], input=text, capture_output=True, text=True, check=True
        )
        text = done.stdout
    return text


def members(lines: Iterable[str]) -> list[str]:
    """Lines of a class's body, formatted by themselves."""
    return formatted("\n".join(["class _:", *lines]) + "\n").splitlines()[1:]


def argument(line: str, column: int) -> list[str]:
    """The lines of an argument that begins in a column, a multiple of four."""
    depth = column // 4 - 1
    blocks = [f"{' ' * 4 * level}if _:" for level in range(depth)]
    space = " " * 4 * depth
    text = "\n".join([*blocks, f"{space}_(", f"{space}    {line}", f"{space})"])
    return formatted(f"{text}\n").splitlines()[depth + 1 : -1]


def inserted(text: str, at: int, lines: Iterable[str]) -> str:
    """The text with lines before the one of index `at`."""
    rows = text.splitlines(keepends=True)
    if rows and not rows[-1].endswith("\n"):
        rows[-1] += "\n"
    rows[at:at] = [f"{line}\n" for line in lines]
    return "".join(rows)


def replaced(text: str, node: ast.stmt, lines: Iterable[str]) -> str:
    rows = text.splitlines(keepends=True)
    rows[first_line(node) : node.end_lineno] = [f"{line}\n" for line in lines]
    return "".join(rows)


def first_line(node: ast.stmt) -> int:
    """The index of its first line, decorators included."""
    decorators = getattr(node, "decorator_list", [])
    return int(min([node.lineno, *(one.lineno for one in decorators)])) - 1


def source(text: str, node: ast.stmt) -> str:
    return "".join(text.splitlines(keepends=True)[first_line(node) : node.end_lineno])


def with_imports(text: str, wanted: Iterable[str]) -> str:
    for line in wanted:
        statement = ast.parse(line).body[0]
        assert isinstance(statement, ast.ImportFrom)
        text = with_import(text, str(statement.module), statement.names[0].name)
    return text


def with_import(text: str, module: str, name: str) -> str:
    """A name more: in the statement that imports from its module, if ruff wrote that; else anew."""
    found = imports(ast.parse(text))
    same = [node for node in found if node.module == module]
    if any(alias.name == name for node in same for alias in node.names):
        return text
    for node in same:
        if (at := own_line(text, node, name)) is not None:
            return inserted(text, at, [f"    {name},"])
        if source(text, node) == formatted(f"{ast.unparse(node)}\n"):
            names = sorted({*(ast.unparse(alias) for alias in node.names), name}, key=sort_key)
            grown = formatted(f"from {module} import {', '.join(names)}\n")
            return replaced(text, node, grown.splitlines())
    line = f"from {module} import {name}"
    section = [node for node in found if rank(str(node.module)) == rank(module)]
    if section:
        later = [node for node in section if str(node.module) > module]
        at = first_line(later[0]) if later else int(section[-1].end_lineno or 0)
        return inserted(text, at, [line])
    before = [node for node in top(ast.parse(text)) if rank(imported(node)) < rank(module)]
    after = [node for node in top(ast.parse(text)) if rank(imported(node)) > rank(module)]
    if before:
        return inserted(text, int(before[-1].end_lineno or 0), ["", line])
    return inserted(text, first_line(after[0]) if after else 0, [line, ""])


def own_line(text: str, node: ast.ImportFrom, name: str) -> int | None:
    """The index of the line before which a name goes, if each name has a line of its own."""
    rows = text.splitlines()
    if not all(rows[alias.lineno - 1] == f"    {ast.unparse(alias)}," for alias in node.names):
        return None
    later = (one.lineno - 1 for one in node.names if sort_key(one.name) > sort_key(name))
    return next(later, node.names[-1].lineno)


def sort_key(name: str) -> tuple[int, str]:
    """As isort does: constants, classes, functions."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name


def imports(tree: ast.Module) -> Sequence[ast.ImportFrom]:
    return [node for node in tree.body if isinstance(node, ast.ImportFrom)]


def top(tree: ast.Module) -> Sequence[ast.stmt]:
    return [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]


def imported(node: ast.stmt) -> str:
    if isinstance(node, ast.ImportFrom):
        return str(node.module)
    assert isinstance(node, ast.Import)
    return node.names[0].name


def rank(module: str) -> int:
    """The section of an import: the standard library, packages, the project."""
    root = module.partition(".")[0]
    return 2 if root in OURS else 0 if root in sys.stdlib_module_names else 1
