"""`charter dev DOCUMENT`: the mock of a document, which says of every save how it stands."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from charter.document import DocumentError
from charter.document.bundling import shown
from charter.document.lint import Configuration
from charter.document.overview import Overviews, remark_of
from charter.document.signature import Signature, signature, surroundings
from charter.mock import server
from charter.mock.live import INTERVAL, LiveMock
from charter.mock.memory import Memory
from charter.project import lint_table
from charter.project.dev.screen import Screen

WAITS = "it is served as soon as it is whole"


def run(file: Path, *, host: str, port: int, overlays: Sequence[Path] = ()) -> int:
    """Mock and watch until a signal comes. Raises Refusal where the port can't be had."""
    file = shown(file)
    configuration = Configuration.of(lint_table())
    screen = Screen()
    with server.bound(host, port) as listener:
        try:
            live = first_good(file, screen, overlays)
            overviews = Overviews(file, configuration=configuration, live=live, overlays=overlays)
            server.announce(live, listener)
            began = time.perf_counter()
            screen.show(overviews.current(), time.perf_counter() - began)
            live.on_edit = Teller(overviews, screen)
            asyncio.run(server.serve(live, overviews, listener))
        except KeyboardInterrupt:
            return server.INTERRUPTED
    return 0


def first_good(file: Path, screen: Screen, overlays: Sequence[Path]) -> LiveMock:
    """The mock, once the document can be read. Raises NoDocument where there is no file at all."""
    shown = None
    files = [file, *overlays]
    while True:
        seen = looks(files)  # before it is read: what is saved meanwhile is looked at again
        try:
            return LiveMock(file, memory=Memory(), overlays=overlays)
        except DocumentError as error:
            # what else is written in the folder, maybe a log of these lines, is no edit
            if shown != (shown := (signature(files), str(error))):
                screen.show_broken(str(file), remark_of(error), WAITS)
        while seen == looks(files):
            time.sleep(INTERVAL)


def looks(files: Sequence[Path]) -> Signature:
    return signature(files) + surroundings(files)


class Teller:
    """Says of each edit how the document stands, while the mock answers."""

    def __init__(self, overviews: Overviews, screen: Screen) -> None:
        self.overviews = overviews
        self.screen = screen
        self.tasks: set[asyncio.Task[None]] = set()

    def __call__(self, live: LiveMock) -> None:
        task = asyncio.create_task(asyncio.to_thread(self.tell))
        self.tasks.add(task)  # which would be collected otherwise
        task.add_done_callback(self.tasks.discard)

    def tell(self) -> None:
        began = time.perf_counter()
        overview = self.overviews.current()
        self.screen.show(overview, time.perf_counter() - began)
