"""A short run of what `charter fuzz` does at length."""

from pathlib import Path

from charter.contract.fuzz import Attempt


def test_the_running_service_keeps_the_document(tmp_path: Path) -> None:
    attempt = Attempt(seed=1, app="impl.app:create_app", environment={}, reports=tmp_path)

    run = attempt.main(examples=3)

    assert list(run.failures()) == []
    assert run.statuses.total() > 500


def test_a_planted_defect_is_noticed(tmp_path: Path) -> None:
    defect = {"DEFECT": "a_stranger_reads_an_item"}
    attempt = Attempt(1, "tests.contract.defects:create_app", defect, tmp_path)

    run = attempt.main(3, "--max-failures", "1")

    assert list(run.failures()) != []
