"""What the two programs that plant mistakes make of their results."""

import sqlite3
from pathlib import Path

import pytest

from dev.mutants import PAGE, Noticed, why_not_planted, with_table
from dev.mutation import SESSION, concerned, conclude


def test_the_page_gets_the_result_in_the_place_of_the_one_before() -> None:
    found = {
        "a_row_is_lost": Noticed("probes", "GET /items shows other rows", 3),
        "a_session_lives_on": Noticed("", "", 9),
    }

    page = with_table(PAGE.read_text(), found)

    assert "1 of 2 are noticed, 1 of them by the probes alone" in page
    assert "| a row is lost | probes | GET /items shows other rows |\n" in page
    assert "| a session lives on | nothing |  |\n" in page
    assert page.count("| planted | noticed by |") == 1
    assert with_table(page, found) == page


def test_a_defect_that_asks_for_what_is_no_longer_there_is_not_planted(tmp_path: Path) -> None:
    log = tmp_path / "main" / "service.log"
    log.parent.mkdir()
    error = "AttributeError: 'ItemRepository' object has no attribute 'find'"
    log.write_text('{"exception": "File \\"impl/services/items.py\\"\\n' + error + '"}\n')
    assert why_not_planted(tmp_path) == ""

    log.write_text('{"exception": "File \\"tests/contract/defects/a.py\\"\\n' + error + '"}\n')

    assert why_not_planted(tmp_path) == error


def test_the_tests_that_name_a_module_most_often_come_first(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "api"
    folder.mkdir(parents=True)
    (folder / "test_users.py").write_text("user item")
    (folder / "test_items.py").write_text("item item")
    (folder / "test_health.py").write_text("live")

    assert concerned(tmp_path, ["items"]) == ["tests/api/test_items.py", "tests/api/test_users.py"]


@pytest.mark.parametrize(("survived", "code"), [(1, 0), (2, 1)])
def test_nine_mutants_in_ten_have_to_be_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], survived: int, code: int
) -> None:
    with sqlite3.connect(tmp_path / SESSION) as session:
        session.execute("CREATE TABLE mutation_specs (job_id, module_path, operator_name)")
        session.execute("CREATE TABLE work_results (job_id, test_outcome, diff)")
        for job in range(10):
            outcome = "SURVIVED" if job < survived else "KILLED"
            session.execute("INSERT INTO mutation_specs VALUES (?, 'impl/a.py', 'AddNot')", [job])
            session.execute("INSERT INTO work_results VALUES (?, ?, '+not')", [job, outcome])

    assert conclude(tmp_path) == code
    assert f"{10 - survived} of 10 mutants were noticed." in capsys.readouterr().out
