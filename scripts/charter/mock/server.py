"""The work of `charter mock`: serves a document, and every edit of it, until Ctrl-C."""

import asyncio
import contextlib
import errno
import logging
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import uvicorn

from charter.document.bundling import shown
from charter.document.commands import counted
from charter.document.lint import Configuration
from charter.document.notes import notes
from charter.document.overlays import warn
from charter.document.overview import Overviews
from charter.errors import Misconfigured, Refusal
from charter.mock.connections import Connections
from charter.mock.control import ADDRESS, is_loopback
from charter.mock.live import LiveMock, ShowsBroken
from charter.mock.memory import Memory
from charter.mock.pages import WithPages
from charter.mock.urls import url
from charter.runtime import Contract

INTERRUPTED = 130


class Console:
    """Says what became of each edit."""

    def __init__(self) -> None:
        self.was_broken = False

    def __call__(self, live: LiveMock) -> None:
        operations = counted(len(live.mock.contract.operations), "operation")
        if live.error is not None:
            tell(f"charter: {live.error.whole} The last valid document stays.")
        elif self.was_broken:
            tell(f"{live.file} is whole again, with {operations}.")
        else:
            tell(f"{live.file} has been read, with {operations}.")
        warn([*live.document.cautions, *notes(live.document)])
        self.was_broken = live.error is not None


def run(
    file: Path,
    *,
    host: str,
    port: int,
    remembers: bool,
    dynamic: bool,
    seed: int | None,
    watch: bool,
    configuration: Configuration,
    overlays: Sequence[Path] = (),
    rows: Path | None = None,
    strict: bool = False,
) -> int:
    """Serve until a signal comes; `configuration` is that of the findings on the page.

    Raises Refusal before it begins.
    """
    logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.WARNING)
    logging.getLogger("charter.mock").setLevel(logging.INFO)
    with bound(host, port) as listener:
        live = LiveMock(
            shown(file),
            memory=Memory() if remembers else None,
            dynamic=dynamic,
            seed=seed,
            on_edit=Console(),
            watches=watch,
            overlays=overlays,
            rows=rows,
            strict=strict,
        )
        warn([*live.document.cautions, *notes(live.document)])
        overviews = Overviews(live.file, configuration=configuration, live=live, overlays=overlays)
        announce(live, listener)
        try:
            asyncio.run(serve(live, overviews, listener))
        except KeyboardInterrupt:
            return INTERRUPTED
    return 0


async def serve(live: LiveMock, overviews: Overviews, listener: socket.socket) -> None:
    """Answer until a signal comes."""
    connections = Connections()
    configuration = uvicorn.Config(
        connections.around(ShowsBroken(WithPages(live, overviews), live)),
        http=connections.protocol,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
    )
    watching = asyncio.create_task(live.watch())
    try:
        await uvicorn.Server(configuration).serve([listener])
    finally:
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


def announce(live: LiveMock, listener: socket.socket) -> None:
    base = base_of(listener)
    operations = live.mock.contract.operations.values()
    print(f"\n{live.file} is mocked at {base}. Ctrl-C stops it.\n")
    for operation in operations:
        print(f"  {operation.method:<7} {base}{url(live.mock, operation)}")
    print(f"\n  {'its operations, its docs, what is to correct:':<46}  {base}/docs/overview")
    print(f"  {'what it remembers (GET, PUT, DELETE):':<46}  {base}{ADDRESS}")
    for path, grants in live.mock.log_ins.urls.items():
        user = "&username=ada@example.com&password=any-at-all" if "password" in grants else ""
        print(f"  {'a token:':<46}  curl -d 'grant_type={grants[0]}{user}' {base}{path}")
    for label, example in hints(live.mock.contract, strict=live.mock.log_ins.is_strict):
        print(f"  {label:<46}  {example}")
    print(flush=True)
    warn_of_reach(listener.getsockname()[0])


def base_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def warn_of_reach(host: str) -> None:
    if not is_loopback(host):
        tell(f"It listens on {host}: everyone who can reach this machine can use it.")


def hints(contract: Contract, *, strict: bool = False) -> Iterator[tuple[str, str]]:
    """What a caller of the mock can do, with arguments of curl that do it."""
    label = "any credential of the right kind is taken:"
    if strict:
        label = "a credential, with a token from a log-in:"
    for credential in dict.fromkeys(filter(None, map(sample_credential, used_schemes(contract)))):
        yield label, credential
        label = "or:"
    yield "another answer:", "-H 'Prefer: code=404'"
    yield "a named example:", "-H 'Prefer: example=NAME'"
    yield "other values each time:", "-H 'Prefer: dynamic=true'"
    yield "a late answer, or a fault:", "-H 'Prefer: delay=2'   -H 'Prefer: fault=503, times=2'"


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
