"""The page of a run says what was seen, and how a failure is seen again."""

import re
from collections import Counter
from pathlib import Path

import pytest

from charter.contract import page
from charter.contract.api import label
from charter.contract.gate import Gate, Run, Runs
from charter.contract.probes import Probed
from charter.contract.report import Failure, Screen
from charter.contract.settings import FuzzSettings
from tests.charter.contract.library import library

SHOW = "GET /books/{bookId}"
CURL = "curl -X GET 'http://127.0.0.1:39525/books/1?a=<b>' -H \"Authorization: Bearer $TOKEN\""


def written(directory: Path, found: list[str]) -> str:
    api = library()
    probed = Probed(Counter({(SHOW, 200): 3}), implemented=set(map(label, api.operations)))
    summary = {"valid_rates": {SHOW: {"fuzzing": {"accepted": 3, "rejected": 1}}}}
    main = Run("main", 0, summary, Counter({(SHOW, 404): 7}))
    main.checks[SHOW, "not_a_server_error"] = 7
    main.sent[SHOW, "path", "bookId"] = 7
    main.tried[SHOW, "invalid_enum_value"] = 2
    main.seconds[SHOW] = [0.001, 0.25]
    screen = Screen(quiet=True)
    screen.replay = "TOKEN=$(curl -s http://127.0.0.1:39525/login)"
    if found:
        screen.found(Failure("main", f"It broke at {SHOW}", "because", [CURL]))
    gate = Gate(api, FuzzSettings(), probed, api.operations)
    page.write(directory, gate, Runs(probed, main), found, screen, 1.5)
    return (directory / page.PAGE).read_text()


@pytest.fixture
def shut(tmp_path: Path) -> str:
    return written(tmp_path, ["GET /books never answered 403"])


def row(text: str, where: str) -> str:
    (found, *_) = re.findall(rf"<tr><td class=\"op\">{re.escape(where)}.*?</tr>", text, re.S)
    return str(found)


def test_it_needs_nothing_beside_it(shut: str) -> None:
    assert not re.search(r"<(script|link|img)|src=|url\(|@import", shut)


def test_it_says_why_the_gate_is_shut_and_what_opens_it(shut: str) -> None:
    assert "<li>GET /books never answered 403</li>" in shut
    assert "The gate opens when a run finds none" in shut


def test_an_open_gate_has_no_failures(tmp_path: Path) -> None:
    text = written(tmp_path, [])

    assert "the gate is open" in text
    assert "<h2>Failures</h2>" not in text


def test_a_failure_can_be_replayed_against_another_service(shut: str) -> None:
    assert "39525" not in shut
    assert "curl -X GET &#34;$BASE&#34;&#39;/books/1?a=&lt;b&gt;&#39;" in shut
    assert "TOKEN=$(curl -s &#34;$BASE&#34;/login)" in shut


def test_statuses_are_reached_missing_or_excused(shut: str) -> None:
    found = row(shut, SHOW)

    assert '<span class="chip">200' in found
    assert '<span class="chip no">401</span>' in found
    count = row(shut, "GET /books/count")
    assert '<span class="chip off">503</span>' in count


def test_parameters_checks_keywords_and_times_are_counted(shut: str) -> None:
    assert "path bookId" in shut
    assert "not a server error" in shut
    assert "invalid enum value" in shut
    assert "250 ms" in shut
