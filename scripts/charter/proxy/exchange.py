"""What passes between a client and a service: kept while it passes, as far as there is room."""

import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

LARGEST_BODY = 4 * 2**20
"""Bytes of a body that is judged, also after its content coding is undone."""
MOST_KEPT = 64 * 2**20
"""Bytes of all bodies that are kept at the same time."""
MOST_MEMBERS = 100
"""Of one body in gzip; each costs a copy of what follows."""
MISCODED = "is not coded as Content-Encoding says"
NO_CONTENT = (204, 304)
"""Statuses of responses without content (RFC 9110 sections 15.3.5 and 15.4.5)."""

Headers = Sequence[tuple[bytes, bytes]]


@dataclass
class Room:
    """The memory that all exchanges share."""

    left: int = MOST_KEPT


@dataclass
class Body:
    """The bytes of a body; none of them if they are more than can be kept."""

    room: Room
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0
    """Of what has passed."""
    kept: int = 0
    is_kept: bool = True

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if not self.is_kept:
            return
        if self.size > LARGEST_BODY or len(chunk) > self.room.left:
            self.release()
            self.is_kept = False
            return
        self.room.left -= len(chunk)
        self.kept += len(chunk)
        self.chunks.append(chunk)

    def release(self) -> None:
        self.room.left += self.kept
        self.kept = 0
        self.chunks.clear()

    async def passing(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            self.add(chunk)
            yield chunk


@dataclass
class Exchange:
    """A request and the response to it."""

    method: str
    path: str
    """Decoded."""
    raw_path: bytes
    query: bytes
    request_headers: Headers
    request: Body
    response: Body
    status: int = 0
    response_headers: Headers = ()
    is_complete: bool = False
    """Whether the response came to its end."""

    @property
    def line(self) -> str:
        """The request line, as far as a terminal can show it, without the values of the query.

        API keys, tokens and passwords stand there, too, and reports are handed on.
        """
        pairs = filter(None, self.query.decode("latin-1").split("&"))
        names = "&".join(pair.partition("=")[0] for pair in pairs)
        target = self.raw_path.decode("latin-1") + (f"?{names}" if names else "")
        return f"{self.method} {printable(target)}"

    @property
    def may_have_content(self) -> bool:
        return self.method != "HEAD" and self.status not in NO_CONTENT


def printable(text: str) -> str:
    """A text that changes nothing in the terminal that shows it."""
    return "".join(one if one.isprintable() else "." for one in text)


@contextmanager
def keeping(room: Room) -> Iterator[tuple[Body, Body]]:
    """The bodies of one exchange, which are kept until it has been judged."""
    request, response = Body(room), Body(room)
    try:
        yield request, response
    finally:
        request.release()
        response.release()


def values(headers: Headers, name: bytes) -> list[str]:
    """All values of a header, in their order."""
    return [value.decode("latin-1") for known, value in headers if known.lower() == name]


def content(body: Body, headers: Headers) -> bytes | None:
    """The body without its content codings (RFC 9110 section 8.4); None where it can't be told:
    it is too large, or coded in another way than gzip and deflate.

    Raises ValueError for what is not coded as its header says.
    """
    if not body.is_kept:
        return None
    plain = b"".join(body.chunks)
    codings = ",".join(values(headers, b"content-encoding")).lower().split(",")
    for coding in reversed([one.strip() for one in codings]):
        match coding:
            case "" | "identity":
                continue
            case "gzip" | "x-gzip":
                made = inflated(plain, zlib.MAX_WBITS | 16)
            case "deflate":
                is_wrapped = plain[:1] == b"\x78"  # some senders leave out the frame of zlib
                made = inflated(plain, zlib.MAX_WBITS if is_wrapped else -zlib.MAX_WBITS)
            case _:
                made = None
        if made is None:
            return None
        plain = made
    return plain


def inflated(coded: bytes, window: int) -> bytes | None:
    """None beyond LARGEST_BODY or MOST_MEMBERS. Raises ValueError.

    A body in gzip is a sequence of members (RFC 1952 section 2.2).
    """
    plain = bytearray()
    for _ in range(MOST_MEMBERS):
        if not coded:
            return bytes(plain)
        decoder = zlib.decompressobj(window)
        try:
            plain += decoder.decompress(coded, LARGEST_BODY + 1 - len(plain))
        except zlib.error as error:
            raise ValueError(MISCODED) from error
        if len(plain) > LARGEST_BODY:
            return None
        if not decoder.eof:
            raise ValueError(MISCODED)
        coded = decoder.unused_data
    return None
