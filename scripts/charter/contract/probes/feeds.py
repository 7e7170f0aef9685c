"""What a stream of events tells of the objects of the collection above it, and to whom."""

import json
from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import requests

from charter.contract.api import LAST_EVENT_ID, label
from charter.contract.probes.client import Client
from charter.contract.probes.made import Made
from charter.contract.probes.objects import is_private
from charter.contract.streams import FIRST_ITEMS, Until
from charter.document.listings import values_of
from charter.mock.memory import Resource
from charter.runtime import Operation
from charter.runtime.items import ItemSpec
from charter.runtime.parameters import Parameter
from charter.runtime.references import objects
from charter.runtime.shapes import Shape

EVENTS: Mapping[str, Set[str]] = {
    "POST": {"added", "created"},
    "PATCH": {"changed", "modified", "updated"},
    "PUT": {"changed", "modified", "updated"},
    "DELETE": {"deleted", "removed"},
}
"""The names of the events that say what a method has done."""
OBJECTS = 2
"""So many that a stream which tells of one change alone is noticed."""
MOST_EVENTS = 1000
"""That are read before the expected ones: a service may begin with its history."""
PATIENCE = 10.0
"""Seconds in which a change has to be told, whatever else is told meanwhile."""


def tell_of_changes(client: Client, operation: Operation) -> Iterator[str]:
    """Whoever comes back with the last event that they have seen gets what followed it."""
    resource = client.api.resources.get(operation.path.rpartition("/")[0])
    feed = Feed.of(client, operation, resource) if resource is not None else None
    if resource is None or feed is None:
        return
    feed.read(client.caller)
    first = feed.last
    found = (Made.of(client, resource, client.caller) for _ in range(OBJECTS))
    made = [one for one in found if one is not None]
    if first is None or len(made) < OBJECTS:
        return
    yield from feed.tells("POST", made)
    for methods in (("PATCH", "PUT"), ("DELETE",)):
        change = made[0].operation(*methods)
        if change is not None and all(one.request(change, match="*").ok for one in made):
            yield from feed.tells(change.method, made)
    yield from tells_no_stranger(client, resource, feed, first)


def tells_no_stranger(
    client: Client, resource: Resource, feed: "Feed", since: str
) -> Iterator[str]:
    """Who doesn't see an object in the list isn't told of it either."""
    mine = Made.of(client, resource, client.caller)
    if mine is None or not is_private(client, resource, mine.identity):
        return
    made = (Made.of(client, resource, client.stranger) for _ in range(OBJECTS))
    theirs = {str(one.identity) for one in made if one is not None}
    feed.last = since
    ours = {str(mine.identity), *feed.told}
    told = feed.told_of(client.stranger, theirs, feed.names)
    if any(identities & ours and not identities & theirs for identities in told):
        yield f"{label(feed.operation)} tells somebody else what has happened"


@dataclass
class Feed:
    """A stream that goes on behind the last event that the client names."""

    client: Client
    operation: Operation
    header: Parameter
    """Which event that is."""
    items: ItemSpec
    names: Set[str]
    """Those of its events."""
    members: Set[str]
    """What an object's identity may be called in the data of an event."""
    told: set[str] = field(default_factory=set)
    """The identities of the objects that it has told of."""
    last: str | None = None
    events: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(cls, client: Client, operation: Operation, resource: Resource) -> "Feed | None":
        """None where nobody can come back, or the events or what they name are not declared."""
        header = client.api.header(operation, LAST_EVENT_ID)
        items = next((one.items for one in operation.contents if one.items is not None), None)
        if header is None or items is None:
            return None
        judge = client.api.judge
        item = Shape(judge, judge.at(items.place))
        names = frozenset(map(str, values_of(item.member("event"))))
        data = [one["contentSchema"] for one in item.member("data").parts if "contentSchema" in one]
        members = Shape(judge, *data).names & {resource.parameter.name, resource.identifier}
        return cls(client, operation, header, items, names, members) if names and members else None

    def read(self, token: str | None, until: Until = FIRST_ITEMS) -> None:
        """The events behind the last one."""
        headers = {self.header.name: self.last} if self.last is not None else {}
        answer = self.client.send(self.operation, token, until=until, headers=headers)
        self.events = tuple(self.events_of(answer)) if answer.ok else ()
        for event in self.events:
            self.last = event.get("id") or self.last

    def events_of(self, answer: requests.Response) -> Iterator[Mapping[str, Any]]:
        for event in self.items.sequence.reader().feed(answer.content):
            if isinstance(event, dict):
                yield event

    def told_of(self, token: str | None, expected: Set[str], names: Set[str]) -> list[Set[str]]:
        """The identities in each event of these names, until all that are expected have come.

        A service may tell of other things first, and of one change in several events.
        """
        missing = set(expected)

        def is_last(event: Any) -> bool:
            missing.difference_update(self.identities(event, names))
            return bool(expected) and not missing

        self.read(token, Until(MOST_EVENTS, PATIENCE, is_last))
        return [self.identities(event, names) for event in self.events]

    def identities(self, event: Any, names: Set[str]) -> Set[str]:
        if not isinstance(event, dict) or event.get("event") not in names:
            return set()
        try:
            data = json.loads(str(event.get("data")))
        except (ValueError, RecursionError):
            return set()
        return {str(one[name]) for one in objects(data) for name in self.members & one.keys()}

    def tells(self, method: str, made: Collection[Made]) -> Iterator[str]:
        """Each object is told of under a name that says what was done, if there is such a name."""
        names = EVENTS[method] & self.names
        if not names:
            return
        expected = {str(one.identity) for one in made}
        told = expected.intersection(chain(*self.told_of(self.client.caller, expected, names)))
        self.told |= told
        has_more = len(self.events) >= MOST_EVENTS
        if told != expected and not has_more:
            yield f"{label(self.operation)} does not tell what was {min(names)}"
