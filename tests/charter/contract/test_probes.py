"""Probes notice what a client would, in a service whose names they have never seen."""

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
import requests
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from charter.contract.accounts import Accounts
from charter.contract.api import fuzzed
from charter.contract.probes import Client, Probed, UnfitSubject, probe
from charter.contract.probes.client import violations
from charter.contract.service_under_test import NotStarted
from charter.contract.service_under_test import served as serve
from charter.contract.settings import FuzzSettings
from charter.contract.subject import Plan, Subject
from tests.charter.contract.library import ADMINISTRATORS, SECRET, Library, library, operation
from tests.serving import serving

ACCOUNTS = Accounts(SECRET, ADMINISTRATORS, ["ada", "bob"], [])
SETTINGS = FuzzSettings(ends={"leave": "all"})


def subject(base_url: str, directory: Path, settings: FuzzSettings = SETTINGS) -> Subject:
    document = directory / "openapi.json"
    document.write_text(json.dumps(fuzzed(library().contract)))
    return Subject(Plan(base_url, 1, str(document), "secret", ACCOUNTS), settings)


def probed(
    directory: Path,
    app: Any,
    settings: FuzzSettings = SETTINGS,
    chosen: Collection[str] | None = None,
) -> Probed:
    with serving(app, lifespan="off") as base_url:
        client = Client(subject(base_url, directory, settings), chosen)
        return probe(client, lambda finding, curls: None)


def test_nothing_is_found_in_a_service_that_keeps_its_document(tmp_path: Path) -> None:
    found = probed(tmp_path, Library().app)

    assert found.findings == []
    assert len(found.implemented) == len(library().operations)


def test_every_refusal_is_provoked_that_a_client_can_provoke(tmp_path: Path) -> None:
    seen = probed(tmp_path, Library().app).statuses

    for status in (200, 401, 403, 422):
        assert seen["GET /books/count", status], status


FLAWS = {
    "no token is needed": "GET /books answered 200 to a caller without credentials",
    "scopes are not looked at": "GET /books/count answered 200 to a token without books:count",
    "all readers are equal": "GET /books/count answered 200 to an ordinary user",
    "anything may be asked": "answered 200 to a query parameter that it doesn't declare",
    "sessions live on": "DELETE /session ended no session",
    "everybody has to leave": "DELETE /session ended the session of somebody else",
    "strangers may read": "GET /books/{bookId} answered 200 to somebody else",
    "strangers may change": "PATCH /books/{bookId} answered 200 to somebody else",
    "strangers may discard": "DELETE /books/{bookId} answered 204 to somebody else",
    "filters are ignored": "GET /books lent was ignored",
    "a filter leaves out a row": "GET /books leaves out rows whose",
    "orders are ignored": "the rows are not in the order of",
    "cursors are ignored": "GET /books shows other rows in pages of 1",
    "a row is lost between pages": "GET /books shows other rows in pages of 1",
    "pages are endless": "GET /books shows other rows in pages of 1",
    "keys are ignored": "POST /books gave another answer to the same idempotency key",
    "a key is good for any body": "POST /books took an idempotency key again for another body",
    "keys are everybody's": "POST /books answered one caller's idempotency key to another",
    "titles are lost": "POST /books did not keep title",
    "it is somewhere else": "in Location",
    "tags stay": "PATCH /books/{bookId} left the entity tag as it was",
    "everything is the same": "GET /books/{bookId} answered 304 although the object has changed",
    "nothing is ever the same": "GET /books/{bookId} did not answer 304",
    "stale changes are kept": "PATCH /books/{bookId} accepted a stale entity tag",
    "changes need no tag": "PATCH /books/{bookId} accepted a change without If-Match",
    "changes are lost": "PATCH /books/{bookId} did not keep",
    "titles are numbers": "GET /books answered 200: the body /books/0/title",
    "a status is not declared": "GET /books/{bookId} answered 418, which it doesn't declare",
    "any body will do": "POST /readers answered 201 to a malformed body",
    "addresses may be taken twice": "POST /readers took the same address twice",
    "any password will do": "POST /login accepted a wrong password",
    "verse is hidden": "GET /books leaves out",
    "equal titles are one": "GET /books shows other rows in pages of 2 than in one page with sort",
    "the newest are first": "GET /books has another order by default than added",
    "no order descends": "GET /books has another order by -added than the reverse of added",
    "links forget the query": "GET /books links to another next page than its cursor leads to",
    "notes are not searched": "GET /books by q doesn't find what is in note",
    "searches mind the case": "GET /books by q minds the case of",
    "wildcards are taken": "GET /books by q takes % for any text",
    "titles are cut": "POST /books did not keep title",
    "defaults are others": "POST /books did not set copies to its default",
    "answers are not kept": "POST /books answered another copies than is read",
    "all keys are one": "POST /books gave the same answer to another idempotency key",
    "replays are of today": "to the same idempotency key after a change",
    "nulls are ignored": "PATCH /books/{bookId} kept note, which was set to null",
    "patches forget": "PATCH /books/{bookId} changed note, which was left out",
    "a change changes all": "the change of one object changed another one",
    "a discard discards all": "the deletion of one object deleted another one",
    "writers overwrite each other": "writers change the same version",
    "whoever asks may stay": "DELETE /session did not end the session that asked",
    "books are never gone": "DELETE /books/{bookId} left the object where it was",
    "discarded books are listed": "DELETE /books/{bookId} left the object in the list",
    "any scope is given": "POST /login gave a token more scopes than were asked for",
    "searches forget the filters": "GET /books shows other rows with",
    "searches know the case of ASCII alone": "minds the case of letters beyond ASCII in",
    "long titles are refused": "POST /books refused a body that its schema admits",
    "keys forget the note": "POST /books took an idempotency key again for another body",
    "strangers learn the version": "told somebody else which version the object has",
    "empty texts are ignored": "PATCH /books/{bookId} did not keep note",
}


