"""Makes a project of each document by `charter init`, and tries whether it is green at once.

    python -m dev.try_documents tests/data/specs
    python -m dev.try_documents package/api --sample 20 --seed 8 --whole 3

Prints a Markdown table. For each document: `init`, ruff, mypy, then the service is started and
asked for the first operation. `--whole` also runs all tests and `charter check` of the first
projects. Where `init` refuses a document, the row has the place and the reason, for a person to
judge. The exit code is 1 if a step failed; its output is printed below the table.
"""

import argparse
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import httpx2 as httpx

from charter.contract.service_under_test import free_port, wait_until_it_answers
from charter.document import Document
from charter.errors import Refusal
from charter.postgres import Address, databases
from charter.project import Project
from charter.project.environment import database
from charter.project.init.accounts import all_operations
from charter.runtime.normal import METHODS

CACHE = Path(__file__).resolve().parents[2] / ".mypy_cache"
"""Of this checkout: mypy reads what is installed once."""
CHECKED = {
    "ruff": ("ruff", "check", "--no-fix", "--quiet", "."),
    "format": ("ruff", "format", "--check", "--quiet", "."),
    "mypy": ("mypy",),
}
WHOLE = {"tests": ("charter", "test", "-q", "-n", "0"), "check": ("charter", "check")}
COLUMNS = ("init", *CHECKED, "request", *WHOLE)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m dev.try_documents", description=__doc__)
    parser.add_argument("folder", type=Path, help="documents, in folders or not; or one document")
    parser.add_argument("--sample", type=int, help="take so many of them by chance")
    parser.add_argument("--seed", type=int, default=8, help="of the sample")
    parser.add_argument("--most", type=int, default=150, help="operations of a document")
    parser.add_argument("--whole", type=int, default=0, help="projects whose tests are run")
    chosen = parser.parse_args(arguments)
    seed = chosen.seed if chosen.sample else None
    files = islice(documents(chosen.folder, chosen.most, seed), chosen.sample)
    trials = []
    print(f"| document | operations | {' | '.join(COLUMNS)} |")
    print("|---|---:|" + "---|" * len(COLUMNS))
    with database(testing=True) as server:
        for index, file in enumerate(files):
            trial = Trial(file.relative_to(chosen.folder.parent))
            trial.run(file, server, whole=index < chosen.whole)
            print(trial.row(), flush=True)
            trials.append(trial)
    failures = [text for trial in trials for text in trial.failures]
    print("", f"{len(trials)} documents, {len(failures)} failures.", *failures, sep="\n")
    return 1 if failures else 0


def documents(folder: Path, most: int, seed: int | None) -> Iterator[Path]:
    """The files that hold an OpenAPI document with operations, but not too many.

    They are in the order of their names, or in one that the seed makes up.
    """
    found = sorted(folder.rglob("*")) if folder.is_dir() else [folder]
    if seed is not None:
        random.Random(seed).shuffle(found)  # noqa: S311 - no secret
    for file in found:
        if file.suffix in (".json", ".yaml", ".yml") and 0 < operations(file) <= most:
            yield file


def operations(file: Path) -> int:
    """How many the document has; none where it can't be read or isn't OpenAPI 3."""
    try:
        content = Document(file).content
        return sum(1 for _ in all_operations(content)) if "openapi" in content else 0
    except (Refusal, AttributeError, TypeError):
        return 0


@dataclass
class Trial:
    """What came of one document."""

    name: Path
    operations: int = 0
    cells: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def row(self) -> str:
        cells = (self.cells.get(column, "") for column in COLUMNS)
        return f"| {self.name} | {self.operations} | {' | '.join(cells)} |"

    def run(self, file: Path, server: Address, *, whole: bool) -> None:
        self.operations = operations(file)
        with TemporaryDirectory(prefix="charter-try-") as folder:
            project = Path(folder) / "project"
            init = ("charter", "init", str(file.absolute()), str(project))
            if not self.step("init", init, Path(folder), {}):
                return
            settings = server.environment() | {"MYPY_CACHE_DIR": str(CACHE)}
            for name, command in (CHECKED | (WHOLE if whole else {})).items():
                self.step(name, command, project, settings)
            self.ask(project, server)

    def step(
        self, name: str, command: Sequence[str], folder: Path, settings: Mapping[str, str]
    ) -> bool:
        started = monotonic()
        done = subprocess.run(
            [Path(sys.executable).with_name(command[0]), *command[1:]],
            cwd=folder,
            env=environment(settings),
            capture_output=True,
            text=True,
            check=False,
        )
        if refused := re.fullmatch(r"charter: \S+:(\d+:\d+: .*)\n", done.stderr):
            self.cells[name] = f"refused at {refused[1]}"
        elif done.returncode:
            self.fail(name, f"{done.stdout[-3000:]}{done.stderr[-3000:]}")
        else:
            self.cells[name] = f"{monotonic() - started:.0f} s"
        return done.returncode == 0

    def fail(self, name: str, said: str) -> None:
        self.cells[name] = "**failed**"
        self.failures.append(f"\n== {self.name}: {name}\n{said}")

    def ask(self, project: Path, server: Address) -> None:
        """Ask the started service for the first operation, as a user who is logged in."""
        log = project.with_name("service.log")
        try:
            with databases.scratch(server) as address, served(project, address, log) as client:
                method, path = first_operation(project)
                answer = client.request(method, path, headers=logged_in(client, project))
        except (Refusal, httpx.HTTPError) as error:
            self.fail("request", f"{error}\n{log.read_text()[-3000:]}")
            return
        self.cells["request"] = str(answer.status_code)
        if answer.status_code >= 500:
            said = f"{method} {path}: {answer.status_code} {answer.text}"
            self.fail("request", f"{said}\n{log.read_text()[-3000:]}")


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Of this process, nothing but PATH."""
    return {"PATH": os.environ["PATH"], **settings}


@contextmanager
def served(project: Path, address: Address, log: Path) -> Iterator[httpx.Client]:
    """Raises NotStarted, with the log's place."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = address.environment() | {"PORT": str(port)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "charter", "serve"],
            cwd=project,
            env=environment(settings),
            stdout=output,
            stderr=output,
        )
        try:
            wait_until_it_answers(process, url, log)
            with httpx.Client(base_url=url, timeout=60) as client:
                yield client
        finally:
            process.terminate()
            process.wait()


def first_operation(project: Path) -> tuple[str, str]:
    """The method and the path, with 1 for each of its parameters."""
    paths = Document(project / "openapi" / "openapi.yaml").content["paths"]
    path, item = next((path, item) for path, item in paths.items() if item.keys() & METHODS)
    method = next(name for name in item if name in METHODS)
    return method.upper(), re.sub(r"\{[^}]*\}", "1", path)


def logged_in(client: httpx.Client, project: Path) -> dict[str, str]:
    """The headers of somebody who has just registered."""
    prefix = Project.find(project).table["project"].get("prefix", "")
    account = {"email": "ada@example.com", "password": "correct horse battery"}
    client.post(f"{prefix}/users", json=account).raise_for_status()
    form = {"grant_type": "password", "username": account["email"], "password": account["password"]}
    answer = client.post(f"{prefix}/auth/token", data=form).raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


if __name__ == "__main__":
    sys.exit(main())
