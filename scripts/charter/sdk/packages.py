"""What a package is called, and its version as Python and npm count."""

import keyword
import re
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from charter.errors import Misconfigured
from charter.sdk.words import words

NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
NUMBERS = re.compile(r"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?")
SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z.-]+)?"
)


@dataclass(frozen=True)
class Package:
    name: str
    """As an index lists it: `museum-client`."""

    @property
    def module(self) -> str:
        """As code imports it: `museum_client`."""
        return self.name.replace("-", "_")


def package(name: str | None, title: str) -> Package:
    """The package of that name, or one that is called after the title of the document.

    Raises Misconfigured for a name that can be none.
    """
    wanted = name if name is not None else f"{'-'.join(words(title))}-client"
    if name is None and not is_name(wanted):
        wanted = f"api-{wanted}"
    if not is_name(wanted):
        plain = "-".join(words(wanted))
        better = next(filter(is_name, (plain, f"{plain}-client")), "my-client")
        raise Misconfigured(
            f"`{wanted}` can't be the name of a package: use lower-case letters, digits and"
            f" hyphens, for example `--name {better}`."
        )
    return Package(wanted)


def is_name(name: str) -> bool:
    """Whether indexes and Python take it."""
    return bool(NAME.fullmatch(name)) and not keyword.iskeyword(name)


def version_of_python(version: str) -> str:
    """The version as PEP 440 has it; one that it has no place for is the local part of 0."""
    try:
        return str(Version(version))
    except InvalidVersion:
        plain = ".".join(re.findall(r"[a-z0-9]+", version.lower()))
        return f"0+{plain}" if plain else "0"


def version_of_npm(version: str) -> str:
    """The version as semver.org has it; one that it has no place for is a pre-release of 0."""
    if SEMVER.fullmatch(version):
        return version
    if found := NUMBERS.fullmatch(version):
        return ".".join(str(int(part or 0)) for part in found.groups())
    plain = "-".join(re.findall(r"[A-Za-z0-9]+", version))
    return f"0.0.0-v-{plain}" if plain else "0.0.0"
