"""The wheel: built twice, and used where there is nothing else, by a user without rights."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

import charter
from charter.project.template import VERBATIM_IN_WHEEL, verbatim
from tests.data import ROOT, SPECS

NOBODY = 65534
MUSEUM = SPECS / "museum.yaml"
CLEAN = ("PATH", "LANG")


# -- the file -------------------------------------------------------------------------------------


def build(project: Path, out: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    (wheel,) = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("dist"))


def test_two_builds_give_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    """Of one source, in another folder, at another time, and with other rights."""
    copy = tmp_path / "elsewhere"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("scripts", "alembic", "impl", "openapi", "requirements", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored, copy_function=shutil.copy)
    for name in ("pyproject.toml", "README.md", ".env.example", ".gitignore"):
        shutil.copy(ROOT / name, copy)
    for path in copy.rglob("*.py"):
        path.chmod(0o600)

    assert build(copy, tmp_path / "dist").read_bytes() == wheel.read_bytes()


def test_the_wheel_holds_the_package_alone(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    metadata = f"charter-{charter.__version__}.dist-info"

    assert {name.partition("/")[0] for name in names} == {"charter", metadata}
    sources = {
        f"charter/{path.relative_to(ROOT / 'scripts' / 'charter')}"
        for path in (ROOT / "scripts" / "charter").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    template = {VERBATIM_IN_WHEEL + path for path, _ in verbatim()}
    derived = {name for name in names if name.startswith("charter/project/template/sources/")}
    assert {name for name in names if name.startswith("charter/")} == sources | template | derived
    assert len(derived) == 5  # the document, the settings, and three locks
    assert "charter/py.typed" in names


# -- what it installs -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Installation:
    """An environment with the wheel, and an empty folder that belongs to its user."""

    environment: Path
    home: Path

    def start(self, *arguments: str, within: str = ".") -> "subprocess.Popen[str]":
        """`charter` with these arguments, in a folder below the user's."""
        as_root = os.getuid() == 0
        kept = {name: os.environ[name] for name in CLEAN if name in os.environ}
        return subprocess.Popen(
            [self.environment / "bin" / "charter", *arguments],
            cwd=self.home / within,
            env=kept | {"HOME": str(self.home), "COLUMNS": "80"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            user=NOBODY if as_root else None,
            group=NOBODY if as_root else None,
            extra_groups=[] if as_root else None,
        )

    def run(self, *arguments: str, within: str = ".") -> subprocess.CompletedProcess[str]:
        with self.start(*arguments, within=within) as process:
            said = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, *said)

    def packages(self) -> list[str]:
        """All distributions but this one."""
        folders = self.environment.glob("lib/python*/site-packages/*.dist-info")
        names = {folder.name.partition("-")[0].lower() for folder in folders}
        return sorted(names - {"charter", "pip", "setuptools"})


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that every user may look into, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="charter-wheel-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def runtime(wheel: Path, place: Path) -> Installation:
    return install(f"charter @ {wheel.as_uri()}", place / "runtime")


@pytest.fixture(scope="module")
def tool(wheel: Path, place: Path) -> Installation:
    return install(f"charter[tool] @ {wheel.as_uri()}", place / "tool")


def install(requirement: str, place: Path) -> Installation:
    """From what uv has kept, else from the index; the versions are those of the lock."""
    home, environment = place / "home", place / "environment"
    home.mkdir(parents=True)
    if os.getuid() == 0:
        os.chown(home, NOBODY, NOBODY)
    versions = place / "versions.txt"
    lock = (ROOT / "requirements" / "dev.txt").read_text()
    versions.write_text("\n".join(re.findall(r"^\S+==\S+", lock, re.MULTILINE)))
    uv = shutil.which("uv")
    if uv:
        run(uv, "venv", "--quiet", "--python", interpreter(), str(environment))
        into = [uv, "pip", "install", "--quiet", "--python", str(environment / "bin" / "python")]
    else:
        run(interpreter(), "-m", "venv", str(environment))
        into = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    wanted = ["--constraint", str(versions), requirement]
    if not (uv and succeeds(*into, "--offline", *wanted)):
        run(*into, *wanted)
    return Installation(environment, home)


