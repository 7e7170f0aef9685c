"""The command that measures what documents cost."""

import re
import subprocess
import sys
from pathlib import Path

from tests.data import ROOT

DOCUMENT = ROOT / "tests" / "charter" / "generate" / "notes.yaml"


def test_a_document_that_is_served_whole_has_a_row_of_figures(tmp_path: Path) -> None:
    page = tmp_path / "benchmark.md"

    subprocess.run(
        [
            *(sys.executable, "-m", "dev.bench.documents", "--no-peers", "--no-scaling"),
            *("--document", str(DOCUMENT), "--output", str(page)),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )

    row = r"\| notes\.yaml \| \d+( \| \d+\.\d){3} \| \d+ / \d+ \|\n\| \*\*served whole\*\* \|"
    assert re.search(row, page.read_text())
    assert "**1 of 1**" in page.read_text()
