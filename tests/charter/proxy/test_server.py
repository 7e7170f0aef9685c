"""`charter proxy` as a person runs it: started, asked, stopped; and what it refuses to begin."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import pytest

from charter.contract.service_under_test import prepared
from tests.charter.command_line import PROGRAM, charter_here, read_until, takes_a_minute
from tests.charter.proxy.drifting import app
from tests.charter.proxy.test_drifts import KEY, SHELF
from tests.charter.sdk.clients import python, python_client
from tests.data import DOCUMENT
from tests.serving import serving

PATIENCE = 60


@contextmanager
def started(url: str, document: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and where it listens."""
    with subprocess.Popen(
        [*PROGRAM, "proxy", url, str(document), "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process, read_until(process, r"(http://127\.0\.0\.1:\d+) passes")
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("stop", "options", "code"),
    [
        (signal.SIGINT, (), 1),
        (signal.SIGTERM, (), 1),
        (signal.SIGTERM, ("--fail-on", "never"), 0),
    ],
)
def test_a_signal_ends_it_with_a_report(
    stop: signal.Signals, options: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    headers = KEY | {"Drift": "a member is missing"}
    with (
        serving(app, lifespan="off") as url,
        started(url, SHELF, "--report", str(file), *options) as (process, address),
    ):
        httpx.get(f"{address}/books", headers=headers, timeout=PATIENCE)
        read_until(process, "(/0/title is required)")
        process.send_signal(stop)
        said = process.communicate(timeout=PATIENCE)[0]

    assert process.returncode == code
    assert "1 exchange, 1 error." in said
    assert [one["pointer"] for one in json.loads(file.read_text())["findings"]] == ["/0/title"]


@takes_a_minute
def test_the_journey_of_a_client_on_our_own_service_finds_no_fault_of_it(tmp_path: Path) -> None:
    folder = python_client(DOCUMENT, tmp_path, "service_journey.py", "cuts.py")
    file = tmp_path / "report.json"
    tokens = {"ACCESS_TOKEN_SECONDS": "2", "JWT_LEEWAY_SECONDS": "0"}
    with (
        prepared(tmp_path) as services,
        services.service(tmp_path, environment=tokens) as subject,
        started(subject.base_url, DOCUMENT, "--report", str(file)) as (process, address),
    ):
        said = python("service_journey.py", address, "2", cwd=folder)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)

    report = json.loads(file.read_text())
    assert said == "the journey ended well\n"
    assert report["exchanges"] > 20
    found = [(one["operation"], one["status"], one["severity"]) for one in report["findings"]]
    assert found == [("GET /items", 422, "warning")]  # which the journey asks for
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("127.0.0.1:8000",), "127.0.0.1:8000 is no address of a service: write it with its schem"),
        (("ftp://example.com",), "ftp://example.com is no address of a service"),
        (("http://",), "http:// is no address of a service"),
        (("http://a:b@example.com",), "leave out user, query and fragment"),
        (("http://127.0.0.1:1", "--report", "r.txt"), "r.txt tells no format of the report"),
        (("http://127.0.0.1:1", "--report", "/no/r.json"), "There is no folder /no for the report"),
        (("http://127.0.0.1:4012", "--port", "4012"), "is where the proxy itself listens"),
        (("http://localhost:4013", "--port", "4013"), "is where the proxy itself listens"),
    ],
)
def test_what_it_can_not_begin_with_is_one_sentence(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    url, *options = arguments

    done = charter_here(tmp_path, "proxy", url, SHELF, *options)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("charter: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
