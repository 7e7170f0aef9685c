"""Who the fuzzer is, and what it must not repeat for its requests to mean something.

Schemathesis loads this module; the plan of the run says where the service is.
"""

import importlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import jwt
import schemathesis
import schemathesis.cli
from hypothesis import strategies
from requests import RequestException
from schemathesis.engine import Status, events

import charter.contract.checks  # noqa: F401 - registers the checks
from charter.contract import xml
from charter.contract.api import IF_MATCH, LAST_EVENT_ID
from charter.contract.checks import GONE
from charter.contract.subject import Subject, json_of, subject
from charter.mock.memory import identifier_of
from charter.mock.repeats import IDEMPOTENCY_KEY
from charter.mock.samples import Impossible
from charter.runtime import Operation

ANY = "*"
"""The `If-Match` of a change to whatever version is there (RFC 9110 section 13.1.1)."""

under_test: Subject = subject()
api = under_test.api
xml.register(api)
if under_test.settings.checks:
    importlib.import_module(under_test.settings.checks)

# Schemathesis makes header values of letters and digits, unless it knows their format
schemathesis.openapi.format(
    "entity-tags", strategies.from_regex(r'\A(\*|(W/)?"[!#-~]{1,8}"(, "[!#-~]{1,8}"){0,2})\Z')
)


def operation_of(case: Any) -> Operation | None:
    return api.at(case.operation.method.upper(), case.operation.path)


# -- who asks -------------------------------------------------------------------------------------


class Identity:
    """Who asks for everything; once locked out, the next account takes over."""

    names: Iterator[str] = iter(under_test.passing)
    name = under_test.plan.accounts.callers[0]
    token: str | None = None

    def current(self) -> str | None:
        for _ in range(len(under_test.plan.accounts.callers)):
            if self.token is None:
                found = under_test.log_in(self.name)
                self.token = found.text if found is not None else None
            if self.token is not None:
                break
            self.name = next(self.names)
        return self.token


resident = Identity()


def ends(context: Any) -> bool:
    """Whether the caller can't go on after the operation."""
    operation = api.at(context.operation.method.upper(), context.operation.path)
    return operation is not None and operation.id in under_test.settings.ends


class Caller:
    def set(self, case: Any, data: str, context: Any) -> None:
        operation = operation_of(case)
        if operation is not None:
            under_test.show(case, operation, data)


@schemathesis.auth(refresh_interval=None, retry_on=[]).skip_for(ends)
class Resident(Caller):
    """Keeps the token itself: Schemathesis logs in again in every phase but the stateful one."""

    def get(self, case: Any, context: Any) -> str | None:
        return resident.current() or ""


@schemathesis.auth(refresh_interval=None, retry_on=[]).apply_to(ends)
class Passing(Caller):
    """Another account for every request."""

    def get(self, case: Any, context: Any) -> str | None:
        found = under_test.log_in(next(resident.names))
        return found.text if found is not None else ""


# -- what is asked --------------------------------------------------------------------------------

