"""The program `charter`, run as a user runs it, in a project that has no `.env`."""

import io
import os
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from charter import cli
from charter.postgres import Address
from tests.data import LARGE, ROOT

PROGRAM = (sys.executable, "-m", "charter")
TYPED = {"MYPY_CACHE_DIR": str(ROOT / ".mypy_cache")}
"""For mypy in other projects: what is installed is the same."""

takes_a_minute = pytest.mark.skipif(
    "LONG_TESTS" not in os.environ,
    reason="it takes a minute: LONG_TESTS=1 runs it, as .ci/run does",
)


def each(*documents: Path) -> list[pytest.ParameterSet]:
    """Real documents as parameters of a test; the large ones are for the long run."""
    return [
        pytest.param(path, id=path.name, marks=[takes_a_minute] if path.name in LARGE else [])
        for path in documents
    ]


def charter(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end in this project, with nothing in the environment but PATH and this."""
    return charter_in(ROOT, *arguments, **environment)


def charter_in(
    folder: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PORT": "0", **environment},
        capture_output=True,
        text=True,
        timeout=300,  # of a program that hangs, also where the machine does much else
        check=False,
    )


def charter_here(
    folder: Path, *arguments: str | Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The same in the process of the test, for a verb that ends by itself.

    Half a second less for each: what an interpreter that starts has to import is there.
    """
    said, complained = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(said),
        redirect_stderr(complained),
    ):
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["charter", *map(str, arguments)])
        for name, value in environment.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            cli.main()
    code = ended.value.code or 0
    assert isinstance(code, int)
    return subprocess.CompletedProcess(arguments, code, said.getvalue(), complained.getvalue())


def read_until(process: subprocess.Popen[str], pattern: str) -> str:
    """What a line of the output says."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(pattern, line):
            return found[1]
    raise AssertionError(f"{pattern} was never said")


def naming(database: Address) -> dict[str, str]:
    """The environment that leads to this database."""
    return database.environment()
