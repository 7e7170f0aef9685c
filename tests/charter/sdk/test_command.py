"""`charter sdk`: what it writes, and one line for all that it can't."""

import re
import resource
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from charter.errors import Misconfigured
from charter.sdk import command
from charter.sdk.packages import package, version_of_npm, version_of_python
from tests.charter.command_line import PROGRAM, charter_here
from tests.charter.sdk.clients import SHOP, mypy, python_client, run, typescript_client
from tests.data import DOCUMENT, SPECS

CLASHES = Path(__file__).with_name("clashes.yaml")


def charter(
    *arguments: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    preexec_fn: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=cwd,
        env=env,
        preexec_fn=preexec_fn,
        capture_output=True,
        text=True,
        check=False,
    )


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """What was said about the failure, which has to be one line, after warnings of the document."""
    said = "".join(
        line for line in done.stderr.splitlines(keepends=True) if ": warning: " not in line
    )
    assert re.fullmatch(r"charter: .+\n", said), done.stderr
    return said


# -- what it writes -------------------------------------------------------------------------------


def test_the_package_says_what_the_document_says(tmp_path: Path) -> None:
    written = (python_client(SHOP, tmp_path) / "pyproject.toml").read_text()
    project = tomllib.loads(written)["project"]

    assert project["name"] == "shop-client"
    assert project["version"] == "2.3.0"
    assert project["license"] == "MIT"
    assert project["description"] == "Everything that clients have to cope with."
    assert project["dependencies"] == ["httpx2>=2.16"]


def test_xml_beside_json_is_left_out_and_a_note_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.run("python", SPECS / "swagger-petstore.yaml", name="pets", out=tmp_path)

    (pet,) = tmp_path.rglob("resources/pet.py")
    assert "bytes" not in pet.read_text().partition("upload")[0]
    assert "charter: XML is left out" in capsys.readouterr().err


def test_a_python_package_can_be_built_and_installed(tmp_path: Path) -> None:
    folder = python_client(SHOP, tmp_path)
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=folder)

    (wheel,) = tmp_path.glob("shop_client-2.3.0-*.whl")
    program = (
        f"import sys; sys.path.insert(0, {str(wheel)!r}); import shop_client;"
        "print(shop_client.__version__, shop_client.Client.__name__)"
    )

    assert run(sys.executable, "-W", "error", "-c", program, cwd=tmp_path) == "2.3.0 Client\n"


def test_an_npm_package_can_be_packed_and_installed(tmp_path: Path) -> None:
    folder = typescript_client(SHOP, tmp_path)
    run("npm", "pack", "--offline", "--pack-destination", tmp_path, cwd=folder / "typescript")
    other = tmp_path / "other"
    other.mkdir()
    run("npm", "install", "--offline", "--no-audit", tmp_path / "shop-client-2.3.0.tgz", cwd=other)

    show = "({Client, errors}) => console.log(typeof Client, errors.SoldOut.name)"
    program = f"import('shop-client').then({show})"

    assert run("node", "-e", program, cwd=other) == "function SoldOut\n"


def test_names_that_clash_or_mean_something_get_others(tmp_path: Path) -> None:
    folder = python_client(CLASHES, tmp_path)
    module = next(folder.glob("*_client")).name

    mypy(module, cwd=folder)

    program = f"""
import {module} as sdk
from {module}._runtime.codec import decode, encode
sent = {{'str': 'x', 'list': ['y'], 'a-b': '1', 'a_b': '2', '3': 4, 'date': '2026-01-02'}}
assert encode(decode(sdk.models.Str, sent)) == sent
client = sdk.Client('http://localhost')
print(sorted(name for name in vars(type(client.class_)) if name[0] != '_'))
"""
    said = run(sys.executable, "-c", program, cwd=folder)
    assert said == "['constructor', 'import_', 'list_class', 'list_class_2']\n"


def test_names_that_clash_compile_in_typescript(tmp_path: Path) -> None:
    typescript_client(CLASHES, tmp_path, name="clashes")


@pytest.mark.parametrize(
    ("said", "python", "npm"),
    [
        ("1.2.3", "1.2.3", "1.2.3"),
        ("1.0", "1.0", "1.0.0"),
        ("v2", "2", "2.0.0"),
        ("71", "71", "71.0.0"),
        ("2024-08-01", "0+2024.08.01", "0.0.0-v-2024-08-01"),
        ("0.0.1-oas3.1", "0+0.0.1.oas3.1", "0.0.1-oas3.1"),
        ("latest!", "0+latest", "0.0.0-v-latest"),
        ("", "0", "0.0.0"),
    ],
)
def test_any_version_is_one_of_python_and_npm(said: str, python: str, npm: str) -> None:
    assert (version_of_python(said), version_of_npm(said)) == (python, npm)


