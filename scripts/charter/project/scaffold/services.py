"""The services that are there: who keeps which Protocol, and what is missing or left over."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from charter.project.scaffold import edits
from charter.project.scaffold.sources import Method, Promises
from charter.project.scaffold.writing import written


@dataclass(frozen=True)
class Service:
    """The class that keeps a Protocol."""

    path: Path
    promises: Promises
    node: ast.ClassDef

    @property
    def methods(self) -> dict[str, Method]:
        return {node.name: node for node in self.node.body if isinstance(node, Method)}

    @property
    def missing(self) -> list[Method]:
        return [one for name, one in self.promises.methods.items() if name not in self.methods]

    @property
    def unwritten(self) -> list[str]:
        """The operations' methods that say of themselves that nobody has written them."""
        raising = "raise NotImplementedError"
        return [
            name
            for name, node in self.methods.items()
            if name in self.promises.methods and ast.unparse(node.body[-1]).startswith(raising)
        ]

    def orphans(self, project: Path) -> list[str]:
        """Public methods that keep no promise and that no code of the project calls."""
        candidates = [
            name
            for name in self.methods
            if name not in self.promises.methods and not name.startswith("_")
        ]
        sources = [path.read_text() for path in sorted((project / "impl").rglob("*.py"))]
        return [
            name for name in candidates if not any(re.search(rf"\.{name}\b", s) for s in sources)
        ]

    def renames(self, project: Path) -> Iterator[tuple[str, str]]:
        """Each orphan with the promise of its signature that nobody keeps."""
        missing = {one.name: one for one in self.missing}
        for name in self.orphans(project):
            shape = signature(self.methods[name])
            alike = [new for new, method in missing.items() if signature(method) == shape]
            if len(alike) == 1:
                missing.pop(alike[0])
                yield name, alike[0]


def signature(method: Method) -> tuple[str, ...]:
    """The arguments; what an operation answers is often called after it."""
    return tuple(ast.unparse(method.args).replace("schemas.", "").split(", "))


def find(folder: Path, promises: Promises) -> Service | None:
    """The service that keeps a Protocol."""
    for path in sorted(folder.glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and promises.name in map(last_name, node.bases):
                return Service(path, promises, node)
    return None


def last_name(base: ast.expr) -> str:
    return ast.unparse(base).rpartition(".")[2]


def extend(service: Service) -> None:
    """Add the methods that the class lacks behind its last one, and what they import."""
    text = service.path.read_text()
    lines: list[str] = []
    for method in service.missing:
        lines += ["", *written(service.promises, method)]
    text = edits.inserted(text, int(service.node.end_lineno or 0), ["", *edits.members(lines)])
    service.path.write_text(
        edits.with_imports(text, service.promises.import_lines(service.missing))
    )


def rename(service: Service, old: str, new: str) -> None:
    """Call a method as its operation is called now."""
    rows = service.path.read_text().splitlines(keepends=True)
    row = service.methods[old].lineno - 1
    rows[row] = re.sub(rf"\b{old}\b", new, rows[row], count=1)
    service.path.write_text("".join(rows))
