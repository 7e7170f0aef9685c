"""`charter serve` names what keeps the code from running; `--reload` takes up every change."""

import contextlib
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from charter.postgres import Address, databases
from tests.charter.command_line import PROGRAM, charter_in, naming, takes_a_minute
from tests.charter.project.copies import copied, generate
from tests.conftest import JWT_SECRET

PATIENCE = 120.0  # seconds, of a machine that does much else
STARTED = re.compile(r"Started server process \[(\d+)\]")


class Reloading:
    """A running program, and what it has said so far."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, *arguments],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "PORT": "0", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line

    def count(self, pattern: re.Pattern[str]) -> int:
        return len(pattern.findall(self.said))

    def wait_for(self, pattern: re.Pattern[str], times: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.count(pattern) < times:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextlib.contextmanager
def running(folder: Path, *arguments: str, **environment: str) -> Iterator[Reloading]:
    program = Reloading(folder, *arguments, **environment)
    try:
        yield program
    finally:
        program.end()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("reload"))


@pytest.fixture(scope="module")
def serving(project: Path, server: Address) -> Iterator[Reloading]:
    with (
        databases.scratch(server) as database,
        running(project, "serve", "--reload", JWT_SECRET=JWT_SECRET, **naming(database)) as service,
    ):
        service.wait_for(STARTED, 1)
        yield service


def change(project: Path, word: str) -> None:
    file = project / "openapi" / "openapi.yaml"
    text, found = re.subn(r"summary: Who (am|was) I.*", f"summary: Who was I {word}?",
                          file.read_text())  # fmt: skip
    assert found == 1
    file.write_text(text)


def test_each_generate_is_a_reload(project: Path, serving: Reloading) -> None:
    starts = serving.count(STARTED)
    for number in (1, 2):  # a watcher that is left on a replaced folder misses the second
        change(project, f"once more, {number}")
        generate(project)
        serving.wait_for(STARTED, starts + number)


def test_a_watching_generate_is_taken_up_as_well(project: Path, serving: Reloading) -> None:
    starts = serving.count(STARTED)
    with running(project, "generate", "--watch") as watching:
        watching.wait_for(re.compile("Watching"), 1)
        for number in (1, 2):
            change(project, f"while watched, {number}")
            watching.wait_for(re.compile(r"\+ generated/manifest.json"), number)
            serving.wait_for(STARTED, starts + number)


# -- code that does not run -----------------------------------------------------------------------

SERVICE = "impl/services/items.py"


def test_code_that_does_not_run_is_named_with_its_line(tmp_path: Path, server: Address) -> None:
    project = copied(tmp_path)
    service = project / SERVICE
    text = service.read_text()
    service.write_text(f"from impl.core import nothing\n{text}")
    wrong_import = stopped(project, server)
    service.write_text(f"{text}\nclass Another(\n")
    wrong_syntax = stopped(project, server)
    service.unlink()
    missing = stopped(project, server)

    line = text.count("\n") + 2
    assert f"charter: {SERVICE}:1: ImportError: cannot import name 'nothing'" in wrong_import
    assert f"charter: {SERVICE}:{line}: SyntaxError: '(' was never closed." in wrong_syntax
    assert re.match(r"charter: impl/\w+\.py:\d+: ModuleNotFoundError: .*items'\.", missing)


def stopped(project: Path, server: Address) -> str:
    """What was said by a service that did not start."""
    with databases.scratch(server) as database:
        done = charter_in(project, "serve", JWT_SECRET=JWT_SECRET, **naming(database))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@takes_a_minute
def test_a_reloading_service_waits_for_code_that_runs(tmp_path: Path, server: Address) -> None:
    project = copied(tmp_path)
    service = project / SERVICE
    text = service.read_text()
    named = re.compile(rf"^charter: {SERVICE}:\d+: SyntaxError: .*", re.MULTILINE)
    service.write_text(f"{text}\nx = (\n")
    described = project / "generated" / "openapi.json"
    content = json.loads(described.read_text())
    content["info"]["title"] = "Tea Room"
    described.write_text(json.dumps(content))
    with (
        databases.scratch(server) as database,
        running(project, "serve", "--reload", JWT_SECRET=JWT_SECRET, **naming(database)) as program,
    ):
        for number in (1, 2):  # before the server watches, and after
            program.wait_for(named, number)
            service.write_text(f"{text}\nx = {number}\n")
            program.wait_for(STARTED, number)
            service.write_text(f"{text}\nx = (\n")

        program.wait_for(re.compile("^Tea Room is up", re.MULTILINE), 1)
        assert "Traceback" not in program.said
