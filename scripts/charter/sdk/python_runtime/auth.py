"""Credentials, and how they get into a request.

A token that has expired, or that the service refuses, is renewed once for all calls that wait for
it: by its refresh token, or by logging in again.
"""

import base64
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias
from urllib.parse import quote, urlencode

import httpx2


class Lock(Protocol):
    """What `threading.Lock` and `asyncio.Lock` have in common."""

    def release(self) -> None: ...


class Credential:
    """What a client shows for itself."""


@dataclass(frozen=True)
class Bearer(Credential):
    """A token from elsewhere; a function is asked for it before each request."""

    token: str | Callable[[], str] = field(repr=False)


@dataclass(frozen=True)
class Basic(Credential):
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class ApiKey(Credential):
    value: str = field(repr=False)
    scheme: str = ""
    """The name in the document, where it declares more than one key."""


@dataclass(frozen=True)
class Password(Credential):
    """Logs in with OAuth 2's password grant (RFC 6749 section 4.3)."""

    username: str
    password: str = field(repr=False)
    scopes: Sequence[str] = ()
    client_id: str = ""
    client_secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class ClientCredentials(Credential):
    """Logs in as the program itself (RFC 6749 section 4.4)."""

    client_id: str
    client_secret: str = field(repr=False)
    scopes: Sequence[str] = ()


Grant: TypeAlias = Password | ClientCredentials


@dataclass(frozen=True)
class Scheme:
    """A security scheme of the document."""

    kind: str
    place: str = ""
    key: str = ""
    token_url: str = ""
    refresh_url: str = ""
    grants: tuple[str, ...] = ()

    def takes(self, credential: Credential, name: str) -> bool:
        match credential:
            case Basic():
                return self.kind == "basic"
            case Bearer():
                return self.kind in ("bearer", "oauth2")
            case ApiKey():
                return self.kind == "apiKey" and credential.scheme in ("", name)
            case Password():
                return "password" in self.grants
            case ClientCredentials():
                return "client_credentials" in self.grants
            case _:
                return False


# -- what a request wants to have done; a client does it, waiting in its own way ------------------


@dataclass(frozen=True)
class Send:
    """Gives the response. Raises httpx2.TransportError."""

    request: httpx2.Request
    is_streamed: bool = False


@dataclass(frozen=True)
class Sleep:
    seconds: float


@dataclass(frozen=True)
class Acquire:
    lock: Lock


@dataclass(frozen=True)
class Read:
    """Reads the body of a streamed response to its end."""

    response: httpx2.Response


Effect: TypeAlias = Send | Sleep | Acquire | Read
Exchange: TypeAlias = Callable[[httpx2.Request], Generator[Effect, Any, httpx2.Response]]
"""Sends a request that can be repeated; raises ApiError."""


class Tokens:
    """The tokens of one grant. `renew` runs for one caller at a time."""

    def __init__(self, grant: Grant, scheme: Scheme, base_url: httpx2.URL, lock: Lock) -> None:
        self.grant = grant
        self.token_url = base_url.join(scheme.token_url)
        self.refresh_url = base_url.join(scheme.refresh_url or scheme.token_url)
        self.lock = lock
        self.access = ""
        self.refresh = ""
        self.ends = 0.0

    def current(self, exchange: Exchange) -> Generator[Effect, Any, str]:
        """An access token that is good for a while."""
        if self.access and time.monotonic() < self.ends:
            return self.access
        return (yield from self.renew(self.access, exchange))

    def renew(self, refused: str, exchange: Exchange) -> Generator[Effect, Any, str]:
        """Another access token than the refused one; perhaps another call has got it already."""
        yield Acquire(self.lock)
        try:
            if self.access == refused:
                yield from self._renew(exchange)
            return self.access
        finally:
            self.lock.release()

    def _renew(self, exchange: Exchange) -> Generator[Effect, Any, None]:
        if self.refresh:
            form = {"grant_type": "refresh_token", "refresh_token": self.refresh}
            response = yield from exchange(self._request(self.refresh_url, form))
            if response.is_success:
                self._keep(response.json())
                return
            self.refresh = ""  # its session is over: log in again
        response = yield from exchange(self._request(self.token_url, self._form()))
        if not response.is_success:
            raise Refused(response)
        self._keep(response.json())

    def _form(self) -> dict[str, str]:
        scopes = {"scope": " ".join(self.grant.scopes)} if self.grant.scopes else {}
        if isinstance(self.grant, ClientCredentials):
            return {"grant_type": "client_credentials", **scopes}
        names = {"username": self.grant.username, "password": self.grant.password}
        return {"grant_type": "password", **names, **scopes}

    def _request(self, url: httpx2.URL, form: dict[str, str]) -> httpx2.Request:
        headers = {"Accept": "application/json", "Content-Type": FORM}
        if self.grant.client_secret:
            client = quote(self.grant.client_id, ""), quote(self.grant.client_secret, "")
            headers["Authorization"] = basic(*client)  # RFC 6749 section 2.3.1
        elif self.grant.client_id:
            form = {**form, "client_id": self.grant.client_id}
        return httpx2.Request("POST", url, headers=headers, content=urlencode(form).encode())

    def _keep(self, tokens: Mapping[str, Any]) -> None:
        self.access = str(tokens["access_token"])
        self.refresh = str(tokens.get("refresh_token") or self.refresh)
        seconds = float(tokens.get("expires_in") or 3600)
        self.ends = time.monotonic() + seconds - min(30.0, seconds / 10)


