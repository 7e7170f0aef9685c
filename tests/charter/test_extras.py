"""Every module that charter imports comes with the distribution, or with an extra that is named."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from charter.cli import EXTRAS, missing
from tests.charter.command_line import charter
from tests.data import ROOT

PACKAGE = ROOT / "scripts" / "charter"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DISTRIBUTIONS = packages_distributions()
WITH_ANOTHER = {
    "click": "typer", "pydantic-core": "pydantic", "rich": "typer", "starlette": "fastapi",
    "typing-extensions": "pydantic",
}  # fmt: skip
"""What is imported of a dependency's own dependency."""
OF_THE_PROJECT = {"alembic", "charter", "generated", "impl", "tests"}


def declared(requirements: list[str]) -> set[str]:
    """The names of the distributions, but for this one."""
    names = {re.split(r"[^\w.-]", requirement)[0].lower() for requirement in requirements}
    return names - {"charter"}


def distributions(module: str) -> set[str]:
    found = DISTRIBUTIONS.get(module, [module])
    names = {name.lower().replace("_", "-") for name in found}
    return {WITH_ANOTHER.get(name, name) for name in names}


def imported(file: Path) -> Iterator[str]:
    """The first names of all that a module imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def foreign(*folders: Path) -> set[str]:
    files = (file for folder in folders for file in folder.rglob("*.py"))
    modules = {module for file in files for module in imported(file)}
    return modules - sys.stdlib_module_names - OF_THE_PROJECT


def test_the_runtime_needs_what_the_distribution_brings() -> None:
    brought = declared(PROJECT["dependencies"])

    for module in foreign(PACKAGE / "runtime"):
        assert distributions(module) & brought, module


def test_an_extra_brings_whatever_else_is_imported() -> None:
    named = [module for modules in EXTRAS.values() for module in modules]
    brought = declared(PROJECT["dependencies"]).union(*map(distributions, named))

    for module in foreign(PACKAGE):
        assert distributions(module) & brought, module


@pytest.mark.parametrize(
    ("extra", "module"),
    [(extra, module) for extra, modules in EXTRAS.items() for module in modules],
)
def test_an_extra_declares_what_it_is_said_to_bring(extra: str, module: str) -> None:
    brought = declared(PROJECT["optional-dependencies"][extra])

    # pytest comes with Schemathesis, which is a plugin of it
    assert (distributions(module) | ({"schemathesis"} if module == "pytest" else set())) & brought


def test_no_extra_is_unknown_to_the_command_line() -> None:
    assert PROJECT["optional-dependencies"].keys() == EXTRAS.keys() | {"project"}


def test_the_help_takes_a_line_for_each_verb_on_a_narrow_terminal() -> None:
    lines = charter("--help", COLUMNS="80").stdout.splitlines()

    assert len(lines) > 30
    assert [line for line in lines if len(line) > 80] == []
    assert [line for line in lines if re.match(r"│ {11}\S", line)] == [], "a summary is too long"


@pytest.mark.parametrize(
    ("has_entry", "remedy"),
    [(False, "pip install 'charter[test]'."), (True, "`./scripts/test` installs it.")],
)
def test_the_remedy_is_the_projects_where_it_has_one(
    has_entry: bool, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if has_entry:
        (tmp_path / "scripts").mkdir()
        (tmp_path / "scripts" / "test").touch()

    said = missing("schemathesis", "test")

    assert said.startswith("This verb needs schemathesis, which comes with the extra `test`")
    assert said.endswith(remedy)
