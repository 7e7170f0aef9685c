"""What a service has to refuse: callers, what is undeclared, malformed or taken."""

from collections.abc import Iterator
from contextlib import ExitStack

import requests

from charter.contract.api import label
from charter.contract.probes.client import WRITERS, Client
from charter.contract.probes.links import renewal
from charter.contract.streams import LONGEST, open_session, streams
from charter.runtime import Operation
from charter.runtime.parameters import JSON
from charter.runtime.parts import essence
from charter.runtime.streams import MOST_STREAMS

UNDECLARED = "x-undeclared"
"""A query parameter that no document declares."""


def refuses_the_anonymous(client: Client, operation: Operation) -> Iterator[str]:
    if not client.api.is_secured(operation):
        return
    answer = client.send(operation, None, anonymous=True)
    if answer.status_code < 400:
        yield f"{label(operation)} answered {answer.status_code} to a caller without credentials"


def refuses_too_few_scopes(client: Client, operation: Operation) -> Iterator[str]:
    alternatives = client.api.scopes(operation)
    if not alternatives or not all(alternatives) or not client.settings.login.scope:
        return
    needed = frozenset().union(*alternatives)
    scope = next(iter(sorted(client.api.known_scopes - needed)), "")
    found = client.subject.log_in(client.subject.plan.accounts.callers[0], scope)
    if found is None or (found.scopes and any(found.scopes >= one for one in alternatives)):
        return  # this login can't narrow scopes
    lacking = " ".join(sorted(needed))
    answer = client.send(operation, found.text)
    if answer.status_code < 400:
        yield f"{label(operation)} answered {answer.status_code} to a token without {lacking}"
        return
    answered = renewal(client, found)
    renewed = client.subject.token_of(answered) if answered is not None else None
    if renewed is not None and client.send(operation, renewed.text).status_code < 400:
        yield f"{label(operation)} accepted what a token without {lacking} was renewed to"


def refuses_ordinary_callers(client: Client, operation: Operation) -> Iterator[str]:
    alternatives = client.api.scopes(operation)
    found = client.subject.log_in(client.stranger_name) if alternatives else None
    if found is None or found.scopes is None:
        return
    if any(found.scopes >= needed for needed in alternatives):
        return
    answer = client.send(operation, found.text)
    if answer.status_code < 400:
        status = answer.status_code
        yield f"{label(operation)} answered {status} to an ordinary user, who lacks its scopes"


def refuses_what_is_undeclared(client: Client, operation: Operation) -> Iterator[str]:
    query = [one for one in operation.parameters if one.place == "query"]
    if any(one.style.shape.is_object for one in query):
        return  # its members may be called anything
    answer = client.send(operation, client.caller_of(operation), query={UNDECLARED: "1"})
    if answer.status_code < 400 and operation.refusal_status in operation.response_specs:
        status = answer.status_code
        yield f"{label(operation)} answered {status} to a query parameter that it doesn't declare"


def refuses_what_is_malformed(client: Client, operation: Operation) -> Iterator[str]:
    """A body that is no JSON, and one of a media type that isn't declared."""
    media_type, _ = client.subject.body_example(operation)
    if media_type is None:
        return
    token = client.caller_of(operation)
    attempts = {"application/x-undeclared": b"?"}
    if JSON.fullmatch(essence(media_type)):
        attempts[media_type] = b"{"
    declares_any = any("*" in name for name in (client.api.body(operation) or {})["content"])
    for kind, content in attempts.items():
        answer = client.send(operation, token, raw=(kind, content))
        if answer.status_code < 400 and not declares_any:
            yield f"{label(operation)} answered {answer.status_code} to a malformed body of {kind}"


def refuses_what_is_taken(client: Client, operation: Operation) -> Iterator[str]:
    """An address that must be nobody else's, for the second time."""
    if not client.api.unique_emails(operation):
        return
    body = client.subject.body_example(operation)[1]
    answers = [client.send(operation, client.caller, body=body).status_code for _ in range(2)]
    if not client.is_implemented(operation):
        return
    if answers[0] < 300 and answers[1] < 300:
        yield f"{label(operation)} took the same address twice"
    same = {"body": client.subject.body_example(operation)[1]}
    taken = client.send_at_once(operation, client.caller, [same] * WRITERS)
    if sum(answer.ok for answer in taken) > 1:
        yield f"{label(operation)} took the same address twice at once"


def refuses_other_passwords(client: Client, operation: Operation) -> Iterator[str]:
    """In the login, and wherever a body has to name the caller's password."""
    name, password = client.stranger_name, client.subject.plan.accounts.password
    is_login = operation == client.subject.login
    token = None if is_login else client.token(name)
    known = (
        client.subject.form(name) if is_login else client.known_body(operation, name).get("body")
    )
    right = known if isinstance(known, dict) else {}
    spellings = (f"not {password}", f"{password}x", password.swapcase())
    for spelling in spellings:
        wrong = {key: spelling if one == password else one for key, one in right.items()}
        if wrong != right and client.send(operation, token, body=wrong).ok:
            yield f"{label(operation)} accepted a wrong password"
            return


def refuses_too_many_streams(client: Client, operation: Operation) -> Iterator[str]:
    """One caller holds streams until one is refused, so that a declared 429 is judged as well.

    It need not come: the 429 may be about something else, and a small server says nothing once
    all of its workers stream.
    """
    yield from ()
    if not streams(operation) or 429 not in operation.response_specs:
        return
    arguments = client.subject.arguments(operation, client.caller_of(operation))
    arguments |= {"timeout": LONGEST, "stream": True}
    with open_session() as session, ExitStack() as held:
        for _ in range(MOST_STREAMS + 1):
            try:
                answer = session.request(**arguments)
            except (requests.Timeout, requests.ConnectionError):
                return
            held.callback(answer.close)
            if answer.status_code == 429:
                client.heard(operation, answer)
            if answer.status_code >= 400:
                return


REFUSALS = (
    refuses_the_anonymous,
    refuses_too_few_scopes,
    refuses_ordinary_callers,
    refuses_what_is_undeclared,
    refuses_what_is_malformed,
    refuses_what_is_taken,
    refuses_other_passwords,
    refuses_too_many_streams,
)
