"""The document is good enough for a client generator that knows nothing of this project."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from charter.contract.service_under_test import service_under_test
from generated import DOCUMENT

MYPY = """
[mypy]
strict = true

[mypy-charter_client.client]
# the same for every document: openapi-python-client hands on what `__exit__` got, untyped
disable_error_code = arg-type
"""
JOURNEY = Path(__file__).with_name("journey.py")
PROGRAMS = Path(sys.executable).parent


def run(*command: str | Path, cwd: Path) -> str:
    """What the program said. Fails with it when the program fails."""
    environment = os.environ | {"PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the generated package and the program that uses it."""
    folder = tmp_path_factory.mktemp("sdk")
    generator = PROGRAMS / "openapi-python-client"
    package = folder / "charter_client"
    known = json.loads(DOCUMENT.read_bytes())
    known["openapi"] = "3.1.2"  # the newest that it knows; what 3.2 has more is a stream
    del known["paths"]["/items/changes"]
    document = folder / "openapi.json"
    document.write_text(json.dumps(known))
    run(
        *(generator, "generate", "--path", document, "--output-path", package, "--meta", "none"),
        cwd=folder,
    )
    (folder / "journey.py").write_text(JOURNEY.read_text())
    (folder / "mypy.ini").write_text(MYPY)
    return folder


def test_the_sdk_and_what_uses_it_have_types(sdk: Path) -> None:
    run(sys.executable, "-m", "mypy", "journey.py", "charter_client", cwd=sdk)


def test_a_client_registers_pages_refreshes_and_reads_problems(sdk: Path, tmp_path: Path) -> None:
    with service_under_test(tmp_path) as subject:
        said = run(sys.executable, "journey.py", subject.base_url, cwd=sdk)

    assert said == "the journey ended well\n"
