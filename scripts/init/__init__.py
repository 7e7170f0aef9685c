"""The work of `charter init`: a project of this layout around a document that is there already."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scripts.codegen import command
from scripts.codegen.checks import check
from scripts.codegen.document import Document, DocumentError
from scripts.codegen.names import Names
from scripts.codegen.runtime.normal import normal
from scripts.environment import ROOT
from scripts.errors import Refusal
from scripts.init.accounts import SECTIONS, Accounts, accounts, all_operations
from scripts.init.documents import joined
from scripts.init.pruning import pruned
from scripts.openapi.rules import lint

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701 - it writes Python and Markdown
    keep_trailing_newline=True,
)

COPIED = (
    ".dockerignore", ".env.example", ".gitignore", "Dockerfile", "alembic", "docker-compose.yml",
    "impl", "pyproject.toml", "requirements", "scripts",
    "tests/__init__.py", "tests/api", "tests/command_line.py", "tests/conftest.py", "tests/core",
    "tests/db", "tests/forgery.py", "tests/mock/__init__.py", "tests/mock/requests.py",
    "tests/people.py", "tests/promises.py", "tests/services",
)  # fmt: skip
LEFT = (
    "impl/models/items.py", "impl/repositories/items.py", "impl/services/items.py",
    "scripts/bench", "scripts/containers.py", "scripts/defects.py", "scripts/fuzz.py",
    "scripts/gate.py", "scripts/init", "scripts/seed.py", "tests/api/test_http.py",
    "tests/api/test_items.py", "tests/core/test_wycheproof.py", "tests/db/test_pages.py",
)  # fmt: skip
"""What stays behind: the sample resource, and what proves Charter itself."""
PRUNED = (
    "alembic/versions/", "impl/dependencies.py", "impl/models/__init__.py", "tests/api/",
    "tests/core/", "tests/db/", "tests/people.py", "tests/services/",
)  # fmt: skip
LINT = '    Check("document", (program("charter"), "openapi", "lint"), "see above"),\n'
OURS = ("alembic", "impl", "scripts", "tests")
VERBS = re.compile(r"^def (bench|fuzz|init|seed)\(", re.MULTILINE)
SAMPLE = re.compile(r"(?<!\.)\bitems?\b|\bItems?(?=[A-Z]|\b)|_items?(_|\b)|\bitems?_")


def run(document: Path, folder: Path | None, here: Path) -> int:
    """The exit code: 0 when the project is there, 1 when the document is at fault.

    Raises Refusal where the folder is in use.
    """
    try:
        theirs = Document(document)
        check(theirs)
    except DocumentError as error:
        print(f"charter: {error}", file=sys.stderr)
        return 1
    target = folder or here / slug(theirs.content["info"]["title"])
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Refusal(f"{target} is in use: name a folder that is empty or not there yet.")
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        build(theirs, made, slug(target.name))
        made.chmod(0o755)
        if target.exists():
            target.rmdir()
        made.rename(target)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    print(NEXT.format(folder=target))
    return 0


NEXT = """
The project is in {folder}. There,

  ./scripts/serve             serves every operation, those that are not written as a mock
  ./scripts/test              runs its tests
  charter scaffold TAG        begins to write a tag (after `. .venv/bin/activate`)

