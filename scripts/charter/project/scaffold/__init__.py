"""The work of `charter scaffold TAG`: the first version of a service, written once."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from charter.document import Document
from charter.errors import Refusal
from charter.generate.names import Names, snake
from charter.project import Project
from charter.project.scaffold import composition, services, tables
from charter.project.scaffold.promises import Promises
from charter.project.scaffold.resources import Resource, resource_of
from charter.project.scaffold.rules import Rules
from charter.runtime.normal import normal

SERVICES = Path("impl/services")


def run(tag: str) -> int:
    """Write what is missing for a tag; the exit code is 0.

    Raises Refusal for a tag that the document doesn't have, and where `generated/` is older than
    the document.
    """
    project = Project.find()
    document = normal(Document(project.document).content)
    names = Names.of(document)
    found = next((known for known in names.modules if tag in (known, snake(known))), None)
    if found is None:
        raise Refusal(f"The document has no tag {tag!r}, but {', '.join(names.modules)}.")
    promises = Promises.read(project.generated, names.protocols[found])
    if promises is None:
        raise Refusal("generated/ is older than the document: run `charter generate` first.")
    module = names.modules[found]
    service = services.find(SERVICES, promises.name)
    if service is not None:
        added = services.extend(service, promises)
        report([service] if added else [], f"{relative(service)} lacks nothing.")
        tidy([service])
        composition.connect(service, promises.name, module)
        return 0
    resource = resource_of(module, promises, names)
    rules = Rules(resource) if resource is not None else None
    service = services.write(SERVICES, module, promises, rules)
    written = [service]
    if resource is not None:
        written += write_resource(resource)
    written += composition.connect(service, promises.name, module, resource)
    tidy(written)
    report(written, "")
    if resource is not None:
        migrate(resource)
    return 0


def write_resource(resource: Resource) -> list[Path]:
    model = Path("impl") / "models" / f"{resource.module}.py"
    repository = Path("impl") / "repositories" / f"{resource.module}.py"
    model.write_text(tables.model(resource))
    repository.write_text(tables.repository(resource))
    return [model, repository, composition.export(resource)]


def migrate(resource: Resource) -> None:
    """In another process, which knows the new table."""
    charter = [sys.executable, "-m", "charter"]
    subprocess.run([*charter, "migrate", "--new", f"add {resource.module}"], check=True)


def tidy(paths: Iterable[Path]) -> None:
    ruff = [sys.executable, "-m", "ruff"]
    files = [str(path) for path in dict.fromkeys(paths)]
    for arguments in (
        ["check", "--quiet", "--fix-only", "--select", "I,F401"],
        ["format", "--quiet"],
    ):
        subprocess.run([*ruff, *arguments, *files], check=True)


def report(written: Iterable[Path], otherwise: str) -> None:
    lines = [f"+ {relative(path)}" for path in dict.fromkeys(written)] or [otherwise]
    print("\n".join(lines))


def relative(path: Path) -> Path:
    return path
