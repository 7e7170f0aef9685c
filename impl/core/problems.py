"""Errors as clients see them: `application/problem+json` (RFC 9457).

Services raise a `Problem`; the handlers here are the only place that turns one into a response.
"""

import json
import math
import random
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from charter.runtime import Fault, RequestRefused
from charter.runtime.layers import UNWRITTEN
from charter.service.telemetry import request_id
from impl.core.accounts import TOKEN_OPERATIONS, ProblemType

MEDIA_TYPE = "application/problem+json"
REALM = 'Bearer realm="charter"'

TITLES = {
    # Python renamed these between its versions; RFC 9110 has the last word
    413: "Content Too Large",
    422: "Unprocessable Content",
}


class Problem(Exception):
    """Something that the client can understand and perhaps repair."""

    status: ClassVar[int] = HTTPStatus.BAD_REQUEST
    type: ClassVar[ProblemType] = ProblemType.ABOUT_BLANK
    keeps_changes: ClassVar[bool] = False
    """Whether the transaction commits although the operation failed."""
    detail: str = ""
    """What went wrong, in a sentence: the class's own, unless one is given."""

    def __init__(self, detail: str = "") -> None:
        self.detail = detail or self.detail
        super().__init__(self.detail)

    @property
    def headers(self) -> Mapping[str, str]:
        return {}

    @property
    def extensions(self) -> Mapping[str, Any]:
        return {}


class InvalidRequest(Problem):
    """The request keeps to the document's types and yet asks for what can't be."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    type = ProblemType.INVALID_REQUEST
    detail = "The request does not match the API description."

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__()
        self.faults = faults

    @property
    def extensions(self) -> Mapping[str, Any]:
        return {"errors": [fault.as_json() for fault in self.faults]}


class UnfitPassword(InvalidRequest):
    """The password policy refuses the new password, and says why."""

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__([Fault("body", pointer, reason)])


class OAuthProblem(Problem):
    """An error of RFC 6749 section 5.2 as a problem document."""

    error: ClassVar[str] = "invalid_request"
    error_description: ClassVar[str] = "The request is malformed."

    @property
    def extensions(self) -> Mapping[str, Any]:
        return {"error": self.error, "error_description": self.error_description}


class InvalidScope(OAuthProblem):
    """A scope is asked for that this service does not know."""

    type = ProblemType.INVALID_REQUEST
    error = "invalid_scope"
    error_description = "The scope is unknown or malformed."


class Unauthenticated(Problem):
    """No credentials: RFC 6750 section 3.1 wants no error code then."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, detail: str = "", challenges: Sequence[str] = (REALM,)) -> None:
        super().__init__(detail)
        self.challenges = challenges

    @property
    def headers(self) -> Mapping[str, str]:
        return {"WWW-Authenticate": ", ".join(self.challenges)}


class InvalidToken(Unauthenticated):
    """The access token is malformed, expired, revoked or of somebody who may not log in."""

    detail = "The access token is not valid."

    @property
    def headers(self) -> Mapping[str, str]:
        return {"WWW-Authenticate": f'{REALM}, error="invalid_token"'}


class InvalidGrant(OAuthProblem, Unauthenticated):
    """The credentials or the refresh token open nothing."""

    type = ProblemType.INVALID_GRANT
    error = "invalid_grant"
    error_description = "The credentials or the refresh token are refused."


class BadCredentials(InvalidGrant):
    """The e-mail address or the password is wrong; which of them stays unsaid."""

    detail = "The e-mail address or the password is wrong."


class RefusedRefreshToken(InvalidGrant):
    """A refresh token that is unknown, expired or spent; a spent one has ended its session."""

    keeps_changes = True  # RFC 9700 section 4.14.2: the revocation outlives the error
    detail = "The refresh token is not valid."


class Forbidden(Problem):
    status = HTTPStatus.FORBIDDEN