def test_a_problem_document_names_the_status_of_its_answer() -> None:
    answer = requests.Response()
    answer.status_code = 404
    answer.headers["Content-Type"] = "application/problem+json; charset=utf-8"
    answer._content = b'{"status": 404}'
    assert violations(operation("show"), answer) == []

    answer._content = b'{"status": 400}'

    said = "GET /books/{bookId} answered 404 with a problem document whose status is 400"
    assert violations(operation("show"), answer) == [said]


@pytest.mark.parametrize(("flaw", "finding"), FLAWS.items(), ids=list(FLAWS))
def test_a_flaw_is_noticed(tmp_path: Path, flaw: str, finding: str) -> None:
    found = probed(tmp_path, Library(frozenset({flaw})).app, chosen=concerned(finding))

    assert any(finding in one for one in found.findings), found.findings


def concerned(finding: str) -> set[str] | None:
    """The operation that a finding names, and the one that makes what it is about."""
    named = re.match(r"[A-Z]+ /\S+", finding)
    if named is None:
        return None
    return {"GET /books"} if named[0] == "GET /books" else {named[0], "POST /books"}


def test_a_list_of_ones_own_shows_nobody_elses_rows(tmp_path: Path) -> None:
    settings = FuzzSettings(ends={"leave": "all"}, own=("browse",))
    app = Library(frozenset({"all books are listed"})).app

    found = probed(tmp_path, app, settings)

    assert "GET /books shows the rows of somebody else" in found.findings


def test_what_belongs_to_nobody_may_be_changed_by_everybody(tmp_path: Path) -> None:
    """Its list is one for all, and its first page need not show what was made last."""
    acts = {f"strangers may {act}" for act in ("read", "change", "discard")}
    app = Library(frozenset({"all books are listed", *acts})).app

    found = probed(tmp_path, app)

    assert [one for one in found.findings if "somebody else" in one] == []


def test_a_finding_is_reported_when_it_happens_and_once(tmp_path: Path) -> None:
    reported: list[str] = []

    with serving(Library(frozenset({"tags stay"})).app, lifespan="off") as base_url:
        found = probe(
            Client(subject(base_url, tmp_path)), lambda finding, curls: reported.append(finding)
        )

    assert reported == found.findings
    assert len(set(reported)) == len(reported)


@pytest.mark.parametrize(
    ("flaw", "message"),
    [
        ("nobody may enter", "POST /login gave root no token"),
        ("no token opens anything", "Every operation refuses the token that the login gave"),
        ("everybody has to wait", "throttles the fuzzer"),
        ("whoever asks is deleted", "has locked root out or deleted it, the fuzzer's own account"),
    ],
)
def test_a_service_that_refuses_the_fuzzer_is_not_fuzzed(
    tmp_path: Path, flaw: str, message: str
) -> None:
    with pytest.raises(UnfitSubject, match=message) as caught:
        probed(tmp_path, Library(frozenset({flaw})).app)

    assert caught.value.exit_code == 2


def test_a_service_that_answers_html_is_not_fuzzed(tmp_path: Path) -> None:
    with pytest.raises(UnfitSubject, match=r"no token|HTML"):
        probed(tmp_path, HTMLResponse("<h1>Welcome</h1>"))


def test_a_service_that_hangs_is_not_fuzzed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charter.contract.subject.TIMEOUT", 0.5)

    with pytest.raises(UnfitSubject, match="hangs"):
        probed(tmp_path, Library(frozenset({"answers never come"})).app)


def test_a_service_that_does_not_start_is_not_fuzzed(tmp_path: Path) -> None:
    log = tmp_path / "service.log"

    with (
        pytest.raises(NotStarted, match="did not start") as caught,
        serve(log, "tests.nowhere:create_app", {}),
    ):
        pass

    assert str(log) in str(caught.value)
    assert 'Could not import module "tests.nowhere"' in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_finding_comes_with_the_requests_that_show_it(tmp_path: Path) -> None:
    found = probed(tmp_path, Library(frozenset({"strangers may read"})).app)

    line = found.evidence["GET /books/{bookId} answered 200 to somebody else"][-1]
    assert line.startswith("curl -X GET http://127.0.0.1:")
    assert line.endswith('-H "Authorization: Bearer $OTHER_TOKEN"')


def test_a_service_that_has_ended_is_not_fuzzed(tmp_path: Path) -> None:
    with serving(Library().app, lifespan="off") as base_url:
        gone = Client(subject(base_url, tmp_path))

    with pytest.raises(UnfitSubject, match="has ended"):
        probe(gone, lambda finding, curls: None)


def test_what_only_a_real_service_means_is_not_asked_of_a_mock(tmp_path: Path) -> None:
    class Mocked(Library):
        def tagged(self, book: str) -> Response:
            answer = super().tagged(book)
            answer.headers["Charter-Mock"] = "show"
            return answer

        async def add(self, request: Request) -> Response:
            answer = await super().add(request)
            answer.headers["Charter-Mock"] = "add"
            return answer

    found = probed(tmp_path, Mocked(frozenset({"tags stay", "keys are ignored"})).app)

    assert found.findings == []
    assert found.mocked == {"POST /books"}
