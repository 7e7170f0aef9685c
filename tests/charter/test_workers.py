"""`charter test` uses every core for all tests, and none but its own for those that are named."""

import os
from pathlib import Path

import pytest

from charter.cli import workers
from tests.charter.command_line import charter_here
from tests.data import ROOT


@pytest.mark.parametrize("arguments", [[], ["-q"], ["-k", "refresh"], ["--lf", "--durations=5"]])
def test_every_core_takes_part(arguments: list[str]) -> None:
    assert workers(arguments)[:2] == ["-n", "auto"]


@pytest.mark.parametrize(
    "arguments",
    [["-n", "2"], ["-n0"], ["--pdb"], ["-p", "no:xdist"], ["tests"], ["-q", "tests/a.py::test_b"]],
)
def test_the_arguments_decide(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "a.py").touch()
    monkeypatch.chdir(tmp_path)

    assert workers(arguments) == []


def test_programs_that_tests_start_keep_what_they_compile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[set[str]] = []
    monkeypatch.setattr(os, "execv", lambda *_: given.append(set(os.environ)))

    charter_here(ROOT, "test", PYTHONDONTWRITEBYTECODE="1")

    assert "PYTHONDONTWRITEBYTECODE" not in given[0]
