"""The image and docker-compose.yml: what can be said without an engine, and the real thing.

The real thing takes minutes, and an engine:

    CONTAINER_TESTS=1 ./scripts/test tests/container

Where no Docker answers, root on Debian gets an engine for the time of the tests (engine.py).
"""

import json
import logging
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from charter.contract.service_under_test import free_port
from impl.core.config import Settings
from tests.container import engine as containers
from tests.container.programs import EngineUnavailable
from tests.data import ROOT

logger = logging.getLogger(__name__)

COMPOSE_FILE = ROOT / "docker-compose.yml"

PASSWORD = "correct horse battery"
REQUIRED = {
    "DB_PASSWORD": "Str0ng/enough+for_one-test",
    "JWT_SECRET": "aT-b3st.a_s3cret+for/tests=only;0123456789",
}

CERTIFICATES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
"""Which variables name the certificates that this machine's pip trusts."""

OUR_FILES = ("alembic", "charter", "generated", "impl", "openapi", "pyproject.toml")
OUR_PACKAGES = ("charter", "generated", "impl", "openapi")
INSTALLED_PACKAGES = (
    "alembic",
    "annotated_doc",
    "annotated_types",
    "anyio",
    "asyncpg",
    "bcrypt",
    "click",
    "dotenv",
    "fastapi",
    "fastapi_offline",
    "greenlet",
    "h11",
    "httptools",
    "idna",
    "jsonschema_rs",
    "jwt",
    "mako",
    "markupsafe",
    "multipart",
    "opentelemetry",
    "passlib",
    "prometheus_client",
    "pydantic",
    "pydantic_core",
    "pydantic_settings",
    "python_multipart",
    "pythonjsonlogger",
    "sqlalchemy",
    "starlette",
    "typing_extensions",
    "typing_inspection",
    "uvicorn",
    "uvloop",
)
"""What requirements/runtime.txt brings. One more belongs here only if the service runs with it."""

LIST_IMPORTABLE = """
import json, pathlib, pkgutil, sys, sysconfig
standard = sysconfig.get_path("stdlib")
places = [pathlib.Path(place) for place in sys.path if place and not place.startswith(standard)]
top = {module.name for module in pkgutil.iter_modules(map(str, places))}
for place in places:
    # a folder without __init__.py is a package, too
    top |= {entry.name for entry in place.glob("*/") if entry.name.isidentifier()}
import charter
parts = sorted(module.name for module in pkgutil.iter_modules(charter.__path__))
print(json.dumps({"top": sorted(top - {"__pycache__"}), "charter": parts}))
"""

SERVE = ("python", "-m", "impl", "serve")
MIGRATE = ("alembic", "upgrade", "head")
NO_DATABASE = "DB_HOST is not set. Name the PostgreSQL server that holds the data."

BUILD_SECONDS = 900
UP_SECONDS = 180
RECOVERY_SECONDS = 60


