"""Requests of at most 1 MiB that cost as much as a request can, and a watch on the event loop."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from time import thread_time
from typing import Any

from charter.runtime import Operation
from charter.runtime.contract import BODY_LIMIT

JSON_TEXTS: Mapping[str, bytes] = {
    "deep arrays": b"[" * BODY_LIMIT,
    "deep objects": b'{"a":' * (BODY_LIMIT // 5),
    "200 levels": b"[" * 200 + b"]" * 200,
    "integers": b"[" + b"1," * (BODY_LIMIT // 2 - 2) + b"1]",
    "19,000 integers": b"[" + b"1," * 18_999 + b"1]",
    "empty arrays": b"[" + b"[]," * (BODY_LIMIT // 3 - 2) + b"1]",
    "19,000 objects": b"[" + b'{"a":1},' * 9_499 + b"1]",
    "floats": b"[" + b"1.1," * (BODY_LIMIT // 4 - 2) + b"1]",
    "strings": b"[" + b'"",' * (BODY_LIMIT // 3 - 2) + b"1]",
    "strings without commas": b'"' * BODY_LIMIT,
    "an open string": b'"' + b'\\"' * (BODY_LIMIT // 2 - 1),
    "members": b"{" + b",".join(b'"%x":1' % number for number in range(90_000)) + b"}",
    "19,000 members": b"{" + b",".join(b'"%x":1' % number for number in range(18_999)) + b"}",
    "a member again and again": b"{" + b",".join([b'"a":1'] * 150_000) + b"}",
    "a name": b'{"' + b"a" * (BODY_LIMIT - 10) + b'":1}',
    "twenty names": b"{" + b",".join(b'"%d%s":1' % (n, b"~" * 50_000) for n in range(20)) + b"}",
    "a number": b"1" * BODY_LIMIT,
    "long numbers": b"[" + b",".join([b"1" * 4_300] * 240) + b"]",
    "a text": b'"' + b"a" * (BODY_LIMIT - 2) + b'"',
    "a text of commas": b'"' + b",[{" * (BODY_LIMIT // 3 - 2) + b'"',
    "escapes": b'"' + b"\\u0041" * (BODY_LIMIT // 6 - 2) + b'"',
}
"""By what they hold, whatever the schema."""

VALUES: Mapping[str, Any] = {
    "integers": [1] * 18_000,
    "texts": [format(number, "x") for number in range(18_000)],
    "objects": [{"a": 1}] * 9_000,
    "lists": [[]] * 18_000,
    "members": {format(number, "x"): 1 for number in range(18_000)},
    "a text": "a" * 1_000_000,
    "a text of letters and a mark": "a" * 999_999 + "!",
    "a text of dots": "a." * 500_000,
    "a text of digits": "1" * 1_000_000,
    "200 levels": json.loads(b"[" * 190 + b"]" * 190),
}
"""What stands in the place of a member that the schema declares."""

FORMS: Mapping[str, bytes] = {
    "pairs": b"a=1&" * (BODY_LIMIT // 4),
    "names": b"&".join(b"%x=" % number for number in range(100_000)),
    "1,000 names": b"&".join(b"%x=" % number for number in range(1_000)),
    "1,000 long names": b"&".join(b"%04d%s=" % (n, b"a" * 1_000) for n in range(1_000)),
    "brackets": b"a" + b"[a]" * (BODY_LIMIT // 3 - 2) + b"=1",
    "1,000 brackets": b"&".join(b"a%d%s=1" % (n, b"[a]" * 300) for n in range(1_000)),
    "commas": b"a=" + b"," * (BODY_LIMIT - 2),
    "escapes": b"a=" + b"%41" * (BODY_LIMIT // 3 - 1),
    "a broken escape": b"a=" + b"%" * (BODY_LIMIT - 2),
}

HEADER = b'--b\r\nContent-Disposition: form-data; name="%d"\r\n\r\n1\r\n'
MULTIPARTS: Mapping[str, bytes] = {
    "parts": b"".join(HEADER % number for number in range(18_000)) + b"--b--\r\n",
    "1,000 parts": b"".join(HEADER % number for number in range(1_000)) + b"--b--\r\n",
    "a header": b"--b\r\nContent-Disposition: form-data; "
    + b'a=";' * 200_000
    + b"\r\n\r\n--b--\r\n",
    "headers": b"--b\r\n" + b"A: b\r\n" * 170_000 + b"\r\n\r\n--b--\r\n",
    "half boundaries": b"--b\r\n\r\n" + b"\r\n--" * 260_000 + b"\r\n--b--\r\n",
    "line ends": b"--b\r\n\r\n" + b"\r" * 1_000_000 + b"\r\n--b--\r\n",
}

QUERIES: Mapping[str, bytes] = {
    "pairs": b"a&" * 30_000,
    "1,000 names": b"&".join(b"%x" % number for number in range(1_000)),
    "brackets": b"a" + b"[a]" * 20_000,
    "commas": b"a=" + b"," * 60_000,
    "a name": b"a" * 60_000,
}

HEADERS: Mapping[str, list[tuple[bytes, bytes]]] = {
    "cookies": [(b"cookie", b"a=1;" * 16_000)],
    "accepted types": [(b"accept", b"a/b;q=0.1," * 6_000)],
    "parameters of a type": [(b"content-type", b'application/json;a=";' * 3_000)],
    "quotes": [(b"content-type", b"application/json;" + b'"' * 60_000)],
    "names": [(b"x-%d" % number, b"1") for number in range(5_000)],
    "an authorization": [(b"authorization", b"Basic " + b"A" * 60_000)],
}


def bodies(operation: Operation, judge: Any) -> Iterator[tuple[str, str, bytes]]:
    """Hostile bodies of one operation: what it is, its media type, and its bytes."""
    node = judge.resolve(judge.at(operation.place).get("requestBody", {}))
    for media_type, content in node.get("content", {}).items():
        if "multipart/" in media_type:
            for name, body in MULTIPARTS.items():
                yield name, f"{media_type}; boundary=b", body
        elif "urlencoded" in media_type:
            yield from ((name, media_type, body) for name, body in FORMS.items())
        else:
            yield from ((name, media_type, body) for name, body in JSON_TEXTS.items())
            schema = judge.resolve(content.get("schema"))
            members = schema.get("properties", {}) if isinstance(schema, Mapping) else {}
            for member in list(members)[:20]:
                for name, value in VALUES.items():
                    body = json.dumps({member: value}).encode()
                    yield f"{name} as {member}", media_type, body[:BODY_LIMIT]


class Watch:
    """How long the event loop was held at once, in seconds of the processor.

    Other programs on the machine don't count.
    """

    def __init__(self) -> None:
        self.longest = 0.0

    async def look(self) -> None:
        last = thread_time()
        while True:
            await asyncio.sleep(0)
            now = thread_time()
            self.longest = max(self.longest, now - last)
            last = now


@asynccontextmanager
async def watched() -> AsyncIterator[Watch]:
    """What the loop does while this is open."""
    watch = Watch()
    looking = asyncio.create_task(watch.look())
    await asyncio.sleep(0)
    try:
        yield watch
        await asyncio.sleep(0)
    finally:
        looking.cancel()


async def send(
    app: Any,
    method: str,
    path: str,
    *,
    query: bytes = b"",
    headers: list[tuple[bytes, bytes]] | None = None,
    body: bytes = b"",
) -> tuple[int, bytes]:
    """The status and the body of the answer, straight from an ASGI application."""
    sent: list[Any] = []
    waiting = [body[at : at + 2**16] for at in range(0, len(body), 2**16)] or [b""]
    chunks = iter(waiting)
    left = len(waiting)

    async def receive() -> dict[str, Any]:
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": next(chunks, b""), "more_body": left > 0}

    async def answer(message: Any) -> None:
        sent.append(message)

    length = [(b"content-length", str(len(body)).encode())] if body else []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query,
        "headers": [(b"host", b"test"), *length, *(headers or [])],
        "client": ("127.0.0.1", 1),
        "server": ("test", 80),
        "state": {},
    }
    await app(scope, receive, answer)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])
