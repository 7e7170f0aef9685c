"""`charter generate`: the same bytes each time, no edit lost, and the last good folder kept."""

import importlib.util
import json
import os
import py_compile
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx
import pytest
from starlette.applications import Starlette

from charter.document import DocumentError
from charter.errors import Misconfigured, Refusal
from charter.generate import command
from charter.runtime import docs
from charter.runtime.docs import has_overlays
from tests.data import DOCUMENT, GENERATED, ROOT

NOTES = Path(__file__).with_name("notes.yaml")


class Project:
    """A project with a document, a generated half, and a hand-written one."""

    def __init__(self, root: Path) -> None:
        self.document = root / "openapi" / "openapi.yaml"
        self.generated = root / "generated"
        self.impl = root / "impl"
        self.document.parent.mkdir()
        self.document.write_text(NOTES.read_text())
        self.impl.mkdir()
        (self.impl / "notes.py").write_text("# by hand\n")

    def generate(self, *, check: bool = False, force: bool = False) -> int:
        return command.run(check=check, force=force, document=self.document, out=self.generated)

    def change_document(self, before: str, after: str) -> None:
        changed = self.document.read_text().replace(before, after)
        assert changed != self.document.read_text()
        self.document.write_text(changed)

    def overlay(self) -> Path:
        file = self.document.with_name("public.overlay.yaml")
        file.write_text(
            "overlay: 1.1.0\ninfo: {title: Public, version: '1'}\n"
            "actions: [{target: $.info, update: {title: Public notes}}]\n"
        )
        return file

    def edit(self, name: str = "operations.py", line: str = "# a thought\n") -> str:
        """Append a line to a generated file; where it stands."""
        file = self.generated / name
        file.write_text(file.read_text() + line)
        return f"generated/{name}:{file.read_text().count(chr(10))}"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    made = Project(tmp_path)
    assert made.generate() == 0
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -- the same bytes -------------------------------------------------------------------------------


def test_the_same_document_gives_the_same_bytes(project: Project, tmp_path: Path) -> None:
    """In another process too, where sets have another order."""
    first = contents(project.generated)

    for seed in ("1", "2"):
        out = tmp_path / seed
        arguments = f"document=Path({str(project.document)!r}), out=Path({str(out)!r})"
        program = (
            "from pathlib import Path; from charter.generate import command;"
            f"raise SystemExit(command.run({arguments}))"
        )
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", program], env=environment, check=True)

        found = contents(out)
        assert {name.replace(str(out), str(project.generated)): found[name] for name in found} == (
            first
        )


