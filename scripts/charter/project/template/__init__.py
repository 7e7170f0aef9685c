"""The files of a new project, made of Charter's version and a few answers.

Files that name nothing of a project's document are kept once: in Charter's own repository, where
they serve Charter, and in the wheel, into which pyproject.toml puts them (`force-include`). The
others are the Jinja templates in `files/`; a test fills them with Charter's own names and compares
the result with Charter's own files.
"""

import functools
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, Self, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined

import charter
from charter.generate.names import constant, method, pascal, snake

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[3]
"""Where an editable checkout has what a wheel has below `HERE`."""
FILES = HERE / "files"
SUFFIX = ".jinja2"
VERBATIM_IN_WHEEL = "charter/project/template/verbatim/"
EXECUTABLE = (".ci/", "scripts/")
SETTINGS = "pyproject.toml"

Name = TypeVar("Name")

Files = dict[str, bytes]
"""The content of each file, by its path in the project."""


@dataclass(frozen=True)
class Answers:
    """What was asked or chosen when the project was made; `[tool.charter.project]` keeps it."""

    name: str
    title: str
    summary: str = ""
    prefix: str = ""
    """What the accounts' paths begin with."""
    operations: Mapping[str, str] = field(default_factory=dict)
    """What those of the accounts are called that are not called as in Charter's document."""
    schemas: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    components: Mapping[str, str] = field(default_factory=dict)
    """Those that are no schemas, each with its kind: `headers/Location`."""
    scopes: Mapping[str, str] = field(default_factory=dict)
    unwritten: Mapping[str, str] = field(default_factory=dict)
    """The Protocol of each tag of the team's, by the tag's name in Python."""
    allows_anonymous: bool = False
    """Whether an operation's security has an alternative that asks for nothing."""

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Self:
        """The answers in `[tool.charter.project]`, as far as this version asks for them."""
        known = {asked.name for asked in fields(cls)}
        return cls(**{name: value for name, value in table.items() if name in known})

    def table(self) -> str:
        """The TOML of `[tool.charter.project]`; what has its default is left out."""
        usual = asdict(Answers(self.name, self.title))
        chosen = {k: v for k, v in asdict(self).items() if k in ("name", "title") or v != usual[k]}
        written = {"version": charter.__version__, **chosen}
        return "".join(f"{name} = {toml(value)}\n" for name, value in written.items())


def toml(value: str | bool | Mapping[str, str]) -> str:
    """A value of TOML; of texts, JSON's spelling is one of TOML's."""
    if isinstance(value, Mapping):
        members = (f"{toml(name)} = {toml(member)}" for name, member in value.items())
        return f"{{ {', '.join(members)} }}"
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class Operation:
    """What an operation of the accounts is called."""

    id: str

    @property
    def method(self) -> str:
        return method(self.id)

    def response(self, status: int) -> str:
        """The class of the answer with this status."""
        return f"{pascal(self.id)}{status}"


@dataclass(frozen=True)
class Tag:
    """What a tag of the accounts is called."""

    name: str

    @property
    def module(self) -> str:
        return snake(self.name)

    @property
    def protocol(self) -> str:
        return f"{pascal(self.name)}Operations"


class Called(dict[str, Name], Generic[Name]):
    """Finds what something is called: `schema.User`, `scope['users:admin']`."""

    def __init__(self, instead: Mapping[str, str], name: Callable[[str], Name]) -> None:
        super().__init__({was: name(now) for was, now in instead.items()})
        self.name = name

    def __missing__(self, was: str) -> Name:
        return self.name(was)


def render(answers: Answers) -> Files:
    """All files of the project but the document, what is generated, the wheel and the locks."""
    files = {path: source.read_bytes() for path, source in verbatim()}
    return dict(sorted((files | tidied(fill(answers))).items()))


def fill(answers: Answers, *, is_charter: bool = False) -> dict[str, str]:
    """The texts of the templates; of a file that is Charter's own, too, Charter's if asked for."""
    environment = Environment(
        loader=FileSystemLoader(FILES),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - it writes Python, YAML and Markdown
        keep_trailing_newline=True,
    )
    environment.filters["toml"] = toml
    values = {
        **asdict(answers),
        "answers": answers.table(),
        "groups": groups(),
        "is_charter": is_charter,
        "operation": Called(answers.operations, Operation),
        "schema": Called(answers.schemas, str),
        "scope": Called(answers.scopes, constant),
        "tag": Called(answers.tags, Tag),
        "version": charter.__version__,
    }
    names = sorted(environment.list_templates())
    return {
        name.removesuffix(SUFFIX): environment.get_template(name).render(values) for name in names
    }


def verbatim() -> Iterator[tuple[str, Path]]:
    """The files that are the same in every project: their paths there, and where they are read."""
    packed = HERE / "verbatim"
    root = packed if packed.exists() else REPOSITORY
    for chosen in [packed] if packed.exists() else listed():
        for path in sorted(chosen.rglob("*")) if chosen.is_dir() else [chosen]:
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(root).as_posix(), path


def listed() -> Iterator[Path]:
    """What pyproject.toml of the repository puts into the wheel for new projects."""
    settings = tomllib.loads((REPOSITORY / SETTINGS).read_text())
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for path, target in included.items():
        if target.startswith(VERBATIM_IN_WHEEL):
            yield REPOSITORY / path


def source(path: str) -> Path:
    """A file of Charter's repository that others are derived from."""
    packed = HERE / "sources" / path
    return packed if packed.exists() else REPOSITORY / path


@functools.cache
def groups() -> dict[str, list[str]]:
    """The requirements of each dependency group of Charter's own, without those it includes."""
    settings = tomllib.loads(source(SETTINGS).read_text())
    return {
        name: [requirement for requirement in group if isinstance(requirement, str)]
        for name, group in settings["dependency-groups"].items()
    }


def tidied(texts: Mapping[str, str]) -> Files:
    """With imports in order and lines of the right length, whatever the names are."""
    with TemporaryDirectory(prefix="charter-") as name:
        folder = Path(name)
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        for arguments in (["check", "--fix-only", "--select=I"], ["format"]):
            command = [sys.executable, "-m", "ruff", *arguments, "--quiet", "--no-cache", "."]
            subprocess.run(command, cwd=folder, check=True)
        return {path: (folder / path).read_bytes() for path in texts}


def write(files: Files, folder: Path) -> None:
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        if path.startswith(EXECUTABLE):
            target.chmod(0o755)
