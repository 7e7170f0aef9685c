"""A document that is being edited, and its mock: the last good one while the document is broken."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from charter.document import Document
from charter.document.checks import check
from charter.document.signature import Signature, signature, surroundings
from charter.document.source import UNREADABLE, Unreadable
from charter.mock.app import Mock
from charter.mock.memory import Memory, seeding
from charter.mock.memory.seeding import Collections

HEADER = "Charter-Document"
"""In every answer while the document is broken: `broken;file="openapi.yaml";line=12;column=3`."""

INTERVAL = 0.1
"""Seconds after which the watch looks for an edit."""
SETTLES = 0.03
"""Seconds that an editor has to write the rest of a file."""

log = logging.getLogger(__name__)


class LiveMock:
    """The mock of a document as it was last saved in a good state.

    Whether it was saved since is looked up for each request, at the cost of a few `stat` calls: a
    request that comes after a save is answered by what was saved.
    """

    def __init__(
        self,
        file: Path,
        *,
        memory: Memory | None = None,
        dynamic: bool = False,
        seed: int | None = None,
        on_edit: Callable[["LiveMock"], None] = lambda live: None,
        watches: bool = True,
        otherwise: Path | None = None,
        overlays: Sequence[Path] = (),
        rows: Path | None = None,
        strict: bool = False,
    ) -> None:
        """`on_edit` is called after each edit, be it good or not; without `watches` none is seen.
        What else changes beside a broken document is no edit, unless the error is another one.

        `otherwise` is an older document to begin with where this one is broken, `rows` a file of
        what is remembered at first. Raises DocumentError or NoDocument where there is none.
        """
        self.file = file
        self.overlays = overlays
        self.memory = memory
        self.dynamic = dynamic
        self.seed = seed
        self.strict = strict
        self.rows = rows
        self.on_edit = on_edit
        self.watches = watches
        self.error: Unreadable | None = None
        self.files: list[Path] = [file, *overlays]
        self.seen = self._signature()
        self.document, self.mock = self._begin(otherwise)
        if rows is not None:
            self.start_over()
        self.seen = self._signature()
        self.lock = asyncio.Lock()

    @property
    def is_outdated(self) -> bool:
        """Whether something was saved since."""
        return self.watches and self.seen != self._signature()

    async def watch(self) -> None:
        """Take up every edit, whether or not anybody asks."""
        while True:
            await asyncio.sleep(INTERVAL)
            if self.is_outdated:
                await asyncio.sleep(SETTLES)
                await self.refresh()

    async def refresh(self) -> None:
        """Take up what was saved since; of several callers, one does and the others wait."""
        if not self.is_outdated:
            return
        async with self.lock:
            if not self.is_outdated:
                return
            files, error = self.files, self.error
            before = signature(files)
            is_edited = before != self.seen[: len(files)]
            await self._take_up()
            # what is saved while it is read is looked at again
            self.seen = self._signature() if before == signature(files) else ()
            if is_edited or str(self.error) != str(error):
                self.on_edit(self)

    async def _take_up(self) -> None:
        try:
            self.document, self.mock = await asyncio.to_thread(self._load)
            self.error = None
        except UNREADABLE as error:
            self.error = error
        except Exception:
            # a fault of Charter: the designer can go on, and the traceback helps to correct it
            log.exception("The edit could not be taken up. The last good document stays.")

    def _begin(self, otherwise: Path | None) -> tuple[Document, Mock]:
        try:
            return self._load()
        except UNREADABLE as error:
            if otherwise is None or not otherwise.exists():
                raise
            self.error = error
        older = Document(otherwise)
        return older, self._mock(older)

    def _load(self) -> tuple[Document, Mock]:
        """Raises DocumentError or NoDocument."""
        document = Document(self.file, overlays=self.overlays)
        check(document)
        mock = self._mock(document)
        self.files = document.files
        return document, mock

    def _mock(self, document: Document) -> Mock:
        return Mock(
            document.content,
            memory=self.memory,
            dynamic=self.dynamic,
            seed=self.seed,
            strict=self.strict,
        )

    def start_over(self) -> None:
        """Remember the rows of the file alone. Raises DocumentError or NoDocument."""
        collections: Collections = {}
        if self.rows is not None and self.mock.remembering is not None:
            collections = seeding.read(self.rows, self.mock.remembering)
        if self.memory is not None:
            self.memory.begin(collections)

    def _signature(self) -> Signature:
        around = surroundings(self.files) if self.error is not None else ()
        return signature(self.files) + around


class ShowsBroken:
    """Says in every answer, as long as it is so, that the document is broken, and where."""

    def __init__(self, app: ASGIApp, live: LiveMock) -> None:
        self.app = app
        self.live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await self.live.refresh()

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start" and self.live.error is not None:
                MutableHeaders(scope=message)[HEADER] = structured(self.live.error)
            await send(message)

        await self.app(scope, receive, marked)


def structured(error: Unreadable) -> str:
    """An item of a structured field (RFC 9651), whose strings are ASCII."""
    place = error.place
    file = quote(str(place.file), safe="/ :@!$&'()*+,;=")
    return f'broken;file="{file}";line={place.line};column={place.column}'
