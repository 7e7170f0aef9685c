"""Projects of `charter init`, each made once; a test that changes one takes a copy."""

from pathlib import Path

import pytest

from charter.project import init
from tests.data import SPECS


@pytest.fixture(scope="session")
def museum_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(SPECS / "museum.yaml", tmp_path_factory.mktemp("museum") / "museum")


@pytest.fixture(scope="session")
def library_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a document whose names clash with those of the accounts."""
    library = Path(__file__).with_name("library.yaml")
    return made(library, tmp_path_factory.mktemp("library") / "library")


def made(document: Path, folder: Path) -> Path:
    assert init.run(document, folder, Path.cwd()) == 0
    return folder
