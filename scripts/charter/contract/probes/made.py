"""An object that a probe has made, to ask for and to change."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

from charter.contract.api import IF_MATCH
from charter.contract.checks import is_same
from charter.contract.probes.client import Client
from charter.contract.subject import ABSENT, json_of
from charter.document.listings import has_format
from charter.mock.memory import Resource
from charter.runtime import Operation
from charter.runtime.shapes import Shape


@dataclass
class Made:
    client: Client
    resource: Resource
    token: str | None
    answer: requests.Response
    """That of the last request that changed it."""
    said: dict[str, Any]
    """What the answer to its creation says of it."""
    sent: Any
    """The body of the last request that was made about it."""
    body_shape: Shape | None

    @classmethod
    def of(
        cls, client: Client, resource: Resource, token: str | None, body: Any = ABSENT
    ) -> "Made | None":
        """None where nothing makes one, or nothing reads it."""
        create = client.api.at("POST", resource.collection)
        if create is None or client.api.at("GET", resource.member) is None:
            return None
        sent = client.subject.another_body(create) if body is ABSENT else body
        answer = client.send(create, token, body=sent)
        shown = json_of(answer) if answer.status_code in (200, 201) else None
        said = resource.envelope.inside(shown) if isinstance(shown, dict) else None
        if not isinstance(said, dict) or said.get(resource.identifier) is None:
            return None
        return cls(client, resource, token, answer, said, sent, client.api.body_shape(create))

    @property
    def identity(self) -> Any:
        return self.said[self.resource.identifier]

    def operation(self, *methods: str) -> Operation | None:
        found = (self.client.api.at(method, self.resource.member) for method in methods)
        return next((one for one in found if one is not None), None)

    def request(
        self,
        operation: Operation,
        token: Any = ABSENT,
        *,
        match: str | None = None,
        name: str = IF_MATCH,
        body: Any = ABSENT,
    ) -> requests.Response:
        """Ask for this object, with another body each time."""
        parts = self.parts(operation, match, name, body)
        answer = self.client.send(operation, self.token if token is ABSENT else token, **parts)
        if "body" in parts and answer.ok:
            self.answer, self.sent = answer, parts["body"]
            self.body_shape = self.client.api.body_shape(operation)
        return answer

    def parts(
        self, operation: Operation, match: str | None, name: str = IF_MATCH, body: Any = ABSENT
    ) -> dict[str, Any]:
        """What a request about this object is made of."""
        parts: dict[str, Any] = {"path": {self.resource.parameter.name: self.identity}}
        header = self.client.api.header(operation, name)
        if match is not None and header is not None:
            parts["headers"] = {header.name: match}
        if self.client.api.body(operation) is not None:
            unlike = self.said | self.sent if isinstance(self.sent, dict) else self.said
            another = self.client.subject.another_body
            parts["body"] = another(operation, unlike) if body is ABSENT else body
        return parts

    def get(self) -> requests.Response:
        operation = self.operation("GET")
        assert operation is not None  # without one, nothing is made
        return self.client.send(operation, self.token, **self.parts(operation, None))

    def read(self) -> dict[str, Any] | None:
        """Its members; None where it can't be read."""
        answer = self.get()
        body = json_of(answer) if answer.status_code == 200 else None
        found = self.resource.envelope.inside(body) if isinstance(body, dict) else None
        return found if isinstance(found, dict) else None

    def is_kept(self, place: str, read: requests.Response) -> Iterator[str]:
        """Every member that was sent last is read afterwards, and what was answered as well."""
        body = json_of(read) if read.status_code == 200 else None
        found = self.resource.envelope.inside(body) if isinstance(body, dict) else None
        if not isinstance(found, dict) or not isinstance(self.sent, dict):
            return
        shape = self.resource.envelope.shape
        for name in sorted(self.sent.keys() & found.keys()):
            is_respelled = name in self.client.settings.respelled
            if not is_respelled and not is_same(shape.member(name), found[name], self.sent[name]):
                yield f"{place} did not keep {name}"
        answered = json_of(self.answer)
        said = self.resource.envelope.inside(answered) if isinstance(answered, dict) else None
        said = said if isinstance(said, dict) else {}
        for name in sorted(said.keys() & found.keys()):
            is_time = has_format(shape.member(name), "date-time") and name not in self.sent
            if not is_time and said[name] != found[name]:
                yield f"{place} answered another {name} than is read"
