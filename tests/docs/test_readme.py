"""The walk of README.md, word for word: its edits are made, its commands run, its promises seen."""

import ast
import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest

from charter.postgres import Address, databases
from tests.charter.command_line import naming, takes_a_minute
from tests.charter.project.copies import UNWANTED, copied
from tests.charter.project.test_reload import PATIENCE, running
from tests.conftest import JWT_SECRET
from tests.data import ROOT
from tests.people import PASSWORD

README = (ROOT / "README.md").read_text()
WALK = README.partition("## Five minutes\n")[2].partition("\n## ")[0]
BLOCK = re.compile(r"^```\w+\n(.*?)^```$|^((?: {4}\S[^\n]*\n)+)", re.MULTILINE | re.DOTALL)
PLACE = re.compile(r"directly (above|below) the line `(.*?)`|(below) `(\w+)`:")
PATH = re.compile(r"[Ii]n `([\w/]+\.\w+)`")
WORDS = " ".join(WALK.split())
PATIENT = {
    "JWT_SECRET": JWT_SECRET, "BCRYPT_ROUNDS": "4", "REQUEST_TIMEOUT_SECONDS": "60",
    "DB_POOL_TIMEOUT_SECONDS": "30", "DB_CONNECT_TIMEOUT_SECONDS": "30",
}  # fmt: skip
"""Of a service on a machine that does much else."""


@dataclass(frozen=True)
class Command:
    line: str

    def take(self, folder: Path) -> str:
        """What it prints. Like in an activated environment, its programs come first."""
        done = subprocess.run(
            self.line.split(),
            cwd=folder,
            env=activated(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return f"{done.stdout}{done.stderr}exit code {done.returncode}"


@dataclass(frozen=True)
class Edit:
    file: str
    is_above: bool
    anchor: str
    """A line of the file, or the name of a method in it."""
    text: str

    def take(self, folder: Path) -> str:
        file = folder / self.file
        lines = file.read_text().splitlines()
        at = self.line(lines)
        gap = [] if self.file.endswith(".yaml") else [""]
        lines[at:at] = [*gap, *self.text.rstrip("\n").split("\n")]
        file.write_text("\n".join(lines) + "\n")
        return ""

    def line(self, lines: list[str]) -> int:
        """The number of lines that stay before the text."""
        if not self.file.endswith(".py"):
            (found,) = [number for number, line in enumerate(lines) if line == self.anchor]
            return found if self.is_above else found + 1
        nodes = ast.walk(ast.parse("\n".join(lines)))
        methods = [node for node in nodes if isinstance(node, ast.AsyncFunctionDef)]
        (end,) = [method.end_lineno for method in methods if method.name == self.anchor]
        assert end is not None
        return end


def activated() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # what is installed is the same, so that mypy need not read it again
    return {"PATH": path, "MYPY_CACHE_DIR": str(ROOT / ".mypy_cache")}


def steps() -> Iterator[Command | Edit]:
    """Every block of the walk, in its order; the words before an edit say where it goes."""
    file, end = "", 0
    for block in BLOCK.finditer(WALK):
        before = WALK[end : block.start()]
        end = block.end()
        if block[2]:
            yield from (Command(line.strip()) for line in block[2].splitlines())
            continue
        file = ([file, *PATH.findall(before)])[-1]
        place = PLACE.search(before)
        assert place is not None, f"README.md does not say where this goes:\n{block[1]}"
        yield Edit(file, place[1] == "above", place[2] or place[4], block[1])


def promised(pattern: str) -> str:
    """What the walk says, as this pattern finds it."""
    found = re.search(pattern, WORDS)
    assert found is not None, f"README.md no longer says {pattern}"
    return found[1]


class Walk:
    """The project on which the walk is done, served in a second terminal."""

    def __init__(self, folder: Path, client: httpx.Client) -> None:
        self.folder = folder
        self.client = client
        self.token = ""

    def register(self) -> None:
        account = {"email": "ada@example.com", "password": PASSWORD}
        self.client.post("/users", json=account).raise_for_status()
        form = {"grant_type": "password", "username": account["email"], "password": PASSWORD}
        answer = self.client.post("/auth/token", data=form).raise_for_status()
        self.token = answer.json()["access_token"]

    def ask(self, path: str) -> httpx.Response:
        return self.client.get(path, headers={"Authorization": f"Bearer {self.token}"})

    def sees(self, path: str, text: str) -> bool:
        """Whether the service answers with a text, once it has taken up what was changed."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if self.ask(path).text.replace(" ", "") == text.replace(" ", ""):
                    return True
            except httpx.TransportError:
                pass  # it starts anew
            time.sleep(0.2)
        return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = copied(tmp_path_factory.mktemp("readme"))
    shutil.copytree(ROOT / "tests" / "contract", made / "tests" / "contract", ignore=UNWANTED)
    return made


@pytest.fixture(scope="module")
def walk(folder: Path, server: Address) -> Iterator[Walk]:
    command = promised(r"leave `charter (.*?)` running in a second terminal")
    with (
        databases.scratch(server) as database,
        running(folder, *command.split(), **PATIENT, **naming(database)) as service,
    ):
        address = re.compile(r"the API +(http://127\.0\.0\.1:\d+)")
        service.wait_for(address, 1)
        with httpx.Client(base_url=address.findall(service.said)[0]) as client:
            yield Walk(folder, client)


def test_the_walk(walk: Walk, server: Address) -> None:
    path = promised(r"`GET (/\S+)` answers")
    said = {}
    walk.register()
    for step in steps():
        name = step.line if isinstance(step, Command) else step.anchor
        said[name] = step.take(walk.folder)
        if name == "charter generate":
            assert said[name].endswith("exit code 0"), said[name]
            assert walk.sees(path, promised(r"the new path answers `(.*?)`, as a mock"))

    assert promised(r"mypy names .*?: `(.*?)`") in said["mypy"]
    assert Command("mypy").take(walk.folder).endswith("exit code 0")
    assert walk.sees(path, promised(r"`GET /\S+` answers `(.*?)`"))
    assert walk.client.get(path).status_code == int(promised(r"anybody else gets a (\d+)"))
    query, status = promised(r"and `(\?\S+)` a \d+"), promised(r"and `\?\S+` a (\d+)")
    assert walk.ask(path + query).status_code == int(status)


@takes_a_minute
def test_the_walk_ends_with_an_open_gate(walk: Walk, server: Address) -> None:
    """As `test_the_walk` has left the project; with fewer requests than a team's."""
    command = promised(r"`(charter fuzz)` tries the rest")

    done = subprocess.run(
        [*command.split(), "--max-examples", "1"],
        cwd=walk.folder,
        env=activated() | naming(server),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert "The gate is open" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def test_the_commands_of_the_beginning_are_those_of_the_program() -> None:
    """Each is shown with the arguments that it takes."""
    first_screen = README.partition("## Two commands")[0]
    lines = textwrap.dedent(first_screen[first_screen.index("    pip install") :]).splitlines()
    verbs = [line.split()[1] for line in lines if line.startswith("charter ")]

    assert lines[0].startswith("pip install 'charter[tool]'")  # before the verbs are there
    assert verbs == ["mock", "lint", "diff", "sdk", "init"]
