"""A service as operators run it: a process of its own, on a port of its own."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from impl.core.config import Settings
from tests.conftest import JWT_SECRET


class Running:
    """`python -m impl serve`, or a program in its place, on a port of its own."""

    def __init__(self, settings: Settings, *program: str | Path, **environment: str) -> None:
        database = {
            "DB_HOST": settings.db_host,
            "DB_PORT": str(settings.db_port),
            "DB_USER": settings.db_user,
            "DB_PASSWORD": settings.db_password.get_secret_value(),
            "DB_NAME": settings.db_name,
        }
        common = {"JWT_SECRET": JWT_SECRET, "PORT": "0", "ENVIRONMENT": "development"}
        self.process = subprocess.Popen(
            [sys.executable, *(program or ("-m", "impl", "serve"))],
            env=os.environ | database | common | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(r"the API +http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                break
        while self.get("/readyz") != 200:
            time.sleep(0.05)

    def get(self, path: str) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().status

    def send(self, content: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=15)
        connection.sendall(content)
        return connection

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)


Start = Callable[..., Running]


@pytest.fixture
def start(settings: Settings) -> Iterator[Start]:
    running: list[Running] = []

    def started(*program: str | Path, **environment: str) -> Running:
        running.append(Running(settings, *program, **environment))
        return running[-1]

    yield started
    for service in running:
        with service.process:
            service.process.kill()


def everything_logged(service: Running) -> list[str]:
    """The lines of its log, once it has ended."""
    assert service.process.stderr is not None
    return service.process.stderr.read().splitlines()


def everything(connection: socket.socket) -> bytes:
    """All that the service sends until it closes the connection."""
    return b"".join(iter(lambda: connection.recv(4096), b""))
