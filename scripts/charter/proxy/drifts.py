"""What does not match the document in what has passed, each kind of it once."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from charter.document import Place
from charter.document.findings import SEVERITIES, Finding, Severity

MOST = 1000
"""Drifts that are listed; further ones are counted."""


@dataclass(frozen=True)
class Drift:
    """One way in which a request or a response departs from the document."""

    operation: str
    """Method and path template, or those of the request where the document has no such."""
    status: int
    severity: Severity
    rule: str
    detail: str
    """A sentence without its full stop."""
    pointer: str
    """In the body, the query, the headers; empty where it is about the whole."""
    place: Place
    """Where the document says otherwise."""

    @property
    def key(self) -> tuple[Any, ...]:
        """The same for what differs only in the position in a list, or in a number of a path that
        the document doesn't have."""
        texts = (self.operation, self.detail, self.pointer)
        general = (re.sub(r"/[0-9]+(?=[/ ]|$)", "/*", text) for text in texts)
        return self.status, self.severity, self.rule, *general

    @property
    def message(self) -> str:
        return f"{self.operation} {self.status}: {self.detail}."


@dataclass(frozen=True)
class Seen:
    """A drift, how often it was met, and the first request that showed it."""

    drift: Drift
    times: int
    first: str

    def finding(self) -> Finding:
        drift, often = self.drift, f"{self.times} times, first" if self.times > 1 else "seen"
        message = f"{drift.message} ({often} with {self.first})"
        return Finding.at(drift.place, drift.severity, drift.rule, message)

    def as_json(self) -> dict[str, Any]:
        drift = self.drift
        return {
            "operation": drift.operation,
            "status": drift.status,
            "severity": drift.severity.value,
            "rule": drift.rule,
            "pointer": drift.pointer,
            "message": drift.message,
            "file": str(drift.place.file),
            "line": drift.place.line,
            "column": drift.place.column,
            "times": self.times,
            "first": self.first,
        }


@dataclass
class Drifts:
    """All that was seen, in a bounded space."""

    seen: dict[tuple[Any, ...], Seen] = field(default_factory=dict)
    exchanges: int = 0
    unlisted: int = 0
    unjudged: int = 0
    """Bodies that could not be judged: too large, or in a coding that is not read."""

    def add(self, drifts: Iterable[Drift], first: str) -> Iterator[Drift]:
        """Count them; yields those that are new."""
        self.exchanges += 1
        for drift in drifts:
            known = self.seen.get(drift.key)
            if known is not None:
                self.seen[drift.key] = replace(known, times=known.times + 1)
            elif len(self.seen) == MOST:
                self.unlisted += 1
            else:
                self.seen[drift.key] = Seen(drift, 1, first)
                yield drift

    @property
    def listed(self) -> list[Seen]:
        """The worst first, then in the order of the document."""
        return sorted(
            self.seen.values(),
            key=lambda one: (SEVERITIES.index(one.drift.severity), one.finding()),
        )
