"""Asks each operation what every client could: without a token, with too little of one, twice.

Probes come before the fuzzing. They say which operations are implemented, provoke the refusals that
no generated request does, and hold the service against what the document means: pages, orders,
filters, entity tags, idempotency keys, owners and endings. Each is a fixed sequence of requests.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress

import requests

from charter.contract.api import label
from charter.contract.probes import (
    answers,
    endings,
    feeds,
    growth,
    links,
    lists,
    objects,
    refusals,
    tokens,
    versions,
)
from charter.contract.probes.client import Client, Probed, UnfitSubject
from charter.mock.samples import Impossible
from charter.runtime import Operation

Report = Callable[[str, list[str]], None]
Advance = Callable[[str], None]
LOG = "its log is beside the reports"


STAGES = 4
"""How often the probes go through the operations."""


def probe(client: Client, report: Report, advance: Advance = lambda where: None) -> Probed:
    """Probe every operation; `report` is called with each finding, and how to see it, at once.

    `advance` is called with the label of each operation that a stage is done with. Raises
    UnfitSubject where the service hangs, answers HTML, refuses the fuzzer's token or ends it.
    """
    try:
        for found in findings(client, advance):
            if found not in client.probed.evidence:
                client.probed.findings.append(found)
                client.probed.evidence[found] = client.evidence()
                report(found, client.probed.evidence[found])
        client.require_its_account()
    except requests.Timeout:
        raise UnfitSubject(f"The service under test hangs; {LOG}.") from None
    except requests.RequestException:
        raise UnfitSubject(f"The service under test has ended; {LOG}.") from None
    return client.probed


def findings(client: Client, advance: Advance = lambda where: None) -> Iterator[str]:
    """What all probes find: first who answers, then what it means, what is refused, what
    lasts."""
    client.log_in()
    for operation in client.api.operations:
        yield from attempt(client, answers.is_answered(client, operation))
    answers.require_a_subject(client)
    stages = (meaning, refused, linked, grown)
    # lists last: what else was done by then, they have to show as well
    in_turn = sorted(client.chosen, key=lambda one: client.api.listing(one) is not None)
    for stage in stages:
        for operation in in_turn:
            for each in stage(client, operation):
                yield from attempt(client, each)
            advance(label(operation))


def refused(client: Client, operation: Operation) -> Iterator[Iterator[str]]:
    for refuses in refusals.REFUSALS:
        yield refuses(client, operation)


def linked(client: Client, operation: Operation) -> Iterator[Iterator[str]]:
    yield links.lead_somewhere(client, operation)


def grown(client: Client, operation: Operation) -> Iterator[Iterator[str]]:
    """At the end, for nothing can be said of a whole list that is as long."""
    listing = client.api.listing(operation)
    if listing is not None and client.is_implemented(operation):
        yield growth.stays_cheap(client, listing)


def meaning(client: Client, operation: Operation) -> Iterator[Iterator[str]]:
    """The probes of what an operation means, which a mock can't answer."""
    if not client.is_implemented(operation):
        return
    resource = client.api.resources.get(operation.path)
    if operation.method == "POST" and resource and operation.path == resource.collection:
        yield versions.repeat_answers(client, operation)
        yield versions.guard_changes(client, resource)
        yield objects.are_kept(client, resource)
        yield objects.are_changed(client, resource)
        yield objects.are_their_owners(client, resource)
    if operation.method == "GET" and not client.api.has_path_parameter(operation):
        yield objects.are_changed_in_place(client, operation)
        yield feeds.tell_of_changes(client, operation)
    listing = client.api.listing(operation)
    if listing is not None:
        yield lists.show_what_is_there(client, listing)
        yield lists.find_what_is_looked_for(client, listing)
        if operation.id in client.settings.own:
            yield lists.are_ones_own(client, listing)
    yield from admitted(client, operation)


def admitted(client: Client, operation: Operation) -> Iterator[Iterator[str]]:
    """The probes of whom an operation lets in, and for how long."""
    if operation.id in client.settings.ends:
        yield endings.end_sessions(client, operation)
    if operation.id in client.settings.bars:
        yield endings.end_accounts(client, operation)
    if operation.id in client.settings.demotes:
        yield endings.demote(client, operation)
    if operation == client.subject.login:
        yield tokens.last_as_long_as_they_say(client, operation)
        yield tokens.have_the_scopes_asked_for(client, operation)
    if operation == client.readable():
        yield tokens.refuses_forged_tokens(client, operation)


def attempt(client: Client, found: Iterator[str]) -> Iterator[str]:
    """Probes need a valid request: an operation of which none can be made is passed over."""
    with suppress(Impossible):
        yield from found
    yield from client.violations
    client.violations.clear()


__all__ = ["Client", "Probed", "UnfitSubject", "findings", "probe"]
