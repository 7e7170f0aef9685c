"""What `charter dev` says: at a glance what has changed, whom it breaks, and what to correct."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import get_args

from rich.console import Console
from rich.text import Text

from charter.document.commands import counted
from charter.document.overview_page import Overview, Remark, Row, Severity

COLOURS = {
    "added": "green", "changed": "magenta", "removed": "red", "implemented": "green",
    "mocked": "blue", "failing": "red", "breaking": "red", "error": "red", "warning": "yellow",
    "hint": "cyan",
}  # fmt: skip
SIGNS = {"added": "+", "changed": "~", "removed": "-"}
MOST_ROWS = 12
MOST_REMARKS = 6
"""Findings that are shown at once; `charter status` and the page show all."""

LAST_GOOD = "the last good version goes on answering"

Known = tuple[str, str, str]


class Screen:
    """Lines for a person; with colours where the output is a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self.known: set[Known] = set()
        """The findings that were shown already."""
        self.rows: set[tuple[str, str, str]] = set()
        self.was_broken = False

    def say(self, text: str, *, style: str = "") -> None:
        """A line that begins with the time."""
        now = datetime.now().astimezone()
        self.console.print(f"{now:%H:%M:%S} ", Text(text, style=style))

    def show(self, overview: Overview, seconds: float) -> None:
        """After an edit: what is new, and how all of it stands."""
        if overview.broken is not None:
            self.show_broken(overview.file, overview.broken)
            return
        again = " is whole again" if self.was_broken else ""
        self.was_broken = False
        self.say(f"{overview.file}{again} ({seconds:.2f} s): {summary(overview)}", style="bold")
        self._show_rows([row for row in overview.rows if row.change])
        self._show_remarks(overview)

    def show_broken(self, file: str, broken: Remark, meanwhile: str = LAST_GOOD) -> None:
        self.was_broken = True
        self.say(f"{file} is broken: {meanwhile}.", style="bold red")
        self._show_remark(broken)

    def show_problems(self, problems: Iterable[Remark]) -> None:
        for problem in problems:
            self._show_remark(problem)

    def _show_rows(self, rows: list[Row]) -> None:
        """The operations that changed since the last commit, those first that changed just now."""
        new = [row for row in rows if (row.label, row.change, row.state) not in self.rows]
        self.rows = {(row.label, row.change, row.state) for row in rows}
        width = max((len(row.path) for row in new[:MOST_ROWS]), default=0)
        for row in new[:MOST_ROWS]:
            state = "" if row.change == "removed" else row.state
            self.console.print(
                Text(f"  {SIGNS[row.change]} {row.method:<7} {row.path:<{width}}",
                     style=COLOURS[row.change]),
                Text(row.id), coloured(state), coloured("breaking" if row.is_breaking else ""),
            )  # fmt: skip
        if len(new) > MOST_ROWS:
            self.console.print(f"  ... and {len(new) - MOST_ROWS} more: `charter status`")

    def _show_remarks(self, overview: Overview) -> None:
        found = {known(remark): remark for remark in every_remark(overview)}
        new = [remark for key, remark in found.items() if key not in self.known]
        new.sort(key=lambda remark: get_args(Severity).index(remark.severity))
        gone = len(self.known - found.keys())
        self.known = set(found)
        for remark in new[:MOST_REMARKS]:
            self._show_remark(remark)
        if len(new) > MOST_REMARKS:
            more = len(new) - MOST_REMARKS
            self.console.print(f"  ... and {more} more: `charter status --findings`")
        if gone:
            self.console.print(f"  {counted(gone, 'finding')} corrected", style="green")

    def _show_remark(self, remark: Remark) -> None:
        where = f"  {remark.place}: " if remark.place else "  "
        said = f": {remark.rule}: {remark.message}"
        self.console.print(Text.assemble(where, coloured(remark.severity), said))
        if remark.severity == "hint":  # whose line says it all
            return
        for line in remark.excerpt.splitlines():
            self.console.print(Text(f"      {line}", style="dim"))


def summary(overview: Overview) -> str:
    """The counts, in a line."""
    counts = ", ".join(f"{count} {noun}" for _, count, noun in overview.counts())
    return f"{counted(len(overview.present), 'operation')}{': ' if counts else ''}{counts}"


def every_remark(overview: Overview) -> Iterator[Remark]:
    for row in overview.rows:
        yield from row.remarks
    yield from overview.remarks


def known(remark: Remark) -> Known:
    """What a finding is recognised by after the lines around it have moved."""
    return remark.severity, remark.rule, remark.message


def coloured(word: str) -> Text:
    return Text(word, style=COLOURS.get(word, ""))
