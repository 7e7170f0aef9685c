"""What the answers of a deprecated operation say of its end, as the document announces it.

    deprecated: true
    x-deprecated-since: 2026-06-01      Deprecation: @1780272000            RFC 9745
    x-sunset: 2027-01-31                Sunset: Sun, 31 Jan 2027 ... GMT    RFC 8594
    x-deprecation-docs: /docs/moving    Link: </docs/moving>; rel="deprecation", ...

Days are full-dates of RFC 3339, in UTC, or moments. These headers follow from the operation: it
need not declare them in its responses, and one that a response has already stays as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

SINCE = "x-deprecated-since"
SUNSET = "x-sunset"
DOCS = "x-deprecation-docs"
"""Where clients read what to do; the operation's `externalDocs` by default."""

ANNOUNCED = "charter.announced"
"""The member of a request's scope that names the deprecated operation which answered."""

STAYS_IN_A_URL = ":/?#[]@!$&'()*+,;=%~"


@dataclass(frozen=True)
class Announcement:
    """The headers of one deprecated operation."""

    deprecation: str
    """A Date of a structured field (RFC 9651 section 3.3.7)."""
    sunset: str | None
    links: str | None

    def add_to(self, headers: MutableHeaders) -> None:
        headers.setdefault("deprecation", self.deprecation)
        if self.sunset is not None:
            headers.setdefault("sunset", self.sunset)
        if self.links is not None:
            headers.append("link", self.links)


def announcement(operation: Mapping[str, Any], today: datetime) -> Announcement | None:
    """None for an operation that is not deprecated. A date that is none is left out.

    Without SINCE, the operation was deprecated `today` at the latest.
    """
    if operation.get("deprecated") is not True:
        return None
    since, sunset = (moment(operation.get(member)) for member in (SINCE, SUNSET))
    relations = ["deprecation", *(["sunset"] if sunset is not None else [])]
    docs = documentation(operation)
    links = [f'<{docs}>; rel="{relation}"' for relation in relations] if docs else []
    return Announcement(
        deprecation=f"@{int((since or today).timestamp())}",
        sunset=format_datetime(sunset, usegmt=True) if sunset is not None else None,
        links=", ".join(links) or None,
    )


def period(node: Mapping[str, Any]) -> str:
    """`since 2026-06-01, until 2027-01-31`, as far as what is deprecated says it."""
    dates = ((word, moment(node.get(name))) for word, name in (("since", SINCE), ("until", SUNSET)))
    return ", ".join(f"{word} {date:%Y-%m-%d}" for word, date in dates if date is not None)


def documentation(operation: Mapping[str, Any]) -> str | None:
    """A URI reference, in the characters that one may have."""
    external = operation.get("externalDocs")
    named = external.get("url") if isinstance(external, Mapping) else None
    docs = operation.get(DOCS, named)
    return quote(docs, safe=STAYS_IN_A_URL) if isinstance(docs, str) and docs else None


def moment(value: object) -> datetime | None:
    """What a date or a date with a time stands for, in UTC; a day begins at midnight."""
    try:
        read = datetime.fromisoformat(str(value))
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def announcing(announcements: Mapping[str, Announcement], scope: Scope, send: Send) -> Send:
    """Add the headers of the operation that `scope` names once its answer begins.

    Several operations may share an address; only then is it known which of them answers.
    """

    async def announced(message: Message) -> None:
        operation_id = getattr(scope.get("route"), "operation_id", None)
        found = announcements.get(operation_id or "")
        if found is not None and message["type"] == "http.response.start":
            scope[ANNOUNCED] = operation_id
            found.add_to(MutableHeaders(scope=message))
        await send(message)

    return announced
