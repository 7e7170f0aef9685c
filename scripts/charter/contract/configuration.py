"""The configuration of Schemathesis, written for each run from the document and the settings."""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs

from charter.contract.accounts import Accounts
from charter.contract.api import Api, label
from charter.contract.settings import FuzzSettings
from charter.contract.streams import LONGEST, streams
from charter.contract.subject import TOKEN
from charter.document.listings import has_format
from charter.runtime import Operation
from charter.runtime.shapes import Shape

HOOKS = "charter.contract.hooks"
PLACEHOLDER = "$TOKEN"
MAX_STEPS = 20
NOTABLE = (
    "admin", "root", "null", "None", "undefined", "true", "false", "NaN", "0", "-1", "%", "_",
    "\\", "'", '"', "';--", "<b>", "../", "%00", "{}", "[]", "\r\n", "\u202e", "ﬃ", "İ", "😀",
)  # fmt: skip
"""Texts on which programs have stumbled before."""
OFTEN, SOMETIMES = 0.9, 0.2
ACCEPTED = ("2xx", "3xx", "401", "403", "404")
REFUSED = ("400", "401", "403", "404", "415", "422")
WARNINGS = (
    "missing_auth", "missing_test_data", "validation_mismatch", "low_valid_rate",
    "method_not_allowed", "unused_openapi_auth", "unsupported_regex",
    "unmatched_filter", "unresolvable_reference", "rate_limited", "dictionary_mismatch",
    "base_url_mismatch", "constants_extraction", "timeout_units",
)  # fmt: skip
"""All that Schemathesis has but `missing_deserializer`: an image is no fault of the service's."""
OF_REFUSALS = frozenset(
    {"missing_auth", "missing_test_data", "validation_mismatch", "low_valid_rate"}
)
"""Those that say that an operation refuses what is valid."""
OF_BODIES = ("positive_data_acceptance", "negative_data_rejection")
"""Checks of what is refused."""
STATEFUL_CHECKS = ("use_after_free", "ensure_resource_availability")
COMMON: Mapping[str, Any] = {
    "continue-on-failure": True,
    "max-stream-events": 1,  # a stream may have no end
    "workers": 1,  # one worker and one seed make one sequence of requests
    "cache": {"enabled": False},  # a run knows nothing of the one before
    "reports": {"json": {"enabled": True}, "ndjson": {"enabled": True}},
    # so that curl lines can be replayed: the key that caused a failure stays in them
    "output": {"sanitization": {"keys-to-sanitize": ["authorization"],
                                "sensitive-markers": ["authorization"],
                                "replacement": PLACEHOLDER}},
}  # fmt: skip


def main(
    api: Api, settings: FuzzSettings, accounts: Accounts, mocked: Collection[str]
) -> dict[str, Any]:
    """Every check, every phase, no operation left out. `mocked` are labels of operations."""
    dictionaries = Dictionaries()
    operations = [
        {"include-name": label(one)} | extra
        for one in api.operations
        if (
            extra := dict(
                particulars(api, settings, accounts, one, label(one) in mocked, dictionaries)
            )
        )
    ]
    return {
        **COMMON,
        "hooks": HOOKS,
        "generation": {
            "mode": "all",
            "database": "none",
            "with-security-parameters": False,  # else 401 hides what is wrong with bodies
        },
        "phases": {
            "examples": {"fill-missing": True},
            "coverage": {"generate-duplicate-query-parameters": True},
            "stateful": {"max-steps": MAX_STEPS},
        },
        "warnings": warnings(WARNINGS),
        "dictionaries": dictionaries.table(),
        "operations": operations,
        "reports": {**COMMON["reports"], "junit": {"enabled": True}},
    }


def peers(
    settings: FuzzSettings, users: Path, names: Collection[str], mocked: Collection[str]
) -> dict[str, Any]:
    """Two users whose objects must stay private to each other, and who must both live on.

    `users` is the file that says who they are, in the form of Web Fuzzing Commons. Schemathesis
    takes either these or the identities of hooks, so that it is a run of its own.
    """
    disabled = [{"include-operation-id": list(settings.ends), "enabled": False}] * bool(
        settings.ends
    )
    disabled += [{"include-name": list(mocked), "enabled": False}] * bool(mocked)
    return {
        **COMMON,
        "generation": {"mode": "positive", "database": "none", "with-security-parameters": False},
        "auth": {"wfc": {"path": str(users), "peers": list(names)}},
        "operations": disabled,
        "checks": {"enabled": False, "object_level_authorization": {"enabled": True}},
        "phases": {"stateful": {"max-steps": MAX_STEPS}},
        "reports": {**COMMON["reports"], "junit": {"enabled": True}},
    }


def warnings(displayed: Collection[str]) -> dict[str, Any]:
    """Warnings that are failures."""
    return {
        "fail-on": True,
        "low_valid_rate": {"threshold": 0.2},
        "display": sorted(displayed),
    }


