"""`charter dev` in a project: every save is generated, served, and checked against the services."""

import contextlib
import io
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from charter.document.commands import counted
from charter.document.overview import remark_of
from charter.document.overview_page import Remark
from charter.document.signature import Signature, signature, surroundings
from charter.document.source import UNREADABLE
from charter.errors import Misconfigured, Refusal
from charter.generate import command
from charter.mock.control import is_loopback
from charter.mock.server import INTERRUPTED, base_of, bound
from charter.project import Project, status
from charter.project.dev.screen import Screen, summary
from charter.project.dev.service import Failed, Service, Started
from charter.project.dev.types import Types
from charter.project.environment import given, ready
from charter.project.scaffold import composition

INTERVAL = 0.1
"""Seconds after which the loop looks for a save."""
SETTLES = 0.4
"""Seconds from a save until the loop works on it: the service, which looks for itself, answers
first with what was saved, and an editor has time to write the rest of a file."""
TERMINATED = 143


def run(project: Project, *, host: str | None = None, port: int | None = None) -> int:
    """Serve and watch until a signal comes. Raises Misconfigured, Refusal and PostgresError."""
    around = given()
    if around.production:
        raise Misconfigured(
            "ENVIRONMENT is production, where nothing is edited: set it to development, or use"
            " `charter serve`."
        )
    signal.signal(signal.SIGTERM, on_sigterm)
    host, port = host or around.host, around.port if port is None else port
    with bound(host, port) as listener:
        Screen().say("Starting the database ...")
        with ready():
            service = Service(project, listener)
            loop = Loop(project, service, Types(project), Screen())
            try:
                loop.begin(listener)
                loop.run()
            except KeyboardInterrupt:
                return INTERRUPTED
            finally:
                loop.stop()
    return 0


def on_sigterm(number: int, frame: FrameType | None) -> None:
    """End like after an exception: what was started is stopped."""
    raise SystemExit(TERMINATED)


class Loop:
    """Looks for what was saved, and does what follows from it."""

    def __init__(self, project: Project, service: Service, types: Types, screen: Screen) -> None:
        self.project = project
        self.service = service
        self.types = types
        self.screen = screen
        self.overviews = status.overviews(project)
        self.document: Signature = ()
        self.broken: Remark | None = None
        self.code: Signature = ()
        self.migrations: Signature = ()

    def begin(self, listener: socket.socket) -> None:
        say, base = self.screen.say, base_of(listener)
        say(f"The overview is at {base}/, the docs at {base}/docs. Ctrl-C stops all of it.")
        if not is_loopback(listener.getsockname()[0]):
            say("Everyone who can reach this machine can use the service.", style="yellow")
        if not self.types.is_installed:
            say("mypy is not installed here, so that types are not checked: `./scripts/test`"
                " installs what developers need.")  # fmt: skip
        status.write_problems(self.project, [])

    def run(self) -> None:
        while True:
            self.tick()
            time.sleep(INTERVAL)

    def tick(self) -> None:
        """One look at everything."""
        if self.document != self.look():
            time.sleep(SETTLES)
            self.take_up_document()
        if self.code != (code := signature(self.sources())):
            self.code = code
            self.take_up_code()
        match self.service.poll():
            case Started(seconds=seconds):
                self.screen.say(f"The service answers with it ({seconds:.1f} s).", style="green")
            case Failed(exit_code=exit_code, stays=stays):
                goes_on = "the last good one goes on answering" if stays else "nothing answers"
                self.screen.say(
                    f"The service did not start (exit code {exit_code}, see above): {goes_on} until"
                    " the next save.", style="bold red",
                )  # fmt: skip
        if (problems := self.types.poll()) is not None:
            self.take_up_problems(problems)

    # -- what was saved ---------------------------------------------------------------------------

    def take_up_document(self) -> None:
        """Say how it stands, and generate from it unless it is broken."""
        began = time.perf_counter()
        files = self.overviews.files
        before = signature(files)
        was_edited, was_broken = before != self.document[: len(files)], self.broken
        try:
            overview = self.overviews.current()
            self.broken = overview.broken
            if was_edited or self.broken != was_broken:
                self.screen.show(overview, time.perf_counter() - began)
        except UNREADABLE as error:  # which has never been good
            self.broken = remark_of(error)
            if was_edited or self.broken != was_broken:
                self.screen.show_broken(str(self.overviews.file), self.broken)
        # what was saved while it was read is looked at again
        self.document = self.look() if before == signature(files) else ()
        if self.broken is None:
            self.generate()

    def look(self) -> Signature:
        files = self.overviews.files
        return signature(files) + (surroundings(files) if self.broken is not None else ())

    def generate(self) -> None:
        began = time.perf_counter()
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                code = command.run(
                    document=self.project.document,
                    out=self.project.generated,
                    overlays=self.project.overlays,
                )
        except Refusal as error:
            code = 1
            said.write(error.whole)
        files = [line for line in said.getvalue().splitlines() if line[:2] in ("+ ", "- ")]
        seconds = time.perf_counter() - began
        if code:
            reason = said.getvalue().strip().removeprefix("charter: ")
            self.screen.say(f"Nothing was generated: {reason}", style="red")
        elif files:
            self.screen.say(f"Generated {len(files)} files ({seconds:.1f} s).")

    def take_up_code(self) -> None:
        """Start the service anew where it can start, and check its types."""
        try:
            missing = list(composition.mismatches(self.project))
        except Refusal as error:
            missing = [str(error)]
        if missing:
            self.screen.say("The service can't start with this code: the last good one goes on, and"
                            " the mock answers what is new.", style="bold red")  # fmt: skip
            self.screen.show_problems(map(status.of_text, missing))
        else:
            versions = signature(sorted((self.project.root / "alembic").rglob("*.py")))
            self.service.start(migrate=versions != self.migrations)
            self.migrations = versions
        self.types.check()

    def take_up_problems(self, problems: list[Remark]) -> None:
        status.write_problems(self.project, problems)
        seconds = self.types.seconds
        if not problems:
            self.screen.say(f"The types of the services fit ({seconds:.1f} s).", style="green")
            return
        found = counted(len(problems), "type error")
        self.screen.say(f"{found} ({seconds:.1f} s):", style="bold red")
        self.screen.show_problems(problems[:10])
        with contextlib.suppress(*UNREADABLE):
            self.screen.say(summary(self.overviews.current()))

    def sources(self) -> Iterator[Path]:
        for folder in (self.project.root / "impl", self.project.generated):
            yield from sorted(folder.rglob("*.py"))
        yield from sorted((self.project.root / "alembic" / "versions").glob("*.py"))

    def stop(self) -> None:
        self.service.stop()
        self.types.stop()
        (self.project.root / status.PROBLEMS).unlink(missing_ok=True)
