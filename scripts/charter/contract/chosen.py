"""Which operations a run is about: all, those that are named, or those that have changed."""

import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from charter.contract.api import Api
from charter.document.revisions import at_revision
from charter.errors import Misconfigured
from charter.generate.names import Names
from charter.project import Project
from charter.runtime import Contract, Operation
from charter.runtime.references import place_of, references

CODE = ("impl", "alembic/versions")
"""Where a project's code is. A module called as a tag is about the operations of that tag, every
other one about all."""


def chosen(
    api: Api,
    project: Project,
    *,
    operations: Collection[str] = (),
    tags: Collection[str] = (),
    since: str | None = None,
) -> list[Operation]:
    """Those that fit every choice; a tag may be named as its module, too.

    Raises Misconfigured for a name that is not there.
    """
    for name in operations:
        if name not in api.contract.operations:
            raise Misconfigured(f"--operation {name}: the document has no such operation;"
                                " `charter show` lists them.")  # fmt: skip
    modules = Names.of(api.contract.judge.document).modules
    named = {tag for tag, module in modules.items() if {tag, module} & set(tags)}
    for name in tags:
        if name not in named | {modules[tag] for tag in named}:
            raise Misconfigured(f"--tag {name}: the document has no such tag; it has"
                                f" {', '.join(modules)}.")  # fmt: skip
    found = [one for one in api.operations if not operations or one.id in operations]
    found = [one for one in found if not tags or named & set(one.tags)]
    if since is not None:
        changed = set(changed_operations(api, project, since))
        found = [one for one in found if one.id in changed]
    return found


def changed_operations(api: Api, project: Project, revision: str) -> Iterator[str]:
    """The ids of those whose part of the document, or whose code, has changed since a revision.

    Raises Misconfigured where git doesn't know it.
    """
    document = at_revision(project.generated / "openapi.json", revision)
    older = Contract(document.content, check_rate=0)
    stems = set(changed_modules(project.root, revision))
    modules = Names.of(api.contract.judge.document).modules
    is_all = bool(stems - set(modules.values()))
    for one in api.operations:
        is_code = is_all or bool(stems & {modules[tag] for tag in one.tags})
        before = older.operations.get(one.id)
        if is_code or before is None or said(older, before) != said(api.contract, one):
            yield one.id


def changed_modules(root: Path, revision: str) -> Iterator[str]:
    """The names of modules that differ from a revision's, and of those that it doesn't have."""
    commands = (
        ("diff", "--name-only", "--relative", revision, "--", *CODE),
        ("ls-files", "--others", "--exclude-standard", "--", *CODE),
    )
    for command in commands:
        done = subprocess.run(
            ["git", *command], cwd=root, capture_output=True, text=True, check=False
        )
        if done.returncode:
            reason = done.stderr.strip().splitlines()[0]
            raise Misconfigured(f"git can't tell what has changed since {revision}: {reason}.")
        yield from (Path(line).stem for line in done.stdout.splitlines())


def said(contract: Contract, operation: Operation) -> dict[str, Any]:
    """Everything that a document says of an operation, by where it says so."""
    found: dict[str, Any] = {}
    waiting = [operation.place]
    while waiting:
        place = waiting.pop()
        if place not in found:
            found[place] = contract.judge.at(place)
            waiting += map(place_of, references(found[place]))
    schemes = contract.judge.document.get("components", {}).get("securitySchemes", {})
    named = {name for alternative in operation.security for name in alternative}
    return found | {"security": {name: schemes.get(name) for name in named}}
