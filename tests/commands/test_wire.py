"""What the service reads from a connection: how much, for how long, and in one way only.

HTTP-5 and HTTP-6 of docs/security.md, with raw sockets on the process that operators run.
"""

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import psutil
import pytest

from impl.core.config import Settings
from tests.commands.conftest import Running, Start, everything, everything_logged

HEADER_SECONDS = 1.0
BODY_SECONDS = 2.0
KEEP_ALIVE_SECONDS = 1
REQUEST_SECONDS = 2.0
MORE_THAN_BUFFERS = 200
"""Answers that the system's buffers can't hold."""
SLACK = 1.0
"""Seconds that a busy machine may take to notice."""

ACCOUNT = b'{"email": "%s@example.com", "password": "engines-weave-algebra"}'


@pytest.fixture(scope="module")
def service(settings: Settings) -> Iterator[Running]:
    running = Running(
        settings,
        HEADER_TIMEOUT_SECONDS=str(HEADER_SECONDS),
        BODY_TIMEOUT_SECONDS=str(BODY_SECONDS),
        KEEP_ALIVE_SECONDS=str(KEEP_ALIVE_SECONDS),
        REQUEST_TIMEOUT_SECONDS=str(REQUEST_SECONDS),
        REGISTRATIONS_PER_MINUTE="0",
        BCRYPT_ROUNDS="4",
        LOG_LEVEL="ERROR",
    )
    yield running
    with running.process:
        running.process.kill()


def get(target: bytes, *fields: bytes, host: bytes = b"Host: x") -> bytes:
    return b"\r\n".join([b"GET " + target + b" HTTP/1.1", host, *fields, b"", b""])


def register(*fields: bytes, content: bytes = b"") -> bytes:
    lines = [b"POST /users HTTP/1.1", b"Host: x", b"Content-Type: application/json", *fields]
    return b"\r\n".join([*lines, b"", content])


def chunked(content: bytes, *trailers: bytes) -> bytes:
    return b"\r\n".join([b"%x" % len(content), content, b"0", *trailers, b"", b""])


def answers(received: bytes) -> list[tuple[int, dict[str, str], bytes]]:
    """Status, fields and content of each response."""
    found = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(fields.get("content-length", 0))
        found.append((int(first.split()[1]), fields, received[:length]))
        received = received[length:]
    return found


def statuses(service: Running, *messages: bytes) -> list[int]:
    """Of what is answered until the service closes the connection."""
    with service.send(b"".join(messages)) as connection:
        return [status for status, _, _ in answers(everything(connection))]


def drip(connection: socket.socket, text: bytes) -> tuple[bytes, float]:
    """All that comes while a byte is sent now and then, and how long the connection lasted."""
    began = time.monotonic()
    connection.settimeout(0.1)
    received = b""
    while time.monotonic() - began < 15:
        try:
            connection.sendall(text)
            part = connection.recv(4096)
        except TimeoutError:
            continue
        except ConnectionError:
            break
        if not part:
            break
        received += part
    return received, time.monotonic() - began


# -- HTTP-5 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start", [b"", b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: "], ids=["target", "field"]
)
def test_http_5_a_header_that_drips_is_ended(service: Running, start: bytes) -> None:
    with service.send(start or b"GET /") as connection:
        received, seconds = drip(connection, b"a")

    ((status, fields, content),) = answers(received)
    assert (status, fields["content-type"]) == (408, "application/problem+json")
    assert json.loads(content)["status"] == 408
    assert seconds < HEADER_SECONDS + SLACK


@pytest.mark.parametrize("first", [b"", get(b"/livez")], ids=["at first", "after a request"])
def test_http_5_empty_lines_keep_no_connection_open(service: Running, first: bytes) -> None:
    with service.send(first) as connection:
        received, seconds = drip(connection, b"\r\n")

    assert [status for status, _, _ in answers(received)] == ([200] if first else [])
    assert seconds < HEADER_SECONDS + SLACK


def test_http_5_a_connection_without_a_request_is_closed(service: Running) -> None:
    began = time.monotonic()

    assert statuses(service) == []

    assert time.monotonic() - began < HEADER_SECONDS + SLACK


@pytest.mark.parametrize(
    ("fields", "text"),
    [(b"Content-Length: 100000", b"a"), (b"Transfer-Encoding: chunked", b"1\r\na\r\n")],
    ids=["length", "chunked"],
)
def test_http_5_a_body_that_drips_is_ended(service: Running, fields: bytes, text: bytes) -> None:
    with service.send(register(fields)) as connection:
        received, seconds = drip(connection, text)

    assert [status for status, _, _ in answers(received)] == [408]
    assert BODY_SECONDS - SLACK < seconds < BODY_SECONDS + SLACK


def test_http_5_a_body_that_drips_after_the_answer_is_ended(service: Running) -> None:
    head = b"POST /items HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    with service.send(head) as connection:
        received, seconds = drip(connection, b"a")

    assert [status for status, _, _ in answers(received)] == [401]
    assert seconds < BODY_SECONDS + SLACK


