"""How the service ends: not ready first, then no new connections, and nobody is cut off."""

import contextlib
import json
import socket
import time

import pytest

from tests.commands.conftest import Running, Start, everything


def half_a_registration(service: Running) -> socket.socket:
    head = b"POST /users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return service.send(head + b"Content-Length: 70\r\n\r\n" + b'{"email": ')


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
