"""The service under test, as whoever fuzzes it sees it: its document, its accounts, its address."""

import itertools
import json
import os
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import requests
import schemathesis

from charter.contract.accounts import Accounts
from charter.contract.api import Api
from charter.contract.settings import NAME, PASSWORD, FuzzSettings
from charter.contract.streams import FIRST_ITEMS, Until, ask, open_session
from charter.errors import Misconfigured
from charter.mock.samples import Impossible, Values
from charter.project import Project
from charter.runtime import Operation
from charter.runtime.parameters import JSON
from charter.runtime.parts import essence
from charter.runtime.references import pointer
from charter.runtime.views import Direction

PLAN = "CHARTER_FUZZ_PLAN"
"""The environment variable that leads Schemathesis's process to the plan of its run."""
TIMEOUT = 30
TOKEN = "{token}"  # noqa: S105 - what stands for one
"""Stands for a second token of the caller in the settings of known values."""
ABSENT: Any = object()
ATTEMPTS = 20
"""To make a body that differs from another one."""


@dataclass(frozen=True)
class Plan:
    """What Schemathesis's process has to know of a run."""

    base_url: str
    seed: int
    document: str
    secret: str
    """What the service signs its tokens with."""
    accounts: Accounts

    def write(self, directory: Path) -> Path:
        file = directory / "plan.json"
        file.write_text(json.dumps(asdict(self)))
        return file

    @classmethod
    def read(cls, file: Path) -> "Plan":
        content = json.loads(file.read_text())
        return cls(**(content | {"accounts": Accounts(**content["accounts"])}))


@dataclass(frozen=True)
class Token:
    text: str
    scopes: frozenset[str] | None
    """What it is good for; None where the service doesn't say."""
    answer: requests.Response
    """In which it came."""


