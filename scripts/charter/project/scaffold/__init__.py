"""The work of `charter scaffold`: the first version of a service, and what it lacks later.

A file of the team's only ever gets new lines; what stands in it stays as it is, but for a function
that is still as scaffold wrote it.
"""

import contextlib
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from charter.document.commands import counted
from charter.errors import Refusal
from charter.generate.names import snake
from charter.project import Project
from charter.project.scaffold import composition, edits, services, tables
from charter.project.scaffold.resources import Column, Description, NotPlain, Reading, Resource
from charter.project.scaffold.services import Service
from charter.project.scaffold.sources import ServiceProtocol
from charter.project.scaffold.tables import Table
from charter.project.scaffold.writing import Writing, class_name
from charter.project.scaffold.writing import service as service_text

SERVICES = Path("impl") / "services"


def run(tags: Iterable[str], rename: str | None = None) -> int:
    """Write what is missing for some tags, and a migration for the new tables.

    The exit code is that of the migration, which can fail where there is no database.

    `rename` is `OLD=NEW`: a method of the service is called as its operation is called now.
    Raises Refusal for a tag that the document doesn't have, where `generated/` is older than the
    document, and for a module of the project that is missing or isn't Python.
    """
    api = Description(Project.find())
    scaffolds = [Scaffold.of(api, tag) for tag in tags]
    for file in (composition.DEPENDENCIES, composition.MODELS):  # before anything is written
        edits.parsed(api.project.root / file)
    for scaffold in scaffolds:
        scaffold.run(rename)
    if new := [scaffold.module for scaffold in scaffolds if scaffold.is_new_table]:
        # in another process, which knows the new tables
        words = f"add {' and '.join(new)}"
        migrate = [sys.executable, "-m", "charter", "migrate", "--new", words]
        code = subprocess.run(migrate, cwd=api.project.root, check=False).returncode
        if code:
            print(f'The code is written, the migration is not: `charter migrate --new "{words}"`'
                  " writes it, once nothing stands against it.")  # fmt: skip
        return code
    return 0


def check() -> int:
    """Name what each tag's service lacks; 1 where one lacks something."""
    api = Description(Project.find())
    findings = [
        f"{composition.DEPENDENCIES}: {name} is not in {module}: `charter scaffold` of its tag"
        " writes it anew."
        for name, module in composition.stale(api.project.root).items()
    ]
    findings += composition.mismatches(api.project)
    count = unchecked = 0
    for tag, module in api.names.modules.items():
        protocol = api.sources.protocol(api.names.protocols[tag])
        if protocol is not None:
            scaffold = Scaffold(api, module, protocol)
            findings += scaffold.findings()
            service = scaffold.service
            count += len(protocol.methods if service is None else service.unwritten)
            unchecked += 0 if service is None else len(scaffold.unchecked(service))
    say(findings)
    if unchecked:
        print(f"Answered by the mock in development: {counted(unchecked, 'operation')} with code,"
              f" whose credentials {composition.AUTHENTICATION} does not check yet.")  # fmt: skip
    if count:
        print(f"Answered by the mock in development: {counted(count, 'operation')} without code.")
    return 1 if findings else 0


def remind(project: Project) -> None:
    """Name, after `charter generate`, what keeps the service from starting."""
    with contextlib.suppress(Refusal):  # of modules that can't be read, `charter check` speaks
        say(composition.mismatches(project))


