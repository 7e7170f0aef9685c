"""`charter test` uses every core for all tests, and none but its own for those that are named."""

from pathlib import Path

import pytest

from charter.cli import workers


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
