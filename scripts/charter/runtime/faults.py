"""What can be wrong with a request or a response.

* RequestRefused
  * MissingCredentials    401  no security requirement is satisfied
  * MalformedRequest      400  the body is not of its syntax
  * ContentTooLarge       413
  * UnsupportedMediaType  415
  * InvalidRequest        422, or 400 where the operation declares that one instead
  * TooManyStreams        429
* ResponseViolation         the response does not match the API description
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

LONGEST_TEXT = 300
"""Characters of a pointer or a detail: an answer need not repeat a megabyte of a name."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, and where.

    The pointer and the detail are cut to `LONGEST_TEXT` characters.
    """

    place: str
    """path, query, header, cookie or body."""
    pointer: str
    """A JSON Pointer (RFC 6901) into that place."""
    detail: str
    """A predicate whose subject is what the pointer names. It never quotes the value."""
    rule: str = ""
    """The keyword of JSON Schema that the value violates, or another short name of the rule."""

    def __post_init__(self) -> None:
        for name in ("pointer", "detail"):
            text = getattr(self, name)
            if len(text) > LONGEST_TEXT:
                object.__setattr__(self, name, shortened(text))

    def as_json(self) -> dict[str, str]:
        return {"in": self.place, "pointer": self.pointer, "detail": self.detail}


def shortened(text: str) -> str:
    """The start of a text; an escape of a JSON Pointer (`~0`, `~1`) is kept or cut whole."""
    return text[: LONGEST_TEXT - 1].rstrip("~") + "…"


class RequestRefused(Exception):
    """The request does not match the API description."""

    status: int = 400
    headers: Mapping[str, str] = MappingProxyType({})
    """What the answer says beside its body."""

    def __init__(self, operation_id: str, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(f"{operation_id}: {detail}")
        self.operation_id = operation_id
        self.detail = detail
        self.faults = faults


class MissingCredentials(RequestRefused):
    """The request satisfies none of the operation's security requirements."""

    status = 401

    def __init__(self, operation_id: str, challenges: Sequence[str]) -> None:
        super().__init__(operation_id, "The request needs credentials.")
        self.challenges = challenges
        """What WWW-Authenticate says."""


class MalformedRequest(RequestRefused):
    """The body can't be parsed."""


class ContentTooLarge(RequestRefused):
    """The body is larger than the service takes."""

    status = 413


class UnsupportedMediaType(RequestRefused):
    """The body is of a media type or coding that the operation does not take."""

    status = 415


class InvalidRequest(RequestRefused):
    """Parameters or body violate the schemas of the document."""

    def __init__(self, operation_id: str, status: int, faults: Sequence[Fault]) -> None:
        super().__init__(operation_id, "The request does not match the API description.", faults)
        self.status = status


class TooManyStreams(RequestRefused):
    """The caller holds as many streams as it may. RFC 6585 section 4."""

    status = 429

    def __init__(self, operation_id: str, most: int) -> None:
        super().__init__(operation_id, f"You hold {most} streams already: end one of them first.")
        # so that not all come back at the same moment
        self.headers = {"Retry-After": str(random.randint(5, 15))}  # noqa: S311 - nothing depends on it


class ResponseViolation(Exception):
    """The response of the service does not match the API description."""

    def __init__(self, operation_id: str, status: int, faults: Sequence[Fault]) -> None:
        details = "; ".join(f"{fault.place} {fault.pointer} {fault.detail}" for fault in faults)
        super().__init__(f"{operation_id} {status}: {details}")
        self.operation_id = operation_id
        self.status = status
        self.faults = faults
