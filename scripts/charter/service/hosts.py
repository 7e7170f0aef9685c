"""A database that several hosts may serve, of which one takes writes."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from charter.service.outage import DatabaseUnreachable

UNUSABLE = (OSError, asyncpg.PostgresError, asyncpg.TargetServerAttributeNotMatched)
"""What a host that can't serve answers: nothing, that it starts or ends, or that it only reads."""


class WritableHost:
    """Connects to the host that takes writes; the one that did so last is asked first.

    asyncpg has one time limit for all hosts together, which a silent host spends alone. Here each
    host has the whole `timeout`, as `connect_timeout` of libpq has it.
    """

    def __init__(self) -> None:
        self.last: tuple[str, int] | None = None

    async def connect(
        self,
        *,
        host: Sequence[str],
        port: Sequence[int],
        timeout: float,  # noqa: ASYNC109 - asyncpg's argument
        **arguments: Any,
    ) -> asyncpg.Connection:
        """Raises PostgresError where that is what the last host answers, else DatabaseUnreachable.

        The arguments are those of `asyncpg.connect`; `timeout` is in seconds.
        """
        failure: Exception | None = None
        for where in sorted(zip(host, port, strict=True), key=lambda one: one != self.last):
            try:
                connection = await asyncpg.connect(
                    host=where[0],
                    port=where[1],
                    timeout=timeout,
                    target_session_attrs="read-write",
                    **arguments,
                )
            except UNUSABLE as error:
                failure = error
            else:
                self.last = where
                return connection
        if isinstance(failure, asyncpg.PostgresError):
            raise failure
        raise DatabaseUnreachable from failure
