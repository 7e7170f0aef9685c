"""Defaults of members as the types that their members have: a date, another object, a list of them.

datamodel-code-generator writes them as they stand in the document: texts and dictionaries, which
Pydantic takes as they are, and mypy refuses.
"""

import ast

PLAIN = frozenset(
    {"Annotated", "Any", "Field", "Literal", "None", "bool", "dict", "float", "int", "list", "str"}
)
"""What an annotation may name whose default is what it is in JSON."""


def with_validated_defaults(code: str) -> str:
    """The module with every other default behind Pydantic's validation."""
    lines = [line.encode() for line in code.splitlines(keepends=True)]
    for value in sorted(others(ast.parse(code)), key=lambda node: node.lineno, reverse=True):
        assert value.end_lineno is not None  # the parser sets them
        assert value.end_col_offset is not None
        first, last = value.lineno - 1, value.end_lineno - 1
        before, after = lines[first][: value.col_offset], lines[last][value.end_col_offset :]
        validated = f"Field({ast.unparse(value)}, validate_default=True)".encode()
        lines[first : last + 1] = [before + validated + after]
    return with_field(b"".join(lines).decode())


def others(module: ast.Module) -> list[ast.expr]:
    """The defaults of members that are not of their member's type."""
    classes = [node for node in module.body if isinstance(node, ast.ClassDef)]
    members = [node for owner in classes for node in owner.body if isinstance(node, ast.AnnAssign)]
    return [node.value for node in members if node.value is not None and is_other(node)]


def is_other(member: ast.AnnAssign) -> bool:
    try:
        value = ast.literal_eval(member.value or ast.Constant(None))
    except ValueError:
        return False  # a member of an enumeration
    named = {node.id for node in ast.walk(member.annotation) if isinstance(node, ast.Name)}
    if value is None or (value in ([], {}) and type(value).__name__ in named):
        return False
    return bool(named - PLAIN) or ("float" not in named and has_float(value))


def has_float(value: object) -> bool:
    """Whether 2.0 stands somewhere, which JSON Schema takes for an integer."""
    if isinstance(value, list | dict):
        return any(map(has_float, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float)


def with_field(code: str) -> str:
    """With the import of what is written, which ruff takes out where it is not needed."""
    future = "from __future__ import annotations\n"
    start = code.index(future) + len(future) if future in code else 0
    return f"{code[:start]}\nfrom pydantic import Field\n{code[start:]}"
