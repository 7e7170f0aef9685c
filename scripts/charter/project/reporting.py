"""The work of `charter status`: the overview of a document as a table, or for programs."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from charter.document.lint import Configuration
from charter.document.overview import Overviews
from charter.document.overview_page import Overview, Row
from charter.document.revisions import relative
from charter.project import NoProject, Project, status
from charter.project.dev.screen import COLOURS, Screen, every_remark, summary

TITLES = ("method", "path", "operation", "state", "end", "change", "fuzz", "findings")
UNBOUNDED = 100_000
"""Characters of a line, which the terminal wraps where it is narrower."""


def run(file: Path, *, as_json: bool, findings: bool, overlays: Sequence[Path] = ()) -> int:
    """Print how a document stands; 0 whatever that is. Raises DocumentError."""
    overview = overviews(file, overlays).current()
    if as_json:
        print(json.dumps(asdict(overview), indent=1, ensure_ascii=False))
        return 0
    console = Console(highlight=False, soft_wrap=True, width=UNBOUNDED)
    console.print(Text(f"{overview.title} {overview.version}", style="bold"))
    console.print(Text(f"{overview.file}. {overview.base} {overview.fuzzed}".rstrip()))
    console.print()
    console.print(table(overview))
    console.print()
    console.print(Text(f"{summary(overview)}."))
    if findings:
        Screen(console).show_problems(every_remark(overview))
    return 0


def overviews(file: Path, overlays: Sequence[Path]) -> Overviews:
    """With the states of the services, if it is a project's document."""
    try:
        project = Project.find()
    except NoProject:
        return Overviews(relative(file), overlays=overlays)
    is_own = file.resolve() == project.document.resolve()
    if not is_own or len(overlays) > len(project.overlays):  # or another view of the document
        return Overviews(
            relative(file),
            configuration=Configuration.of(project.table.get("lint", {})),
            overlays=overlays,
        )
    os.chdir(project.root)
    return status.overviews(project)


def table(overview: Overview) -> Table:
    """Of the columns that say something; a path is never broken, however narrow the terminal."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    columns = zip(TITLES, zip(*map(cells, overview.rows), strict=True), strict=False)
    said = [(title, column) for title, column in columns if any(map(str, column))]
    for title, _ in said:
        made.add_column(title, no_wrap=True)
    for row in zip(*(column for _, column in said), strict=True):
        made.add_row(*row)
    return made


def cells(row: Row) -> list[Text]:
    state = "" if row.change == "removed" else row.state
    change = f"{row.change}, breaking" if row.is_breaking else row.change
    number = len(row.remarks)
    return [
        Text(row.method),
        Text(row.path),
        Text(row.id),
        Text(state, style=COLOURS.get(state, "")),
        Text(row.deprecated, style="yellow"),
        Text(change, style="red" if row.is_breaking else COLOURS.get(change, "")),
        Text(row.fuzz, style={"passed": "green", "failed": "red"}.get(row.fuzz, "")),
        Text(str(number) if number else ""),
    ]
