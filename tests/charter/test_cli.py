"""The command line: help, exit codes, and one sentence for each mistake."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from charter.postgres import Address, databases
from tests.charter.command_line import PROGRAM, charter, charter_here, naming
from tests.conftest import JWT_SECRET
from tests.data import ROOT

VERBS = (
    "mock", "lint", "diff", "show", "bundle", "sdk", "generate", "scaffold", "serve", "migrate",
    "run", "test", "check", "fuzz",
)  # fmt: skip

PRODUCTION = {"ENVIRONMENT": "production", "JWT_SECRET": JWT_SECRET}


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """What was said about the failure, which has to be one line."""
    assert re.fullmatch(r"charter: .+\n", done.stderr), done.stderr
    return done.stderr


@pytest.fixture
def scratch(server: Address) -> Iterator[Address]:
    """An empty database."""
    with databases.scratch(server) as database:
        yield database


def execute(database: Address, statement: str) -> None:
    asyncio.run(databases.execute(database, statement))


# -- help and arguments ---------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str) -> None:
    done = charter_here(ROOT, verb, "--help")

    assert done.returncode == 0
    assert f"{verb} " in done.stdout
    assert re.search(r"^ [A-Z].*\w+ \w+", done.stdout.partition("Usage:")[2], re.MULTILINE)


def test_without_a_verb_all_of_them_are_listed() -> None:
    listed = charter("--help").stdout

    for verb in VERBS:
        assert re.search(rf"[│|] {verb} ", listed), verb


@pytest.mark.parametrize(
    "arguments",
    [
        ("dance",),
        ("serve", "--port", "many"),
        ("diff", "/nowhere.yaml"),
        ("lint", "/nowhere.yaml"),
        ("mock", "/nowhere.yaml"),
        ("init", "/nowhere.yaml"),
    ],
)
def test_a_mistake_in_the_arguments_exits_with_2(arguments: tuple[str, ...]) -> None:
    done = charter_here(ROOT, *arguments)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_diff_asks_for_the_second_document(tmp_path: Path) -> None:
    absent = charter_here(tmp_path, "diff", "main")
    (tmp_path / "openapi.yaml").touch()
    alone = charter_here(tmp_path, "diff", "openapi.yaml")

    assert (absent.returncode, alone.returncode) == (2, 2)
    assert "Name the newer document, too: `charter diff main NEWER`." in sentence(absent)
    assert "Name two documents: `charter diff git:HEAD openapi.yaml` compares" in sentence(alone)


def test_a_reader_that_closes_the_pipe_gets_no_traceback() -> None:
    with subprocess.Popen(
        [*PROGRAM, "bundle"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()

        assert process.stderr.read() == ""


def test_options_of_a_program_that_is_run_are_its_own(server: Address) -> None:
    done = charter("run", "python", "-m", "impl", "create-admin", "--help", **naming(server))

    assert done.returncode == 0
    assert "--password-stdin" in done.stdout


# -- serve ----------------------------------------------------------------------------------------


def test_a_program_that_is_not_there_is_named_with_the_remedy(server: Address) -> None:
    done = charter("run", "no-such-program", **naming(server))

    assert done.returncode == 2
    assert done.stderr.endswith(
        "charter: There is no program called no-such-program: install what has it in the project's"
        " .venv, or give its path.\n"
    )


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        done = charter("serve", PORT=str(port), DATA_DIR=str(tmp_path))

    assert done.returncode == 1
    assert f"Port {port} of 127.0.0.1 is in use" in sentence(done)


def test_an_address_of_another_machine_is_named(tmp_path: Path) -> None:
    done = charter("serve", HOST="192.0.2.1", DATA_DIR=str(tmp_path))

    assert done.returncode == 2
    assert "HOST=192.0.2.1 is no address of this machine" in sentence(done)


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    done = charter("serve", DATA_DIR=str(tmp_path / "file"))

    assert done.returncode == 2
    assert f"DATA_DIR={tmp_path}/file" in sentence(done)


@pytest.mark.parametrize("verb", [("serve",), ("migrate",), ("migrate", "--check")], ids=" ".join)
def test_an_unreachable_database_is_named(verb: tuple[str, ...]) -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        port = str(unused.getsockname()[1])
        done = charter(*verb, JWT_SECRET=JWT_SECRET, DB_HOST="127.0.0.1", DB_PORT=port)

    assert done.returncode == 1
    assert f"charter at 127.0.0.1:{port} can't be reached: connection refused." in sentence(done)


def test_a_wrong_password_is_named_and_not_shown(server: Address) -> None:
    done = charter("migrate", **naming(server) | {"DB_PASSWORD": "canary-of-a-password"})

    assert done.returncode == 1
    assert "password authentication failed" in sentence(done)
    assert "canary" not in done.stderr


def test_production_does_not_migrate_unasked(scratch: Address) -> None:
    done = charter("serve", **PRODUCTION, **naming(scratch))

    assert done.returncode == 1
    assert "run `alembic upgrade head` first" in sentence(done)
    assert charter("migrate", "--check", **naming(scratch)).returncode == 1


@pytest.mark.parametrize(
    ("signal_number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["TERM", "INT"]
)
def test_a_signal_ends_the_service_in_order(
    serve: Callable[..., "Service"], signal_number: signal.Signals, code: int
) -> None:
    service = serve()
    assert service.get("/livez") == 200

    service.process.send_signal(signal_number)

    assert service.process.wait(timeout=20) == code


def test_killed_workers_leave_the_port_free(serve: Callable[..., "Service"]) -> None:
    service = serve(WORKERS="2")
    assert service.get("/livez") == 200

    service.process.kill()
    service.process.wait()

    wait_until_free(service.port)
    again = serve(PORT=str(service.port))
    assert again.get("/livez") == 200


def wait_until_free(port: int) -> None:
    """A worker that was just starting ends once it has."""
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_server(("127.0.0.1", port)).close()
            return
        except OSError:
            assert time.monotonic() < deadline, f"port {port} is still in use"
            time.sleep(0.05)


class Service:
    """A running `charter serve`."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, "serve"], env=environment, stdout=subprocess.PIPE, text=True
        )
        self.port = self._announced_port()

    def _announced_port(self) -> int:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(r"the API +http://127\.0\.0\.1:(\d+)", line):
                return int(found[1])
        raise AssertionError("the service did not start")

    def get(self, path: str) -> int:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request("GET", path)
            return connection.getresponse().status


