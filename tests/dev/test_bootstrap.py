"""From a fresh clone: what the first start says when it can't go on."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

from dev import bootstrap
from dev.bootstrap import BootstrapError, Installer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project elsewhere, with a finished environment that holds nothing."""
    root = tmp_path / "a clone"
    (root / "requirements").mkdir(parents=True)
    (root / "requirements" / "dev.txt").write_text("one==1\n")
    (root / "pyproject.toml").touch()
    venv = root / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "charter").touch()
    monkeypatch.setattr(bootstrap, "ROOT", root)
    monkeypatch.setattr(bootstrap, "VENV", venv)
    monkeypatch.setattr(bootstrap, "PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(bootstrap, "CHARTER", venv / "bin" / "charter")
    monkeypatch.setattr(bootstrap, "LOCK", root / "requirements" / "dev.txt")
    monkeypatch.setattr(bootstrap, "STAMP", venv / "made-of")
    monkeypatch.setattr(bootstrap, "UNFINISHED", venv / "unfinished")
    bootstrap.STAMP.write_text(bootstrap.ingredients())
    return root


def test_a_finished_environment_is_left_alone(clone: Path) -> None:
    assert bootstrap.is_ready()


@pytest.mark.parametrize("changed", ["requirements/dev.txt", "pyproject.toml"])
def test_what_it_was_made_of_has_changed(clone: Path, changed: str) -> None:
    (clone / changed).write_text("two==2\n")

    assert not bootstrap.is_ready()


def test_an_interrupted_environment_is_made_anew(clone: Path) -> None:
    shutil.copytree(ROOT / ".venv", clone / ".venv", dirs_exist_ok=True, ignore=all_but_the_frame)
    bootstrap.STAMP.unlink()
    assert bootstrap.is_reusable()

    bootstrap.UNFINISHED.touch()

    assert not bootstrap.is_reusable()


def all_but_the_frame(directory: str, names: list[str]) -> set[str]:
    kept = {"pyvenv.cfg", "bin", "python", "lib", *(name for name in names if "python3" in name)}
    return set(names) - kept


def test_a_python_that_cannot_make_environments_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(BootstrapError, match=r"install the package python3\.\d+-venv .* or uv"):
        Installer(lock=0).make_venv()


@pytest.mark.parametrize("entry", ["serve", "test"])
def test_an_old_python_is_named_with_its_version(entry: str, tmp_path: Path) -> None:
    for name in ("python3", *(f"python3.{minor}" for minor in range(11, 20))):
        old = tmp_path / name
        old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 || exit 1\n')
        old.chmod(0o755)

    done = subprocess.run(
        [ROOT / "scripts" / entry],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr == (
        "charter: Python 3.11 or newer is needed; here is Python 3.9.2."
        " Install one, or name its program in PYTHON.\n"
    )
