"""What the tokens of a login are good for, and that forged ones are not."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import jwt

from charter.contract.api import label
from charter.contract.probes.client import Client
from charter.contract.subject import json_of
from charter.runtime import Operation

OTHER = "https://elsewhere.example"
ROUNDING = 60
"""Seconds by which two times of one token may differ."""


def last_as_long_as_they_say(client: Client, operation: Operation) -> Iterator[str]:
    """`expires_in` is when the token expires (RFC 6749 section 5.1).

    Seconds count from the answer. A service whose answer is of a moment before, as one that gives
    a token again, may count from when the token was issued.
    """
    name = client.subject.plan.accounts.callers[0]
    token = client.subject.log_in(name)
    claims = claims_of(token.text) if token is not None else None
    body = json_of(token.answer) if token is not None else None
    said, expiry = seconds(body, "expires_in"), seconds(claims, "exp")
    if said is None or expiry is None:
        return
    begins = (time.time(), seconds(claims, "iat"))
    if all(one is None or abs(expiry - one - said) > ROUNDING for one in begins):
        yield f"{label(operation)} answered another expires_in than its token has"


def seconds(node: Any, name: str) -> float | None:
    """A member that is a number of seconds; None where it is none."""
    found = node.get(name) if isinstance(node, Mapping) else None
    return found if isinstance(found, int | float) else None


def have_the_scopes_asked_for(client: Client, operation: Operation) -> Iterator[str]:
    """A login that takes `scope` gives no more than that (RFC 6749 section 3.3)."""
    member = client.settings.login.scope
    if member not in client.api.body_shape(operation).names:
        return
    name = client.subject.plan.accounts.callers[0]
    whole = client.subject.log_in(name)
    asked = min(whole.scopes, default="") if whole is not None and whole.scopes else ""
    found = client.subject.log_in(name, asked) if asked else None
    if found is not None and found.scopes is not None and not found.scopes <= {asked}:
        yield f"{label(operation)} gave a token more scopes than were asked for"


def refuses_forged_tokens(client: Client, operation: Operation) -> Iterator[str]:
    """Not signed with the service's key, not signed at all, expired, of another type."""
    token = client.passing()[1]
    if token is None or client.send(operation, token).status_code != 200:
        return
    claims = claims_of(token)
    if claims is None:
        return  # it is opaque: nobody can forge one
    header = jwt.get_unverified_header(token)
    for kind, forged in forgeries(header, claims, client.subject.plan.secret).items():
        if client.send(operation, forged).status_code < 400:
            yield f"{label(operation)} accepted a token {kind}"


def forgeries(header: Mapping[str, Any], claims: Mapping[str, Any], secret: str) -> dict[str, str]:
    """Tokens that the service must refuse, by what is wrong with them (RFC 8725)."""
    members = {name: header[name] for name in ("kid", "typ") if name in header}
    algorithm = str(header.get("alg", "HS256"))
    forged = {"signed by another key": jwt.encode(dict(claims), "x" * 64, "HS256", members)}
    forged["without a signature"] = jwt.encode(dict(claims), None, "none", members)
    if algorithm.startswith("HS"):
        past = dict(claims) | {"iat": int(time.time()) - 2000, "exp": int(time.time()) - 1100}
        forged["that has expired"] = jwt.encode(past, secret, algorithm, members)
        if "aud" in claims:  # RFC 7519 section 4.1.3
            others = dict(claims) | {"aud": OTHER}
            forged["for another audience"] = jwt.encode(others, secret, algorithm, members)
        if str(members.get("typ")).lower() == "at+jwt":  # RFC 9068 section 4
            other = members | {"typ": "JWT"}
            forged["of another type"] = jwt.encode(dict(claims), secret, algorithm, other)
            others = dict(claims) | {"iss": OTHER}
            forged["of another issuer"] = jwt.encode(others, secret, algorithm, members)
            endless = {name: one for name, one in claims.items() if name != "exp"}
            forged["that never expires"] = jwt.encode(endless, secret, algorithm, members)
    return forged


def claims_of(token: str) -> Mapping[str, Any] | None:
    """What a JSON Web Token says; None of an opaque token."""
    try:
        found: Mapping[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return None
    return found
