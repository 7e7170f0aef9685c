"""The services that are there: which Protocol each implements, what it lacks and has left over."""

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from charter.generate.names import pascal
from charter.project.scaffold import edits, writing
from charter.project.scaffold.sources import Method, ServiceProtocol
from charter.project.scaffold.writing import Writing


@dataclass(frozen=True)
class Service:
    """The class that implements a Protocol."""

    path: Path
    protocol: ServiceProtocol
    node: ast.ClassDef

    @property
    def methods(self) -> dict[str, Method]:
        return {node.name: node for node in self.node.body if isinstance(node, Method)}

    @property
    def missing(self) -> list[Method]:
        return [one for name, one in self.protocol.methods.items() if name not in self.methods]

    @property
    def unwritten(self) -> list[str]:
        """The operations whose methods end with NotImplementedError."""
        raising = "raise NotImplementedError"
        return [
            name
            for name, node in self.methods.items()
            if name in self.protocol.methods and ast.unparse(node.body[-1]).startswith(raising)
        ]

    @property
    def is_blank(self) -> bool:
        """Whether its module is, to the letter, one that scaffold wrote without a resource.

        Its methods may be those of an older document.
        """
        text = self.path.read_text()
        imports = edits.imported(ast.parse(text))
        protocol = replace(self.protocol, methods=self.methods, imports=imports)
        return text == writing.service(protocol, self.node.name)

    def orphans(self, project: Path) -> list[str]:
        """Public methods that implement no operation and that no code of the project calls."""
        candidates = [
            name
            for name in self.methods
            if name not in self.protocol.methods and not name.startswith("_")
        ]
        sources = [path.read_text() for path in sorted((project / "impl").rglob("*.py"))]
        return [
            name for name in candidates if not any(re.search(rf"\.{name}\b", s) for s in sources)
        ]

    def renames(self, project: Path) -> Iterator[tuple[str, str]]:
        """Each orphan with the one missing method that has its signature."""
        missing = {one.name: one for one in self.missing}
        for name in self.orphans(project):
            shape = signature(self.methods[name])
            alike = [new for new, method in missing.items() if signature(method) == shape]
            if len(alike) == 1:
                missing.pop(alike[0])
                yield name, alike[0]


def signature(method: Method) -> tuple[str, ...]:
    """The arguments; the type of the answer often has the name of the operation."""
    return tuple(ast.unparse(method.args).replace("schemas.", "").split(", "))


def find(root: Path, protocol: ServiceProtocol) -> Service | None:
    """The service that implements a Protocol."""
    for path in sorted((root / "impl" / "services").glob("*.py")):
        for node in edits.parsed(path).body:
            bases = map(ast.unparse, node.bases) if isinstance(node, ast.ClassDef) else ()
            if protocol.name in (base.rpartition(".")[2] for base in bases):
                assert isinstance(node, ast.ClassDef)
                return Service(path, protocol, node)
    return None


def extend(service: Service, methods: list[Method]) -> None:
    """Add methods behind the last one of the class, and what they import."""
    before = service.path.read_text()
    body = "\n".join(
        f"\n    {service.protocol.signature(method)}\n        raise NotImplementedError"
        for method in methods
    )
    lines = edits.formatted(f"class _:\n{body}\n").splitlines()[1:]
    text = edits.inserted(before, int(service.node.end_lineno or 0), ["", *lines])
    text = edits.with_imports(text, service.protocol.import_lines(methods))
    service.path.write_text(edits.tidied(before, text))


def grow(service: Service, old: Writing, new: Writing) -> list[str]:
    """Replace the functions that are still as scaffold wrote them; the names of the others."""
    name = service.node.name
    then, now = (one.service(service.protocol, name) for one in (old, new))
    was, there = pieces(then), pieces(before := service.path.read_text())
    text, changed = before, []
    for key, piece in pieces(now).items():
        if key not in was:
            lines = ["", "", *piece.splitlines()]
            text = edits.inserted(text, int(service.node.end_lineno or 0), lines)
    for key, piece in pieces(now).items():
        if key in was and piece != was[key]:
            if there.get(key) == was[key]:
                text = text.replace(was[key], piece, 1)
            else:
                changed.append(key)
    imports = (f"from {module} import {name}"
               for name, module in edits.imported(ast.parse(now)).items())  # fmt: skip
    known = edits.imported(ast.parse(then))
    text = edits.with_imports(text, (line for line in imports if line.split()[-1] not in known))
    service.path.write_text(edits.tidied(before, text))
    return changed


def pieces(text: str) -> dict[str, str]:
    """The source of each function, method and value of a module, by its name."""
    found: dict[str, str] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef):
            found[node.name] = edits.source(text, node)
        elif isinstance(node, ast.AnnAssign) and node.col_offset == 0:
            found[ast.unparse(node.target)] = edits.source(text, node)
    return found


def rename(service: Service, old: str, new: str, generated: Collection[str]) -> None:
    """Give a method the present name of its operation, and its classes their present names.

    `generated` are the classes of `generated/`, many of which are called as their operation.
    """
    before = service.path.read_text()
    rows = before.splitlines(keepends=True)
    row = service.methods[old].lineno - 1
    rows[row] = re.sub(rf"\b{old}\b", new, rows[row], count=1)

    def present(name: re.Match[str]) -> str:
        renamed = pascal(new) + name[1]
        return renamed if name[0] not in generated and renamed in generated else name[0]

    text = re.sub(rf"\b{pascal(old)}(\w*)", present, "".join(rows))
    service.path.write_text(edits.tidied(before, text))