class InsufficientScope(Forbidden):
    """The session was opened with fewer scopes, or the user may not have them."""

    type = ProblemType.INSUFFICIENT_SCOPE

    def __init__(self, missing: Sequence[str]) -> None:
        noun = "scope" if len(missing) == 1 else "scopes"
        super().__init__(f"This needs the {noun} {' '.join(missing)}.")
        self.missing = missing

    @property
    def headers(self) -> Mapping[str, str]:
        scope = " ".join(self.missing)
        return {"WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="{scope}"'}


class WrongPassword(Forbidden):
    """The current password, asked for again, is wrong."""

    type = ProblemType.WRONG_PASSWORD
    detail = "The current password is wrong."


class NotFound(Problem):
    status = HTTPStatus.NOT_FOUND


class Conflict(Problem):
    status = HTTPStatus.CONFLICT


class EmailTaken(Conflict):
    type = ProblemType.EMAIL_TAKEN
    detail = "This e-mail address is registered already."


class LastAdministrator(Conflict):
    type = ProblemType.LAST_ADMINISTRATOR
    detail = "The last active administrator must stay one."


class KeyReused(Conflict):
    type = ProblemType.IDEMPOTENCY_KEY_REUSED
    detail = "This Idempotency-Key belongs to another request."


class PreconditionFailed(Problem):
    status = HTTPStatus.PRECONDITION_FAILED


class PreconditionRequired(Problem):
    """RFC 6585 section 3."""

    status = HTTPStatus.PRECONDITION_REQUIRED


class TooManyRequests(Problem):
    """RFC 6585 section 4."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, retry_after: float, reason: str = "Too many failed attempts.") -> None:
        super().__init__(f"{reason} Try again later.")
        self.retry_after = max(1, math.ceil(retry_after))

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Retry-After": str(self.retry_after)}


class ServiceUnavailable(Problem):
    """The database is out of reach, or there is more to do than can be done in time."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    detail = "The service can't answer right now. Try again soon."

    def __init__(self) -> None:
        super().__init__()
        # so that not all come back at the same moment
        self.retry_after = random.randint(1, 5)  # noqa: S311 - nothing depends on it

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Retry-After": str(self.retry_after)}


def title(status: int) -> str:
    return TITLES.get(status) or HTTPStatus(status).phrase


def response(
    status: int,
    detail: str,
    *,
    type: ProblemType = ProblemType.ABOUT_BLANK,  # noqa: A002 - the member's name in RFC 9457
    headers: Mapping[str, str] | None = None,
    extensions: Mapping[str, Any] | None = None,
) -> Response:
    """A problem document. Its `request_id` is what the operator finds in the log."""
    document = {"type": type, "title": title(status), "status": status, "detail": detail}
    content = json.dumps(document | {"request_id": request_id()} | dict(extensions or {}))
    return Response(content, status, dict(headers or {}), MEDIA_TYPE)


def unavailable() -> Response:
    problem = ServiceUnavailable()
    return response(problem.status, problem.detail, headers=problem.headers)


async def on_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    return response(
        problem.status,
        problem.detail,
        type=problem.type,
        headers=problem.headers,
        extensions=problem.extensions,
    )


async def on_refusal(request: Request, refusal: Exception) -> Response:
    """What the contract refused."""
    assert isinstance(refusal, RequestRefused)
    extensions: dict[str, Any] = {}
    if refusal.faults:
        extensions["errors"] = [fault.as_json() for fault in refusal.faults]
    if refusal.status == HTTPStatus.BAD_REQUEST and refusal.operation_id in TOKEN_OPERATIONS:
        extensions |= token_error(refusal.faults)
    syntactic = refusal.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
    described = ProblemType.INVALID_REQUEST if syntactic else ProblemType.ABOUT_BLANK
    return response(
        refusal.status,
        refusal.detail,
        type=described,
        headers=refusal.headers,
        extensions=extensions,
    )


def token_error(faults: Sequence[Fault]) -> dict[str, str]:
    """The error code of RFC 6749 section 5.2 for a request that was refused."""
    rules = {fault.pointer: fault.rule for fault in faults}
    if rules.get("/grant_type") == "discriminator":
        return {
            "error": "unsupported_grant_type",
            "error_description": "The grant types are password and refresh_token.",
        }
    if rules.keys() == {"/scope"} and rules["/scope"] != "repeated":
        return dict(InvalidScope("").extensions)
    return {"error": "invalid_request", "error_description": OAuthProblem.error_description}


async def on_http_error(request: Request, error: Exception) -> Response:
    """Starlette's own: a path that is not there."""
    assert isinstance(error, HTTPException)
    details = {404: "There is nothing at this path."}
    detail = details.get(error.status_code, title(error.status_code))
    return response(error.status_code, detail, headers=error.headers)


async def on_unwritten_operation(request: Request, error: Exception) -> Response:
    setattr(request.state, UNWRITTEN, request.scope["route"].operation_id)
    return response(501, "The document promises this operation; nobody has written it yet.")


def install(app: FastAPI) -> None:
    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestRefused, on_refusal)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(NotImplementedError, on_unwritten_operation)
