"""Makes `.venv` from the hash-pinned lock and hands over to the `charter` in it.

Standard library only: it runs before anything is installed. A stamp in `.venv` names what it was
made of, so that the next start has nothing to do; an interrupted one is made anew.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs this file may have any Python
    sys.exit(
        f"charter: Python 3.11 or newer is needed, and {sys.executable} is"
        f" {sys.version_info[0]}.{sys.version_info[1]}: install one, or name it in PYTHON."
    )

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
CHARTER = VENV / "bin" / "charter"
LOCK = ROOT / "requirements" / "dev.txt"

STAMP = VENV / "made-of"
UNFINISHED = VENV / "unfinished"


class BootstrapError(Exception):
    """The environment can't be made; the message says why, and what helps."""


def main(arguments: Sequence[str]) -> int:
    try:
        if not is_ready():
            prepare()
        os.chdir(ROOT)
        os.execv(CHARTER, [str(CHARTER), *arguments])  # noqa: S606 - no shell is the point
    except BootstrapError as error:
        say(f"charter: {error}")
        return 2
    except OSError as error:
        say(f"charter: {error.filename or ROOT}: {error.strerror}: the environment can't be made.")
        return 2
    except KeyboardInterrupt:
        say("\ncharter: Interrupted. The next start begins anew.")
        return 130


def is_ready() -> bool:
    return CHARTER.exists() and STAMP.exists() and STAMP.read_text() == ingredients()


def ingredients() -> str:
    """What the environment is made of: the lock, the project, a Python, and where it lies."""
    digest = hashlib.sha256(LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes())
    return f"{digest.hexdigest()}\n{PYTHON.resolve()}\n{VENV}\n"


def prepare() -> None:
    """Raises BootstrapError or OSError."""
    if not os.access(ROOT, os.W_OK):
        raise BootstrapError(
            f"{ROOT} can't be written to, and the environment belongs there: make it writable, or"
            " clone the repository to a place of your own."
        )
    with one_at_a_time() as lock:
        if is_ready():  # whoever we waited for has made it
            return
        started = monotonic()
        Installer(lock).install()
        UNFINISHED.unlink()
        STAMP.write_text(ingredients())
        say(f"The environment is ready ({monotonic() - started:.0f} s).")


@contextlib.contextmanager
def one_at_a_time() -> Iterator[int]:
    """Lock the project's directory itself: that leaves no file behind."""
    lock = os.open(ROOT, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another process that makes the environment ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


class Installer:
    """Fills `.venv`, with uv where it is installed, else with venv and pip."""

    def __init__(self, lock: int) -> None:
        self.lock = lock
        self.uv = shutil.which("uv")

    def install(self) -> None:
        if not is_reusable():
            shutil.rmtree(VENV, ignore_errors=True)
            self.make_venv()
        UNFINISHED.touch()
        self.install_packages()
        self.install_project()

    def make_venv(self) -> None:
        if self.uv:
            command = [self.uv, "venv", "--quiet", "--no-project", "--python", sys.executable]
        elif importlib.util.find_spec("ensurepip") and importlib.util.find_spec("venv"):
            command = [sys.executable, "-m", "venv"]
        else:
            raise BootstrapError(
                f"{sys.executable} can't make environments: install the package"
                f" python3.{sys.version_info[1]}-venv (Debian, Ubuntu), or uv."
            )
        self.run("Making .venv", [*command, str(VENV)])

    def install_packages(self) -> None:
        count = len(re.findall(r"^\S+==", LOCK.read_text(), re.MULTILINE))
        if self.uv:
            command = [self.uv, "pip", "sync", "--python", str(PYTHON), "--require-hashes"]
        else:
            command = [*PIP, "install", "--progress-bar=off", "--no-deps"]
            command += ["--require-hashes", "--requirement"]
        self.run(f"Installing {count} packages", [*command, str(LOCK)])

    def install_project(self) -> None:
        """The project itself, as it lies here. What builds it has just been installed."""
        pip = [self.uv, "pip", "install", "--python", str(PYTHON)] if self.uv else [*PIP, "install"]
        offline = "--offline" if self.uv else "--no-index"
        options = [offline, "--no-deps", "--no-build-isolation", "--editable"]
        self.run("Installing Charter itself", [*pip, *options, str(ROOT)])

    def run(self, doing: str, command: Sequence[str]) -> None:
        """Run the command; show that it lives, and what it said only if it fails."""
        environment = {name: os.environ[name] for name in os.environ if name not in MEDDLING}
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=ROOT,
            env=environment,
            pass_fds=[self.lock],  # if we are killed, the next start waits for our child
        ) as process:
            said = Progress(doing).follow(process)
        if process.returncode != 0:
            say("".join(said[-40:]).rstrip())
            raise BootstrapError(
                f"{doing} failed (exit code {process.returncode}); the reason stands above. If"
                " it is the network, set what your proxy or package index needs and start again."
            )


PIP = (str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", "--no-color")

MEDDLING = ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX")
"""What would make an installer put things elsewhere."""


def is_reusable() -> bool:
    """Whether `.venv` is whole, lies where it was made, and has a Python that still runs."""
    if UNFINISHED.exists() or not (VENV / "pyvenv.cfg").exists():
        return False
    if STAMP.exists() and str(VENV) not in STAMP.read_text().splitlines():
        return False
    try:
        said = subprocess.run(
            [PYTHON, "-c", "import sys; print(*sys.version_info[:2], sep='.')"],
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout.strip()
    except OSError:
        return False
    return (VENV / "lib" / f"python{said}").is_dir()


class Progress:
    """One line that moves on a terminal; elsewhere a line now and then."""

    def __init__(self, doing: str) -> None:
        self.doing = doing
        self.started = monotonic()
        self.moves = sys.stderr.isatty()

    def follow(self, process: "subprocess.Popen[str]") -> list[str]:
        """All that the process says, once it has ended."""
        said: list[str] = []
        assert process.stdout is not None
        reader = threading.Thread(target=said.extend, args=[process.stdout], daemon=True)
        reader.start()
        say(f"{self.doing} ...")
        interval = 0.5 if self.moves else 10.0
        while reader.is_alive():
            reader.join(interval)
            if reader.is_alive():
                self.show(said[-1].strip() if said else "")
        if self.moves:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        process.wait()
        return said

    def show(self, latest: str) -> None:
        line = f"  {monotonic() - self.started:3.0f} s  {latest[:60]}"
        if self.moves:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
        else:
            say(line)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
