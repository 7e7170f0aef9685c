"""Asks each operation what every client could: without a token, with too little of one, twice.

Probes come before the fuzzing. They say which operations are implemented, provoke the refusals that
no generated request does, and hold the service against what the document means: pages, orders,
filters, entity tags, idempotency keys, owners and endings. Each is a fixed sequence of requests.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress

import requests

from charter.contract.probes import answers, endings, links, lists, objects, refusals, versions
from charter.contract.probes.client import Client, Probed, UnfitSubject
from charter.contract.subject import Subject
from charter.mock.samples import Impossible
from charter.runtime import Operation

LOG = "its log is beside the reports"


def probe(subject: Subject, report: Callable[[str], None]) -> Probed:
    """Probe every operation; `report` is called with each finding at once.

    Raises UnfitSubject where the service hangs, answers HTML or refuses the fuzzer's token.
    """
    client = Client(subject)
    try:
        for found in findings(client):
            if found not in client.probed.findings:
                client.probed.findings.append(found)
                report(found)
    except requests.Timeout:
        raise UnfitSubject(f"The service under test hangs; {LOG}.") from None
    except requests.ConnectionError:
        raise UnfitSubject(f"The service under test has ended; {LOG}.") from None
    return client.probed


def findings(client: Client) -> Iterator[str]:
    """What all probes find, those of all operations before those of what an operation means."""
    client.log_in()
    for operation in client.api.operations:
        yield from attempt(client, answers.is_answered(client, operation))
    answers.require_a_subject(client)
    for operation in client.api.operations:
        if client.is_implemented(operation):
            for each in meaning(client, operation):
                yield from attempt(client, each)
    for operation in client.api.operations:
        for refuses in refusals.REFUSALS:
            yield from attempt(client, refuses(client, operation))
    for operation in client.api.operations:
        yield from attempt(client, links.lead_somewhere(client, operation))


def meaning(client: Client, operation: Operation) -> Iterator[Iterator[str]]:
    """The probes of what an operation means, which a mock can't answer."""
    resource = client.api.resources.get(operation.path)
    if operation.method == "POST" and resource and operation.path == resource.collection:
        yield versions.repeat_answers(client, operation)
        yield versions.guard_changes(client, resource)
        yield objects.are_kept(client, resource)
        yield objects.are_changed(client, resource)
        yield objects.are_their_owners(client, resource)
    listing = client.api.listing(operation)
    if listing is not None:
        yield lists.show_what_is_there(client, listing)
        yield lists.find_what_is_looked_for(client, listing)
        if operation.id in client.settings.own:
            yield lists.are_ones_own(client, listing)
    if operation.id in client.settings.ends:
        yield endings.end_sessions(client, operation)
    if operation.id in client.settings.bars:
        yield endings.end_accounts(client, operation)
    if operation.id in client.settings.demotes:
        yield endings.demote(client, operation)
    yield refusals.refuses_forged_tokens(client, operation)


def attempt(client: Client, found: Iterator[str]) -> Iterator[str]:
    """Probes need a valid request: an operation of which none can be made is passed over."""
    with suppress(Impossible):
        yield from found
    yield from client.violations
    client.violations.clear()


__all__ = ["Client", "Probed", "UnfitSubject", "findings", "probe"]
