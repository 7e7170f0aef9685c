"""Requests that are sent again with their Idempotency-Key: the first answer is theirs, too.

draft-ietf-httpapi-idempotency-key-header.
"""

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from starlette.responses import Response

from charter.runtime import Operation

IDEMPOTENCY_KEY = "idempotency-key"
MOST = 1_000
"""Answers that are kept; beyond that, the oldest are dropped."""


class KeyReused(Exception):
    """The key belongs to another request."""


@dataclass(frozen=True)
class Keyed:
    """A request with a key.

    Callers whom nobody knows can't be told apart: a key of theirs is for one content alone.
    """

    operation: str
    caller: str
    key: str
    content: bytes

    @classmethod
    def of(
        cls, operation: Operation, credentials: object, values: Mapping[tuple[str, str], Any]
    ) -> "Keyed | None":
        """None where the operation takes no key, or none was sent."""
        said = {f"{place} {name}".lower(): value for (place, name), value in values.items()}
        key = said.get(f"header {IDEMPOTENCY_KEY}")
        if key is None:
            return None
        named = {name: one for name, one in said.items() if not name.startswith("header ")}
        text = json.dumps(named, sort_keys=True, default=repr)
        return cls(operation.id, repr(credentials or ""), str(key), sha256(text.encode()).digest())

    @property
    def name(self) -> tuple[object, ...]:
        known = (self.operation, self.caller, self.key)
        return known if self.caller != repr("") else (*known, self.content)


@dataclass(frozen=True)
class Kept:
    content: bytes
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Repeats:
    """The answers to requests with a key, of a mock."""

    def __init__(self, kept: "OrderedDict[tuple[object, ...], Kept]") -> None:
        self.kept = kept

    def answer(self, request: Keyed) -> Response | None:
        """The first answer, if there was one. Raises KeyReused."""
        kept = self.kept.get(request.name)
        if kept is None:
            return None
        if kept.content != request.content:
            raise KeyReused("This Idempotency-Key belongs to another request.")
        response = Response(kept.body, kept.status)
        response.raw_headers = list(kept.headers)
        return response

    def keep(self, request: Keyed, response: Response) -> None:
        """Keep a success; whatever failed may be tried again."""
        if response.status_code >= 400:
            return
        headers = tuple(response.raw_headers)
        self.kept[request.name] = Kept(
            request.content, response.status_code, headers, bytes(response.body)
        )
        while len(self.kept) > MOST:
            self.kept.popitem(last=False)
