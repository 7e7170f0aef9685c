"""The work of `charter proxy`: serves until a signal comes, then reports."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from charter.document import Document
from charter.document.checks import check
from charter.document.findings import is_as_severe
from charter.document.revisions import relative
from charter.errors import Misconfigured
from charter.mock.connections import Connections
from charter.mock.server import base_of, bound, warn_of_reach
from charter.proxy import report
from charter.proxy.drifts import Drifts
from charter.proxy.exchange import Exchange
from charter.proxy.gateway import Gateway
from charter.proxy.judgement import Judgement

PORTS = {"http": 80, "https": 443}
GRACE_SECONDS = 2
"""For responses that have not ended when a signal comes."""


def run(
    url: str,
    file: Path,
    *,
    host: str,
    port: int,
    report_file: Path | None,
    fail_on: str,
    overlays: Sequence[Path] = (),
) -> int:
    """Pass everything on until a signal comes, and say what does not match the document.

    The exit code is 1 if there is a finding of the severity `fail_on` or worse. Raises Refusal
    before it begins.
    """
    logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.WARNING)
    url = service_url(url)
    if report_file is not None:
        report.check_name(report_file)
    document = Document(relative(file), overlays=overlays)
    check(document)
    with bound(host, port) as listener:
        base = base_of(listener)
        if leads_to(url, listener):
            raise Misconfigured(f"{url} is where the proxy itself listens: name another --port.")
        print(f"\n{base} passes everything on to {url}, judged by {document.file}.")
        print("Ctrl-C ends it.\n", flush=True)
        warn_of_reach(listener.getsockname()[0])
        drifts = asyncio.run(serve(url, document, listener))
    title = str(document.content["info"]["title"])
    print(f"\n{report.summary(drifts)}")
    if report_file is not None:
        report.write(report_file, drifts, url, title)
        print(f"The report is {report_file}.")
    severities = (one.drift.severity for one in drifts.listed)
    return 1 if any(is_as_severe(severity, fail_on) for severity in severities) else 0


def service_url(url: str) -> str:
    """Raises Misconfigured for what is no address of a service."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
        is_address = is_address and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise Misconfigured(
            f"{url} is no address of a service: write it with its scheme, for example"
            " http://127.0.0.1:8000."
        )
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise Misconfigured(
            f"{url} says more than where the service is: leave out user, query and fragment."
        )
    return url.rstrip("/")


def leads_to(url: str, listener: socket.socket) -> bool:
    """Whether it is the address of the listener, by whichever name: each request would come back
    without end."""
    parts = urlsplit(url)
    host, port = listener.getsockname()[:2]
    if (parts.port or PORTS[parts.scheme]) != port:
        return False
    with contextlib.suppress(OSError):
        found = [ip_address(one[4][0]) for one in socket.getaddrinfo(parts.hostname, port)]
        ours = ip_address(host)
        is_near = ours.is_loopback or ours.is_unspecified
        return ours in found or (is_near and any(one.is_loopback for one in found))
    return False


async def serve(url: str, document: Document, listener: socket.socket) -> Drifts:
    judgement, drifts = Judgement(document), Drifts()

    async def judge(exchange: Exchange) -> None:
        found = await judgement.drifts(exchange)
        drifts.unjudged = judgement.unjudged
        print(f"{exchange.line} {exchange.status}")
        for new in drifts.add(found, exchange.line):
            print(f"  {new.severity}: {new.message}\n    {new.place}")
        sys.stdout.flush()

    connections = Connections()
    configuration = uvicorn.Config(
        connections.around(Gateway(url, judge)),
        http=connections.protocol,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        lifespan="on",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    await Server(configuration).serve([listener])
    return drifts


class Server(uvicorn.Server):
    """Ends with a signal without dying of it: the report is still to be written."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {one: signal.signal(one, self.handle_exit) for one in signals}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)
