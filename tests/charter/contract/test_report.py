"""What is left of a run can be read by people and programs, and is red while the gate is shut."""

import json
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from charter.contract.gate import Run, Runs
from charter.contract.probes import Probed
from charter.contract.report import Failure, Screen, with_placeholder, write_junit, write_verdict
from tests.charter.contract.library import library

SUITE = """<testsuites><testsuite name="schemathesis">
<testcase name="GET /books"/></testsuite></testsuites>"""


def junit(directory: Path, found: list[str], probed: Probed) -> ElementTree.Element:
    (directory / "peers").mkdir()
    (directory / "peers" / "junit-1.xml").write_text(SUITE)
    write_junit(directory, library(), Runs(probed, peers=Run("peers", 0, {})), found)
    return ElementTree.parse(directory / "junit.xml").getroot()  # noqa: S314 - our own


def test_junit_is_red_while_the_gate_is_shut(tmp_path: Path) -> None:
    root = junit(tmp_path, ["GET /books never answered 403"], Probed())

    failures = [failure.get("message") for failure in root.iter("failure")]
    assert failures == ["GET /books never answered 403"]


def test_junit_is_green_when_the_gate_is_open(tmp_path: Path) -> None:
    root = junit(tmp_path, [], Probed())

    assert not list(root.iter("failure"))


def test_junit_holds_all_runs(tmp_path: Path) -> None:
    probed = Probed(findings=["GET /books answered HTML"])
    root = junit(tmp_path, list(probed.findings), probed)

    suites = {suite.get("name"): suite for suite in root.iter("testsuite")}
    assert suites.keys() == {"gate", "probes", "peers"}
    assert [failure.get("message") for failure in suites["probes"].iter("failure")] == (
        probed.findings
    )


def test_a_verdict_counts_requests_and_mocks(tmp_path: Path) -> None:
    probed = Probed(Counter({("GET /books", 200): 3}), mocked={"GET /books"})
    run = Run("main", 0, {}, Counter({("GET /books", 200): 4}))

    write_verdict(tmp_path, Runs(probed, run), [])

    said = json.loads((tmp_path / "verdict.json").read_text())
    assert said["open"]
    assert said["mocked"] == ["GET /books"]
    assert said["requests"] == {"probes": 3, "main": 4}


def test_a_curl_line_lets_the_shell_fill_the_token_in() -> None:
    line = with_placeholder("curl -X GET -H 'Authorization: $TOKEN' http://127.0.0.1/books")

    assert line == 'curl -X GET -H "Authorization: Bearer $TOKEN" http://127.0.0.1/books'


def test_how_to_get_a_token_is_said_with_the_first_curl_line_alone() -> None:
    screen = Screen()
    screen.replay = "TOKEN=$(curl ...)"

    with screen.console.capture() as captured:
        screen.found(Failure("main", "it broke", "because", ["curl /books"]))
        screen.found(Failure("main", "it broke again", "", ["curl /books"]))

    assert captured.get().count("TOKEN=$(curl ...)") == 1
    assert captured.get().count("FOUND") == 2
