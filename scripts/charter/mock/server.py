"""The work of `charter mock`: serves a document, and every edit of it, until Ctrl-C."""

import asyncio
import contextlib
import errno
import logging
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send
from watchfiles import awatch

from charter.document import Document
from charter.document.bundling import shown
from charter.document.checks import check
from charter.document.commands import counted
from charter.errors import Misconfigured, Refusal
from charter.mock.app import Mock
from charter.mock.memory import Memory
from charter.runtime import Contract

INTERRUPTED = 130

log = logging.getLogger(__name__)


class Mocking:
    """Serves the document as it is now, or the last valid version of it."""

    def __init__(self, file: Path, *, remembers: bool, dynamic: bool, seed: int | None) -> None:
        self.file = file
        self.memory = Memory() if remembers else None
        self.dynamic = dynamic
        self.seed = seed
        self.files: list[Path] = [file]
        self.mock = self.load()

    def load(self) -> Mock:
        """Raises DocumentError."""
        started = time.perf_counter()
        document = Document(self.file)
        tell(f"{self.file} has been read: {len(document.text):,} characters ...")
        check(document)
        mock = Mock(document.content, memory=self.memory, dynamic=self.dynamic, seed=self.seed)
        self.files = document.files
        seconds = time.perf_counter() - started
        operations = counted(len(mock.contract.operations), "operation")
        tell(f"Ready: {operations} ({seconds:.1f} s).")
        return mock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.mock(scope, receive, send)

    async def watch(self) -> None:
        """Take up every edit; an invalid one is reported, and the last valid document stays."""
        while True:
            folders = self.folders
            # without subfolders: the document may lie in a home directory
            async for changes in awatch(*folders, recursive=False, debounce=100, step=50):
                changed = {Path(name) for _, name in changes}
                if changed & {file.resolve() for file in self.files}:
                    await self.reload()
                if self.folders != folders:
                    break

    @property
    def folders(self) -> set[Path]:
        return {file.resolve().parent for file in self.files}

    async def reload(self) -> None:
        try:
            self.mock = await asyncio.to_thread(self.load)
        except Refusal as error:
            tell(f"charter: {error} The last valid document stays.")
        except Exception:
            # a fault of Charter: the designer can go on, and the traceback helps to correct it
            log.exception("The edit could not be taken up. The last valid document stays.")


def run(
    file: Path,
    *,
    host: str,
    port: int,
    remembers: bool,
    dynamic: bool,
    seed: int | None,
    watch: bool,
) -> int:
    """Serve until a signal comes. Raises Refusal before it begins."""
    logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.WARNING)
    logging.getLogger("charter.mock").setLevel(logging.INFO)
    with bound(host, port) as listener:
        mocking = Mocking(shown(file), remembers=remembers, dynamic=dynamic, seed=seed)
        announce(mocking, listener)
        configuration = uvicorn.Config(
            mocking, log_level="warning", access_log=False, server_header=False, lifespan="off"
        )
        try:
            asyncio.run(serve(uvicorn.Server(configuration), mocking, listener, watch=watch))
        except KeyboardInterrupt:
            return INTERRUPTED
    return 0


async def serve(
    server: uvicorn.Server, mocking: Mocking, listener: socket.socket, *, watch: bool
) -> None:
    watching = asyncio.create_task(mocking.watch()) if watch else None
    try:
        await server.serve([listener])
    finally:
        if watching is not None:
            watching.cancel()
            await asyncio.wait([watching])  # unlike await, not cancelled by Ctrl-C


@contextlib.contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen()  # whoever reads the address may ask at once
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
                raise Misconfigured(
                    f"{host} is no address of this machine: choose another one with --host."
                ) from error
            raise Refusal(
                f"Port {port} of {host} can't be opened ({error.strerror}): choose another one with"
                " --port; 0 takes a free one."
            ) from error
        yield listener


def announce(mocking: Mocking, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    print(f"\n{mocking.file} is mocked at {base}. Ctrl-C stops it.\n")
    for label, example in hints(mocking.mock.contract):
        print(f"  {label:<42}  {example}")
    print(flush=True)
    if not is_loopback(host):
        tell(f"It listens on {host}: everyone who can reach this machine can use it.")


def hints(contract: Contract) -> Iterator[tuple[str, str]]:
    """What a caller of the mock can do, with arguments of curl that do it."""
    label = "any credential of the right kind is taken:"
    for credential in dict.fromkeys(filter(None, map(sample_credential, used_schemes(contract)))):
        yield label, credential
        label = "or:"
    yield "another answer:", "-H 'Prefer: code=404'"
    yield "a named example:", "-H 'Prefer: example=NAME'"
    yield "other values each time:", "-H 'Prefer: dynamic=true'"


def used_schemes(contract: Contract) -> Iterator[Mapping[str, Any]]:
    """The security schemes that some operation asks for, in the order of the document."""
    judge = contract.judge
    schemes = judge.resolve(judge.document.get("components", {})).get("securitySchemes", {})
    used = {name for one in contract.operations for name in contract.credentials(one).takes}
    return (judge.resolve(scheme) for name, scheme in schemes.items() if name in used)


def sample_credential(scheme: Mapping[str, Any]) -> str | None:
    """Arguments of curl that show a credential; None for a certificate, which HTTP can't."""
    match scheme:
        case {"type": "apiKey", "in": "header", "name": name}:
            return f"-H '{name}: key'"
        case {"type": "apiKey", "in": "cookie", "name": name}:
            return f"-b '{name}=key'"
        case {"type": "apiKey", "name": name}:
            return f"-G -d '{name}=key'"
        case {"type": "http", "scheme": str(name)} if name.lower() == "basic":
            return "-u user:password"
        case {"type": "http", "scheme": name}:
            return f"-H 'Authorization: {name.capitalize()} token'"
        case {"type": "oauth2" | "openIdConnect"}:
            return "-H 'Authorization: Bearer token'"
    return None


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
