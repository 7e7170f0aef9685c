"""A Docker engine for a machine that has none and can pull no image: root on Debian.

    python -m tests.container.engine prepare   # programs, Compose plugin, base images: minutes
    eval "$(python -m tests.container.engine up)"
    docker compose up --build --wait
    python -m tests.container.engine down

The engine shares nothing with one that is installed properly: its socket, its data and its network
are its own. `down` leaves no trace of it but what `prepare` has fetched, for the next time.
"""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from charter.errors import Misconfigured, Refusal
from charter.project.environment import locked

SUITE = "trixie"
"""The Debian that the official images of Python and PostgreSQL are made of."""

PACKAGES = {
    "dockerd": "docker.io",
    "ip": "iproute2",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
}
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

BRIDGE = "charter0"
"""Of our own: docker0 belongs to the engine that is installed, if there is one."""

BRIDGE_ADDRESS = "10.213.77.1/24"
ADDRESSES = "base=10.214.0.0/16,size=24"
"""Of the networks that Compose makes."""

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
INTERFACES = Path("/sys/class/net")

START_SECONDS = 60
STOP_SECONDS = 60
APT_SECONDS = 600
PLUGIN_SECONDS = 120
BUILD_SECONDS = 900

LEFT_OUT = ("/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/man/*")

POSTGRES_ENTRYPOINT = """\
#!/bin/sh
# The part of the official image's entry point that Charter's docker-compose.yml relies on.
set -eu
umask 077
export PATH="/usr/lib/postgresql/17/bin:$PATH" PGDATA="${PGDATA:-/var/lib/postgresql/data}"
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
mkdir -p "$PGDATA" && chown postgres:postgres "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf '%s\\n' "$POSTGRES_PASSWORD" > /run/password && chown postgres /run/password
    # the arguments are several words
    as_postgres initdb --username="$POSTGRES_USER" --pwfile=/run/password \\
        --auth-local=trust --auth-host=scram-sha-256 ${POSTGRES_INITDB_ARGS:-}
    rm /run/password
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    as_postgres pg_ctl -w -o "-c listen_addresses='' -k /tmp" start
    as_postgres createdb --host=/tmp --username="$POSTGRES_USER" "$POSTGRES_DB"
    as_postgres pg_ctl -w -m fast stop
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups \\
    postgres -c listen_addresses='*' -k /tmp "$@"
"""


class EngineError(Refusal):
    """No engine can be had, or it fails; the message says why and what helps."""


@dataclass(frozen=True)
class BaseImage:
    """What stands in for an official image, made of Debian's packages."""

    tag: str
    packages: tuple[str, ...]
    script: str
    """Run in a shell when everything is installed; $1 is the root of the image."""
    changes: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        return self.tag.replace(":", "-") + ".tar"


BASE_IMAGES = (
    BaseImage(
        "python:3.13-slim",
        ("ca-certificates", "python3", "python3-pip", "python3-venv"),
        'ln -s /usr/bin/python3 "$1/usr/local/bin/python"',
        ("CMD python",),
    ),
    BaseImage(
        "postgres:17",
        ("postgresql-17",),
        f'printf %s {shlex.quote(POSTGRES_ENTRYPOINT)} > "$1/usr/local/bin/docker-entrypoint.sh"'
        ' && chmod 755 "$1/usr/local/bin/docker-entrypoint.sh"',
        (
            'ENTRYPOINT ["docker-entrypoint.sh"]',
            "ENV PATH=/usr/local/bin:/usr/lib/postgresql/17/bin:/usr/sbin:/usr/bin",
            "VOLUME /var/lib/postgresql/data",
            "EXPOSE 5432",
        ),
    ),
)


# -- what is fetched ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Store:
    """Where what was fetched stays between two engines."""

    directory: Path

    @property
    def client_configuration(self) -> Path:
        """For DOCKER_CONFIG: the client finds the Compose plugin there."""
        return self.directory / "client"

    @property
    def plugin(self) -> Path:
        return self.client_configuration / "cli-plugins" / "docker-compose"

    def image(self, image: BaseImage) -> Path:
        return self.directory / "images" / image.file_name

    def open(self) -> None:
        """Raises EngineError for a directory that somebody else could have filled."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise EngineError(f"{self.directory} can't be made: {error.strerror}.") from error
        found = self.directory.lstat()
        if self.directory.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise EngineError(f"{self.directory} isn't this user's alone: remove it.")

    def prepare(self) -> None:
        """Fetch what is missing. Raises EngineError."""
        require_debian()
        require_root()
        self.open()
        install_packages()
        fetch_plugin(self)
        for image in BASE_IMAGES:
            if not self.image(image).exists():
                build_base_image(image, self.image(image))

    def require_plugin(self) -> None:
        """Raises EngineError where Compose can't be had."""
        require_debian()
        self.open()
        fetch_plugin(self)


