"""Versions of Charter other than the running one: where their wheels are, and asking them."""

import json
import os
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from functools import cached_property
from importlib.metadata import Distribution, PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import BadZipFile, ZipFile

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

import charter
from charter.errors import Misconfigured, Refusal
from charter.project.template.locks import WHEELS
from charter.project.upgrade.document import Member
from charter.project.wheel import NAME, installed_files, packed, wheel

RENDERING = f"{NAME}.project.upgrade.rendering"
EXTRAS = ("", "tool")
"""What has to be installed for a version to fill its template and to generate."""
NAME_ONE = "Name a wheel: `charter upgrade PATH.whl`."
TEMPLATE_LOCK = "charter/project/template/sources/requirements/dev.txt"


@dataclass(frozen=True)
class Wheel:
    """A wheel of Charter."""

    content: bytes
    version: Version
    metadata: Message

    @classmethod
    def read(cls, name: str, content: bytes) -> "Wheel":
        """Raises Refusal for what is no wheel of Charter."""
        refusal = Refusal(
            f"{name} is no wheel of Charter: name a charter-VERSION-py3-none-any.whl."
        )
        try:
            with ZipFile(BytesIO(content)) as archive:
                names = archive.namelist()
                (path,) = (name for name in names if name.endswith(".dist-info/METADATA"))
                broken = archive.testzip()
                metadata = message_from_bytes(archive.read(path))
                found = Version(str(metadata["Version"]))
        except (BadZipFile, zlib.error, ValueError, RuntimeError, OSError, EOFError) as error:
            raise refusal from error
        if broken or metadata["Name"] != NAME:
            raise refusal
        if f"{RENDERING.replace('.', '/')}.py" not in names:
            raise Refusal(f"{name} is a {NAME} {found} that no project can be upgraded to.")
        return cls(content, found, metadata)

    @property
    def name(self) -> str:
        return f"{NAME}-{self.version}-py3-none-any.whl"


# -- where they are -------------------------------------------------------------------------------


def chosen(asked: str | None, root: Path, here: Path, pinned: Version) -> Wheel:
    """The wheel that is named, of the version that is named, or the newest. Raises Refusal."""
    if asked is None:
        return newest(root, pinned)
    if asked.endswith(".whl"):
        file = here / asked
        try:
            return Wheel.read(asked, file.read_bytes())
        except OSError as error:
            raise Misconfigured(f"{asked} can't be read: {error.strerror}.") from error
    try:
        return of_version(Version(asked), root)
    except InvalidVersion as error:
        raise Misconfigured(
            f"{asked} is neither a version nor a wheel: `charter upgrade 1.2.3`, or the path of a"
            " file that ends with .whl."
        ) from error


def newest(root: Path, pinned: Version) -> Wheel:
    """Of wheels/ and the running one, if it is newer than the project; else of the index."""
    candidates = {Version(charter.__version__), *(found for found, _ in kept(root))}
    found = max(candidates)
    if found > pinned:
        return of_version(found, root)
    return fetched(f"{NAME}>={pinned}", f"{WHEELS}/ has no newer one either. {NAME_ONE}")


def made_with(pinned: Version, root: Path) -> Wheel:
    """The wheel of the version that a project has. Raises Refusal where there is none any more."""
    return of_version(
        pinned, root, f"The project is made with it: put its wheel back into {WHEELS}/."
    )


def of_version(asked: Version, root: Path, remedy: str = NAME_ONE) -> Wheel:
    """From wheels/, from what is running, or from the index."""
    for found, file in kept(root):
        if found == asked:
            return Wheel.read(f"{WHEELS}/{file.name}", file.read_bytes())
    if asked == Version(charter.__version__):
        return Wheel.read(*wheel())
    return fetched(f"{NAME}=={asked}", remedy)


def kept(root: Path) -> Iterator[tuple[Version, Path]]:
    """The wheels of Charter that lie in the project."""
    for file in sorted((root / WHEELS).glob(f"{NAME}-*.whl")):
        try:
            yield Version(file.name.split("-")[1]), file
        except InvalidVersion:
            continue


def fetched(requirement: str, remedy: str) -> Wheel:
    """From the index that uv or pip knows; nothing of it is run."""
    with TemporaryDirectory(prefix="charter-") as folder:
        install(
            ["--no-deps", "--only-binary", ":all:", "--target", folder, requirement],
            failure=f"{requirement} can't be fetched",
            remedy=remedy,
        )
        (found,) = Distribution.discover(name=NAME, path=[folder])
        content = packed(dict(installed_files(found)), found.version)
        return Wheel.read(f"The index's {NAME} {found.version}", content)


def install(
    arguments: list[str], *, failure: str, remedy: str, python: str = sys.executable
) -> None:
    """With uv where it is there, else with pip. Raises Refusal."""
    uv = shutil.which("uv")
    program = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    succeed([*program, "--quiet", *arguments], failure, remedy)


