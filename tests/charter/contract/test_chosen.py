"""A run is about the operations that are named, or that have changed since a revision."""

import json
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from charter.contract.api import Api
from charter.contract.chosen import chosen
from charter.errors import Misconfigured
from charter.project import Project
from tests.charter.contract.library import library


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """One whose document and code are committed."""
    for name in ("impl/services/books.py", "impl/core/clock.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "generated").mkdir()
    write(tmp_path, document())
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "Begin")
    return Project.at(tmp_path, {})


def document() -> dict[str, Any]:
    """The library's, its operations about books with a tag."""
    content: dict[str, Any] = json.loads(json.dumps(library().judge.document))
    for path, item in content["paths"].items():
        for node in item.values():
            if isinstance(node, dict):
                node["tags"] = ["books" if path.startswith("/books") else "readers"]
    return content


def write(folder: Path, content: dict[str, Any]) -> None:
    (folder / "generated" / "openapi.json").write_text(json.dumps(content))


def ids(project: Project, content: dict[str, Any] | None = None, **choice: Any) -> set[str]:
    return {one.id for one in chosen(Api.of(content or document()), project, **choice)}


def test_all_operations_are_chosen_by_default(project: Project) -> None:
    assert ids(project) == library().contract.operations.keys()


def test_operations_are_chosen_by_name_and_by_tag(project: Project) -> None:
    assert ids(project, operations=["show", "enter"]) == {"show", "enter"}
    assert ids(project, operations=["show", "enter"], tags=["books"]) == {"show"}


def test_a_tag_is_named_as_in_the_document_or_as_its_module(project: Project) -> None:
    content = document()
    content["paths"]["/books"]["get"]["tags"] = ["Rare Books"]

    for name in ("Rare Books", "rare_books"):
        assert ids(project, content, tags=[name]) == {"browse"}, name


@pytest.mark.parametrize("choice", [{"operations": ["burn"]}, {"tags": ["fires"]}])
def test_a_name_that_is_not_there_is_refused(project: Project, choice: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured, match=r"--\w+ (burn|fires): the document has no such"):
        ids(project, **choice)


def test_nothing_is_chosen_where_nothing_has_changed(project: Project) -> None:
    assert ids(project, since="HEAD") == set()


def test_an_operation_has_changed_whose_schema_has(project: Project) -> None:
    content = deepcopy(document())
    content["components"]["schemas"]["Book"]["properties"]["title"]["maxLength"] = 100

    assert ids(project, content, since="HEAD") == {"browse", "add", "show", "mend"}


def test_a_module_that_is_called_as_a_tag_is_about_its_operations(project: Project) -> None:
    (project.root / "impl" / "services" / "books.py").write_text("changed = True\n")

    assert ids(project, since="HEAD") == ids(project, tags=["books"])


def test_any_other_module_is_about_all_operations(project: Project) -> None:
    (project.root / "impl" / "core" / "new.py").write_text("")

    assert ids(project, since="HEAD") == ids(project)


def test_a_revision_that_git_does_not_know_is_refused(project: Project) -> None:
    with pytest.raises(Misconfigured, match="nowhere"):
        ids(project, since="nowhere")
