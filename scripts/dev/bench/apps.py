"""The applications that are measured: how each is started, and which requests it knows."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from charter.contract.service_under_test import free_port, wait_until_it_answers

ROOT = Path(__file__).resolve().parents[3]
FASTIFY = Path(__file__).with_name("fastify")
INSTALLED = ROOT / ".data" / "peers" / "fastify"
ITEMS = ("GET /items/{id}", "GET /items?limit=20", "POST /items", "PATCH /items/{id}")
EVERY = (*ITEMS, "POST /auth/token")
UVICORN = ("-m", "uvicorn", "--host", "127.0.0.1", "--no-access-log", "--no-server-header")


@dataclass(frozen=True)
class App:
    name: str
    command: Sequence[str]
    """What serves it on PORT of 127.0.0.1; `{port}` in it stands for that."""
    works: Sequence[str] = EVERY


def on_uvicorn(name: str, factory: str, works: Sequence[str] = EVERY) -> App:
    return App(name, (sys.executable, *UVICORN, "--port", "{port}", "--factory", factory), works)


LIMIT = on_uvicorn("limit", "dev.bench.limit:create_app")
CHARTER = App("charter", (sys.executable, "-m", "impl", "serve"))
TEXTBOOK = on_uvicorn("textbook", "dev.bench.textbook:create_app", ITEMS)
NODE = App("fastify", ("node", str(INSTALLED / "server.js")), ITEMS)
"""Fastify with pg; its libraries are installed for it alone."""


def available() -> dict[str, App]:
    """By name. Fastify is among them where Node is installed."""
    apps = [LIMIT, CHARTER, TEXTBOOK]
    if shutil.which("node") and shutil.which("npm"):
        apps.append(NODE)
    return {app.name: app for app in apps}


def install_fastify() -> None:
    lock = FASTIFY / "package-lock.json"
    installed = INSTALLED / lock.name
    if not (installed.exists() and installed.read_bytes() == lock.read_bytes()):
        print("fastify is being installed ...", file=sys.stderr)
        shutil.rmtree(INSTALLED, ignore_errors=True)
        INSTALLED.mkdir(parents=True)
        shutil.copy(FASTIFY / "package.json", INSTALLED)
        shutil.copy(lock, INSTALLED)
        subprocess.run(["npm", "ci", "--silent"], cwd=INSTALLED, check=True)
    shutil.copy(FASTIFY / "server.js", INSTALLED)


@contextlib.contextmanager
def serving(app: App, log: Path, environ: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    """The port and the process id of the app, which is ended at the end."""
    if app is NODE:
        install_fastify()
    port = free_port()
    command = [part.format(port=port) for part in app.command]
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": paths, "PORT": str(port)} | dict(environ)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        wait_until_it_answers(process, f"http://127.0.0.1:{port}", log)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)
