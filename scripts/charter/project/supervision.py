"""What a service that `charter dev` starts has with its parent: a pair of sockets.

The service writes a byte once it is ready, and ends when its parent does.
"""

import os
import signal
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

SUPERVISOR = "CHARTER_SUPERVISOR"
"""The variable that names the descriptor of the service's end."""
READY = b"1"


def report_to_parent(app: Any) -> None:
    """Tell a supervisor, where there is one, when the application has started."""
    if (descriptor := os.environ.get(SUPERVISOR)) is None:
        return
    parent = socket.socket(fileno=int(descriptor))
    start = app.router.lifespan_context

    @asynccontextmanager
    async def reported(started: Any) -> AsyncIterator[Any]:
        async with start(started) as state:
            with suppress(ConnectionError):  # another save or Ctrl-C came before
                parent.send(READY)
            threading.Thread(target=follow, args=[parent], daemon=True).start()
            yield state

    app.router.lifespan_context = reported


def follow(parent: socket.socket) -> None:
    """End with whoever started us: a service that stayed would keep the port."""
    with parent, suppress(ConnectionError):  # as a parent that has not read leaves it
        parent.recv(1)
    os.kill(os.getpid(), signal.SIGTERM)
