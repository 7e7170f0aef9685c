"""What Schemathesis can't know of this service, checked after its own requests.

Each check looks at a response, asks the service once more, and raises AssertionError.
"""

import json
import os
import time
from typing import Any
from uuid import uuid4

import jwt
import requests
import schemathesis

from tests.contract.accounts import PASSWORD

BASE_URL = os.environ["FUZZ_BASE_URL"]
JWT_SECRET = os.environ["FUZZ_JWT_SECRET"]
TIMEOUT = 10

ITEM = "/items/{item_id}"
WRITES = {("POST", "/items"), ("PUT", ITEM), ("PATCH", ITEM), ("PATCH", "/users/me")}
TOUCHED_BY_THE_SERVICE = {"due_at", "email", "updated_at"}
"""Answered in another spelling than they were sent in, or not sent at all."""


def operation_of(case: Any) -> tuple[str, str]:
    return case.operation.method.upper(), case.operation.path


def authorization_of(response: Any) -> str:
    """What the request was authenticated with, as it went over the wire."""
    sent: str = response.request.headers.get("Authorization", "")
    return sent


def send(method: str, url: str, authorization: str, **arguments: Any) -> requests.Response:
    headers = {"Authorization": authorization} | arguments.pop("headers", {})
    return requests.request(method, url, headers=headers, timeout=TIMEOUT, **arguments)


@schemathesis.check
def what_was_written_is_read(context: Any, response: Any, case: Any) -> None:
    """A success is there afterwards: every member that was sent, and nothing else changed."""
    if operation_of(case) not in WRITES or response.status_code not in (200, 201):
        return
    answered = response.json()
    place = "/users/me" if case.operation.path == "/users/me" else f"/items/{answered['id']}"
    stored = send("GET", BASE_URL + place, authorization_of(response))
    if stored.status_code != 200:
        return  # somebody else's session ended meanwhile: other checks see to that
    assert stored.json() == answered, "what is read differs from what was answered"
    sent = json.loads(response.request.body or b"{}")
    for name, value in sent.items():
        if name not in TOUCHED_BY_THE_SERVICE:
            assert stored.json()[name] == value, f"{name} was not kept"


@schemathesis.check
def the_list_is_what_was_asked_for(context: Any, response: Any, case: Any) -> None:
    """No more entries than the limit, all of them fitting the filters, in the order asked for."""
    if operation_of(case) not in {("GET", "/items"), ("GET", "/users")}:
        return
    if response.status_code != 200:
        return
    query = dict(case.query or {})
    rows = response.json()["data"]
    assert len(rows) <= int(query.get("limit", 20)), "the page is longer than its limit"
    for name in ("status", "active", "administrator"):
        if name in query:
            wanted = str(query[name]).lower()
            assert all(str(row[name]).lower() == wanted for row in rows), f"{name} was ignored"
    if "q" in query:
        fields = (
            ("title", "description") if case.operation.path == "/items" else ("email", "full_name")
        )
        for row in rows:
            text = "\n".join(str(row[name] or "") for name in fields)
            assert str(query["q"]).lower() in text.lower() or not str(query["q"]).isascii(), (
                "an entry does not contain the text that was looked for"
            )
    if case.operation.path == "/items":
        order = str(query.get("sort", "-created_at"))
        keys = [row[order.removeprefix("-")] for row in rows]
        if order.removeprefix("-") != "title":
            assert keys == sorted(keys, reverse=order.startswith("-")), "the order is another"


@schemathesis.check
def a_wildcard_means_itself(context: Any, response: Any, case: Any) -> None:
    """`%` and `_` find what contains them, and nothing else."""
    if operation_of(case) != ("POST", "/items") or response.status_code != 201:
        return
    text = "\n".join(str(response.json()[name] or "") for name in ("title", "description"))
    for wildcard in "%_":
        if wildcard in text:
            continue
        found = send(
            "GET",
            f"{BASE_URL}/items",
            authorization_of(response),
            params={"q": wildcard, "limit": 100},
        )
        if found.status_code == 200:
            ids = [row["id"] for row in found.json()["data"]]
            assert response.json()["id"] not in ids, f"{wildcard} matches everything"