entity_tags: set[str] = set()
"""Those that answers have given: a change that brings one of them means it."""
cursors: set[str] = set()
"""Those that lists have given: one that was made up leads nowhere, whatever its schema admits."""


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Remember tags and cursors; forget an object that is gone, and a token that opens nothing."""
    entity_tags.update(response.headers.get("etag", ()))
    operation = operation_of(case)
    listing = api.listing(operation) if operation is not None else None
    if listing is not None and isinstance(body := json_of(response), dict):
        cursors.update(filter(None, [listing.next(body)]))
    name, found = living.get(case.operation.path, (None, None))
    if response.status_code in GONE and (case.path_parameters or {}).get(name) == found:
        living.pop(case.operation.path, None)
    sent = (case.headers or {}).get("Authorization")
    if response.status_code == 401 and sent == f"Bearer {resident.token}":
        resident.token = None


@schemathesis.hook
def before_call(context: Any, case: Any, arguments: Any) -> None:
    """Let a request mean something that is there, and valid data be accepted, mostly."""
    operation = operation_of(case)
    if operation is None:
        return
    if case.headers and (key := named_header(case, IDEMPOTENCY_KEY)):
        # a repeated key gets the first answer again, about an object that may be gone by now
        case.headers[key] = f"{under_test.random.getrandbits(64):016x}"
    if operation.id not in under_test.settings.ends and is_about_caller(case):
        retarget(case, operation)
    if case.meta is not None and case.meta.generation.mode.is_positive:
        make_acceptable(case, operation, case.meta.phase.name.value)


def make_acceptable(case: Any, operation: Operation, phase: str) -> None:
    """Valid data is made such that it does not collide with what is there; conflicts are probed."""
    make_storable(case)
    if isinstance(case.body, dict):
        make_passwords_fit(operation, case.body)
    is_left = is_left_as_it_is(operation, phase)
    leave_out_unknown_event(case, operation, is_left=is_left)
    if not is_left:
        if isinstance(case.body, dict):
            make_addresses_new(operation, case.body)
        if phase == "stateful":
            leave_out_unknown_cursor(case, operation)
            if not has_fitting_path(case, operation):
                retarget(case, operation)
        else:
            retarget(case, operation)
            make_cursor_lead_on(case, operation)
    if api.is_conditional(operation):
        match = named_header(case, IF_MATCH)
        is_linked = phase == "stateful" and match is not None
        if not (is_linked and case.headers[match] in entity_tags):
            case.headers[match or "If-Match"] = ANY


def make_storable(case: Any) -> None:
    """PostgreSQL keeps no NUL, whatever a schema admits: another odd character stands for it.

    The rest stays untouched: Schemathesis judges what was set anew, and takes a body that a request
    need not have, and hasn't, for an invalid one.
    """
    for part in ("body", "query", "path_parameters"):
        value = getattr(case, part)
        if (storable := without_nul(value)) != value:
            setattr(case, part, storable)


def without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, list):
        return [without_nul(one) for one in value]
    if isinstance(value, dict):
        return {without_nul(name): without_nul(one) for name, one in value.items()}
    return value


def has_fitting_path(case: Any, operation: Operation) -> bool:
    """Whether the path may be so: a link that was inferred may bring what is no identifier."""
    values = case.path_parameters or {}
    places = (one for one in operation.parameters if one.place == "path" and one.name in values)
    return all(one.validator.is_valid(values[one.name]) for one in places)


turns: Counter[str] = Counter()
"""How many valid requests each operation has had."""


def is_left_as_it_is(operation: Operation, phase: str) -> bool:
    """Each fourth valid request, so that refusals are seen with all kinds of requests.

    Not in the stateful phase, which an answer that differs from one replay to the next would end.
    """
    turns[operation.id] += 1
    return phase != "stateful" and turns[operation.id] % 4 == 0


def make_addresses_new(operation: Operation, body: dict[str, Any]) -> None:
    for name in api.unique_emails(operation):
        if isinstance(body.get(name), str):
            body[name] = under_test.unused_address(body[name])


def leave_out_unknown_event(case: Any, operation: Operation, *, is_left: bool) -> None:
    """An event is the service's own: what was made up is over. Schemathesis sends `0`, too."""
    sent, header = named_header(case, LAST_EVENT_ID), api.header(operation, LAST_EVENT_ID)
    if sent is None or header is None:
        return
    if not is_left or not header.validator.is_valid(case.headers[sent]):
        del case.headers[sent]


def leave_out_unknown_cursor(case: Any, operation: Operation) -> None:
    """A cursor is the service's own: the first page is asked for instead of one made up."""
    listing = api.listing(operation)
    if listing is None or listing.cursor is None or listing.cursor.required or not case.query:
        return
    asked = case.query.get(listing.cursor.name)
    if isinstance(asked, str) and asked not in cursors:
        del case.query[listing.cursor.name]


def make_cursor_lead_on(case: Any, operation: Operation) -> None:
    """A cursor is good for the list that gave it: send that of the page before, or the first."""
    listing = api.listing(operation)
    cursor = listing.cursor if listing is not None else None
    if listing is None or cursor is None or cursor.name not in (case.query or {}):
        return
    query = {name: value for name, value in case.query.items() if name != cursor.name}
    following = None
    with suppress(Impossible, RequestException):
        found = json_of(under_test.send(operation, token_of(case), query=query))
        following = listing.next(found) if isinstance(found, dict) else None
    case.query = query if following is None else {**query, cursor.name: following}


def named_header(case: Any, name: str) -> str | None:
    return next((key for key in case.headers or () if key.lower() == name), None)


def make_passwords_fit(operation: Operation, body: dict[str, Any]) -> None:
    """A password that the service refuses, as the document says in words, is no valid data."""
    if operation == under_test.login:
        return
    for name in api.members(operation, "password"):
        known = under_test.settings.known.get(operation.id, {})
        if name not in known and isinstance(body.get(name), str) and refuses(body[name], body):
            body[name] = under_test.good_password()


