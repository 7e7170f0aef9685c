"""How the service ends: not ready first, then no new connections, and nobody is cut off."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection

import pytest

from impl.core.config import Settings
from tests.conftest import JWT_SECRET


class Running:
    """`python -m impl serve` on a port of its own."""

    def __init__(self, settings: Settings, **environment: str) -> None:
        database = {
            "DB_HOST": settings.db_host,
            "DB_PORT": str(settings.db_port),
            "DB_USER": settings.db_user,
            "DB_PASSWORD": settings.db_password.get_secret_value(),
            "DB_NAME": settings.db_name,
        }
        common = {"JWT_SECRET": JWT_SECRET, "PORT": "0", "ENVIRONMENT": "development"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "impl", "serve"],
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

    def started(**environment: str) -> Running:
        running.append(Running(settings, **environment))
        return running[-1]

    yield started
    for service in running:
        with service.process:
            service.process.kill()


def half_a_registration(service: Running) -> socket.socket:
    head = b"POST /users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return service.send(head + b"Content-Length: 70\r\n\r\n" + b'{"email": ')


def everything(connection: socket.socket) -> bytes:
    """All that the service sends until it closes the connection."""
    return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.mark.parametrize("workers", ["1", "2"], ids=["one worker", "two workers"])
def test_rel_5_the_service_is_not_ready_before_it_refuses_connections(
    start: Start, workers: str
) -> None:
    service = start(WORKERS=workers, DRAIN_SECONDS="2")

    began = time.monotonic()
    service.terminate()
    seen = []
    while time.monotonic() - began < 9:
        try:
            seen.append((service.get("/readyz"), service.get("/livez")))
        except ConnectionError:
            seen.append((0, 0))
            break
        time.sleep(0.1)

    assert (503, 200) in seen
    assert seen[-1] == (0, 0)
    assert time.monotonic() - began < 5  # and nobody waited for an answer that never came
    assert service.process.wait(timeout=10) in (0, 143)


@pytest.mark.parametrize("workers", ["1", "2"], ids=["one worker", "two workers"])
def test_rel_5_the_service_ends_within_ten_seconds_whatever_its_clients_do(
    start: Start, workers: str
) -> None:
    service = start(WORKERS=workers, DRAIN_SECONDS="0.5")
    with contextlib.ExitStack() as stack:
        stuck = [stack.enter_context(half_a_registration(service)) for _ in range(10)]
        stack.enter_context(service.send(b"GET /livez HTTP/1.1\r\nHost"))
        time.sleep(0.5)

        began = time.monotonic()
        service.terminate()
        answers = [everything(connection) for connection in stuck]
        code = service.process.wait(timeout=15)

    assert time.monotonic() - began <= 10
    assert code in (0, 143)
    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 503")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"application/problem+json" in head
        assert b"retry-after" in head.lower()
        assert json.loads(body)["status"] == 503
    assert service.process.stderr is not None
    assert "Traceback" not in service.process.stderr.read()


def test_rel_5_a_second_signal_ends_the_wait(start: Start) -> None:
    service = start(DRAIN_SECONDS="60")

    service.terminate()
    time.sleep(0.3)
    service.terminate()

    assert service.process.wait(timeout=10) in (0, 143)
