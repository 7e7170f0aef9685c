"""A stream of changes is read until it has told what was done, whatever else it tells."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from charter.contract.accounts import Accounts
from charter.contract.api import fuzzed
from charter.contract.probes import feeds
from charter.contract.probes.client import Client
from charter.contract.settings import FuzzSettings
from charter.contract.subject import Plan, Subject
from charter.runtime import Contract
from tests.serving import serving

DOCUMENT = """
openapi: 3.2.0
info: {title: Notes, version: '1'}
paths:
  /notes:
    post:
      operationId: addNote
      requestBody: {required: true, content: {application/json: {schema: {type: object}}}}
      responses:
        '201':
          description: It.
          content: {application/json: {schema: {$ref: '#/components/schemas/Note'}}}
  /notes/{noteId}:
    parameters: [{name: noteId, in: path, required: true, schema: {type: integer}}]
    get:
      operationId: showNote
      responses:
        '200':
          description: It.
          content: {application/json: {schema: {$ref: '#/components/schemas/Note'}}}
    delete: {operationId: dropNote, responses: {'204': {description: Gone.}}}
  /notes/changes:
    get:
      operationId: watchNotes
      parameters: [{name: Last-Event-ID, in: header, schema: {type: string}}]
      responses:
        '200':
          description: The changes.
          content: {text/event-stream: {itemSchema: {$ref: '#/components/schemas/Change'}}}
components:
  schemas:
    Note: {type: object, required: [id], properties: {id: {type: integer}}}
    Change:
      type: object
      properties:
        event: {type: string, enum: [created, deleted, ping, indexed]}
        id: {type: string}
        data: {type: string, contentSchema: {$ref: '#/components/schemas/Note'}}
"""


@dataclass
class Notes:
    """Remembers its events for ever, and begins with the first of them."""

    events: list[tuple[str, int]] = field(default_factory=list)
    pings: int = 0
    """Before each event."""
    forgets: str = ""

    def tell(self, event: str, number: int) -> None:
        self.events += [("ping", 0)] * self.pings
        if event != self.forgets:
            self.events += [("indexed", number), (event, number), ("indexed", number)]

    async def add(self, request: Request) -> Response:
        number = 10_000 + len(self.events)
        self.tell("created", number)
        return JSONResponse({"id": number}, 201)

    async def drop(self, request: Request) -> Response:
        self.tell("deleted", request.path_params["note"])
        return Response(status_code=204)

    async def watch(self, request: Request) -> Response:
        seen = int(request.headers.get("last-event-id", 0))

        async def told() -> AsyncIterator[str]:
            for place, (event, number) in enumerate(self.events[seen:], seen + 1):
                yield f"event: {event}\nid: {place}\ndata: {json.dumps({'id': number})}\n\n"
            while True:
                await asyncio.sleep(0.1)
                yield "event: ping\n\n"

        return StreamingResponse(told(), media_type="text/event-stream")

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/notes", self.add, methods=["POST"]),
                Route("/notes/changes", self.watch),
                Route("/notes/{note:int}", self.drop, methods=["DELETE"]),
            ]
        )


def found(notes: Notes, folder: Path) -> list[str]:
    document: Any = yaml.safe_load(DOCUMENT)
    file = folder / "openapi.json"
    file.write_text(json.dumps(fuzzed(Contract(document))))
    with serving(notes.app, lifespan="off") as base_url:
        plan = Plan(base_url, 1, str(file), "secret", Accounts("", [], ["ada"], []))
        client = Client(Subject(plan, FuzzSettings()))
        (watch,) = (one for one in client.api.operations if one.id == "watchNotes")
        findings = list(feeds.tell_of_changes(client, watch))
        assert client.violations == []
    return findings


HISTORY = [("created", number) for number in range(1, 101)]


@pytest.mark.parametrize(
    "notes",
    [Notes([("created", 1)]), Notes(HISTORY), Notes([("created", 1)], pings=20)],
    ids=["a little", "a long history first", "much beside it"],
)
def test_what_is_told_late_is_told(notes: Notes, tmp_path: Path) -> None:
    assert found(notes, tmp_path) == []
    assert [event for event, _ in notes.events].count("deleted") == 2


@pytest.mark.parametrize("forgotten", ["created", "deleted"])
def test_what_is_never_told_is_found(
    forgotten: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "PATIENCE", 1.0)

    notes = Notes(list(HISTORY), forgets=forgotten)

    assert found(notes, tmp_path) == [f"GET /notes/changes does not tell what was {forgotten}"]


def test_nothing_is_said_of_a_history_that_is_longer_than_what_is_read(tmp_path: Path) -> None:
    notes = Notes(HISTORY * 20, forgets="created")

    assert found(notes, tmp_path) == []
