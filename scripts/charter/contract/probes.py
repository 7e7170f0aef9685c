"""Asks each operation what every client could: without a token, with too little of one, twice.

Probes come before the fuzzing. They say which operations are implemented, provoke the refusals that
no generated request does, and hold the service against what the document means: pages, orders,
filters, entity tags, idempotency keys, owners and endings. Each is a fixed sequence of requests.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import jwt
import requests
from starlette.responses import Response

from charter.contract.api import (
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    Listing,
    label,
    values_of,
)
from charter.contract.checks import GONE, complaints, is_same, limit_of, spelt
from charter.contract.subject import Subject, json_of
from charter.errors import Misconfigured
from charter.mock.memory import Resource, identifier_of
from charter.mock.samples import Impossible
from charter.runtime import Operation
from charter.runtime.parameters import JSON
from charter.runtime.parts import essence

Subjected = TypeVar("Subjected")
MOCK_HEADER = "charter-mock"
UNDECLARED = "x-undeclared"
"""A query parameter that no document declares."""
LOG = "its log is beside the reports"
OBJECTS = 7
"""How many objects a probe makes to list them."""
PAGES = 12
"""How many pages a probe follows."""


class UnfitSubject(Misconfigured):
    """The service under test can't be fuzzed; the message says why."""


@dataclass
class Probed:
    """What the probes have seen."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    mocked: set[str] = field(default_factory=set)
    """The labels of the operations that the mock answered."""
    implemented: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    """Those that only let in who shows a client certificate."""
    links: set[str] = field(default_factory=set)
    """Those that were followed, as `POST /books -> [201] show`."""
    findings: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return self.statuses.total()


def probe(subject: Subject, report: Callable[[str], None]) -> Probed:
    """Probe every operation; `report` is called with each finding at once.

    Raises UnfitSubject where the service hangs, answers HTML or refuses the fuzzer's token.
    """
    probes = Probes(subject)
    try:
        for found in probes.run():
            if found not in probes.probed.findings:
                probes.probed.findings.append(found)
                report(found)
    except requests.Timeout:
        raise UnfitSubject(f"The service under test hangs; {LOG}.") from None
    except requests.ConnectionError:
        raise UnfitSubject(f"The service under test has ended; {LOG}.") from None
    return probes.probed


class Probes:
    """All probes of one service."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.api = subject.api
        self.probed = Probed()
        self.stranger_name = subject.plan.accounts.users[-1]
        self.tokens: dict[str, str | None] = {}
        self.violations: list[str] = []
        """Of the document, by answers since they were reported last."""

    def run(self) -> Iterator[str]:
        self.log_in()
        for operation in self.api.operations:
            yield from self.attempt(self.is_answered, operation)
        self.require_a_subject()
        for operation in self.api.operations:
            for each in (
                self.refuses_the_anonymous,
                self.refuses_too_few_scopes,
                self.refuses_ordinary_callers,
                self.refuses_what_is_undeclared,
                self.refuses_what_is_malformed,
                self.refuses_what_is_taken,
                self.refuses_other_passwords,
            ):
                yield from self.attempt(each, operation)
        for operation in self.api.operations:
            yield from self.attempt_all(self.links, [operation])
        for operation in self.api.operations:
            if label(operation) in self.probed.implemented:
                yield from self.meaning(operation)
        yield from self.attempt_all(self.forged_tokens, self.readable())

    def meaning(self, operation: Operation) -> Iterator[str]:
        """The probes of what an operation means, which a mock can't answer."""
        resource = self.api.resources.get(operation.path)
        if operation.method == "POST" and resource and operation.path == resource.collection:
            yield from self.attempt(self.is_idempotent, operation)
            yield from self.attempt_all(self.lifecycle, [resource])
            yield from self.attempt_all(self.ownership, [resource])
        listing = self.api.listing(operation)
        if listing is not None:
            yield from self.attempt_all(self.pages, [listing])
            if operation.id in self.subject.settings.own:
                yield from self.attempt_all(self.own_rows, [listing])
        if operation.id in self.subject.settings.ends:
            yield from self.attempt(self.endings, operation)

    def attempt(
        self, each: Callable[[Operation], Iterator[str]], operation: Operation
    ) -> Iterator[str]:
        def named(one: Operation) -> Iterator[str]:
            return (f"{label(one)} {found}" for found in each(one))

        return self.attempt_all(named, [operation])

    def attempt_all(
        self, each: Callable[[Subjected], Iterator[str]], ones: Iterable[Subjected]
    ) -> Iterator[str]:
        """Probes need a valid request: an operation of which none can be made is passed over."""
        for one in ones:
            with suppress(Impossible):
                yield from each(one)
            yield from self.violations
            self.violations.clear()

    # -- asking -----------------------------------------------------------------------------------

    def send(self, operation: Operation, token: str | None, **parts: Any) -> requests.Response:
        answer = self.subject.send(operation, token, **parts)
        self.probed.statuses[label(operation), answer.status_code] += 1
        self.violations += violations(operation, answer)
        return answer

    def log_in(self) -> None:
        if self.subject.login is None:
            return
        name = self.subject.plan.accounts.callers[0]
        if self.token(name) is None:
            raise UnfitSubject(
                f"{label(self.subject.login)} gave {name} no token: see that the accounts program"
                " makes this account, and what [tool.charter.fuzz.login] says."
            )

    def token(self, name: str) -> str | None:
        """The token of an account that lives on."""
        if name not in self.tokens:
            found = self.subject.log_in(name)
            self.tokens[name] = found.text if found is not None else None
        return self.tokens[name]

    @property
    def caller(self) -> str | None:
        return self.token(self.subject.plan.accounts.callers[0])

    @property
    def stranger(self) -> str | None:
        return self.token(self.stranger_name)

    def passing(self) -> tuple[str, str | None]:
        """The name and a token of an account that need not live on."""
        name = next(self.subject.passing)
        found = self.subject.log_in(name)
        return name, found.text if found is not None else None

    def caller_of(self, operation: Operation) -> str | None:
        """A caller that an operation may end, if it ends its callers."""
        return self.passing()[1] if operation.id in self.subject.settings.ends else self.caller

    # -- is there anybody? ------------------------------------------------------------------------

    def is_answered(self, operation: Operation) -> Iterator[str]:
        name, token = self.passing()
        body = self.known_body(operation, name)
        answer = self.send(operation, token, **body)
        self.kind(operation, answer).add(label(operation))
        if answer.status_code >= 500:
            yield f"answered {answer.status_code} to a plain request"
        kind = answer.headers.get("content-type", "")
        if kind.startswith("text/html") and not declares_html(operation, answer.status_code):
            yield "answered HTML"

    def kind(self, operation: Operation, answer: requests.Response) -> set[str]:
        """The operations that were answered by whoever answered this one."""
        if not self.api.is_reachable(operation):
            return self.probed.closed
        return self.probed.mocked if MOCK_HEADER in answer.headers else self.probed.implemented

    def known_body(self, operation: Operation, name: str, token: str = "") -> dict[str, Any]:
        """An example with what only a known value fits, or nothing to change."""
        known = self.subject.known_members(operation, name, token)
        if operation == self.subject.login:
            known = self.subject.form(name)
        _, example = self.subject.body_example(operation)
        return {"body": example | known} if known and isinstance(example, dict) else {}

    def require_a_subject(self) -> None:
        answers = Counter[int]()
        for (where, status), count in self.probed.statuses.items():
            if where in self.api.secured:
                answers[status] += count
        if answers and set(answers) == {401}:
            raise UnfitSubject(
                "Every operation refuses the token that the login gave: see"
                " [tool.charter.fuzz.login], and the service's log beside the reports."
            )
        html = [found for found in self.probed.findings if found.endswith("answered HTML")]
        if html and len(html) >= len(self.api.operations):
            raise UnfitSubject("The service under test answers HTML to everything.")

    # -- refusals ---------------------------------------------------------------------------------

    def refuses_the_anonymous(self, operation: Operation) -> Iterator[str]:
        if not self.api.is_secured(operation):
            return
        answer = self.send(operation, None, anonymous=True)
        if answer.status_code < 400:
            yield f"answered {answer.status_code} to a caller without credentials"

    def refuses_too_few_scopes(self, operation: Operation) -> Iterator[str]:
        alternatives = self.api.scopes(operation)
        if not alternatives or not all(alternatives) or not self.subject.settings.login.scope:
            return
        needed = frozenset().union(*alternatives)
        scope = next(iter(sorted(self.api.known_scopes - needed)), "")
        found = self.subject.log_in(self.subject.plan.accounts.callers[0], scope)
        if found is None or (found.scopes and any(found.scopes >= one for one in alternatives)):
            return  # this login can't narrow scopes
        answer = self.send(operation, found.text)
        if answer.status_code < 400:
            yield f"answered {answer.status_code} to a token without {' '.join(sorted(needed))}"

    def refuses_ordinary_callers(self, operation: Operation) -> Iterator[str]:
        alternatives = self.api.scopes(operation)
        found = self.subject.log_in(self.stranger_name) if alternatives else None
        if found is None or found.scopes is None:
            return
        if any(found.scopes >= needed for needed in alternatives):
            return
        answer = self.send(operation, found.text)
        if answer.status_code < 400:
            yield f"answered {answer.status_code} to an ordinary user, who lacks its scopes"

    def refuses_what_is_undeclared(self, operation: Operation) -> Iterator[str]:
        query = [one for one in operation.parameters if one.place == "query"]
        if any(one.style.shape.is_object for one in query):
            return  # its members may be called anything
        answer = self.send(operation, self.caller_of(operation), query={UNDECLARED: "1"})
        if answer.status_code < 400 and operation.refusal_status in operation.response_specs:
            yield f"answered {answer.status_code} to a query parameter that it doesn't declare"

    def refuses_what_is_malformed(self, operation: Operation) -> Iterator[str]:
        """A body that is no JSON, and one of a media type that isn't declared."""
        media_type, _ = self.subject.body_example(operation)
        if media_type is None:
            return
        token = self.caller_of(operation)
        attempts = {"application/x-undeclared": b"?"}
        if JSON.fullmatch(essence(media_type)):
            attempts[media_type] = b"{"
        for kind, content in attempts.items():
            answer = self.send(operation, token, raw=(kind, content))
            declares_any = any("*" in name for name in (self.api.body(operation) or {})["content"])
            if answer.status_code < 400 and not declares_any:
                yield f"answered {answer.status_code} to a malformed body of {kind}"

    def refuses_what_is_taken(self, operation: Operation) -> Iterator[str]:
        """An address that must be nobody else's, for the second time."""
        if not self.api.unique_emails(operation):
            return
        body = self.subject.body_example(operation)[1]
        answers = [self.send(operation, self.caller, body=body).status_code for _ in range(2)]
        if label(operation) not in self.probed.mocked and answers[0] < 300 and answers[1] < 300:
            yield "took the same address twice"

    def refuses_other_passwords(self, operation: Operation) -> Iterator[str]:
        if operation != self.subject.login:
            return
        form = self.subject.form(self.stranger_name)
        guess = {
            name: f"not {text}" if text == self.subject.plan.accounts.password else text
            for name, text in form.items()
        }
        if guess != form and self.send(operation, None, body=guess).status_code < 400:
            yield "accepted a wrong password"

    def readable(self) -> list[Operation]:
        """Operations that show how a token is judged, and change nothing."""
        return [
            one
            for one in self.api.operations
            if one.method == "GET"
            and self.api.takes_bearer(one)
            and self.api.is_secured(one)
            and not self.api.has_path_parameter(one)
            and label(one) not in self.probed.mocked
        ][:1]

    def forged_tokens(self, operation: Operation) -> Iterator[str]:
        """Not signed with the service's key, not signed at all, expired, of another type."""
        token = self.passing()[1]
        if token is None or self.send(operation, token).status_code != 200:
            return
        try:
            header = jwt.get_unverified_header(token)
            claims = jwt.decode(token, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            return  # it is opaque: nobody can forge one
        for kind, forged in forgeries(header, claims, self.subject.plan.secret).items():
            answer = self.send(operation, forged)
            if answer.status_code < 400:
                yield f"{label(operation)} accepted a token {kind}"

    # -- links ------------------------------------------------------------------------------------

    def links(self, operation: Operation) -> Iterator[str]:
        """A link of a success leads somewhere, where the answer has what it needs."""
        for name, link in self.api.links(operation).items():
            target = self.api.contract.operations.get(str(link.get("operationId")))
            if target is None:
                continue
            caller, token = self.passing()
            body = self.link_body(operation, caller)
            path = self.existing(operation, token)
            query = self.several_pages(operation, caller, token)
            answer = self.send(operation, token, path=path, query=query, **body)
            if not name.startswith(f"[{answer.status_code}]"):
                continue
            followed = Link(target, link, answer, body.get("body"))
            parts = followed.parts()
            if parts is None:
                continue
            found = self.send(target, token, **parts)
            self.probed.links.add(f"{label(operation)} -> {name}")
            if found.status_code in GONE and target.method == "GET":
                yield f"{label(operation)} -> {name} leads to nothing"

    def several_pages(self, operation: Operation, name: str, token: str | None) -> dict[str, Any]:
        """The query for the first of several pages, where the operation lists something."""
        listing = self.api.listing(operation)
        if listing is None or listing.limit is None:
            return {}
        if self.api.at("POST", operation.path) is None:
            self.subject.log_in(name)  # what no operation makes may be the caller's own logins
        self.fill(listing, token, 2)
        return {listing.limit.name: 1}

    def existing(self, operation: Operation, token: str | None) -> dict[str, Any]:
        """The path parameters that name a new object, where the operation is about one."""
        resource = self.api.resources.get(operation.path)
        if resource is None or operation.path != resource.member:
            return {}
        made = Made.of(self, resource, token)
        return {} if made is None else {resource.parameter.name: made.identity}

    def link_body(self, operation: Operation, name: str) -> dict[str, Any]:
        """A body that is known, for links tell of what was sent."""
        known = self.known_body(operation, name)
        if known or self.api.body(operation) is None:
            return known
        return {"body": self.subject.body_example(operation)[1]}

    # -- what writes mean -------------------------------------------------------------------------

    def is_idempotent(self, operation: Operation) -> Iterator[str]:
        """The same key and body are one object and one answer; another body is a conflict."""
        header = self.api.header(operation, IDEMPOTENCY_KEY)
        if header is None:
            return
        key = {header.name: f"{self.subject.random.getrandbits(64):016x}"}
        body = self.subject.another_body(operation)
        first = self.send(operation, self.caller, headers=key, body=body)
        if first.status_code not in (200, 201):
            return
        again = self.send(operation, self.caller, headers=key, body=body)
        if (again.status_code, again.content) != (first.status_code, first.content):
            yield "gave another answer to the same idempotency key and body"
        other = self.subject.another_body(operation, body)
        if other != body:
            answer = self.send(operation, self.caller, headers=key, body=other)
            if answer.status_code < 400:
                yield "took an idempotency key again for another body"
        theirs = self.send(operation, self.stranger, headers=key, body=body)
        if theirs.status_code < 300 and theirs.content == first.content:
            yield "answered one caller's idempotency key to another"

    def lifecycle(self, resource: Resource) -> Iterator[str]:
        """An object's entity tag changes with every change, and guards it; a deletion is one."""
        made = Made.of(self, resource, self.caller)
        if made is None:
            return
        yield from made.is_where_it_says()
        yield from made.is_kept(f"POST {resource.collection}", made.get())
        yield from made.is_guarded()
        yield from made.is_deleted()

    def ownership(self, resource: Resource) -> Iterator[str]:
        """Whoever doesn't see an object in the list can do nothing to it either."""
        made = Made.of(self, resource, self.caller)
        if made is None or not self.is_private(resource, made.identity):
            return
        before = made.get()
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            operation = self.api.at(method, resource.member)
            if operation is None or not self.api.is_secured(operation):
                continue
            answer = made.request(operation, self.stranger, match="*")
            if answer.status_code < 400:
                yield f"{label(operation)} answered {answer.status_code} to somebody else"
        after = made.get()
        if before.status_code == 200 and after.content != before.content:
            yield f"{resource.member} was changed by somebody else"

    def is_private(self, resource: Resource, identity: Any) -> bool:
        """Whether a stranger's list leaves out an object."""
        found = self.api.at("GET", resource.collection)
        listing = self.api.listing(found) if found is not None else None
        if listing is None:
            return False
        if listing.operation.id in self.subject.settings.own:
            return True
        answer = self.send(listing.operation, self.stranger)
        rows = listing.rows(json_of(answer) or {}) if answer.status_code == 200 else []
        shown = {row.get(resource.identifier) for row in rows if isinstance(row, dict)}
        return answer.status_code in (200, 403) and identity not in shown

    def endings(self, operation: Operation) -> Iterator[str]:
        """One of a caller's tokens is refused afterwards, and nobody else's is."""
        witness = next(iter(self.readable()), None)
        name, token = self.passing()
        other = self.subject.log_in(name)
        if witness is None or token is None or other is None:
            return
        path = self.own_target(operation, token)
        answer = self.send(
            operation, token, path=path, **self.known_body(operation, name, other.text)
        )
        if answer.status_code >= 300:
            return
        if all(self.send(witness, one).status_code != 401 for one in (token, other.text)):
            yield "ended no session: both tokens of its caller are still accepted"
        if self.send(witness, self.caller).status_code == 401:
            yield "ended the session of somebody else"

    def own_target(self, operation: Operation, token: str) -> dict[str, Any]:
        """What the caller's list names, where the operation is about one of its rows."""
        listing = self.api.collection(operation)
        if listing is None or not operation.path.endswith("}"):
            return {}
        rows = listing.rows(json_of(self.send(listing.operation, token)) or {})
        name = operation.path.rpartition("{")[2].removesuffix("}")
        identities = [identity_of(row, name, listing) for row in rows if isinstance(row, dict)]
        return {name: identities[0]} if identities and identities[0] is not None else {}

    # -- what lists mean --------------------------------------------------------------------------

    def pages(self, listing: Listing) -> Iterator[str]:
        """Small pages are the large one in pieces; orders and filters hold over all of them."""
        self.fill(listing, self.caller, OBJECTS)
        whole = self.page(listing, self.whole(listing))
        if whole is None:
            return
        rows = listing.rows(whole)
        place = label(listing.operation)
        if listing.limit is not None and listing.cursor is not None and listing.next_cursor:
            for limit in (1, 2, 3):
                found = self.walk(listing, limit)
                if found != rows[: len(found)] or len(found) < min(len(rows), limit * PAGES):
                    yield f"{place} shows other rows in pages of {limit} than in one page"
        for order in listing.orders if listing.sort is not None else ():
            asked = self.whole(listing) | {listing.sort.name: order} if listing.sort else {}
            body = self.page(listing, asked)
            if body is not None:
                yield from (f"{place}: {one}" for one in complaints(listing, asked, body))
                if len(rows) < limit_of(self.api, listing) and not same_rows(
                    listing.rows(body), rows
                ):
                    yield f"{place} shows other rows in the order of {order}"
        for name in listing.filters:
            yield from (f"{place} {one}" for one in self.filtered(listing, name, rows))

    def filtered(self, listing: Listing, name: str, rows: list[Any]) -> Iterator[str]:
        """Every row that fits is shown, and no other."""
        parameter = next(one for one in listing.operation.parameters if one.name == name)
        values = values_of(parameter.style.shape) or [True, False]
        is_whole = len(rows) < limit_of(self.api, listing)
        for value in values:
            asked = self.whole(listing) | {name: spelt(value)}
            body = self.page(listing, asked)
            if body is None:
                continue
            yield from complaints(listing, asked, body)
            fitting = [row for row in rows if isinstance(row, dict) and row.get(name) == value]
            shown = listing.rows(body)
            if is_whole and any(row not in shown for row in fitting):
                yield f"leaves out rows whose {name} is {value}"

    def own_rows(self, listing: Listing) -> Iterator[str]:
        """What the caller's list shows, nobody else's does."""
        mine = self.page(listing, self.whole(listing))
        theirs = json_of(self.send(listing.operation, self.stranger))
        if mine is None or not isinstance(theirs, dict | list):
            return
        if any(row in listing.rows(theirs) for row in listing.rows(mine)):
            yield f"{label(listing.operation)} shows the rows of somebody else"

    def fill(self, listing: Listing, token: str | None, number: int) -> None:
        """Make objects for a list to show, of all kinds that its filters tell apart."""
        create = self.api.at("POST", listing.operation.path)
        if create is None or label(create) in self.probed.mocked:
            return
        for index in range(number):
            body = self.subject.another_body(create)
            for name in listing.filters:
                kinds = values_of(self.api.body_shape(create).member(name))
                if kinds and isinstance(body, dict):
                    body[name] = kinds[index % len(kinds)]
            self.send(create, token, body=body)

    def whole(self, listing: Listing) -> dict[str, Any]:
        """The query for as large a page as there is."""
        if listing.limit is None:
            return {}
        return {listing.limit.name: limit_of(self.api, listing)}

    def page(self, listing: Listing, query: Mapping[str, Any]) -> Any:
        """What a list answers; None where it refuses to."""
        answer = self.send(listing.operation, self.caller, query=query)
        return json_of(answer) if answer.status_code == 200 else None

    def walk(self, listing: Listing, limit: int) -> list[Any]:
        """The rows of the first pages, one after the other."""
        assert listing.limit is not None
        assert listing.cursor is not None
        rows: list[Any] = []
        query: dict[str, Any] = {listing.limit.name: limit}
        for _ in range(PAGES):
            body = self.page(listing, query)
            if body is None:
                break
            rows += listing.rows(body)
            following = listing.next(body)
            if following is None:
                break
            query[listing.cursor.name] = following
        return rows


@dataclass(frozen=True)
class Link:
    """A link of an answer (OpenAPI 3.1 "Link Object")."""

    target: Operation
    node: Mapping[str, Any]
    answer: requests.Response
    sent: Any

    def parts(self) -> dict[str, Any] | None:
        """What the request along the link is made of; None where the answer doesn't say."""
        found: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "headers": {}}
        places = {one.name: one.place for one in self.target.parameters}
        for name, expression in self.node.get("parameters", {}).items():
            plain = name.rpartition(".")[2] if name not in places else name
            value = self.value(expression)
            place = {"header": "headers"}.get(places.get(plain, ""), places.get(plain, ""))
            if value is None or place not in found:
                return None
            found[place][plain] = str(value)
        body = self.node.get("requestBody")
        if body is None:
            return {**found}
        members = (
            {name: self.value(one) for name, one in body.items()} if isinstance(body, dict) else {}
        )
        return None if None in members.values() else {**found, "body": members or self.value(body)}

    def value(self, expression: Any) -> Any:
        """What a runtime expression stands for; a constant stands for itself."""
        if not isinstance(expression, str) or not expression.startswith("$"):
            return expression
        source, _, pointer = expression.partition("#")
        if source.startswith("$response.header."):
            return self.answer.headers.get(source.removeprefix("$response.header."))
        bodies = {"$response.body": json_of(self.answer), "$request.body": self.sent}
        found: Any = bodies.get(source)
        for step in pointer.split("/")[1:]:
            try:
                found = found[int(step)] if isinstance(found, list) else found[step]
            except (KeyError, IndexError, ValueError, TypeError):
                return None
        return found


