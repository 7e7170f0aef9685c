"""`charter mock` as a designer uses it: started, asked, edited, broken, and stopped."""

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2 as httpx
import pytest

from charter.mock.live import LiveMock
from charter.mock.server import hints
from tests.charter.command_line import PROGRAM, charter, charter_here, read_until

DOCUMENT = """\
openapi: 3.1.0
info: {title: Greetings, version: '1'}
paths:
  /greeting:
    get:
      operationId: greet
      responses:
        '200':
          description: Hello.
          content:
            application/json:
              schema: {$ref: schemas.yaml#/Greeting}
"""
SCHEMAS = "Greeting: {type: string, example: hello}\n"
PATIENCE = 60


@pytest.fixture
def document(tmp_path: Path) -> Path:
    (tmp_path / "openapi.yaml").write_text(DOCUMENT)
    (tmp_path / "schemas.yaml").write_text(SCHEMAS)
    return tmp_path / "openapi.yaml"


@contextmanager
def mocking(document: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and where it listens."""
    process = subprocess.Popen(
        [*PROGRAM, "mock", str(document), "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    limit = threading.Timer(PATIENCE, process.kill)  # who reads its output waits no longer
    limit.start()
    try:
        yield process, read_until(process, r"(http://127\.0\.0\.1:\d+)")
    finally:
        limit.cancel()
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def wait_for(address: str, text: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while (answer := httpx.get(f"{address}/greeting").text) != text:
        assert time.monotonic() < deadline, answer
        time.sleep(0.05)


def test_an_edit_of_any_file_is_live_and_a_broken_one_is_told(document: Path) -> None:
    with mocking(document) as (process, address):
        assert httpx.get(f"{address}/greeting").json() == "hello"

        schemas = document.with_name("schemas.yaml")
        schemas.write_text(SCHEMAS.replace("hello", "good morning"))
        wait_for(address, '"good morning"')

        schemas.write_text("Greeting: [\n")
        told = read_until(process, r"charter: (.*schemas\.yaml:2:1: .*)")
        assert "This is not YAML" in told
        assert "The last valid document stays." in told
        assert httpx.get(f"{address}/greeting").json() == "good morning"

        schemas.write_text(SCHEMAS)
        wait_for(address, '"hello"')


def test_ctrl_c_stops_it(document: Path) -> None:
    with mocking(document) as (process, address):
        assert httpx.get(f"{address}/greeting").status_code == 200

        process.send_signal(signal.SIGINT)

        assert process.wait(PATIENCE) == 130


def test_a_port_in_use_is_one_sentence(document: Path) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        done = charter("mock", str(document), "--port", port)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"charter: Port {port} of 127.0.0.1 can't be opened")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_one_sentence(document: Path, host: str) -> None:
    done = charter("mock", str(document), "--host", host, "--port", "0")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"charter: {host} is no address of this machine: choose another one with --host.\n"
    )


SECURED = """\
security: [{pass: []}, {cookie: [], query: []}, {token: []}, {login: []}]
components:
  securitySchemes:
    unused: {type: http, scheme: digest}
    pass: {type: http, scheme: Basic}
    cookie: {type: apiKey, in: cookie, name: session}
    query: {type: apiKey, in: query, name: key}
    token: {type: http, scheme: bearer}
    login: {type: openIdConnect, openIdConnectUrl: 'https://example.com'}
"""


def test_the_credentials_that_are_shown_are_those_of_the_document(document: Path) -> None:
    document.write_text(DOCUMENT + SECURED)

    contract = LiveMock(document).mock.contract

    credentials = list(hints(contract))[:-4]
    assert [label for label, _ in credentials[1:]] == ["or:"] * 3
    assert [example for _, example in credentials] == [
        "-u user:password",
        "-b 'session=key'",
        "-G -d 'key=key'",
        "-H 'Authorization: Bearer token'",
    ]


def test_without_security_no_credential_is_spoken_of(document: Path) -> None:
    contract = LiveMock(document).mock.contract

    assert [label for label, _ in hints(contract)] == [
        "another answer:",
        "a named example:",
        "other values each time:",
        "a late answer, or a fault:",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html>", ":1:1: This is HTML or XML"),
        ("swagger: '2.0'\n", ":1:1: This is Swagger 2.0"),
        (DOCUMENT.replace("schemas.yaml", "no.yaml"), ":12:24: The reference no.yaml"),
        (DOCUMENT.replace("schemas.yaml#/Greeting", "'#/no'"), ":12:24: The reference #/no leads"),
    ],
)
def test_a_document_that_is_none_is_one_sentence(document: Path, text: str, said: str) -> None:
    document.write_text(text)

    done = charter_here(document.parent, "mock", document, "--port", "0")

    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("charter: ")
    assert said in last
    assert "Traceback" not in done.stderr
