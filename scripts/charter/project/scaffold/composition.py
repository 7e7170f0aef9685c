"""Where classes meet their Protocols: `impl/dependencies.py` and the list of models."""

import ast
from collections.abc import Iterator
from pathlib import Path

from charter.errors import Refusal
from charter.project import Project
from charter.project.scaffold import edits
from charter.project.scaffold.resources import Resource
from charter.project.scaffold.services import Service

DEPENDENCIES = Path("impl") / "dependencies.py"
MODELS = Path("impl") / "models" / "__init__.py"
AUTHENTICATION = Path("impl") / "authentication.py"
BY_HAND = frozenset({"contract", "authenticate", "identify"})
"""What `api.build` takes beside one service for each tag."""


def stale(root: Path) -> dict[str, str]:
    """The names that dependencies.py imports from services and that are missing there."""
    return {
        name: module
        for name, module in edits.imported(edits.parsed(root / DEPENDENCIES)).items()
        if module.startswith("impl.services.")
        and name not in bound(root / f"{module.replace('.', '/')}.py")
    }


def checks_every_scheme(root: Path) -> bool:
    """Whether impl/authentication.py checks keys, passwords and certificates, too."""
    file = root / AUTHENTICATION
    nodes = ast.walk(edits.parsed(file)) if file.exists() else ()
    return not any(
        isinstance(node, ast.Raise) and ast.unparse(node) == "raise NotImplementedError"
        for node in nodes
    )


def mismatches(project: Project) -> Iterator[str]:
    """Why the service does not start: what `api.build` takes is not what it is given.

    A new tag is a new argument, and a tag that is gone is one argument less.
    """
    call = built(edits.parsed(project.root / DEPENDENCIES))
    if call is None:
        return
    taken = arguments(edits.parsed(project.generated / "api.py"))
    given = {str(keyword.arg): keyword.value.lineno for keyword in call.keywords}
    for name in taken:
        if name not in given:
            remedy = "pass it" if name in BY_HAND else f"`charter scaffold {name}` adds it"
            yield f"{DEPENDENCIES}:{call.lineno}: the service does not start, because `api.build`"\
                f" also takes `{name}` now: {remedy}."  # fmt: skip
    for name, line in given.items():
        if name not in taken:
            yield f"{DEPENDENCIES}:{line}: the service does not start, because `api.build` takes"\
                f" no `{name}` any more: delete this argument."  # fmt: skip


def arguments(tree: ast.Module) -> list[str]:
    """The names that `build` in generated/api.py takes."""
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    build = next(function for function in functions if function.name == "build")
    return [argument.arg for argument in build.args.kwonlyargs]


def bound(file: Path) -> set[str]:
    """The names that a module defines or imports."""
    tree = edits.parsed(file) if file.exists() else ast.parse("")
    named = {getattr(node, "name", "") for node in tree.body} | edits.imported(tree).keys()
    return named | {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def connect(root: Path, service: Service, module: str, resource: Resource | None) -> bool:
    """Name the class where the API is built; whether the file had to change.

    A provider that is there stays, unless it builds a class that is not, or is as it was written
    for a service without rows that has some now.
    """
    file = root / DEPENDENCIES
    tree = edits.parsed(file)
    before = file.read_text()
    call = built(tree)
    if call is None:
        raise Refusal(
            f"{DEPENDENCIES} does not call `api.build`: write that call, or name"
            f" {service.node.name} by hand where the API is built."
        )
    keyword = next((one for one in call.keywords if one.arg == module), None)
    providers = {node.name: node for node in tree.body if isinstance(node, ast.AsyncFunctionDef)}
    provider = providers.get(ast.unparse(keyword.value)) if keyword is not None else None
    if provider is not None:
        used = {node.id for node in ast.walk(provider) if isinstance(node, ast.Name)}
        written = edits.source(before, provider).splitlines()
        lacks_rows = resource is not None and written == provided(provider.name, service, None)
        if not lacks_rows and not stale(root).keys() & used:
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
        f"from generated.operations import {service.protocol.name}",
        f"from impl.services.{service.path.stem} import {service.node.name}",
    ]
    if resource is not None:
        wanted += [
            f"from impl.repositories.{resource.module} import {resource.queries}",
            "from impl.db.session import Session",
        ]
    file.write_text(edits.tidied(before, edits.with_imports(text, wanted)))
    return True


def built(tree: ast.Module) -> ast.Call | None:
    """The call that builds the API."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return next((call for call in calls if ast.unparse(call.func) == "api.build"), None)


def provided(provider: str, service: Service, resource: Resource | None) -> list[str]:
    session = "session: Session" if resource is not None else ""
    argument = f"{resource.queries}(session)" if resource is not None else ""
    text = f"""async def {provider}({session}) -> {service.protocol.name}:
    return {service.node.name}({argument})
"""
    return edits.formatted(text).splitlines()


def export(root: Path, resource: Resource) -> Path:
    """Alembic knows the tables that are imported with the models."""
    file = root / MODELS
    tree = edits.parsed(file)
    before = file.read_text()
    exported = next(
        node
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    names = sorted({*ast.literal_eval(exported.value), resource.row})
    line = edits.formatted(f"__all__ = {names!r}\n")
    text = edits.replaced(before, exported, line.splitlines())
    text = edits.with_imports(text, [f"from impl.models.{resource.module} import {resource.row}"])
    file.write_text(edits.tidied(before, text))
    return MODELS
