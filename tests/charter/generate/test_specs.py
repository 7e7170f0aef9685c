"""Real documents, which nobody here wrote: each is served whole, or refused by its own fault."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from charter.document import DocumentError
from charter.generate import command
from charter.generate.generator import generate
from charter.runtime.normal import normal, operations
from tests.charter.command_line import takes_a_minute
from tests.data import LARGE, ROOT, SPECS, content_of

REFUSED = {"swagger20-petstore-expanded.yaml": "1:1: This is Swagger 2.0"}
"""What is wrong with a document itself, and where."""

SERVED = sorted({path.name for path in SPECS.iterdir()} - REFUSED.keys() - {"ORIGINS.tsv"})

BOOT = """
import importlib, inspect, sys
from fastapi import FastAPI
from charter.runtime import Contract
async def provide(): ...
for name in sys.argv[1:]:
    generated = importlib.import_module(name)
    for module in ("operations", "responses", "schemas"):
        importlib.import_module(f"{name}.{module}")
    api = importlib.import_module(f"{name}.api")
    contract = Contract.load(generated.DOCUMENT)
    names = inspect.signature(api.build).parameters.keys() - {"contract"}
    router = api.build(contract=contract, **dict.fromkeys(names, provide))
    for route in router.routes:
        print(name, *route.methods, route.operation_id)
"""


@pytest.mark.parametrize("name", REFUSED)
def test_a_document_that_no_server_could_keep_is_refused(name: str) -> None:
    with pytest.raises(DocumentError) as refused:
        generate(SPECS / name)

    assert f"{name}:{REFUSED[name]}" in str(refused.value)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([name for name in SERVED if name not in LARGE], id="small"),
        pytest.param(sorted(LARGE), id="large", marks=takes_a_minute),
    ],
)
def test_documents_are_generated_imported_typed_and_routed(
    names: list[str], tmp_path: Path
) -> None:
    """Each is a package; one interpreter imports all of them, and one mypy reads them."""
    packages = {re.sub(r"\W", "_", name): name for name in names}
    for package, name in packages.items():
        assert command.run(document=SPECS / name, out=tmp_path / package) == 0

    booted = run(tmp_path, "-W", "error", "-c", BOOT, *packages)
    typed = run(tmp_path, "-m", "mypy", "--strict", "--cache-dir", str(CACHE), *packages)

    declared = {
        f"{package} {method.upper()} {node['operationId']}"
        for package, name in packages.items()
        for _, method, node in operations(normal(content_of(SPECS / name)))
    }
    assert (booted.returncode, booted.stderr) == (0, "")
    assert set(booted.stdout.splitlines()) == declared
    assert typed.returncode == 0, typed.stdout


CACHE = ROOT / ".mypy_cache" / "specs"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
