"""While a document is edited, its last good version answers, and says that it is so."""

import html
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2 as httpx
import pytest

from charter.document.overview import Overviews
from charter.mock.live import HEADER, LiveMock, ShowsBroken
from charter.mock.pages import WithPages

DOCUMENT = """\
openapi: 3.1.0
info: {title: Greetings, version: '1'}
paths:
  /greeting:
    get:
      operationId: greet
      summary: Say <hello> & "more"
      responses:
        '200':
          description: Hello.
          content:
            application/json:
              schema: {$ref: schemas.yaml#/Greeting}
"""
SCHEMAS = "Greeting: {type: string, example: hello}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "openapi.yaml").write_text(DOCUMENT)
    (tmp_path / "schemas.yaml").write_text(SCHEMAS)
    return tmp_path / "openapi.yaml"


@pytest.fixture
async def client(file: Path) -> AsyncIterator[httpx.AsyncClient]:
    live = LiveMock(file)
    app = ShowsBroken(WithPages(live, Overviews(file, live=live)), live)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://mock"
    ) as client:
        yield client


def save(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)


BREAKS = {
    "not YAML": DOCUMENT.replace("info: {", "info: {{"),
    "a reference to nothing": DOCUMENT.replace("#/Greeting", "#/Greting"),
    "half of it saved": DOCUMENT[: len(DOCUMENT) // 2 + 7],
    "empty": "",
    "deleted": None,
    "a tab": DOCUMENT.replace("      operationId", "\toperationId"),
    "a key twice": DOCUMENT.replace("      summary", "      operationId: g\n      summary"),
    "another type": DOCUMENT.replace("responses:\n", "responses: 7\n      x-was:\n"),
}


def break_(file: Path, text: str | None) -> None:
    assert text != DOCUMENT
    if text is None:
        file.unlink()
    else:
        file.write_text(text)


@pytest.mark.parametrize("text", BREAKS.values(), ids=BREAKS)
async def test_the_last_good_version_answers(
    text: str | None, file: Path, client: httpx.AsyncClient
) -> None:
    assert HEADER not in (await client.get("/greeting")).headers

    break_(file, text)

    answer = await client.get("/greeting")
    assert (answer.status_code, answer.json()) == (200, "hello")
    said = answer.headers[HEADER]
    assert said.startswith(f'broken;file="{file}";line=')
    page = await client.get("/")
    assert page.headers[HEADER] == said
    assert "The document is broken" in page.text
    assert "/greeting" in page.text

    save(file, DOCUMENT)

    answer = await client.get("/greeting")
    assert answer.json() == "hello"
    assert HEADER not in answer.headers
    assert "The document is broken" not in (await client.get("/")).text


async def test_the_next_request_is_answered_by_what_was_saved(
    file: Path, client: httpx.AsyncClient
) -> None:
    for word in ("good morning", "good evening"):
        save(file.with_name("schemas.yaml"), SCHEMAS.replace("hello", word))

        assert (await client.get("/greeting")).json() == word


async def test_what_is_written_beside_a_broken_document_is_no_edit(file: Path) -> None:
    edits: list[str] = []
    live = LiveMock(file, on_edit=lambda live: edits.append(str(live.error)))
    for text in (BREAKS["not YAML"], BREAKS["empty"]):
        save(file, text or "")
        await live.refresh()
        (file.parent / "mock.log").write_text("\n".join(edits))
        await live.refresh()

    assert len(edits) == 2
    save(file, DOCUMENT)
    await live.refresh()
    assert edits[2:] == ["None"]


async def test_a_file_that_was_missing_is_noticed_when_it_comes(
    file: Path, client: httpx.AsyncClient
) -> None:
    save(file, DOCUMENT.replace("schemas.yaml", "parts/words.yaml"))
    assert HEADER in (await client.get("/greeting")).headers

    save(file.parent / "parts" / "words.yaml", SCHEMAS.replace("hello", "ahoy"))

    answer = await client.get("/greeting")
    assert HEADER not in answer.headers
    assert answer.json() == "ahoy"


async def test_a_folder_that_vanishes_and_comes_back_is_no_end(
    file: Path, client: httpx.AsyncClient
) -> None:
    away = file.parent.with_name("away")
    file.parent.rename(away)
    assert HEADER in (await client.get("/greeting")).headers
    assert (await client.get("/openapi.yaml")).status_code == 200

    away.rename(file.parent)

    assert HEADER not in (await client.get("/greeting")).headers


async def test_a_mock_has_docs_that_read_the_whole_document(client: httpx.AsyncClient) -> None:
    for path in ("/docs", "/redoc", "/docs/swagger.js", "/docs/overview.js"):
        assert (await client.get(path)).status_code == 200
    bundle = (await client.get("/openapi.json")).json()
    assert bundle["components"]["schemas"]["Greeting"]["example"] == "hello"
    assert 'data-document="/openapi.json"' in (await client.get("/docs")).text
    assert "/docs/overview" in (await client.get("/docs")).text


async def test_the_page_says_what_is_text_as_text(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs/overview")).text

    assert 'Say <hello> & "more"' in html.unescape(page)
    assert "<hello>" not in page


async def test_the_page_is_asked_for_without_being_sent_again(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy

    again = await client.get("/", headers={"If-None-Match": page.headers["ETag"]})
    head = await client.head("/")

    assert again.status_code == 304
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == page.headers["ETag"]


async def test_an_operation_of_the_document_goes_before_a_page(
    file: Path, client: httpx.AsyncClient
) -> None:
    save(file, DOCUMENT.replace("/greeting:", "/:"))

    assert (await client.get("/")).json() == "hello"
    assert "Greetings" in (await client.get("/docs/overview")).text
    assert (await client.post("/docs/overview")).status_code == 404


async def test_an_overlay_is_followed_as_the_document_is(file: Path) -> None:
    view = file.with_name("public.overlay.yaml")
    head = "overlay: 1.1.0\ninfo: {title: Public, version: '1'}\nactions:\n"
    view.write_text(f"{head}- {{target: $.info, update: {{title: Public}}}}\n")
    live = LiveMock(file, overlays=[view])
    pages = WithPages(live, Overviews(file, live=live, overlays=[view]))
    transport = httpx.ASGITransport(ShowsBroken(pages, live))

    async with httpx.AsyncClient(transport=transport, base_url="http://mock") as client:
        for address in ("/openapi.json", "/openapi.yaml"):  # which the file would give away
            assert (await client.get(address)).json()["info"]["title"] == "Public"

        view.write_text(f"{head}- {{target: $.paths['/greeting'], remove: true}}\n")
        broken = await client.get("/greeting")
        assert (broken.status_code, broken.headers[HEADER]) == (
            200, 'broken;file="' + str(view) + '";line=4;column=19',
        )  # fmt: skip

        view.write_text(f"{head}- target: $.paths['/greeting']\n  remove: true\n")
        gone = await client.get("/greeting")
        assert gone.status_code == 404
        assert HEADER not in gone.headers