def require_debian() -> None:
    if shutil.which("apt-get") is None or not KEYRING.exists():
        raise Misconfigured(
            "Docker can be fetched here from Debian's packages only, and this is no Debian:"
            " install Docker with Compose."
        )


def require_root() -> None:
    if os.geteuid() != 0:
        raise Misconfigured(
            "An engine of our own needs root: install Docker with Compose, or run this as root."
        )


def missing_packages() -> list[str]:
    return [package for program, package in PACKAGES.items() if shutil.which(program) is None]


def install_packages() -> None:
    if not (missing := missing_packages()):
        return
    say(f"Installing {', '.join(missing)} ...")
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    run([*apt, "update"], seconds=APT_SECONDS)
    install = [*apt, "install", "--yes", "--no-install-recommends", *missing]
    run(install, seconds=APT_SECONDS, environment=environment)


def fetch_plugin(store: Store) -> None:
    """Debian 12 has no Compose v2: the plugin is taken out of a later Debian's package."""
    if store.plugin.exists():
        return
    say("Fetching Docker Compose ...")
    store.plugin.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="apt-", dir=store.directory) as name:
        place = Path(name)
        apt = apt_of_suite(place)
        run([*apt, "update"], seconds=PLUGIN_SECONDS)
        run([*apt, "download", "docker-compose"], seconds=PLUGIN_SECONDS, directory=place)
        package = next(place.glob("docker-compose_*.deb"))
        run(["dpkg", "-x", str(package), str(place / "files")], seconds=60)
        (place / "files/usr/libexec/docker/cli-plugins/docker-compose").rename(store.plugin)


def apt_of_suite(place: Path) -> list[str]:
    """An apt-get that knows only the suite, and leaves this machine's own lists alone."""
    sources = place / "sources.list"
    sources.write_text(f"deb [signed-by={KEYRING}] {mirror()} {SUITE} main\n")
    for directory in ("state/lists/partial", "cache/archives/partial"):
        (place / directory).mkdir(parents=True)
    return [
        "apt-get",
        "-qq",
        *("-o", f"Dir::State={place / 'state'}"),
        *("-o", "Dir::State::status=/dev/null"),
        *("-o", f"Dir::Cache={place / 'cache'}"),
        *("-o", f"Dir::Etc::sourcelist={sources}"),
        *("-o", "Dir::Etc::sourceparts=/dev/null"),
        *("-o", "APT::Sandbox::User=root"),
        *("-o", "Acquire::http::Timeout=20"),
    ]


def mirror() -> str:
    """The mirror of Debian that this machine uses."""
    format_ = "$(LABEL) $(REPO_URI)"
    said = run(["apt-get", "indextargets", "--format", format_, "Created-By: Packages"], seconds=60)
    for line in said.splitlines():
        label, _, address = line.partition(" ")
        if label == "Debian":
            return address
    raise EngineError(
        "apt knows no mirror of Debian: put one into its sources, run apt-get update."
    )


