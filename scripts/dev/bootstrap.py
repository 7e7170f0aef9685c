"""Makes `.venv` from a hash-pinned lock and hands over to the `charter` in it.

`serve` gets what serving needs; any other verb gets all that developers use, into the same
environment. Standard library only: it runs before anything is installed. A stamp in `.venv` names
what it was made of, so that the next start has nothing to do; an interrupted one is made anew.
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
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
CHARTER = VENV / "bin" / "charter"
SERVING = "serve.txt"
EVERYTHING = "dev.txt"
LOCKS = ROOT / "requirements"
"""SERVING and EVERYTHING, which holds all that SERVING does, in the same versions."""

STAMP = VENV / "made-of"
UNFINISHED = VENV / "unfinished"


class BootstrapError(Exception):
    """The environment can't be made; the message says why, and what helps."""


def main(arguments: Sequence[str]) -> int:
    lock = SERVING if arguments[:1] == ["serve"] else EVERYTHING
    try:
        if not is_ready(lock):
            prepare(lock)
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


def is_ready(lock: str) -> bool:
    return CHARTER.exists() and stamp() in (ingredients(lock), ingredients(EVERYTHING))


def stamp() -> str:
    return STAMP.read_text() if STAMP.exists() else ""


def ingredients(lock: str) -> str:
    """What the environment is made of: the lock, the project, a Python, and where it lies."""
    digest = hashlib.sha256((LOCKS / lock).read_bytes() + (ROOT / "pyproject.toml").read_bytes())
    return f"{digest.hexdigest()}\n{lock}\n{PYTHON.resolve()}\n{VENV}\n"


def prepare(wanted: str) -> None:
    """Raises BootstrapError or OSError."""
    if not os.access(ROOT, os.W_OK):
        raise BootstrapError(
            f"{ROOT} can't be written to, and the environment belongs there: make it writable, or"
            " clone the repository to a place of your own."
        )
    with one_at_a_time() as turn:
        if is_ready(wanted):  # whoever we waited for has made it
            return
        # who had everything keeps everything, also when the locks have changed
        lock = EVERYTHING if EVERYTHING in stamp().splitlines() else wanted
        started = monotonic()
        Installer(lock, turn).install()
        UNFINISHED.unlink()
        STAMP.write_text(ingredients(lock))
        say(f"The environment is ready ({monotonic() - started:.0f} s).")


@contextlib.contextmanager
def one_at_a_time() -> Iterator[int]:
    """Lock the project's directory itself: that leaves no file behind."""
    turn = os.open(ROOT, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another process that makes the environment ...")
            fcntl.flock(turn, fcntl.LOCK_EX)
        yield turn
    finally:
        os.close(turn)


class Installer:
    """Fills `.venv`, with uv where it is installed, else with venv and pip."""

    def __init__(self, lock: str, turn: int) -> None:
        """`turn` is the open file whose lock is ours until the last of our children has ended."""
        self.lock = LOCKS / lock
        self.turn = turn
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
        elif can("venv", "pip"):
            command = [sys.executable, "-m", "venv", "--without-pip"]
        elif can("venv", "ensurepip"):
            command = [sys.executable, "-m", "venv"]
        else:
            raise BootstrapError(
                f"{sys.executable} can't make environments: install the package"
                f" python3.{sys.version_info[1]}-venv (Debian, Ubuntu), or uv."
            )
        self.run("Making .venv", [*command, str(VENV)])

    def install_packages(self) -> None:
        names = locked(self.lock)
        options = ["--no-deps", "--require-hashes", "--requirement", str(self.lock)]
        if not self.uv:  # which shows nothing that can't be read, and compiles nothing either
            options += ["--progress-bar=off", "--no-compile"]
        state = partial(counted, names, len(installed(names)))
        self.run(f"Installing {len(names)} packages", [*self.pip(), *options], state)

    def install_project(self) -> None:
        """The project itself, as it lies here. What builds it has just been installed."""
        offline = "--offline" if self.uv else "--no-index"
        options = [offline, "--no-deps", "--no-build-isolation", "--editable"]
        self.run("Installing Charter itself", [*self.pip(), *options, str(ROOT)])

    def pip(self) -> list[str]:
        """What installs into `.venv`: uv, else this Python's own pip, which need not be copied."""
        if self.uv:
            return [self.uv, "pip", "install", "--python", str(PYTHON)]
        if can("pip"):
            return [sys.executable, *PIP, "--python", str(PYTHON), "install"]
        return [str(PYTHON), *PIP, "install"]

    def run(self, doing: str, command: Sequence[str], state: "State | None" = None) -> None:
        """Run the command; show how far it is, and what it said only if it fails."""
        environment = {name: os.environ[name] for name in os.environ if name not in MEDDLING}
        environment["PYTHONUNBUFFERED"] = "1"  # or pip's lines come in lumps, long after the fact
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=ROOT,
            env=environment,
            pass_fds=[self.turn],  # if we are killed, the next start waits for our child
        ) as process:
            said = Progress(doing, state or latest).follow(process)
        if process.returncode != 0:
            say("".join(said[-40:]).rstrip())
            raise BootstrapError(
                f"{doing} failed (exit code {process.returncode}); the reason stands above. If"
                " it is the network, set what your proxy or package index needs and start again."
            )


PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "--no-color")

MEDDLING = ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX")
"""What would make an installer put things elsewhere."""


def can(*modules: str) -> bool:
    """Whether this Python has them: Debian parts some of them from it."""
    return all(importlib.util.find_spec(module) for module in modules)


def locked(lock: Path) -> frozenset[str]:
    """The names of what a lock installs here: what is for one other system alone is none of it."""
    lines = re.findall(r"^(\S+)==(.*)", lock.read_text(), re.MULTILINE)
    return frozenset(plain(name) for name, rest in lines if "sys_platform == " not in rest)


def plain(name: str) -> str:
    """A distribution's name in its normal form."""
    return re.sub(r"[-_.]+", "-", name).lower()


State = Callable[[Sequence[str]], str]
"""How far a program is, after the lines that it has printed."""


def latest(said: Sequence[str]) -> str:
    return said[-1].strip() if said else ""


def counted(names: frozenset[str], before: int, said: Sequence[str]) -> str:
    """How many packages are here, of which some were before.

    pip names each that it fetches, and installs them once it has all of them; uv only installs.
    """
    fetched = before + sum(line.startswith("Collecting ") for line in said)
    if before < fetched < len(names):
        return f"{fetched} of {len(names)} fetched"
    return f"{len(installed(names))} of {len(names)} installed"


def installed(names: frozenset[str]) -> frozenset[str]:
    folders = VENV.glob("lib/python*/site-packages/*.dist-info")
    return names & {plain(folder.name.partition("-")[0]) for folder in folders}


def is_reusable() -> bool:
    """Whether `.venv` is whole, lies where it was made, and has a Python that still runs."""
    if UNFINISHED.exists() or not (VENV / "pyvenv.cfg").exists():
        return False
    if stamp() and str(VENV) not in stamp().splitlines():
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

    def __init__(self, doing: str, state: State) -> None:
        self.doing = doing
        self.state = state
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
                self.show(self.state(said))
        if self.moves:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        process.wait()
        return said

    def show(self, state: str) -> None:
        line = f"  {monotonic() - self.started:3.0f} s  {state[:60]}"
        if self.moves:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
        else:
            say(line)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
