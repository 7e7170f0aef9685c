"""Who the fuzzer is, and what it must not repeat for its requests to mean something.

Schemathesis loads this file. `scripts/fuzz.py` has filled the database with the accounts of
`charter.contract.service_under_test`: all have one password, and the fuzzer's are administrators.
"""

import itertools
import os
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import jwt
import requests
import schemathesis
from hypothesis import strategies

import tests.contract.checks  # noqa: F401 - registers the checks of our own
from impl.core import config
from impl.core.passwords import Passwords
from tests.contract.accounts import PASSWORD, administrator

BASE_URL = os.environ["FUZZ_BASE_URL"]
chance = random.Random(int(os.environ["FUZZ_SEED"]))  # noqa: S311 - repeatable, not secret
accounts: Iterator[str] = (administrator(number) for number in itertools.count())
policy = Passwords(config.load(_env_file=None, jwt_secret="0123456789" * 5))

# Schemathesis makes header values of letters and digits, unless it knows their format
schemathesis.openapi.format(
    "entity-tags", strategies.from_regex(r'\A(\*|(W/)?"[!#-~]{1,8}"(, "[!#-~]{1,8}"){0,2})\Z')
)

ITEM_CHANGES = ("PUT /items/{item_id}", "PATCH /items/{item_id}", "DELETE /items/{item_id}")
SUICIDAL = (
    ("DELETE", "/users/me"),
    ("PUT", "/users/me/password"),
    ("DELETE", "/auth/sessions"),
)
"""Operations after which their caller can't go on."""


def log_in(email: str, scope: str | None = None) -> str | None:
    form = {"grant_type": "password", "username": email, "password": PASSWORD}
    if scope is not None:
        form["scope"] = scope
    response = requests.post(f"{BASE_URL}/auth/token", data=form, timeout=10)
    return response.json()["access_token"] if response.status_code == 200 else None


class Bearer:
    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


TOO_LITTLE = ""
turns: Counter[str] = Counter()


def is_turn_for_too_little(context: Any) -> bool:
    """Now and then a session has no scope, so that 403 is seen."""
    turns[context.operation.label] += 1
    return turns[context.operation.label] % 25 == 3


class Identity:
    """Who does everything; once locked out, the next administrator takes over."""

    email = next(accounts)
    token: str | None = None


resident = Identity()


@schemathesis.auth(refresh_interval=None, retry_on=[]).skip_for(
    lambda context: (context.operation.method.upper(), context.operation.path) in SUICIDAL
)
class Resident(Bearer):
    """Keeps the token itself: Schemathesis logs in again in every phase but the stateful one."""

    def get(self, case: Any, context: Any) -> str | None:
        if is_turn_for_too_little(context):
            return log_in(resident.email, TOO_LITTLE)
        while resident.token is None:
            resident.token = log_in(resident.email)
            if resident.token is None:
                resident.email = next(accounts)
        return resident.token


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """A token that opens nothing any more is not used again."""
    if (
        response.status_code == 401
        and (case.headers or {}).get("Authorization") == f"Bearer {resident.token}"
    ):
        resident.token = None


class Passing(Bearer):
    """Somebody else for every request."""

    def get(self, case: Any, context: Any) -> str | None:
        scope = TOO_LITTLE if is_turn_for_too_little(context) else None
        return log_in(next(accounts), scope)


for method, path in SUICIDAL:
    schemathesis.auth(refresh_interval=None, retry_on=[]).apply_to(method=method, path=path)(
        Passing
    )


@schemathesis.hook
def before_call(context: Any, case: Any, arguments: Any) -> None:
    """Valid data is made such that it does not collide with what is there, mostly.

    One in four keeps its collisions, so that conflicts are seen, too; but in the stateful phase,
    where an answer that differs from one replay to the next would end the phase.
    """
    if case.operation.label == "DELETE /auth/sessions/{session_id}":
        spare_own_session(case)
    if case.operation.label in ("PATCH /users/{user_id}", "DELETE /users/{user_id}"):
        spare_own_account(case)
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if isinstance(case.body, dict):
        make_password_fit(case.body)
    label = case.operation.label
    if label == "DELETE /items/{item_id}" and case.meta.phase.name.value == "fuzzing":
        case.path_parameters["item_id"] = new_item(case.headers["Authorization"])
    if case.meta.phase.name.value != "stateful" and chance.randrange(4) == 0:
        return
    if label == "POST /users" and isinstance(case.body, dict):
        make_email_new(case.body)
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = f"{chance.getrandbits(64):016x}"
    if label in ITEM_CHANGES:
        case.headers["If-Match"] = "*"


def spare_own_session(case: Any) -> None:
    """End another session of the same user: who ended the own one could not go on."""
    if claim("sid", token_of(case)) == case.path_parameters.get("session_id"):
        spare = log_in(resident.email)
        if spare is not None:
            case.path_parameters["session_id"] = claim("sid", spare)


def spare_own_account(case: Any) -> None:
    """Change or delete somebody else: items of a deleted account are gone, and look lost."""
    if claim("sub", token_of(case)) == case.path_parameters.get("user_id"):
        account = {"email": f"{chance.getrandbits(48):012x}@example.com", "password": PASSWORD}
        response = requests.post(f"{BASE_URL}/users", json=account, timeout=10)
        case.path_parameters["user_id"] = response.json()["id"]


def token_of(case: Any) -> str:
    authorization: str = (case.headers or {}).get("Authorization", "")
    return authorization.removeprefix("Bearer ")


def claim(name: str, token: str) -> str | None:
    try:
        value: str = jwt.decode(token, options={"verify_signature": False})[name]
    except (jwt.InvalidTokenError, KeyError):
        return None
    return value


def new_item(authorization: str) -> str:
    """An item to delete: each can be deleted only once."""
    response = requests.post(
        f"{BASE_URL}/items",
        json={"title": "To be deleted"},
        headers={"Authorization": authorization},
        timeout=10,
    )
    return response.json()["id"] if response.status_code == 201 else str(uuid4())


def make_password_fit(body: dict[str, Any]) -> None:
    """A password that the policy refuses, as the document says in words, is no valid data."""
    for name in ("password", "new_password"):
        password = body.get(name)
        if isinstance(password, str) and policy.objection(password, str(body.get("email", ""))):
            body[name] = f"{PASSWORD} {chance.getrandbits(32):08x}"


def make_email_new(body: dict[str, Any]) -> None:
    email = body.get("email")
    if isinstance(email, str):
        local, _, domain = email.partition("@")
        if len(domain) < 200:
            body["email"] = f"{chance.getrandbits(48):012x}{local[:20].rstrip('.')}@{domain}"
