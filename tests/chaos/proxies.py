"""Programs between clients, services and database, run with the files that the docs hand out."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.data import ROOT

FILES = ROOT / "docs" / "operations"


def required(program: str, package: str) -> str:
    """Skips the test, which CI lists at its end, where the program is missing."""
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed: apt-get install {package}")
    return found


@asynccontextmanager
async def running(
    command: Sequence[str | Path], environment: Mapping[str, str], log: Path, port: int
) -> AsyncIterator[None]:
    """The program, from when it listens on the port."""
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=os.environ | dict(environment), stderr=file)
    try:
        async with asyncio.timeout(10):
            while not await listens(port):
                assert process.poll() is None, log.read_text()
                await asyncio.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait(10)


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
