"""What a change means for a client: an error breaks it, a warning may, an info does not.

The rules are named as oasdiff names them, so that a team that comes from there keeps its lists.
Nearly all severities follow from two things: whether the values that a schema allows become fewer
or more, and which way they travel. JUDGED holds those that do not follow.
"""

import re
from dataclasses import dataclass
from enum import Enum

from charter.document.findings import Severity
from charter.document.model import Path


class Direction(Enum):
    REQUEST = "request"
    RESPONSE = "response"


class Effect(Enum):
    """What becomes of the values that are allowed."""

    NARROWS = "fewer"
    WIDENS = "more"
    REPLACES = "others"
    KEEPS = "the same"


@dataclass(frozen=True)
class Change:
    """One difference between two documents.

    `old` and `new` are where it stands in each of them; None where there is nothing to point at.
    `direction` is None for what is neither sent nor received.
    """

    rule: str
    severity: Severity
    direction: Direction | None
    operation: str
    """`GET /books`, or an empty text for what belongs to the whole document."""
    where: str
    """The part of the operation: `query parameter genre`, `response 200/*/isbn`."""
    message: str
    old: Path | None
    new: Path | None

    @property
    def subject(self) -> str:
        return f"{self.operation} {self.where}".strip()


def severity(rule: str, effect: Effect, direction: Direction | None) -> Severity:
    """How much a change hurts the clients of the older document."""
    for pattern, judged in JUDGED:
        if pattern.fullmatch(rule) and effect is not Effect.KEEPS:
            return judged
    breaking = {
        Direction.REQUEST: (Effect.NARROWS, Effect.REPLACES),
        Direction.RESPONSE: (Effect.WIDENS, Effect.REPLACES),
        None: (Effect.REPLACES,),
    }
    return Severity.ERROR if effect in breaking[direction] else Severity.INFO


JUDGED: tuple[tuple[re.Pattern[str], Severity], ...] = tuple(
    (re.compile(pattern), judged)
    for pattern, judged in (
        # A client that writes only one of several kinds of value may well keep to a new bound.
        (r"request-(body|property|parameter)-((exclusive-)?(min|max)|(min|max)-(length|items))-set",
            Severity.WARNING),
        (r"request-(property|parameter|body)-pattern-changed", Severity.WARNING),
        (r"request-(body|property)-all-of-removed", Severity.WARNING),
        # The service may ignore what it does not know any more.
        (r"request(-read-only)?-property-removed", Severity.WARNING),
        (r"request-parameter-removed", Severity.WARNING),
        # A careful client expects neither a value to be the last one, nor an optional one to come.
        (r"response-(body|property|header)-enum-value-added", Severity.WARNING),
        (r"response-optional-property-removed", Severity.WARNING),
        (r"optional-response-header-removed", Severity.WARNING),
        (r"response-body-media-type-schema-removed", Severity.WARNING),
        (r"response-required-property-became-not-write-only", Severity.WARNING),
        # What only the service writes is no part of a request, and the reverse.
        (r"request-read-only-property-.*", Severity.INFO),
        (r"response-(.*-)?write-only-property-.*", Severity.INFO),
        # Nobody checks what arrives against a pattern.
        (r"response-(body|property|header)-pattern-(added|changed|removed|generalized)",
            Severity.INFO),
        # An operation's answer to a failure is not what a client was written for.
        (r"response-non-success-status-removed", Severity.INFO),
    )
)  # fmt: skip
