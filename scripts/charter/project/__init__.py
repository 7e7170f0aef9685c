"""A project: the folder that holds a document, what is generated from it, and a team's code.

Verbs find it by `[tool.charter]` in its pyproject.toml, whose members all have a default.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charter.errors import Misconfigured

SETTINGS = "pyproject.toml"


class NoProject(Misconfigured):
    """There is no project in the current folder or above it."""


@dataclass(frozen=True)
class Project:
    """Where things are in a project, and what its programs are called."""

    root: Path
    document: Path
    generated: Path
    application: str
    """The factory of the ASGI application, `module:function`."""
    programs: str
    """The module that `python -m` runs for operators: `serve`, `create-admin`."""
    overlays: tuple[Path, ...]
    """Applied to the document in this order, whatever is made of it."""
    table: dict[str, Any]
    """The whole of `[tool.charter]`."""

    @property
    def pin(self) -> str | None:
        """The version of Charter that the project is made with; None where none is recorded."""
        recorded = self.table.get("project")
        version = recorded.get("version") if isinstance(recorded, dict) else None
        return version if isinstance(version, str) else None

    @classmethod
    def find(cls, start: Path | None = None) -> "Project":
        """The project around a folder.

        Raises NoProject, and Misconfigured where a pyproject.toml on the way can't be read.
        """
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            table = charter_table(folder / SETTINGS)
            if table is not None:
                return cls.at(folder, table)
        raise NoProject(
            f"There is no project in {here} or above it: `charter init DOCUMENT FOLDER` makes one,"
            " and `charter mock`, `charter lint` and `charter diff` work without."
        )

    @classmethod
    def at(cls, root: Path, table: dict[str, Any]) -> "Project":
        return cls(
            root=root,
            document=root / str(table.get("document", "openapi/openapi.yaml")),
            generated=root / str(table.get("generated", "generated")),
            application=str(table.get("application", "impl.app:create_app")),
            programs=str(table.get("programs", "impl")),
            overlays=tuple(root / name for name in overlay_names(table)),
            table=table,
        )


def charter_table(file: Path) -> dict[str, Any] | None:
    """`[tool.charter]` of a pyproject.toml; None where there is none. Raises Misconfigured."""
    try:
        content = tomllib.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file} can't be read: {error}.") from error
    table = content.get("tool", {}).get("charter")
    if table is not None and not isinstance(table, dict):
        raise Misconfigured(f"{file}: tool.charter is not a table.")
    return table


def overlay_names(table: dict[str, Any]) -> list[str]:
    names = table.get("overlays", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Misconfigured(
            f"tool.charter.overlays = {names!r} is no list of files: write"
            ' overlays = ["openapi/public.overlay.yaml"].'
        )
    return names


def lint_table() -> Any:
    """`[tool.charter.lint]` around here, whether or not the document is the project's."""
    try:
        return Project.find().table.get("lint", {})
    except NoProject:
        return {}
