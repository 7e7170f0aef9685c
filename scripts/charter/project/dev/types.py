"""The type checker, kept warm: mypy's daemon checks the services after each edit."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from time import monotonic

from charter.document.excerpts import excerpt
from charter.document.overview_page import Remark
from charter.project import Project

STATUS = Path(".data") / "dev" / "dmypy.json"
DAEMON = ("nice", "-n", "10", sys.executable, "-m", "mypy.dmypy", "--status-file", str(STATUS))
"""It works after whatever else a save sets in motion."""
OPTIONS = (
    "--show-column-numbers", "--no-pretty", "--no-error-summary", "--no-color-output",
    "--show-error-codes",
)  # fmt: skip
FOUND = re.compile(r"(?P<place>(?P<file>[^:\n]+):(?P<line>\d+):(?P<column>\d+)): error: "
                   r"(?P<message>.*?)(?:  \[(?P<code>[\w-]+)\])?$")  # fmt: skip


class Types:
    """Checks that the services keep what `generated/` promises of them."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.is_installed = find_spec("mypy") is not None
        self.process: subprocess.Popen[str] | None = None
        self.is_outdated = False
        self.began = 0.0
        self.seconds = 0.0
        """That the last check took."""

    def check(self) -> None:
        """Begin a check; if one runs, another one follows it."""
        if not self.is_installed:
            return
        if self.process is not None:
            self.is_outdated = True
            return
        self.is_outdated = False
        self.began = monotonic()
        (self.project.root / STATUS).parent.mkdir(parents=True, exist_ok=True)
        targets = [str(self.project.generated.relative_to(self.project.root)), "impl"]
        self.process = self._daemon("run", "--", *OPTIONS, *targets)

    def poll(self) -> list[Remark] | None:
        """What the last check found, once it has ended; None before."""
        if self.process is None or self.process.poll() is None:
            return None
        said, _ = self.process.communicate()
        self.process = None
        self.seconds = monotonic() - self.began
        if self.is_outdated:
            self.check()
            return None
        return list(remarks(said, self.project.root))

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
        if (self.project.root / STATUS).exists():
            self._daemon("kill").communicate()

    def _daemon(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*DAEMON, *arguments],
            cwd=self.project.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def remarks(said: str, root: Path) -> Iterator[Remark]:
    for line in said.splitlines():
        if found := FOUND.match(line):
            file, row, column = root / found["file"], int(found["line"]), int(found["column"])
            yield Remark(
                "error",
                f"types {found['code'] or ''}".rstrip(),
                found["place"],
                found["message"],
                excerpt(file, row, column),
            )
