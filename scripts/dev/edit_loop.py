"""How long a save takes until the new operation answers: `python -m dev.edit_loop`.

Starts `charter dev` on a copy of this repository's document, alone and in a copy of the service,
adds an operation fifty times, and asks for it until it answers. A pause lies between two edits; the
services' own code is generated and restarted meanwhile.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

import httpx2 as httpx

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("openapi", "generated", "impl", "alembic", "pyproject.toml")
EDITS = 50
EVERY = 0.02
"""Seconds between two requests."""
PATIENCE = 120.0
STARTED = re.compile(r"http://127\.0\.0\.1:\d+")

OPERATION = """\
  /edits/{number}:
    get:
      tags: [items]
      operationId: edit{number}
      summary: One of many edits
      security: []
      responses: {{'200': {{description: There it is.}}}}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=EDITS)
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between two edits")
    given = parser.parse_args(arguments)
    for title, is_project in (("a document alone", False), ("a project", True)):
        with tempfile.TemporaryDirectory(prefix="charter-edits-") as folder:
            document = prepared(Path(folder), is_project=is_project)
            with developing(document, is_project=is_project) as address:
                seconds = list(edits(document, address, given.edits, given.pause))
        print(f"{title}: {words(seconds)}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return 0


def prepared(folder: Path, *, is_project: bool) -> Path:
    """A copy to edit, committed so that there is something to compare with."""
    for name in PARTS if is_project else ("openapi",):
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy2(source, folder)
    author = ("-c", "user.name=Editor", "-c", "user.email=editor@example.com")
    for command in (("init", "-q"), ("add", "."), (*author, "commit", "-qm", "Begin")):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder / "openapi" / "openapi.yaml"


@contextmanager
def developing(document: Path, *, is_project: bool) -> Iterator[str]:
    """`charter dev`, once it answers, and where it does."""
    named = [] if is_project else [str(document)]
    process = subprocess.Popen(
        [sys.executable, "-m", "charter", "dev", *named, "--port", "0"],
        cwd=document.parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None  # it is a pipe
    limit = threading.Timer(PATIENCE, process.kill)
    limit.start()
    try:
        address = next(found[0] for line in process.stdout if (found := STARTED.search(line)))
        threading.Thread(target=process.stdout.read, daemon=True).start()
        wait_for(f"{address}/docs/overview")
        limit.cancel()
        yield address
    finally:
        limit.cancel()
        process.terminate()
        process.wait()


def edits(document: Path, address: str, number: int, pause: float) -> Iterator[float]:
    """The seconds from each save to the first answer of its operation."""
    text = document.read_text()
    for index in range(number):
        time.sleep(pause)
        added = OPERATION.format(number=index)
        document.write_text(text.replace("paths:\n", f"paths:\n{added}", 1))
        saved = time.perf_counter()
        wait_for(f"{address}/edits/{index}")
        yield time.perf_counter() - saved


def wait_for(url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    with httpx.Client(timeout=PATIENCE) as client:
        while client.get(url).status_code != httpx.codes.OK:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{url} did not answer in {PATIENCE:.0f} s.")
            time.sleep(EVERY)


def words(seconds: Sequence[float]) -> str:
    tenth = quantiles(seconds, n=10)[-1]
    return (
        f"{len(seconds)} edits, median {median(seconds):.2f} s, 90 % within {tenth:.2f} s,"
        f" at most {max(seconds):.2f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
