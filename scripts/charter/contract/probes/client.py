"""Who asks: the callers of the service under test, and what they have seen of it."""

import shlex
from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any

import requests
from starlette.responses import Response

from charter.contract.api import label
from charter.contract.configuration import PLACEHOLDER
from charter.contract.streams import ask
from charter.contract.subject import Subject, Token, json_of
from charter.errors import Misconfigured
from charter.postgres import Address
from charter.runtime import Operation
from charter.runtime.errors import PROBLEM
from charter.runtime.parts import essence

OF_THE_LIBRARY = {"accept", "accept-encoding", "connection", "content-length", "user-agent"}
WRITERS = 8
"""Who ask for the same at once."""
REMEMBERED = 3
"""Requests that are shown with a finding."""


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
    evidence: dict[str, list[str]] = field(default_factory=dict)
    """By finding: the last requests before it, as lines of curl."""

    @property
    def requests(self) -> int:
        return self.statuses.total()


class Client:
    """Asks one service, as several callers."""

    def __init__(
        self,
        subject: Subject,
        chosen: Collection[str] | None = None,
        database: Address | None = None,
    ) -> None:
        """`chosen` are the labels of the operations to probe; all of them by default.

        `database` is where the service keeps its objects, where that is known.
        """
        self.subject = subject
        self.api = subject.api
        self.chosen = [one for one in self.api.operations if chosen is None or label(one) in chosen]
        self.settings = subject.settings
        self.database = database
        self.probed = Probed()
        self.stranger_name = subject.plan.accounts.users[-1]
        self.tokens: dict[str, str | None] = {}
        self.asked: deque[requests.Response] = deque(maxlen=REMEMBERED)
        self.violations: list[str] = []
        """Of the document, by answers since they were reported last."""

    def send(self, operation: Operation, token: str | None, **parts: Any) -> requests.Response:
        return self.heard(operation, self.subject.send(operation, token, **parts))

    def send_at_once(
        self, operation: Operation, token: str | None, requested: Sequence[Mapping[str, Any]]
    ) -> list[requests.Response]:
        """All of them in the same moment. Raises Impossible."""
        prepared = [self.subject.arguments(operation, token, **parts) for parts in requested]
        start = Barrier(len(prepared))

        def send(arguments: dict[str, Any]) -> requests.Response:
            start.wait()
            return ask(self.subject.session, **arguments)

        with ThreadPoolExecutor(len(prepared)) as senders:
            return [self.heard(operation, one) for one in senders.map(send, prepared)]

    def heard(self, operation: Operation, answer: requests.Response) -> requests.Response:
        """Remember an answer, and what of it the document doesn't declare."""
        self.asked.append(answer)
        self.probed.statuses[label(operation), answer.status_code] += 1
        self.violations += violations(operation, answer)
        return answer

    def log_in(self) -> None:
        """Raises UnfitSubject where the login gives the fuzzer's own account no token."""
        if self.subject.login is None:
            return
        name = self.subject.plan.accounts.callers[0]
        if self.token(name) is None:
            raise UnfitSubject(
                f"{label(self.subject.login)} gave {name} no token: see that the accounts program"
                " makes this account, and what [tool.charter.fuzz.login] says."
            )

    def require_its_account(self) -> None:
        """Raises UnfitSubject where the probes have cost the fuzzer its own account."""
        if self.subject.login is None:
            return
        name = self.subject.plan.accounts.callers[0]
        if self.subject.log_in(name) is None:
            raise UnfitSubject(
                f"The service has locked {name} out or deleted it, the fuzzer's own account: name"
                " the operation that did under [tool.charter.fuzz.ends]."
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

    def passing_token(self) -> tuple[str, Token | None]:
        """The name and a token of an account that need not live on."""
        name = next(self.subject.passing)
        return name, self.subject.log_in(name)

    def passing(self) -> tuple[str, str | None]:
        name, found = self.passing_token()
        return name, found.text if found is not None else None

    def caller_of(self, operation: Operation) -> str | None:
        """A caller that an operation may end, if it ends its callers."""
        return self.passing()[1] if operation.id in self.settings.ends else self.caller

    def is_implemented(self, operation: Operation) -> bool:
        return label(operation) in self.probed.implemented

    def known_body(self, operation: Operation, name: str, token: str = "") -> Mapping[str, Any]:
        """An example with what only a known value fits, or nothing to change."""
        known = self.subject.known_members(operation, name, token)
        if operation == self.subject.login:
            known = self.subject.form(name)
        _, example = self.subject.body_example(operation)
        return {"body": example | known} if known and isinstance(example, dict) else {}

    def readable(self) -> Operation | None:
        """An operation that shows how a token is judged, and changes nothing."""
        return next(self.readables(), None)

    def readables(self) -> Iterator[Operation]:
        for one in self.api.operations:
            is_read = one.method == "GET" and not self.api.has_path_parameter(one)
            is_judged = self.api.takes_bearer(one) and self.api.is_secured(one)
            if is_read and is_judged and self.is_implemented(one):
                yield one

    def evidence(self) -> list[str]:
        """The last requests as lines of curl, which have `$TOKEN` for the fuzzer's own token."""
        stranger = self.tokens.get(self.stranger_name)
        return [curl(answer.request, stranger) for answer in self.asked]


def curl(request: requests.PreparedRequest, stranger: str | None) -> str:
    """A line of curl that a shell fills the token into."""
    said = ["curl", "-X", str(request.method), shlex.quote(str(request.url))]
    for name, value in request.headers.items():
        shown = value if isinstance(value, str) else value.decode(errors="replace")
        if name == "Authorization" and stranger is not None and stranger in shown:
            said += ["-H", '"Authorization: Bearer $OTHER_TOKEN"']
        elif name == "Authorization":
            said += ["-H", f'"Authorization: Bearer {PLACEHOLDER}"']
        elif name.lower() not in OF_THE_LIBRARY and not name.startswith("X-Schemathesis"):
            said += ["-H", shlex.quote(f"{name}: {shown}")]
    if isinstance(request.body, str | bytes):
        body = request.body
        text = body if isinstance(body, str) else body.decode(errors="replace")
        said += ["--data-raw", shlex.quote(text)]
    return " ".join(said)


def violations(operation: Operation, answer: requests.Response) -> list[str]:
    """What of an answer the document doesn't declare."""
    spec = operation.response_spec(answer.status_code)
    where = f"{label(operation)} answered {answer.status_code}"
    if spec is None:
        return [f"{where}, which it doesn't declare"]
    if said := other_status(answer):
        return [f"{where} with a problem document whose status is {said}"]
    response = Response(answer.content, answer.status_code, dict(answer.headers))
    if answer.status_code >= 400 and not spec.contents:
        return []  # a refusal may say why all the same
    return [
        f"{where}: the {fault.place} {fault.pointer} {fault.detail}".replace("  ", " ")
        for fault in spec.faults(response)
    ]


def other_status(answer: requests.Response) -> int | None:
    """The status that a problem document names, if it is another (RFC 9457 section 3.1.2)."""
    body = json_of(answer) if essence(answer.headers.get("content-type", "")) == PROBLEM else None
    said = body.get("status") if isinstance(body, dict) else None
    return said if isinstance(said, int) and said != answer.status_code else None
