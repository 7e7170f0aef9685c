"""The log on a developer's terminal: a line for each request, short tracebacks, no polling."""

import io
import logging
import sys
from collections.abc import Iterator

import pytest

from charter.service.console import ACCESS, ConsoleFormatter, NoPolling
from charter.service.telemetry import LogFormat, configure_logging


@pytest.fixture
def handlers() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def request(method: str = "GET", path: str = "/items/1", status: int = 200) -> logging.LogRecord:
    fields = {
        "name": ACCESS, "levelno": logging.INFO, "levelname": "INFO", "msg": "request",
        "method": method, "path": path, "status": status, "milliseconds": 3.25,
    }  # fmt: skip
    return logging.makeLogRecord(fields | {"operation": "getItem", "address": "127.0.0.1"})


def test_a_request_is_one_line() -> None:
    line = ConsoleFormatter(colours=False).format(request())

    assert line.split()[1:] == ["GET", "/items/1", "200", "3.2", "ms", "getItem"]
    assert "\n" not in line


@pytest.mark.parametrize(("status", "colour"), [(200, 32), (404, 33), (500, 31)])
def test_the_status_has_a_colour_on_a_terminal(status: int, colour: int) -> None:
    line = ConsoleFormatter(colours=True).format(request(status=status))

    assert f"\x1b[{colour}m{status}\x1b[0m" in line


def test_a_path_moves_no_cursor() -> None:
    line = ConsoleFormatter(colours=False).format(request(path="/\x1b[2J\n"))

    assert line.isprintable()


def test_a_traceback_names_the_projects_own_lines() -> None:
    try:
        try:
            int("x")
        except ValueError as error:
            raise RuntimeError("no number") from error
    except RuntimeError:
        record = logging.makeLogRecord({"msg": "failed", "exc_info": sys.exc_info()})

    text = ConsoleFormatter(colours=False).format(record)

    assert "tests/core/test_console.py:" in text
    assert text.index("ValueError: invalid literal") < text.index("RuntimeError: no number")
    assert "Traceback" not in text


def test_other_lines_have_their_fields() -> None:
    fields = {"name": "impl", "levelname": "WARNING", "msg": "database unavailable"}
    record = logging.makeLogRecord({**fields, "levelno": logging.WARNING, "reason": "Timeout"})

    line = ConsoleFormatter(colours=False).format(record)

    assert line.endswith("warning impl database unavailable reason=Timeout")


@pytest.mark.parametrize(
    ("method", "path", "status", "is_logged"),
    [
        ("HEAD", "/openapi.yaml", 200, False),
        ("HEAD", "/openapi.json", 304, False),
        ("HEAD", "/docs/overview", 200, False),
        ("HEAD", "/docs/overview", 500, True),
        ("GET", "/openapi.yaml", 200, True),
        ("HEAD", "/items", 200, True),
    ],
)
def test_polls_of_the_docs_are_left_out(
    method: str, path: str, status: int, is_logged: bool
) -> None:
    assert NoPolling().filter(request(method, path, status)) is is_logged


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize(
    ("stream", "form", "production", "is_json"),
    [
        (Terminal, LogFormat.AUTO, False, False),
        (Terminal, LogFormat.AUTO, True, True),
        (Terminal, LogFormat.JSON, False, True),
        (io.StringIO, LogFormat.AUTO, False, True),
        (io.StringIO, LogFormat.CONSOLE, False, False),
    ],
)
def test_people_get_lines_and_programs_json(
    stream: type[io.StringIO],
    form: LogFormat,
    production: bool,
    is_json: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = stream()
    monkeypatch.setattr(sys, "stderr", written)
    configure_logging("INFO", form, production=production)

    logging.getLogger("impl").warning("said")

    assert written.getvalue().startswith("{") is is_json
    assert "said" in written.getvalue()
