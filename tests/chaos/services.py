"""Services as operators run them: processes of their own, with their logs in files."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2 as httpx
import psutil

from charter.contract.service_under_test import free_port
from tests.conftest import JWT_SECRET

SETTINGS = {
    "ENVIRONMENT": "test",
    "JWT_SECRET": JWT_SECRET,
    "BCRYPT_ROUNDS": "4",
    "LOGINS_PER_MINUTE": "0",
    "REFRESHES_PER_MINUTE": "0",
    "REGISTRATIONS_PER_MINUTE": "0",
    "PASSWORD_CHANGES_PER_MINUTE": "0",
    "DB_SSLMODE": "disable",
}


class Service:
    """`python -m impl serve` on a port that stays the same over every restart."""

    def __init__(self, folder: Path, environment: Mapping[str, str], *command: str) -> None:
        self.port = free_port()
        self.log = folder / f"service-{self.port}.log"
        self.environment = SETTINGS | dict(environment) | {"PORT": str(self.port)}
        self.command = command
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process

    def begin(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, sys.executable, "-m", "impl", "serve"],
                env=os.environ | self.environment,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    async def start(self) -> None:
        """Returns once it is ready."""
        self.begin()
        await self.becomes(200)

    async def becomes(self, status: int, path: str = "/readyz") -> None:
        async with asyncio.timeout(60):
            while await self.status(path) != status:
                assert self.running.poll() is None, self.log.read_text()
                await asyncio.sleep(0.05)

    async def status(self, path: str) -> int:
        """0 where nobody answers."""
        async with httpx.AsyncClient(base_url=self.url, timeout=6) as client:
            try:
                return (await client.get(path)).status_code
            except httpx.TransportError:
                return 0

    async def terminate(self) -> float:
        """The seconds until it has ended by itself."""
        began = asyncio.get_running_loop().time()
        self.running.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(self.running.wait, 20)
        assert code in (0, -signal.SIGTERM, 143), self.log.read_text()
        return asyncio.get_running_loop().time() - began

    def workers(self) -> list[psutil.Process]:
        return [
            child
            for child in psutil.Process(self.running.pid).children()
            if "spawn_main" in " ".join(child.cmdline())
        ]

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            family = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
            self.process.wait(10)
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()

    def complaints(self) -> list[str]:
        """What must never be logged, whatever happens to the database or the network."""
        bad = ("Traceback", "unhandled error", "Exception in", "never retrieved", "broken response")
        return [
            line[:2000]
            for line in self.log.read_text(errors="replace").splitlines()
            if any(words in line for words in bad)
        ]


@asynccontextmanager
async def serving(
    folder: Path, environment: Mapping[str, str], count: int = 2
) -> AsyncIterator[list[Service]]:
    """Services that are ready, each in a process of its own."""
    services = [Service(folder, environment) for _ in range(count)]
    try:
        for service in services:
            service.begin()
        for service in services:
            await service.becomes(200)
        yield services
        assert [line for service in services for line in service.complaints()] == []
    finally:
        for service in services:
            service.stop()
