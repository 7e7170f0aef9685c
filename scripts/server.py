"""The work of `charter serve`: everything that has to be there, then uvicorn.

The application and the migrations are imported late: what is wrong with the settings or the port is
said at once, not seconds later.
"""

import contextlib
import errno
import math
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import ChangeReload, Multiprocess

from impl.core import config
from impl.core.config import Settings
from scripts.environment import ROOT, Given, ensure_jwt_secret, given
from scripts.errors import Misconfigured, Refusal

APPLICATION = "scripts.server:application"

EXAMPLE_EMAIL = "ada@example.com"
EXAMPLE_PASSWORD = "engines-weave-algebra"  # noqa: S105 - for an account that the reader makes

INTERRUPTED = 130
TERMINATED = 143


def serve(*, migrate: bool = False, reload: bool = False) -> int:
    """Serve until a signal comes. Raises ConfigurationError or Refusal before it begins."""
    signal.signal(signal.SIGTERM, on_sigterm)
    around = given()
    ensure_jwt_secret(around)
    settings = config.load()  # before anything is started: what is wrong is known at once
    with bound(settings) as listener, running_database(around):
        from scripts import migrations

        settings = config.load()
        allowed = migrate or migrations.is_allowed(around)
        state = migrations.bring_to_head(settings, allowed=allowed)
        say(f"The schema is at {state}.")
        if not settings.production:  # whose output is its log
            announce(settings, listener)
        return run(settings, listener, reload=reload)


def on_sigterm(number: int, frame: FrameType | None) -> None:
    """End like after an exception: what was started is stopped."""
    sys.exit(TERMINATED)


# -- the port -------------------------------------------------------------------------------------


@contextlib.contextmanager
def bound(settings: Settings) -> Iterator[socket.socket]:
    """The socket to serve on, taken before anything else is started."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            raise refused_port(settings, error) from error
        listener.set_inheritable(True)
        yield listener


def refused_port(settings: Settings, error: OSError) -> Refusal:
    if error.errno == errno.EADDRINUSE:
        return Refusal(
            f"Port {settings.port} of {settings.host} is in use: stop what listens there, or choose"
            f" another one, for example PORT={settings.port % 65535 + 1}; PORT=0 takes a free one."
        )
    if error.errno == errno.EACCES:
        return Misconfigured(
            f"Port {settings.port} is for root alone: set PORT to 1024 or above, and let a proxy"
            " listen there."
        )
    return Misconfigured(f"HOST={settings.host} is no address of this machine: {error.strerror}.")


# -- the database ---------------------------------------------------------------------------------


@contextlib.contextmanager
def running_database(around: Given) -> Iterator[None]:
    """The named database, or an embedded one whose address goes to the workers by environment."""
    if around.names_a_database:
        yield
        return
    postgres = around.postgres()
    say("Starting PostgreSQL ..." if postgres.exists else "Making a database ...")
    with postgres as address:
        os.environ.update(address.environment())
        say(f"PostgreSQL runs on port {address.port}; its data is in {postgres.state}.")
        yield


# -- the server -----------------------------------------------------------------------------------


def application() -> ASGIApp:
    """What uvicorn calls in each worker."""
    if (parent := multiprocessing.parent_process()) is not None:
        threading.Thread(target=follow, args=[parent], daemon=True).start()
    if given().production:
        from impl.app import create_app

        return create_app()
    from scripts.mock import stand_in

    return stand_in.application()


def follow(parent: BaseProcess) -> None:
    """End with whoever started us: a worker that stayed would keep the port."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def run(settings: Settings, listener: socket.socket, *, reload: bool) -> int:
    """The exit code, once the last request has been answered."""
    configuration = configured(settings, reload=reload)
    if reload:
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


def run_workers(configuration: uvicorn.Config, listener: socket.socket) -> int:
    supervisor = Multiprocess(configuration, [listener])
    supervisor.run()
    failed = any(process.exitcode not in (0, -signal.SIGTERM) for process in supervisor.processes)
    return 1 if failed else 0


def configured(settings: Settings, *, reload: bool) -> uvicorn.Config:
    return uvicorn.Config(
        APPLICATION,
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        reload=reload,
        reload_dirs=[str(ROOT / "impl"), str(ROOT / "generated")] if reload else None,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,  # the application's own, in JSON
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=math.ceil(settings.request_timeout_seconds) + 1,
    )


# -- what people read -----------------------------------------------------------------------------


def announce(settings: Settings, listener: socket.socket) -> None:
    """Say where the service is, as soon as it is there."""
    port = listener.getsockname()[1]
    threading.Thread(target=announce_once_up, args=[settings, port], daemon=True).start()


def announce_once_up(settings: Settings, port: int) -> None:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    while not is_up(host, port):
        threading.Event().wait(0.05)
    base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    docs = f"\n  the docs    {base}/docs" if settings.serves_docs else ""
    say(WELCOME.format(base=base, docs=docs, email=EXAMPLE_EMAIL, password=EXAMPLE_PASSWORD))


def is_up(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


WELCOME = """
Charter is up. Ctrl-C stops it.

  the API     {base}{docs}

Register, then log in (the answer holds the access_token):

  curl -s {base}/users -H 'Content-Type: application/json' \\
      -d '{{"email": "{email}", "password": "{password}"}}'

  curl -s {base}/auth/token -d grant_type=password \\
      -d username={email} -d password={password}

Use the token:

  curl -s {base}/users/me -H "Authorization: Bearer $TOKEN"
"""


def say(line: str) -> None:
    print(line, flush=True)
