"""A short run of what `charter fuzz` does at length."""

from pathlib import Path

import pytest

from charter.contract.api import label
from charter.contract.fuzz import Attempt, Choice
from charter.contract.gate import Gate
from tests.charter.command_line import takes_a_minute


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    return Attempt(seed=1, reports=tmp_path)


def broken(attempt: Attempt, defect: str) -> Attempt:
    attempt.app = "tests.contract.defects:create_app"
    attempt.environment = {"DEFECT": defect}
    return attempt


def test_the_running_service_keeps_the_document(attempt: Attempt) -> None:
    probed, run = attempt.probe(), attempt.main(examples=3)

    assert probed.findings == []
    assert len(probed.implemented) == len(attempt.api.operations)
    declared = {
        f"{label(operation)} -> {name}"
        for operation in attempt.api.operations
        for name in attempt.api.links(operation)
    }
    assert probed.links == declared
    assert list(run.failures()) == []
    assert run.requests > 500
    gate = Gate(attempt.api, attempt.settings, probed, attempt.api.operations)
    unseen = set(gate.unseen_statuses([run]))
    assert not {status for _, status in unseen} & {401, 403, 422}


@takes_a_minute
def test_two_peers_see_nothing_of_each_other(attempt: Attempt) -> None:
    run = attempt.peers(examples=3)

    assert run is not None
    assert list(run.findings()) == []


def test_a_planted_defect_is_noticed_by_the_probes(attempt: Attempt) -> None:
    attempt.choose(Choice(operations=["createItem"]))

    probed = broken(attempt, "a_stranger_reads_an_item").probe()

    assert "GET /items/{item_id} answered 200 to somebody else" in probed.findings


def test_a_planted_defect_is_noticed_by_the_checks(attempt: Attempt) -> None:
    attempt.choose(Choice(operations=["createItem"]))

    run = broken(attempt, "a_member_of_a_new_item_is_lost").main(3, "--max-failures", "1")

    assert "what_was_written_is_read" in "".join(run.failures())


@pytest.mark.parametrize(
    ("operation", "defect", "finding"),
    [
        (
            "getMe",
            "a_name_of_ones_own_can_not_be_removed",
            "PATCH /users/me kept full_name, which was set to null",
        ),
        (
            "createToken",
            "a_token_says_that_it_is_good_for_longer",
            "POST /auth/token answered another expires_in than its token has",
        ),
        (
            "watchItems",
            "a_stream_forgets_what_was_deleted",
            "GET /items/changes does not tell what was deleted",
        ),
        (
            "watchItems",
            "a_stream_tells_everybodys_changes",
            "GET /items/changes tells somebody else what has happened",
        ),
    ],
)
def test_a_planted_defect_is_noticed_by_the_probes_of_one_operation(
    attempt: Attempt, operation: str, defect: str, finding: str
) -> None:
    attempt.choose(Choice(operations=[operation]))

    assert finding in broken(attempt, defect).probe().findings


@pytest.mark.parametrize("defect", ["a_page_is_cut_from_all_rows", "items_have_no_index"])
def test_a_list_that_reads_more_as_it_grows_is_noticed(attempt: Attempt, defect: str) -> None:
    attempt.choose(Choice(operations=["listItems"]))

    probed = broken(attempt, defect).probe()

    assert probed.findings == ["GET /items reads more rows for a page, the more there are"]
