"""Serves an application until a signal comes: the socket first, then the schema, then uvicorn."""

import contextlib
import errno
import gc
import json
import math
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import uvicorn
from uvicorn.supervisors import ChangeReload, Multiprocess

from charter.runtime.layers import Problem
from charter.service import ConfigurationError, Refused
from charter.service.draining import Draining
from charter.service.telemetry import SHARED_METRICS, LogFormat, configure_logging
from charter.service.wire import BoundedProtocol, WireSettings

LISTENER = "CHARTER_LISTENER"
"""The variable that names the descriptor of a socket to serve on, for a server that is handed one:
the old one and the new one take turns without a request that is refused."""

SLOW_START_SECONDS = 30
"""How long a worker may take to answer its supervisor: on a busy machine its imports alone take
more than uvicorn's 5, and who kills it then makes the machine busier."""

INTERRUPTED = 130
TERMINATED = 143


class ServerSettings(WireSettings, Protocol):
    """Where to listen, with how many workers, and what a connection may cost. Times in seconds."""

    host: str
    port: int
    workers: int
    drain_seconds: float
    keep_alive_seconds: int
    request_timeout_seconds: float
    log_level: str
    log_format: LogFormat

    @property
    def production(self) -> bool: ...

    @property
    def serves_docs(self) -> bool: ...


def run(
    application: str,
    settings: ServerSettings,
    problem: Problem,
    *,
    document: Path,
    prepare: Callable[[], None],
    watched: Sequence[Path] = (),
) -> int:
    """The exit code, once the last request has been answered.

    `application` is a factory, `module:function`, and `document` the JSON that it promises.
    `prepare` runs while the port is taken and not yet served. A change in one of the `watched`
    folders starts the one worker anew.

    Raises ConfigurationError or Refused before it begins, and whatever `prepare` raises.
    """
    signal.signal(signal.SIGTERM, on_sigterm)
    with bound(settings) as listener:
        prepare()
        # the process that keeps the workers makes no application, which does this for them
        configure_logging(settings.log_level, settings.log_format, production=settings.production)
        if not settings.production and LISTENER not in os.environ:
            # in production the output is the log
            threading.Thread(
                target=announce, args=[document, settings, listener], daemon=True
            ).start()
        return serve(Configuration(application, settings, problem, watched), listener)


def on_sigterm(number: int, frame: FrameType | None) -> None:
    """End like after an exception: what was started is stopped."""
    raise SystemExit(TERMINATED)


@contextlib.contextmanager
def bound(settings: ServerSettings) -> Iterator[socket.socket]:
    """The socket to serve on."""
    if (given := os.environ.get(LISTENER)) is not None:
        with socket.socket(fileno=int(given)) as listener:
            yield listener
        return
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            raise refused_port(settings, error) from error
        listener.set_inheritable(True)
        yield listener


def refused_port(settings: ServerSettings, error: OSError) -> Exception:
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


class Configuration(uvicorn.Config):
    """What each process of the server runs."""

    def __init__(
        self,
        application: str,
        settings: ServerSettings,
        problem: Problem,
        watched: Sequence[Path] = (),
    ) -> None:
        protocol: Any = partial(BoundedProtocol, settings=settings, problem=problem)
        super().__init__(
            application,
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            reload=bool(watched),
            reload_dirs=[str(folder) for folder in watched] or None,
            reload_includes=["*.py", "*.json"] if watched else None,
            loop="uvloop",
            http=protocol,
            ws="none",
            log_config=None,  # the application's own, in JSON
            access_log=False,
            server_header=False,
            proxy_headers=False,  # the application's own: charter.runtime.layers
            timeout_keep_alive=settings.keep_alive_seconds,
            timeout_worker_healthcheck=SLOW_START_SECONDS,
            timeout_graceful_shutdown=math.ceil(settings.request_timeout_seconds),
        )
        # nobody balances a service that is being written
        self.drain_seconds = 0 if watched else settings.drain_seconds

    def load(self) -> None:
        if (parent := multiprocessing.parent_process()) is not None:
            threading.Thread(target=follow, args=[parent], daemon=True).start()
        super().load()
        self.loaded_app = Draining(self.loaded_app, self.drain_seconds)
        # all that is loaded stays: collections that looked through it stopped requests for 80 ms
        gc.collect()
        gc.freeze()


def serve(configuration: Configuration, listener: socket.socket) -> int:
    if configuration.should_reload:
        ChangeReload(configuration, uvicorn.Server(configuration).run, [listener]).run()
        return 0
    if configuration.workers > 1:
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


def follow(parent: BaseProcess) -> None:
    """End with whoever started us: a worker that stayed would keep the port."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


WELCOME = """
{title} is up. Ctrl-C stops it.

  the API     {base}{docs}
"""


def announce(document: Path, settings: ServerSettings, listener: socket.socket) -> None:
    """Say where the service is, as soon as it is there."""
    port = listener.getsockname()[1]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    while not is_up(host, port):
        time.sleep(0.05)
    base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    docs = f"\n  the docs    {base}/docs" if settings.serves_docs else ""
    title = " ".join(json.loads(document.read_text())["info"]["title"].split())
    print(WELCOME.format(title=title, base=base, docs=docs), flush=True)


def is_up(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