def particulars(
    api: Api,
    settings: FuzzSettings,
    accounts: Accounts,
    operation: Operation,
    is_mocked: bool,
    dictionaries: "Dictionaries",
) -> Iterator[tuple[str, Any]]:
    """What is configured for one operation alone."""
    values = dict(dictionaries.parameters(api, settings, accounts, operation))
    if values:
        yield "parameters", values
    checks: dict[str, Any] = {}
    if extra := [str(status) for status in api.extra_statuses(operation)]:
        checks["positive_data_acceptance"] = {"expected-statuses": [*ACCEPTED, *extra]}
        checks["negative_data_rejection"] = {"expected-statuses": [*REFUSED, *extra]}
    if is_mocked:
        # a mock takes any credentials that it can't judge, and need not remember
        checks |= {name: {"enabled": False} for name in STATEFUL_CHECKS}
        if not api.takes_bearer_alone(operation):
            checks["ignored_auth"] = {"enabled": False}
    if api.takes_lists_in_forms(operation) or (is_mocked and not api.takes_json_alone(operation)):
        # a form spells a text and a list of one alike, and an empty list like none; what else a
        # mock is sent is bytes
        checks |= {name: {"enabled": False} for name in OF_BODIES}
    elif api.takes_lists_in_xml(operation):  # an empty element is an empty text, list or object
        checks["negative_data_rejection"] = {"enabled": False}
    if checks:
        yield "checks", checks
    if streams(operation):
        yield "request-timeout", LONGEST
    if not api.can_succeed(operation):
        yield "warnings", warnings(set(WARNINGS) - OF_REFUSALS)


class Dictionaries:
    """Values that the schema can't express: credentials that exist, and notable texts."""

    def __init__(self) -> None:
        self.names: dict[tuple[str, ...], str] = {}

    def named(self, values: Collection[str]) -> str:
        return self.names.setdefault(tuple(values), f"values_{len(self.names) + 1}")

    def table(self) -> dict[str, Any]:
        return {name: {"values": list(values)} for values, name in self.names.items()}

    def parameters(
        self, api: Api, settings: FuzzSettings, accounts: Accounts, operation: Operation
    ) -> Iterator[tuple[str, Any]]:
        known = known_values(api, settings, accounts, operation)
        for name, values in known.items():
            yield f"body.{name}", {"dictionary": self.named(values), "probability": OFTEN}
        shape = api.body_shape(operation)
        for name in sorted(shape.names - known.keys()):
            if fitting := notable(api, shape.member(name)):
                chosen = {"dictionary": self.named(fitting), "probability": SOMETIMES}
                yield f"body.{name}", chosen
        for parameter in operation.parameters:
            is_text = parameter.place == "query" and parameter.media_type is None
            if is_text and (fitting := notable(api, parameter.style.shape)):
                chosen = {"dictionary": self.named(fitting), "probability": SOMETIMES}
                yield f"query.{parameter.name}", chosen


def known_values(
    api: Api, settings: FuzzSettings, accounts: Accounts, operation: Operation
) -> dict[str, list[str]]:
    """The values of members that the settings know, for the accounts that live on."""
    login = settings.login.operation or getattr(api.token_operation, "id", "")
    texts = dict(settings.known.get(operation.id, {}))
    if operation.id == login:
        shape = api.body_shape(operation)
        marked = {name: text for name, text in settings.login.form.items() if "{" in text}
        texts |= {name: text for name, text in marked.items() if name in shape.names}
    return {
        name: [text.replace("{name}", accounts.users[0]).replace("{password}", accounts.password)]
        for name, text in texts.items()
        if TOKEN not in text
    }


def notable(api: Api, shape: Shape) -> list[str]:
    """The notable texts that a member admits, which may be any text."""
    kept = {"password", "email", "date-time", "date", "uuid", "uri"}
    is_any_text = "string" in shape.types and shape.types <= {"string", "null"}
    declared = [part for part in shape.parts if "type" in part or "pattern" in part]
    if not is_any_text or any("enum" in part or "const" in part for part in shape.parts):
        return []
    if any(has_format(shape, format_) for format_ in kept):
        return []
    return [text for text in NOTABLE if all(admits(part, text) for part in declared)]


def admits(part: Mapping[str, Any], text: str) -> bool:
    """Whether the keywords of a schema that are about texts admit one."""
    about = ("type", "pattern", "minLength", "maxLength", "format")
    schema = {name: part[name] for name in about if name in part}
    return jsonschema_rs.Draft202012Validator(schema).is_valid(text)


# -- TOML -----------------------------------------------------------------------------------------


def toml(table: Mapping[str, Any]) -> str:
    """A document in TOML, each member of the table on a line of its own."""
    return "".join(f"{quoted(name)} = {value(child)}\n" for name, child in table.items())


def value(node: Any) -> str:
    if isinstance(node, Mapping):
        return (
            "{"
            + ", ".join(f"{quoted(name)} = {value(child)}" for name, child in node.items())
            + "}"
        )
    if isinstance(node, list | tuple):
        return "[" + ", ".join(map(value, node)) + "]"
    return quoted(node) if isinstance(node, str) else json.dumps(node)


def quoted(text: str) -> str:
    """A basic string, which is JSON's but for the character that JSON leaves bare."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
