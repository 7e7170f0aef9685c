"""A Docker engine for the tests: the one that is there, else one of their own.

An engine of their own needs root on Debian and the programs of PROGRAMS. It leaves the machine as
it was: it writes no rule of iptables, its mounts are seen by nobody else, it ends with the process
that started it (even where that is killed), and its files go with it. Only what was fetched stays,
in CACHE.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.container.debian import BASE_IMAGES, fetch_compose, make_image
from tests.container.programs import EngineUnavailable, last_line, run, succeeds

PROGRAMS = ("apt-get", "docker", "dockerd", "ip", "iptables", "mmdebstrap", "setpriv", "unshare")

CACHE = Path("/var/tmp/charter-ci")  # noqa: S108 - `locked_cache` trusts nobody else's
PLUGIN = CACHE / "client/cli-plugins/docker-compose"
CLIENT = {"DOCKER_CONFIG": str(CACHE / "client")}
"""Where the program `docker` finds the plugin."""
ENGINE = CACHE / "engine"

BRIDGE = "charter-"
"""What the names of the tests' network interfaces begin with."""

ADDRESSES = "base=10.214.0.0/16,size=24"

DOCKERD = (
    *("setpriv", "--pdeathsig=TERM", "unshare", "--mount"),
    *("dockerd", f"--host=unix://{ENGINE}/docker.sock", f"--config-file={ENGINE}/daemon.json"),
    *(f"--data-root={ENGINE}/data", f"--exec-root={ENGINE}/run", f"--pidfile={ENGINE}/pid"),
    *("--bridge=none", f"--default-address-pool={ADDRESSES}"),
    *("--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"),
)

START_SECONDS = 60


@contextlib.contextmanager
def engine() -> Iterator[Mapping[str, str]]:
    """The environment in which `docker compose` works. Raises EngineUnavailable."""
    if succeeds("docker", "info"):
        yield compose_environment()
        return
    require_programs()
    with locked_cache():
        fetch_compose(PLUGIN)
        archives = {image: make_image(image, CACHE) for image in BASE_IMAGES}
        with running_engine() as environment:
            for image, archive in archives.items():
                changes = [f"--change={change}" for change in image.changes]
                load = ("docker", "import", *changes, str(archive), image.tag)
                run(*load, environment=environment)
            yield environment


def compose_environment() -> Mapping[str, str]:
    """The same for the installed Docker, as far as there is one. Raises EngineUnavailable.

    `docker compose config` needs no engine.
    """
    given = {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}
    if succeeds("docker", "compose", "version"):
        return given
    require_programs()
    with locked_cache():
        fetch_compose(PLUGIN)
    return given | CLIENT


def require_programs() -> None:
    if os.geteuid() != 0:
        raise EngineUnavailable("no Docker with Compose answers, and only root can start one")
    if missing := [program for program in PROGRAMS if shutil.which(program) is None]:
        raise EngineUnavailable(
            f"no Docker with Compose answers, and to start one needs {', '.join(missing)}:"
            " on Debian, `apt-get install docker.io iproute2 iptables mmdebstrap`"
        )


@contextlib.contextmanager
def locked_cache() -> Iterator[None]:
    """One test at a time on this machine. Raises EngineUnavailable for another user's folder."""
    CACHE.mkdir(mode=0o700, exist_ok=True)
    status = CACHE.lstat()
    if CACHE.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise EngineUnavailable(f"another user can write to {CACHE}: remove it")
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def running_engine() -> Iterator[Mapping[str, str]]:
    remove_leftovers()
    ENGINE.mkdir(mode=0o700)
    (ENGINE / "daemon.json").write_text("{}")  # instead of the machine's own
    environment = {"DOCKER_HOST": f"unix://{ENGINE}/docker.sock", **CLIENT}
    with (ENGINE / "log").open("wb") as log, subprocess.Popen(DOCKERD, stderr=log) as dockerd:
        try:
            wait_for(dockerd, environment)
            yield environment
        finally:
            dockerd.terminate()
    remove_leftovers()


def remove_leftovers() -> None:
    """Of tests that were killed, too."""
    shutil.rmtree(ENGINE, ignore_errors=True)
    for interface in Path("/sys/class/net").glob(f"{BRIDGE}*"):
        succeeds("ip", "link", "delete", interface.name)


def wait_for(dockerd: subprocess.Popen[bytes], environment: Mapping[str, str]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not succeeds("docker", "info", environment=environment):
        if dockerd.poll() is not None or time.monotonic() > deadline:
            raise EngineUnavailable(f"dockerd ended: {last_line((ENGINE / 'log').read_text())}")
        time.sleep(0.2)
