"""`python -m dev.compare_lint`: what Charter, Redocly CLI and Spectral find, as
docs/lint-comparison.md shows it. It takes Node, npm and about ten minutes.

The seeded faults are those of tests/charter/document/test_lint.py, each in a document that is
otherwise sound. A linter has found one if it says something that it doesn't say of the sound
document. The good documents are those of tests/data/specs.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from charter.document import Document, DocumentError
from charter.document.lint import lint
from tests.charter.document.damage import SAMPLE, edited, line_of
from tests.charter.document.test_lint import OTHERS, SEEDED
from tests.data import ROOT, SPECS

REDOCLY = "@redocly/cli@2.77.0"
SPECTRAL = "@stoplight/spectral-cli@6.16.3"
PAGE = ROOT / "docs" / "lint-comparison.md"
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
SWAGGER = "swagger20-petstore-expanded.yaml"
"""Swagger 2.0, which Charter refuses."""


@dataclass(frozen=True)
class Said:
    """One finding; `severity` is `error`, `warning` or something less."""

    line: int
    severity: str
    message: str


Linter = Callable[[Path], list[Said]]


def charter(file: Path) -> list[Said]:
    try:
        return [Said(one.line, one.severity, one.message) for one in lint(Document(file))]
    except DocumentError as error:
        return [Said(error.place.line, "error", str(error).split(": ", 1)[-1])]


def redocly(file: Path) -> list[Said]:
    options = ("--extends", "recommended", "--format", "json", "--max-problems", "100000")
    done = npx(REDOCLY, "lint", *options, file.name, at=file)
    start = done.stdout.find("{\n")
    if start < 0:  # it prints what it can't parse as text alone
        found = re.search(r"^ *- (.*) in \".*\" \((\d+):\d+\)", done.stderr, re.MULTILINE)
        return [Said(int(found[2]), "error", found[1])] if found else []
    return [
        Said(
            place["start"]["line"] if "start" in place else line_at(file, place["pointer"]),
            {"warn": "warning"}.get(problem["severity"], problem["severity"]),
            problem["message"],
        )
        for problem in json.loads(done.stdout[start:])["problems"]
        for place in problem["location"][:1]
    ]


def line_at(file: Path, pointer: str) -> int:
    tokens = pointer.removeprefix("#/").split("/")
    path = [token.replace("~1", "/").replace("~0", "~") for token in tokens if token]
    return Document(file).place(path).line


def spectral(file: Path) -> list[Said]:
    with tempfile.TemporaryDirectory() as folder:
        ruleset = Path(folder, "ruleset.json")
        ruleset.write_text('{"extends": [["spectral:oas", "all"]]}')
        done = npx(SPECTRAL, "lint", "-r", str(ruleset), "-f", "json", "-q", file.name, at=file)
    return [
        Said(
            problem["range"]["start"]["line"] + 1,
            ["error", "warning", "info", "hint"][problem["severity"]],
            problem["message"],
        )
        for problem in json.loads(done.stdout or "[]")
    ]


def npx(package: str, *arguments: str, at: Path) -> subprocess.CompletedProcess[str]:
    command = ["npx", "--yes", package, *arguments]
    environment = os.environ | QUIET
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=at.parent, env=environment
    )


LINTERS: dict[str, Linter] = {"Charter": charter, "Redocly": redocly, "Spectral": spectral}


# -- the page -------------------------------------------------------------------------------------

INTRODUCTION = f"""\
# `charter lint` beside Redocly and Spectral

Written by `python -m dev.compare_lint`, with {REDOCLY} (`recommended`) and
{SPECTRAL} (`spectral:oas`, all rules).
"""

FAULTS = """## Seeded faults

Each fault is put into a document that is otherwise sound. `line` means that the linter says
something new on the line of the fault; `elsewhere`, that it says something new on other lines only,
such as that of the object around it; `-`, that it says nothing new.
"""

GOOD = """
## Good documents

Documents that their authors publish, or that other tools test with. The figures are errors and
warnings. An error is a false alarm here: clients and servers use these documents as they are.
What the others call an error is often a rule of style, such as a missing list of servers.
"""


def main() -> int:
    lines = [INTRODUCTION, FAULTS, *faults(), GOOD, *good_documents()]
    PAGE.write_text("\n".join(lines) + "\n")
    return 0


def faults() -> Iterator[str]:
    yield from header("Fault")
    sound = {name: said(linter, SAMPLE) for name, linter in LINTERS.items()}
    marks: dict[str, list[str]] = {name: [] for name in LINTERS}
    defects = SEEDED | OTHERS
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, SAMPLE.name)
        for what, defect in defects.items():
            file.write_text(text := edited(*defect.edits))
            line = line_of(text, defect.words)
            for name, linter in LINTERS.items():
                new = said(linter, file) - sound[name]
                at_line = any(text.splitlines()[line - 1] == where for where, _ in new)
                marks[name].append("line" if at_line else "elsewhere" if new else "-")
            yield shown(row(what, *(marks[name][-1] for name in LINTERS)))
    for mark in ("line", "elsewhere"):
        yield shown(row(f"**{mark}**", *(f"**{marks[name].count(mark)}**" for name in LINTERS)))
    yield shown(row(f"**of {len(defects)}**", *(f"**{found(marks[name])}**" for name in LINTERS)))


def said(linter: Linter, file: Path) -> Counter[tuple[str, str]]:
    """The findings by what stands on their lines: an edit moves the lines below it."""
    lines = ["", *file.read_text().splitlines(), ""]
    return Counter((lines[min(one.line, len(lines) - 1)], one.message) for one in linter(file))


def found(marks: list[str]) -> int:
    return len(marks) - marks.count("-")


def good_documents() -> Iterator[str]:
    yield from header("Document")
    errors = dict.fromkeys(LINTERS, 0)
    files = sorted(file for file in SPECS.iterdir() if file.suffix in (".yaml", ".yml", ".json"))
    files = [SAMPLE, *(file for file in files if file.name != SWAGGER)]
    for file in files:
        counts = {
            name: Counter(one.severity for one in linter(file)) for name, linter in LINTERS.items()
        }
        for name, count in counts.items():
            errors[name] += count["error"] > 0
        cells = (f"{count['error']}, {count['warning']}" for count in counts.values())
        yield shown(row(file.name, *cells))
    yield shown(
        row(f"**with errors, of {len(files)}**", *(f"**{errors[name]}**" for name in LINTERS))
    )


def header(first: str) -> Iterator[str]:
    yield row(first, *LINTERS)
    yield "|---|" + "---|" * len(LINTERS)


def row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def shown(line: str) -> str:
    """Also tells how far it is."""
    print(line, file=sys.stderr, flush=True)
    return line


if __name__ == "__main__":
    sys.exit(main())
