"""An embedded PostgreSQL, for whoever has not set DB_HOST.

It is a real server with the settings that production has: TCP on 127.0.0.1, a password, no trust.

Life cycle: each user takes a shared lock on `<state>/clients`, then the exclusive lock on `start`;
under both it makes the data if there is none, starts the watching process (stop_postgres.py), and
starts the server or joins the running one. The watching process waits for the exclusive lock on
`clients`, which the kernel grants when the last user has ended, and stops the server. No list of
users can go stale.

Root: PostgreSQL refuses to run as root, so that it runs as an account that exists already. The
directories of the user keep their permissions: where that account can't pass through them, the data
and a copy of the programs live elsewhere. Everything but `data` belongs to root, lest that account
choose what root reads or runs.
"""

import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import secrets
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from charter.errors import Refusal
from charter.postgres import stop_postgres
from charter.postgres.binaries import Binaries, installed_binaries, is_reachable

HOST = "127.0.0.1"

NAME = "charter"
"""Of the role and of the database."""

ACCOUNTS = ("postgres", "nobody")
"""Who runs the server where we are root: the first that exists."""

SYSTEM_STATE = ("/var/lib", "/var/tmp")  # noqa: S108 - the directory made there is checked
"""Where root's data goes if the project is out of that account's reach."""

COMMON = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The server's own log must not hold what the service keeps out of its own:
    # neither the values of a broken constraint, nor statements, nor their parameters.
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}

FORGETFUL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}
"""For tests: nothing is lost when a machine that runs tests loses its power."""

LOG_LIMIT_BYTES = 5_000_000
START_ATTEMPTS = 5
WORTH_ANOTHER_ATTEMPT = re.compile(
    "could not bind|Address already in use"
    '|lock file "postmaster.pid" already exists|shared memory block'  # while a killed one ends
)


class PostgresError(Refusal):
    """The embedded PostgreSQL can't serve; the message says why, and what helps."""


@dataclass(frozen=True)
class Address:
    """Where a database is and how to get in."""

    port: int
    password: str = field(repr=False)
    host: str = HOST
    user: str = NAME
    name: str = NAME
    sslmode: str = "disable"

    def environment(self) -> dict[str, str]:
        """The same as the variables that a deployment sets."""
        return {
            "DB_HOST": self.host,
            "DB_PORT": str(self.port),
            "DB_USER": self.user,
            "DB_PASSWORD": self.password,
            "DB_NAME": self.name,
            "DB_SSLMODE": self.sslmode,
            "DB_PGBOUNCER": "false",
        }


@dataclass(frozen=True)
class Account:
    """Who the server runs as, where that isn't who we are."""

    uid: int
    gid: int

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


