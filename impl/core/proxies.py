"""Where a request comes from, when proxies stand in between."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from impl.core.config import ANY, ProxyHeader

WITH_PORT = re.compile(r"\[(?P<six>[^]]*)\](:\d+)?|(?P<four>[^:]*)(:\d+)?")
QUOTED_OR_PLAIN = r'"(?:[^"\\]|\\.)*"|[^;,"]*'
PARAMETER = re.compile(rf"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=({QUOTED_OR_PLAIN})\s*(?:;|$)")
ELEMENT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')


class TrustedProxies:
    """Takes the caller's address from the header of a trusted proxy, and from nobody else's.

    Each proxy appends where its own request came from, so the header is read from its end: the
    first address that is no trusted proxy's is the caller's. What stands before it was sent by the
    caller, and may be anything.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[str], header: ProxyHeader) -> None:
        self.app = app
        self.trusts_any = ANY in trusted
        self.networks = [ip_network(name, strict=False) for name in trusted if name != ANY]
        self.header = header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("client"):
            address, port = scope["client"]
            caller = self.caller(address, Headers(scope=scope))
            scope = {**scope, "client": (caller, port if caller == address else 0)}
        await self.app(scope, receive, send)

    def caller(self, address: str, headers: Headers) -> str:
        hops = self.hops(headers)
        while self.is_trusted(address) and (hop := next(hops, None)) is not None:
            address = str(hop)
        return address

    def is_trusted(self, address: str) -> bool:
        if self.trusts_any:
            return True
        parsed = parse_address(address)
        return parsed is not None and any(parsed in network for network in self.networks)

    def hops(self, headers: Headers) -> Iterator[IPv4Address | IPv6Address]:
        """The addresses from the last one on, up to the first text that is none."""
        elements = ",".join(headers.getlist(self.header))
        if self.header is ProxyHeader.FORWARDED:
            nodes = [forwarded_for(element) for element in ELEMENT.findall(elements)]
        else:
            nodes = elements.split(",")
        for node in reversed(nodes):
            hop = parse_address(node.strip())
            if hop is None:
                return
            yield hop


def forwarded_for(element: str) -> str:
    """The `for` of an element (RFC 7239 section 4); empty where it has none."""
    for name, value in PARAMETER.findall(element):
        if name.lower() == "for":
            return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
    return ""


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """An address, with or without brackets and port. `unknown` and whatever else is none."""
    try:
        address = ip_address(text)
    except ValueError:
        match = WITH_PORT.fullmatch(text)
        if match is None:
            return None
        try:
            address = ip_address(match["six"] or match["four"] or "")
        except ValueError:
            return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:  # any text may stand there
            return None
        return address.ipv4_mapped or address
    return address
