"""Figures of the benchmark: as a table, and as `docs/performance.json` and its plot."""

import json
import math
from dataclasses import asdict
from pathlib import Path

from dev.bench.load import Measure

DOCS = Path(__file__).resolve().parents[3] / "docs"
FIGURES = DOCS / "performance.json"
PLOT = DOCS / "performance.svg"
COLOURS = {
    "limit": "#8a8f98", "charter": "#2458c5", "fastify": "#2f8f5b", "textbook": "#c9762b",
}  # fmt: skip
WIDTH, LABELS, BAR, GAP = 720, 150, 16, 14

Measures = dict[str, dict[str, Measure]]
"""By work, then by app."""


def table(measures: Measures) -> str:
    head = f"{'work':<22}{'app':<10}{'CPU µs':>9}{'ratio':>8}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}"
    lines = [head]
    for work, apps in measures.items():
        limit = apps["limit"].cpu_microseconds if "limit" in apps else math.nan
        for app, one in apps.items():
            lines.append(
                f"{work:<22}{app:<10}{one.cpu_microseconds:>9.0f}"
                f"{one.cpu_microseconds / limit:>8.2f}{one.requests_per_second:>9.0f}"
                f"{one.p50_milliseconds:>9.1f}{one.p99_milliseconds:>9.1f}"
            )
    return "\n".join(lines)


def write_down(measures: Measures, machine: str, ratio: float) -> None:
    """The figures, their plot, and the ratio with which the gate compares."""
    works = {
        work: {app: rounded(one) for app, one in apps.items()} for work, apps in measures.items()
    }
    FIGURES.write_text(
        json.dumps({"machine": machine, "gate": round(ratio, 2), "works": works}, indent=2) + "\n"
    )
    PLOT.write_text(plot(measures))


def rounded(one: Measure) -> dict[str, float]:
    return {name: round(figure, 1) for name, figure in asdict(one).items()}


def written_ratio() -> float:
    """Of Charter to the limit, taken as the gate takes it."""
    return float(json.loads(FIGURES.read_text())["gate"])


def plot(measures: Measures) -> str:
    """A bar for each app and work: the CPU time of a request."""
    most = max(one.cpu_microseconds for apps in measures.values() for one in apps.values())
    bars, y = [], 0
    for work, apps in measures.items():
        bars.append(f'<text x="0" y="{y + 13}" font-weight="bold">{work}</text>')
        y += BAR + 4
        for app, one in apps.items():
            length = (WIDTH - LABELS - 80) * one.cpu_microseconds / most
            bars += [
                f'<text x="12" y="{y + 12}">{app}</text>',
                f'<rect x="{LABELS}" y="{y}" width="{length:.0f}" height="{BAR - 3}"'
                f' fill="{COLOURS[app]}"/>',
                f'<text x="{LABELS + length + 6:.0f}" y="{y + 12}">'
                f"{one.cpu_microseconds:.0f} µs</text>",
            ]
            y += BAR
        y += GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}"'
        ' font-family="sans-serif" font-size="12" fill="#30343b">\n'
        "<title>CPU time per request</title>\n"
        f'<rect width="{WIDTH}" height="{y}" fill="#ffffff"/>\n' + "\n".join(bars) + "\n</svg>\n"
    )
