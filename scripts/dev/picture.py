"""Draws the terminal of the README: `python -m dev.picture` runs the commands that it shows.

What they said is what stands in docs/terminal.svg.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

from charter.contract.service_under_test import free_port, wait_until_it_answers

ROOT = Path(__file__).resolve().parents[2]
MUSEUM = ROOT / "tests" / "data" / "specs" / "museum.yaml"
FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
PICTURE = ROOT / "docs" / "terminal.svg"
CHARTER = (sys.executable, "-m", "charter")
EVENT = {
    "name": "Pirate Coding Workshop",
    "location": "Computer Room",
    "eventDescription": "Captain Blackbeard shares his love of the C...language.",
    "dates": ["2026-12-01"],
    "price": 25,
}


def main() -> int:
    with Path(os.devnull).open("w") as nowhere, tempfile.TemporaryDirectory() as name:
        console = Console(record=True, width=96, file=nowhere)
        draw(console, Path(name))
    # without the fonts that rich would have the reader fetch from somewhere else
    PICTURE.write_text(FONTS.sub("", console.export_svg(title="charter")))
    print(f"{PICTURE.relative_to(ROOT)} is drawn.")
    return 0


def draw(console: Console, folder: Path) -> None:
    text = MUSEUM.read_text()
    (folder / "museum.yaml").write_text(text)
    with mocked(folder) as port:
        show(
            console, "charter mock museum.yaml &", "museum.yaml is mocked at http://127.0.0.1:4010."
        )
        made = curl(folder, port, "/special-events", EVENT)
        show(console, "curl -u me:x localhost:4010/special-events --json @event.json", made)
        path = f"/special-events/{json.loads(made)['eventId']}"
        show(console, f"curl -u me:x localhost:4010{path}", curl(folder, port, path))
        wrong = curl(folder, port, "/special-events", EVENT | {"price": "free"})
        show(console, "curl -u me:x localhost:4010/special-events --json @free.json", wrong)
    revised = text.replace("    EventPrice:\n", "    EventPrice:\n      maximum: 20\n")
    (folder / "edited.yaml").write_text(revised)
    said = run(folder, *CHARTER, "diff", "museum.yaml", "edited.yaml")
    show(console, "charter diff museum.yaml edited.yaml", said)


def show(console: Console, command: str, said: str) -> None:
    console.print(Text.assemble(("$ ", "green"), (command, "bold")))
    console.print(Text(f"{said.rstrip()}\n"))


@contextlib.contextmanager
def mocked(folder: Path) -> Iterator[int]:
    port, log = free_port(), folder / "mock.log"
    command = [*CHARTER, "mock", "museum.yaml", "--port", str(port)]
    with log.open("wb") as output, subprocess.Popen(command, cwd=folder, stdout=output) as mock:
        try:
            wait_until_it_answers(mock, f"http://127.0.0.1:{port}", log)
            yield port
        finally:
            mock.terminate()


def curl(folder: Path, port: int, path: str, body: object = None) -> str:
    data = ["-H", "Content-Type: application/json", "-d", json.dumps(body)] if body else []
    url = f"http://127.0.0.1:{port}{path}"
    return run(folder, "curl", "--silent", "--user", "me:x", *data, url)


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main())
