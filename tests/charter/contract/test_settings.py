"""A mistake in the fuzzer's settings is said in a sentence, and nothing is fuzzed."""

from pathlib import Path
from typing import Any

import pytest

from charter.contract.accounts import Accounts
from charter.contract.settings import FuzzSettings
from charter.errors import Misconfigured
from charter.project import Project
from tests.charter.contract.library import library


def settings(table: Any) -> FuzzSettings:
    project = Project.at(Path("/a/project"), {"fuzz": table})
    return FuzzSettings.of(project, library().contract)


def test_every_setting_has_a_default() -> None:
    found = settings({})

    assert found.accounts == "tests.contract.accounts"
    assert found.login.form["username"] == "{name}"
    assert found.ends == {}


def test_settings_are_read() -> None:
    found = settings(
        {
            "ends": ["discard"],
            "login": {"operation": "enter", "token": "/jwt", "form": {"user": "{name}"}},
            "known": {"join": {"secret": "{password}"}},
            "unprovoked": {"count 404": "there is one"},
        }
    )

    assert found.ends == {"discard": "one"}
    assert (found.login.operation, found.login.token) == ("enter", "/jwt")
    assert found.login.form == {"user": "{name}"}
    assert found.known == {"join": {"secret": "{password}"}}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([], "tool.charter.fuzz is not a table"),
        ({"end": []}, "tool.charter.fuzz.end is not a setting; there are accounts, checks"),
        ({"ends": "discard"}, "tool.charter.fuzz.ends is not a table"),
        ({"ends": {"discard": "it"}}, "tool.charter.fuzz.ends.discard is none of account, all"),
        ({"bars": {"discard": 1}}, "tool.charter.fuzz.bars.discard is not a table"),
        ({"demotes": {"burn": {}}}, "tool.charter.fuzz.demotes names burn"),
        ({"ends": ["burn"]}, "tool.charter.fuzz.ends names burn"),
        ({"own": [1]}, "tool.charter.fuzz.own is not a text"),
        ({"accounts": 1}, "tool.charter.fuzz.accounts is not a text"),
        ({"login": {"url": "/"}}, "tool.charter.fuzz.login.url is not a setting"),
        ({"login": {"operation": "exit"}}, "tool.charter.fuzz.login.operation names exit"),
        ({"known": {"burn": {}}}, "tool.charter.fuzz.known names burn"),
        ({"known": {"join": "secret"}}, "tool.charter.fuzz.known.join is not a table"),
        ({"unprovoked": {"burn 404": "-"}}, "tool.charter.fuzz.unprovoked names burn"),
        ({"environment": {"A": 1}}, "tool.charter.fuzz.environment.A is not a text"),
    ],
)
def test_a_mistake_names_the_setting_and_the_file(table: Any, message: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        settings(table)

    assert str(caught.value).startswith("/a/project/pyproject.toml: ")
    assert message in str(caught.value)
    assert caught.value.exit_code == 2


def test_accounts_are_what_the_program_prints() -> None:
    found = Accounts.read('{"password": "p", "users": ["a", "b"], "peers": ["c", "d"]}', "x")

    assert (found.password, found.callers, found.peers) == ("p", ["a", "b"], ["c", "d"])


def test_administrators_may_do_most() -> None:
    printed = '{"password": "p", "administrators": ["r"], "users": ["a", "b"]}'

    assert Accounts.read(printed, "x").callers == ["r"]


@pytest.mark.parametrize(
    "printed",
    ["", "[]", "{}", '{"password": "p", "users": 1}', '{"password": "p", "users": ["a"]}'],
)
def test_accounts_that_can_not_be_read_are_refused(printed: str) -> None:
    with pytest.raises(Misconfigured, match="`python -m x`"):
        Accounts.read(printed, "x")
