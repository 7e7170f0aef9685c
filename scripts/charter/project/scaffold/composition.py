"""Where classes meet their promises: `impl/dependencies.py` and the list of models."""

import ast
from pathlib import Path

from charter.project.scaffold import edits
from charter.project.scaffold.resources import Resource
from charter.project.scaffold.services import Service

DEPENDENCIES = Path("impl") / "dependencies.py"
MODELS = Path("impl") / "models" / "__init__.py"


def stale(root: Path) -> dict[str, str]:
    """What dependencies.py imports of services and isn't there: the module by its name."""
    return {
        name: module
        for name, module in edits.imported(ast.parse((root / DEPENDENCIES).read_text())).items()
        if module.startswith("impl.services.")
        and name not in bound(root / f"{module.replace('.', '/')}.py")
    }


def bound(file: Path) -> set[str]:
    """The names that a module gives."""
    tree = ast.parse(file.read_text() if file.exists() else "")
    named = {getattr(node, "name", "") for node in tree.body} | edits.imported(tree).keys()
    return named | {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def connect(root: Path, service: Service, module: str, resource: Resource | None) -> bool:
    """Name the class where the API is built. Whether anything had to be written.

    A provider that is there stays, unless it builds a class that is not.
    """
    file = root / DEPENDENCIES
    before = file.read_text()
    tree = ast.parse(before)
    call = built(tree)
    keyword = next((one for one in call.keywords if one.arg == module), None)
    providers = {node.name: node for node in tree.body if isinstance(node, ast.AsyncFunctionDef)}
    provider = providers.get(ast.unparse(keyword.value)) if keyword is not None else None
    if provider is not None:
        if not stale(root).keys() & {n.id for n in ast.walk(provider) if isinstance(n, ast.Name)}:
            return False
        text = edits.replaced(before, provider, provided(provider.name, service, resource))
    elif keyword is None or ast.unparse(keyword.value).startswith("unwritten("):
        taken = {getattr(node, "name", None) for node in tree.body}
        name = module if module not in taken else f"{module}_service"
        line = f"        {module}={name},"
        if keyword is None:
            text = edits.inserted(before, int(call.end_lineno or 0) - 1, [line])
        else:
            text = edits.replaced(before, keyword, [line])
        builder = next(node for node in tree.body if call in ast.walk(node))
        lines = [*provided(name, service, resource), "", ""]
        text = edits.inserted(text, edits.first_line(builder), lines)
    else:
        return False
    wanted = [
        f"from generated.operations import {service.promises.name}",
        f"from impl.services.{service.path.stem} import {service.node.name}",
    ]
    if resource is not None:
        wanted += [
            f"from impl.repositories.{resource.module} import {resource.queries}",
            "from impl.db.session import Session",
        ]
    file.write_text(edits.tidied(before, edits.with_imports(text, wanted)))
    return True


def built(tree: ast.Module) -> ast.Call:
    """The call that builds the API."""
    return next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "api.build"
    )


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
    before = file.read_text()
    exported = next(
        node
        for node in ast.parse(before).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    names = sorted({*ast.literal_eval(exported.value), resource.row})
    line = edits.formatted(f"__all__ = {names!r}\n")
    text = edits.replaced(before, exported, line.splitlines())
    text = edits.with_imports(text, [f"from impl.models.{resource.module} import {resource.row}"])
    file.write_text(edits.tidied(before, text))
    return MODELS