and README.md says the rest."""


def slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "service"


def build(theirs: Document, folder: Path, name: str) -> None:
    ours = Document(command.DOCUMENT).content
    part = accounts(ours, theirs.content)
    say("the document")
    for path, text in joined(theirs, part.part).items():
        write(folder / "openapi" / path, text)
    say("the code of this project")
    for source in copied():
        copy(source, folder / source.relative_to(ROOT), part)
    replace(folder / "pyproject.toml", 'name = "charter"', f'name = "{name}"')
    document = normal(Document(folder / "openapi" / "openapi.yaml").content)
    say("the models and routes")
    run_in(folder, "-m", "scripts.codegen")
    write_our_own(folder, document, theirs, part)
    if lint(theirs):
        replace(folder / "scripts" / "checks.py", LINT, "")
        say("no check of the document's style: `charter openapi lint` lists what it would find")
    tidy(folder)


def say(step: str) -> None:
    print(f"Writing {step} ...", flush=True)


# -- the code that is copied ----------------------------------------------------------------------


def copied() -> Iterator[Path]:
    for name in COPIED:
        root = ROOT / name
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            relative = path.relative_to(ROOT)
            is_left = any(relative.is_relative_to(left) for left in LEFT)
            if path.is_file() and not is_left and "__pycache__" not in path.parts:
                yield path


def copy(source: Path, target: Path, part: Accounts) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    if not speaks_of_paths(source) or "codegen" in source.parts:
        return
    text = source.read_text()
    name = str(source.relative_to(ROOT))
    if name == "scripts/cli.py":
        text = pruned(text, VERBS)
    elif name.startswith(PRUNED):
        text = pruned(text, SAMPLE, deep=name.startswith("alembic/"))
    target.write_text(part.in_code(text))


def speaks_of_paths(source: Path) -> bool:
    return source.suffix in (".py", ".js") or source.name in ("Dockerfile", "docker-compose.yml")


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    if text.count(old) != 1:
        raise RuntimeError(f"{path.name} has not one {old!r}")
    path.write_text(text.replace(old, new))


# -- what is written for the project --------------------------------------------------------------


def write_our_own(folder: Path, document: dict[str, Any], theirs: Document, part: Accounts) -> None:
    names = Names.of(document)
    own = part.tags
    tags = {tag: names.protocols[tag] for tag in names.modules if tag not in own.values()}
    optional = "identify: Identify" in (folder / "generated" / "api.py").read_text()
    dependencies = folder / "impl" / "dependencies.py"
    imports = "from collections.abc import Awaitable, Callable\nfrom typing import TypeVar, cast\n"
    promised = "".join(f"from generated.operations import {name}\n" for name in tags.values())
    if optional:
        promised += "from impl.authentication import identify\n"
    text = after_docstring(dependencies.read_text(), imports + promised)
    dependencies.write_text(
        text
        + TEMPLATES.get_template("dependencies.jinja2").render(
            optional=optional,
            written={names.modules[tag]: was for was, tag in own.items()},
            unwritten={names.modules[tag]: protocol for tag, protocol in tags.items()},
        )
    )
    if optional:
        authentication = folder / "impl" / "authentication.py"
        identify = TEMPLATES.get_template("identify.jinja2").render()
        authentication.write_text(authentication.read_text() + identify)
    info = theirs.content["info"]
    render(
        folder / "README.md",
        "README.md.jinja2",
        title=info["title"],
        summary=(info.get("summary") or info.get("description") or "").strip().split("\n\n")[0],
        count=len(list(all_operations(normal(theirs.content)))),
        token_path=f"POST {part.path('/auth/token')}",
        users_path=f"POST {part.path('/users')}",
        first_tag=next(iter(tags), "TAG"),
    )
    sections = tuple(map(part.path, chain(*SECTIONS)))
    replace(folder / "tests" / "promises.py", 'OURS = ("/",)', f"OURS = {sections}")
    render(
        folder / "tests" / "contract" / "test_operations.py",
        "test_operations.py.jinja2",
        exceptions=uncallable(document),
    )
    write(folder / "tests" / "contract" / "__init__.py", "")
    render(folder / ".ci" / "run", "ci.jinja2")
    (folder / ".ci" / "run").chmod(0o755)


def uncallable(document: dict[str, Any]) -> dict[str, str]:
    """The operations that nobody can call without TLS, and why."""
    schemes = document.get("components", {}).get("securitySchemes", {})
    return {
        node["operationId"]: "it asks for a client's certificate, which needs TLS"
        for node in all_operations(document)
        if node["security"]
        and all(
            any(schemes[name].get("type") == "mutualTLS" for name in alternative)
            for alternative in node["security"]
        )
    }


def after_docstring(text: str, lines: str) -> str:
    end = text.index('"""', 3) + 4
    return f"{text[:end]}\n{lines}{text[end:]}"


def render(path: Path, template: str, **values: Any) -> None:
    write(path, TEMPLATES.get_template(template).render(**values))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def tidy(folder: Path) -> None:
    """Imports that nothing needs any more go, and everything is formatted."""
    run_in(folder, "-m", "ruff", "check", "--quiet", "--no-cache", "--fix-only", *OURS)
    run_in(folder, "-m", "ruff", "format", "--quiet", "--no-cache", *OURS)


def run_in(folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
