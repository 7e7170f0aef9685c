"""When a request is sent again, and after how long."""

import random
import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx2

TRANSIENT = frozenset({408, 429, 502, 503, 504})
"""Statuses after which the same request may succeed (RFC 9110 section 15, RFC 6585 section 4)."""
REFUSED_UNREAD = frozenset({429})
"""Those of them that say that nothing was done, so that any request may be sent again."""
NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
"""Failures before the first byte of a request."""


@dataclass(frozen=True)
class Retry:
    """How often and how patiently a request is sent again; all times in seconds."""

    attempts: int = 4
    """At most, the first one included; 1 turns retries off."""
    first: float = 0.25
    """The longest wait after the first attempt, doubled after each further one."""
    longest: float = 8.0
    patience: float = 60.0
    """A service that asks for a longer wait is not waited for."""

    def wait(self, attempt: int, asked: float | None) -> float | None:
        """The seconds before the next attempt; None if there is none.

        `asked` is what the service wants. Jitter keeps many clients from coming back at once.
        """
        if attempt >= self.attempts or (asked is not None and asked > self.patience):
            return None
        if asked is not None:
            return asked + random.uniform(0, min(1.0, asked / 10))  # noqa: S311 - no secret
        most = min(self.longest, self.first * 2 ** (attempt - 1))
        return random.uniform(most / 2, most)  # noqa: S311 - no secret


def asked_wait(response: httpx2.Response) -> float | None:
    """The seconds that `Retry-After` asks for, or else those until a spent quota is renewed.

    RFC 9110 section 10.2.3; `RateLimit` as in draft-ietf-httpapi-ratelimit-headers.
    """
    said = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+", said):
        return float(said)
    if said:
        try:
            return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
        except ValueError:
            return None
    waits = [
        float(found[1])
        for quota in response.headers.get("ratelimit", "").split(",")
        if re.search(r";\s*r=0(?![0-9])", quota) and (found := re.search(r";\s*t=([0-9]+)", quota))
    ]
    return max(waits, default=None)
