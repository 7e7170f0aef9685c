"""Clients of real documents pass the strictest compilers, and break with what they are made of."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from charter.document import Document
from charter.sdk import command
from tests.charter.command_line import takes_a_minute
from tests.charter.sdk.clients import (
    PROGRAMS,
    finished,
    mypy,
    python_client,
    require_compiler,
    tsc,
    typescript_client,
)
from tests.data import DOCUMENT, LARGE, SPECS

REAL = [
    path
    for path in sorted(SPECS.iterdir())
    if path.suffix != ".tsv" and not path.name.startswith("swagger20")
]


def name_of(document: Path) -> str:
    return document.stem.replace(".", "-").lower()


DOCUMENTS = pytest.mark.parametrize(
    "documents",
    [
        pytest.param([path for path in REAL if path.name not in LARGE], id="small"),
        pytest.param([SPECS / name for name in sorted(LARGE)], id="large", marks=takes_a_minute),
    ],
)


@DOCUMENTS
def test_python_clients_of_real_documents_are_typed(documents: list[Path], tmp_path: Path) -> None:
    for document in documents:
        name = name_of(document)
        python_client(document, tmp_path / "made" / name, name=name)
        module = name.replace("-", "_")
        (tmp_path / "made" / name / "python" / module).rename(tmp_path / module)

    mypy(*(name_of(document).replace("-", "_") for document in documents), cwd=tmp_path)


@DOCUMENTS
def test_typescript_clients_of_real_documents_are_typed(
    documents: list[Path], tmp_path: Path
) -> None:
    require_compiler()
    for document in documents:
        command.run(
            "typescript", document, name=None, out=tmp_path / name_of(document), builds=False
        )
    settings = json.loads((PROGRAMS / "tsconfig.json").read_text())
    strictest = (tmp_path / name_of(documents[0]) / "typescript" / "tsconfig.json").read_text()
    settings["compilerOptions"] = json.loads(strictest)["compilerOptions"]
    settings["compilerOptions"] |= {"rootDir": ".", "noEmit": True}
    settings["include"] = ["*/typescript/src"]
    (tmp_path / "tsconfig.json").write_text(json.dumps(settings))

    tsc(tmp_path)


# -- a document that changes ----------------------------------------------------------------------


def changed(folder: Path, change: Callable[[Any], object]) -> Path:
    content = Document(DOCUMENT).content
    change(content)
    file = folder / "openapi.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


def without_title(content: Any) -> None:
    for name in ("Item", "ItemCreate"):
        schema = content["components"]["schemas"][name]
        del schema["properties"]["title"]
        schema["required"].remove("title")


def without_operation(content: Any) -> None:
    del content["paths"]["/items/{item_id}"]["patch"]


def without_problem_type(content: Any) -> None:
    schema = content["components"]["schemas"]["ProblemType"]
    schema["enum"].remove("urn:charter:problem:email-taken")
    schema["x-enum-varnames"].remove("EMAIL_TAKEN")
    content["components"]["responses"]["Conflict"]["content"]["application/problem+json"].pop(
        "examples"
    )


def with_a_required_parameter(content: Any) -> None:
    parameter = {"name": "X-Team", "in": "header", "required": True, "schema": {"type": "string"}}
    content["paths"]["/items"]["post"]["parameters"].append(parameter)


CHANGES: dict[Callable[[Any], object], str] = {
    without_title: "title",
    without_operation: "update",
    without_problem_type: "EmailTaken",
    with_a_required_parameter: "x_?team",
}


@pytest.mark.parametrize("change", CHANGES)
def test_python_code_that_uses_what_is_gone_fails_its_check(
    change: Callable[[Any], object], tmp_path: Path
) -> None:
    folder = python_client(changed(tmp_path, change), tmp_path, "service_journey.py")

    with pytest.raises(AssertionError, match=f"(?i)service_journey.py:.*{CHANGES[change]}"):
        mypy("charter_client", "service_journey.py", cwd=folder)


@pytest.mark.parametrize("change", [without_title, without_problem_type])
def test_typescript_code_that_uses_what_is_gone_does_not_compile(
    change: Callable[[Any], object], tmp_path: Path
) -> None:
    folder = typescript_client(changed(tmp_path, change), tmp_path, "service_journey.ts")

    with pytest.raises(AssertionError, match=rf"(?i)service_journey.ts\(.*{CHANGES[change]}"):
        tsc(folder)


def test_the_same_document_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        python_client(DOCUMENT, tmp_path / folder)
        command.run("typescript", DOCUMENT, name=None, out=tmp_path / folder, builds=False)

    assert finished("diff", "-r", "one", "two", cwd=tmp_path).returncode == 0
