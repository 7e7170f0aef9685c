"""Serves an application and asks every operation of it once; any answer but 404 and 405 is one.

    python first_answer.py START MODULE:NAME OPERATIONS

Stands alone: the interpreter of the tool that made the application runs it. It prints a line when
the application is imported, when the first request is answered, and when all of them are: seconds
of CPU since the process began, and of the monotonic clock, which processes share, since START.
"""

import json
import re
import socket
import sys
import time
from http.client import HTTPConnection
from importlib import import_module
from pathlib import Path
from threading import Thread
from urllib.parse import quote

NOT_ROUTED = (404, 405)


def main(start: float, application: str, operations: Path) -> None:
    module, _, name = application.partition(":")
    app = getattr(import_module(module), name)
    tell(imported=time.process_time())

    import uvicorn  # is no part of what is imported

    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
    listener = socket.create_server(("127.0.0.1", 0))  # takes requests before there is an answer
    port = listener.getsockname()[1]

    def ask_all() -> None:
        declared = json.loads(operations.read_text())
        try:
            answer(port, *next(iter(declared), ("GET", "/")))
            tell(booted=time.process_time(), clock=time.monotonic() - start)
            tell(answered=sum(answer(port, method, path) for method, path in declared))
        finally:
            server.should_exit = True

    Thread(target=ask_all, daemon=True).start()
    server.run(sockets=[listener])


def tell(**figures: float) -> None:
    print(json.dumps(figures), flush=True)


def answer(port: int, method: str, path: str) -> bool:
    """Whether there is an operation; it has no body and no credentials to work with."""
    connection = HTTPConnection("127.0.0.1", port)
    try:
        sent = re.sub(r"\{[^}]*\}", "1", path).partition("#")[0]  # nobody sends a fragment
        connection.request(method, quote(sent, safe="/?&="))
        return connection.getresponse().status not in NOT_ROUTED
    finally:
        connection.close()


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