@dataclass
class Made:
    """An object that a probe has made."""

    probes: Probes
    resource: Resource
    token: str | None
    identity: Any
    answer: requests.Response
    sent: Any
    """The body of the last request that was made about it."""
    known: dict[str, Any]
    """All that was ever sent of it."""

    @classmethod
    def of(cls, probes: Probes, resource: Resource, token: str | None) -> "Made | None":
        create = probes.api.at("POST", resource.collection)
        if create is None or probes.api.at("GET", resource.member) is None:
            return None
        sent = probes.subject.another_body(create)
        answer = probes.send(create, token, body=sent)
        shown = json_of(answer) if answer.status_code in (200, 201) else None
        body = resource.envelope.inside(shown) if isinstance(shown, dict) else None
        if not isinstance(body, dict) or body.get(resource.identifier) is None:
            return None
        return cls(probes, resource, token, body[resource.identifier], answer, sent, body)

    def operation(self, *methods: str) -> Operation | None:
        found = (self.probes.api.at(method, self.resource.member) for method in methods)
        return next((one for one in found if one is not None), None)

    def request(
        self,
        operation: Operation,
        token: str | None,
        *,
        match: str | None = None,
        name: str = IF_MATCH,
    ) -> requests.Response:
        """Ask for this object, with another body each time."""
        parts: dict[str, Any] = {"path": {self.resource.parameter.name: self.identity}}
        header = self.probes.api.header(operation, name)
        if match is not None and header is not None:
            parts["headers"] = {header.name: match}
        if self.probes.api.body(operation) is not None:
            parts["body"] = self.sent = self.probes.subject.another_body(operation, self.known)
            self.known = self.known | self.sent if isinstance(self.sent, dict) else self.known
        return self.probes.send(operation, token, **parts)

    def get(self) -> requests.Response:
        operation = self.operation("GET")
        assert operation is not None  # without one, nothing is made
        return self.request(operation, self.token)

    def is_where_it_says(self) -> Iterator[str]:
        """What is at the `Location` is what was made (RFC 9110 section 10.2.2)."""
        location = self.answer.headers.get("location")
        if location is None or not location.startswith("/"):
            return
        url = self.probes.subject.plan.base_url + location
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        found = requests.get(url, headers=headers, timeout=10)
        if found.status_code == 200 and json_of(found) != json_of(self.answer):
            yield f"POST {self.resource.collection} names another object in Location"
        if found.status_code in GONE:
            yield f"POST {self.resource.collection} names nothing in Location"

    def is_kept(self, place: str, read: requests.Response) -> Iterator[str]:
        """Every member that was sent last is read afterwards."""
        body = json_of(read) if read.status_code == 200 else None
        found = self.resource.envelope.inside(body) if isinstance(body, dict) else None
        if not isinstance(found, dict) or not isinstance(self.sent, dict):
            return
        for name in sorted(self.sent.keys() & found.keys()):
            shape = self.resource.envelope.shape.member(name)
            is_respelled = name in self.probes.subject.settings.respelled
            if not is_respelled and not is_same(shape, found[name], self.sent[name]):
                yield f"{place} did not keep {name}"

    def is_guarded(self) -> Iterator[str]:
        """A tag changes with every change, and only then; a stale one changes nothing."""
        first = self.get()
        change = self.operation("PATCH", "PUT")
        tag = first.headers.get("etag")
        if change is None or tag is None or not self.probes.api.is_conditional(change):
            return
        place = label(change)
        changed = self.request(change, self.token, match=tag)
        if changed.status_code >= 300:
            if changed.status_code == 412:
                yield f"{place} refused the current entity tag"
            return
        second = self.get()
        yield from self.is_kept(place, second)
        if json_of(second) != json_of(first) and second.headers.get("etag") == tag:
            yield f"{place} left the entity tag as it was"
        if changed.headers.get("etag", second.headers.get("etag")) != second.headers.get("etag"):
            yield f"{place} answered another entity tag than the next read"
        yield from self.is_revalidated(second.headers.get("etag"), tag)
        for operation in filter(None, map(self.operation, ("PATCH", "PUT", "DELETE"))):
            if self.probes.api.is_conditional(operation):
                yield from self.refuses_stale(operation, tag)

    def refuses_stale(self, change: Operation, tag: str) -> Iterator[str]:
        """A change for a version of before changes nothing, nor does one that names no version."""
        place, before = label(change), self.get()
        if self.request(change, self.token, match=tag).status_code < 300:
            yield f"{place} accepted a stale entity tag"
        elif self.get().content != before.content:
            yield f"{place} refused a stale entity tag, and changed the object all the same"
        if 428 in change.response_specs and self.request(change, self.token).status_code < 300:
            yield f"{place} accepted a change without If-Match"

    def is_revalidated(self, current: str | None, stale: str) -> Iterator[str]:
        """`If-None-Match` is 304 exactly while nothing has changed."""
        read = self.operation("GET")
        if read is None or current in (None, stale) or 304 not in read.response_specs:
            return
        if self.request(read, self.token, match=current, name=IF_NONE_MATCH).status_code != 304:
            yield f"{label(read)} did not answer 304 to the current entity tag"
        if self.request(read, self.token, match=stale, name=IF_NONE_MATCH).status_code == 304:
            yield f"{label(read)} answered 304 although the object has changed"

    def is_deleted(self) -> Iterator[str]:
        delete = self.operation("DELETE")
        if delete is None or self.request(delete, self.token, match="*").status_code >= 300:
            return
        if self.get().status_code not in GONE:
            yield f"{label(delete)} left the object where it was"
        again = self.request(delete, self.token, match="*")
        if again.status_code < 300 and 404 in delete.response_specs:
            yield f"{label(delete)} deleted the same object twice"


