"""The gate opens for a run that found nothing because there was nothing, and for no other."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from charter.contract.api import label
from charter.contract.gate import Gate, Run, provokes, tally
from charter.contract.probes import Probed
from charter.contract.settings import FuzzSettings
from tests.charter.contract.library import closed, library, operation

SHOW = "GET /books/{bookId}"
LINK = "POST /books -> [201] show"


@dataclass
class Runs:
    """What the gate judges."""

    probed: Probed
    main: Run
    stateful: Run
    peers: Run
    settings: FuzzSettings

    def verdict(self) -> list[str]:
        gate = Gate(library(), self.settings, self.probed, library().operations)
        return gate.verdict(self.main, self.stateful, self.peers)


def run(name: str) -> Run:
    """One without findings, in which nearly everything was accepted."""
    labels = list(map(label, library().operations))
    rates = {"accepted": 90, "rejected": 10, "conflicts": 0, "unreachable": 0}
    summary: dict[str, Any] = {
        "failures": [],
        "errors": [],
        "warnings": {"missing_auth": []},
        "valid_rates": {where: {"fuzzing": dict(rates)} for where in labels},
    }
    return Run(name, 0, summary, Counter({(where, 200): 1000 for where in labels}))


@pytest.fixture
def runs() -> Runs:
    """Perfect ones: every status was seen that a client can provoke."""
    probed = Probed(implemented=set(map(label, library().operations)))
    made = Runs(probed, run("main"), run("stateful"), run("peers"), FuzzSettings())
    gate = Gate(library(), made.settings, probed, library().operations)
    for one in library().operations:
        for status in one.response_specs:
            if gate.can_see(one, status):
                made.main.statuses[label(one), status] += 1
    made.stateful.links_followed.add(f"{LINK} -> anywhere")
    return made


def test_the_gate_opens_for_perfect_runs(runs: Runs) -> None:
    assert runs.verdict() == []


def fail(runs: Runs) -> None:
    failure = {"code": "ST108", "title": "Response violates schema", "operations": [SHOW]}
    runs.main.summary["failures"].append(failure)


def warn(runs: Runs) -> None:
    runs.main.summary["warnings"]["missing_auth"].append(SHOW)


def err(runs: Runs) -> None:
    runs.stateful.summary["errors"].append("it broke")


def end_with_an_exit_code(runs: Runs) -> None:
    runs.stateful.exit_code = 2


def refuse_one_operation(runs: Runs) -> None:
    runs.main.summary["valid_rates"][SHOW]["fuzzing"].update(accepted=49, rejected=51)


def refuse_a_third_of_everything(runs: Runs) -> None:
    for phases in runs.main.summary["valid_rates"].values():
        phases["fuzzing"].update(accepted=69, rejected=31)


def lose_the_token(runs: Runs) -> None:
    runs.stateful.with_token.update({200: 800, 401: 100})


def refuse_the_peers(runs: Runs) -> None:
    runs.peers.with_token.update({200: 100, 401: 400})


def probe_something(runs: Runs) -> None:
    runs.probed.findings.append(f"{SHOW} answered HTML")


def leave_a_declared_link(runs: Runs) -> None:
    runs.stateful.links_followed.clear()


def be_slow(runs: Runs) -> None:
    runs.main.seconds |= {SHOW: [6.0, 7.0, 8.0], "GET /books": [0.1], "POST /books": [0.2]}


def never_see_a_status(runs: Runs) -> None:
    seen = runs.main.statuses
    runs.main.statuses = Counter({key: n for key, n in seen.items() if key[1] != 412})


def never_see_a_refusal(runs: Runs) -> None:
    del runs.main.statuses["GET /books/count", 403]


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (fail, "main: ST108"),
        (warn, f"main: warning missing_auth at {SHOW}"),
        (err, "stateful: error: it broke"),
        (end_with_an_exit_code, "exit code 2"),
        (refuse_one_operation, f"{SHOW} accepted only 49%"),
        (refuse_a_third_of_everything, "only 69% of valid requests"),
        (lose_the_token, "stateful: 11% of all tokens were refused"),
        (refuse_the_peers, "peers: 80% of all tokens were refused"),
        (probe_something, f"{SHOW} answered HTML"),
        (leave_a_declared_link, f"{LINK} was never followed"),
        (be_slow, f"{SHOW} takes 7.0 s"),
        (never_see_a_status, "PATCH /books/{bookId} never answered 412"),
        (never_see_a_refusal, "GET /books/count never answered 403"),
    ],
)
def test_the_gate_stays_shut(runs: Runs, spoil: Callable[[Runs], None], finding: str) -> None:
    spoil(runs)

    assert any(finding in found for found in runs.verdict())


@pytest.mark.parametrize(
    ("statuses", "objection"),
    [
        ({200: 90, 401: 10}, None),
        ({200: 40, 401: 60}, "60% of its tokens were refused, as if logged out."),
        ({200: 40, 429: 60}, "60 of 100 requests were answered 429"),
    ],
)
def test_a_run_that_was_not_heard_is_no_run(
    statuses: dict[int, int], objection: str | None
) -> None:
    answers = Counter({(SHOW, status): count for status, count in statuses.items()})
    found = Run("main", 0, {}, answers, with_token=Counter(statuses)).objection()

    assert (objection in found) if objection and found else (found == objection)


def test_a_slow_machine_does_not_shut_the_gate(runs: Runs) -> None:
    runs.main.seconds |= {where: [6.0, 7.0] for where in map(label, library().operations)}

    assert runs.verdict() == []


@pytest.mark.parametrize(
    ("name", "status", "is_provoked"),
    [
        ("count", 401, True),
        ("count", 403, True),
        ("count", 422, True),
        ("count", 404, False),  # it takes nothing that could name what isn't there
        ("show", 304, True),
        ("show", 404, True),
        ("hours", 200, True),
    ],
)
def test_a_status_is_asked_for_where_a_client_can_provoke_it(
    name: str, status: int, is_provoked: bool
) -> None:
    assert provokes(library(), operation(name), status) == is_provoked


def test_what_a_login_refuses_says_nothing_of_the_token_that_came_with_it() -> None:
    login, secured = answered_401("POST /tokens"), answered_401("GET /books")
    seen = Run("peers", 0, {}, secured={"GET /books"})

    seen.count(login)
    assert seen.unauthenticated == 0

    seen.count(secured)
    assert seen.unauthenticated == 1


def answered_401(where: str) -> dict[str, Any]:
    """A scenario of one request with a token."""
    method, _, path = where.partition(" ")
    interaction = {
        "request": {"headers": {"Authorization": ["Bearer token"]}},
        "response": {"status_code": 401},
    }
    recorder = {
        "cases": {"1": {"value": {"method": method, "path": path}}},
        "interactions": {"1": interaction},
    }
    return {"recorder": recorder}


def test_whoever_has_no_certificate_is_only_refused() -> None:
    api = closed()
    vault = api.contract.operations["open"]

    assert [status for status in (200, 401, 404) if provokes(api, vault, status)] == [401]
    assert tally(Probed(closed={"GET /vault"})).endswith(
        "1 closed to callers without a certificate"
    )


def test_an_outage_is_not_asked_for(runs: Runs) -> None:
    gate = Gate(library(), FuzzSettings(), runs.probed, ())

    assert not gate.can_see(operation("count"), 503)


def test_a_status_for_which_there_is_a_reason_is_not_asked_for(runs: Runs) -> None:
    never_see_a_status(runs)
    runs.settings = FuzzSettings(unprovoked={"mend 412": "one writer"})

    assert runs.verdict() == []


def test_what_only_a_real_service_can_give_is_not_asked_of_a_mock(runs: Runs) -> None:
    mocked = {"PATCH /books/{bookId}", SHOW}
    runs.probed.implemented -= mocked
    runs.probed.mocked |= mocked

    never_see_a_status(runs)  # 412
    leave_a_declared_link(runs)
    del runs.main.statuses[SHOW, 404]

    assert runs.verdict() == []
    assert tally(runs.probed) == "8 implemented, 2 mocked"


def test_a_mock_is_asked_for_its_first_success_and_what_generated_code_refuses(runs: Runs) -> None:
    runs.probed.mocked.add("GET /books")
    for each in (runs.main, runs.stateful, runs.peers):
        for status in (200, 401, 403, 422):
            del each.statuses["GET /books", status]

    assert runs.verdict() == [f"GET /books never answered {status}" for status in (200, 401, 422)]