def build_base_image(image: BaseImage, target: Path) -> None:
    say(f"Making a stand-in for {image.tag} ...")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"new-{target.name}")  # mmdebstrap goes by the suffix
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--keyring={KEYRING}"]
    command += [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    command += [f"--include={','.join(image.packages)}", f"--customize-hook={image.script}"]
    run([*command, SUITE, str(unfinished), mirror()], seconds=BUILD_SECONDS)
    unfinished.rename(target)


# -- the engine -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Engine:
    """An engine that this module starts and stops."""

    store: Store

    @property
    def directory(self) -> Path:
        """Gone when the engine is."""
        return self.store.directory / "engine"

    @property
    def socket(self) -> Path:
        return self.directory / "docker.sock"

    @property
    def pid_file(self) -> Path:
        return self.directory / "docker.pid"

    @property
    def log(self) -> Path:
        return self.directory / "dockerd.log"

    @property
    def network_before(self) -> Path:
        return self.directory / "network-before.json"

    @property
    def configuration(self) -> Path:
        return self.directory / "daemon.json"

    @property
    def environment(self) -> dict[str, str]:
        """What makes the programs `docker` and `docker compose` talk to this engine."""
        return {
            "DOCKER_HOST": f"unix://{self.socket}",
            "DOCKER_CONFIG": str(self.store.client_configuration),
        }

    @property
    def pid(self) -> int | None:
        """Of the process, if it runs; another process that got the same number isn't it."""
        try:
            pid = int(self.pid_file.read_text())
        except (OSError, ValueError):
            return None
        return pid if self.is_run_by(pid) else None

    def is_run_by(self, pid: int) -> bool:
        return str(self.pid_file) in command_of(pid)

    def start(self) -> None:
        """Raises EngineError when it doesn't answer in time; nothing of it stays then."""
        if self.pid is not None:
            return
        self.stop()  # what one that was killed has left behind
        self.directory.mkdir(mode=0o700)
        say("Starting the engine ...")
        Network.current().write(self.network_before)
        self.configuration.write_text("{}")
        make_bridge()
        with self.log.open("wb") as log:
            # away from us: the engine outlives this process, and isn't ours to wait for
            detached = ["setsid", "--fork", *self.command()]
            subprocess.run(
                detached, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=60, check=True
            )
        until(lambda: self.answers or not self.lives, START_SECONDS)
        if not self.answers:
            reason = last_line(self.log.read_text())
            self.stop()
            raise EngineError(f"The engine didn't start: {reason}")

    @property
    def lives(self) -> bool:
        """Also before it has written its pid."""
        return any(self.is_run_by(pid) for pid in process_ids())

    def command(self) -> list[str]:
        return [
            "dockerd",
            f"--host=unix://{self.socket}",
            *("--pidfile", str(self.pid_file)),
            *("--data-root", str(self.directory / "data")),
            *("--exec-root", str(self.directory / "run")),
            *("--config-file", str(self.configuration)),  # not the machine's own
            *("--bridge", BRIDGE),
            *("--default-address-pool", ADDRESSES),
        ]

    @property
    def answers(self) -> bool:
        return succeeds(["docker", "info"], self.environment)

    def load_base_images(self) -> None:
        """Raises EngineError."""
        for image in BASE_IMAGES:
            if succeeds(["docker", "image", "inspect", image.tag], self.environment):
                continue
            changes = [f"--change={change}" for change in image.changes]
            load = ["docker", "import", *changes, str(self.store.image(image)), image.tag]
            run(load, seconds=300, environment=self.environment)

    def stop(self) -> None:
        """End it, with every container, and leave the network as it was before."""
        if (pid := self.pid) is not None:
            say("Stopping the engine ...")
            if self.answers:
                self.remove_containers()
            os.kill(pid, signal.SIGTERM)
            if not until(lambda: not self.is_run_by(pid), STOP_SECONDS):
                raise EngineError(f"The engine, process {pid}, doesn't end: see {self.log}.")
        if not self.directory.exists():
            return
        if self.network_before.exists():
            Network.read(self.network_before).restore()
        for mount in mounts_below(self.directory):
            run(["umount", "--lazy", mount], seconds=60)
        shutil.rmtree(self.directory)

    def remove_containers(self) -> None:
        listing = ["docker", "ps", "--all", "--quiet"]
        for container in run(listing, seconds=60, environment=self.environment).split():
            removal = ["docker", "rm", "--force", container]
            run(removal, seconds=60, environment=self.environment)
        run(["docker", "network", "prune", "--force"], seconds=60, environment=self.environment)


@dataclass(frozen=True)
class Network:
    """What a Docker engine changes on its machine and doesn't put back."""

    rules: str
    forwarding: str
    interfaces: tuple[str, ...]

    @classmethod
    def current(cls) -> "Network":
        interfaces = tuple(sorted(place.name for place in INTERFACES.iterdir()))
        return cls(run(["iptables-save"], seconds=60), FORWARDING.read_text(), interfaces)

    @classmethod
    def read(cls, path: Path) -> "Network":
        said = json.loads(path.read_text())
        return cls(said["rules"], said["forwarding"], tuple(said["interfaces"]))

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    def restore(self) -> None:
        """Put it back, unless another engine lives on the same rules."""
        now = self.current()
        if BRIDGE in now.interfaces:
            run(["ip", "link", "delete", BRIDGE], seconds=60)
        if other_engine_runs():
            say("Another Docker engine runs: the rules of iptables stay as they are.")
            return
        for interface in set(now.interfaces) - set(self.interfaces) - {BRIDGE}:
            if interface.startswith("br-"):  # of Compose, where the engine was killed
                run(["ip", "link", "delete", interface], seconds=60)
        run(["iptables-restore"], seconds=60, given=emptied_tables(now.rules) + self.rules)
        FORWARDING.write_text(self.forwarding)


def make_bridge() -> None:
    if not (INTERFACES / BRIDGE).exists():
        run(["ip", "link", "add", BRIDGE, "type", "bridge"], seconds=60)
        run(["ip", "address", "add", BRIDGE_ADDRESS, "dev", BRIDGE], seconds=60)
    run(["ip", "link", "set", BRIDGE, "up"], seconds=60)


def emptied_tables(rules: str) -> str:
    """The same tables without a rule, as iptables-restore reads them."""
    kept = []
    for line in rules.splitlines():
        if line.startswith(":") and line.split()[1] != "-":  # "-" is the policy of made chains
            kept.append(f"{line.split()[0]} ACCEPT [0:0]")
        elif line.startswith("*") or line == "COMMIT":
            kept.append(line)
    return "".join(f"{line}\n" for line in kept)


def other_engine_runs() -> bool:
    return any(Path(command_of(pid)[0]).name == "dockerd" for pid in process_ids())


def process_ids() -> list[int]:
    return [int(place.name) for place in Path("/proc").iterdir() if place.name.isdigit()]


def command_of(pid: int) -> list[str]:
    """What the process was started with; nothing but an empty word once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except (OSError, UnicodeDecodeError):
        return [""]


def mounts_below(directory: Path) -> list[str]:
    """The deepest first."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    return sorted((mount for mount in mounts if mount.startswith(f"{directory}/")), reverse=True)


# -- what runs programs ---------------------------------------------------------------------------


def run(
    command: Sequence[str],
    *,
    seconds: float,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    given: str | None = None,
) -> str:
    """What the program prints. Raises EngineError with its last line when it fails."""
    try:
        ended = subprocess.run(
            command,
            env=os.environ | (environment or {}),
            cwd=directory,
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=True,
        )
    except FileNotFoundError as error:
        raise EngineError(f"There is no program `{error.filename}` on this machine.") from error
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"`{shown(command)}` took more than {seconds:.0f} seconds.") from error
    except subprocess.CalledProcessError as error:
        reason = last_line(error.stderr or error.stdout)
        raise EngineError(f"`{shown(command)}` failed: {reason}") from error
    return ended.stdout


