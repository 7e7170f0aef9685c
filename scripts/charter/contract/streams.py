"""Answers that may never end: a few of their items are read, and judged like any other answer."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests

from charter.runtime import Operation
from charter.runtime.sequences import is_sequential, sequence

LONGEST = 3.0
"""Seconds for which an answer is read that streams, and for which it may be silent."""


def never(item: Any) -> bool:
    return False


@dataclass(frozen=True)
class Until:
    """Where the reading of a sequence ends: with whatever comes first."""

    items: int = 3
    seconds: float = LONGEST
    is_last: Callable[[Any], bool] = never
    """Whether an item is the last one; it is asked about each, in their order."""


FIRST_ITEMS = Until()


def streams(operation: Operation) -> bool:
    """Whether a success of the operation is a sequence of items."""
    return any(content.items is not None for content in operation.contents)


def open_session() -> requests.Session:
    """Keeps connections open, and adds nothing to a request: no cookie that a service has set,
    no proxy of the environment, no password of `.netrc`."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return session


def ask(
    session: requests.Session, until: Until = FIRST_ITEMS, **arguments: Any
) -> requests.Response:
    """As `session.request`; of a sequence it reads the items `until` some end."""
    answer = session.request(**arguments, stream=True)
    media_type = answer.headers.get("content-type", "")
    if is_sequential(media_type):
        answer._content = items(answer, media_type, until)
        answer.close()
    else:
        _ = answer.content  # reads it, and gives the connection back
    return answer


def items(answer: requests.Response, media_type: str, until: Until) -> bytes:
    """Whole lines."""
    reader, content = sequence(media_type).reader(), bytearray()
    begun, found = time.monotonic(), 0
    if answer.raw.connection is not None and answer.raw.connection.sock is not None:
        answer.raw.connection.sock.settimeout(until.seconds)
    with suppress(requests.ConnectionError):  # nothing has come for so long
        for chunk in answer.iter_content(chunk_size=None):
            content += chunk
            try:
                are_last = [until.is_last(item) for item in reader.feed(chunk)]
            except ValueError:
                return bytes(content)  # which is a finding
            found += len(are_last)
            is_late = time.monotonic() - begun > until.seconds
            if found >= until.items or any(are_last) or is_late:
                break
        else:
            return bytes(content)
    return bytes(content[: content.rfind(b"\n") + 1])
