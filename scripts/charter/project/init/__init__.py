"""`charter init`: a new project around a document, from the template of this version."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from charter.document import Document
from charter.document.checks import check
from charter.errors import Refusal
from charter.generate.names import Names, constant
from charter.progress import Steps
from charter.project.init.accounts import Accounts, accounts, all_operations
from charter.project.init.documents import joined
from charter.project.template import Answers, Files, render, source, write
from charter.project.template.locks import WHEELS, locks
from charter.project.wheel import wheel
from charter.runtime.normal import normal

DOCUMENT = "openapi/openapi.yaml"
NOBODY = ("-c", "user.name=charter init", "-c", "user.email=charter@localhost")
"""Who makes the first commit where git doesn't know who the user is."""

REPOSITORY_VARIABLES = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE")
"""What a hook that runs `charter init` would hand on; they name another repository."""

NEXT = """
The project is in {folder}. There,

  ./scripts/serve          serves every operation; the mock answers those that have no code yet
  ./scripts/test           runs the tests
  ./.ci/run                runs them, every check of the code, and `charter fuzz`
  charter scaffold TAG     writes the first version of a tag's service, once .venv is active

README.md says more."""


def run(document: Path, folder: Path | None, here: Path) -> int:
    """Returns 0.

    Raises Refusal where the document or the folder can't be used; a failure leaves nothing behind.
    """
    theirs = Document(document)
    check(theirs)
    target = folder or here / slug(theirs.content["info"]["title"])
    try:
        with fresh(target) as made:
            build(theirs, made, slug(target.name))
    except OSError as error:
        raise Refusal(
            f"{target} can't be written ({error.strerror or error}): name a folder in a place that"
            " you may write to."
        ) from error
    print(NEXT.format(folder=target))
    return 0


def slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "service"


@contextlib.contextmanager
def fresh(target: Path) -> Iterator[Path]:
    """A folder that becomes the target when the block ends well; else nothing has happened."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Refusal(f"{target} is in use: name a folder that is empty or not there yet.")
    missing = [parent for parent in target.parents if not parent.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as beside:
            made = Path(beside) / target.name
            made.mkdir()
            yield made
            if target.exists():
                target.rmdir()
            made.rename(target)
    except BaseException:
        for parent in missing:
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise


STEPS = {
    "Writing the document": 1.0,
    "Writing the code": 2.0,
    "Writing the models and routes": 5.0,
    "Writing the first commit": 0.5,
}
"""With the seconds that they take."""


def build(theirs: Document, folder: Path, name: str) -> None:
    document, code, models, first_commit = STEPS
    with Steps(STEPS) as steps:
        steps.begin(document)
        part = accounts(Document(source(DOCUMENT)).content, theirs.content)
        for path, text in joined(theirs, part.part).items():
            write({f"openapi/{path}": text.encode()}, folder)
        steps.begin(code)
        write(render(answers(Document(folder / DOCUMENT), part, name)), folder)
        write(packages(), folder)
        steps.begin(models)
        generate(folder)
        steps.begin(first_commit)
        commit(folder)


def answers(document: Document, part: Accounts, name: str) -> Answers:
    """What the template has to know of the document, the accounts in it."""
    content = normal(document.content)
    info, names = content["info"], Names.of(content)
    own = {part.tags.get(tag, tag) for tag in ("auth", "users", "health")}
    return Answers(
        name=name,
        title=one_line(info["title"]),
        summary=one_line(info.get("summary") or first_paragraph(info.get("description") or "")),
        prefix=part.prefix,
        operations=part.operations,
        schemas=part.schemas,
        tags=part.tags,
        components=part.components,
        scopes={scope: found for scope, found in names.scopes.items() if found != constant(scope)},
        unwritten={
            module: names.protocols[tag] for tag, module in names.modules.items() if tag not in own
        },
        allows_anonymous=any(map(allows_anonymous, all_operations(content))),
    )


def one_line(text: str) -> str:
    return " ".join(text.split())


def first_paragraph(text: str) -> str:
    return text.strip().partition("\n\n")[0]


def allows_anonymous(operation: Mapping[str, Any]) -> bool:
    """Whether its security has an alternative that asks for nothing, beside one that does."""
    return any(operation["security"]) and {} in operation["security"]


def packages() -> Files:
    """A wheel of this Charter, and the locks that name it."""
    name, content = wheel()
    return {f"{WHEELS}/{name}": content, **locks(content)}


def generate(folder: Path) -> None:
    """Raises Refusal for what no code can be generated from."""
    command = [sys.executable, "-m", "charter", "generate"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refusal(f"No code can be generated: {done.stderr.strip().removeprefix('charter: ')}")


# -- git ------------------------------------------------------------------------------------------


def commit(folder: Path) -> None:
    """A repository with one commit; where there is no git, say so and go on."""
    if shutil.which("git") is None:
        say_without_git("git is not installed")
        return
    settings = ("-c", "commit.gpgsign=false", *(() if knows_who(folder) else NOBODY))
    message = f"Begin {folder.name} from the template of Charter"
    steps = (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "--all", "--force"),
        (*settings, "commit", "--quiet", "--no-verify", "--message", message),
    )
    for step in steps:
        done = git(folder, *step)
        if done.returncode:
            shutil.rmtree(folder / ".git", ignore_errors=True)
            say_without_git(one_line(done.stderr) or f"git {step[0]} failed")
            return


def say_without_git(reason: str) -> None:
    print(f"The project is in no repository yet ({reason}): `git init` there makes one.")


def knows_who(folder: Path) -> bool:
    return all(not git(folder, "config", name).returncode for name in ("user.name", "user.email"))


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Git as if no other repository were around."""
    outside = {name: os.environ[name] for name in os.environ if name not in REPOSITORY_VARIABLES}
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=outside, capture_output=True, text=True, check=False
    )
