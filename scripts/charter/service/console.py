"""The log as people read it in development: a line for each request, and short tracebacks."""

import logging
import os
import traceback
from pathlib import Path
from typing import ClassVar, TextIO

from charter.runtime.pages import POLLED

ACCESS = "charter.access"
RESET = "\x1b[0m"
DIM, BOLD, RED, GREEN, YELLOW, CYAN = (f"\x1b[{code}m" for code in (2, 1, 31, 32, 33, 36))

OWN = frozenset(vars(logging.makeLogRecord({}))) | {
    "asctime", "color_message", "message", "request_id", "taskName",
}  # fmt: skip
"""What a record has without being told."""
LIBRARIES = ("site-packages", "lib/python")


def has_colours(stream: TextIO) -> bool:
    """As https://no-color.org asks for."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


class NoPolling(logging.Filter):
    """Leaves out what the pages of the docs ask for again and again."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name != ACCESS or getattr(record, "status", 0) >= 400:
            return True
        fields = vars(record)
        return not (fields.get("method") == "HEAD" and fields.get("path") in POLLED)


class OnlyNews(logging.Filter):
    """Leaves out that a server starts and ends as it should."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.name != "uvicorn.error" or record.levelno > logging.INFO


class ConsoleFormatter(logging.Formatter):
    """`12:00:01 GET /items 200 3.2 ms listItems`, and anything else with its level and fields."""

    levels: ClassVar = {logging.WARNING: YELLOW, logging.ERROR: RED, logging.CRITICAL: RED}

    def __init__(self, *, colours: bool) -> None:
        super().__init__(datefmt="%H:%M:%S")
        self.colours = colours

    def format(self, record: logging.LogRecord) -> str:
        time = self.styled(self.formatTime(record, self.datefmt), DIM)
        is_request = record.name == ACCESS and hasattr(record, "status")
        line = f"{time} {self.request(record) if is_request else self.other(record)}"
        if record.exc_info and record.exc_info[1] is not None:
            line += f"\n{self.trace(record.exc_info[1])}"
        return line

    def request(self, record: logging.LogRecord) -> str:
        fields = vars(record)
        status = int(fields["status"])
        colour = RED if status >= 500 else YELLOW if status >= 400 else GREEN
        mock = self.styled(" mock", CYAN) if "unwritten" in fields else ""
        operation = fields.get("unwritten") or fields.get("operation") or ""
        return " ".join(
            (
                self.styled(f"{fields['method']:<7}", BOLD),
                printable(f"{fields['path']:<32}"),
                self.styled(str(status), colour),
                self.styled(f"{fields['milliseconds']:>7.1f} ms", DIM),
                f"{operation}{mock}",
            )
        ).rstrip()

    def other(self, record: logging.LogRecord) -> str:
        level = self.styled(record.levelname.lower(), self.levels.get(record.levelno, DIM))
        fields = {name: value for name, value in vars(record).items() if name not in OWN}
        said = " ".join(f"{name}={value}" for name, value in fields.items())
        return f"{level} {self.styled(record.name, DIM)} {printable(record.getMessage())}" + (
            self.styled(f" {printable(said)}", DIM) if said else ""
        )

    def trace(self, error: BaseException) -> str:
        """The frames of the project's own code, the error, and what it came from."""
        parts = []
        if (cause := error.__cause__ or error.__context__) is not None:
            parts.append(self.trace(cause))
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if is_own(frame.filename)]
        for frame in own or frames[-1:]:
            parts.append(f"  {shown(frame.filename)}:{frame.lineno} in {frame.name}")
            parts.append(self.styled(f"      {frame.line}", DIM))
        said = "".join(traceback.format_exception_only(error)).rstrip()
        parts.append(self.styled("\n".join(f"  {line}" for line in said.splitlines()), RED))
        return "\n".join(parts)

    def styled(self, text: str, style: str) -> str:
        return f"{style}{text}{RESET}" if self.colours else text


def is_own(file: str) -> bool:
    """Whether a file is the project's, and not that of a library or of Charter."""
    path = Path(file)
    in_project = path.is_relative_to(Path.cwd())
    return in_project and not any(part in file for part in LIBRARIES)


def shown(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def printable(text: str) -> str:
    """The text without what moves a terminal's cursor."""
    return "".join(char if char.isprintable() else "·" for char in text)
