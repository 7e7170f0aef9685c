"""Each rule of the lint has a section in docs/lint.md, whose examples do what it says."""

import copy
import json
import re
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from charter.document import Document
from charter.document.checks import ERRORS
from charter.document.lint import Configuration, lint
from charter.document.lint.rules import RULES
from charter.document.model import FIELDS
from charter.errors import Misconfigured
from charter.runtime.lifecycle import SINCE, SUNSET
from tests.data import ROOT

PAGE = (ROOT / "docs" / "lint.md").read_text()
SECTIONS = {
    name: re.findall(r"```yaml\n# (bad|good)\n(.*?)```", text, re.DOTALL)
    for name, text in re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
}

BASE: dict[str, Any] = {
    "openapi": "3.1.1",
    "info": {"title": "Library", "version": "1.0.0"},
    "tags": [{"name": "books"}],
    "paths": {
        "/books": {
            "get": {
                "operationId": "listBooks",
                "tags": ["books"],
                "summary": "List the books.",
                "responses": {"204": {"description": "Nothing."}},
            }
        }
    },
    "components": {
        "schemas": {"Shelf": {"type": "object"}},
        "securitySchemes": {
            "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
            "o": {
                "type": "oauth2",
                "flows": {"password": {"tokenUrl": "/t", "scopes": {"books:read": "Read."}}},
            },
        },
    },
}


def document(fragment: str) -> Document:
    """The base with a fragment in it: members of the document, of an operation, or of a schema."""
    content: dict[str, Any] = copy.deepcopy(BASE)
    part = yaml.safe_load(fragment)
    if "overlay" in part:
        return under(fragment)
    if "requestBody" in part:
        content["openapi"] = part.pop("openapi", content["openapi"])
    if part.keys() & {"openapi", "paths", "components", "servers"} or declares_tags(part):
        merge(content, part)
    elif part.keys() <= FIELDS["operation"].keys() | {SINCE, SUNSET, "sumary"}:
        content["paths"]["/books"]["get"].update(part)
    else:
        content["components"]["schemas"]["Book"] = part
    return Document(Path("openapi.json"), json.dumps(content, default=str))


def under(overlay: str) -> Document:
    """The base with an overlay."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "overlay.yaml")
        file.write_text(overlay)
        return Document(Path("openapi.json"), json.dumps(BASE), overlays=[file])


def declares_tags(part: dict[str, Any]) -> bool:
    return any(isinstance(tag, dict) for tag in part.get("tags", []))


def merge(content: dict[str, Any], part: dict[str, Any]) -> None:
    for name, value in part.items():
        if isinstance(value, dict) and isinstance(content.get(name), dict):
            merge(content[name], value)
        else:
            content[name] = value


def said(name: str, found: Document) -> set[str]:
    return {finding.message for finding in lint(found) if finding.rule == name}


NAMES = {"structure", "schema", "version", *(name for name, _ in ERRORS)}
NAMES |= {rule.name for rule in RULES}


def test_the_page_has_every_rule() -> None:
    assert SECTIONS.keys() == NAMES


@pytest.mark.parametrize("name", SECTIONS)
def test_the_bad_example_is_found_and_the_good_one_is_not(name: str) -> None:
    (_, bad), (_, good) = SECTIONS[name]

    before = said(name, document("{}"))
    assert said(name, document(bad)) - before
    assert not said(name, document(good)) - before


def table(text: str) -> Any:
    return tomllib.loads(text)["tool"]["charter"]["lint"]


def test_the_settings_of_the_page_are_read_and_followed() -> None:
    (settings,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    configuration = Configuration.of(table(settings))
    bad = document("paths: {/Old_Books: {}}\ncomponents: {schemas: {old_shelf: {}}}")

    found = {finding.rule: finding.severity.value for finding in lint(bad, configuration)}

    assert configuration.fail_on == "warning"
    assert configuration.severities["summary"] == "error"
    assert "description" not in found
    assert found["kebab-paths"] == "error"
    assert found["schema-case"] == "warning"
    assert found["contact"] == "warning"


def test_what_is_ignored_is_ignored_there_alone() -> None:
    failing = "responses: {'404': {description: None., content: {application/json: {}}}}"
    ignore = {"rule": "problem", "path": "/paths/~1books/*", "reason": "It is old."}

    def rules(path: str) -> set[str]:
        configuration = Configuration.of({"ignore": [ignore | {"path": path}]})
        return {finding.rule for finding in lint(document(failing), configuration)}

    assert "problem" not in rules("/paths/~1books/*")
    assert "problem" in rules("/paths/~1shelves/*")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (
            {"rules": {"descripton": "off"}},
            "pyproject.toml: tool.charter.lint.rules.descripton is no rule: `charter lint` names",
        ),
        ({"rules": {"structure": "off"}}, "rules.structure is an error, which stays one"),
        ({"rules": {"summary": "loud"}}, "rules.summary = 'loud': use error, warning, info, off"),
        ({"fail-on": "no"}, "fail-on = 'no': use error, warning, info, never"),
        (
            {"ignore": [{"rule": "tga", "path": "*", "reason": "It is old."}]},
            "ignore[0].rule = 'tga' is no rule: `charter lint` names",
        ),
        ({"ignore": [{"rule": "tag", "path": "*"}]}, r"ignore[0] lacks `reason`: add it"),
        (
            {"rule": [{"name": "a", "select": "$[", "message": "b"}]},
            "rule[0].select is no JSONPath",
        ),
        (
            {"rule": [{"name": "a", "select": "$", "message": "b", "pattern": "("}]},
            "rule[0].pattern is no regular expression",
        ),
        ({"rule": {"name": "a"}}, "rule is a list: write [[tool.charter.lint.rule]]"),
        ({"colour": 1}, "lint.colour means nothing: use fail-on, ignore, rule, rules"),
        (False, "tool.charter.lint has to be a table"),
    ],
)
def test_a_mistake_in_the_settings_is_named(settings: Any, complaint: str) -> None:
    with pytest.raises(Misconfigured, match=re.escape(complaint)):
        Configuration.of(settings)