class Subject:
    """Asks the service under test."""

    def __init__(self, plan: Plan, settings: FuzzSettings) -> None:
        self.plan = plan
        self.settings = settings
        self.session = open_session()
        self.document = json.loads(Path(plan.document).read_bytes())
        self.api = Api.of(self.document)
        self.schema = schemathesis.openapi.from_dict(self.document)
        self.values = Values(self.api.judge)
        self.random = Random(plan.seed)  # noqa: S311 - repeatable, not secret
        self.login = self.login_operation()
        self.passing = iter(itertools.cycle(plan.accounts.callers[1:] or plan.accounts.callers))
        self.strangers: Iterator[str] = itertools.cycle(plan.accounts.users)

    # -- logging in -------------------------------------------------------------------------------

    def login_operation(self) -> Operation | None:
        """Raises Misconfigured where operations need a token and nothing says how to get one."""
        name = self.settings.login.operation
        if name:
            return self.api.contract.operations[name]
        found = self.api.token_operation
        if found is None and any(map(self.api.takes_bearer, self.api.operations)):
            raise Misconfigured(
                "The document declares no OAuth 2 password flow whose tokenUrl is one of its POST"
                " operations: say how to log in under [tool.charter.fuzz.login] (docs/fuzz.md)."
            )
        return found

    def form(self, name: str, scope: str | None = None) -> dict[str, str]:
        """What the login operation is sent."""
        form = {key: self.filled(value, name) for key, value in self.settings.login.form.items()}
        return form if scope is None else form | {self.settings.login.scope: scope}

    def filled(self, text: str, name: str, token: str = "") -> str:
        known = {NAME: name, PASSWORD: self.plan.accounts.password, TOKEN: token}
        for mark, value in known.items():
            text = text.replace(mark, value)
        return text

    def log_in(self, name: str, scope: str | None = None) -> Token | None:
        """A token of an account; None where the service refuses it."""
        if self.login is None:
            return None
        form = self.form(name, scope)
        contents = (self.api.body(self.login) or {}).get("content", {})
        is_json = any(JSON.fullmatch(essence(media_type)) for media_type in contents)
        body: dict[str, Any] = {"json": form} if is_json else {"data": form}
        url = self.plan.base_url + self.login.path
        return self.token_of(self.session.request(self.login.method, url, timeout=TIMEOUT, **body))

    def token_of(self, answer: requests.Response) -> Token | None:
        """What a login or a renewal answered; None where it holds no token."""
        try:
            found = answer.json()
            for step in self.settings.login.token.split("/")[1:]:
                found = found[step]
            said = answer.json().get("scope")
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        scopes = frozenset(said.split()) if isinstance(said, str) else None
        return Token(found, scopes, answer) if isinstance(found, str) else None

    # -- asking -----------------------------------------------------------------------------------

    def send(
        self, operation: Operation, token: str | None, until: Until = FIRST_ITEMS, **parts: Any
    ) -> requests.Response:
        """A valid request, made of the `parts` that `arguments` takes. Raises Impossible."""
        return ask(self.session, until, **self.arguments(operation, token, **parts))

    def arguments(
        self,
        operation: Operation,
        token: str | None,
        *,
        path: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = ABSENT,
        raw: tuple[str, bytes] | None = None,
        anonymous: bool = False,
    ) -> dict[str, Any]:
        """Of `requests`: a valid request, with what is given in it. Raises Impossible.

        `raw` is a media type and the bytes to send instead of a body.
        """
        given = {"path": path or {}, "query": query or {}, "header": headers or {}}
        parts = {place: self.parameters(operation, place, given.get(place, {})) for place in PLACES}
        media_type, example = self.body_example(operation)
        case = self.schema[operation.key][operation.method].Case(
            path_parameters=parts["path"],
            query=parts["query"],
            headers=parts["header"],
            cookies=parts["cookie"],
            **({"media_type": media_type, "body": example if body is ABSENT else body}
               if media_type is not None else {}),
        )  # fmt: skip
        if not anonymous:
            self.show(case, operation, token)
        arguments = case.as_transport_kwargs(base_url=self.plan.base_url)
        arguments |= {"allow_redirects": False, "timeout": TIMEOUT}
        if raw is not None:
            arguments = {name: one for name, one in arguments.items() if name not in BODIES}
            arguments["data"] = raw[1]
            arguments["headers"]["Content-Type"] = raw[0]
        return dict(arguments)

    def show(self, case: Any, operation: Operation, token: str | None) -> None:
        """Put the credentials into a request: a token where one is taken, else all others."""
        if self.api.takes_bearer(operation):
            if token is not None:
                case.headers["Authorization"] = f"Bearer {token}"
            return
        for name in next(iter(operation.security), ()):
            scheme = self.api.schemes[name]
            secret = self.settings.credentials.get(name, "key")
            match scheme:
                case {"type": "apiKey", "in": "query"}:
                    case.query[scheme["name"]] = secret
                case {"type": "apiKey", "in": "cookie"}:
                    case.cookies[scheme["name"]] = secret
                case {"type": "apiKey"}:
                    case.headers[scheme["name"]] = secret
                case {"type": "http", "scheme": kind} if kind.lower() == "basic":
                    pair = secret if ":" in secret else f"{secret}:{secret}"
                    case.headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
                case {"type": "http", "scheme": kind}:
                    case.headers["Authorization"] = f"{kind} {secret}"

    def parameters(
        self, operation: Operation, place: str, given: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The required ones, and those that are given."""
        made = dict(given)
        for index, parameter in enumerate(operation.parameters):
            if parameter.place == place and parameter.required and parameter.name not in made:
                where = self.api.judge.locate(f"{operation.place}/parameters/{index}")
                node = self.api.judge.at(where)
                if "example" in node and parameter.validator.is_valid(node["example"]):
                    made[parameter.name] = node["example"]
                    continue
                if parameter.media_type is not None:
                    where += f"/content{pointer(parameter.media_type)}"
                made[parameter.name] = self.values.example(f"{where}/schema", Direction.REQUEST)
        return made

    def body_example(self, operation: Operation) -> tuple[str | None, Any]:
        """The first media type of an operation's body, JSON before others, and an example of it."""
        node = self.api.body(operation)
        if node is None or not node.get("content"):
            return None, None
        media_type = likeliest(node["content"])
        content = node["content"][media_type]
        examples = [self.api.judge.resolve(one) for one in content.get("examples", {}).values()]
        shown = [one["value"] for one in examples if "value" in one]
        shown += [content["example"]] if "example" in content else []
        validator = self.api.judge.validator(self.body_place(operation), Direction.REQUEST)
        example = next(filter(validator.is_valid, shown), ABSENT)
        if example is ABSENT:
            example = self.values.example(self.body_place(operation), Direction.REQUEST)
        return media_type, self.fresh(operation, example)

    def body_place(self, operation: Operation) -> str:
        """Where the schema of an operation's JSON body stands."""
        place = self.api.judge.locate(operation.place + "/requestBody")
        media_type = likeliest(self.api.judge.at(place)["content"])
        where = f"{place}/content{pointer(media_type)}/schema"
        if not self.api.judge.has(where):
            raise Impossible(where, "it isn't there")
        return where

    def another_body(self, operation: Operation, unlike: Any = None) -> Any:
        """Another valid body, with a member that differs from those of `unlike`, if there is one.

        Raises Impossible.
        """
        place = self.body_place(operation)
        for _ in range(ATTEMPTS):
            made = self.values.dynamic(place, Direction.REQUEST, self.random)
            if not isinstance(made, dict) or not isinstance(unlike, dict):
                break
            if any(unlike.get(name, ABSENT) != value for name, value in made.items()):
                break
        return self.fresh(operation, made)

    def full_body(self, operation: Operation) -> Any:
        """A valid body that has as many of its members as can be made. Raises Impossible."""
        made = self.another_body(operation)
        wanted = self.api.writable(operation)
        for _ in range(ATTEMPTS):
            if not isinstance(made, dict) or made.keys() >= wanted:
                break
            more = self.another_body(operation)
            made = self.body_with(operation, made, more) or made
        return made

    def body_with(
        self, operation: Operation, members: Mapping[str, Any], body: Any = ABSENT
    ) -> dict[str, Any] | None:
        """A full body with some members as they are given; None where they aren't valid."""
        made = self.full_body(operation) if body is ABSENT else body
        if not isinstance(made, dict):
            return None
        made = self.fresh(operation, made | dict(members))
        return made if self.is_valid(operation, made) else None

    def value_of(self, operation: Operation, name: str) -> Any:
        """A value of one member of the body that isn't null; None where none was made."""
        for _ in range(ATTEMPTS):
            body = self.another_body(operation)
            if isinstance(body, dict) and body.get(name) is not None:
                return body[name]
        return None

    def least_body(self, operation: Operation) -> dict[str, Any] | None:
        """A body of the required members alone; None where there is none."""
        required = self.api.body_shape(operation).required
        made = self.full_body(operation) if required else {}
        if not isinstance(made, dict):
            return None
        least = {name: value for name, value in made.items() if name in required}
        return least if self.is_valid(operation, least) else None

    def is_valid(self, operation: Operation, body: Any) -> bool:
        validator = self.api.judge.validator(self.body_place(operation), Direction.REQUEST)
        return bool(validator.is_valid(body))

    # -- values that don't collide ----------------------------------------------------------------

    def fresh(self, operation: Operation, body: Any) -> Any:
        """A body whose passwords are good ones, and whose unique addresses nobody has yet."""
        if not isinstance(body, dict):
            return body
        made = dict(body)
        known = self.settings.known.get(operation.id, {})
        for name in self.api.members(operation, "password"):
            if isinstance(made.get(name), str) and name not in known and operation != self.login:
                made[name] = self.good_password()
        for name in self.api.unique_emails(operation):
            if isinstance(made.get(name), str):
                made[name] = self.unused_address(made[name])
        return made

    def good_password(self) -> str:
        return f"{self.plan.accounts.password} {self.random.getrandbits(32):08x}"

    def unused_address(self, address: str) -> str:
        local, _, domain = address.rpartition("@")
        if len(domain) > 200:
            return address
        return f"{self.random.getrandbits(48):012x}{local[:20].rstrip('.')}@{domain}"

    def known_members(self, operation: Operation, name: str, token: str = "") -> dict[str, str]:
        """Members of a body that only a value of the caller's fits."""
        known = self.settings.known.get(operation.id, {})
        return {member: self.filled(text, name, token) for member, text in known.items()}

    # -- objects ----------------------------------------------------------------------------------

    def create(self, operation: Operation, token: str | None, body: Any = ABSENT) -> Any:
        """What a POST to a collection answers; None where it makes nothing."""
        made = self.send(operation, token, body=body)
        if made.status_code not in (200, 201):
            return None
        return json_of(made)


BODIES = ("data", "files", "json")
PLACES = ("path", "query", "header", "cookie")


def likeliest(contents: Mapping[str, Any]) -> str:
    """The first media type that is JSON, else the first of all."""
    json_types = (name for name in contents if JSON.fullmatch(essence(name)))
    return next(json_types, None) or next(iter(contents))


def json_of(answer: requests.Response) -> Any:
    """The body, where it is JSON; else None."""
    try:
        return answer.json()
    except ValueError:
        return None


@cache
def subject() -> Subject:
    """That of Schemathesis's process: hooks and checks, the project's own as well, ask it."""
    from charter.runtime import Contract

    plan = Plan.read(Path(os.environ[PLAN]))
    contract = Contract.load(Path(plan.document), check_rate=0)
    return Subject(plan, FuzzSettings.of(Project.find(), contract))
