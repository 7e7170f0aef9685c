"""Where classes meet their promises: `impl/dependencies.py` and the list of models."""

import ast
from pathlib import Path

from charter.project.scaffold import edits
from charter.project.scaffold.resources import Resource
from charter.project.scaffold.services import Service

DEPENDENCIES = Path("impl") / "dependencies.py"
MODELS = Path("impl") / "models" / "__init__.py"


def stale(root: Path) -> dict[str, str]:
    """The classes of services that dependencies.py imports and that are not there, by class."""
    found: dict[str, str] = {}
    for node in edits.imports(ast.parse((root / DEPENDENCIES).read_text())):
        if str(node.module).startswith("impl.services."):
            path = root / f"{str(node.module).replace('.', '/')}.py"
            there = path.read_text() if path.exists() else ""
            classes = {getattr(one, "name", None) for one in ast.parse(there).body}
            found |= {
                alias.name: str(node.module) for alias in node.names if alias.name not in classes
            }
    return found


def connect(root: Path, service: Service, module: str, resource: Resource | None) -> bool:
    """Name the class where the API is built. Whether anything had to be written.

    A provider that is there stays, unless it builds a class that is not.
    """
    file = root / DEPENDENCIES
    text = file.read_text()
    lost = stale(root)
    tree = ast.parse(text)
    call = built(tree)
    keyword = next((found for found in call.keywords if found.arg == module), None)
    provider = provider_of(tree, keyword, lost)
    if keyword is not None and not is_unwritten(keyword.value) and provider is None:
        return False
    if provider is not None:
        text = without_imports(edits.replaced(text, provider, provided(
            provider.name, service, resource)), lost)  # fmt: skip
    else:
        taken = {getattr(node, "name", None) for node in tree.body}
        name = module if module not in taken else f"{module}_service"
        line = f"        {module}={name},"
        if keyword is None:
            text = edits.inserted(text, int(call.end_lineno or 0) - 1, [line])
        else:
            rows = text.splitlines(keepends=True)
            rows[keyword.lineno - 1 : keyword.end_lineno] = [f"{line}\n"]
            text = "".join(rows)
        builder = next(node for node in tree.body if call in ast.walk(node))
        lines = [*provided(name, service, resource), "", ""]
        text = edits.inserted(text, edits.first_line(builder), lines)
    wanted = [
        f"from generated.operations import {service.promises.name}",
        f"from impl.services.{service.path.stem} import {service.node.name}",
    ]
    if resource is not None:
        wanted += [
            f"from impl.repositories.{resource.module} import {resource.queries}",
            "from impl.db.session import Session",
        ]
    file.write_text(edits.with_imports(text, wanted))
    return True


def provider_of(
    tree: ast.Module, keyword: ast.keyword | None, lost: dict[str, str]
) -> ast.AsyncFunctionDef | None:
    """The function that provides the service, where it builds a class that isn't there."""
    name = ast.unparse(keyword.value) if keyword is not None else ""
    for node in tree.body:
        if isinstance(node, ast.AsyncFunctionDef) and node.name == name:
            used = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
            return node if used & lost.keys() else None
    return None


def without_imports(text: str, lost: dict[str, str]) -> str:
    """Without the imports of classes that are not there."""
    for node in reversed(edits.imports(ast.parse(text))):
        kept = [alias for alias in node.names if lost.get(alias.name) != node.module]
        if len(kept) < len(node.names):
            names = ", ".join(ast.unparse(alias) for alias in kept)
            line = edits.formatted(f"from {node.module} import {names}\n") if kept else ""
            text = edits.replaced(text, node, line.splitlines())
    return text


def built(tree: ast.Module) -> ast.Call:
    """The call that builds the API."""
    return next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "api.build"
    )


def is_unwritten(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func) == "unwritten"


def provided(provider: str, service: Service, resource: Resource | None) -> list[str]:
    session = "session: Session" if resource is not None else ""
    argument = f"{resource.queries}(session)" if resource is not None else ""
    text = f"""async def {provider}({session}) -> {service.promises.name}:
    return {service.node.name}({argument})
"""
    return edits.formatted(text).splitlines()


def export(root: Path, resource: Resource) -> Path:
    """Alembic knows the tables that are imported with the models."""
    file = root / MODELS
    text = file.read_text()
    exported = next(
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    names = sorted({*ast.literal_eval(exported.value), resource.row})
    line = edits.formatted(f"__all__ = {names!r}\n")
    text = edits.replaced(text, exported, line.splitlines())
    file.write_text(edits.with_import(text, f"impl.models.{resource.module}", resource.row))
    return MODELS