class Scaffold:
    """One tag's service, as it is and as it should be."""

    def __init__(self, api: Description, module: str, protocol: ServiceProtocol) -> None:
        self.api = api
        self.root = api.project.root
        self.module = module
        self.protocol = protocol
        self.reading = Reading(api, module, protocol)
        self.service = services.find(self.root, protocol)
        self.reasons: list[str] = []
        """Why something is left to the mock."""
        self.is_new_table = False

    @classmethod
    def of(cls, api: Description, tag: str) -> "Scaffold":
        names = api.names
        found = next((known for known in names.modules if tag in (known, snake(known))), None)
        if found is None:
            known = ", ".join(names.modules)
            raise Refusal(f"generated/ has no tag {tag!r}: name one of {known}, or run"
                          " `charter generate` first where the document has it.")  # fmt: skip
        protocol = api.sources.protocol(names.protocols[found])
        if protocol is None:
            raise Refusal("generated/ is older than the document: run `charter generate` first.")
        return cls(api, names.modules[found], protocol)

    @cached_property
    def writing(self) -> Writing | None:
        """The tag's resource, as it is written where all of it can be."""
        collections = self.reading.collections()
        if not collections:
            self.reasons.append(
                f"{SERVICES / self.module}.py: left to the mock as a whole: no POST at a path"
                " without parameters makes anything that a table could keep."
            )
        for collection in collections:
            try:
                resource = self.reading.resource(collection)
                if self.service is None or self.service.is_blank:
                    self.check_table(resource)
                return Writing(self.reading, resource)
            except NotPlain as reason:
                self.reasons.append(f"{collection} is left to the mock as a whole: {reason}.")
        return None

    def check_table(self, resource: Resource) -> None:
        """An existing table is used if it has every column. Raises NotPlain."""
        table = tables.find(self.root, resource.module)
        if table is not None and (table[1].name != resource.row or tables.lacking(table, resource)):
            raise NotPlain(f"there is a table {resource.module} already, with other columns")

    def run(self, rename: str | None) -> None:
        if rename is not None:
            self.rename(rename)
        elif self.service is None:
            self.begin(self.free_path())
        elif self.service.is_blank and self.writing is not None:
            self.begin(self.service.path.relative_to(self.root))
        else:
            self.complete(self.service)

    # -- a new service ----------------------------------------------------------------------------

    def free_path(self) -> Path:
        path = SERVICES / f"{self.module}.py"
        named = edits.imported(edits.parsed(self.root / composition.DEPENDENCIES))
        home = f"impl.services.{path.stem}"
        is_taken = named.get(class_name(path.stem), home) != home
        if is_taken or (self.root / path).exists():  # by the service of another tag
            path = SERVICES / f"{self.module}_api.py"
        return path

    def begin(self, path: Path) -> None:
        """Write the service, in the place of one of which nothing is written if there is one."""
        name = class_name(path.stem) if self.service is None else self.service.node.name
        written = [path]
        if (writing := self.writing) is None:
            (self.root / path).write_text(service_text(self.protocol, name))
        else:
            (self.root / path).write_text(writing.service(self.protocol, name))
            written += self.add_table(writing)
        service = services.find(self.root, self.protocol)
        assert service is not None
        resource = None if writing is None else writing.resource
        if composition.connect(self.root, service, self.module, resource):
            written.append(composition.DEPENDENCIES)
        say(f"+ {file}" for file in written)
        say(self.reasons if resource is None else resource.remarks)
        say(unwritten_words(path, service))
        say(self.unchecked_words(service))

    def add_table(self, writing: Writing) -> Iterator[Path]:
        resource = writing.resource
        self.is_new_table = tables.find(self.root, resource.module) is None
        model, repository = (
            Path("impl") / layer / f"{resource.module}.py" for layer in ("models", "repositories")
        )
        if self.is_new_table:
            (self.root / model).write_text(writing.model())
            yield model
        if not (self.root / repository).exists():
            (self.root / repository).write_text(writing.repository())
            yield repository
        if self.is_new_table:
            yield composition.export(self.root, resource)

    # -- a service that is there ------------------------------------------------------------------

    def complete(self, service: Service) -> None:
        path = service.path.relative_to(self.root)
        said = [*self.orphan_words(service)]
        renamed = {new for _, new in service.renames(self.root)}
        if missing := [method for method in service.missing if method.name not in renamed]:
            services.extend(service, missing)
            said += [f"+ {path}: {method.name}" for method in missing]
        if (lacking := self.lacking(service)) is not None:
            said += self.add_columns(service, *lacking)
        said += self.otherwise_words()
        keeps_rows = self.writing is not None and "Repository" in service.path.read_text()
        resource = self.writing.resource if self.writing is not None and keeps_rows else None
        if composition.connect(self.root, service, self.module, resource):
            said.append(f"+ {composition.DEPENDENCIES}")
        now = services.find(self.root, self.protocol)
        assert now is not None
        said += unwritten_words(path, now)
        if self.writing is not None and len(now.unwritten) == len(self.protocol.methods):
            said.append(
                f"{path} is not as scaffold wrote it, and stays: delete it, and `charter scaffold"
                f" {self.module}` writes it with a table."
            )
        said += self.unchecked_words(now)
        say(said or [f"{path} lacks nothing."])

    def lacking(self, service: Service) -> tuple[Writing, Table, list[Column]] | None:
        """The table of the service and its missing columns; None where it has all of them."""
        writing, table = self.writing, tables.find(self.root, self.module)
        if writing is None or table is None or writing.resource.row != table[1].name:
            return None
        columns = tables.lacking(table, writing.resource)
        keeps_rows = writing.resource.queries in service.path.read_text()
        return (writing, table, columns) if columns and keeps_rows else None

    def add_columns(
        self, service: Service, writing: Writing, table: Table, columns: list[Column]
    ) -> Iterator[str]:
        names = ", ".join(column.name for column in columns)
        without = frozenset(column.name for column in columns)
        tables.add(table, columns, writing)
        yield f"+ {table[0].relative_to(self.root)}: {names}, which the table lacked"
        before = Writing(self.reading, writing.resource, without)
        for piece in services.grow(service, before, writing):
            yield f"{service.path.name}: {piece} has been changed since: name {names} in it."
        yield (
            f'Next: `charter migrate --new "add {names} to {self.module}"`; it says what the rows'
            " that are there get."
        )

    def otherwise_words(self, *, untyped: bool = False) -> Iterator[str]:
        """Of columns whose type in the document is another by now; or of those that mypy misses."""
        writing, table = self.writing, tables.find(self.root, self.module)
        if writing is None or table is None or writing.resource.row != table[1].name:
            return
        for line, column, kept in tables.otherwise(table, writing.resource):
            if not untyped or (kept, column.python) in tables.UNTYPED:
                place = f"{table[0].relative_to(self.root)}:{line}"
                yield (
                    f"{place}: {column.name} is kept as {kept}, and the document has another type."
                    f" Let it be `{writing.column(column)}`, and let"
                    f" impl/services/{self.module}.py keep and show that; then `charter migrate"
                    f' --new "change {column.name}"`.'
                )

    def rename(self, wanted: str) -> None:
        old, _, new = wanted.partition("=")
        service = self.service
        if service is None or old not in service.methods or new not in self.protocol.methods:
            raise Refusal(
                f"--rename {wanted}: write OLD=NEW, a method of the service and one of the"
                f" document's operations ({', '.join(self.protocol.methods)})."
            )
        sources = self.api.sources
        known = sources.classes("schemas").keys() | sources.classes("responses").keys()
        services.rename(service, old, new, known)
        say([f"{service.path.relative_to(self.root)}: {old} is called {new}."])

    # -- what is found ----------------------------------------------------------------------------

    def findings(self) -> Iterator[str]:
        """What the document has and the service lacks."""
        if (service := self.service) is None:
            return
        yield from self.orphan_words(service)
        path = service.path.relative_to(self.root)
        for method in service.missing:
            yield f"{path}: {method.name} is missing: `charter scaffold {self.module}` adds it."
        if (lacking := self.lacking(service)) is not None:
            names = ", ".join(column.name for column in lacking[2])
            yield (
                f"{path}: the document shows {names}, which the table {self.module} lacks:"
                f" `charter scaffold {self.module}` adds it."
            )
        yield from self.otherwise_words(untyped=True)

    def unchecked(self, service: Service) -> dict[str, set[str]]:
        """The methods with code whose security schemes no code checks yet, with these schemes."""
        if composition.checks_every_scheme(self.root):
            return {}
        found = {}
        for call in self.reading.own:
            security = self.api.contract.credentials(call.operation.id)
            is_open = security.is_public or {} in security.alternatives
            if not is_open and not security.by_bearer and call.method.name not in service.unwritten:
                found[call.method.name] = {name for one in security.alternatives for name in one}
        return found

    def unchecked_words(self, service: Service) -> Iterator[str]:
        if found := self.unchecked(service):
            schemes = ", ".join(sorted(set().union(*found.values())))
            yield (
                f"{composition.AUTHENTICATION} does not check {schemes} yet: until it does, or the"
                f" document also allows a bearer token, the mock answers {', '.join(found)}."
            )

    def orphan_words(self, service: Service) -> Iterator[str]:
        renames = dict(service.renames(self.root))
        for name in service.orphans(self.root):
            place = f"{service.path.relative_to(self.root)}:{service.methods[name].lineno}"
            line = f"{place}: {name} implements no operation of the document, and nothing calls it"
            if name in renames:
                rename = f"{name}={renames[name]}"
                yield f"{line}. If {renames[name]} is what it is called now: `charter scaffold"\
                    f" {self.module} --rename {rename}`; else delete it."  # fmt: skip
            else:
                yield f"{line}: delete it, or begin its name with an underscore."


def unwritten_words(path: Path, service: Service) -> list[str]:
    names = service.unwritten
    return [f"{path}: unwritten, answered by the mock: {', '.join(names)}."] if names else []


def say(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)
