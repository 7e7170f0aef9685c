"""What ends a session or an account ends it at once, and nobody else's."""

from collections.abc import Iterator, Mapping
from typing import Any

from charter.contract.api import label
from charter.contract.probes.client import Client
from charter.contract.probes.links import renewal
from charter.contract.probes.lists import identity_of
from charter.contract.settings import PASSWORD
from charter.contract.subject import ABSENT, Token, json_of
from charter.mock.memory import Resource
from charter.runtime import Operation

REFUSED = (401, 403)
ENDED = {
    "account": (True, True),
    "all": (True, True),
    "others": (False, True),
    "own": (True, False),
}
"""Whether the token that asks has to be refused afterwards, and another one of the account."""


def end_sessions(client: Client, operation: Operation) -> Iterator[str]:
    """The tokens are refused afterwards that the settings name, and nobody else's is."""
    witness = client.readable()
    name, token = client.passing_token()
    other = client.subject.log_in(name)
    if witness is None or token is None or other is None:
        return
    path = own_target(client, operation, token.text)
    known = client.known_body(operation, name, other.text)
    yield from spares_strangers(client, operation, witness, other, {"path": path, **known})
    shown = listed(client, operation, token, path)
    if client.send(operation, token.text, path=path, **known).ok:
        yield from are_ended(client, operation, witness, (token, other))
        if shown and listed(client, operation, client.subject.log_in(name), path) == shown:
            yield f"{label(operation)} left what it ended in the list"
        if client.send(witness, client.caller).status_code == 401:
            yield f"{label(operation)} ended the session of somebody else"
        yield from replaces_the_password(client, operation, name)


def are_ended(
    client: Client, operation: Operation, witness: Operation, tokens: tuple[Token, Token]
) -> Iterator[str]:
    """The token that asked and another one of the same account, and what renews them."""
    place = label(operation)
    accepted = [is_accepted(client, witness, one) for one in tokens]
    expected = ENDED.get(client.settings.ends[operation.id], (False, False))
    if all(accepted):
        yield f"{place} ended no session: both tokens of its caller are still accepted"
        return
    for who, is_over, is_still in zip(("asked", "did not ask"), expected, accepted, strict=True):
        if is_over and is_still:
            yield f"{place} did not end the session that {who}"
    if client.settings.ends[operation.id] == "others" and not accepted[0]:
        yield f"{place} ended the session that asked"
    for one, is_still in zip(tokens, accepted, strict=True):
        if not is_still and is_renewed(client, one):
            yield f"{place} left a refresh token of an ended session good for another"


def is_accepted(client: Client, witness: Operation, token: Token) -> bool:
    return client.send(witness, token.text).status_code not in REFUSED


def is_renewed(client: Client, token: Token) -> bool:
    answer = renewal(client, token)
    return answer is not None and answer.ok


def spares_strangers(
    client: Client, operation: Operation, witness: Operation, other: Token, parts: dict[str, Any]
) -> Iterator[str]:
    """Whoever names the token of somebody else ends nothing."""
    if other.text not in str(parts.get("body")):
        return
    stranger = client.subject.log_in(client.stranger_name)
    client.send(operation, stranger.text if stranger is not None else None, **parts)
    if not is_accepted(client, witness, other):
        yield f"{label(operation)} ended the session of somebody else"


def replaces_the_password(client: Client, operation: Operation, name: str) -> Iterator[str]:
    """After a change of the password, or of the account's end, the old one opens nothing."""
    known = client.settings.known.get(operation.id, {})
    others = set(client.api.members(operation, "password")) - known.keys()
    is_change = bool(others) and any(PASSWORD in text for text in known.values())
    is_end = client.settings.ends[operation.id] == "account"
    if (is_change or is_end) and client.subject.log_in(name) is not None:
        yield f"{label(operation)} left the old password good for a login"


def own_target(client: Client, operation: Operation, token: str) -> dict[str, Any]:
    """What the caller's list names, where the operation is about one of its rows."""
    listing = client.api.collection(operation)
    if listing is None or not operation.path.endswith("}"):
        return {}
    rows = listing.rows(json_of(client.send(listing.operation, token)) or {})
    name = operation.path.rpartition("{")[2].removesuffix("}")
    identities = [identity_of(row, name, listing) for row in rows if isinstance(row, dict)]
    return {name: identities[0]} if identities and identities[0] is not None else {}


def listed(
    client: Client, operation: Operation, token: Token | None, path: Mapping[str, Any]
) -> list[Any]:
    """The rows of the caller's list that are what an operation is about."""
    found = client.api.collection(operation) if path else None
    if found is None or token is None:
        return []
    rows = found.rows(json_of(client.send(found.operation, token.text)) or {})
    (name, identity), *_ = path.items()
    named = (row for row in rows if isinstance(row, dict))
    return [row for row in named if identity_of(row, name, found) == identity]


# -- accounts of others ---------------------------------------------------------------------------


def end_accounts(client: Client, operation: Operation) -> Iterator[str]:
    """Who was locked out is refused on the next request, and at the next login."""
    witness = client.readable()
    name, token = client.passing_token()
    if witness is None or token is None or not is_accepted(client, witness, token):
        return
    if not changes_account(client, operation, client.settings.bars[operation.id], name, token):
        return
    place = label(operation)
    if is_accepted(client, witness, token):
        yield f"{place} left a token good of whom it locks out"
    if is_renewed(client, token):
        yield f"{place} left a refresh token good of whom it locks out"
    if client.subject.log_in(name) is not None:
        yield f"{place} let somebody log in whom it locks out"


def demote(client: Client, operation: Operation) -> Iterator[str]:
    """Who was demoted is refused what ordinary users are, on the next request."""
    name, token = client.passing_token()
    reserved = reserved_operation(client)
    if token is None or reserved is None or not is_accepted(client, reserved, token):
        return
    if not changes_account(client, operation, client.settings.demotes[operation.id], name, token):
        return
    if is_accepted(client, reserved, token):
        yield f"{label(operation)} left a token good for what the demoted may do no more"


def reserved_operation(client: Client) -> Operation | None:
    """What ordinary users are refused, and changes nothing."""
    found = (
        one for one in client.readables() if client.send(one, client.stranger).status_code == 403
    )
    return next(found, None)


def changes_account(
    client: Client, operation: Operation, body: Mapping[str, Any], name: str, token: Token
) -> bool:
    """Whether the fuzzer's own account could do this to another one."""
    resource = client.api.resources.get(operation.path)
    identity = who_is(client, resource, name, token) if resource is not None else None
    if resource is None or identity is None:
        return False
    path = {resource.parameter.name: identity}
    return client.send(operation, client.caller, path=path, body=dict(body) or ABSENT).ok


def who_is(client: Client, resource: Resource, name: str, token: Token) -> Any:
    """The identifier of an account, from the operation that shows it to its owner."""
    for operation in client.readables():
        if resource.identifier in client.api.success_shape(operation).names:
            body = json_of(client.send(operation, token.text))
            if isinstance(body, dict) and name in body.values():
                return body.get(resource.identifier)
    return None
