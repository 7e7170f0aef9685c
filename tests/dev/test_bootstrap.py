"""From a fresh clone: what the first start says when it can't go on."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dev import bootstrap
from dev.bootstrap import EVERYTHING, LOCKS, SERVING, BootstrapError, Installer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project elsewhere, with an environment that holds nothing."""
    root = tmp_path / "a clone"
    (root / "requirements").mkdir(parents=True)
    (root / "requirements" / SERVING).write_text("one==1\n")
    (root / "requirements" / EVERYTHING).write_text("one==1\nanother==1\n")
    (root / "pyproject.toml").touch()
    venv = root / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "charter").touch()
    monkeypatch.setattr(bootstrap, "ROOT", root)
    monkeypatch.setattr(bootstrap, "VENV", venv)
    monkeypatch.setattr(bootstrap, "PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(bootstrap, "CHARTER", venv / "bin" / "charter")
    monkeypatch.setattr(bootstrap, "LOCKS", root / "requirements")
    monkeypatch.setattr(bootstrap, "STAMP", venv / "made-of")
    monkeypatch.setattr(bootstrap, "UNFINISHED", venv / "unfinished")
    return root


def finish(lock: str) -> None:
    bootstrap.STAMP.write_text(bootstrap.ingredients(lock))


@pytest.fixture
def installed(clone: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The locks that were installed from, in their order."""
    locks: list[str] = []

    def install(installer: Installer) -> None:
        bootstrap.UNFINISHED.touch()
        locks.append(installer.lock.name)

    monkeypatch.setattr(Installer, "install", install)
    return locks


@pytest.mark.parametrize("lock", [SERVING, EVERYTHING])
def test_a_finished_environment_is_left_alone(clone: Path, lock: str) -> None:
    finish(lock)

    assert bootstrap.is_ready(lock)


@pytest.mark.parametrize("lock", [SERVING, EVERYTHING])
@pytest.mark.parametrize("changed", ["requirements/{lock}", "pyproject.toml"])
def test_what_it_was_made_of_has_changed(clone: Path, lock: str, changed: str) -> None:
    finish(lock)

    (clone / changed.format(lock=lock)).write_text("two==2\n")

    assert not bootstrap.is_ready(lock)


def test_what_serves_is_installed_first_and_the_rest_when_it_is_needed(
    clone: Path, installed: list[str]
) -> None:
    bootstrap.prepare(SERVING)
    assert bootstrap.is_ready(SERVING)
    assert not bootstrap.is_ready(EVERYTHING)

    bootstrap.prepare(EVERYTHING)

    assert bootstrap.is_ready(EVERYTHING)
    assert bootstrap.is_ready(SERVING)
    assert installed == [SERVING, EVERYTHING]


def test_who_has_everything_keeps_everything(clone: Path, installed: list[str]) -> None:
    finish(EVERYTHING)
    (clone / "pyproject.toml").write_text("two==2\n")

    bootstrap.prepare(SERVING)

    assert installed == [EVERYTHING]
    assert bootstrap.is_ready(EVERYTHING)


def test_progress_says_how_many_of_the_packages_are_there(clone: Path) -> None:
    lock = clone / "requirements" / EVERYTHING
    lock.write_text("a-b==1 \\\nc_d==2 ; sys_platform != 'win32'\ne==3 ; sys_platform == 'win32'\n")
    names = bootstrap.locked(lock)
    assert names == {"a-b", "c-d"}

    assert bootstrap.counted(names, 0, []) == "0 of 2 installed"
    assert bootstrap.counted(names, 0, ["Collecting a-b==1\n", " Got\n"]) == "1 of 2 fetched"
    (clone / ".venv/lib/python3.11/site-packages/A_b-1.dist-info").mkdir(parents=True)
    assert bootstrap.counted(names, 0, ["Collecting a-b==1\n"] * 2) == "1 of 2 installed"
    assert bootstrap.counted(names, 1, []) == "1 of 2 installed"


def test_what_serves_is_part_of_everything() -> None:
    def pins(lock: str) -> set[str]:
        return set(re.findall(r"^\S+==\S+", (LOCKS / lock).read_text(), re.MULTILINE))

    assert pins("runtime.txt") < pins(SERVING) < pins(EVERYTHING)


@pytest.mark.parametrize("lock", sorted(path.name for path in LOCKS.iterdir()))
def test_a_lock_names_no_index(lock: str) -> None:
    assert not re.search(r"://|--(extra-)?index", (LOCKS / lock).read_text())


def test_an_interrupted_environment_is_made_anew(clone: Path) -> None:
    shutil.copytree(ROOT / ".venv", clone / ".venv", dirs_exist_ok=True, ignore=all_but_the_frame)
    bootstrap.STAMP.unlink(missing_ok=True)
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
        Installer(EVERYTHING, turn=0).make_venv()


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
