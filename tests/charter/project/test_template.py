"""The template of new projects: one source with Charter's own files, and a function of answers."""

import shutil
import subprocess
import sys
import tomllib
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from charter.project.template import Answers, fill, render
from charter.project.template.locks import locks
from tests.data import ROOT

CHARTER = Answers(name="charter", title="Charter")

ALIKE = (
    ".dockerignore", "Dockerfile", "docker-compose.yml", "impl/core/accounts.py",
    "impl/services/auth.py", "impl/services/health.py", "impl/services/users.py",
)  # fmt: skip
WITHOUT_ITEMS = ("impl/dependencies.py", "impl/models/__init__.py")
PROJECTS_ALONE = {
    ".ci/run", ".gitattributes", "README.md", "alembic/versions/0003_order_of_users.py",
    "pyproject.toml", "scripts/environment", "scripts/serve", "scripts/test",
}  # fmt: skip

OTHERS = Answers(
    name="library",
    title='The "library" \\ of \u00e9veryone',
    prefix="/account",
    operations={"createUser": "accountCreateUser"},
    schemas={"User": "AccountUser"},
    unwritten={"books": "BooksOperations"},
    allows_anonymous=True,
)


@pytest.mark.parametrize("path", ALIKE)
def test_filled_with_charters_own_names_it_is_charters_own_file(path: str) -> None:
    assert fill(CHARTER, is_charter=True)[path] == (ROOT / path).read_text()


@pytest.mark.parametrize("path", WITHOUT_ITEMS)
def test_filled_with_charters_own_names_it_lacks_the_sample_alone(path: str) -> None:
    ours = (ROOT / path).read_text().splitlines()
    filled = fill(CHARTER, is_charter=True)[path].splitlines()

    changes = SequenceMatcher(None, ours, filled, autojunk=False).get_opcodes()

    lacking = ["\n".join(ours[a:b]) for kind, a, b, _, _ in changes if kind != "equal"]
    assert {kind for kind, *_ in changes} == {"equal", "delete"}
    assert all("item" in block.lower() or "timedelta" in block for block in lacking)


def test_no_template_is_left_out_here() -> None:
    assert {*ALIKE, *WITHOUT_ITEMS, *PROJECTS_ALONE} == fill(CHARTER).keys()


def test_the_answers_are_kept_and_make_the_same_project_again() -> None:
    files = render(OTHERS)

    kept = tomllib.loads(files["pyproject.toml"].decode())["tool"]["charter"]["project"]

    assert Answers.of(kept) == OTHERS
    assert render(Answers.of(kept)) == files


def test_other_names_are_used_everywhere() -> None:
    files = {path: content.decode(errors="replace") for path, content in render(OTHERS).items()}

    assert "async def account_create_user(" in files["impl/services/users.py"]
    assert "AccountCreateUser201" in files["impl/services/users.py"]
    assert "schemas.AccountUser" in files["impl/services/users.py"]
    assert 'PREFIX = "/account"' in files["impl/core/accounts.py"]
    assert 'next_page(f"{PREFIX}/auth/sessions"' in files["impl/services/auth.py"]
    assert "/account/livez" in files["Dockerfile"]
    assert "books=unwritten(BooksOperations)" in files["impl/dependencies.py"]
    assert "identify=identify" in files["impl/dependencies.py"]


def test_nothing_of_the_sample_is_in_it() -> None:
    code = {path: text for path, text in render(CHARTER).items() if path.endswith(".py")}

    assert not [path for path, text in code.items() if b"import Item" in text or b'"items"' in text]


def test_a_project_asks_for_what_charter_asks_for() -> None:
    made = tomllib.loads(render(CHARTER)["pyproject.toml"].decode())
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert set(ours["dependency-groups"]["service"]) < set(made["project"]["dependencies"])
    assert ours["tool"]["ruff"]["lint"]["select"] == made["tool"]["ruff"]["lint"]["select"]
    assert ours["tool"]["importlinter"]["contracts"][0] == {
        **made["tool"]["importlinter"]["contracts"][0],
        "name": "Imports run downwards in the service",
    }


def test_the_locks_have_a_hash_in_every_line_and_the_wheel_among_them() -> None:
    for content in locks(b"a wheel").values():
        first, *lines = content.decode().splitlines()

        assert first == "--find-links ../wheels"
        assert all(" --hash=sha256:" in line for line in lines)
        assert [line for line in lines if line.startswith("charter==")]


def test_without_an_index_the_environment_says_so_and_is_not_taken_for_whole(
    tmp_path: Path,
) -> None:
    for folder in ("scripts", "requirements", "bin"):
        (tmp_path / folder).mkdir()
    script = tmp_path / "scripts" / "serve"
    script.write_text('. "$(dirname -- "$0")/environment"\n')
    (tmp_path / "scripts" / "environment").write_text(fill(CHARTER)["scripts/environment"])
    (tmp_path / "requirements" / "dev.txt").write_text(f"nowhere==1 --hash=sha256:{'0' * 64}\n")
    for program in ("cmp", "cp", "dirname"):  # and no uv
        (tmp_path / "bin" / program).symlink_to(str(shutil.which(program)))

    done = subprocess.run(
        ["/bin/sh", script],
        env={"PATH": str(tmp_path / "bin"), "PYTHON": sys.executable, "PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "The packages can't be installed (see above): give pip an index that has them,"
        " and try again."
    )
    assert not (tmp_path / ".venv" / "installed.txt").exists()
