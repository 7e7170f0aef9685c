"""A PostgreSQL of the tests' own, which they may kill, copy and promote."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from charter.contract.service_under_test import free_port
from charter.postgres import Account, server_environment, unprivileged_account
from charter.postgres.binaries import Binaries, installed_binaries

PASSWORD = "correct-horse-battery"
NAME = "charter"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "40",
    "fsync": "off",  # what is killed here are processes, never the machine
    "log_min_messages": "fatal",
    "timezone": "UTC",
}


class Cluster:
    """One server and its data. Its port stays the same over every restart."""

    def __init__(self, folder: Path, binaries: Binaries, account: Account | None) -> None:
        self.folder = folder
        self.binaries = binaries
        self.account = account
        self.port = free_port()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def is_running(self) -> bool:
        return (self.data / "postmaster.pid").exists()

    @property
    def environment(self) -> dict[str, str]:
        """What tells a service where the database is."""
        return {
            "DB_HOST": "127.0.0.1",
            "DB_PORT": str(self.port),
            "DB_USER": NAME,
            "DB_PASSWORD": PASSWORD,
            "DB_NAME": NAME,
        }

    async def create(self) -> None:
        """Make the data, start the server, and make an empty database."""
        password = self.folder / "password"
        password.write_text(PASSWORD)
        self.hand_over(password)
        options = ["-U", NAME, "-E", "UTF8", "-A", "scram-sha-256", f"--pwfile={password}", "-N"]
        await self.run("initdb", "-D", str(self.data), *options, "--locale=C")
        await self.start()
        await self.execute(f"CREATE DATABASE {NAME}", database="postgres")

    async def copy_of(self, primary: "Cluster") -> None:
        """Become a standby of another server, which streams to it, and start."""
        where = f"host=127.0.0.1 port={primary.port} user={NAME} password={PASSWORD}"
        await self.run("pg_basebackup", "-D", str(self.data), "-R", "-d", where)
        await self.start(primary_conninfo=f"{where} application_name=standby")

    async def start(self, **settings: str) -> None:
        """Returns once it accepts connections."""
        if settings:
            lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
            with (self.data / "postgresql.auto.conf").open("a") as file:
                file.write(lines)
        given = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        log = str(self.folder / "log")
        given = f"-p {self.port} {given}"
        await self.run("pg_ctl", "-D", str(self.data), "-l", log, "-o", given, "-w", "start")

    async def stop(self, mode: str = "immediate") -> None:
        """`immediate` is what a crash leaves: no checkpoint, every connection cut."""
        await self.run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    async def promote(self) -> None:
        await self.run("pg_ctl", "-D", str(self.data), "-w", "promote")

    async def run(self, program: str, *arguments: str, input_from: Path | None = None) -> str:
        """What one of the server's programs prints, run as the server's account."""
        return await asyncio.to_thread(self.run_now, program, arguments, input_from)

    def run_now(self, program: str, arguments: tuple[str, ...], input_from: Path | None) -> str:
        done = subprocess.run(
            [self.binaries.directory / program, *arguments],
            stdin=input_from.open("rb") if input_from else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env=server_environment() | {"PGPASSWORD": PASSWORD},
            timeout=120,
            check=False,
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=[] if self.account else None,
        )
        assert done.returncode == 0, f"{program}: {done.stdout}"
        return done.stdout

    def hand_over(self, path: Path) -> None:
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)

    async def execute(self, statement: str, *values: object, database: str = NAME) -> list[object]:
        """The first column of the rows."""
        async with self.connection(database) as connection:
            return [row[0] for row in await connection.fetch(statement, *values)]

    @asynccontextmanager
    async def locked(self, table: str) -> AsyncIterator[None]:
        """Nobody else reads or writes the table within the block."""
        async with self.connection() as connection, connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield

    @asynccontextmanager
    async def connection(
        self, database: str = NAME, application_name: str = "operator"
    ) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=self.port,
            user=NAME,
            password=PASSWORD,
            database=database,
            ssl=False,
            timeout=5,
            server_settings={"application_name": application_name},
        )
        try:
            yield connection
        finally:
            await connection.close()

    async def cut_everybody(self) -> None:
        """`pg_terminate_backend` of each client but this one."""
        await self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )


class Clusters:
    """Makes servers in one folder, which the server's account can reach."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.account = unprivileged_account()
        binaries = next(installed_binaries(copies=folder if self.account else None), None)
        assert binaries is not None
        self.binaries = binaries
        self.made: list[Cluster] = []

    def make(self) -> Cluster:
        folder = self.folder / f"cluster-{len(self.made)}"
        folder.mkdir()
        cluster = Cluster(folder, self.binaries, self.account)
        cluster.hand_over(folder)
        self.made.append(cluster)
        return cluster

    async def stop(self) -> None:
        for cluster in self.made:
            if cluster.is_running:
                await cluster.stop()


@asynccontextmanager
async def clusters() -> AsyncIterator[Clusters]:
    # not pytest's folder: PostgreSQL's account can't pass through that one
    folder = Path(tempfile.mkdtemp(prefix="charter-chaos-", dir="/var/tmp"))
    folder.chmod(0o711)
    made = Clusters(folder)
    try:
        yield made
    finally:
        await made.stop()
        shutil.rmtree(folder, ignore_errors=True)


def with_port(environment: Mapping[str, str], port: int) -> dict[str, str]:
    """The same database by another way to it."""
    return {**environment, "DB_PORT": str(port)}
