"""Access tokens, signed (RFC 9068), and refresh tokens, derived: neither is ever stored."""

import base64
import binascii
import hashlib
import hmac
import json
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

import jwt

from impl.core.config import Settings
from impl.core.problems import InvalidToken

ALGORITHM = "HS256"
COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
LONGEST = 2048
MOST_REMEMBERED = 4096
"""Tokens whose signature was checked a moment ago; those that were read last stay."""
TYPES = ("at+jwt", "application/at+jwt")  # RFC 9068 section 2.1
HEADER_MEMBERS = {"alg", "typ", "kid"}
CLAIMS = ["iss", "aud", "sub", "sid", "jti", "iat", "exp"]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class AccessClaims:
    """Whose token it is. What its bearer may do is asked of the database, never of the token."""

    user_id: UUID
    session_id: UUID


class AccessTokens:
    """Writes and reads access tokens. The first key signs, all verify.

    What is signed never changes, so that a token that was verified is only looked up the next time.
    Whether it is in time is judged each time; the keys are those of the start of the process.
    """

    def __init__(
        self, settings: Settings, keys: Sequence[bytes], now: Callable[[], datetime] = utc_now
    ) -> None:
        self.issuer = settings.jwt_issuer
        self.audience = settings.jwt_audience
        self.lifetime = settings.access_token_lifetime
        self.longest = self.lifetime.total_seconds()
        self.leeway = settings.jwt_leeway_seconds
        self.keys = {key_id(key): key for key in keys}
        self.signing_key_id = key_id(keys[0])
        self.now = now
        self.verified = lru_cache(MOST_REMEMBERED)(self._verified)

    def issue(self, user_id: UUID, session_id: UUID) -> str:
        issued = int(self.now().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": str(user_id),
            "sid": str(session_id),
            "jti": uuid4().hex,
            "iat": issued,
            "exp": issued + int(self.lifetime.total_seconds()),
        }
        header = {"typ": TYPES[0], "kid": self.signing_key_id}
        return jwt.encode(claims, self.keys[self.signing_key_id], ALGORITHM, header)

    def read(self, token: str) -> AccessClaims:
        """Raises InvalidToken for whatever is not one of our own, whole, and in time."""
        try:
            claims, subject = self.verified(token)
            self._check_times(claims)
        except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
            raise InvalidToken from error
        return subject

    def _verified(self, token: str) -> tuple[dict[str, Any], AccessClaims]:
        """The claims above our own signature, and whose they are, whatever the time is."""
        if len(token) > LONGEST or not COMPACT.fullmatch(token):
            raise ValueError("not a compact serialisation")
        key = self._key(token.partition(".")[0])
        claims = jwt.decode(
            token,
            key,
            [ALGORITHM],
            {
                "require": CLAIMS,
                "strict_aud": True,
                # the times are ours to judge, against our own clock
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
            audience=self.audience,
            issuer=self.issuer,
        )
        return claims, AccessClaims(canonical_uuid(claims["sub"]), canonical_uuid(claims["sid"]))

    def _key(self, segment: str) -> bytes:
        """The key that the header names: `kid` is looked up and never interpreted (RFC 8725)."""
        header = json.loads(decode_base64url(segment), object_pairs_hook=without_repetition)
        if not isinstance(header, dict) or header.keys() != HEADER_MEMBERS:
            raise ValueError("a header that we never write")
        if header["alg"] != ALGORITHM:
            raise ValueError("not our algorithm")
        if not isinstance(header["typ"], str) or header["typ"].lower() not in TYPES:
            raise ValueError("not an access token")
        if not isinstance(header["kid"], str) or header["kid"] not in self.keys:
            raise ValueError("not one of our keys")
        return self.keys[header["kid"]]

    def _check_times(self, claims: dict[str, Any]) -> None:
        issued, expires = claims["iat"], claims["exp"]
        begins = claims.get("nbf", issued)
        if any(type(time) is not int for time in (issued, expires, begins)):
            raise ValueError("times are whole seconds")
        if not 0 < expires - issued <= self.longest:
            raise ValueError("a lifetime that we never give")
        now = self.now().timestamp()
        if max(issued, begins) > now + self.leeway or expires <= now - self.leeway:
            raise ValueError("not yet or no longer valid")


def key_id(key: bytes) -> str:
    """A name for the key that tells nothing about it."""
    return hmac.digest(key, b"charter key id", "sha256")[:6].hex()


def canonical_uuid(text: Any) -> UUID:
    if not isinstance(text, str) or str(UUID(text)) != text:
        raise ValueError("not a UUID in its canonical spelling")
    return UUID(text)


def without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member that is repeated")
    return members


def decode_base64url(text: str) -> bytes:
    """Raises ValueError unless the text is the one and only spelling of its bytes."""
    try:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if encode_base64url(decoded) != text:
        raise ValueError("not canonical base64url")
    return decoded


def encode_base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass(frozen=True)
class RefreshClaims:
    """Which rotation of which session a refresh token is good for."""

    session_id: UUID
    generation: int


class RefreshTokens:
    """`session id . generation . HMAC-SHA256(key, both)`: derived, so that none has to be kept.

    The first key signs, all verify. What is in the database opens no session, and the successor
    of a token is the same however often it is asked for.
    """

    layout = struct.Struct(">16sQ32s")

    def __init__(self, keys: Sequence[bytes]) -> None:
        self.keys = [hmac.digest(key, b"charter refresh token", "sha256") for key in keys]

    def issue(self, session_id: UUID, generation: int) -> str:
        mac = self._mac(self.keys[0], session_id, generation)
        return encode_base64url(self.layout.pack(session_id.bytes, generation, mac))

    def read(self, token: str) -> RefreshClaims | None:
        """What the token says; None for whatever we did not write."""
        try:
            content = decode_base64url(token)
            identity, generation, mac = self.layout.unpack(content)
        except (ValueError, struct.error):
            return None
        session_id = UUID(bytes=identity)
        macs = (self._mac(key, session_id, generation) for key in self.keys)
        if any(hmac.compare_digest(mac, ours) for ours in macs):
            return RefreshClaims(session_id, generation)
        return None

    def _mac(self, key: bytes, session_id: UUID, generation: int) -> bytes:
        return hmac.digest(key, session_id.bytes + generation.to_bytes(8, "big"), hashlib.sha256)