def succeeds(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    try:
        run(command, seconds=30, environment=environment)
    except EngineError:
        return False
    return True


def shown(command: Sequence[str]) -> str:
    words = shlex.join(command)
    return words if len(words) <= 100 else f"{words[:97]}..."


def last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing."


def until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


# -- what is called -------------------------------------------------------------------------------


def default_store() -> Store:
    """Outside of the project: a socket's path is short, and root's files are nobody's checkout."""
    return Store(Path(f"/var/tmp/charter-containers-{os.getuid()}"))  # noqa: S108 - see `open`


@contextlib.contextmanager
def engine() -> Iterator[Mapping[str, str]]:
    """The environment in which `docker` and `docker compose` work, for as long as the block lasts.

    Docker as it is installed, if it answers, or the engine of `up`; else one that ends with the
    block. Raises Refusal where none can be had.
    """
    if is_installed():
        yield chosen_engine()
        return
    require_root()
    own = Engine(default_store())
    own.store.open()
    with locked(own.store.directory):  # whoever else wants it waits, and doesn't lose it midway
        ran_before = own.pid is not None
        start(own)
        try:
            yield own.environment
        finally:
            if not ran_before:
                own.stop()


def chosen_engine() -> dict[str, str]:
    """What the caller's environment says about Docker: DOCKER_HOST, DOCKER_CONFIG and the like."""
    return {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}


def is_installed() -> bool:
    """Whether this machine has Docker with Compose, and the engine answers."""
    return succeeds(["docker", "compose", "version"], {}) and succeeds(["docker", "info"], {})


def compose_environment() -> Mapping[str, str]:
    """The same for what needs no engine, as `docker compose config`. Raises Refusal."""
    if succeeds(["docker", "compose", "version"], {}):
        return chosen_engine()
    store = default_store()
    store.require_plugin()
    return {"DOCKER_CONFIG": str(store.client_configuration)}


def start(own: Engine) -> None:
    own.store.prepare()
    own.start()
    own.load_base_images()


def main(arguments: Sequence[str]) -> int:
    own = Engine(default_store())
    verbs: dict[str, Callable[[], None]] = {
        "prepare": own.store.prepare,
        "up": lambda: start(own),
        "down": own.stop,
    }
    if len(arguments) != 1 or arguments[0] not in verbs:
        raise Misconfigured(f"Usage: python -m tests.container.engine {'|'.join(verbs)}")
    require_root()
    own.store.open()
    verbs[arguments[0]]()
    if arguments[0] == "up":
        for name, value in own.environment.items():
            print(f"export {name}={shlex.quote(value)}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Refusal as error:
        print(f"containers: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
