"""How calls fail.

SdkError
  ApiError              the service has refused the request
    ClientError         4xx; a class of `errors` for each status that the document declares
    ServerError         5xx
  NotModified           304: what `if_none_match` names is still what the service has
  InvalidResponse       the response is not what the document declares
  ConnectionFailed      no response came; `__cause__` says why
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from .response import Response


class SdkError(Exception):
    """The base of all errors."""


class ApiError(SdkError):
    """The service has refused the request.

    `body` is the decoded body, if it is what the document declares, else None; `json` is whatever
    JSON came.
    """

    body_type: ClassVar[object] = None

    def __init__(self, response: Response, body: Any, json: Any) -> None:
        self.response = response
        self.body = body
        self.json = json
        super().__init__(response, body, json)

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def type(self) -> str:
        """The problem type (RFC 9457 section 3.1.1)."""
        return self._member("type") or "about:blank"

    @property
    def title(self) -> str:
        return self._member("title")

    @property
    def detail(self) -> str:
        """What happened, for the person who can mend it."""
        return self._member("detail")

    def _member(self, name: str) -> str:
        found = self.json.get(name) if isinstance(self.json, Mapping) else None
        return found if isinstance(found, str) else ""

    def __str__(self) -> str:
        said = self.detail or self.title
        request = f"{self.response.method} {self.response.path}"
        return f"{request} was answered with {self.status}{f': {said}' if said else ''}"


class ClientError(ApiError):
    """A status of 400 to 499: the request has to be another one."""


class ServerError(ApiError):
    """A status of 500 to 599: the same request may succeed later."""


class NotModified(SdkError):
    """What `if_none_match` names is still what the service has."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__(f"{response.path} has not been modified")


class InvalidResponse(SdkError):
    """The response is not what the document declares."""

    def __init__(self, response: Response, reason: str) -> None:
        self.response = response
        super().__init__(f"{response.method} {response.path}: {reason}")


class ConnectionFailed(SdkError):
    """No response came: the service is out of reach, the connection broke, or time ran out."""


@dataclass(frozen=True)
class Errors:
    """The classes of the document's errors."""

    by_status: Mapping[int, type[ApiError]]
    by_type: Mapping[str, type[ApiError]]

    def class_of(self, status: int, problem_type: object) -> type[ApiError]:
        """The class of the status, of the problem type, or one that is both."""
        otherwise = ServerError if status >= 500 else ClientError
        of_status = self.by_status.get(status, otherwise)
        of_type = self.by_type.get(problem_type) if isinstance(problem_type, str) else None
        return of_status if of_type is None else combined(of_type, of_status)


def combined(of_type: type[ApiError], of_status: type[ApiError]) -> type[ApiError]:
    members = {"__module__": of_type.__module__, "__doc__": of_type.__doc__}
    return type(of_type.__name__, (of_type, of_status), members)
