"""An application on a port of its own, for clients that are no part of the test's event loop."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, Literal

import uvicorn


@contextlib.contextmanager
def serving(
    app: Any,
    *,
    lifespan: Literal["auto", "on", "off"] = "auto",
    http: Any = "auto",
    port: int = 0,
) -> Iterator[str]:
    """The address of an app that runs in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan=lifespan, http=http))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
