"""The work of `charter scaffold`: the first version of a service, and what it lacks later.

A file of the team's only ever gets new lines; what stands in it stays as it is.
"""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from charter.errors import Refusal
from charter.generate.names import Names, snake
from charter.project import Project
from charter.project.scaffold import composition, edits, services, tables
from charter.project.scaffold.resources import Column, NotPlain, Reading
from charter.project.scaffold.services import Service
from charter.project.scaffold.sources import Promises, Sources
from charter.project.scaffold.writing import Writing, class_name, unwritten
from charter.runtime import Contract

SERVICES = Path("impl") / "services"


def run(tag: str, rename: str | None = None) -> int:
    """Write what is missing for a tag; the exit code is 0.

    `rename` is `OLD=NEW`: a method of the service is called as its operation is called now.
    Raises Refusal for a tag that the document doesn't have, and where `generated/` is older than
    the document.
    """
    project = Project.find()
    names = Names.of(Contract.load(project.generated / "openapi.json").judge.document)
    found = next((known for known in names.modules if tag in (known, snake(known))), None)
    if found is None:
        raise Refusal(f"The document has no tag {tag!r}, but {', '.join(names.modules)}.")
    promises = Sources(project.generated).promises(names.protocols[found])
    if promises is None:
        raise Refusal("generated/ is older than the document: run `charter generate` first.")
    Scaffold(project, names.modules[found], promises).run(rename)
    return 0