def refuses(password: str, body: dict[str, Any]) -> bool:
    """Whether the service refuses a password; unless the project says, any that was generated."""
    if not under_test.settings.refuses:
        return True
    module, _, function = under_test.settings.refuses.partition(":")
    return bool(getattr(importlib.import_module(module), function)(password, body))


# -- about whom -----------------------------------------------------------------------------------


living: dict[str, tuple[str | None, Any]] = {}
"""By path: its parameter, and the identifier of an object that was there when last asked for."""


def token_of(case: Any) -> str:
    authorization: str = (case.headers or {}).get("Authorization", "")
    return authorization.removeprefix("Bearer ")


def claims_of(token: str) -> set[str]:
    """What a JSON Web Token says of its owner: the account, the session."""
    with suppress(jwt.InvalidTokenError):
        claims = jwt.decode(token, options={"verify_signature": False})
        return {value for value in claims.values() if isinstance(value, str)}
    return set()


def is_about_caller(case: Any) -> bool:
    """Whether a change is meant for the account or the session that the fuzzer goes on with."""
    if case.operation.method.upper() in ("GET", "HEAD", "OPTIONS") or not case.path_parameters:
        return False
    return bool(claims_of(token_of(case)).intersection(map(str, case.path_parameters.values())))


def retarget(case: Any, operation: Operation) -> None:
    """Mean an object that is there, of the caller's, and isn't what the fuzzer goes on with.

    A new one for what may be its end; else the last one, as long as it is there.
    """
    if not case.path_parameters:
        return
    is_end = operation.method == "DELETE" or operation.id in under_test.settings.ends
    name, found = (None, None) if is_end else living.get(operation.path, (None, None))
    if found is None:
        with suppress(Impossible, RequestException):
            name, found = target(operation, token_of(case))
        if not is_end:
            living[operation.path] = name, found
    if found is not None and name in case.path_parameters:
        case.path_parameters[name] = found


def target(operation: Operation, token: str) -> tuple[str | None, Any]:
    """A path parameter, and the identifier of an object: a new one, or one that is listed."""
    resource = api.resources.get(operation.path)
    if resource is not None and operation.path == resource.member:
        create = api.at("POST", resource.collection)
        if create is not None and not api.has_path_parameter(create):
            made = resource.envelope.inside(under_test.create(create, token))
            if isinstance(made, dict):
                return resource.parameter.name, made.get(resource.identifier)
    listing = api.collection(operation)
    if listing is None or not operation.path.endswith("}"):
        return None, None
    name = operation.path.rpartition("{")[2].removesuffix("}")
    identifier = identifier_of(name, listing.operation.path, listing.row)
    own = claims_of(resident.token or "")
    if operation.id not in under_test.settings.ends:
        under_test.log_in(resident.name)  # where sessions are listed, one more to choose from
        own |= claims_of(token)
    rows = listing.rows(json_of(under_test.send(listing.operation, token)) or {})
    ids = [row.get(identifier) for row in rows if isinstance(row, dict)]
    return name, next((one for one in ids if one is not None and str(one) not in own), None)


# -- how far --------------------------------------------------------------------------------------


@schemathesis.cli.handler()
class Progress:
    """Says on standard error, one JSON object a line, which scenario ended and what it found."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.seen: Counter[str] = Counter()

    def start(self, context: Any) -> None: ...

    def shutdown(self, context: Any) -> None: ...

    def handle_event(self, context: Any, event: Any) -> None:
        if not isinstance(event, events.ScenarioFinished) or not event.is_test_scenario:
            return
        said = {
            "phase": event.phase.value,
            "operation": event.label or "",
            "requests": len(event.recorder.interactions),
            "failures": list(self.failures(event)),
        }
        print(json.dumps(said), file=sys.stderr, flush=True)

    def failures(self, event: Any) -> Iterator[dict[str, str]]:
        """Each kind at each operation once."""
        for case_id, checks in event.recorder.checks.items():
            for check in checks:
                if check.status != Status.FAILURE or check.failure_info is None:
                    continue
                failure = check.failure_info.failure
                case = event.recorder.cases[case_id].value
                place = f"{failure.title} at {case.operation.label}"
                if not self.seen[place]:
                    self.seen[place] += 1
                    yield {
                        "title": place,
                        "message": failure.message,
                        "curl": check.failure_info.code_sample,
                    }