@schemathesis.check
def a_forged_token_opens_nothing(context: Any, response: Any, case: Any) -> None:
    """Not one that is signed with another key, not signed at all, or signed and expired."""
    if operation_of(case) != ("GET", "/users/me") or response.status_code != 200:
        return
    token = authorization_of(response).removeprefix("Bearer ")
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, options={"verify_signature": False})
    members = {"kid": header["kid"], "typ": header["typ"]}
    past = claims | {"iat": int(time.time()) - 2000, "exp": int(time.time()) - 1100}
    forged = {
        "another key": jwt.encode(claims, "x" * 48, "HS256", members),
        "no signature": jwt.encode(claims, None, "none", members),
        "expired": jwt.encode(past, JWT_SECRET, "HS256", members),
        "another type": jwt.encode(claims, JWT_SECRET, "HS256", members | {"typ": "JWT"}),
    }
    for kind, forgery in forged.items():
        answer = send("GET", f"{BASE_URL}/users/me", f"Bearer {forgery}")
        assert answer.status_code == 401, f"a token with {kind} was accepted"


@schemathesis.check
def a_refresh_token_is_good_for_one_exchange(context: Any, response: Any, case: Any) -> None:
    """The one before the one just spent ends the session, and the newest with it."""
    if operation_of(case) != ("POST", "/auth/token") or response.status_code != 200:
        return
    tokens = [response.json()["refresh_token"]]
    for _ in range(2):
        form = {"grant_type": "refresh_token", "refresh_token": tokens[-1]}
        answer = requests.post(f"{BASE_URL}/auth/token", data=form, timeout=TIMEOUT)
        if answer.status_code != 200:
            return  # it was somebody's newest no more
        tokens.append(answer.json()["refresh_token"])
    assert len(set(tokens)) == len(tokens), "a refresh token was not rotated"
    for token in (tokens[0], tokens[-1]):
        form = {"grant_type": "refresh_token", "refresh_token": token}
        answer = requests.post(f"{BASE_URL}/auth/token", data=form, timeout=TIMEOUT)
        assert answer.status_code == 401, "a refresh token was accepted that should be dead"


stranger: list[str] = []


def as_stranger(method: str, url: str, **arguments: Any) -> requests.Response:
    """The answer to an ordinary user who owns nothing.

    The fuzzer administers, and may have ended the stranger of before: then another one comes.
    """
    answer = send(method, url, strangers_authorization(), **arguments)
    if answer.status_code == 401:
        stranger.clear()
        answer = send(method, url, strangers_authorization(), **arguments)
    return answer


def strangers_authorization() -> str:
    if not stranger:
        account = {"email": f"stranger-{uuid4()}@example.com", "password": PASSWORD}
        requests.post(f"{BASE_URL}/users", json=account, timeout=TIMEOUT)
        form = {"grant_type": "password", "username": account["email"], "password": PASSWORD}
        answer = requests.post(f"{BASE_URL}/auth/token", data=form, timeout=TIMEOUT)
        stranger.append(f"Bearer {answer.json()['access_token']}")
    return stranger[0]


@schemathesis.check
def a_stranger_finds_nothing(context: Any, response: Any, case: Any) -> None:
    """Somebody else's item does not exist, whatever is done to it."""
    if operation_of(case) != ("GET", ITEM) or response.status_code != 200:
        return
    url = f"{BASE_URL}/items/{response.json()['id']}"
    body = {"title": "Mine now"}
    merge_patch = {"Content-Type": "application/merge-patch+json", "If-Match": "*"}
    attempts: dict[str, dict[str, Any]] = {
        "GET": {},
        "PUT": {"json": body, "headers": {"If-Match": "*"}},
        "PATCH": {"data": json.dumps(body), "headers": merge_patch},
        "DELETE": {"headers": {"If-Match": "*"}},
    }
    for method, arguments in attempts.items():
        answer = as_stranger(method, url, **arguments)
        assert answer.status_code == 404, f"a stranger's {method} was answered {answer.status_code}"


@schemathesis.check
def an_ordinary_user_administers_nothing(context: Any, response: Any, case: Any) -> None:
    """What administrators may do is refused to everybody else."""
    if not case.operation.path.startswith("/users") or response.status_code not in (200, 204):
        return
    if case.operation.path not in ("/users", "/users/{user_id}") or case.operation.method != "get":
        return
    answer = as_stranger("GET", response.request.url)
    assert answer.status_code == 403, "an ordinary user did what administrators do"


@schemathesis.check
def an_entity_tag_protects_the_item(context: Any, response: Any, case: Any) -> None:
    """A change for another version than the current one is refused."""
    if operation_of(case) != ("GET", ITEM) or response.status_code != 200:
        return
    url = f"{BASE_URL}/items/{response.json()['id']}"
    for header, status in (({"If-Match": '"0"'}, 412), ({}, 428)):
        answer = send(
            "PATCH",
            url,
            authorization_of(response),
            data=json.dumps({"title": "Lost update"}),
            headers={"Content-Type": "application/merge-patch+json"} | header,
        )
        assert answer.status_code in (status, 401, 404), "a stale change was accepted"
