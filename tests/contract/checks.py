"""What no document says and this service promises, checked after the fuzzer's own requests.

Each check looks at a response, asks the service once more, and raises AssertionError.
"""

from typing import Any

import requests
import schemathesis

from charter.contract.subject import TIMEOUT, subject


def operation_of(case: Any) -> tuple[str, str]:
    return case.operation.method.upper(), case.operation.path


def refresh(token: str) -> requests.Response:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return requests.post(f"{subject().plan.base_url}/auth/token", data=form, timeout=TIMEOUT)


@schemathesis.check
def a_wildcard_means_itself(context: Any, response: Any, case: Any) -> None:
    """`%` and `_` find what contains them, and nothing else."""
    if operation_of(case) != ("POST", "/items") or response.status_code != 201:
        return
    text = "\n".join(str(response.json()[name] or "") for name in ("title", "description"))
    for wildcard in "%_":
        if wildcard in text:
            continue
        found = requests.get(
            f"{subject().plan.base_url}/items",
            headers={"Authorization": response.request.headers.get("Authorization", "")},
            params={"q": wildcard, "limit": "100"},
            timeout=TIMEOUT,
        )
        if found.status_code == 200:
            ids = [row["id"] for row in found.json()["data"]]
            assert response.json()["id"] not in ids, f"{wildcard} matches everything"


@schemathesis.check
def a_refresh_token_is_good_for_one_exchange(context: Any, response: Any, case: Any) -> None:
    """The one before the one just spent ends the session, and the newest with it."""
    if operation_of(case) != ("POST", "/auth/token") or response.status_code != 200:
        return
    tokens = [response.json()["refresh_token"]]
    for _ in range(2):
        answer = refresh(tokens[-1])
        if answer.status_code != 200:
            return  # it was somebody's newest no more
        tokens.append(answer.json()["refresh_token"])
    assert len(set(tokens)) == len(tokens), "a refresh token was not rotated"
    for token in (tokens[0], tokens[-1]):
        assert refresh(token).status_code == 401, "a refresh token was accepted that should be dead"


@schemathesis.check
def a_search_finds_what_contains_it(context: Any, response: Any, case: Any) -> None:
    """Every entry contains the text that was looked for."""
    fields = {"/items": ("title", "description"), "/users": ("email", "full_name")}
    query = dict(case.query or {})
    is_search = "q" in query and case.operation.path in fields and response.status_code == 200
    if not is_search or not str(query["q"]).isascii():
        return
    for row in response.json()["data"]:
        text = "\n".join(str(row[name] or "") for name in fields[case.operation.path])
        assert str(query["q"]).lower() in text.lower(), "an entry does not contain the text"