def succeed(command: list[str], failure: str, remedy: str) -> None:
    """Run a program. Raises Refusal, with what it said, where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refusal(f"{failure} ({reason_of(done.stderr)}). {remedy}")


REASONS = {
    r"not found in the (package registry|provided)|[Nn]o matching distribution|no version": (
        "no index has it"
    ),
    r"[Ff]ailed to fetch|error sending request|ConnectionError|Max retries|timed out|dns error": (
        "the index can't be reached"
    ),
}
"""What uv and pip say, and what it means to whoever wants a package."""


def reason_of(said: str) -> str:
    """Why a package can't be had, in words of ours where they are known."""
    known = (words for pattern, words in REASONS.items() if re.search(pattern, said))
    return next(known, one_line(said))


def one_line(text: str) -> str:
    """What a program said, without the frames that uv draws."""
    return " ".join(re.sub(r"[\u2500-\u25ff\u00d7]", " ", text).split()).rstrip(".")


# -- asking them ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rendering:
    """A project as a version makes it: its template and its accounts' part of the document."""

    files: Path
    part: dict[str, Any]
    members: list[Member]


class Release:
    """A version of Charter, unpacked where it can be run."""

    def __init__(self, wheel: Wheel, folder: Path) -> None:
        folder.mkdir()
        self.wheel = wheel
        self.folder = folder
        self.code = folder / "code"
        with ZipFile(BytesIO(wheel.content)) as archive:
            archive.extractall(self.code)
        self.file = folder / wheel.name
        self.file.write_bytes(wheel.content)

    def rendering(
        self, recorded: Mapping[str, Any], document: Any, accounts: Mapping[str, Any] | None
    ) -> Rendering:
        """Raises Refusal where what is recorded does not make a project."""
        out = self.folder / "rendering"
        out.mkdir()
        request = {
            "recorded": recorded,
            "document": document,
            "accounts": accounts,
            "wheel": str(self.file),
        }
        done = self.run(
            RENDERING, str(out), within=self.folder, said=json.dumps(request, default=str)
        )
        if done.returncode:
            reason = one_line(done.stderr.strip().rpartition("\n")[2])
            raise Refusal(
                f"Charter {self.wheel.version} can't fill its template with what"
                f" [tool.charter.project] in pyproject.toml records: {reason}."
            )
        answer = json.loads((out / "accounts.json").read_text())
        members = [Member(tuple(m["at"]), m["content"], m["text"]) for m in answer["members"]]
        return Rendering(out / "files", answer["part"], members)

    def generate(self, root: Path) -> None:
        """Write `generated/` of a project. Raises Refusal with the reason why that can't be."""
        done = self.run(NAME, "generate", within=root)
        if done.returncode:
            reason = done.stderr.strip().removeprefix("charter: ")
            raise Refusal(f"Charter {self.wheel.version} generates no code: {reason}")

    def run(
        self, module: str, *arguments: str, within: Path, said: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        searched = [str(self.code), *filter(None, [os.environ.get("PYTHONPATH")])]
        settings = {"PYTHONPATH": os.pathsep.join(searched), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [self.python, "-P", "-m", module, *arguments],
            cwd=within,
            env=os.environ | settings,
            input=said,
            capture_output=True,
            text=True,
            check=False,
        )

    @cached_property
    def python(self) -> str:
        """An interpreter that has what this version imports: the running or a temporary one."""
        unmet = ", ".join(unmet_requirements(self.wheel.metadata))
        if not unmet:
            return sys.executable
        failure = (
            f"Charter {self.wheel.version} needs {unmet}, not installed here, and it can't be"
            " fetched"
        )
        remedy = "Install it, or try again where an index can be reached."
        place = str(self.folder / "environment")
        uv = shutil.which("uv")
        make = [uv, "venv", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
        succeed([*make, place], failure, remedy)
        python = f"{place}/bin/python"
        wanted = ["--constraint", self.constraints(), f"{NAME}[tool] @ {self.file.as_uri()}"]
        install(wanted, failure=failure, remedy=remedy, python=python)
        return python

    def constraints(self) -> str:
        """A file of the versions that this Charter was tested with."""
        lock = (self.code / TEMPLATE_LOCK).read_text()
        versions = [line.split(" ")[0] for line in lock.splitlines() if line[:1].isalnum()]
        file = self.folder / "constraints.txt"
        file.write_text("\n".join(versions))
        return str(file)


def unmet_requirements(metadata: Message) -> Iterator[str]:
    """What a version needs and this environment has not."""
    for text in metadata.get_all("Requires-Dist", []):
        requirement = Requirement(text)
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in EXTRAS):
            continue
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            yield f"{requirement.name}{requirement.specifier}"
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            yield f"{requirement.name}{requirement.specifier}"
