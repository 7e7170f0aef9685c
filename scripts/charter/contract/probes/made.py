"""An object that a probe has made, to ask for and to change."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from charter.contract.api import IF_MATCH
from charter.contract.checks import is_same
from charter.contract.probes.client import Client
from charter.contract.subject import ABSENT, json_of
from charter.document.listings import has_format
from charter.mock.memory import Resource
from charter.mock.memory.envelopes import Envelope, plain
from charter.runtime import Operation
from charter.runtime.shapes import Shape

CREATED = frozenset({"created", "createdat", "createdon", "datecreated"})
CHANGED = frozenset({"changedat", "modifiedat", "updated", "updatedat", "lastmodified"})
"""Members that tell when, in letters alone."""


@dataclass
class Made:
    client: Client
    place: str
    """The path of the operations that are about it."""
    path: Mapping[str, Any]
    """The parameters in that path."""
    envelope: Envelope
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
        said = members_in(answer, resource.envelope) if answer.status_code in (200, 201) else None
        if said is None or said.get(resource.identifier) is None:
            return None
        path = {resource.parameter.name: said[resource.identifier]}
        envelope, shape = resource.envelope, client.api.body_shape(create)
        return cls(client, resource.member, path, envelope, token, answer, said, sent, shape)

    @classmethod
    def there(cls, client: Client, shown: Operation, token: str | None) -> "Made | None":
        """What is there without being made: the caller's own account, say. None where it isn't."""
        answer = client.send(shown, token)
        said = json_of(answer) if answer.status_code == 200 else None
        if not isinstance(said, dict):
            return None
        envelope = Envelope(None, client.api.success_shape(shown))
        return cls(client, shown.path, {}, envelope, token, answer, said, {}, None)

    @property
    def identity(self) -> Any:
        return next(iter(self.path.values()), None)

    def operation(self, *methods: str) -> Operation | None:
        found = (self.client.api.at(method, self.place) for method in methods)
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
        parts: dict[str, Any] = {"path": self.path}
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
        return self.shown(answer) if answer.status_code == 200 else None

    def shown(self, answer: requests.Response) -> dict[str, Any] | None:
        """The members that an answer shows of it."""
        return members_in(answer, self.envelope)

    def is_kept(self, place: str, read: requests.Response) -> Iterator[str]:
        """Every member that was sent last is read afterwards, and what was answered as well."""
        found = self.shown(read) if read.status_code == 200 else None
        if found is None or not isinstance(self.sent, dict):
            return
        shape = self.envelope.shape
        for name in sorted(self.sent.keys() & found.keys()):
            is_respelled = name in self.client.settings.respelled
            if not is_respelled and not is_same(shape.member(name), found[name], self.sent[name]):
                yield f"{place} did not keep {name}"
        said = self.shown(self.answer) or {}
        for name in unlike(shape, said, found, self.sent):
            yield f"{place} answered another {name} than is read"


def members_in(answer: requests.Response, envelope: Envelope) -> dict[str, Any] | None:
    """Those of the object that an answer shows; None where it shows none."""
    body = json_of(answer)
    found = envelope.inside(body) if isinstance(body, dict) else None
    return found if isinstance(found, dict) else None


def unlike(
    shape: Shape, said: Mapping[str, Any], found: Mapping[str, Any], sent: Mapping[str, Any]
) -> Iterator[str]:
    """The members that two answers show otherwise, though nothing was changed in between.

    Times that nobody sent may go on, but not those of the creation and of the last change.
    """
    for name in sorted(said.keys() & found.keys()):
        member = shape.member(name)
        is_time = has_format(member, "date-time")
        goes_on = is_time and name not in sent and plain(name) not in CREATED | CHANGED
        is_like = is_same(member, found[name], said[name]) if is_time else said[name] == found[name]
        if not goes_on and not is_like:
            yield name