class Scaffold:
    """One tag's service, as it is and as it should be."""

    def __init__(self, project: Project, module: str, promises: Promises) -> None:
        self.project = project
        self.root = project.root
        self.module = module
        self.promises = promises
        self.reading = Reading(project, module, promises)

    def run(self, rename: str | None) -> None:
        service = services.find(self.root / SERVICES, self.promises)
        if rename is not None:
            self.rename(service, rename)
        elif service is None:
            self.begin()
        else:
            self.mend(service)

    # -- a new service ----------------------------------------------------------------------------

    def begin(self) -> None:
        path = SERVICES / f"{self.module}.py"
        if (self.root / path).exists():  # the service of another tag
            path = SERVICES / f"{self.module}_api.py"
        name = class_name(path.stem)
        writing, reasons = self.writing()
        texts: dict[Path, str] = {}
        is_new_table = False
        if writing is not None:
            try:
                texts[path] = writing.service(self.promises, name)
                is_new_table = self.add_tables(writing, texts)
            except NotPlain as reason:
                collection = writing.resource.collection
                reasons.append(f"{collection} is left to the mock as a whole: {reason}.")
                writing = None
                texts.clear()
        if writing is None:
            texts[path] = unwritten(self.promises, name)
        for file, text in texts.items():
            (self.root / file).write_text(edits.formatted(text, fixed=True))
        resource = writing.resource if writing is not None else None
        written = list(texts)
        if resource is not None and is_new_table:
            written.append(composition.export(self.root, resource))
        service = services.find(self.root / SERVICES, self.promises)
        assert service is not None
        if composition.connect(self.root, service, self.module, resource):
            written.append(composition.DEPENDENCIES)
        say(f"+ {file}" for file in written)
        say(reasons if resource is None else resource.remarks)
        say(unwritten_words(path, service))
        if is_new_table:
            self.migrate()

    def writing(self) -> tuple[Writing | None, list[str]]:
        resource, reasons = self.reading.resource()
        return (None if resource is None else Writing(self.reading, resource)), reasons

    def add_tables(self, writing: Writing, texts: dict[Path, str]) -> bool:
        """Whether the table is new. One that is there is taken, if it has every column."""
        resource = writing.resource
        there = tables.find(self.root, resource.module)
        repository = Path("impl") / "repositories" / f"{resource.module}.py"
        if there is not None:
            lacks = [column.name for column in tables.lacking(there[1], resource)]
            if lacks or there[1].name != resource.row:
                raise NotPlain(f"there is a table {resource.module} already, with other columns")
        else:
            texts[Path("impl") / "models" / f"{resource.module}.py"] = writing.model()
        if not (self.root / repository).exists():
            texts[repository] = writing.repository()
        return there is None

    def migrate(self) -> None:
        """In another process, which knows the new table."""
        charter = [sys.executable, "-m", "charter"]
        command = [*charter, "migrate", "--new", f"add {self.module}"]
        subprocess.run(command, cwd=self.root, check=True)

    # -- a service that is there ------------------------------------------------------------------

    def mend(self, service: Service) -> None:
        path = service.path.relative_to(self.root)
        renames = list(service.renames(self.root))
        expected = {new for _, new in renames}
        said = [*self.orphan_words(service)]
        if any(method.name not in expected for method in service.missing) or (
            service.missing and not renames
        ):
            kept = Service(service.path, self.without(expected), service.node)
            services.extend(kept)
            said += [f"+ {path}: {method.name}" for method in kept.missing]
        said += self.mend_columns(service)
        writing, _ = self.writing()
        uses_rows = writing is not None and "Repository" in service.path.read_text()
        resource = writing.resource if writing is not None and uses_rows else None
        if composition.connect(self.root, service, self.module, resource):
            said.append(f"+ {composition.DEPENDENCIES}")
        now = services.find(self.root / SERVICES, self.promises)
        assert now is not None
        said += unwritten_words(path, now)
        say(said or [f"{path} lacks nothing."])

    def without(self, names: set[str]) -> Promises:
        kept = {n: m for n, m in self.promises.methods.items() if n not in names}
        return Promises(self.promises.name, self.promises.docstring, kept, self.promises.imports)

    def mend_columns(self, service: Service) -> Iterator[str]:
        found = self.lacking(service)
        if found is None:
            return
        path, node, columns, writing = found
        names = ", ".join(column.name for column in columns)
        tables.add(path, node, columns, writing)
        yield f"+ {path.relative_to(self.root)}: {names}, which the table had not"
        yield from tables.use(service.path, columns, writing)
        yield f'Next: `charter migrate --new "add {names} to {self.module}"`, and give the rows'\
            " that are there a value in it."  # fmt: skip

    def lacking(self, service: Service) -> "Lacking | None":
        """The table of the service, where the document shows more than it has."""
        writing, _ = self.writing()
        there = tables.find(self.root, self.module)
        if writing is None or there is None or writing.resource.row != there[1].name:
            return None
        if f"{writing.resource.queries}" not in service.path.read_text():
            return None
        try:
            writing.service(self.promises, service.node.name)
        except NotPlain:
            return None
        columns = tables.lacking(there[1], writing.resource)
        return (*there, columns, writing) if columns else None

    def rename(self, service: Service | None, wanted: str) -> None:
        old, _, new = wanted.partition("=")
        if service is None or old not in service.methods or new not in self.promises.methods:
            raise Refusal(
                f"--rename {wanted}: write OLD=NEW, a method of the service and one that the"
                f" document promises ({', '.join(self.promises.methods)})."
            )
        services.rename(service, old, new)
        path = service.path.relative_to(self.root)
        say([f"{path}: {old} is called {new}."])

    def orphan_words(self, service: Service) -> Iterator[str]:
        renames = dict(service.renames(self.root))
        tag = self.module
        for name in service.orphans(self.root):
            place = f"{service.path.relative_to(self.root)}:{service.methods[name].lineno}"
            line = f"{place}: {name} keeps no operation of the document, and nothing calls it"
            if name in renames:
                rename = f"{name}={renames[name]}"
                yield f"{line}. If {renames[name]} is what it is called now: `charter scaffold"\
                    f" {tag} --rename {rename}`; else delete it."  # fmt: skip
            else:
                yield f"{line}: delete it, or begin its name with an underscore."

    def findings(self) -> Iterator[str]:
        """What keeps the service from doing what the document promises, without a word."""
        service = services.find(self.root / SERVICES, self.promises)
        if service is None:
            return
        yield from self.orphan_words(service)
        path = service.path.relative_to(self.root)
        for method in service.missing:
            yield f"{path}: {method.name} is missing: `charter scaffold {self.module}` adds it."
        found = self.lacking(service)
        if found is not None:
            names = ", ".join(column.name for column in found[2])
            yield (
                f"{path}: the document shows {names}, which the table {self.module} has not:"
                f" `charter scaffold {self.module}` adds it."
            )


Lacking = tuple[Path, ast.ClassDef, list[Column], Writing]


def check() -> int:
    """Say what the services lack, of every tag; 1 where something does."""
    project = Project.find()
    contract = Contract.load(project.generated / "openapi.json")
    names = Names.of(contract.judge.document)
    sources = Sources(project.generated)
    findings = [
        f"{composition.DEPENDENCIES}: {name} is not in {module}: `charter scaffold` of its tag"
        " writes it anew."
        for name, module in composition.stale(project.root).items()
    ]
    count = 0
    for tag, module in names.modules.items():
        promises = sources.promises(names.protocols[tag])
        if promises is not None:
            scaffold = Scaffold(project, module, promises)
            findings += scaffold.findings()
            service = services.find(project.root / SERVICES, promises)
            count += len(promises.methods if service is None else service.unwritten)
    say(findings)
    if count:
        print(f"{count} operations are unwritten: the mock answers them in development.")
    return 1 if findings else 0


def unwritten_words(path: Path, service: Service) -> list[str]:
    names = service.unwritten
    return [f"{path}: unwritten, answered by the mock: {', '.join(names)}."] if names else []


def say(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)
