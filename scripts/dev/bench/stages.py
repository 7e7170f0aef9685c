"""One stage of a tool's work: a process of its own, its CPU time, its memory, and why it failed."""

import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import psutil

LIMIT_SECONDS = 120
LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Stage:
    seconds: float
    """Of CPU, of the process and its children."""
    mebibytes: int
    """The most that all of them held at once (RSS)."""
    output: str
    reason: str
    """Why it failed, in its own words; nothing if it did not."""


def run(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Stage:
    with TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=output, stderr=errors)
        deadline, most = time.monotonic() + LIMIT_SECONDS, 0
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            members = family(process.pid)
            most = max(most, sum(map(resident, members)))
            if time.monotonic() > deadline:
                end(members)
            time.sleep(LOOK_SECONDS)
        _, status, used = ended
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        said, complained = output.read(), errors.read()
    reason = ""
    if time.monotonic() > deadline:
        reason = f"not done in {LIMIT_SECONDS} s"
    elif process.returncode:
        reason = last_words(complained + said) or f"exit code {process.returncode}"
    return Stage(used.ru_utime + used.ru_stime, most // 2**20, said, reason)


def family(number: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(number)
        return [*process.children(recursive=True), process]
    return []


def end(members: Sequence[psutil.Process]) -> None:
    for member in members:
        with suppress(psutil.NoSuchProcess):
            member.kill()


def resident(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        return process.memory_info().rss
    return 0


def last_words(text: str) -> str:
    """The exception at the end of a traceback, the first finding of a list, or the last line."""
    _, traceback, rest = text.rpartition("Traceback (most recent call last):\n")
    lines = [line for line in rest.splitlines() if line.strip()]
    if traceback:
        raised = next(line for line in lines if not line.startswith(" "))
        return re.sub(r"^(\w+\.)+", "", raised)
    findings = [line for line in lines if line.startswith("\t-")]
    return next(iter(findings or reversed(lines)), "").lstrip("\t- ")
