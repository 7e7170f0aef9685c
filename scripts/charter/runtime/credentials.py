"""Takes the credentials of a request, as the document's security requirements name them."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from .faults import MissingCredentials
from .judge import Judge


@dataclass(frozen=True, slots=True)
class Credential:
    """What a caller showed for one security scheme."""

    scheme: str
    """Its name in the document."""
    value: str
    """The token, the key, or `user:password`."""
    scopes: frozenset[str]
    """The scopes that the operation requires."""


Credentials = Mapping[str, Credential]
"""By scheme: everything that one alternative asks for."""

Take = Callable[[Request], str | None]


class Security:
    """The security requirements of one operation: a caller satisfies all schemes of any of them.

    An empty requirement allows anonymous callers.
    """

    def __init__(
        self, judge: Judge, operation_id: str, security: Sequence[Mapping[str, Sequence[str]]]
    ) -> None:
        self.operation_id = operation_id
        self.alternatives = [
            {name: frozenset(scopes) for name, scopes in alternative.items()}
            for alternative in security
        ]
        schemes = judge.resolve(judge.document.get("components", {})).get("securitySchemes", {})
        used = sorted({name for alternative in self.alternatives for name in alternative})
        declared = {name: judge.resolve(schemes[name]) for name in used}
        self.takes = {name: take(scheme) for name, scheme in declared.items()}
        self.challenges = list(dict.fromkeys(challenge(scheme) for scheme in declared.values()))
        self.query_names = {
            scheme["name"]
            for scheme in declared.values()
            if (scheme["type"], scheme.get("in")) == ("apiKey", "query")
        }

        bearers = {name for name, scheme in declared.items() if challenge(scheme) == "Bearer"}
        self.by_bearer = [
            frozenset[str]().union(*alternative.values())
            for alternative in self.alternatives
            if alternative and bearers.issuperset(alternative)
        ]
        """The scopes that a token needs, for each alternative that asks for nothing but a token."""

    @property
    def is_public(self) -> bool:
        return not self.alternatives

    async def __call__(self, request: Request) -> Credentials | None:
        """The credentials of the first alternative that the request satisfies.

        Returns None for an anonymous caller. Raises MissingCredentials.
        """
        shown = {name: take(request) for name, take in self.takes.items()}
        for alternative in sorted(self.alternatives, key=len, reverse=True):
            if all(shown[name] is not None for name in alternative):
                return self._credentials(alternative, shown) if alternative else None
        if self.is_public:
            return None
        raise MissingCredentials(self.operation_id, self.challenges)

    def _credentials(
        self, alternative: Mapping[str, frozenset[str]], shown: Mapping[str, str | None]
    ) -> Credentials:
        return {
            name: Credential(name, shown[name] or "", scopes)
            for name, scopes in alternative.items()
        }


def take(scheme: Mapping[str, Any]) -> Take:
    """How to take the credential of a scheme out of a request."""
    match scheme["type"]:
        case "apiKey":
            return key_taker(scheme["in"], scheme["name"])
        case "http" if scheme["scheme"].lower() == "basic":
            return basic
        case "http":
            return authorization(scheme["scheme"])
        case "oauth2" | "openIdConnect":
            return authorization("bearer")
        case _:
            return client_certificate


def authorization(scheme: str) -> Take:
    """RFC 9110 section 11.6.2: the name of the scheme, and what follows it."""

    def taken(request: Request) -> str | None:
        values = request.headers.getlist("authorization")
        if len(values) != 1:
            return None
        name, _, value = values[0].partition(" ")
        return value.strip() or None if name.lower() == scheme.lower() else None

    return taken


def basic(request: Request) -> str | None:
    """RFC 7617: `user:password`."""
    encoded = authorization("basic")(request)
    try:
        decoded = b64decode(encoded or "", validate=True).decode()
    except (Base64Error, ValueError):
        return None
    return decoded if ":" in decoded else None


def key_taker(place: str, name: str) -> Take:
    def taken(request: Request) -> str | None:
        match place:
            case "header":
                return request.headers.get(name) or None
            case "query":
                return request.query_params.get(name) or None
            case _:
                return request.cookies.get(name) or None

    return taken


def client_certificate(request: Request) -> str | None:
    """Of mutual TLS, as the server saw it (ASGI's extension "tls"); None where it did not."""
    extension = request.scope.get("extensions", {}).get("tls", {})
    return extension.get("client_cert_name") or None


def challenge(scheme: Mapping[str, Any]) -> str:
    """What WWW-Authenticate says of a scheme (RFC 9110 section 11.6.1)."""
    match scheme["type"]:
        case "apiKey":
            return f'ApiKey in="{scheme["in"]}", name="{scheme["name"]}"'
        case "http" if scheme["scheme"].lower() == "basic":
            return 'Basic realm="api", charset="UTF-8"'
        case "http":
            return str(scheme["scheme"]).capitalize()
        case "mutualTLS":
            return "MutualTLS"
        case _:
            return "Bearer"
