"""Services as text: the class that keeps a Protocol, new or with what it lacked."""

import ast
from pathlib import Path

from charter.generate.names import pascal
from charter.project.scaffold.nouns import singular
from charter.project.scaffold.promises import Method, Promises
from charter.project.scaffold.rules import Rules


def class_of(path: Path, protocol: str) -> str:
    """The class of a service, which is there."""
    found = keeper(ast.parse(path.read_text()), protocol)
    assert found is not None
    return found.name


# -- a new one ------------------------------------------------------------------------------------


def write(folder: Path, module: str, promises: Promises, rules: Rules | None) -> Path:
    path = folder / f"{module}.py"
    if path.exists():  # the service of another tag
        path = folder / f"{module}_api.py"
    bodies = rules.bodies(promises) if rules is not None else {}
    lines = [
        *promises.import_lines(promises.methods.values()),
        f"from generated.operations import {promises.name}",
        *(rules.imports() if rules is not None else []),
        "",
        "",
        f"class {pascal(singular(path.stem))}Service({promises.name}):",
        f'    """{promises.docstring}"""',
        *(rules.constructor() if rules is not None else []),
    ]
    for method in promises.methods.values():
        lines += ["", *written(promises, method, bodies.get(method.name))]
    if rules is not None:
        lines += rules.helpers()
    path.write_text("\n".join(lines) + "\n")
    return path


def written(promises: Promises, method: Method, body: list[str] | None = None) -> list[str]:
    """A method: as far as a resource tells, else what says that nobody has written it yet."""
    lines = body or ["raise NotImplementedError"]
    return [f"    {promises.signature(method)}", *(f"        {line}".rstrip() for line in lines)]


# -- one that is there ----------------------------------------------------------------------------


def find(folder: Path, protocol: str) -> Path | None:
    """The module with the class that keeps a Protocol."""
    paths = sorted(folder.glob("*.py"))
    return next((path for path in paths if keeper(ast.parse(path.read_text()), protocol)), None)


def keeper(tree: ast.Module, protocol: str) -> ast.ClassDef | None:
    for statement in tree.body:
        bases = [ast.unparse(base) for base in getattr(statement, "bases", [])]
        if isinstance(statement, ast.ClassDef) and any(
            base.rpartition(".")[2] == protocol for base in bases
        ):
            return statement
    return None


def extend(path: Path, promises: Promises) -> bool:
    """Add the methods that the class lacks, behind its last one. Whether there were any."""
    text = path.read_text()
    tree = ast.parse(text)
    service = keeper(tree, promises.name)
    assert service is not None
    there = {getattr(member, "name", None) for member in service.body}
    missing = [method for name, method in promises.methods.items() if name not in there]
    if not missing:
        return False
    rows = text.splitlines()
    added = [line for method in missing for line in ("", *written(promises, method))]
    rows[service.end_lineno : service.end_lineno] = added
    known = {ast.unparse(node) for node in tree.body if isinstance(node, ast.ImportFrom)}
    imported = {
        f"from {node.module} import {alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    new = [line for line in promises.import_lines(missing) if line not in imported | known]
    at = after_imports(tree)
    rows[at:at] = new
    path.write_text("\n".join(rows) + "\n")
    return True


def after_imports(tree: ast.Module) -> int:
    """The number of lines up to the last import, or the docstring."""
    ends = [
        node.end_lineno or 0
        for index, node in enumerate(tree.body)
        if isinstance(node, ast.Import | ast.ImportFrom)
        or (index == 0 and isinstance(node, ast.Expr))
    ]
    return max(ends, default=0)
