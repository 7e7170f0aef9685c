"""Where classes meet their promises: `impl/dependencies.py` and the list of models."""

import ast
from pathlib import Path

from charter.project.scaffold.resources import Resource
from charter.project.scaffold.services import after_imports, class_of

DEPENDENCIES = Path("impl") / "dependencies.py"
MODELS = Path("impl") / "models" / "__init__.py"


def connect(
    service: Path, protocol: str, module: str, resource: Resource | None = None
) -> list[Path]:
    """Name the class where the API is built; nothing, where a class is named already."""
    text = DEPENDENCIES.read_text()
    tree = ast.parse(text)
    call = built(tree)
    keyword = next((found for found in call.keywords if found.arg == module), None)
    if keyword is not None and not is_unwritten(keyword.value):
        return []
    taken = {getattr(node, "name", None) for node in tree.body}
    provider = module if module not in taken else f"{module}_service"
    rows = text.splitlines()
    if keyword is None:
        at = (call.end_lineno or 0) - 1
        rows.insert(at, f"        {module}={provider},")
    else:
        row = keyword.lineno - 1
        rows[row : keyword.end_lineno] = [f"        {module}={provider},"]
    builder = next(node for node in tree.body if call in ast.walk(node))
    name = class_of(service, protocol)
    rows[builder.lineno - 1 : builder.lineno - 1] = provided(provider, protocol, name, resource)
    imports = [
        f"from generated.operations import {protocol}",
        f"from impl.services.{service.stem} import {name}",
    ]
    if resource is not None:
        imports.append(f"from impl.repositories.{resource.module} import {resource.queries}")
    at = after_imports(tree)
    rows[at:at] = imports
    DEPENDENCIES.write_text("\n".join(rows) + "\n")
    return [DEPENDENCIES]


def built(tree: ast.Module) -> ast.Call:
    """The call that builds the API."""
    return next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "api.build"
    )


def is_unwritten(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func) == "unwritten"


def provided(provider: str, protocol: str, name: str, resource: Resource | None) -> list[str]:
    session = "session: Session" if resource is not None else ""
    argument = f"{resource.queries}(session)" if resource is not None else ""
    return [
        f"async def {provider}({session}) -> {protocol}:",
        f"    return {name}({argument})",
        "",
        "",
    ]


def export(resource: Resource) -> Path:
    """Alembic knows the tables that are imported with the models."""
    text = MODELS.read_text()
    tree = ast.parse(text)
    exported = next(
        node
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    names = sorted([*ast.literal_eval(exported.value), resource.row])
    rows = text.splitlines()
    rows[exported.lineno - 1 : exported.end_lineno] = [f"__all__ = {names!r}"]
    at = after_imports(tree)
    rows[at:at] = [f"from impl.models.{resource.module} import {resource.row}"]
    MODELS.write_text("\n".join(rows) + "\n")
    return MODELS