def compose(
    *arguments: str,
    environment: Mapping[str, str],
    seconds: float = 60,
    files: tuple[Path, ...] = (),
) -> subprocess.CompletedProcess[str]:
    """Run `docker compose` where no `.env` of the developer's is read."""
    chosen = [f"--file={path}" for path in (COMPOSE_FILE, *files)]
    return subprocess.run(
        ["docker", "compose", "--env-file=/dev/null", *chosen, *arguments],
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


# -- without an engine ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plugin() -> Mapping[str, str]:
    if shutil.which("docker") is None:
        pytest.skip("`docker compose config` needs the program `docker`, which isn't here")
    try:
        return containers.compose_environment()
    except EngineUnavailable as error:
        pytest.skip(f"`docker compose config` needs the Compose plugin: {error}")


@pytest.fixture(scope="module")
def configuration(plugin: Mapping[str, str]) -> dict[str, Any]:
    """docker-compose.yml as Compose understands it, with what must be set and nothing else."""
    done = compose("config", "--format=json", environment={**plugin, **REQUIRED})
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_hadolint_has_nothing_to_say_about_the_dockerfile() -> None:
    program = Path(sys.executable).parent / "hadolint"
    done = subprocess.run(
        [program, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", list(REQUIRED))
def test_what_must_be_set_is_asked_for(plugin: Mapping[str, str], name: str) -> None:
    others = {key: value for key, value in REQUIRED.items() if key != name}

    done = compose("config", "--quiet", environment={**plugin, **others})

    assert done.returncode != 0
    assert f"{name} is not set. Make one with `openssl rand" in done.stderr


def test_every_setting_can_be_overridden(plugin: Mapping[str, str]) -> None:
    handed_in = {name.upper() for name in Settings.model_fields} - {"HOST", "PORT", "DATA_DIR"}
    given = {name: f"given-{name}" for name in handed_in}

    done = compose("config", "--format=json", environment={**plugin, **given})

    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]
    assert services["service"]["environment"] == given
    database = services["db"]["environment"]
    assert database["POSTGRES_USER"] == "given-DB_USER"
    assert database["POSTGRES_DB"] == "given-DB_NAME"
    assert database["POSTGRES_PASSWORD"] == "given-DB_PASSWORD"


def test_no_setting_has_another_default_in_the_container(configuration: dict[str, Any]) -> None:
    environment = configuration["services"]["service"]["environment"]
    decided = {name: value for name, value in environment.items() if value is not None}

    assert decided == {
        **REQUIRED,
        "ENVIRONMENT": "production",
        "DB_HOST": "db",
        "DB_USER": Settings.model_fields["db_user"].default,
        "DB_NAME": Settings.model_fields["db_name"].default,
        "DB_SSLMODE": "disable",
        "DB_PLAINTEXT_HOSTS": "db",
    }


def test_the_service_is_published_on_this_machine_alone(configuration: dict[str, Any]) -> None:
    services = configuration["services"]

    (port,) = services["service"]["ports"]
    assert (port["host_ip"], port["published"], port["target"]) == ("127.0.0.1", "8000", 8000)
    assert "ports" not in services["db"]


# -- the real thing -------------------------------------------------------------------------------


@dataclass
class Stack:
    """The project of Compose under test."""

    environment: Mapping[str, str]
    override: Path
    port: int

    @property
    def image(self) -> str:
        return f"charter:{self.environment['CHARTER_TAG']}"

    @cached_property
    def client(self) -> httpx.Client:
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=15)

    def compose(self, *arguments: str, seconds: float = 120) -> str:
        done = compose(
            *arguments, environment=self.environment, seconds=seconds, files=(self.override,)
        )
        if done.returncode != 0:
            logs = compose("logs", environment=self.environment, files=(self.override,)).stdout
            pytest.fail(f"docker compose {' '.join(arguments)}: {done.stderr}\n{logs}")
        return done.stdout

    def up(self) -> float:
        """How many seconds it took until everything was healthy."""
        started = time.monotonic()
        self.compose("up", "--detach", "--wait", "--wait-timeout", f"{UP_SECONDS}", seconds=300)
        return time.monotonic() - started

    def docker(self, *arguments: str) -> str:
        done = subprocess.run(
            ["docker", *arguments],
            env={"PATH": os.environ["PATH"], **self.environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program in a container of the image alone: no database, no network."""
        given = [f"--env={name}={value}" for name, value in environment.items()]
        return subprocess.run(
            ["docker", "run", "--rm", "--network=none", *given, self.image, *command],
            env={"PATH": os.environ["PATH"], **self.environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def container(self, service: str) -> dict[str, Any]:
        """What the engine knows about it."""
        name = self.compose("ps", "--all", "--quiet", service).strip()
        (found,) = json.loads(self.docker("inspect", name))
        assert isinstance(found, dict)
        return found


@pytest.fixture(scope="module")
def engine() -> Iterator[Mapping[str, str]]:
    if os.environ.get("CONTAINER_TESTS") != "1":
        pytest.skip(
            "takes minutes and a Docker engine: CONTAINER_TESTS=1 ./scripts/test tests/container"
        )
    with ExitStack() as running:
        try:
            environment = running.enter_context(containers.engine())
        except EngineUnavailable as error:
            pytest.skip(f"no engine can be had: {error}")
        yield environment


@pytest.fixture(scope="module")
def stack(
    engine: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """The image, built from this tree, and everything up and healthy."""
    port = free_port()
    run = secrets.token_hex(3)
    project = f"charter-test-{run}"
    override = write_override(tmp_path_factory.mktemp("compose"), f"{containers.BRIDGE}{run}")
    environment = {
        **engine,
        **REQUIRED,
        "CHARTER_TAG": project,
        "COMPOSE_PROJECT_NAME": project,
        "PORT": str(port),
        "WORKERS": "2",  # processes that are started by a process that can write nowhere
    }
    stack = Stack(environment, override, port)
    try:
        stack.compose("build", seconds=BUILD_SECONDS)
        took = stack.up()
        size = int(stack.docker("image", "inspect", "--format={{.Size}}", stack.image))
        logger.info("healthy after %.1f s; the image has %.0f MB", took, size / 1e6)
        yield stack
        stack.client.close()
    finally:
        stack.compose("down", "--volumes", "--timeout=10")
        stack.docker("image", "rm", "--force", stack.image)


def write_override(directory: Path, bridge: str) -> Path:
    """How pip reaches an index from a container on this machine: as pip does beside it.

    `bridge` is the network interface to make: one that killed tests leave is known by its name.
    """
    settings = pip_settings()
    build: dict[str, Any] = {"network": "host", "args": proxies(), "secrets": ["pip"]}
    offered = {"pip": {"file": str(directory / "pip.conf")}}
    if bundle := next((os.environ[name] for name in CERTIFICATES if os.environ.get(name)), None):
        settings["cert"] = "/run/secrets/certificates"
        build["secrets"].append("certificates")
        offered["certificates"] = {"file": bundle}
    lines = ["[global]", *(f"{name} = {value}" for name, value in settings.items())]
    (directory / "pip.conf").write_text("\n".join(lines) + "\n")
    path = directory / "override.json"  # JSON is YAML
    network = {"driver_opts": {"com.docker.network.bridge.name": bridge}}
    override = {
        "services": {"service": {"build": build}},
        "secrets": offered,
        "networks": {"default": network},
    }
    path.write_text(json.dumps(override))
    return path


def pip_settings() -> dict[str, str]:
    """Those of this machine that a container can use: none that leads to files of this machine."""
    pip = shutil.which("pip")
    if pip is None:
        return {}
    listing = subprocess.run(
        [pip, "config", "list"], capture_output=True, text=True, timeout=60, check=True
    )
    settings = {}
    for line in listing.stdout.splitlines():
        name, _, value = line.partition("=")
        value = value.strip("'")
        if not value.startswith(("/", "file:")):
            settings[name.rpartition(".")[2]] = value
    return settings


def proxies() -> dict[str, str]:
    """Docker knows these build arguments without a Dockerfile's saying so."""
    names = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
    return {name: os.environ[name] for name in names if name in os.environ}


@pytest.mark.container
def test_everything_is_healthy_and_the_migration_is_done(stack: Stack) -> None:
    assert stack.container("db")["State"]["Health"]["Status"] == "healthy"
    assert stack.container("service")["State"]["Health"]["Status"] == "healthy"
    migration = stack.container("migrate")["State"]
    assert (migration["Status"], migration["ExitCode"]) == ("exited", 0)
    assert stack.client.get("/readyz").status_code == 200


@pytest.mark.container
def test_the_process_has_no_privileges_and_writes_nowhere(stack: Stack) -> None:
    probe = (
        "import os\n"
        "def refused(path):\n"
        "    try:\n"
        "        open(path, 'w').close()\n"
        "    except OSError as error:\n"
        "        return os.strerror(error.errno)\n"
        "capabilities = [line.split()[1] for line in open('/proc/self/status')"
        " if line.startswith(('CapEff', 'CapBnd', 'NoNewPrivs'))]\n"
        "print([os.getuid(), os.getgid(), refused('/app/probe'), refused('/tmp/probe'),"
        " *capabilities])"
    )
    said = stack.compose("exec", "-T", "service", "python", "-c", probe)

    none = "0" * 16
    assert said.strip() == str([10001, 10001, "Read-only file system", None, none, none, "1"])
    assert stack.container("service")["HostConfig"]["ReadonlyRootfs"]


@pytest.mark.container
def test_the_image_holds_what_it_runs_and_nothing_else(stack: Stack) -> None:
    said = stack.run("python", "-c", LIST_IMPORTABLE)

    assert said.returncode == 0, said.stderr
    importable = json.loads(said.stdout)
    assert importable["top"] == sorted([*OUR_PACKAGES, *INSTALLED_PACKAGES])
    assert importable["charter"] == ["runtime", "service"]
    assert stack.run("ls", "-A", "/app").stdout.split() == [".venv", *OUR_FILES]


@pytest.mark.container
def test_the_image_holds_no_secret_and_runs_as_nobody(stack: Stack) -> None:
    history = stack.docker("history", "--no-trunc", stack.image)
    (image,) = json.loads(stack.docker("image", "inspect", stack.image))

    for secret in REQUIRED.values():
        assert secret not in history
        assert secret not in json.dumps(image)
    assert image["Config"]["User"] == "10001:10001"


@pytest.mark.container
def test_production_without_a_database_is_refused(stack: Stack) -> None:
    served = stack.run(*SERVE, JWT_SECRET=REQUIRED["JWT_SECRET"])
    migrated = stack.run(*MIGRATE)

    assert (served.returncode, served.stdout) == (2, "")
    assert served.stderr == f"charter: {NO_DATABASE}\n"
    assert migrated.returncode != 0
    assert (migrated.stdout + migrated.stderr).strip().endswith(f"FAILED: {NO_DATABASE}")
    assert "Traceback" not in migrated.stderr


@pytest.mark.container
def test_the_journey(stack: Stack) -> None:
    headers = log_in(stack, register(stack))
    created = [create(stack, headers, title=f"Telescope {number}") for number in range(3)]

    titles, cursor = [], None
    for _ in created:
        parameters = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
        page = stack.client.get("/items", params=parameters, headers=headers).json()
        titles += [item["title"] for item in page["data"]]
        cursor = page["next_cursor"]
    assert sorted(titles) == ["Telescope 0", "Telescope 1", "Telescope 2"]
    assert cursor is None

    path = f"/items/{created[0]['id']}"
    tag = stack.client.get(path, headers=headers).headers["ETag"]
    patch = {"Content-Type": "application/merge-patch+json", "If-Match": tag}
    changed = stack.client.patch(path, content='{"quantity": 5}', headers=headers | patch)
    assert (changed.status_code, changed.json()["quantity"]) == (200, 5)
    outdated = stack.client.patch(path, content='{"quantity": 6}', headers=headers | patch)
    assert outdated.status_code == 412

    current = {"If-Match": changed.headers["ETag"]}
    assert stack.client.delete(path, headers=headers | current).status_code == 204
    assert stack.client.get(path, headers=headers).status_code == 404


@pytest.mark.container
def test_it_outlives_a_database_that_is_killed(stack: Stack) -> None:
    headers = log_in(stack, register(stack))
    item = create(stack, headers, title="Committed before the crash")
    started_before = stack.container("service")["State"]["StartedAt"]

    stack.compose("kill", "--signal=SIGKILL", "db")
    without = stack.client.get(f"/items/{item['id']}", headers=headers)
    assert without.status_code == 503
    assert int(without.headers["Retry-After"]) >= 1
    assert stack.client.get("/livez").status_code == 200
    assert stack.client.get("/readyz").status_code == 503

    stack.compose("start", "db")
    path = f"/items/{item['id']}"
    deadline = time.monotonic() + RECOVERY_SECONDS
    while stack.client.get(path, headers=headers).status_code != 200:
        assert time.monotonic() < deadline, "the service doesn't find its database again"
        time.sleep(0.2)
    assert stack.client.get("/readyz").status_code == 200
    service = stack.container("service")
    assert service["State"]["StartedAt"] == started_before
    assert service["RestartCount"] == 0


@pytest.mark.container
def test_down_and_up_keeps_the_data(stack: Stack) -> None:
    email = register(stack)
    item = create(stack, log_in(stack, email), title="Kept")

    started = time.monotonic()
    stack.compose("down")
    assert time.monotonic() - started < 30, "a container was killed, after its grace period"
    stack.up()

    found = stack.client.get(f"/items/{item['id']}", headers=log_in(stack, email))
    assert (found.status_code, found.json()["title"]) == (200, "Kept")


def register(stack: Stack) -> str:
    """The address of a new account."""
    email = f"{secrets.token_hex(6)}@example.com"
    body = {"email": email, "password": PASSWORD}
    answer = stack.client.post("/users", json=body)
    assert answer.status_code == 201, answer.text
    return email


def log_in(stack: Stack, email: str) -> dict[str, str]:
    """The headers that authenticate a new session."""
    form = {"grant_type": "password", "username": email, "password": PASSWORD}
    answer = stack.client.post("/auth/token", data=form)
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def create(stack: Stack, headers: Mapping[str, str], **fields: str) -> dict[str, Any]:
    answer = stack.client.post("/items", json=fields, headers=headers)
    assert answer.status_code == 201, answer.text
    item: dict[str, Any] = answer.json()
    return item