def test_http_5_an_idle_connection_is_kept_for_a_while(service: Running) -> None:
    with service.send(get(b"/livez")) as connection:
        connection.recv(4096)
        time.sleep(KEEP_ALIVE_SECONDS / 2)
        connection.sendall(get(b"/livez"))
        began = time.monotonic()
        received = everything(connection)

    assert [status for status, _, _ in answers(received)] == [200]
    assert time.monotonic() - began < KEEP_ALIVE_SECONDS + SLACK


def test_http_5_slow_connections_stop_nobody_else(service: Running) -> None:
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(service.send(b"GET /livez HT")) for _ in range(250)]
        slow += [
            stack.enter_context(service.send(register(b"Content-Length: 70"))) for _ in range(250)
        ]
        began = time.monotonic()
        assert service.get("/livez") == 200
        seconds = time.monotonic() - began
        for connection in slow:
            assert [status for status, _, _ in answers(everything(connection))] == [408]

    assert seconds < SLACK


def is_open(service: Running, connection: socket.socket) -> bool:
    """Whether the service holds its end of the connection."""
    ends = connection.getpeername(), connection.getsockname()
    process = psutil.Process(service.process.pid)
    return ends in [(held.laddr, held.raddr) for held in process.net_connections("tcp4")]


def unread(service: Running, message: bytes) -> socket.socket:
    """A connection whose client sends, and reads nothing."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", service.port))
    connection.sendall(message)
    return connection


def wait_until_it_closes(service: Running, connection: socket.socket) -> None:
    deadline = time.monotonic() + BODY_SECONDS + 3 * SLACK
    while is_open(service, connection):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_http_5_who_reads_no_answer_keeps_no_connection(service: Running) -> None:
    with unread(service, get(b"/openapi.json") * MORE_THAN_BUFFERS) as connection:
        time.sleep(REQUEST_SECONDS)
        assert is_open(service, connection)
        wait_until_it_closes(service, connection)


def test_http_5_who_reads_no_answer_is_one_line_of_the_log(start: Start) -> None:
    quick = {
        "BODY_TIMEOUT_SECONDS": str(BODY_SECONDS),
        "REQUEST_TIMEOUT_SECONDS": str(BODY_SECONDS / 4),
    }
    service = start(LOG_FORMAT="json", **quick)
    with unread(service, get(b"/openapi.json") * MORE_THAN_BUFFERS) as connection:
        time.sleep(BODY_SECONDS / 2)
        wait_until_it_closes(service, connection)
    service.terminate()

    lines = [json.loads(line) for line in everything_logged(service)]
    told = [line["message"] for line in lines if line["logger"] == "charter.service.wire"]
    assert told == ["the client does not read its answers"]
    wrong = [line for line in lines if line["level"] != "INFO"]
    assert not wrong, json.dumps(wrong[0], indent=1).replace("\\n", "\n")


# -- HTTP-6 ---------------------------------------------------------------------------------------


def test_http_6_a_header_within_the_limits_is_read(service: Running) -> None:
    fields = b"X-Large: " + b"a" * 60_000
    target = b"/livez?" + b"a" * 8_000

    assert statuses(service, get(b"/livez", fields)) == [200]
    assert statuses(service, get(target, b"Connection: close")) in ([200], [400], [422])


@pytest.mark.parametrize(
    "fields",
    [
        [b"X-Large: " + b"a" * 70_000],
        [b"X-%d: %s" % (number, b"a" * 990) for number in range(70)],
        [b"X-Large: " + b"a" * 10_000_000],
    ],
    ids=["one field", "many fields", "ten megabytes"],
)
def test_http_6_an_oversized_header_is_refused(service: Running, fields: list[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=15) as connection:
        with contextlib.suppress(ConnectionError):  # the service reads no more of it
            connection.sendall(get(b"/livez", *fields))
        received = until_reset(connection)

    assert [status for status, _, _ in answers(received)] == [431]


def until_reset(connection: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(4096):
            received += part
    return received


def test_http_6_an_endless_header_is_refused_before_its_end(service: Running) -> None:
    with service.send(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Large: " + b"a" * 70_000) as connection:
        received = everything(connection)

    assert [status for status, _, _ in answers(received)] == [431]


def test_http_6_a_long_target_is_refused(service: Running) -> None:
    assert statuses(service, get(b"/" + b"a" * 8192)) == [414]
    assert statuses(service, b"GET /" + b"a" * 9000) == [414]


VALID = ACCOUNT % b"v"
LENGTH = b"Content-Length: %d" % len(VALID)
CHUNKED = b"Transfer-Encoding: chunked"

MALFORMED = {
    "no host": (get(b"/livez", host=b"X: y"), 400),
    "two hosts": (get(b"/livez", b"Host: y"), 400),
    "the same host twice": (get(b"/livez", b"Host: x"), 400),
    "an empty host": (get(b"/livez", host=b"Host:"), 400),
    "a list of hosts": (get(b"/livez", host=b"Host: x, y"), 400),
    "a host with a path": (get(b"/livez", host=b"Host: x/y"), 400),
    "a host with a user": (get(b"/livez", host=b"Host: y@x"), 400),
    "length and coding": (register(LENGTH, CHUNKED, content=chunked(VALID)), 400),
    "coding and length": (register(CHUNKED, LENGTH, content=chunked(VALID)), 400),
    "two lengths": (register(LENGTH, b"Content-Length: 1", content=VALID), 400),
    "the same length twice": (register(LENGTH, LENGTH, content=VALID), 400),
    "a list of lengths": (register(LENGTH + b", 1", content=VALID), 400),
    "a signed length": (register(b"Content-Length: +5", content=VALID), 400),
    "another coding": (register(b"Transfer-Encoding: gzip, chunked", content=chunked(VALID)), 501),
    "chunked twice": (register(CHUNKED, CHUNKED, content=chunked(VALID)), 400),
    "chunked, then another": (register(b"Transfer-Encoding: chunked, gzip"), 400),
    "a coding in HTTP/1.0": (
        register(CHUNKED, content=chunked(VALID)).replace(b"HTTP/1.1", b"HTTP/1.0"), 501
    ),
    "bare line feeds": (get(b"/livez").replace(b"\r\n", b"\n"), 400),
    "a bare line feed after a field": (b"GET /livez HTTP/1.1\r\nHost: x\n\r\n", 400),
    "a bare line feed in a chunk": (
        register(CHUNKED, content=chunked(VALID).replace(b"\r\n", b"\n")), 400
    ),
    "a folded field": (get(b"/livez", b"X: a", b" b"), 400),
    "a space before the colon": (get(b"/livez", b"X : a"), 400),
    "a negative chunk": (register(CHUNKED, content=b"-1\r\n\r\n"), 400),
    "content and an upgrade": (
        register(LENGTH, b"Connection: upgrade", b"Upgrade: h2c", content=VALID), 501
    ),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01", 400),
}  # fmt: skip


@pytest.mark.parametrize(("message", "expected"), MALFORMED.values(), ids=MALFORMED.keys())
def test_http_6_an_ambiguous_message_has_one_answer_and_ends_the_connection(
    service: Running, message: bytes, expected: int
) -> None:
    with service.send(message + get(b"/livez")) as connection:
        received = until_reset(connection)

    ((status, fields, _),) = answers(received)
    assert status == expected
    assert fields["connection"] == "close"


def test_http_6_what_is_refused_on_the_wire_is_a_problem_with_the_security_headers(
    service: Running,
) -> None:
    with service.send(b"GET /livez HTTP/1.1\r\n\r\n") as connection:
        ((status, fields, content),) = answers(everything(connection))

    problem = json.loads(content)
    assert problem.keys() >= {"type", "title", "status", "detail", "request_id"}
    assert problem["status"] == status
    assert fields["x-request-id"] == problem["request_id"]
    assert fields["content-type"] == "application/problem+json"
    assert fields["x-content-type-options"] == "nosniff"
    assert fields["cache-control"] == "no-store"
    assert fields["content-security-policy"].startswith("default-src 'none'")


def test_http_6_answers_that_are_due_come_before_the_refusal(service: Running) -> None:
    malformed = register(CHUNKED, content=b"x")

    assert statuses(service, get(b"/livez"), malformed) == [200, 400]
    assert statuses(service, get(b"/livez"), b"nonsense\r\n\r\n") == [200, 400]


def test_http_6_a_field_in_a_trailer_is_no_header(service: Running) -> None:
    email = b"trailer-%d" % time.time_ns()
    message = register(CHUNKED, content=chunked(ACCOUNT % email))
    assert statuses(service, message) == [201]
    form = b"grant_type=password&username=%s@example.com&password=engines-weave-algebra" % email
    head = (
        b"POST /auth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded"
    )
    with service.send(head + b"\r\nContent-Length: %d\r\n\r\n" % len(form) + form) as connection:
        ((_, _, content),) = answers(everything(connection))
    token = json.loads(content)["access_token"].encode()
    shown = b"Authorization: Bearer " + token

    assert statuses(service, get(b"/users/me", shown)) == [200]
    hidden = get(b"/users/me", CHUNKED) + chunked(b"{}", shown)
    assert statuses(service, hidden, get(b"/livez")) == [401, 200]


@pytest.mark.parametrize("part", ["trailer", "extension"])
def test_http_6_an_endless_end_of_a_body_is_refused(service: Running, part: str) -> None:
    start = b"0\r\nX-Large: " if part == "trailer" else b"1;x="
    with service.send(register(CHUNKED, content=start)) as connection:
        with contextlib.suppress(ConnectionError):
            for _ in range(300):
                connection.sendall(b"a" * 4096)
        received = until_reset(connection)

    assert [status for status, _, _ in answers(received)] == [431]


def test_http_6_an_upgrade_is_ignored(service: Running) -> None:
    asked = get(b"/livez", b"Connection: upgrade", b"Upgrade: h2c")

    assert statuses(service, asked, get(b"/livez")) == [200, 200]
