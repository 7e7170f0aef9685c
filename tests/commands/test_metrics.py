"""What Prometheus reads, however many workers there are."""

import re
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.commands.conftest import Running, Start

SAMPLE = re.compile(r"^(charter_\w+)\{(.*)\} ([0-9.e+-]+)$", re.MULTILINE)


def counters(service: Running) -> dict[tuple[str, str], float]:
    """The value of each series that may only grow."""
    connection = HTTPConnection("127.0.0.1", service.port, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return {
        (name, labels): float(value)
        for name, labels, value in SAMPLE.findall(text)
        if not name.endswith("_created")
    }


@pytest.mark.parametrize("workers", ["1", "2"], ids=["one worker", "two workers"])
def test_metrics_count_the_requests_of_all_workers_and_never_fall(
    start: Start, workers: str
) -> None:
    service = start(WORKERS=workers, LOG_LEVEL="ERROR")
    series = ("charter_requests_total", 'operation="getLiveness",status="200"')
    before: dict[tuple[str, str], float] = {}

    for _ in range(30):
        assert service.get("/livez") == 200
        now = counters(service)
        assert {key: value for key, value in before.items() if now.get(key, 0) < value} == {}
        before = now
    time.sleep(0.2)  # a request is counted after its answer

    assert counters(service)[series] == 30


def test_metrics_name_operations_and_statuses(start: Start) -> None:
    service = start(LOG_LEVEL="ERROR")
    service.get("/users/me")
    service.get("/nowhere")

    found = counters(service)

    for name in ("charter_requests_total", "charter_request_seconds_count"):
        assert found[name, 'operation="getMe",status="401"'] == 1
        assert found[name, 'operation="none",status="404"'] == 1


def test_metrics_of_several_workers_leave_nothing_behind(start: Start, tmp_path: Path) -> None:
    service = start(WORKERS="2", DRAIN_SECONDS="0", TMPDIR=str(tmp_path))
    assert len(list(tmp_path.glob("charter-metrics-*"))) == 1

    service.terminate()
    service.process.wait(timeout=15)

    assert list(tmp_path.iterdir()) == []
