"""Links of answers lead somewhere (OpenAPI 3.1 "Link Object")."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from charter.contract.api import label
from charter.contract.checks import GONE
from charter.contract.probes.client import Client
from charter.contract.probes.lists import fill
from charter.contract.probes.made import Made
from charter.contract.subject import Token, json_of
from charter.runtime import Operation


def lead_somewhere(client: Client, operation: Operation) -> Iterator[str]:
    """Each link of a success, where the answer has what it needs."""
    for name, link in client.api.links(operation).items():
        target = client.api.contract.operations.get(str(link.get("operationId")))
        if target is None:
            continue
        caller, token = client.passing()
        body = link_body(client, operation, caller)
        path = existing(client, operation, token)
        query = several_pages(client, operation, caller, token)
        answer = client.send(operation, token, path=path, query=query, **body)
        if not name.startswith(f"[{answer.status_code}]"):
            continue
        parts = Link(target, link, answer, body.get("body")).parts()
        if parts is None:
            continue
        found = client.send(target, token, **parts)
        client.probed.links.add(f"{label(operation)} -> {name}")
        if found.status_code in GONE and target.method == "GET":
            yield f"{label(operation)} -> {name} leads to nothing"


def several_pages(
    client: Client, operation: Operation, name: str, token: str | None
) -> dict[str, Any]:
    """The query for the first of several pages, where the operation lists something."""
    listing = client.api.listing(operation)
    if listing is None or listing.limit is None:
        return {}
    if client.api.at("POST", operation.path) is None:
        client.subject.log_in(name)  # what no operation makes may be the caller's own logins
    fill(client, listing, token, 2)
    return {listing.limit.name: 1}


def existing(client: Client, operation: Operation, token: str | None) -> dict[str, Any]:
    """The path parameters that name a new object, where the operation is about one."""
    resource = client.api.resources.get(operation.path)
    if resource is None or operation.path != resource.member:
        return {}
    made = Made.of(client, resource, token)
    return {} if made is None else {resource.parameter.name: made.identity}


def link_body(client: Client, operation: Operation, name: str) -> Mapping[str, Any]:
    """A body that is known, for links tell of what was sent."""
    known = client.known_body(operation, name)
    if known or client.api.body(operation) is None:
        return known
    return {"body": client.subject.body_example(operation)[1]}


@dataclass(frozen=True)
class Link:
    """A link of an answer, and the request and answer that it is of."""

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


def renewal(client: Client, token: Token) -> requests.Response | None:
    """The exchange of what came with a token for another one, by a link of the login to itself.

    None where the document has no such link, or the answer not what it needs.
    """
    login = client.subject.login
    if login is None:
        return None
    for link in client.api.links(login).values():
        if link.get("operationId") == login.id:
            parts = Link(login, link, token.answer, {}).parts()
            return client.send(login, None, **parts) if parts and "body" in parts else None
    return None
