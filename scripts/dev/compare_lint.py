"""`python -m dev.compare_lint`: the seeded faults of tests/charter/document/test_lint.py, and what
Redocly CLI and Spectral say of them. It takes Node and npm, and some minutes.

A linter has found a fault if it names the line, with any severity, and doesn't name it in the
document without the fault.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from charter.document import Document, DocumentError
from charter.document.lint import lint
from tests.charter.document.damage import SAMPLE, edited, line_of
from tests.charter.document.test_lint import OTHERS, SEEDED

REDOCLY = "@redocly/cli@2.77.0"
SPECTRAL = "@stoplight/spectral-cli@6.15.0"

Lines = set[int]


def ours(file: Path) -> Lines:
    try:
        return {finding.line for finding in lint(Document(file))}
    except DocumentError as error:
        return {error.place.line}


def redocly(file: Path) -> Lines:
    done = npx(REDOCLY, "lint", "--extends", "recommended-strict", "--format", "json", str(file))
    problems = json.loads(done[done.index("{") :])["problems"]
    return {
        place["start"]["line"] if "start" in place else locate(file, place["pointer"])
        for problem in problems
        for place in problem["location"]
    }


def locate(file: Path, pointer: str) -> int:
    tokens = pointer.removeprefix("#/").split("/")
    path = [token.replace("~1", "/").replace("~0", "~") for token in tokens if token]
    return Document(file).place(path).line


def spectral(file: Path) -> Lines:
    ruleset = file.with_name("ruleset.json")
    ruleset.write_text('{"extends": [["spectral:oas", "all"]]}')
    done = npx(SPECTRAL, "lint", "-r", str(ruleset), "-f", "json", "-q", str(file))
    return {problem["range"]["start"]["line"] + 1 for problem in json.loads(done or "[]")}


def npx(package: str, *arguments: str) -> str:
    command = ["npx", "--yes", package, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


LINTERS: dict[str, Callable[[Path], Lines]] = {
    "charter": ours,
    "redocly": redocly,
    "spectral": spectral,
}


def main() -> int:
    print("| fault | " + " | ".join(LINTERS) + " |\n|---|" + "---|" * len(LINTERS))
    found = dict.fromkeys(LINTERS, 0)
    defects = SEEDED | OTHERS
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "openapi.yaml")
        for what, defect in defects.items():
            file.write_text(text := edited(*defect.edits))
            expected = line_of(text, defect.words)
            marks = []
            for name, lines in LINTERS.items():
                hit = expected in attempt(lines, file)
                found[name] += hit
                marks.append("yes" if hit else "-")
            print(f"| {what} | {' | '.join(marks)} |", flush=True)
    print(f"| **of {len(defects)}** | {' | '.join(map(str, found.values()))} |")
    clean = {name: len(attempt(lines, SAMPLE)) for name, lines in LINTERS.items()}
    print(f"\nLines named in the sample without a fault: {clean}", file=sys.stderr)
    return 0


def attempt(lines: Callable[[Path], Lines], file: Path) -> Lines:
    try:
        return lines(file)
    except (ValueError, KeyError, LookupError) as error:
        print(f"{lines.__name__}: {error!r}", file=sys.stderr)
        return set()


if __name__ == "__main__":
    sys.exit(main())