FORM = "application/x-www-form-urlencoded"


class Refused(Exception):
    """The service has refused the log-in."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        super().__init__(response.status_code)


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


@dataclass(frozen=True)
class Proof:
    """What a request shows for itself."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    tokens: Tokens | None = None
    """Where the access token is from, for which there may be another one."""
    access: str = ""

    def shown(self, request: httpx2.Request) -> httpx2.Request:
        request.headers.update(self.headers)
        if self.cookies:
            pairs = [f"{name}={value}" for name, value in self.cookies.items()]
            request.headers["Cookie"] = "; ".join([*request.headers.get_list("Cookie"), *pairs])
        if self.query:
            request.url = request.url.copy_merge_params(dict(self.query))
        return request


class Authentication:
    """Chooses among the alternatives of an operation the first that the credentials satisfy."""

    def __init__(
        self,
        credentials: Sequence[Credential],
        schemes: Mapping[str, Scheme],
        base_url: httpx2.URL,
        lock: Callable[[], Lock],
    ) -> None:
        """Raises ValueError for a credential that no scheme of the document takes."""
        self.schemes = schemes
        self.by_scheme: dict[str, Credential] = {}
        self.tokens: dict[str, Tokens] = {}
        for credential in credentials:
            names = [name for name, one in schemes.items() if one.takes(credential, name)]
            if not names:
                raise ValueError(f"No security scheme of this API takes {credential!r}.")
            for name in names:
                self.by_scheme.setdefault(name, credential)
                if isinstance(credential, Password | ClientCredentials):
                    tokens = Tokens(credential, schemes[name], base_url, lock())
                    self.tokens.setdefault(name, tokens)

    def prove(
        self, security: Sequence[Sequence[str]], exchange: Exchange
    ) -> Generator[Effect, Any, Proof]:
        """What to show. It is nothing where no alternative is satisfied: the service will say so.

        Raises Refused.
        """
        satisfied = (one for one in security if one and all(n in self.by_scheme for n in one))
        proof = Proof()
        for name in next(satisfied, ()):
            proof = yield from self._add(proof, name, exchange)
        return proof

    def _add(self, proof: Proof, name: str, exchange: Exchange) -> Generator[Effect, Any, Proof]:
        scheme, credential = self.schemes[name], self.by_scheme[name]
        match credential:
            case ApiKey(value=value):
                return with_key(proof, scheme, value)
            case Basic(username=username, password=password):
                return with_authorization(proof, basic(username, password))
            case Bearer(token=token):
                said = token if isinstance(token, str) else token()
                return with_authorization(proof, f"Bearer {said}")
            case _:
                tokens = self.tokens[name]
                access = yield from tokens.current(exchange)
                made = with_authorization(proof, f"Bearer {access}")
                return replace(made, tokens=tokens, access=access)


def with_key(proof: Proof, scheme: Scheme, value: str) -> Proof:
    key = {scheme.key: value}
    match scheme.place:
        case "header":
            return replace(proof, headers={**proof.headers, **key})
        case "query":
            return replace(proof, query={**proof.query, **key})
        case _:
            return replace(proof, cookies={**proof.cookies, **key})


def with_authorization(proof: Proof, value: str) -> Proof:
    return replace(proof, headers={**proof.headers, "Authorization": value})