def test_what_is_up_to_date_is_not_written_again(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    before = project.generated.stat().st_mtime_ns
    capsys.readouterr()

    assert project.generate() == 0

    assert project.generated.stat().st_mtime_ns == before
    assert capsys.readouterr().out == "generated is up to date.\n"


def test_the_project_itself_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(document=DOCUMENT, out=GENERATED, check=True) == 0, capsys.readouterr().out


# -- --check --------------------------------------------------------------------------------------


def hand_edit(project: Project) -> str:
    project.edit()
    return "-# a thought\n"


def changed_document(project: Project) -> str:
    project.change_document("operationId: getNote", "operationId: readNote")
    return "+    async def read_note(self, *, note_id: UUID) -> Note:\n"


def changed_constraint(project: Project) -> str:
    """Nothing of it is in the code, and the document that judges has it all the same."""
    project.change_document("minLength: 1", "minLength: 2")
    return '"minLength":2'


def deleted_file(project: Project) -> str:
    (project.generated / "routers" / "notes.py").unlink()
    return "+++ generated/routers/notes.py (generated)\n"


def added_file(project: Project) -> str:
    (project.generated / "routers" / "more.py").write_text("# more\n")
    return "-# more\n"


def edited_document_copy(project: Project) -> str:
    copy = project.generated / "openapi.json"
    copy.write_text(copy.read_text().replace('"minLength":1', '"minLength":0'))
    return '"minLength":0'


@pytest.mark.parametrize(
    "change",
    [
        hand_edit,
        changed_document,
        changed_constraint,
        deleted_file,
        added_file,
        edited_document_copy,
    ],
)
def test_check_shows_what_differs_and_writes_nothing(
    project: Project, capsys: pytest.CaptureFixture[str], change: object
) -> None:
    assert callable(change)
    line = change(project)
    before = contents(project.generated)
    capsys.readouterr()

    assert project.generate(check=True) == 1

    printed = capsys.readouterr()
    assert printed.out.startswith("--- generated/")
    assert "\n@@ -" in printed.out
    assert line.strip() in printed.out
    assert printed.err == (
        "charter: generated is not what the document says. Run `charter generate`.\n"
    )
    assert contents(project.generated) == before


def test_check_is_green_for_what_was_generated(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()

    assert project.generate(check=True) == 0

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("change", [changed_document, changed_constraint, deleted_file])
def test_the_command_that_check_names_mends_it(project: Project, change: object) -> None:
    assert callable(change)
    change(project)

    assert project.generate() == 0

    assert project.generate(check=True) == 0


def test_a_tag_that_is_gone_takes_its_router_along(project: Project) -> None:
    project.change_document("name: notes", "name: memos")
    project.change_document("tags: [notes]", "tags: [memos]")

    assert project.generate() == 0

    routers = {path.name for path in (project.generated / "routers").iterdir()}
    assert routers == {"__init__.py", "memos.py"}


# -- edits by hand --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["operations.py", "routers/notes.py", "responses.py"])
def test_an_edit_by_hand_is_refused_by_file_and_line(
    project: Project, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    where = project.edit(name)
    before = contents(project.generated)
    capsys.readouterr()

    assert project.generate() == 1

    said = capsys.readouterr().err
    assert f"charter: {where} was edited by hand, and nothing was written." in said
    assert "charter generate --force" in said
    assert said.count("\n") == 1
    assert contents(project.generated) == before


def test_an_edit_by_hand_is_refused_after_a_change_of_the_document_too(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the file alone: the first line that differs may be the document's."""
    project.edit("routers/notes.py")
    project.change_document("summary: Read one.", "summary: Read it.")
    before = contents(project.generated)
    capsys.readouterr()

    assert project.generate() == 1

    said = capsys.readouterr().err
    assert said.startswith("charter: generated/routers/notes.py was edited by hand, and nothing")
    assert contents(project.generated) == before


def test_a_file_that_somebody_added_is_not_lost(project: Project) -> None:
    (project.generated / "mine.py").write_text("# mine\n")

    assert project.generate() == 1

    assert (project.generated / "mine.py").read_text() == "# mine\n"


@pytest.mark.parametrize(
    "manifest", [None, "<<<<<<< ours\n", "[]", '{"files": 7}', '{"files": {}}']
)
def test_an_edit_is_not_lost_with_the_manifest(project: Project, manifest: str | None) -> None:
    project.edit()
    file = project.generated / command.MANIFEST
    file.unlink() if manifest is None else file.write_text(manifest)

    assert project.generate() == 1

    assert "# a thought" in (project.generated / "operations.py").read_text()


def test_a_manifest_alone_is_written_again(project: Project) -> None:
    (project.generated / command.MANIFEST).write_text("<<<<<<< ours\n")

    assert project.generate() == 0

    assert project.generate(check=True) == 0


def test_force_writes_anew_and_keeps_a_copy(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.edit("operations.py")
    project.edit("routers/notes.py")
    edited = {
        name: (project.generated / name).read_text()
        for name in ("operations.py", "routers/notes.py")
    }
    capsys.readouterr()

    assert project.generate(force=True) == 0

    said = capsys.readouterr().out.splitlines()[0]
    kept = Path(said.removeprefix("The edited files are kept in ").removesuffix("."))
    assert {name: (kept / name).read_text() for name in edited} == edited
    assert project.generate(check=True) == 0


# -- what is left alone ---------------------------------------------------------------------------


def test_impl_is_never_touched(project: Project) -> None:
    before = contents(project.impl)
    project.change_document("operationId: getNote", "operationId: readNote")
    project.edit()

    project.generate(check=True)
    project.generate()
    project.generate(force=True)

    assert contents(project.impl) == before


def test_a_broken_document_leaves_the_last_good_folder(
    project: Project,
) -> None:
    before = contents(project.generated)
    project.change_document("operationId: getNote", "operationId: createNote")

    for force in (False, True):
        with pytest.raises(DocumentError, match="createNote"):
            project.generate(force=force)

    assert contents(project.generated) == before
    assert beside(project) == {"generated", "impl", "openapi"}


def test_without_a_document_nothing_is_generated(project: Project) -> None:
    project.document.unlink()

    with pytest.raises(Misconfigured, match=r"openapi\.yaml: There is no such file\."):
        project.generate(check=True)


def test_a_disk_that_fails_leaves_the_last_good_folder(project: Project) -> None:
    before = contents(project.generated)
    impossible = {"notes": "a file\n", "notes/and.py": "a file in a file\n"}

    with pytest.raises(OSError, match="notes"):
        command.replace(impossible, project.generated)

    assert contents(project.generated) == before
    assert beside(project) == {"generated", "impl", "openapi"}


def test_an_exchange_that_fails_leaves_the_last_good_folder(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(project.generated)
    project.change_document("operationId: getNote", "operationId: readNote")
    replace = Path.replace

    def fail_for_the_last_one(self: Path, target: Path) -> Path:
        if target.name == command.MANIFEST and self.parent.name == "fresh":
            raise OSError("no space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail_for_the_last_one)
    with pytest.raises(Refusal, match=r"generated can't be written \(no space left on device\)"):
        project.generate()

    assert contents(project.generated) == before
    assert beside(project) == {"generated", "impl", "openapi"}


def test_where_nothing_may_be_written_nothing_has_to_be_put_back(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(project.generated)
    project.change_document("operationId: getNote", "operationId: readNote")

    def deny(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied", str(target))

    monkeypatch.setattr(Path, "replace", deny)
    with pytest.raises(Refusal, match=r"generated can't be written \(Permission denied\)"):
        project.generate()

    assert contents(project.generated) == before
    assert beside(project) == {"generated", "impl", "openapi"}


def test_a_run_that_was_killed_between_two_files_is_finished_by_the_next(
    project: Project, tmp_path: Path
) -> None:
    manifest = (project.generated / command.MANIFEST).read_text()
    project.change_document("operationId: getNote", "operationId: readNote")
    assert project.generate() == 0
    whole = contents(project.generated)
    (project.generated / command.MANIFEST).write_text(manifest)

    assert project.generate() == 0

    assert contents(project.generated) == whole


def test_the_folder_and_what_did_not_change_stay_for_those_who_watch_them(
    project: Project,
) -> None:
    watched = (project.generated, project.generated / "__init__.py")
    before = [path.stat().st_ino for path in watched]
    project.change_document("operationId: getNote", "operationId: readNote")

    assert project.generate() == 0

    assert [path.stat().st_ino for path in watched] == before


def test_what_python_compiled_of_the_old_file_is_forgotten(project: Project) -> None:
    """It would be taken for the new one's, where size and second are the same."""
    file = project.generated / "operations.py"
    before = file.stat()
    py_compile.compile(str(file))
    compiled = Path(importlib.util.cache_from_source(file))
    assert compiled.exists()
    project.change_document("operationId: getNote", "operationId: hasNote")

    assert project.generate() == 0

    assert file.stat().st_size == before.st_size
    assert not compiled.exists()


def beside(project: Project) -> set[str]:
    return {path.name for path in project.generated.parent.iterdir()}


# -- overlays -------------------------------------------------------------------------------------


def test_what_is_generated_remembers_its_overlays(project: Project) -> None:
    view = project.overlay()

    def generate(*, check: bool = False) -> int:
        return command.run(
            document=project.document, out=project.generated, overlays=[view], check=check
        )

    assert not has_overlays(project.generated / "openapi.json")
    assert (generate(check=True), generate(), generate(check=True)) == (1, 0, 0)

    assert has_overlays(project.generated / "openapi.json")
    content = json.loads((project.generated / "openapi.json").read_text())
    assert content["info"]["title"] == "Public notes"
    manifest = json.loads((project.generated / "manifest.json").read_text())
    assert manifest["overlays"] == ["openapi/public.overlay.yaml"]
    first = (project.generated / "api.py").read_text().partition("\n")[0]
    assert "from openapi/openapi.yaml and openapi/public.overlay.yaml." in first

    view.write_text(view.read_text().replace("Public notes", "Our notes"))
    assert generate(check=True) == 1
    assert project.generate() == 0
    assert not has_overlays(project.generated / "openapi.json")


async def test_a_service_publishes_no_more_than_its_overlays_leave(project: Project) -> None:
    bundle = project.generated / "openapi.json"

    async def published() -> str:
        app = Starlette(routes=docs.router(project.document, bundle, pages=False).routes)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return (await client.get("/openapi.yaml")).text

    assert await published() == project.document.read_text()

    view = project.overlay()
    command.run(document=project.document, out=project.generated, overlays=[view])

    assert await published() == bundle.read_text()
