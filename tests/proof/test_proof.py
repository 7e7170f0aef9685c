"""The proof and the oracle find what is there, and nothing in a document that is kept."""

from pathlib import Path

import pytest

from generated.runtime import Contract
from scripts import oracle, proof
from scripts.codegen.document import Document
from scripts.mock.app import Mock

SPECS = proof.SPECS
TICTACTOE = "oai31-tictactoe.yaml"

pytestmark = pytest.mark.skipif(
    not SPECS.is_dir(), reason=f"the documents that nobody here wrote are not at {SPECS}"
)


def test_schemathesis_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert proof.main([TICTACTOE, "--max-examples", "2"]) == 0

    said = capsys.readouterr().out
    assert "3 operations" in said
    assert "nothing found" in said


def test_only_a_rule_of_the_document_explains_a_finding() -> None:
    document = proof.in_force(Document(SPECS / TICTACTOE).content)
    contract = Contract(document, body_limit=0, checked_share=0, broken=print)

    any_token = {"ST401", "API accepts invalid authentication"}
    assert proof.explanation(contract, "GET /board", any_token) is not None
    without_one = {"ST401", "API accepts requests without authentication"}
    assert proof.explanation(contract, "GET /board", without_one) is None
    assert proof.explanation(contract, "GET /board", {"ST201"}) is None


def test_the_oracle_agrees_or_the_difference_is_explained(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert oracle.main(["oai-petstore.yaml", "--max-examples", "5"]) == 0

    assert "differences" in capsys.readouterr().out


def test_a_difference_that_nobody_has_explained_is_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mock that took everything would differ where the oracle refuses."""

    async def take(self: Mock, *arguments: object) -> dict[object, object]:
        return {}

    monkeypatch.setattr(oracle.Witness, "read", take)

    assert oracle.main(["oai-petstore.yaml", "--max-examples", "5"]) == 1

    assert "only the oracle refuses" in capsys.readouterr().out
