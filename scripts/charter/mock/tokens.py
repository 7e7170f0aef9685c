"""Log-ins: the mock hands out tokens where the document has an operation that does, and knows them.

That is a POST at the `tokenUrl` of an OAuth 2 flow (RFC 6749 sections 4.3 and 4.4), or one that
needs no credentials and whose answer has a member that is called a token. Every user and password
is taken.
"""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, Response

from charter.mock.memory import Memory, Token, json_content, shape_of
from charter.mock.memory.envelopes import Envelope, plain
from charter.runtime import Contract, MissingCredentials, Operation, RequestRefused
from charter.runtime.credentials import Credentials, challenge
from charter.runtime.shapes import Shape

ACCESS = frozenset({"accesstoken", "authtoken", "idtoken", "jwt", "token"})
REFRESH = frozenset({"refreshtoken"})
LIFETIMES = frozenset({"expiresin"})
GRANTS = {"password": "password", "clientCredentials": "client_credentials"}
"""The flows that need no browser, and what they are called on the wire."""
SECONDS = 3600
"""That a token is good for, where the document's example says nothing else."""


class InsufficientScope(RequestRefused):
    """The token was handed out for less than the operation needs (RFC 6750 section 3.1)."""

    status = 403


class InvalidGrant(Exception):
    """The refresh token is not, or no longer, good for anything (RFC 6749 section 5.2)."""


