"""Who still calls what the document deprecates: a counter, and a line of the log for each caller.

The line names the user and the client's software, so that a team can write to them before the
sunset. A caller is named once in REMINDS seconds, however often it calls.
"""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import monotonic

from prometheus_client import Counter

CALLS = Counter(
    "charter_deprecated_requests_total",
    "Requests to operations that the document deprecates.",
    ["operation"],
)
REMINDS = 3600.0
MOST_CALLERS = 1000
"""That are named within REMINDS seconds; others are counted, and not named."""
LONGEST_CLIENT = 100
"""Characters of a `User-Agent`, which is whatever a caller writes."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caller:
    user_id: str | None
    """Whoever was authenticated; None for an anonymous request and for a refused one."""
    address: str | None
    client: str
    """Its `User-Agent`: a header with a name in it, and no credential."""


class Deprecations:
    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.clock = clock
        self.began = clock()
        self.named: set[tuple[str, str | None, str]] = set()

    def count(self, operation_id: str, caller: Caller) -> None:
        """Count a call, and name the caller unless that was done a short time ago."""
        CALLS.labels(operation_id).inc()
        now = self.clock()
        if now - self.began >= REMINDS:
            self.began = now
            self.named.clear()
        client = caller.client[:LONGEST_CLIENT]
        key = (operation_id, caller.user_id or caller.address, client)
        if key in self.named or len(self.named) >= MOST_CALLERS:
            return
        self.named.add(key)
        about = asdict(caller) | {"client": client}
        log.info("deprecated operation called", extra={"operation": operation_id, **about})
