"""Breaks each point of docs/security.md once in the code: its tests must fail.

`python -m dev.break_points [POINT ...]` works on a copy of the tree, and prints what noticed each;
exit code 1 if a broken point passed its tests, 2 if break_points.toml fits the code no more.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).with_suffix(".toml")
PAGE = Path("docs", "security.md")
COPIED = (
    ".env.example", "alembic", "docs", "generated", "impl", "openapi", "pyproject.toml", "scripts",
    "tests", "README.md", "SECURITY.md",
)  # fmt: skip
TEST = re.compile(r"  - `(.+)`")
FAILURE = re.compile(r"^(?:FAILED|ERROR) \S+?::(\S+)", re.MULTILINE)
SECONDS = 600
"""How long the tests of a point may take; a broken service may hang."""
USAGE_ERROR, NONE_CHOSEN = 4, 5  # exit codes of pytest


class Unfit(Exception):
    """The table does not fit the code; the message names the entry."""


@dataclass(frozen=True)
class Break:
    """One way to break a point."""

    point: str
    means: str
    file: str
    replace: Sequence[tuple[str, str]]

    def apply(self, root: Path) -> str:
        """Break the file below a root, and return what it held. Raises Unfit."""
        path = root / self.file
        text = whole = path.read_text()
        for old, new in self.replace:
            if old not in text:
                raise Unfit(f"{TABLE.name}: {self.point} replaces what {self.file} does not hold.")
            text = text.replace(old, new)
        path.write_text(text)
        return whole


def breaks() -> list[Break]:
    """In the order of the table."""
    table = tomllib.loads(TABLE.read_text())
    return [
        Break(one["point"], one["means"], one["file"], [(old, new) for old, new in one["replace"]])
        for one in table["break"]
    ]


def holders(root: Path = ROOT) -> Mapping[str, list[str]]:
    """The tests of each point, by the index of the page."""
    found: dict[str, list[str]] = {}
    index = (root / PAGE).read_text().partition("\n## Index\n")[2]
    for line in index.splitlines():
        if line.startswith("- "):
            found[line.removeprefix("- ")] = []
        elif match := TEST.fullmatch(line):
            found[list(found)[-1]].append(match[1])
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when the tests of every broken point failed."""
    parser = argparse.ArgumentParser(prog="python -m dev.break_points", description=__doc__)
    parser.add_argument("points", nargs="*", help="such as TOK-1; all if left out")
    chosen = parser.parse_args(arguments)
    wanted = [one for one in breaks() if one.point in chosen.points or not chosen.points]
    survived = []
    with tempfile.TemporaryDirectory(prefix="charter-broken-") as folder:
        root = copied(Path(folder))
        for one in wanted:
            began = time.monotonic()
            noticed = notice(one, root)
            seconds = time.monotonic() - began
            print(f"{one.point:<8} {seconds:>4.0f} s  {noticed or 'SURVIVED':<70}  {one.means}")
            sys.stdout.flush()
            if not noticed:
                survived.append(one.point)
    print(f"{len(wanted) - len(survived)} of {len(wanted)} broken points were noticed.")
    return 1 if survived else 0


def copied(root: Path) -> Path:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(source, root / name, ignore=ignored)
        elif source.exists():
            shutil.copy(source, root / name)
    return root


def notice(one: Break, root: Path) -> str:
    """The test that failed first; empty if none did."""
    whole = one.apply(root)
    try:
        nodes = holders(root)[one.point]
        named = one.point.lower().replace("-", "_")
        by_case = [] if any(named in node for node in nodes) else ["-k", named]
        return failure(root, *nodes, *by_case) or failure(root, *nodes)
    finally:
        (root / one.file).write_text(whole)


def failure(root: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root / "scripts"), str(root)])}
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=SECONDS,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"nothing ended within {SECONDS} s"
    if done.returncode in (0, NONE_CHOSEN):
        return ""
    if done.returncode == USAGE_ERROR:
        raise Unfit(f"{PAGE} names tests that are not there: {done.stderr.strip()}")
    match = FAILURE.search(done.stdout)
    return match[1][:70] if match else f"pytest ended with {done.returncode}"


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Unfit as error:
        print(error, file=sys.stderr)
        sys.exit(2)