def test_a_package_is_called_after_the_title() -> None:
    assert package(None, "Redocly Museum API").module == "redocly_museum_api_client"
    assert package(None, "3D & more").name == "api-3-d-more-client"
    assert package(None, "博物館").name.endswith("-client")


# -- what it can't --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Museum Client", "9lives", "class", "a/b", "", "-x", "ä"])
def test_a_name_that_is_no_identifier_is_refused_with_a_better_one(name: str) -> None:
    with pytest.raises(Misconfigured, match=r"can't be the name.*--name [a-z]") as error:
        package(name, "Museum")

    better = re.findall(r"`--name (\S+)`", str(error.value))[0]
    assert package(better, "Museum").name == better


def test_an_invalid_document_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "openapi.yaml").write_text("openapi: 3.1.0\ninfo: {title: x}\npaths: {}\n")

    done = charter_here(tmp_path, "sdk", "python", "openapi.yaml")

    assert done.returncode == 1
    assert sentence(done).startswith("charter: openapi.yaml:2:")
    assert not (tmp_path / "dist").exists()


def test_an_unknown_language_is_a_mistake_in_the_arguments(tmp_path: Path) -> None:
    assert charter_here(tmp_path, "sdk", "cobol", DOCUMENT).returncode == 2


def test_a_folder_of_others_stays(tmp_path: Path) -> None:
    mine = tmp_path / "dist" / "clients" / "python" / "mine.py"
    mine.parent.mkdir(parents=True)
    mine.write_text("precious")

    done = charter_here(tmp_path, "sdk", "python", SHOP)

    assert done.returncode == 1
    assert "holds what `charter sdk` did not write" in sentence(done)
    assert mine.read_text() == "precious"


def test_what_a_document_drops_is_gone(tmp_path: Path) -> None:
    python_client(DOCUMENT, tmp_path, name="one")
    folder = python_client(SPECS / "museum.yaml", tmp_path, name="two")

    assert not (folder / "one").exists()
    assert (folder / "two").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["python"]


def full_disk() -> None:
    """No file may have more than these bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    folder = python_client(SHOP, tmp_path / "dist" / "clients")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    # as if the disk were full: Python ignores SIGXFSZ, and a write fails with EFBIG
    done = charter("sdk", "python", SPECS / "box.json", cwd=tmp_path, preexec_fn=full_disk)

    assert done.returncode == 1
    assert "can't be written" in sentence(done)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert [path.name for path in folder.parent.iterdir()] == ["python"]


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (None, "is not installed"),
        ("#!/bin/sh\necho v18.20.1\n", "Node v18.20.1 is too old"),
        ("#!/bin/sh\nexit 1\n", "Node of no version is too old"),
    ],
)
def test_without_a_new_node_the_remedy_is_named(
    node: str | None, reason: str, tmp_path: Path
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    if node is not None:
        for name in ("node", "npx"):
            (programs / name).write_text(node)
            (programs / name).chmod(0o755)

    done = charter("sdk", "typescript", SHOP, cwd=tmp_path, env={"PATH": str(programs)})

    assert done.returncode == 1
    assert reason in sentence(done)
    assert "Node 20 or newer" in done.stderr
    assert not (tmp_path / "dist").exists()


def test_a_compiler_out_of_reach_changes_nothing(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("node", "echo v22.0.0"), ("npx", "echo npm ERR! network >&2; exit 1")):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)

    done = charter("sdk", "typescript", SHOP, cwd=tmp_path, env={"PATH": str(programs)})

    assert done.returncode == 1
    assert "npm ERR! network" in sentence(done)
    assert [path.name for path in (tmp_path / "dist" / "clients").iterdir()] == []


def test_without_node_the_sources_can_be_had(tmp_path: Path) -> None:
    done = charter("sdk", "typescript", SHOP, "--no-build", cwd=tmp_path, env={"PATH": ""})

    assert done.returncode == 0, done.stderr
    package_folder = tmp_path / "dist" / "clients" / "typescript"
    assert sorted(path.name for path in package_folder.iterdir()) == [
        "README.md", "package.json", "src", "tsconfig.json",
    ]  # fmt: skip


def test_a_tag_called_events_keeps_its_name(tmp_path: Path) -> None:
    for language in ("python", "typescript"):
        charter_here(tmp_path, "sdk", language, SPECS / "museum.yaml", "--no-build")
        said = (tmp_path / "dist" / "clients" / language / "README.md").read_text()

        assert "`client.events." in said


def test_if_the_exchange_fails_the_old_client_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "python"
    command.place({"a": "old"}, target, lambda _: None)
    rename: Callable[[Path, Path], Path] = Path.rename

    def failing(path: Path, to: Path) -> Path:
        if path.name == "fresh":
            raise OSError("no")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="no"):
        command.place({"a": "new"}, target, lambda _: None)

    assert (target / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["python"]