@pytest.fixture
def serve(scratch: Address) -> Iterator[Callable[..., Service]]:
    started: list[Service] = []

    def start(**environment: str) -> Service:
        common = {"PATH": os.environ["PATH"], "PORT": "0", "JWT_SECRET": JWT_SECRET}
        started.append(Service(common | naming(scratch) | environment))
        return started[-1]

    yield start
    for service in started:
        with service.process:
            service.process.kill()


# -- migrate --------------------------------------------------------------------------------------


def test_migrations_go_up_and_down_again(scratch: Address) -> None:
    where = naming(scratch)

    assert charter("migrate", "--check", **where).returncode == 1
    assert charter("migrate", **where).returncode == 0
    assert charter("migrate", "--check", **where).returncode == 0
    refused = charter("migrate", "base", **where)
    assert refused.returncode == 1
    assert "Add --down if that is meant" in sentence(refused)
    assert charter("migrate", "base", "--down", **where).returncode == 0
    assert charter("migrate", "--check", **where).returncode == 1


def test_an_unknown_target_is_named(scratch: Address) -> None:
    done = charter("migrate", "no-such-revision", **naming(scratch))

    assert done.returncode == 1
    assert "no-such-revision" in sentence(done)


@pytest.mark.parametrize("verb", [("serve",), ("migrate",), ("migrate", "--check")], ids=" ".join)
def test_the_schema_of_a_newer_version_is_left_alone(
    verb: tuple[str, ...], scratch: Address
) -> None:
    execute(scratch, "CREATE TABLE alembic_version (version_num text)")
    execute(scratch, "INSERT INTO alembic_version VALUES ('9999')")

    done = charter(*verb, JWT_SECRET=JWT_SECRET, **naming(scratch))

    assert done.returncode == 1
    assert "is at revision 9999, which this version of the code doesn't know" in sentence(done)


def test_tables_of_somebody_else_are_left_alone(scratch: Address) -> None:
    execute(scratch, "CREATE TABLE users (theirs text)")

    done = charter("migrate", **naming(scratch))

    assert done.returncode == 1
    assert "holds tables that no migration made (users)" in sentence(done)


def test_several_migrations_at_once_are_one(scratch: Address) -> None:
    environment = {"PATH": os.environ["PATH"], **naming(scratch)}
    started = [
        subprocess.Popen([*PROGRAM, "migrate"], env=environment, stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    for process in started:
        process.communicate(timeout=60)

    assert [process.returncode for process in started] == [0, 0, 0]
    assert charter("migrate", "--check", **naming(scratch)).returncode == 0


def test_the_models_and_the_migrations_agree(server: Address) -> None:
    done = charter("migrate", "--compare", **naming(server))

    assert done.returncode == 0, done.stdout