def violations(operation: Operation, answer: requests.Response) -> list[str]:
    """What of an answer the document doesn't declare."""
    spec = operation.response_spec(answer.status_code)
    where = f"{label(operation)} answered {answer.status_code}"
    if spec is None:
        return [f"{where}, which it doesn't declare"]
    if answer.status_code >= 400 and not spec.contents:
        return []  # a refusal may say why all the same
    response = Response(answer.content, answer.status_code, dict(answer.headers))
    return [
        f"{where}: the {fault.place} {fault.pointer} {fault.detail}".replace("  ", " ")
        for fault in spec.faults(response)
    ]


def declares_html(operation: Operation, status: int) -> bool:
    spec = operation.response_spec(status)
    return spec is not None and any(name.startswith("text/html") for name in spec.contents)


def same_rows(found: list[Any], wanted: list[Any]) -> bool:
    """Whether two lists hold the same rows, in whatever order."""
    return sorted(map(canonical, found)) == sorted(map(canonical, wanted))


def canonical(row: Any) -> str:
    return json.dumps(row, sort_keys=True)


def identity_of(row: Mapping[str, Any], parameter: str, listing: Listing) -> Any:
    name = identifier_of(parameter, listing.operation.path, listing.row)
    return row.get(name) if name is not None else None


def forgeries(header: Mapping[str, Any], claims: Mapping[str, Any], secret: str) -> dict[str, str]:
    """Tokens that the service must refuse, by what is wrong with them (RFC 8725)."""
    members = {name: header[name] for name in ("kid", "typ") if name in header}
    algorithm = str(header.get("alg", "HS256"))
    forged = {"signed by another key": jwt.encode(dict(claims), "x" * 64, "HS256", members)}
    forged["without a signature"] = jwt.encode(dict(claims), None, "none", members)
    if algorithm.startswith("HS"):
        past = dict(claims) | {"iat": int(time.time()) - 2000, "exp": int(time.time()) - 1100}
        forged["that has expired"] = jwt.encode(past, secret, algorithm, members)
        if str(members.get("typ")).lower() == "at+jwt":  # RFC 9068 section 4
            other = members | {"typ": "JWT"}
            forged["of another type"] = jwt.encode(dict(claims), secret, algorithm, other)
    return forged