class LogIns:
    """Hands out tokens, and refuses those that are no longer good."""

    def __init__(
        self, contract: Contract, memory: Memory, random: Random, *, is_strict: bool
    ) -> None:
        """With `is_strict`, tokens that were not handed out here are refused, too."""
        self.contract = contract
        self.memory = memory
        self.random = random
        self.schemes = {
            name: contract.judge.resolve(scheme) for name, scheme in schemes(contract).items()
        }
        self.urls = dict(token_urls(self.schemes))
        """The paths of `tokenUrl`, with the grants that are taken there."""
        self.issuers = dict(self._issuers())
        """By operationId: where the answer has the token."""
        self.is_strict = is_strict and bool(self.issuers or self.urls)

    def _issuers(self) -> Iterator[tuple[str, Envelope]]:
        for operation in self.contract.operations.values():
            is_open = not all(operation.security) or not operation.security
            if operation.method == "POST" and (is_open or self.is_token_url(operation.path)):
                envelope = envelope_of(self.contract, operation)
                if envelope is not None:
                    yield operation.id, envelope

    def is_token_url(self, path: str) -> bool:
        return any(url.endswith(path) for url in self.urls)

    # -- what is handed out -----------------------------------------------------------------------

    def body(self, operation: Operation, sent: Any, example: Any) -> Any:
        """The example of a log-in's answer, with tokens of its own. Raises InvalidGrant."""
        envelope = self.issuers[operation.id]
        members = envelope.inside(example)
        if not isinstance(members, Mapping):
            return example
        form = sent if isinstance(sent, Mapping) else {}
        by_name = {plain(name): value for name, value in members.items()}
        said = next((by_name[name] for name in LIFETIMES if name in by_name), None)
        seconds = said if isinstance(said, int) and said > 0 else SECONDS
        fresh = self.granted(form, seconds)
        names = sorted(envelope.shape.names)
        made = {name: one for name in names for one in self.member(name, fresh)}
        return envelope.around({**members, **made}, example)

    def plain_answer(self, path: str, form: Mapping[str, str]) -> Response:
        """That of the token endpoint of a flow that is no operation (RFC 6749 section 5)."""
        grants = [*self.urls[path], "refresh_token"]
        headers = {"Cache-Control": "no-store"}
        if form.get("grant_type") not in grants:
            said = f"The grant_type is none of {', '.join(grants)}."
            error = {"error": "unsupported_grant_type", "error_description": said}
            return JSONResponse(error, 400, headers)
        try:
            fresh = self.granted(form, SECONDS)
        except InvalidGrant as error_:
            error = {"error": "invalid_grant", "error_description": str(error_)}
            return JSONResponse(error, 400, headers)
        names = ["access_token", "scope"]
        names += ["refresh_token"] if form["grant_type"] != "client_credentials" else []
        made = {name: one for name in names for one in self.member(name, fresh)}
        return JSONResponse(made | {"token_type": "Bearer", "expires_in": SECONDS}, headers=headers)

    def granted(self, form: Mapping[str, Any], seconds: float) -> Token:
        """What a form asks for; a refresh token is good once."""
        asked = form.get("scope")
        scopes = frozenset(asked.split()) if isinstance(asked, str) and asked else None
        if form.get("grant_type") == "refresh_token":
            text = str(form.get("refresh_token"))
            known = self.memory.tokens.get(text)
            is_good = not self.is_strict if known is None else known.refreshes and not known.is_over
            if not is_good:
                raise InvalidGrant("The refresh token was used before, or never handed out.")
            if known is not None:
                self.memory.tokens[text] = replace(known, ends=0)
            if known is not None and known.scopes is not None:
                scopes = known.scopes if scopes is None else scopes & known.scopes
        return Token(scopes, time.monotonic() + seconds)

    def member(self, name: str, fresh: Token) -> Iterator[str]:
        if plain(name) in ACCESS:
            yield self.memory.hand_out(self.text(), fresh)
        elif plain(name) in REFRESH:
            lasting = replace(fresh, ends=math.inf, refreshes=True)
            yield self.memory.hand_out(self.text(), lasting)
        elif name == "scope" and fresh.scopes is not None:
            yield " ".join(sorted(fresh.scopes))

    def text(self) -> str:
        return f"mock-{self.random.getrandbits(128):032x}"

    # -- what is taken ----------------------------------------------------------------------------

    def check(self, operation: Operation, credentials: Credentials | None) -> None:
        """Raises MissingCredentials for a token that is over, InsufficientScope for a lesser one.

        A credential that was not handed out is taken, unless the mock is strict.
        """
        for name, credential in (credentials or {}).items():
            text = (credential.value.split() or [""])[-1]
            token = self.memory.tokens.get(text)
            is_token = challenge(self.schemes[name]) == "Bearer"
            if token is None:
                is_good = not (self.is_strict and is_token)
            else:
                is_good = not (token.refreshes or token.is_over)
            if not is_good:
                raise MissingCredentials(operation.id, ['Bearer error="invalid_token"'])
            if token is not None and token.scopes is not None:
                missing = credential.scopes - token.scopes
                if missing:
                    needed = " ".join(sorted(missing))
                    raise InsufficientScope(operation.id, f"The token lacks the scope {needed}.")


def schemes(contract: Contract) -> Mapping[str, Any]:
    judge = contract.judge
    components = judge.resolve(judge.document.get("components", {}))
    declared: Mapping[str, Any] = components.get("securitySchemes", {})
    return declared


def token_urls(declared: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    urls: dict[str, list[str]] = {}
    for scheme in declared.values():
        flows = scheme.get("flows", {}) if scheme["type"] == "oauth2" else {}
        for flow, grant in GRANTS.items():
            if flow in flows:
                path = "/" + urlsplit(flows[flow]["tokenUrl"]).path.lstrip("/")
                urls.setdefault(path, []).append(grant)
    yield from urls.items()


def envelope_of(contract: Contract, operation: Operation) -> Envelope | None:
    """Where the answer has an access token: in itself, or in one of its members."""
    content = json_content(operation)
    if content is None:
        return None
    shape = shape_of(contract.judge, content)
    candidates = [Envelope(None, shape)]
    candidates += [Envelope(name, shape.member(name)) for name in sorted(shape.names)]
    return next((one for one in candidates if has_token(one.shape)), None)


def has_token(shape: Shape) -> bool:
    return any(
        plain(name) in ACCESS and "string" in shape.member(name).types for name in shape.names
    )