def interpreter() -> str:
    """A Python that the user may start, too: what lies in root's own folder is for root alone."""
    ours = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    if os.getuid() != 0:
        return str(ours)
    for candidate in (ours, Path("/usr/bin/python3"), Path("/usr/local/bin/python3")):
        needed = "sys" if shutil.which("uv") else "ensurepip, sys"
        check = [str(candidate), "-c", f"import {needed}; sys.exit(sys.version_info < (3, 11))"]
        try:
            done = subprocess.run(
                check, user=NOBODY, group=NOBODY, cwd="/", check=False, timeout=60
            )
        except OSError:
            continue
        if done.returncode == 0:
            return str(candidate)
    pytest.skip("No Python here makes an environment that another user than root may use.")


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


# -- the runtime alone ----------------------------------------------------------------------------


def test_a_service_needs_at_most_25_packages(runtime: Installation) -> None:
    assert len(runtime.packages()) <= 25, runtime.packages()


def test_the_runtime_alone_says_which_extra_brings_the_command_line(runtime: Installation) -> None:
    done = runtime.run("--help")

    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"charter: .*pip install 'charter\[tool\]'\.\n", done.stderr)


# -- the tool -------------------------------------------------------------------------------------


def test_the_tool_needs_less_than_54_packages(tool: Installation) -> None:
    assert len(tool.packages()) < 54, tool.packages()


def test_it_says_its_version_and_where_it_is(tool: Installation) -> None:
    done = tool.run("--version")

    (package,) = tool.environment.glob("lib/python*/site-packages/charter")
    assert done.stdout == f"charter {charter.__version__} from {package}\n", done.stderr


def test_it_checks_a_document(tool: Installation) -> None:
    document = tool.home / "checked.yaml"
    document.write_text(MUSEUM.read_text().replace("operationId: getMuseumHours", "operationID: a"))

    done = tool.run("lint", "checked.yaml")

    assert done.returncode == 1, done.stderr
    assert re.search(r"^checked\.yaml:\d+:\d+: .*operationID", done.stdout, re.MULTILINE)


def test_it_compares_documents(tool: Installation) -> None:
    older, newer = tool.home / "older.yaml", tool.home / "newer.yaml"
    shutil.copy(MUSEUM, older)
    newer.write_text(MUSEUM.read_text().replace("  /museum-hours:", "  /hours:"))

    done = tool.run("diff", "older.yaml", "newer.yaml")

    assert done.returncode == 1, done.stderr
    assert "/museum-hours" in done.stdout
    assert tool.run("diff", "older.yaml", "older.yaml").returncode == 0


def test_it_serves_a_document(tool: Installation) -> None:
    shutil.copy(MUSEUM, tool.home / "served.yaml")
    with tool.start("mock", "served.yaml", "--port", "0") as mock:
        assert mock.stdout is not None
        try:
            address = next(
                filter(None, (re.search(r"http://\S+:\d+", line) for line in mock.stdout))
            )
            request = urllib.request.Request(  # noqa: S310 - of our own program
                f"{address[0]}/special-events", headers={"Authorization": "Basic bWU6cGFzcw=="}
            )
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                events = json.load(answer)
        finally:
            mock.terminate()

    assert events[0]["name"]


def test_it_generates_in_a_project(tool: Installation) -> None:
    project = tool.home / "project"
    shutil.copytree(ROOT / "openapi", project / "openapi")
    (project / "pyproject.toml").write_text("[tool.charter]\n")
    for path in (project, *project.rglob("*")):
        path.chmod(0o777)

    done = tool.run("generate", within="project")

    assert done.returncode == 0, done.stderr
    assert (project / "generated" / "schemas.py").read_text() == (
        ROOT / "generated" / "schemas.py"
    ).read_text()


@pytest.mark.parametrize("verb", ["generate", "serve", "migrate", "test", "check", "fuzz"])
def test_a_verb_that_needs_a_project_says_so(tool: Installation, verb: str) -> None:
    done = tool.run(verb)

    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"charter: There is no project in .+\n", done.stderr)
