"""Generated clients, and programs that use them, compiled as strictly as their compilers can."""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from charter.sdk import command

PROGRAMS = Path(__file__).with_name("programs")
SHOP = Path(__file__).with_name("shop.yaml")
NPX = ("npx", "--yes", "--prefer-offline", "--package", command.COMPILER, "-c")


def run(*arguments: str | Path, cwd: Path, seconds: float = 300) -> str:
    """What a program said. Fails with it when the program fails."""
    done = finished(*arguments, cwd=cwd, seconds=seconds)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def finished(
    *arguments: str | Path, cwd: Path, seconds: float = 300
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, cwd=cwd, capture_output=True, text=True, timeout=seconds, check=False
    )


@functools.cache
def compiler() -> str | None:
    """Where npx keeps the compiler of TypeScript; None where one of them is not to be had."""
    if shutil.which("npx") is None:
        return None
    found = finished(*NPX, "command -v tsc && tsc --version", cwd=Path.cwd())
    return found.stdout.splitlines()[0] if found.returncode == 0 else None


def require_compiler() -> None:
    """Skips the test, loudly, where Node or the compiler of TypeScript is not to be had."""
    if compiler() is None:
        pytest.skip(f"TypeScript clients were NOT TESTED: {command.COMPILER} can't be run here")


def python_client(document: Path, folder: Path, *programs: str, name: str | None = None) -> Path:
    """The folder that holds the client's package and the programs."""
    command.run("python", document, name=name, out=folder)
    package = folder / "python"
    for program in programs:
        shutil.copy(PROGRAMS / program, package)
    return package


def mypy(*arguments: str | Path, cwd: Path) -> str:
    """Raises AssertionError with what it has found."""
    kept = Path(os.environ.get("TMPDIR", "/tmp")) / f"charter-sdk-mypy-{os.getuid()}"  # noqa: S108
    strict = (sys.executable, "-m", "mypy", "--strict", "--cache-dir", kept)
    return run(*strict, *arguments, cwd=cwd, seconds=900)


def python(*arguments: str | Path, cwd: Path) -> str:
    """What a Python program said, to which warnings are errors."""
    return run(sys.executable, "-W", "error", *arguments, cwd=cwd)


def typescript_client(
    document: Path, folder: Path, *programs: str, name: str | None = None
) -> Path:
    """The folder that holds the programs, and the client's package among its modules."""
    require_compiler()
    command.run("typescript", document, name=name, out=folder)
    modules = folder / "node_modules"
    modules.mkdir()
    package = folder / "typescript"
    (modules / package_name(package)).symlink_to(package, target_is_directory=True)
    (folder / "package.json").write_text('{"type": "module"}')
    for program in (*programs, "tsconfig.json"):
        shutil.copy(PROGRAMS / program, folder)
    return folder


def package_name(package: Path) -> str:
    first = next(
        line for line in (package / "package.json").read_text().splitlines() if "name" in line
    )
    return first.split('"')[3]


def tsc(cwd: Path) -> str:
    """Raises AssertionError with what it has found."""
    program = compiler()
    assert program is not None
    return run(program, "--project", ".", cwd=cwd)


def node(*arguments: str | Path, cwd: Path) -> str:
    return run("node", *arguments, cwd=cwd)


@contextmanager
def serving(*arguments: str | Path) -> Iterator[str]:
    """The address that a program says it serves at, in its first line."""
    with subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(10)
