"""What the benchmark of requests writes down, and what its gate compares with."""

import json
from pathlib import Path

import pytest

from dev.bench import figures
from dev.bench.driver import GATED
from dev.bench.load import Measure

MEASURES = {
    GATED: {
        "limit": Measure(200, 5000, 3.0, 9.0),
        "charter": Measure(350, 2800, 5.0, 20.0),
        "fastify": Measure(250, 4000, 4.0, 10.0),
    }
}


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(figures, "FIGURES", tmp_path / "performance.json")
    monkeypatch.setattr(figures, "PLOT", tmp_path / "performance.svg")
    return tmp_path


def test_what_is_written_down_is_what_the_gate_compares_with(docs: Path) -> None:
    figures.write_down(MEASURES, "a machine", 1.754)

    assert figures.written_ratio() == 1.75
    assert json.loads((docs / "performance.json").read_text())["machine"] == "a machine"


def test_the_plot_has_a_bar_for_each_app_as_long_as_it_costs(docs: Path) -> None:
    figures.write_down(MEASURES, "a machine", 1.754)

    plot = (docs / "performance.svg").read_text()
    assert [f">{app}<" in plot for app in MEASURES[GATED]] == [True] * 3
    assert plot.count("µs</text>") == 3
    assert 'width="490"' in plot  # the longest bar
    assert 'width="280"' in plot  # 200 of 350


def test_the_repository_has_figures_for_the_gate() -> None:
    assert 1 < figures.written_ratio() < 10
