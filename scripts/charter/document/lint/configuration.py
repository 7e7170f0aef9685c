"""`[tool.charter.lint]`: which rules are on, how severe, what is ignored, and a team's own rules.

[tool.charter.lint]
fail-on = "warning"
rules = {description = "off", summary = "error"}

[[tool.charter.lint.ignore]]
rule = "problem"
path = "/paths/~1legacy/*"
reason = "Clients of 2019 parse these errors."

[[tool.charter.lint.rule]]
name = "kebab-paths"
select = "$.paths.*"
key = true
pattern = "^(/([a-z0-9-]+|[{].*[}]))+$"
message = "Write paths in kebab-case."
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import jsonpath

from charter.document.checks import ERRORS
from charter.document.findings import SEVERITIES, Severity
from charter.document.lint.rules import RULES
from charter.document.model import Model, Path, Remark, mapping
from charter.errors import Misconfigured
from charter.runtime.references import pointer

TABLE = "tool.charter.lint"
OFF = "off"
NEVER = "never"

ALWAYS = frozenset({"structure", "schema", "version", *(name for name, _ in ERRORS)})
"""The rules whose violations are errors, which can't be turned off."""

CASINGS = {
    "camel": r"[a-z][a-zA-Z0-9]*",
    "pascal": r"[A-Z][a-zA-Z0-9]*",
    "snake": r"[a-z][a-z0-9]*(_[a-z0-9]+)*",
    "kebab": r"[a-z][a-z0-9]*(-[a-z0-9]+)*",
    "macro": r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*",
}


@dataclass(frozen=True)
class OwnRule:
    """A rule as data: what is selected has to be there, or be written in a certain way."""

    name: str
    select: str
    message: str
    severity: Severity = Severity.WARNING
    member: str = ""
    """The member of each selected object that is judged; the object itself if empty."""
    key: bool = False
    """Whether the name of what is selected is judged, not its value."""
    pattern: str = ""
    """What the text has to contain a match of; with an empty one it only has to be there."""

    def find(self, model: Model) -> Iterator[Remark]:
        for found in jsonpath.finditer(self.select, dict(model.content)):
            path: Path = tuple(found.parts)
            value = found.obj
            if self.key:
                value = path[-1] if path else ""
            elif self.member:
                value = mapping(found.obj).get(self.member)
                path = (*path, self.member) if value is not None else path
            if value in (None, "") or not re.search(self.pattern, str(value)):
                yield Remark(path, self.message)


@dataclass(frozen=True)
class Ignored:
    """A place where a rule does not hold, and why."""

    rule: str
    path: str
    reason: str


@dataclass(frozen=True)
class Configuration:
    severities: Mapping[str, str] = field(default_factory=dict)
    ignored: Sequence[Ignored] = ()
    own: Sequence[OwnRule] = ()
    fail_on: str = Severity.ERROR.value

    def severity(self, rule: str, default: Severity) -> Severity | None:
        """None where the rule is off."""
        chosen = self.severities.get(rule, default.value)
        return None if chosen == OFF else Severity(chosen)

    def ignores(self, rule: str, path: Path) -> bool:
        place = pointer(*path)
        return any(one.rule in (rule, "*") and fnmatchcase(place, one.path) for one in self.ignored)

    @classmethod
    def of(cls, table: Any, file: str = "pyproject.toml") -> "Configuration":
        """Reads the table. Raises Misconfigured, which names the file, the key, what it may be."""
        try:
            return cls._of(table)
        except Misconfigured as error:
            raise Misconfigured(f"{file}: {error}") from None

    @classmethod
    def _of(cls, table: Any) -> "Configuration":
        known = {"fail-on", "rules", "ignore", "rule"}
        members = checked(table, TABLE, known)
        own = [own_rule(entry, index) for index, entry in enumerate(entries(members, "rule"))]
        severities = checked(members.get("rules", {}), f"{TABLE}.rules", None)
        names = {rule.name for rule in RULES}
        everything = {*names, *ALWAYS, *(rule.name for rule in own), "*"}
        for name, severity in severities.items():
            if name not in names:
                reason = (
                    "is an error, which stays one"
                    if name in ALWAYS
                    else "is no rule: `charter lint` names the rule in each finding"
                )
                raise Misconfigured(f"{TABLE}.rules.{name} {reason}.")
            one_of(severity, (*SEVERITIES, OFF), f"{TABLE}.rules.{name}")
        return cls(
            severities=severities,
            ignored=[
                ignored(entry, index, everything)
                for index, entry in enumerate(entries(members, "ignore"))
            ],
            own=own,
            fail_on=one_of(
                members.get("fail-on", cls.fail_on), (*SEVERITIES, NEVER), f"{TABLE}.fail-on"
            ),
        )


def own_rule(entry: Any, index: int) -> OwnRule:
    where = f"{TABLE}.rule[{index}]"
    known = {"name", "select", "message", "severity", "member", "key", "pattern", "casing"}
    members = checked(entry, where, known, required=("name", "select", "message"))
    severity = one_of(members.get("severity", "warning"), SEVERITIES, f"{where}.severity")
    pattern = str(members.get("pattern", ""))
    if "casing" in members:
        casing = one_of(members["casing"], tuple(CASINGS), f"{where}.casing")
        pattern = f"^(?:{CASINGS[casing]})$"
    try:
        jsonpath.compile(str(members["select"]))
    except jsonpath.JSONPathError as error:
        problem = str(error).splitlines()[0]
        raise Misconfigured(f"{where}.select is no JSONPath: {problem}.") from None
    try:
        re.compile(pattern)
    except re.error as error:
        raise Misconfigured(f"{where}.pattern is no regular expression: {error}.") from None
    return OwnRule(
        name=str(members["name"]),
        select=str(members["select"]),
        message=str(members["message"]),
        severity=Severity(severity),
        member=str(members.get("member", "")),
        key=members.get("key") is True,
        pattern=pattern,
    )


def ignored(entry: Any, index: int, rules: set[str]) -> Ignored:
    where = f"{TABLE}.ignore[{index}]"
    members = checked(entry, where, {"rule", "path", "reason"}, required=("rule", "path", "reason"))
    if str(members["rule"]) not in rules:
        raise Misconfigured(
            f"{where}.rule = {members['rule']!r} is no rule: `charter lint` names the rule in each"
            ' finding, and "*" stands for all.'
        )
    return Ignored(str(members["rule"]), str(members["path"]), str(members["reason"]))


def checked(
    value: Any, where: str, known: set[str] | None, required: Sequence[str] = ()
) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Misconfigured(f"{where} has to be a table.")
    if surplus := sorted(value.keys() - (known if known is not None else value.keys())):
        allowed = ", ".join(sorted(known or ()))
        raise Misconfigured(f"{where}.{surplus[0]} means nothing: use {allowed}.")
    for name in required:
        if not value.get(name):
            raise Misconfigured(f"{where} lacks `{name}`: add it.")
    return value


def entries(members: Mapping[str, Any], name: str) -> list[Any]:
    found = members.get(name, [])
    if not isinstance(found, list):
        raise Misconfigured(f"{TABLE}.{name} is a list: write [[{TABLE}.{name}]].")
    return found


def one_of(value: Any, allowed: Sequence[str], where: str) -> str:
    if value not in allowed:
        raise Misconfigured(f"{where} = {value!r}: use {', '.join(allowed)}.")
    return str(value)
