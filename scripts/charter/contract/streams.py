"""Answers that may never end: a few of their items are read, and judged like any other answer."""

import time
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests

from charter.runtime import Operation
from charter.runtime.sequences import is_sequential, sequence

MOST_ITEMS = 3
LONGEST = 3.0
"""Seconds for which an answer is read that streams, and for which it may be silent."""


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


def ask(session: requests.Session, **arguments: Any) -> requests.Response:
    """As `session.request`; of a sequence of items it reads the first ones."""
    answer = session.request(**arguments, stream=True)
    media_type = answer.headers.get("content-type", "")
    if is_sequential(media_type):
        answer._content = first_items(answer, media_type)
        answer.close()
    else:
        _ = answer.content  # reads it, and gives the connection back
    return answer


def first_items(answer: requests.Response, media_type: str) -> bytes:
    """Whole lines, with at least `MOST_ITEMS` items where so many come in time."""
    reader, content = sequence(media_type).reader(), b""
    begun, found = time.monotonic(), 0
    if answer.raw.connection is not None and answer.raw.connection.sock is not None:
        answer.raw.connection.sock.settimeout(LONGEST)
    with suppress(requests.ConnectionError):  # nothing has come for so long
        for chunk in answer.iter_content(chunk_size=None):
            content += chunk
            try:
                found += sum(1 for _ in reader.feed(chunk))
            except ValueError:
                return content  # which is a finding
            if found >= MOST_ITEMS or time.monotonic() - begun > LONGEST:
                break
        else:
            return content
    return content[: content.rfind(b"\n") + 1]
