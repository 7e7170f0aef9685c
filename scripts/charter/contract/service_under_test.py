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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from charter.errors import Refusal
from charter.postgres import Address, databases
from charter.project.environment import database

ACCOUNTS = "tests.contract.accounts"
"""The project's program that makes the accounts that the fuzzer logs in with."""
START_SECONDS = 30

TRIAL_SETTINGS = {
    "ENVIRONMENT": "test",
    "BCRYPT_ROUNDS": "4",
    # a fuzzer fails to log in all the time
    "LOGIN_MAX_FAILURES": "1000000",
    "LOGINS_PER_MINUTE": "0",
    "REFRESHES_PER_MINUTE": "0",
    "REGISTRATIONS_PER_MINUTE": "0",
    "PASSWORD_CHANGES_PER_MINUTE": "0",
    "LOG_LEVEL": "WARNING",
}


class TrialError(Refusal):
    """The service on trial did not start; the message says where its log is."""


@dataclass(frozen=True)
class Trial:
    base_url: str
    address: Address
    jwt_secret: str


@contextlib.contextmanager
def trial(
    directory: Path,
    *,
    app: str = "impl.app:create_app",
    extra: Mapping[str, str] | None = None,
) -> Iterator[Trial]:
    """Serve the app on a database of its own; its log goes to `directory`.

    Raises TrialError when it does not start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with database(testing=True) as server:
        name = f"trial_{os.getpid()}_{secrets.token_hex(3)}"
        address = databases.create(server, name)
        try:
            secret = secrets.token_urlsafe(48)
            environ = address.environment() | TRIAL_SETTINGS | {"JWT_SECRET": secret}
            environ |= dict(extra or {})
            log = directory / "service.log"
            for program in (["alembic", "upgrade", "head"], [ACCOUNTS]):
                prepare(program, environ, log)
            with served(log, app, environ) as base_url:
                yield Trial(base_url, address, secret)
        finally:
            databases.drop(server, name)


def prepare(program: list[str], environ: Mapping[str, str], log: Path) -> None:
    """Run a program of the project to its end. Raises TrialError where it fails."""
    command = [sys.executable, "-m", *program]
    with log.open("ab") as output:
        done = subprocess.run(
            command, env=os.environ | dict(environ), stdout=output, stderr=output, check=False
        )
    if done.returncode:
        raise TrialError(f"`python -m {' '.join(program)}` failed; its last words are in {log}.")


@contextlib.contextmanager
def served(log: Path, app: str, environ: Mapping[str, str]) -> Iterator[str]:
    """The base URL of a process that serves the app, ended at the end."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", app, "--port", str(port)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--no-access-log", "--no-server-header"],
            env=os.environ | dict(environ),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            base_url = f"http://127.0.0.1:{port}"
            wait_until_alive(process, base_url, log)
            yield base_url
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_alive(process: subprocess.Popen[bytes], base_url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"{base_url}/livez", timeout=1).close()  # noqa: S310 - our own
            return
        time.sleep(0.05)
    raise TrialError(f"The service did not start. Its last words are in {log}.")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
