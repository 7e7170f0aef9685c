"""Generated clients on `charter mock`, as a team runs it: `programs/` says what they do."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.charter.command_line import PROGRAM, read_until
from tests.charter.sdk.clients import mypy, node, python, python_client, tsc, typescript_client
from tests.data import DOCUMENT

WELL = "the journey ended well\n"
ROWS = """\
/items:
- {title: Astrolabe, status: active}
- {title: Barometer, status: active}
- {title: Compass, status: archived}
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of a mock that takes its own tokens alone."""
    rows = tmp_path / "rows.yaml"
    rows.write_text(ROWS)
    options = ("--rows", str(rows), "--strict", "--port", "0")
    with subprocess.Popen(
        [*PROGRAM, "mock", str(DOCUMENT), *options], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield read_until(process, r"(http://127\.0\.0\.1:\d+)\.")
        finally:
            process.terminate()


def test_a_python_client_makes_its_journey_on_the_mock(address: str, tmp_path: Path) -> None:
    folder = python_client(DOCUMENT, tmp_path, "mock_journey.py")

    mypy("charter_client", "mock_journey.py", cwd=folder)

    assert python("mock_journey.py", address, cwd=folder) == WELL


def test_a_typescript_client_makes_its_journey_on_the_mock(address: str, tmp_path: Path) -> None:
    folder = typescript_client(DOCUMENT, tmp_path, "mock_journey.ts")

    tsc(folder)

    assert node("mock_journey.js", address, cwd=folder) == WELL
