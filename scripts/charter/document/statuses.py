"""Which declared statuses a service's own code has to answer, and which it needn't."""

from collections.abc import Iterator

from charter.runtime import Contract, Operation

UNPROVOKED = frozenset({408, 413, 429, *range(500, 600)})
"""What no client provokes on purpose: too much, too often, and outages."""


def refusals(contract: Contract, operation: Operation) -> Iterator[int]:
    """The statuses that the runtime itself answers an operation's requests with."""
    yield operation.refusal_status
    if operation.security:
        yield 401
        yield 403
    if "requestBody" in contract.judge.at(operation.place):
        yield from (400, 413, 415)
