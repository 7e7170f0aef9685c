"""Patroni over etcd: two PostgreSQL servers, of which it decides who is the primary."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import httpx2 as httpx
import psutil
import yaml

from charter.contract.service_under_test import free_port
from tests.chaos.cluster import NAME, PASSWORD, SETTINGS, Cluster, Clusters
from tests.chaos.proxies import FILES, required, running

INSTALL = "patroni"  # or 'patroni[etcd3,psycopg3]' and 'psycopg[binary]' from PyPI
STARTS_WITHIN_SECONDS = 120


class Node:
    """A server of the cluster, and the Patroni that minds it."""

    def __init__(self, cluster: Cluster, name: str, etcd: int) -> None:
        self.cluster = cluster
        self.name = name
        self.rest = free_port()
        self.log = cluster.folder / "patroni.log"
        self.settings = cluster.folder / "patroni.yaml"
        self.settings.write_text(yaml.safe_dump(self.described(etcd)))
        cluster.hand_over(self.settings)
        self.process: subprocess.Popen[bytes] | None = None

    def described(self, etcd: int) -> object:
        """The file that the docs hand out, with the places of this node."""
        described = yaml.safe_load((FILES / "patroni.yaml").read_text())
        here, folder = f"127.0.0.1:{self.cluster.port}", self.cluster.folder
        described["name"] = self.name
        described["etcd3"]["hosts"] = f"127.0.0.1:{etcd}"
        rest = f"127.0.0.1:{self.rest}"
        described["restapi"] |= {"listen": rest, "connect_address": rest}
        described["bootstrap"]["initdb"].append({"auth-host": "scram-sha-256"})
        described["bootstrap"]["pg_hba"] = [
            "host all all 127.0.0.1/32 scram-sha-256",
            "host replication all 127.0.0.1/32 scram-sha-256",
        ]
        described["postgresql"] |= {
            "listen": here,
            "connect_address": here,
            "data_dir": str(self.cluster.data),
            "bin_dir": str(self.cluster.binaries.directory),
            "pgpass": str(folder / "pgpass"),
            "parameters": {**SETTINGS, "listen_addresses": "127.0.0.1"},
        }
        described["postgresql"]["authentication"] = {
            "superuser": {"username": NAME, "password": PASSWORD},
            "replication": {"username": "replicator", "password": PASSWORD},
            "rewind": {"username": NAME, "password": PASSWORD},
        }
        return described

    def begin(self) -> None:
        command: list[str | Path] = [required("patroni", INSTALL), self.settings]
        if account := self.cluster.account:
            command = ["setpriv", f"--reuid={account.uid}", "--clear-groups", *command]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.cluster.folder, env=environment()
            )

    async def is_primary(self) -> bool:
        return await self.answers("/primary")

    async def answers(self, path: str) -> bool:
        """Whether Patroni says that the server is that."""
        async with httpx.AsyncClient(timeout=2) as client:
            try:
                return (await client.get(f"http://127.0.0.1:{self.rest}{path}")).status_code == 200
            except httpx.TransportError:
                return False

    def kill(self, *, whole: bool) -> None:
        """The server at once; with the `whole` machine goes its Patroni, too."""
        if whole and self.process is not None:
            self.process.kill()
            self.process.wait(10)
        for one in self.server():
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)

    def server(self) -> Iterator[psutil.Process]:
        """The postmaster, and what it has started."""
        with contextlib.suppress(OSError, psutil.NoSuchProcess):
            pid = (self.cluster.data / "postmaster.pid").read_text().split()[0]
            postmaster = psutil.Process(int(pid))
            yield from (postmaster, *postmaster.children(recursive=True))


def environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONUNBUFFERED": "1"}


@asynccontextmanager
async def patroni(made: Clusters) -> AsyncIterator[list[Node]]:
    """Two servers, the second of which is the synchronous standby of the first."""
    required("patroni", INSTALL)
    async with AsyncExitStack() as stack:
        clusters = [made.make() for _ in range(2)]
        etcd = await stack.enter_async_context(etcd_server(clusters[0].folder))
        nodes = [Node(cluster, f"node{number}", etcd) for number, cluster in enumerate(clusters)]
        stack.enter_context(ended(nodes))
        nodes[0].begin()
        await becomes(nodes[0], "/primary")
        nodes[1].begin()
        await becomes(nodes[1], "/sync")
        await nodes[0].cluster.execute(f"CREATE DATABASE {NAME}", database="postgres")
        yield nodes


async def becomes(node: Node, path: str) -> None:
    try:
        async with asyncio.timeout(STARTS_WITHIN_SECONDS):
            while not await node.answers(path):
                await asyncio.sleep(0.2)
    except TimeoutError as error:
        raise AssertionError(node.log.read_text()[-4000:]) from error


@asynccontextmanager
async def etcd_server(folder: Path) -> AsyncIterator[int]:
    program = required("etcd", "etcd-server")
    port, peers = free_port(), free_port()
    clients, others = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peers}"
    options = {
        "name": "one",
        "data-dir": folder / "etcd",
        "listen-client-urls": clients,
        "advertise-client-urls": clients,
        "listen-peer-urls": others,
        "initial-advertise-peer-urls": others,
        "initial-cluster": f"one={others}",
        "log-level": "error",
    }
    command = [program, *(f"--{name}={value}" for name, value in options.items())]
    async with running(command, {}, folder / "etcd.log", port):
        yield port


@contextmanager
def ended(nodes: list[Node]) -> Iterator[None]:
    try:
        yield
    finally:
        for node in nodes:
            node.kill(whole=True)
            # which is all that is left of the server
            (node.cluster.data / "postmaster.pid").unlink(missing_ok=True)
