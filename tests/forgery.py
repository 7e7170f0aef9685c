"""Access tokens as an attacker, a bug or an old version of us would write them."""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from impl.core.tokens import key_id

MISSING = object()
"""Stands for a member that is left out."""


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(from_base64url(token.split(".")[1]))
    return claims


def header_of(token: str) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(from_base64url(token.split(".")[0]))
    return header


@dataclass(frozen=True)
class Forge:
    """Signs whatever it is told to with a real key; left alone, it writes a token that is good."""

    key: bytes
    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    @classmethod
    def like(cls, token: str, key: bytes) -> "Forge":
        """A forge whose tokens differ from this one only in what it is asked for."""
        return cls(key, header_of(token), claims_of(token))

    @classmethod
    def anew(cls, key: bytes, *, issuer: str, audience: str, now: datetime) -> "Forge":
        """A forge for whoever has the key and has never seen a token."""
        issued = int(now.timestamp())
        claims = {
            "iss": issuer, "aud": audience, "sub": str(uuid4()), "sid": str(uuid4()),
            "jti": uuid4().hex, "iat": issued, "exp": issued + 900,
        }  # fmt: skip
        return cls(key, {"alg": "HS256", "typ": "at+jwt", "kid": key_id(key)}, claims)

    def with_header(self, **members: Any) -> "Forge":
        return replace(self, header=changed(self.header, members))

    def with_claims(self, **members: Any) -> "Forge":
        return replace(self, claims=changed(self.claims, members))

    def shifted(self, seconds: int) -> "Forge":
        """The same token, issued so much later, or earlier."""
        times = {name: self.claims[name] + seconds for name in ("iat", "exp")}
        return self.with_claims(**times)

    def token(self, digest: str = "sha256") -> str:
        return self.raw(json.dumps(dict(self.header)), json.dumps(dict(self.claims)), digest)

    def raw(self, header: str, claims: str, digest: str = "sha256") -> str:
        """Signs texts that need not be JSON."""
        signed = f"{base64url(header.encode())}.{base64url(claims.encode())}"
        return f"{signed}.{self.signature(signed, digest)}"

    def signature(self, signed: str, digest: str = "sha256") -> str:
        return base64url(hmac.digest(self.key, signed.encode(), digest))


def changed(members: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**members, **changes}
    return {name: value for name, value in merged.items() if value is not MISSING}


def utc_now() -> datetime:
    return datetime.now(UTC)