class EmbeddedPostgres:
    """One server and its data below one directory; any number of processes may use it at once.

    `with EmbeddedPostgres(directory) as address:` starts the server or joins the running one. The
    end of the block, or of the process, stops it if nobody else uses it.
    """

    def __init__(self, state: Path, settings: Mapping[str, str] | None = None) -> None:
        self.settings = COMMON | dict(settings or {})
        self.account = unprivileged_account()
        self.state = state_directory(state.absolute(), self.account)
        self._membership: int | None = None
        self._server: Server | None = None

    def __enter__(self) -> Address:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def exists(self) -> bool:
        """Whether there is data from an earlier start."""
        return (self.state / "data" / "PG_VERSION").exists()

    def start(self) -> Address:
        """Raises PostgresError where the server can't be had."""
        self._membership = self._open("clients")
        try:
            return self._join(self._membership)
        except (OSError, subprocess.SubprocessError) as error:
            self.stop()
            raise PostgresError(f"PostgreSQL can't be started in {self.state}: {error}") from error
        except BaseException:
            self.stop()
            raise

    def _join(self, membership: int) -> Address:
        fcntl.flock(membership, fcntl.LOCK_SH)  # waits while the server is being stopped
        with self._exclusive("start") as lock:
            server = Server(self.state, self._fitting_binaries(), self.account, self.settings)
            if not self.exists:
                server.create(lock)
            self._spawn_watcher(server)  # before the server: it never runs unwatched
            self._server = server
            port = server.running_port() or server.boot()
        return Address(port, (self.state / "password").read_text())

    def survive_exec(self) -> None:
        """Let the program that takes this process over use the server, for as long as it runs."""
        if self._membership is not None:
            os.set_inheritable(self._membership, True)

    def stop(self) -> None:
        """Give the server up; where nobody else uses it, return when it has stopped."""
        if self._membership is None:
            return
        try:
            # Turns our shared lock into the exclusive one; failing that, gives it up.
            fcntl.flock(self._membership, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Others use the server, and share; or the watcher was faster, and we wait for its end.
            fcntl.flock(self._membership, fcntl.LOCK_SH)
        else:
            if self._server is not None:
                stop_postgres.stop(*self._server.stop_arguments())
        finally:
            os.close(self._membership)
            self._membership = None

    def _open(self, name: str) -> int:
        try:
            return os.open(self.state / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except PermissionError:
            raise PostgresError(
                f"{self.state} belongs to another user: run as that user, or set DATA_DIR to a"
                " directory of your own, or DB_HOST to a PostgreSQL server."
            ) from None

    @contextlib.contextmanager
    def _exclusive(self, name: str) -> Iterator[int]:
        descriptor = self._open(name)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _fitting_binaries(self) -> Binaries:
        """The first that can read the data, if there is some."""
        installed = installed_binaries(copies=self.state if self.account else None)
        first = next(installed, None)
        if first is None:
            raise PostgresError(
                "There is no PostgreSQL for this platform: install one (initdb and pg_ctl on PATH,"
                " or their directory in PG_BINDIR), or set DB_HOST to a PostgreSQL server."
            )
        if not self.exists:
            return first
        data = self.state / "data"
        major = int((data / "PG_VERSION").read_text())
        for binaries in (first, *installed):
            if binaries.major == major:
                return binaries
        raise PostgresError(
            f"{data} was made by PostgreSQL {major}, which PostgreSQL {first.major} can't read:"
            f" set PG_BINDIR to the programs of PostgreSQL {major}, or move that directory away."
        )

    def _spawn_watcher(self, server: "Server") -> None:
        program = [sys.executable, "-I", "-S", stop_postgres.__file__, str(self.state)]
        subprocess.run(
            [*program, *server.stop_arguments()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            check=True,
            timeout=60,
        )


@dataclass(frozen=True)
class Server:
    """The data, the programs that serve it, and who they run as."""

    state: Path
    binaries: Binaries
    account: Account | None
    settings: Mapping[str, str]

    @property
    def data(self) -> Path:
        return self.state / "data"

    @property
    def log(self) -> Path:
        return self.data / "server.log"

    def stop_arguments(self) -> tuple[str, str, str]:
        return str(self.binaries.pg_ctl), str(self.data), str(self.account or "")

    def create(self, lock: int) -> None:
        """Make the data under another name: whoever finds `data` finds it complete.

        The programs inherit the lock: if we are killed, the next start waits for their end.
        """
        unfinished = self.state / "data.init"
        for leftover in (unfinished, self.data):
            shutil.rmtree(leftover, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self._hand_over(unfinished)
        self._initialise(unfinished, lock)
        self._setup(
            [self.binaries.postgres, "--single", "-D", unfinished, "template1"],
            lock,
            typed=f"create database {NAME}\n",
        )
        unfinished.rename(self.data)

    def _initialise(self, directory: Path, lock: int) -> None:
        password = secrets.token_urlsafe(24)
        write_private(self.state / "password", password)
        for_initdb = self.state / "password.initdb"
        write_private(for_initdb, password)
        self._hand_over(for_initdb)
        # The same order of text on every machine: by code point.
        locale = ["--locale=C"]
        if self.binaries.major >= 17:
            locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options = ["-U", NAME, "-E", "UTF8", "-A", "scram-sha-256", f"--pwfile={for_initdb}", "-N"]
        try:
            self._setup([self.binaries.initdb, "-D", directory, *options, *locale], lock)
        finally:
            for_initdb.unlink()

    def _setup(self, command: Sequence[str | Path], lock: int, typed: str = "") -> None:
        done = self._run(command, timeout=300, typed=typed, inherited=[lock])
        said = done.stdout.strip().splitlines()
        complaints = [line for line in said if re.search("error|FATAL|PANIC", line)]
        if done.returncode != 0 or complaints:
            reason = (complaints or said or [f"exit code {done.returncode}"])[-1]
            raise PostgresError(f"PostgreSQL can't make its data in {self.state}: {reason}")

    def _hand_over(self, path: Path) -> None:
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)

    def running_port(self) -> int | None:
        """Where the server listens, if it runs. Nobody else is about to start it."""
        pid_file = self.data / "postmaster.pid"
        try:
            pid, _, _, port = pid_file.read_text().splitlines()[:4]
        except (FileNotFoundError, ValueError):
            return None
        if not is_alive(int(pid)):
            return None
        if not is_worked_in(self.data):
            # Left by a killed server. Another process has got its number since, or it still has
            # it because nobody has taken notice of its end.
            pid_file.unlink(missing_ok=True)
            return None
        return int(port) if answers(int(port)) else None

    def boot(self) -> int:
        """Start the server on the port that it had last time, or on another if that is taken."""
        remembered = self.state / "port"
        wanted = int(remembered.read_text()) if remembered.exists() else 0
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".log.old"))
        for attempt in range(START_ATTEMPTS):
            port = free_port(wanted if attempt == 0 else 0)
            logged = len(self._log_text())
            if self._start_on(port):
                remembered.write_text(str(port))
                return port
            said = self._log_text()[logged:]
            if not WORTH_ANOTHER_ATTEMPT.search(said):
                break
            time.sleep(0.2 * (attempt + 1))
        fatal = re.findall(r"(?:FATAL|PANIC):\s+(.*)", said)
        reason = (fatal or said.splitlines() or ["it gave no reason"])[-1].rstrip(".")
        raise PostgresError(f"PostgreSQL did not start: {reason}. Its log is {self.log}.")

    def _start_on(self, port: int) -> bool:
        settings = " ".join(f"-c {name}={value}" for name, value in self.settings.items())
        where = ["-D", str(self.data), "-l", str(self.log), "-o", f"-p {port} {settings}"]
        command = [str(self.binaries.pg_ctl), *where, "-w", "-t", "120", "start"]
        return self._run(command, timeout=150).returncode == 0

    def _log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _run(
        self,
        command: Sequence[str | Path],
        *,
        timeout: float,
        typed: str = "",
        inherited: Sequence[int] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run one of the server's programs as the server's account."""
        return subprocess.run(
            command,
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=self.state,
            env=server_environment(),
            timeout=timeout,
            pass_fds=inherited,
            check=False,
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=[] if self.account else None,
        )


def server_environment() -> dict[str, str]:
    """Ours without what would change the server's mind: PGDATA, PGPORT, a locale."""
    meddling = ("PG", "LC_", "LANG")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(meddling)}
    return kept | {"LC_ALL": "C"}


def unprivileged_account() -> Account | None:
    """Who runs the server: ourselves (None), or somebody else where we are root."""
    if os.geteuid() != 0:
        require_name(os.geteuid())
        return None
    for name in ACCOUNTS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise PostgresError(
        f"PostgreSQL refuses to run as root, and there is no account {' or '.join(ACCOUNTS)}:"
        " run as an ordinary user, or set DB_HOST to a PostgreSQL server."
    )


def require_name(uid: int) -> None:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise PostgresError(
            f"The user id {uid} has no name on this machine, and PostgreSQL needs one:"
            " set DB_HOST to a PostgreSQL server, or add the id to /etc/passwd."
        ) from None


def state_directory(wanted: Path, account: Account | None) -> Path:
    """`wanted`, made if need be; or one of the system's that the server's account can reach."""
    try:
        make_directories(wanted)
        if account is None or is_reachable(wanted):
            return wanted
        return directory_of_the_system(wanted)
    except OSError as error:
        raise PostgresError(
            f"The database can't be kept in {wanted}: {error.strerror}. Set DATA_DIR to a directory"
            " that you may write to, or DB_HOST to a PostgreSQL server."
        ) from error


def make_directories(path: Path) -> None:
    """Like mkdir -p. What is new is for nobody else; the server's account may pass through root's.

    Whatever the umask, and without touching a directory that exists.
    """
    if path.is_dir():
        return
    make_directories(path.parent)
    with contextlib.suppress(FileExistsError):  # another process was faster
        path.mkdir()
        path.chmod(0o711 if os.geteuid() == 0 else 0o700)


def directory_of_the_system(wanted: Path) -> Path:
    """One for each place that a project may have, so that two projects share nothing."""
    name = f"{NAME}-postgres-{hashlib.sha256(bytes(wanted)).hexdigest()[:12]}"
    parent = next(Path(place) for place in SYSTEM_STATE if os.access(place, os.W_OK))
    directory = parent / name
    make_directories(directory)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise PostgresError(f"{directory} is not ours: remove it, or set DATA_DIR or DB_HOST.")
    return directory


def write_private(path: Path, content: str) -> None:
    """Write it whole or not at all, for nobody but ourselves."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    unfinished.replace(path)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is somebody else's
    return True


def is_worked_in(directory: Path) -> bool:
    """Whether a server may be at work there: one has its data for its working directory.

    Yes where the system doesn't tell.
    """
    if not Path("/proc/self/cwd").exists():
        return True
    wanted = directory.resolve()
    return any(working_directory(process) == wanted for process in Path("/proc").glob("[0-9]*"))


def working_directory(process: Path) -> Path | None:
    try:
        return (process / "cwd").readlink()
    except OSError:  # it has ended, or it is somebody else's
        return None


def answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=5):
            return True
    except OSError:
        return False


def free_port(wanted: int) -> int:
    """`wanted` where nobody listens on it, else any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError:
            probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
