"""What the pages name is there: files, links, modules, verbs of `charter` and their options."""

import importlib
import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from charter.cli import ANYTHING, app
from tests.data import ROOT

PAGES = sorted(path.relative_to(ROOT).as_posix() for path in [
    *ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/decisions/*.md")
])  # fmt: skip
HISTORY = "CHANGELOG.md"
"""What it names was there once."""
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
SPAN = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^(?: {4}|```\w*\n(?:.*\n)*?```$)", re.MULTILINE)
LINE = re.compile(r"^(?: {4,}|\$ )?(?:\$ )?((?:\S+=\S+ )*(?:\.venv/bin/)?(?:charter|python) .*)$")
FILE = re.compile(r"(?:\./)?(?:[\w.*<>-]+/)*[\w*<>-]+\.(?:md|py|svg|toml|tsv|txt|yaml|yml)")
FOLDERS = ("alembic", "docs", "generated", "impl", "openapi", "requirements", "scripts", "tests")
MODULE = re.compile(r"(?:charter|dev|tests)(?:\.\w+)+(?:\(\))?")
OPTION = re.compile(r"--[a-z][a-z-]*")
OF_OTHERS = {"--no-treat-dot-as-module"}
"""Options of other programs that the pages speak of."""
LOGGERS = {"charter.security"}
OF_TEAMS = {".github/workflows/charter.yml", "accepted-changes.yaml"}
"""Files that a team may write."""


def text(page: str) -> str:
    return (ROOT / page).read_text()


def spans(page: str) -> Iterator[str]:
    yield from SPAN.findall(re.sub(r"^```.*?^```", "", text(page), flags=re.MULTILINE | re.DOTALL))


def lines(page: str) -> Iterator[str]:
    """Commands, in blocks or in the text, without the comments behind them."""
    for line in [*text(page).splitlines(), *spans(page)]:
        if found := LINE.match(line):
            yield found[1].partition(" #")[0].split(" && ")[0].strip()


@cache
def files() -> frozenset[str]:
    hidden = {".venv", ".git", ".data", ".mypy_cache"}
    found = (path for path in ROOT.rglob("*") if not hidden & set(path.parts))
    return frozenset(path.relative_to(ROOT).as_posix() for path in found)


def is_there(name: str) -> bool:
    """Whether a path, or the end of one, is that of a file or a folder."""
    wanted = re.sub(r"<\w+>", "*", name.removeprefix("./").rstrip("/"))
    pattern = re.compile(r"(?:.*/)?" + re.escape(wanted).replace(r"\*", "[^/]*"))
    return any(map(pattern.fullmatch, files()))


def is_importable(name: str) -> bool:
    """Whether a dotted name is a module, or what a module has."""
    module, _, attribute = name.removesuffix("()").rpartition(".")
    try:
        importlib.import_module(f"{module}.{attribute}")
    except ImportError:
        return hasattr(importlib.import_module(module), attribute)
    return True


def verbs() -> Mapping[str, Any]:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return group.commands


def options_of(command: Any) -> set[str]:
    named = {name for one in command.params for name in [*one.opts, *one.secondary_opts]}
    return named | {"--help", "-h"}


def wrong(line: str) -> Iterator[str]:
    """What of a command line isn't there."""
    words = [word for word in shlex.split(line, posix=False) if "=" not in word.split("-")[0]]
    program, *rest = words
    if program.endswith("python"):
        if rest[:1] == ["-m"] and MODULE.fullmatch(rest[1]) and not is_importable(rest[1]):
            yield rest[1]
        return
    verb = rest[0]
    if verb in ("VERB", "--help", "--version"):
        return
    if verb not in verbs():
        yield f"charter {verb}"
    elif verbs()[verb].context_settings.items() & ANYTHING.items() == set():
        for option in filter(OPTION.match, rest[1:]):
            if option.partition("=")[0] not in options_of(verbs()[verb]):
                yield f"charter {verb} {option}"


@pytest.mark.parametrize("page", PAGES)
def test_a_link_leads_somewhere(page: str) -> None:
    here = (ROOT / page).parent

    assert [link for link in LINK.findall(text(page)) if not (here / link).exists()] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != HISTORY])
class TestNames:
    def test_a_file_is_there(self, page: str) -> None:
        named = [span for span in spans(page) if FILE.fullmatch(span) or is_folder(span)]

        assert [name for name in named if name not in OF_TEAMS and not is_there(name)] == []

    def test_a_module_can_be_imported(self, page: str) -> None:
        named = [
            span for span in spans(page) if MODULE.fullmatch(span) and not FILE.fullmatch(span)
        ]

        assert [name for name in named if name not in LOGGERS and not is_importable(name)] == []

    def test_a_command_has_its_verb_and_its_options(self, page: str) -> None:
        assert [name for line in lines(page) for name in wrong(line)] == []

    def test_an_option_is_one_of_a_program(self, page: str) -> None:
        known = OF_OTHERS | of_charter() | of_this_repository()

        named = [option for span in spans(page) for option in OPTION.findall(span)]

        assert sorted(set(named) - known) == []


def is_folder(span: str) -> bool:
    """Whether it is the path of something in this repository."""
    first, slash, _ = span.removeprefix("./").partition("/")
    return bool(slash) and first in FOLDERS and re.fullmatch(r"[\w./*<>-]+", span) is not None


@cache
def of_charter() -> set[str]:
    return {option for verb in verbs().values() for option in options_of(verb)}


@cache
def of_this_repository() -> set[str]:
    """Those that the programs beside charter take, and the tests."""
    sources = [path for path in (ROOT / "impl", ROOT / "scripts" / "dev", ROOT / "tests")
               for path in path.rglob("*.py") if path.name != Path(__file__).name]  # fmt: skip
    return {option for path in sources for option in OPTION.findall(path.read_text())}


def test_the_commands_are_looked_at() -> None:
    """Those of the README, at least: a pattern that finds nothing finds nothing wrong."""
    found = {line.split()[1] for line in lines("README.md") if line.startswith("charter")}

    assert {"mock", "lint", "diff", "init", "generate", "serve", "fuzz"} <= found
    assert list(wrong("charter init --dance")) == ["charter init --dance"]
    assert list(wrong("charter dance")) == ["charter dance"]
    assert list(wrong("python -m dev.dance")) == ["dev.dance"]
