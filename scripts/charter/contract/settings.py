"""What a document can't say to its fuzzer: `[tool.charter.fuzz]` in a project's pyproject.toml.

Every member has a default; docs/fuzz.md describes them.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from charter.errors import Misconfigured
from charter.project import SETTINGS, Project
from charter.runtime import Contract

TABLE = "tool.charter.fuzz"
NAME, PASSWORD = "{name}", "{password}"
"""Stand for an account's name and its password in the texts of the settings."""

Texts = Mapping[str, str]


@dataclass(frozen=True)
class Login:
    """How to exchange the password of an account for a token."""

    operation: str = ""
    """The operationId; by default the operation at the `tokenUrl` of the OAuth 2 password flow."""
    form: Texts = field(
        default_factory=lambda: {"grant_type": "password", "username": NAME, "password": PASSWORD}
    )
    """What is sent (RFC 6749 section 4.3.2)."""
    token: str = "/access_token"  # noqa: S105 - where it is
    """Where the token is in the answer, as a JSON Pointer."""
    scope: str = "scope"
    """The member of the form that asks for fewer scopes; empty if there is none."""


@dataclass(frozen=True)
class FuzzSettings:
    """The whole table."""

    accounts: str = "tests.contract.accounts"
    """The module that fills the fresh database with accounts, and prints them as JSON."""
    checks: str = ""
    """A module with further checks of Schemathesis."""
    login: Login = field(default_factory=Login)
    credentials: Texts = field(default_factory=dict)
    """What to show for the security schemes that take no bearer token, by their names."""
    ends: Texts = field(default_factory=dict)
    """Operations that end sessions of the caller, and which: `all`, `others`, the caller's `own`,
    `one` of them, or with all of them the `account`. Each call has its own caller. A list names
    operations that end `one`."""
    bars: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Operations by which an administrator locks an account out, and with which body."""
    demotes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Operations that make an administrator an ordinary user, and with which body."""
    own: tuple[str, ...] = ()
    """Operations that list the caller's own objects, and nobody else's."""
    known: Mapping[str, Texts] = field(default_factory=dict)
    """By operation: members of the body that only a known value fits."""
    respelled: tuple[str, ...] = ()
    """Members that are answered in another spelling than they were sent in."""
    refuses: str = ""
    """`module:function`, which says whether the service refuses a password; called with the
    password and the body. Without it, generated passwords are replaced by good ones."""
    unprovoked: Texts = field(default_factory=dict)
    """Reasons why a fuzzer can't see a declared status, by `operationId status`."""
    environment: Texts = field(default_factory=dict)
    """Further environment variables of the service under test."""

    @classmethod
    def of(cls, project: Project, contract: Contract) -> Self:
        """Raises Misconfigured for a member that isn't known or names no operation."""
        table = project.table.get("fuzz", {})
        file = project.root / SETTINGS
        try:
            found = cls(**read(cls, table, TABLE))
            found.check(contract)
        except ValueError as error:
            raise Misconfigured(f"{file}: {error}") from None
        return found

    def check(self, contract: Contract) -> None:
        named: dict[str, Iterable[str]] = {
            "ends": self.ends,
            "bars": self.bars,
            "demotes": self.demotes,
            "own": self.own,
            "known": self.known,
            "unprovoked": [key.partition(" ")[0] for key in self.unprovoked],
            "login.operation": [self.login.operation] if self.login.operation else [],
        }
        for member, operations in named.items():
            for name in operations:
                if name not in contract.operations:
                    raise ValueError(
                        f"{TABLE}.{member} names {name}, which is no operationId of the document."
                    )


def read(kind: type[Any], table: Any, place: str) -> dict[str, Any]:
    """The arguments of a class of settings. Raises ValueError."""
    if not isinstance(table, dict):
        raise ValueError(f"{place} is not a table.")
    known = {member.name: member for member in fields(kind)}
    made: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            raise ValueError(f"{place}.{name} is not a setting; there are {', '.join(known)}.")
        made[name] = converted(value, name, f"{place}.{name}")
    return made


TEXTS = frozenset({"accounts", "checks", "operation", "refuses", "scope", "token"})
LISTS = frozenset({"own", "respelled"})
ENDS = ("account", "all", "one", "others", "own")


def converted(value: Any, name: str, place: str) -> Any:
    if name == "login":
        return Login(**read(Login, value, place))
    if name in TEXTS:
        return text(value, place)
    if name in LISTS:
        if not isinstance(value, list):
            raise ValueError(f"{place} is not a list.")
        return tuple(text(one, place) for one in value)
    if name == "ends" and isinstance(value, list):
        return {text(one, place): "one" for one in value}
    value = table_of(value, place)
    if name in ("bars", "demotes"):
        return {key: table_of(child, f"{place}.{key}") for key, child in value.items()}
    if name == "ends":
        return {key: one_of(ENDS, child, f"{place}.{key}") for key, child in value.items()}
    if name == "known":
        return {key: converted(child, key, f"{place}.{key}") for key, child in value.items()}
    return {key: text(child, f"{place}.{key}") for key, child in value.items()}


def table_of(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{place} is not a table.")
    return value


def one_of(names: Collection[str], value: Any, place: str) -> str:
    if value not in names:
        raise ValueError(f"{place} is none of {', '.join(names)}.")
    return str(value)


def text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{place} is not a text.")
    return value
