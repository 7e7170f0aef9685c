"""Real documents, which nobody here wrote: each is served whole, or refused by its own fault."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from charter.document import DocumentError
from charter.generate import command
from charter.generate.generator import generate
from charter.runtime.normal import normal, operations
from tests.data import ROOT, SPECS, content_of

REFUSED = {"swagger20-petstore-expanded.yaml": "1:1: This is Swagger 2.0"}
"""What is wrong with a document itself, and where."""

SERVED = sorted({path.name for path in SPECS.iterdir()} - REFUSED.keys() - {"ORIGINS.tsv"})

BOOT = """
import inspect
from fastapi import FastAPI
from generated import api, operations, responses, schemas
from charter.runtime import Contract
import generated
contract = Contract.load(generated.DOCUMENT)
async def provide(): ...
names = inspect.signature(api.build).parameters.keys() - {"contract"}
router = api.build(contract=contract, **dict.fromkeys(names, provide))
for route in router.routes:
    print(*route.methods, route.operation_id)
"""


@pytest.mark.parametrize("name", REFUSED)
def test_a_document_that_no_server_could_keep_is_refused(name: str) -> None:
    with pytest.raises(DocumentError) as refused:
        generate(SPECS / name)

    assert f"{name}:{REFUSED[name]}" in str(refused.value)


@pytest.mark.parametrize("name", SERVED)
def test_a_document_is_generated_imported_typed_and_routed(name: str, tmp_path: Path) -> None:
    assert command.run(document=SPECS / name, out=tmp_path / "generated") == 0

    booted = run(tmp_path, "-W", "error", "-c", BOOT)
    typed = run(tmp_path, "-m", "mypy", "--strict", "--cache-dir", str(CACHE), "generated")

    declared = {
        f"{method.upper()} {node['operationId']}"
        for _, method, node in operations(normal(content_of(SPECS / name)))
    }
    assert (booted.returncode, booted.stderr) == (0, "")
    assert set(booted.stdout.splitlines()) == declared
    assert typed.returncode == 0, typed.stdout


WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
CACHE = ROOT / ".mypy_cache" / f"specs-{WORKER}"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
