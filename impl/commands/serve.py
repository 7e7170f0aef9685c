"""`python -m impl serve`: the socket first, then the schema where asked for, then uvicorn."""

import contextlib
import errno
import math
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.supervisors import ChangeReload, Multiprocess

from impl.commands import Refused
from impl.commands.protocol import BoundedProtocol
from impl.core import config
from impl.core.config import ConfigurationError, Settings
from impl.core.telemetry import SHARED_METRICS
from impl.db import migrations
from impl.dependencies import DRAINING

ROOT = Path(__file__).resolve().parents[2]

WATCHED = ("impl", "generated")
"""The folders whose changes start a reloading server anew; not the environment, nor the data."""

APPLICATION = "CHARTER_APPLICATION"
"""The variable by which the workers learn what to serve."""

INTERRUPTED = 130
TERMINATED = 143


def run(application: str, *, reload: bool = False, migrate: bool = False) -> int:
    """The exit code, once the last request has been answered.

    Raises ConfigurationError or Refused before it begins, and CommandError where it can't migrate.
    """
    signal.signal(signal.SIGTERM, on_sigterm)
    settings = config.load()  # before anything is started: what is wrong is known at once
    os.environ[APPLICATION] = application
    with bound(settings) as listener:
        if migrate:
            migrations.upgrade(settings)
        elif settings.production:
            migrations.require_head(settings)
        return serve(settings, listener, reload=reload)


def on_sigterm(number: int, frame: FrameType | None) -> None:
    """End like after an exception: what was started is stopped."""
    raise SystemExit(TERMINATED)


@contextlib.contextmanager
def bound(settings: Settings) -> Iterator[socket.socket]:
    """The socket to serve on."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            raise refused_port(settings, error) from error
        listener.set_inheritable(True)
        yield listener


def refused_port(settings: Settings, error: OSError) -> Exception:
    if error.errno == errno.EADDRINUSE:
        return Refused(
            f"Port {settings.port} of {settings.host} is in use: stop what listens there, or choose"
            f" another one, for example PORT={settings.port % 65535 + 1}; PORT=0 takes a free one."
        )
    if error.errno == errno.EACCES:
        return ConfigurationError(
            f"Port {settings.port} is for root alone: set PORT to 1024 or above, and let a proxy"
            " listen there."
        )
    return ConfigurationError(
        f"HOST={settings.host} is no address of this machine: {error.strerror}."
    )


def serve(settings: Settings, listener: socket.socket, *, reload: bool) -> int:
    if not settings.production:  # whose output is its log
        threading.Thread(target=announce, args=[settings, listener], daemon=True).start()
    configuration = configured(settings, reload=reload)
    if reload:
        os.environ["DRAIN_SECONDS"] = "0"  # nobody balances a service that is being written
        ChangeReload(configuration, uvicorn.Server(configuration).run, [listener]).run()
        return 0
    if settings.workers > 1:
        return run_workers(configuration, listener)
    server = uvicorn.Server(configuration)
    try:
        server.run([listener])
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0 if server.started else 1


class Supervisor(Multiprocess):
    """Keeps no listener open that the workers have closed: whoever connected would wait for it."""

    def terminate_all(self) -> None:
        super().terminate_all()
        for listener in self.sockets:
            listener.close()


def run_workers(configuration: uvicorn.Config, listener: socket.socket) -> int:
    supervisor = Supervisor(configuration, [listener])
    with tempfile.TemporaryDirectory(prefix="charter-metrics-") as folder:
        os.environ[SHARED_METRICS] = folder
        supervisor.run()
    failed = any(process.exitcode not in (0, -signal.SIGTERM) for process in supervisor.processes)
    return 1 if failed else 0


def configured(settings: Settings, *, reload: bool = False) -> uvicorn.Config:
    return uvicorn.Config(
        "impl.commands.serve:worker",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        reload=reload,
        reload_dirs=[str(ROOT / name) for name in WATCHED] if reload else None,
        reload_includes=["*.py", "*.json"] if reload else None,
        loop="uvloop",
        http=partial(BoundedProtocol, settings=settings),  # type: ignore[arg-type]
        ws="none",
        log_config=None,  # the application's own, in JSON
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the application's own: charter.runtime.layers
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=math.ceil(settings.request_timeout_seconds),
    )


def worker() -> ASGIApp:
    """What uvicorn calls in each worker."""
    if (parent := multiprocessing.parent_process()) is not None:
        threading.Thread(target=follow, args=[parent], daemon=True).start()
    module, _, factory = os.environ[APPLICATION].partition(":")
    made: ASGIApp = getattr(import_module(module), factory)()
    return Draining(made, config.load().drain_seconds)


class Draining:
    """After a SIGTERM the service is not ready and yet answers, until balancers have noticed.

    uvicorn, whose handler is there already, closes the port when it is told of the signal.
    A second signal is handed on at once.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self.seconds = seconds
        self.began = False
        self.end = signal.signal(signal.SIGTERM, self.begin)

    def begin(self, number: int, frame: FrameType | None) -> None:
        seconds = 0 if self.began else self.seconds
        self.began = True
        if callable(self.end):
            timer = threading.Timer(seconds, self.end, [number, None])
            timer.daemon = True
            timer.start()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.began:
            scope = {**scope, "state": {**scope.get("state", {}), DRAINING: True}}
        await self.app(scope, receive, send)


def follow(parent: BaseProcess) -> None:
    """End with whoever started us: a worker that stayed would keep the port."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


WELCOME = """
Charter is up. Ctrl-C stops it.

  the API     {base}{docs}
"""


def announce(settings: Settings, listener: socket.socket) -> None:
    """Say where the service is, as soon as it is there."""
    port = listener.getsockname()[1]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    while not is_up(host, port):
        time.sleep(0.05)
    base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    docs = f"\n  the docs    {base}/docs" if settings.serves_docs else ""
    print(WELCOME.format(base=base, docs=docs), flush=True)


def is_up(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
