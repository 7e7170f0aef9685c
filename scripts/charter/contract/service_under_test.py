"""A service to try things on: a fresh database, known accounts, a port of its own."""

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from charter.contract.accounts import Accounts
from charter.errors import Misconfigured
from charter.postgres import Address, databases
from charter.project.environment import database

APPLICATION = "charter.project.stand_in:application"
"""The project's application, with the mock behind what is unwritten."""
ACCOUNTS = "tests.contract.accounts"
START_SECONDS = 180
"""More than any machine takes, however busy it is."""
SETTINGS = {"ENVIRONMENT": "test", "LOG_LEVEL": "WARNING"}


class NotStarted(Misconfigured):
    """The service under test did not start; the message says where its log is."""


class Process(Protocol):
    """As of `subprocess`."""

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None: ...


Serve = Callable[[Path, str, Mapping[str, str]], AbstractContextManager[tuple[str, Process]]]


@dataclass(frozen=True)
class Running:
    base_url: str
    address: Address
    jwt_secret: str
    accounts: Accounts
    process: Process

    def require_alive(self, log: Path) -> None:
        """Raises NotStarted where the service has ended by itself."""
        if self.process.poll() is not None:
            raise NotStarted(
                f"The service under test ended with exit code {self.process.returncode} while it"
                f" was fuzzed; its last words are in {log}."
            )


@dataclass(frozen=True)
class Prepared:
    """A database with the project's tables and accounts, of which each service has a copy."""

    server: Address
    template: str
    """The name of the database."""
    accounts: Accounts
    environment: Mapping[str, str]
    """Of the service, but for its address and its secret."""
    serve: "Serve"
    """Starts a process that serves an app; `served`, or what does the same."""

    @contextlib.contextmanager
    def service(
        self, directory: Path, app: str = APPLICATION, environment: Mapping[str, str] | None = None
    ) -> Iterator[Running]:
        """Serve the app on a copy of its own; its log goes to `directory`.

        Raises NotStarted when it does not start.
        """
        directory.mkdir(parents=True, exist_ok=True)
        name = unused_name()
        address = databases.create(self.server, name, self.template)
        try:
            secret = secrets.token_urlsafe(48)
            environ = {**self.environment, **address.environment(), "JWT_SECRET": secret}
            environ |= dict(environment or {})
            with self.serve(directory / "service.log", app, environ) as (base_url, process):
                yield Running(base_url, address, secret, self.accounts, process)
        finally:
            databases.drop(self.server, name)


@contextlib.contextmanager
def prepared(
    directory: Path, *, accounts: str = ACCOUNTS, environment: Mapping[str, str] | None = None
) -> Iterator[Prepared]:
    """Migrate a database and fill in the accounts, once for all services of a run.

    Raises NotStarted where one of the two programs fails; its log goes to `directory`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "service.log"
    with database(testing=True) as server:
        name = unused_name()
        address = databases.create(server, name)
        try:
            environ = SETTINGS | dict(environment or {})
            known = address.environment() | {"JWT_SECRET": secrets.token_urlsafe(48)} | environ
            prepare(["alembic", "upgrade", "head"], known, log)
            made = Accounts.read(prepare([accounts], known, log), accounts)
            yield Prepared(server, name, made, environ, served)
        finally:
            databases.drop(server, name)


@contextlib.contextmanager
def service_under_test(directory: Path) -> Iterator[Running]:
    """Serve the project's own application on a database of its own. Raises NotStarted."""
    with prepared(directory) as made, made.service(directory) as running:
        yield running


def unused_name() -> str:
    return f"fuzz_{os.getpid()}_{secrets.token_hex(3)}"


def prepare(program: list[str], environ: Mapping[str, str], log: Path) -> str:
    """Run a program of the project to its end; what it printed. Raises NotStarted."""
    command = [sys.executable, "-m", *program]
    with log.open("ab") as output:
        done = subprocess.run(
            command,
            env=os.environ | dict(environ),
            stdout=subprocess.PIPE,
            stderr=output,
            check=False,
        )
    if done.returncode:
        raise NotStarted(f"`python -m {' '.join(program)}` failed{last_words(log)}")
    return done.stdout.decode()


@contextlib.contextmanager
def served(log: Path, app: str, environ: Mapping[str, str]) -> Iterator[tuple[str, Process]]:
    """The base URL of a process that serves the app, ended at the end."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", app, "--port", str(port)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--no-access-log", "--no-server-header"],
            env=os.environ | {"PYTHONPATH": str(Path.cwd())} | dict(environ),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            base_url = f"http://127.0.0.1:{port}"
            wait_until_it_answers(process, base_url, log)
            yield base_url, process
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_it_answers(process: Process, base_url: str, log: Path) -> None:
    """Whatever it answers. Raises NotStarted."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(base_url, timeout=5).close()  # noqa: S310 - our own
        except urllib.error.HTTPError:
            return
        except (OSError, ValueError):
            time.sleep(0.05)
        else:
            return
    raise NotStarted(f"The service did not start{last_words(log)}")


def last_words(log: Path) -> str:
    """The last line that a program has logged, which names the reason, and where the others are."""
    lines = log.read_text(errors="replace").split("\n")
    words = next((line.strip() for line in reversed(lines) if line.strip()), "")
    said = words.removeprefix("charter: ")
    return f" (see {log})" + (f": {said}" if said else ".")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
